/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a layout file (x-virmo-1.0.yaml describes the form at its top). */
#include "base/doc.h"
#include "ddf/layout/layout_int.h"
#include "ddf/schema.h"
#include "ddf/uri.h"
#include <limits.h>

/* For the temporary document, not for the layout. */
enum { LAYOUT_DOC_BYTES = 64 << 20 };

struct layout_loader {
    const char *name;
    struct arena *a;
    struct ddf_layout *l;
    struct ddf_layout_index *index;
    struct layout_lack *lack;
    size_t n_lack;
    struct err *e;
};

static const char *const scope_names[DDF_SCOPE_COUNT] = { "device", "vm", "image" };

static const char *const kind_names[DDF_KIND_COUNT] = {
    [DDF_K_TEXT] = "text", [DDF_K_INT] = "int",   [DDF_K_BOOL] = "bool",       [DDF_K_ENUM] = "enum",
    [DDF_K_KIB] = "kib",   [DDF_K_KBPS] = "kbps", [DDF_K_SECONDS] = "seconds", [DDF_K_PERCENT] = "percent",
    [DDF_K_TIME] = "time", [DDF_K_LIST] = "list", [DDF_K_IMAGE] = "image",     [DDF_K_NONE] = "none",
};

static const char *const change_names[DDF_CHANGE_COUNT] = {
    [DDF_C_NEVER] = "never",     [DDF_C_LIVE] = "live",       [DDF_C_APPLY] = "apply",
    [DDF_C_STOPPED] = "stopped", [DDF_C_DEFINED] = "defined", [DDF_C_UPGRADE] = "upgrade",
};

static const char *const health_names[DDF_HEALTH_COUNT] = {
    [DDF_H_NONE] = "none",
    [DDF_H_OK] = "ok",
    [DDF_H_FAILED] = "failed",
};

/* The sections "settings", "facts" and "kpis", and the keys that each allows. */
enum part { SETTINGS, FACTS, KPIS, PARTS };
static const struct {
    const char *name;
    const char *keys;
} parts[PARTS] = {
    [SETTINGS] = { "settings",
                   " role path format kind change words wordRoles unit label failClosed onlyGrows safest default " },
    [FACTS] = { "facts", " role path format words wordRoles unit label with remove " },
    [KPIS] = { "kpis", " path format words unit label counter " },
};

static enum rc no_memory(struct layout_loader *b)
{
    return err_set(b->e, RC_NOMEM, "%s: the layout does not fit into the memory given to it", b->name);
}

/* ---- helpers ---- */

static enum rc is_map(struct layout_loader *b, const struct doc *d)
{
    return d->kind == DOC_MAP ? RC_OK : doc_error(d, b->name, RC_INVALID, b->e, "must be a map");
}

/* Is every key of the map one of `keys` (" a b c ")? */
static enum rc known_keys(struct layout_loader *b, const struct doc *d, const char *keys)
{
    enum rc rc = is_map(b, d);
    for (const struct doc *c = rc ? NULL : d->first; !rc && c; c = c->next) {
        struct str rest = str_of(keys), word;
        bool known = false;
        while (!known && str_cut(&rest, ' ', &word)) known = word.n && str_eq(word, c->key);
        if (!known) rc = doc_error(c, b->name, RC_INVALID, b->e, "unknown key; known here are:%s", keys);
    }
    return rc;
}

static enum rc copy(struct layout_loader *b, struct str s, struct str *out)
{
    return arena_str(b->a, s, out) ? RC_OK : no_memory(b);
}

/* Copy a scalar's text. Missing: {0}, or an error when `needed`. */
static enum rc get_text(struct layout_loader *b, const struct doc *map, const char *key, bool needed, struct str *out)
{
    const struct doc *d = doc_get(map, key);
    *out = (struct str){ 0 };
    if (!d) return needed ? doc_error(map, b->name, RC_INVALID, b->e, "\"%s\" is missing", key) : RC_OK;
    if (d->kind != DOC_SCALAR) return doc_error(d, b->name, RC_INVALID, b->e, "must be a text");
    return copy(b, d->text, out);
}

static enum rc get_flag(struct layout_loader *b, const struct doc *map, const char *key, bool missing, bool *out)
{
    const struct doc *d = doc_get(map, key);
    *out = missing;
    return !d || doc_bool(d, out) ? RC_OK : doc_error(d, b->name, RC_INVALID, b->e, "must be true or false");
}

static bool to_int(struct str s, int *out)
{
    int64_t v;
    if (!str_to_i64(s, &v) || v < INT_MIN || v > INT_MAX) return false;
    *out = (int)v;
    return true;
}

static enum rc get_int(struct layout_loader *b, const struct doc *map, const char *key, int missing, int *out)
{
    const struct doc *d = doc_get(map, key);
    *out = missing;
    return !d || (d->kind == DOC_SCALAR && to_int(d->text, out))
               ? RC_OK
               : doc_error(d, b->name, RC_INVALID, b->e, "must be a whole number");
}

/* Parse "1250-1299", or one number for both. */
static bool to_band(struct str s, int *first, int *last)
{
    size_t dash = str_find(s, '-', 1);
    if (dash >= s.n) return to_int(s, first) && (*last = *first, true);
    return to_int(str_slice(s, 0, dash), first) && to_int(str_slice(s, dash + 1, s.n), last) && *first < *last;
}

static enum rc get_name_of(struct layout_loader *b, const struct doc *map, const char *key, const char *const *names,
                           size_t n, unsigned missing, unsigned *out)
{
    const struct doc *d = doc_get(map, key);
    struct buf list;
    enum rc rc;
    *out = missing;
    if (!d) return RC_OK;
    for (size_t i = 0; i < n; i++) {
        if (d->kind == DOC_SCALAR && str_is(d->text, names[i])) {
            *out = (unsigned)i;
            return RC_OK;
        }
    }
    buf_init(&list, 400);
    for (size_t i = 0; i < n; i++) buf_printf(&list, " %s", names[i]);
    rc = doc_error(d, b->name, RC_INVALID, b->e, "must be one of:%s", buf_z(&list));
    buf_finish(&list);
    return rc;
}

