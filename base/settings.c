/* SPDX-License-Identifier: Apache-2.0 */
#include "base/settings.h"
#include "base/doc.h"
#include "base/text.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The state of one load. */
struct load {
    const char *file;
    struct str folder;
    const struct setting *table;
    size_t n;
    struct arena *a;
    struct buf *errors;
    struct err *e;
    bool bad;
};

/* Record one mistake: the first in e, each in errors. */
static void complain(struct load *l, const struct doc *d, const char *text)
{
    struct err one = { 0 };
    char line[ERR_TEXT_BYTES + 256];
    doc_error(d, l->file, RC_INVALID, &one, "%s", text);
    err_format(&one, line, sizeof line);
    if (l->errors) buf_printf(l->errors, "%s\n", line);
    if (!l->bad && l->e) *l->e = one;
    l->bad = true;
}

static bool put_path(struct load *l, struct str text, const char **out)
{
    if (text.n && text.p[0] != '/' && l->folder.n)
        text = arena_printf(l->a, "%.*s/%.*s", STR_ARG(l->folder), STR_ARG(text));
    return (*out = arena_strz(l->a, text)) != NULL;
}

static bool put_list(struct load *l, const struct setting *s, const struct doc *d, void *at)
{
    size_t n = 0, i = 0;
    for (const struct doc *c = d->first; c; c = c->next) n++;
    const char **items = ARENA_ARRAY(l->a, const char *, n + 1);
    for (const struct doc *c = d->first; items && c; c = c->next, i++) {
        if (c->kind != DOC_SCALAR) {
            complain(l, c, "expected a text");
            return true;
        }
        if (s->min == 1 ? !put_path(l, c->text, &items[i]) : !(items[i] = arena_strz(l->a, c->text))) return false;
    }
    *(struct setting_list *)at = (struct setting_list){ items, n };
    return items != NULL;
}

static const char *range_text(const struct setting *s, char out[96])
{
    snprintf(out, 96, "expected %s from %" PRId64 " to %" PRId64,
             s->kind == SET_SECONDS ? "a time in seconds (\"2m\", \"90s\")" : "a number", s->min, s->max);
    return out;
}

static bool put_word(struct load *l, const struct setting *s, const struct doc *d, void *at)
{
    struct buf b;
    for (int i = 0; s->words[i]; i++)
        if (str_is(d->text, s->words[i])) {
            *(int *)at = i;
            return true;
        }
    buf_init(&b, 1024);
    buf_putz(&b, "expected one of:");
    for (int i = 0; s->words[i]; i++) buf_printf(&b, " %s", s->words[i]);
    complain(l, d, buf_z(&b));
    buf_finish(&b);
    return true;
}

/* The value of one setting. @return false only when out of memory */
static bool put(struct load *l, const struct setting *s, const struct doc *d, void *out)
{
    void *at = (char *)out + s->offset;
    char text[96];
    int64_t i = 0;
    uint64_t u = 0;

    if (s->kind == SET_LIST) {
        if (d->kind == DOC_LIST) return put_list(l, s, d, at);
        complain(l, d, "expected a list");
        return true;
    }
    if (d->kind != DOC_SCALAR) {
        complain(l, d, "expected a single value");
        return true;
    }
    switch (s->kind) {
    case SET_TEXT: return (*(const char **)at = arena_strz(l->a, d->text)) != NULL;
    case SET_PATH: return put_path(l, d->text, at);
    case SET_BOOL:
        if (!doc_bool(d, at)) complain(l, d, "expected true or false");
        break;
    case SET_UINT:
        if (!doc_i64(d, &i) || i < s->min || i > s->max)
            complain(l, d, range_text(s, text));
        else
            *(unsigned *)at = (unsigned)i;
        break;
    case SET_PORT:
        if (!doc_i64(d, &i) || i < 0 || i > 65535)
            complain(l, d, "expected a port from 0 to 65535 (0 = any free one)");
        else
            *(uint16_t *)at = (uint16_t)i;
        break;
    case SET_BYTES:
        if (!text_size_parse(d->text, &u))
            complain(l, d, "expected an amount of bytes, as \"64Ki\", \"16Mi\", \"4Gi\" or a number");
        else
            *(uint64_t *)at = u;
        break;
    case SET_SECONDS:
        if (!text_duration_parse(d->text, &i) || i / 1000 < s->min || i / 1000 > s->max)
            complain(l, d, range_text(s, text));
        else
            *(unsigned *)at = (unsigned)(i / 1000);
        break;
    case SET_MS:
        if (!text_duration_parse(d->text, &i) || i < 0)
            complain(l, d, "expected a time, as \"90s\", \"10m\", \"24h\" or \"30d\"");
        else
            *(int64_t *)at = i;
        break;
    case SET_WORD: return put_word(l, s, d, at);
    case SET_LIST: break;
    }
    return true;
}