static size_t count(const struct doc *d)
{
    size_t n = 0;
    for (const struct doc *c = d ? d->first : NULL; c; c = c->next) n++;
    return n;
}

/* --- roles ---------------------------------------------------------------------------------------------------- */

static enum rc no_role(struct layout_loader *b, const struct doc *d, enum layout_player kind, enum ddf_scope scope)
{
    struct buf list;
    buf_init(&list, 2000);
    layout_role(kind, scope, (struct str){ 0 }, &list);
    enum rc rc = doc_error(d, b->name, RC_INVALID, b->e, "is not a role; possible are:%s", buf_z(&list));
    buf_finish(&list);
    return rc;
}

static enum rc read_role(struct layout_loader *b, const struct doc *map, enum layout_player kind, enum ddf_scope scope,
                         struct str *out)
{
    enum rc rc = get_text(b, map, "role", false, out);
    if (rc || !doc_get(map, "role") || layout_role(kind, scope, *out, NULL)) return rc;
    return no_role(b, doc_get(map, "role"), kind, scope);
}

/* Read the roles that the object lacks, in one section of the file. */
static enum rc read_without(struct layout_loader *b, const struct doc *map, unsigned scope)
{
    const struct doc *d = doc_get(map, "without");
    enum rc rc = RC_OK;
    if (!d) return RC_OK;
    if (d->kind != DOC_LIST) return doc_error(d, b->name, RC_INVALID, b->e, "must be a list of roles");
    struct layout_lack *all = ARENA_ARRAY(b->a, struct layout_lack, b->n_lack + count(d));
    if (!all) return no_memory(b);
    for (size_t i = 0; i < b->n_lack; i++) all[i] = b->lack[i];
    b->lack = all;
    for (const struct doc *c = d->first; !rc && c; c = c->next) {
        all[b->n_lack].scope = scope;
        rc = c->kind == DOC_SCALAR ? copy(b, c->text, &all[b->n_lack++].name)
                                   : doc_error(c, b->name, RC_INVALID, b->e, "must be a role");
    }
    return rc;
}

static enum rc find_roles(struct layout_loader *b, const struct doc *root)
{
    struct err why = { 0 };
    unsigned scope;
    enum rc rc = layout_roles(b->l, b->lack, b->n_lack, &scope, &why);
    if (rc != RC_INVALID) return rc;
    const struct doc *section = scope < DDF_SCOPE_COUNT ? doc_get(root, scope_names[scope]) : NULL;
    return doc_error(section ? section : root, b->name, rc, b->e, "%s", why.text);
}

/* --- codes, states, alerts ------------------------------------------------------------------------------------ */

/* {id, text}: the programs use the id and display the text. */
static enum rc read_reason(struct layout_loader *b, const struct doc *d, struct ddf_code *codes, size_t *n)
{
    struct ddf_code *code = &codes[*n];
    enum rc rc = known_keys(b, d, " id text ");
    if (!rc) rc = get_text(b, d, "id", true, &code->id);
    if (!rc) rc = get_text(b, d, "text", true, &code->text);
    for (size_t i = 0; !rc && i < *n; i++)
        if (str_eq(codes[i].id, code->id))
            rc = doc_error(doc_get(d, "id"), b->name, RC_INVALID, b->e, "this id is already taken");
    *n += !rc;
    return rc;
}

/* @param ids  each has an id beside its text */
static enum rc read_codes(struct layout_loader *b, const struct doc *root, const char *key, bool ids,
                          struct ddf_code **out, size_t *n)
{
    const struct doc *d = doc_get(root, key);
    struct ddf_code *codes;
    enum rc rc = RC_OK;
    if (!d) return RC_OK;
    if ((rc = is_map(b, d))) return rc;
    if (!(codes = ARENA_ARRAY(b->a, struct ddf_code, count(d)))) return no_memory(b);
    for (const struct doc *c = d->first; !rc && c; c = c->next) {
        if (!to_band(c->key, &codes[*n].code, &codes[*n].last))
            rc = doc_error(c, b->name, RC_INVALID, b->e, "the key must be a number or first-last");
        else if (ids)
            rc = read_reason(b, c, codes, n);
        else if (c->kind != DOC_SCALAR || !c->text.n)
            rc = doc_error(c, b->name, RC_INVALID, b->e, "must be a text that says what the code means");
        else
            rc = copy(b, c->text, &codes[(*n)++].text);
    }
    *out = codes;
    return rc;
}

static enum rc read_states(struct layout_loader *b, const struct doc *root)
{
    const struct doc *d = doc_get(root, "states");
    enum rc rc;
    if (!d) return doc_error(root, b->name, RC_INVALID, b->e, "\"states\" is missing");
    if ((rc = is_map(b, d))) return rc;
    if (!(b->l->states = ARENA_ARRAY(b->a, struct ddf_state, count(d)))) return no_memory(b);
    for (const struct doc *c = d->first; !rc && c; c = c->next) {
        struct ddf_state *s = &b->l->states[b->l->n_states];
        if (!to_int(c->key, &s->value))
            return doc_error(c, b->name, RC_INVALID, b->e, "the key must be the state's number");
        unsigned health = DDF_H_NONE;
        rc = known_keys(b, c, " name role label stable health ");
        if (!rc) rc = get_text(b, c, "name", true, &s->name);
        if (!rc) rc = read_role(b, c, LAYOUT_STATE, DDF_VM, &s->role);
        if (!rc) rc = get_text(b, c, "label", true, &s->label);
        if (!rc) rc = get_flag(b, c, "stable", false, &s->stable);
        if (!rc) rc = get_name_of(b, c, "health", health_names, DDF_HEALTH_COUNT, health, &health);
        s->health = (enum ddf_health)health;
        b->l->n_states += !rc;
    }
    return rc;
}