static const struct setting *find(const struct load *l, struct str name, bool *is_section)
{
    *is_section = false;
    for (size_t i = 0; i < l->n; i++) {
        struct str s = str_of(l->table[i].name);
        if (str_eq(s, name)) return &l->table[i];
        if (s.n > name.n && s.p[name.n] == '.' && str_starts(s, name)) *is_section = true;
    }
    return NULL;
}

/* Walk a map. A section's name is followed by a dot in the table's names. */
static bool walk(struct load *l, const struct doc *map, struct str prefix, void *out, const struct doc **seen)
{
    for (const struct doc *d = map->first; d; d = d->next) {
        bool is_section;
        struct str name = prefix.n ? arena_printf(l->a, "%.*s.%.*s", STR_ARG(prefix), STR_ARG(d->key)) : d->key;
        if (!name.p) return false;
        const struct setting *s = find(l, name, &is_section);
        if (s) {
            seen[s - l->table] = d;
            if (d->kind != DOC_NULL && !put(l, s, d, out)) return false;
        } else if (is_section && d->kind == DOC_MAP) {
            if (!walk(l, d, name, out, seen)) return false;
        } else if (!(is_section && d->kind == DOC_NULL)) {
            complain(l, d, is_section ? "expected settings below this name" : "there is no such setting");
        }
    }
    return true;
}

enum rc settings_defaults(const struct setting *table, size_t n, void *out, struct arena *a)
{
    struct load l = { "(default)", { 0 }, table, n, a, NULL, NULL, false };
    for (size_t i = 0; i < n; i++) {
        struct doc d = { .kind = DOC_SCALAR, .text = str_of(table[i].standard) };
        if (table[i].standard && table[i].kind != SET_LIST && !put(&l, &table[i], &d, out)) return RC_NOMEM;
    }
    return l.bad ? RC_INTERNAL : RC_OK;
}

enum rc settings_load(const char *file, const struct setting *table, size_t n, void *out, struct arena *a,
                      struct buf *errors, struct err *e)
{
    struct err first = { 0 };
    const char *slash = strrchr(file, '/');
    struct load l = { file, { file, slash ? (size_t)(slash - file) : 0 }, table, n, a, errors, e, false };
    struct doc *d = NULL;
    char line[ERR_TEXT_BYTES + 256];
    const struct doc **seen = ARENA_ARRAY(a, const struct doc *, n);
    enum rc rc = seen ? settings_defaults(table, n, out, a) : RC_NOMEM;

    if (!rc) rc = doc_load(file, a, &d, &first);
    if (rc) {
        err_set(&first, rc, "%s", rc_text(rc));
        if (errors) buf_printf(errors, "%s\n", err_format(&first, line, sizeof line));
        if (e) *e = first;
        return rc;
    }
    if (d->kind == DOC_MAP) {
        if (!walk(&l, d, (struct str){ 0 }, out, seen)) return err_set(e, RC_NOMEM, "%s: needs too much memory", file);
    } else if (d->kind != DOC_NULL) {
        complain(&l, d, "expected settings as \"name: value\"");
    }
    for (size_t i = 0; i < n; i++)
        if (table[i].required && !seen[i]) {
            snprintf(line, sizeof line, "the setting \"%s\" is missing: %s", table[i].name, table[i].help);
            complain(&l, d, line);
        }
    return l.bad ? RC_INVALID : RC_OK;
}

void settings_help(const struct setting *table, size_t n, struct buf *out)
{
    static const char *const kind[] = { "text",  "path",    "true/false", "number", "port",
                                        "bytes", "seconds", "time",       "word",   "list" };
    struct str section = { 0 };
    for (size_t i = 0; i < n; i++) {
        struct str name = str_of(table[i].name), here = { 0 };
        size_t dot = str_find(name, '.', 0);
        if (dot < name.n) here = str_slice(name, 0, dot);
        if (here.n && !str_eq(here, section)) buf_printf(out, "%.*s:\n", STR_ARG(here));
        section = here;
        const char *indent = here.n ? "  " : "";
        struct str leaf = here.n ? str_slice(name, dot + 1, name.n) : name;
        buf_printf(out, "%s# %s (%s", indent, table[i].help, kind[table[i].kind]);
        for (int w = 0; table[i].kind == SET_WORD && table[i].words[w]; w++)
            buf_printf(out, "%s%s", w ? ", " : ": ", table[i].words[w]);
        if (table[i].kind == SET_UINT || table[i].kind == SET_SECONDS)
            buf_printf(out, ", %" PRId64 " to %" PRId64, table[i].min, table[i].max);
        buf_printf(out, "%s)\n", table[i].required ? ", required" : "");
        buf_printf(out, "%s%s%.*s: %s\n", indent, table[i].standard ? "" : "#", STR_ARG(leaf),
                   table[i].standard ? table[i].standard : "");
    }
}