/* Read a state's number; the state must exist. */
static enum rc state_number(struct layout_loader *b, const struct doc *d, struct str text, int *out)
{
    if (!to_int(text, out) || !ddf_layout_state(b->l, *out))
        return doc_error(d, b->name, RC_INVALID, b->e, "\"%.*s\" is not a number from \"states\"", STR_ARG(text));
    return RC_OK;
}

static enum rc no_alert(struct layout_loader *b, const struct doc *d)
{
    struct buf list;
    buf_init(&list, 1000);
    layout_alert_kind((struct str){ 0 }, &list);
    enum rc rc = doc_error(d, b->name, RC_INVALID, b->e, "unknown alert; known are:%s", buf_z(&list));
    buf_finish(&list);
    return rc;
}

static enum rc read_alerts(struct layout_loader *b, const struct doc *root)
{
    const struct doc *d = doc_get(root, "alerts");
    size_t n = 0;
    enum rc rc = RC_OK;
    if (!d) return RC_OK;
    if ((rc = is_map(b, d))) return rc;
    for (const struct doc *c = d->first; c; c = c->next) n += count(c);
    if (!(b->l->alerts = ARENA_ARRAY(b->a, struct ddf_alert, n))) return no_memory(b);
    for (const struct doc *c = d->first; !rc && c; c = c->next) {
        const enum ddf_alert_kind kind = layout_alert_kind(c->key, NULL);
        struct str name;
        if (kind == DDF_ALERT_OTHER) return no_alert(b, c);
        if (c->kind != DOC_LIST || !c->first)
            return doc_error(c, b->name, RC_INVALID, b->e, "must be a list of alert types, the one to send first");
        rc = copy(b, c->key, &name);
        for (const struct doc *t = c->first; !rc && t; t = t->next) {
            struct ddf_alert *al = &b->l->alerts[b->l->n_alerts];
            al->kind = kind;
            al->name = name;
            if (t->kind != DOC_SCALAR)
                rc = doc_error(t, b->name, RC_INVALID, b->e, "must be an alert type");
            else if (ddf_layout_alert(b->l, t->text) != DDF_ALERT_OTHER)
                rc = doc_error(t, b->name, RC_INVALID, b->e, "this alert type is already in the list");
            else if (!(rc = copy(b, t->text, &al->type)))
                b->l->n_alerts++;
        }
    }
    return rc;
}

/* --- words ---------------------------------------------------------------------------------------------------- */

static enum rc words_of_codes(struct layout_loader *b, const struct ddf_code *codes, size_t n, struct ddf_entry *en)
{
    if (!(en->words = ARENA_ARRAY(b->a, struct ddf_word, n))) return no_memory(b);
    for (size_t i = 0; i < n; i++) {
        struct ddf_word *w = &en->words[en->n_words];
        if (codes[i].last != codes[i].code) continue;
        w->word = codes[i].text;
        w->wire = arena_printf(b->a, "%d", codes[i].code);
        if (!w->wire.p) return no_memory(b);
        en->n_words++;
    }
    return RC_OK;
}

static enum rc words_of_states(struct layout_loader *b, struct ddf_entry *en)
{
    if (!(en->words = ARENA_ARRAY(b->a, struct ddf_word, b->l->n_states))) return no_memory(b);
    for (size_t i = 0; i < b->l->n_states; i++) {
        en->words[i].word = b->l->states[i].name;
        en->words[i].wire = arena_printf(b->a, "%d", b->l->states[i].value);
        if (!en->words[i].wire.p) return no_memory(b);
    }
    en->n_words = b->l->n_states;
    return RC_OK;
}

/* The word of an operation is the name of its Exec target, as a device reports it. */
static enum rc words_of_operations(struct layout_loader *b, struct ddf_entry *en)
{
    if (!(en->words = ARENA_ARRAY(b->a, struct ddf_word, b->l->n_operations))) return no_memory(b);
    for (size_t i = 0; i < b->l->n_operations; i++) {
        const struct ddf_operation *op = &b->l->operations[i];
        if (op->scope == en->scope && !op->delete_node)
            en->words[en->n_words++] = (struct ddf_word){ op->name, ddf_uri_name(op->path) };
    }
    return RC_OK;
}

static enum rc read_named_words(struct layout_loader *b, const struct doc *d, struct ddf_entry *en)
{
    if (str_is(d->text, "states")) return words_of_states(b, en);
    if (str_is(d->text, "reasons")) return words_of_codes(b, b->l->reasons, b->l->n_reasons, en);
    if (str_is(d->text, "phases")) return words_of_codes(b, b->l->phases, b->l->n_phases, en);
    if (str_is(d->text, "operations")) return words_of_operations(b, en);
    return doc_error(d, b->name, RC_INVALID, b->e,
                     "must be a map, a list, or one of: states reasons phases operations");
}

/* Read {word: wire} or [word]. */
static enum rc read_word_list(struct layout_loader *b, const struct doc *d, struct ddf_word **out, size_t *n)
{
    struct ddf_word *words = ARENA_ARRAY(b->a, struct ddf_word, count(d));
    enum rc rc = RC_OK;
    if (!words) return no_memory(b);
    for (const struct doc *c = d->first; !rc && c; c = c->next) {
        struct ddf_word *w = &words[*n];
        if (c->kind != DOC_SCALAR) return doc_error(c, b->name, RC_INVALID, b->e, "must be a text");
        rc = copy(b, d->kind == DOC_MAP ? c->key : c->text, &w->word);
        if (!rc) rc = copy(b, c->text, &w->wire);
        *n += !rc;
    }
    *out = words;
    return rc;
}

static enum rc read_words(struct layout_loader *b, const struct doc *map, struct ddf_entry *en)
{
    const struct doc *d = doc_get(map, "words");
    if (!d)
        return en->kind != DDF_K_ENUM ? RC_OK : doc_error(map, b->name, RC_INVALID, b->e, "kind enum needs \"words\"");
    if (d->kind == DOC_SCALAR) return read_named_words(b, d, en);
    if (d->kind == DOC_NULL || !d->first) return doc_error(d, b->name, RC_INVALID, b->e, "must have at least one word");
    return read_word_list(b, d, &en->words, &en->n_words);
}

/* Read {role: one of the entry's words}. */
static enum rc read_word_roles(struct layout_loader *b, const struct doc *map, struct ddf_entry *en)
{
    const struct doc *d = doc_get(map, "wordRoles");
    enum rc rc = d ? is_map(b, d) : RC_OK;
    if (!rc && d) rc = read_word_list(b, d, &en->word_roles, &en->n_word_roles);
    for (const struct doc *c = rc || !d ? NULL : d->first; !rc && c; c = c->next) {
        size_t i = 0;
        while (i < en->n_words && !str_eq(en->words[i].word, c->text)) i++;
        if (!layout_role(LAYOUT_WORD, en->scope, c->key, NULL)) rc = no_role(b, c, LAYOUT_WORD, en->scope);
        if (!rc && i == en->n_words) rc = doc_error(c, b->name, RC_INVALID, b->e, "is not a word of this entry");
    }
    return rc;
}

/* Read the entry's words, the safest first. */
static enum rc read_safest(struct layout_loader *b, const struct doc *map, struct ddf_entry *en)
{
    const struct doc *d = doc_get(map, "safest");
    if (!d) return RC_OK;
    if (d->kind != DOC_LIST || count(d) != en->n_words)
        return doc_error(d, b->name, RC_INVALID, b->e, "must be a list of all words, the safest first");
    if (!(en->safest = ARENA_ARRAY(b->a, struct str, en->n_words))) return no_memory(b);
    for (const struct doc *c = d->first; c; c = c->next) {
        size_t i = 0;
        while (i < en->n_words && !str_eq(en->words[i].word, c->text)) i++;
        if (i == en->n_words) return doc_error(c, b->name, RC_INVALID, b->e, "is not a word of this entry");
        en->safest[en->n_safest++] = en->words[i].wire;
    }
    return RC_OK;
}

/* Read the value of the node when no policy sets it. */
static enum rc read_default(struct layout_loader *b, const struct doc *map, struct ddf_entry *en)
{
    const struct doc *d = doc_get(map, "default");
    struct str word;
    struct err why = { 0 };
    enum rc rc = get_text(b, map, "default", false, &word);
    if (rc || !d) return rc;
    en->has_default = true;
    if (!word.n) return RC_OK; /* an empty text */
    rc = ddf_entry_to_wire(en, word, b->a, &en->default_wire, &why);
    return rc == RC_INVALID ? doc_error(d, b->name, rc, b->e, "%s", why.text) : rc;
}

/* Only rows that servers add are removed; "never": a row that holds data. */
static enum rc read_remove(struct layout_loader *b, const struct doc *map, struct ddf_entry *en)
{
    unsigned remove = DDF_C_NEVER;
    const struct doc *d = doc_get(map, "remove");
    if (d && (!en->instance || !str_is(en->format, "node")))
        return doc_error(d, b->name, RC_INVALID, b->e, "only an instance's node may have it");
    enum rc rc = get_name_of(b, map, "remove", change_names, DDF_CHANGE_COUNT, remove, &remove);
    if (!rc && remove != DDF_C_NEVER && remove != DDF_C_LIVE && remove != DDF_C_STOPPED)
        return doc_error(d, b->name, RC_INVALID, b->e, "must be one of: live stopped never");
    en->remove = (enum ddf_change)remove;
    return rc;
}

static enum rc read_with(struct layout_loader *b, const struct doc *map, struct ddf_entry *en)
{
    const struct doc *d = doc_get(map, "with");
    if (!d) return RC_OK;
    if (d->kind != DOC_MAP || !en->instance || !str_is(en->format, "node"))
        return doc_error(d, b->name, RC_INVALID, b->e,
                         "must be a map {leaf: value}, and only an instance's node may have it");
    return read_word_list(b, d, &en->with, &en->n_with);
}

/* --- entries and operations ----------------------------------------------------------------------------------- */

static unsigned stars(struct str s)
{
    unsigned n = 0;
    for (size_t i = 0; i < s.n; i++) n += s.p[i] == '*';
    return n;
}

/* Check a relative path: names between single '/', a '*' only as a whole name, and as many '*' in the path as in the
 * entry's name. */
static enum rc check_path(struct layout_loader *b, const struct doc *d, struct str name, struct str path,
                          bool *instance)
{
    struct ddf_uri u;
    struct err why = { 0 };
    unsigned n = stars(path);
    if (ddf_uri_parse(path, &u, &why) || str_starts(path, STR(".")))
        return doc_error(d, b->name, RC_INVALID, b->e, "\"path\": %s", why.text[0] ? why.text : "must be relative");
    for (unsigned i = 0; i < u.depth; i++)
        if (stars(u.name[i]) && u.name[i].n != 1)
            return doc_error(d, b->name, RC_INVALID, b->e, "\"path\": '*' must stand alone between '/'");
    if (n > 1 || n != stars(name))
        return doc_error(d, b->name, RC_INVALID, b->e, "name and path must both have one '*', or none");
    *instance = n == 1;
    return RC_OK;
}

static enum rc read_entry(struct layout_loader *b, const struct doc *d, enum ddf_scope scope, enum part part)
{
    struct ddf_entry *en = &b->l->entries[b->l->n_entries];
    enum ddf_format format = DDF_NODE;
    unsigned kind = DDF_K_NONE, change = DDF_C_NEVER;
    enum rc rc = known_keys(b, d, parts[part].keys);
    en->scope = scope;
    en->kpi = part == KPIS;
    if (!rc) rc = copy(b, d->key, &en->name);
    if (!rc) rc = read_role(b, d, LAYOUT_ENTRY, scope, &en->role);
    if (!rc) rc = get_text(b, d, "path", true, &en->path);
    if (!rc) rc = check_path(b, d, en->name, en->path, &en->instance);
    if (!rc) rc = get_text(b, d, "format", true, &en->format);
    if (!rc && !ddf_format_of(en->format, &format))
        rc = doc_error(doc_get(d, "format"), b->name, RC_INVALID, b->e, "is not a format of the DDF");
    if (!rc && (part != FACTS && format == DDF_NODE))
        rc = doc_error(doc_get(d, "format"), b->name, RC_INVALID, b->e, "an interior node belongs below \"facts\"");
    if (!rc) rc = get_name_of(b, d, "kind", kind_names, DDF_KIND_COUNT, kind, &kind);
    if (!rc) rc = get_name_of(b, d, "change", change_names, DDF_CHANGE_COUNT, change, &change);
    if (!rc && part == SETTINGS && (kind == DDF_K_NONE || change == DDF_C_NEVER))
        rc = doc_error(d, b->name, RC_INVALID, b->e, "a setting needs \"kind\" and \"change\"");
    en->kind = (enum ddf_kind)kind;
    en->change = (enum ddf_change)change;
    if (!rc) rc = get_text(b, d, "unit", false, &en->unit);
    if (!rc) rc = get_text(b, d, "label", false, &en->label);
    if (!rc) rc = get_flag(b, d, "counter", false, &en->counter);
    if (!rc) rc = get_flag(b, d, "failClosed", false, &en->fail_closed);
    if (!rc) rc = get_flag(b, d, "onlyGrows", false, &en->only_grows);
    if (!rc) rc = read_words(b, d, en);
    if (!rc) rc = read_word_roles(b, d, en);
    if (!rc) rc = read_safest(b, d, en);
    if (!rc) rc = read_with(b, d, en);
    if (!rc) rc = read_default(b, d, en);
    if (!rc) rc = read_remove(b, d, en);
    if (!rc && !layout_put_name(b->index, en->name, en))
        rc = doc_error(d, b->name, RC_INVALID, b->e, "this name is already taken");
    if (!rc && !layout_put_path(b->index, en))
        rc = doc_error(d, b->name, RC_INVALID, b->e, "another entry has this path already");
    b->l->n_entries += !rc;
    return rc;
}

static enum rc get_states(struct layout_loader *b, const struct doc *map, const char *key, int **out, size_t *n)
{
    const struct doc *d = doc_get(map, key);
    enum rc rc = RC_OK;
    if (!d) return RC_OK;
    if (d->kind != DOC_LIST) return doc_error(d, b->name, RC_INVALID, b->e, "must be a list of states");
    if (!(*out = ARENA_ARRAY(b->a, int, count(d)))) return no_memory(b);
    for (const struct doc *c = d->first; !rc && c; c = c->next) rc = state_number(b, c, c->text, &(*out)[(*n)++]);
    return rc;
}

/* Is the text a value of this type: "bool", "int", "text", or words separated by '|'? */
static bool arg_takes(struct str type, struct str value)
{
    int number;
    struct str one;
    if (str_is(type, "text")) return true;
    if (str_is(type, "bool")) return str_is(value, "0") || str_is(value, "1");
    if (str_is(type, "int")) return to_int(value, &number);
    while (str_cut(&type, '|', &one))
        if (str_eq(one, value)) return true;
    return false;
}

/* "key: type", or "key: {type, label, default}". */
static enum rc read_arg(struct layout_loader *b, const struct doc *d, struct ddf_arg *arg)
{
    enum rc rc = copy(b, d->key, &arg->name);
    if (!rc && d->kind == DOC_SCALAR) rc = copy(b, d->text, &arg->type);
    if (!rc && d->kind != DOC_SCALAR) {
        rc = known_keys(b, d, " type role label default ");
        if (!rc) rc = read_role(b, d, LAYOUT_ARG, DDF_VM, &arg->role);
        if (!rc) rc = get_text(b, d, "type", true, &arg->type);
        if (!rc) rc = get_text(b, d, "label", false, &arg->label);
        if (!rc) rc = get_text(b, d, "default", false, &arg->default_to);
    }
    if (!rc && !arg->type.n)
        rc = doc_error(d, b->name, RC_INVALID, b->e, "must be bool, int, text, or words with '|' between");
    if (!rc && arg->default_to.n && !arg_takes(arg->type, arg->default_to))
        rc = doc_error(doc_get(d, "default"), b->name, RC_INVALID, b->e, "is not a value of its type");
    if (!arg->label.n) arg->label = arg->name;
    return rc;
}

static enum rc read_args(struct layout_loader *b, const struct doc *map, struct ddf_operation *op)
{
    const struct doc *d = doc_get(map, "args");
    enum rc rc = RC_OK;
    if (!d) return RC_OK;
    if (d->kind != DOC_MAP) return doc_error(d, b->name, RC_INVALID, b->e, "must be a map {key: type}");
    if (!(op->args = ARENA_ARRAY(b->a, struct ddf_arg, count(d)))) return no_memory(b);
    for (const struct doc *c = d->first; !rc && c; c = c->next) {
        rc = read_arg(b, c, &op->args[op->n_args]);
        op->n_args += !rc;
    }
    return rc;
}

/* Read the texts that are displayed before an operation. */
static enum rc read_offer(struct layout_loader *b, const struct doc *d, struct ddf_operation *op)
{
    enum rc rc = get_text(b, d, "label", true, &op->label);
    if (!rc) rc = get_text(b, d, "help", false, &op->help);
    if (!rc) rc = get_text(b, d, "confirm", false, &op->confirm);
    if (!rc) rc = get_flag(b, d, "primary", false, &op->primary);
    if (!rc) rc = get_flag(b, d, "interrupts", false, &op->interrupts);
    if (!rc) rc = get_flag(b, d, "destructive", false, &op->destructive);
    if (!op->help.n) op->help = op->label;
    if (op->destructive && !op->confirm.n) op->confirm = STR("This cannot be undone.");
    return rc;
}

static enum rc read_operation(struct layout_loader *b, const struct doc *d, enum ddf_scope scope)
{
    struct ddf_operation *op = &b->l->operations[b->l->n_operations];
    enum rc rc = known_keys(b, d,
                            " role path label help confirm primary interrupts from fromForced to lockTo whileLocked"
                            " destructive args touches deleteNode ");
    op->scope = scope;
    if (!rc) rc = copy(b, d->key, &op->name);
    if (!rc) rc = read_role(b, d, LAYOUT_OPERATION, scope, &op->role);
    if (!rc) rc = get_flag(b, d, "deleteNode", false, &op->delete_node);
    if (!rc && op->delete_node && (doc_get(d, "path") || scope == DDF_DEVICE))
        rc = doc_error(d, b->name, RC_INVALID, b->e,
                       "\"deleteNode\" means the VM's or image's own node and has no path");
    if (!rc) rc = get_text(b, d, "path", !op->delete_node, &op->path);
    if (!rc && !op->delete_node) rc = check_path(b, d, stars(op->path) ? STR("*") : op->name, op->path, &op->instance);
    if (!rc) rc = read_offer(b, d, op);
    if (!rc) rc = get_states(b, d, "from", &op->from, &op->n_from);
    if (!rc) rc = get_states(b, d, "fromForced", &op->from_forced, &op->n_from_forced);
    if (!rc) rc = get_int(b, d, "to", -1, &op->to);
    if (!rc && op->to != -1) rc = state_number(b, doc_get(d, "to"), doc_get(d, "to")->text, &op->to);
    if (!rc) rc = get_int(b, d, "lockTo", -1, &op->lock_to);
    if (!rc) rc = get_flag(b, d, "whileLocked", true, &op->while_locked);
    if (!rc) rc = read_args(b, d, op);
    if (!rc && !layout_put_operation(b->index, op))
        rc = doc_error(d, b->name, RC_INVALID, b->e, "this name or path is already taken");
    b->l->n_operations += !rc;
    return rc;
}

/* --- the whole ------------------------------------------------------------------------------------------------ */

static enum rc make_room(struct layout_loader *b, const struct doc *root)
{
    size_t n_entries = 0, n_operations = 0, n_aliases = count(doc_get(root, "aliases"));
    for (int s = 0; s < DDF_SCOPE_COUNT; s++) {
        const struct doc *scope = doc_get(root, scope_names[s]);
        for (int p = 0; p < PARTS; p++) n_entries += count(doc_get(scope, parts[p].name));
        n_operations += count(doc_get(scope, "operations"));
    }
    if (n_entries + n_operations + n_aliases > DDF_LAYOUT_ENTRIES)
        return doc_error(root, b->name, RC_LIMIT, b->e, "more than %d entries", DDF_LAYOUT_ENTRIES);
    b->l->entries = ARENA_ARRAY(b->a, struct ddf_entry, n_entries);
    b->l->operations = ARENA_ARRAY(b->a, struct ddf_operation, n_operations);
    b->index = ARENA_NEW(b->a, struct ddf_layout_index);
    b->l->index = b->index;
    if (!b->l->entries || !b->l->operations || !b->index ||
        layout_table_init(&b->index->names, n_entries + n_operations + n_aliases, b->a) ||
        layout_table_init(&b->index->paths, n_entries + n_operations, b->a))
        return no_memory(b);
    return RC_OK;
}

/* Operations of all scopes come first, because words may name them. */
static enum rc read_scopes(struct layout_loader *b, const struct doc *root)
{
    enum rc rc = RC_OK;
    for (int s = 0; !rc && s < DDF_SCOPE_COUNT; s++) {
        const struct doc *d = doc_get(root, scope_names[s]);
        const struct doc *ops = doc_get(d, "operations");
        if (d) rc = known_keys(b, d, " settings facts kpis operations without ");
        if (!rc && d) rc = read_without(b, d, (unsigned)s);
        if (!rc && ops) rc = is_map(b, ops);
        for (const struct doc *c = ops ? ops->first : NULL; !rc && c; c = c->next)
            rc = read_operation(b, c, (enum ddf_scope)s);
    }
    for (int s = 0; !rc && s < DDF_SCOPE_COUNT; s++) {
        for (int p = 0; !rc && p < PARTS; p++) {
            const struct doc *d = doc_get(doc_get(root, scope_names[s]), parts[p].name);
            if (d) rc = is_map(b, d);
            for (const struct doc *c = d ? d->first : NULL; !rc && c; c = c->next)
                rc = read_entry(b, c, (enum ddf_scope)s, (enum part)p);
        }
    }
    return rc;
}

static enum rc read_touches(struct layout_loader *b, const struct doc *map, struct ddf_operation *op)
{
    const struct doc *d = doc_get(map, "touches");
    if (!d) return RC_OK;
    if (d->kind != DOC_LIST) return doc_error(d, b->name, RC_INVALID, b->e, "must be a list of entries");
    if (!(op->touches = ARENA_ARRAY(b->a, const struct ddf_entry *, count(d)))) return no_memory(b);
    for (const struct doc *c = d->first; c; c = c->next) {
        const struct ddf_entry *en = ddf_layout_entry(b->l, op->scope, c->text);
        if (!en || en->instance)
            return doc_error(c, b->name, RC_INVALID, b->e, "is not an entry of this section, or has a '*'");
        op->touches[op->n_touches++] = en;
    }
    return RC_OK;
}

/* Called when all entries are known. */
static enum rc read_all_touches(struct layout_loader *b, const struct doc *root)
{
    enum rc rc = RC_OK;
    size_t n = 0;
    for (int s = 0; s < DDF_SCOPE_COUNT; s++) {
        const struct doc *ops = doc_get(doc_get(root, scope_names[s]), "operations");
        for (const struct doc *c = ops ? ops->first : NULL; !rc && c; c = c->next)
            rc = read_touches(b, c, &b->l->operations[n++]);
    }
    return rc;
}

/* Give every entry below an instance's node that node and the instance's `with` leaves. */
static void join_instances(struct ddf_layout *l)
{
    for (size_t i = 0; i < l->n_entries; i++) {
        struct ddf_entry *en = &l->entries[i];
        struct str base = str_slice(en->path, 0, str_find(en->path, '*', 0) + 1);
        for (size_t k = 0; en->instance && !en->node && k < l->n_entries; k++) {
            const struct ddf_entry *node = &l->entries[k];
            if (node->scope == en->scope && str_eq(node->path, base)) {
                en->node = node;
                en->with = node->with;
                en->n_with = node->n_with;
            }
        }
    }
}

static enum rc read_aliases(struct layout_loader *b, const struct doc *root)
{
    const struct doc *d = doc_get(root, "aliases");
    enum rc rc = d ? is_map(b, d) : RC_OK;
    for (const struct doc *c = d ? d->first : NULL; !rc && c; c = c->next) {
        unsigned found = 0;
        struct str name;
        rc = copy(b, c->key, &name);
        for (int s = 0; !rc && s < DDF_SCOPE_COUNT; s++) {
            const struct ddf_entry *en = ddf_layout_entry(b->l, (enum ddf_scope)s, c->text);
            if (en && !layout_put_name(b->index, name, en))
                rc = doc_error(c, b->name, RC_INVALID, b->e, "this name is already taken");
            found += en != NULL;
        }
        if (!rc && (!found || stars(name) != stars(c->text)))
            rc = doc_error(c, b->name, RC_INVALID, b->e,
                           "must be the name of an entry, with a '*' if this one has one");
    }
    return rc;
}

static enum rc read_route(struct layout_loader *b, const struct doc *d, struct ddf_route *r)
{
    const struct doc *op = d->kind == DOC_LIST ? d->first : d, *args = d->kind == DOC_LIST && op ? op->next : NULL;
    enum rc rc = state_number(b, d, d->key, &r->from);
    if (!rc && (!op || op->kind != DOC_SCALAR || (args && (args->kind != DOC_SCALAR || args->next))))
        rc = doc_error(d, b->name, RC_INVALID, b->e, "must be an operation, or [operation, arguments]");
    if (!rc && !ddf_layout_operation(b->l, DDF_VM, op->text))
        rc = doc_error(op, b->name, RC_INVALID, b->e, "the VM has no operation \"%.*s\"", STR_ARG(op->text));
    if (!rc) rc = copy(b, op->text, &r->operation);
    if (!rc && args) rc = copy(b, args->text, &r->args);
    return rc;
}

static enum rc read_goal(struct layout_loader *b, const struct doc *d, struct ddf_goal *g)
{
    const struct doc *state = doc_get(d, "state"), *routes = doc_get(d, "routes");
    enum rc rc = known_keys(b, d, " state gone routes ");
    g->state = -1;
    if (!rc) rc = copy(b, d->key, &g->name);
    if (!rc) rc = get_flag(b, d, "gone", false, &g->gone);
    if (!rc && g->gone == (state != NULL))
        rc = doc_error(d, b->name, RC_INVALID, b->e, "needs either \"state\" or \"gone: true\"");
    if (!rc && state) rc = state_number(b, state, state->text, &g->state);
    if (!rc && (!routes || routes->kind != DOC_MAP))
        rc = doc_error(d, b->name, RC_INVALID, b->e, "\"routes\" must be a map {state: operation}");
    if (!rc && !(g->routes = ARENA_ARRAY(b->a, struct ddf_route, count(routes)))) rc = no_memory(b);
    for (const struct doc *c = rc ? NULL : routes->first; !rc && c; c = c->next) {
        rc = read_route(b, c, &g->routes[g->n_routes]);
        g->n_routes += !rc;
    }
    return rc;
}

static enum rc read_goals(struct layout_loader *b, const struct doc *root)
{
    const struct doc *d = doc_get(root, "goals");
    enum rc rc = d ? is_map(b, d) : RC_OK;
    if (!rc && d && !(b->l->goals = ARENA_ARRAY(b->a, struct ddf_goal, count(d)))) rc = no_memory(b);
    for (const struct doc *c = d ? d->first : NULL; !rc && c; c = c->next) {
        rc = read_goal(b, c, &b->l->goals[b->l->n_goals]);
        b->l->n_goals += !rc;
    }
    return rc;
}

/* @param first, second  scopes in which the name is searched, in this order */
static enum rc get_entry(struct layout_loader *b, const struct doc *map, const char *key, enum ddf_scope first,
                         enum ddf_scope second, const struct ddf_entry **out)
{
    struct str name;
    enum rc rc = get_text(b, map, key, true, &name);
    if (rc) return rc;
    *out = ddf_layout_entry(b->l, first, name);
    if (!*out) *out = ddf_layout_entry(b->l, second, name);
    return *out ? RC_OK : doc_error(doc_get(map, key), b->name, RC_INVALID, b->e, "is not an entry of this layout");
}

/* when: {setting: word}, or {setting: [word, word]} */
static enum rc read_when(struct layout_loader *b, const struct doc *rule, struct ddf_rule *r)
{
    const struct doc *map = doc_get(rule, "when"), *d;
    struct err why = { 0 };
    if (!map) return RC_OK;
    if (map->kind != DOC_MAP || !(d = map->first) || d->next)
        return doc_error(map, b->name, RC_INVALID, b->e, "must be {setting: word} or {setting: [word, word]}");
    r->when = ddf_layout_entry(b->l, DDF_VM, d->key);
    if (!r->when) return doc_error(d, b->name, RC_INVALID, b->e, "is not a setting of this layout");
    if (!(r->when_wire = ARENA_ARRAY(b->a, struct str, d->kind == DOC_LIST ? count(d) : 1))) return no_memory(b);
    for (const struct doc *w = d->kind == DOC_LIST ? d->first : d; w; w = d->kind == DOC_LIST ? w->next : NULL)
        if (w->kind != DOC_SCALAR || ddf_entry_to_wire(r->when, w->text, b->a, &r->when_wire[r->n_when++], &why))
            return doc_error(w, b->name, RC_INVALID, b->e, "is not a word of that setting%s%s", why.text[0] ? ": " : "",
                             why.text);
    return RC_OK;
}

static enum rc read_rule(struct layout_loader *b, const struct doc *d, struct ddf_rule *r)
{
    static const char *const relations[] = { "atMost", "atLeast", "below", "oneOf", "equals" };
    const bool image = doc_get(d, "image") != NULL;
    unsigned relation = DDF_R_AT_MOST;
    enum rc rc = known_keys(b, d, " setting image must be zeroIsNone unless sum when code ");
    if (!rc)
        rc = get_entry(b, d, image ? "image" : "setting", image ? DDF_IMAGE : DDF_VM, image ? DDF_IMAGE : DDF_VM,
                       &r->left);
    if (!rc) rc = get_name_of(b, d, "must", relations, sizeof relations / sizeof relations[0], relation, &relation);
    if (!rc) rc = get_entry(b, d, "be", DDF_VM, DDF_DEVICE, &r->right);
    if (!rc) rc = get_flag(b, d, "zeroIsNone", false, &r->zero_is_none);
    if (!rc) rc = get_text(b, d, "unless", false, &r->unless);
    if (!rc) rc = get_flag(b, d, "sum", false, &r->sum);
    if (!rc) rc = read_when(b, d, r);
    if (!rc) rc = get_int(b, d, "code", 0, &r->code);
    r->relation = (enum ddf_relation)relation;
    if (!rc && r->sum && !r->left->instance)
        rc = doc_error(d, b->name, RC_INVALID, b->e, "\"sum\" is for a setting with instances");
    return rc;
}

static enum rc read_rules(struct layout_loader *b, const struct doc *root)
{
    const struct doc *d = doc_get(root, "rules");
    if (!d) return RC_OK;
    if (d->kind != DOC_LIST) return doc_error(d, b->name, RC_INVALID, b->e, "must be a list of rules");
    enum rc rc = (b->l->rules = ARENA_ARRAY(b->a, struct ddf_rule, count(d))) ? RC_OK : no_memory(b);
    for (const struct doc *c = d->first; !rc && c; c = c->next) {
        rc = is_map(b, c);
        if (!rc) rc = read_rule(b, c, &b->l->rules[b->l->n_rules]);
        b->l->n_rules += !rc;
    }
    return rc;
}

static enum rc get_address(struct layout_loader *b, const struct doc *root, const char *key, struct str *out)
{
    struct ddf_uri u;
    struct err why = { 0 };
    enum rc rc = get_text(b, root, key, true, out);
    if (!rc && (ddf_uri_parse(*out, &u, &why) || !str_starts(*out, STR("./"))))
        rc = doc_error(doc_get(root, key), b->name, RC_INVALID, b->e, "must be an address like ./A/B%s%s",
                       why.text[0] ? ": " : "", why.text);
    return rc;
}

static enum rc read_head(struct layout_loader *b, const struct doc *root)
{
    struct ddf_layout *l = b->l;
    const struct doc *ok;
    int form = 0;
    enum rc rc = known_keys(b, root,
                            " layout mo imageMo root vms images states reasons phases resultsOk results alerts "
                            "device vm image aliases goals rules without ");
    if (!rc) rc = get_int(b, root, "layout", 0, &form);
    if (!rc && form != 1)
        rc = doc_error(root, b->name, RC_INVALID, b->e, "\"layout: 1\" is missing: this program reads form 1 only");
    if (!rc) rc = get_text(b, root, "mo", true, &l->mo);
    if (!rc) rc = get_text(b, root, "imageMo", true, &l->image_mo);
    if (!rc) rc = get_address(b, root, "root", &l->root);
    if (!rc) rc = get_address(b, root, "vms", &l->vms);
    if (!rc) rc = get_address(b, root, "images", &l->images);
    ok = doc_get(root, "resultsOk");
    if (!rc && ok && !to_band(ok->text, &l->ok_first, &l->ok_last))
        rc = doc_error(ok, b->name, RC_INVALID, b->e, "must be first-last");
    return rc;
}

static enum rc read_layout(struct layout_loader *b, const struct doc *root)
{
    enum rc rc = read_head(b, root);
    if (!rc) rc = read_states(b, root);
    if (!rc) rc = read_codes(b, root, "reasons", true, &b->l->reasons, &b->l->n_reasons);
    if (!rc) rc = read_codes(b, root, "phases", false, &b->l->phases, &b->l->n_phases);
    if (!rc) rc = read_codes(b, root, "results", false, &b->l->results, &b->l->n_results);
    if (!rc) rc = read_alerts(b, root);
    if (!rc) rc = make_room(b, root);
    if (!rc) rc = read_scopes(b, root);
    if (!rc) rc = read_without(b, root, DDF_SCOPE_COUNT);
    if (!rc) rc = read_all_touches(b, root);
    if (!rc) join_instances(b->l);
    if (!rc) rc = read_aliases(b, root);
    if (!rc) rc = read_goals(b, root);
    if (!rc) rc = read_rules(b, root);
    if (!rc) rc = find_roles(b, root);
    return rc;
}

static enum rc from_doc(const struct doc *root, const char *name, struct arena *a, struct ddf_layout **out,
                        struct err *e)
{
    struct layout_loader b = { .name = name, .a = a, .e = e };
    enum rc rc;
    b.l = ARENA_NEW(a, struct ddf_layout);
    rc = b.l ? read_layout(&b, root) : no_memory(&b);
    if (!rc) *out = b.l;
    return rc;
}

enum rc ddf_layout_parse(struct str text, const char *name, struct arena *a, struct ddf_layout **out, struct err *e)
{
    struct arena tmp;
    struct doc *root;
    enum rc rc;
    arena_init(&tmp, LAYOUT_DOC_BYTES);
    rc = doc_parse(text, name, &tmp, &root, e);
    if (!rc) rc = from_doc(root, name, a, out, e);
    arena_finish(&tmp);
    return rc;
}

enum rc ddf_layout_load(const char *file, struct arena *a, struct ddf_layout **out, struct err *e)
{
    struct arena tmp;
    struct doc *root;
    enum rc rc;
    arena_init(&tmp, LAYOUT_DOC_BYTES);
    rc = doc_load(file, &tmp, &root, e);
    if (!rc) rc = from_doc(root, file, a, out, e);
    arena_finish(&tmp);
    return rc;
}
