/* SPDX-License-Identifier: Apache-2.0 */
#include "base/doc.h"
#include <errno.h>
#include <limits.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- parsing -------------------------------------------------------------------------------------------------- */

struct doc_place {
    unsigned line, column;
};

/* A tree under construction. It is built from libfyaml's events, so that the ceilings apply while libfyaml still
 * reads. */
struct builder {
    struct arena *a;
    struct str source;
    const char *name;
    struct err *e;
    bool many;
    struct doc_place at;                           /* place of the last event that had one */
    struct doc *first, *last;                      /* documents */
    struct doc *open[DOC_DEPTH], *tail[DOC_DEPTH]; /* open lists and maps around the current place, and the newest
                                                    * child of each */
    unsigned depth;
    size_t n_nodes;
    bool have_key;  /* a map's key was read and its value comes next */
    struct doc key; /* its key, key_line and key_column */
    struct {
        struct str name;
        struct doc *doc;
    } anchor[DOC_ANCHORS];
    unsigned n_anchors;
    struct fy_token_iter *iter;
    struct buf text; /* the scalar being read */
};

static bool is_in_quotes(struct fy_event *ev)
{
    struct fy_token *token = ev->type == FYET_SCALAR ? fy_event_get_token(ev) : NULL;
    enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_PLAIN;
    return style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
}

/* 1-based, where libfyaml counts from 0. A value without a place of its own (an empty one) gets the place of the
 * event before. */
static struct doc_place place_of(struct builder *b, struct fy_event *ev)
{
    const struct fy_mark *m = fy_event_start_mark(ev);
    if (m && m->line >= 0 && m->column >= 0)
        b->at = (struct doc_place){ (unsigned)m->line + 1, (unsigned)m->column + 1 };
    if (m && m->column > 0 && is_in_quotes(ev)) b->at.column--; /* libfyaml points behind the opening quote */
    return b->at;
}

static enum rc wrong(const struct builder *b, struct doc_place at, enum rc rc, const char *text)
{
    return err_at(b->e, rc, b->name, at.line, at.column, "%s", text);
}

/* Add a new last child to the innermost open list or map, or a new document. */
static enum rc attach(struct builder *b, struct doc_place at, struct doc **out)
{
    if (b->depth == 0 && b->first && !b->many)
        return wrong(b, at, RC_PARSE, "one document is allowed here, and this is another");
    struct doc *d = b->n_nodes < DOC_NODES ? ARENA_NEW(b->a, struct doc) : NULL;
    if (!d)
        return b->n_nodes < DOC_NODES ? wrong(b, at, RC_NOMEM, "the document needs too much memory")
                                      : wrong(b, at, RC_LIMIT, "the document has too many values");
    b->n_nodes++;
    d->line = d->key_line = at.line;
    d->column = d->key_column = at.column;
    if (b->have_key) {
        d->key = b->key.key;
        d->key_line = b->key.key_line;
        d->key_column = b->key.key_column;
        b->have_key = false;
    }
    struct doc **tail = b->depth ? &b->tail[b->depth - 1] : &b->last;
    d->parent = b->depth ? b->open[b->depth - 1] : NULL;
    if (*tail)
        (*tail)->next = d;
    else
        *(b->depth ? &d->parent->first : &b->first) = d;
    *tail = d;
    *out = d;
    return RC_OK;
}

/* Read piece by piece: fy_token_get_text relies on an estimate of the length and fails (and leaks) when that is too
 * low. */
static enum rc text_of(struct builder *b, struct fy_token *token, struct doc_place at, struct str *out)
{
    const struct fy_iter_chunk *chunk = NULL;
    int failed = 0;
    buf_reset(&b->text);
    if (token) {
        fy_token_iter_start(token, b->iter);
        while ((chunk = fy_token_iter_chunk_next(b->iter, chunk, &failed)) != NULL)
            buf_put(&b->text, (struct str){ chunk->str, chunk->len });
        fy_token_iter_finish(b->iter);
    }
    struct str text = buf_str(&b->text);
    if (failed) return wrong(b, at, RC_PARSE, "malformed text");
    if (text.n && memchr(text.p, 0, text.n)) return wrong(b, at, RC_PARSE, "NUL is not allowed in a text");
    if (!buf_ok(&b->text) || !arena_str(b->a, text, out))
        return wrong(b, at, RC_NOMEM, "the document needs too much memory");
    return RC_OK;
}

static enum rc remember_anchor(struct builder *b, struct fy_event *ev, struct doc_place at, struct doc *d)
{
    struct fy_token *token = fy_event_get_anchor_token(ev);
    if (!token) return RC_OK;
    if (b->n_anchors == DOC_ANCHORS) return wrong(b, at, RC_LIMIT, "the document has too many anchors");
    b->anchor[b->n_anchors].doc = d;
    return text_of(b, token, at, &b->anchor[b->n_anchors++].name);
}

static bool is_null(struct str s)
{
    return s.n == 0 || str_is(s, "~") || str_is(s, "null") || str_is(s, "Null") || str_is(s, "NULL");
}

/* libfyaml 0.7.12 reads two doubled quotes in a row as three. An error is better than a wrong text. */
static bool has_four_quotes(struct str source, struct fy_token *token)
{
    const struct fy_mark *from = fy_token_start_mark(token), *to = fy_token_end_mark(token);
    struct str s = from && to ? str_slice(source, from->input_pos, to->input_pos) : source;
    size_t run = 0;
    for (size_t i = 0; i < s.n && run < 4; i++) run = s.p[i] == '\'' ? run + 1 : 0;
    return run == 4 && fy_token_scalar_style(token) == FYSS_SINGLE_QUOTED;
}

static enum rc take_scalar(struct builder *b, struct fy_event *ev, struct doc_place at)
{
    struct fy_token *token = fy_event_get_token(ev);
    struct str text;
    struct doc *d = NULL;
    if (is_in_quotes(ev) && has_four_quotes(b->source, token))
        return wrong(b, at, RC_PARSE, "'''' inside single quotes is not supported: use double quotes");
    enum rc rc = text_of(b, token, at, &text);
    if (rc) return rc;
    if (b->depth && b->open[b->depth - 1]->kind == DOC_MAP && !b->have_key) {
        if (fy_event_get_anchor_token(ev)) return wrong(b, at, RC_PARSE, "an anchor on a key is not supported");
        b->key = (struct doc){ .key = text, .key_line = at.line, .key_column = at.column };
        b->have_key = true;
        return RC_OK;
    }
    rc = attach(b, at, &d);
    if (rc) return rc;
    d->text = text;
    d->quoted = token && fy_token_scalar_style(token) != FYSS_PLAIN;
    d->kind = !d->quoted && is_null(text) ? DOC_NULL : DOC_SCALAR;
    return remember_anchor(b, ev, at, d);
}

static enum rc open_node(struct builder *b, struct fy_event *ev, struct doc_place at, enum doc_kind kind)
{
    struct doc *d = NULL;
    if (b->depth && b->open[b->depth - 1]->kind == DOC_MAP && !b->have_key)
        return wrong(b, at, RC_PARSE, "a key must be a plain text");
    if (b->depth == DOC_DEPTH) return wrong(b, at, RC_LIMIT, "the document is nested too deep");
    enum rc rc = attach(b, at, &d);
    if (rc) return rc;
    d->kind = kind;
    b->open[b->depth] = d;
    b->tail[b->depth++] = NULL;
    return remember_anchor(b, ev, at, d);
}

static int by_key(const void *pa, const void *pb)
{
    const struct doc *a = *(const struct doc *const *)pa, *b = *(const struct doc *const *)pb;
    int d = str_cmp(a->key, b->key);
    if (d == 0) d = (a->key_line > b->key_line) - (a->key_line < b->key_line);
    return d ? d : (a->key_column > b->key_column) - (a->key_column < b->key_column);
}

/* The children of a map by key, malloc'ed; NULL when there is no memory. */
static const struct doc **sorted_children(const struct doc *map, size_t *n)
{
    *n = 0;
    for (const struct doc *c = map->first; c; c = c->next) ++*n;
    const struct doc **child = malloc((*n + 1) * sizeof *child);
    size_t i = 0;
    for (const struct doc *c = map->first; child && c; c = c->next) child[i++] = c;
    if (child) qsort(child, *n, sizeof *child, by_key);
    return child;
}

/* Duplicates are found by sorting, because a map may have very many keys. */
static enum rc refuse_duplicate_keys(const struct builder *b, const struct doc *map)
{
    size_t n;
    const struct doc **child = sorted_children(map, &n);
    enum rc rc = child ? RC_OK
                       : wrong(b, (struct doc_place){ map->line, map->column }, RC_NOMEM,
                               "the document needs too much memory");
    for (size_t i = 1; !rc && i < n; i++)
        if (str_eq(child[i - 1]->key, child[i]->key))
            rc = err_at(b->e, RC_PARSE, b->name, child[i]->key_line, child[i]->key_column,
                        "the key \"%.*s\" is already in line %u", STR_ARG(child[i]->key), child[i - 1]->key_line);
    free(child);
    return rc;
}

static enum rc close_node(struct builder *b)
{
    const struct doc *d = b->open[--b->depth];
    return d->kind == DOC_MAP ? refuse_duplicate_keys(b, d) : RC_OK;
}

/* Copy what is below `from` to the children of the innermost open node; what is copied counts like what is written. */
static enum rc copy_children(struct builder *b, const struct doc *from, struct doc_place at)
{
    enum rc rc = RC_OK;
    for (const struct doc *c = from->first; !rc && c; c = c->next) {
        struct doc *d = NULL;
        rc = attach(b, at, &d);
        if (rc) break;
        struct doc fresh = *c; /* texts are shared, and places are those of the original */
        fresh.parent = d->parent;
        fresh.first = fresh.next = NULL;
        *d = fresh;
        if (!c->first) continue;
        if (b->depth == DOC_DEPTH) return wrong(b, at, RC_LIMIT, "the document is nested too deep");
        b->open[b->depth] = d;
        b->tail[b->depth++] = NULL;
        rc = copy_children(b, c, at);
        b->depth--;
    }
    return rc;
}

static enum rc take_alias(struct builder *b, struct fy_event *ev, struct doc_place at)
{
    struct str name;
    const struct doc *from = NULL;
    struct doc *d = NULL;
    enum rc rc = text_of(b, fy_event_get_token(ev), at, &name);
    if (rc) return rc;
    for (unsigned i = b->n_anchors; !from && i-- > 0;) /* the newest of the same name */
        if (str_eq(b->anchor[i].name, name)) from = b->anchor[i].doc;
    for (unsigned i = 0; i < b->depth; i++)
        if (b->open[i] == from) return wrong(b, at, RC_PARSE, "an alias may not stand inside its own anchor");
    if (!from) return wrong(b, at, RC_PARSE, "the alias has no anchor before it");
    if (b->depth && b->open[b->depth - 1]->kind == DOC_MAP && !b->have_key)
        return wrong(b, at, RC_PARSE, "a key must be a plain text");
    if (from->first && b->depth == DOC_DEPTH) return wrong(b, at, RC_LIMIT, "the document is nested too deep");
    rc = attach(b, at, &d);
    if (rc) return rc;
    d->kind = from->kind;
    d->quoted = from->quoted;
    d->text = from->text;
    if (!from->first) return RC_OK;
    b->open[b->depth] = d;
    b->tail[b->depth++] = NULL;
    rc = copy_children(b, from, at);
    b->depth--;
    return rc;
}

static enum rc take(struct builder *b, struct fy_event *ev)
{
    struct doc_place at = place_of(b, ev);
    if (fy_event_get_tag_token(ev)) return wrong(b, at, RC_PARSE, "tags are not supported");
    switch (ev->type) {
    case FYET_DOCUMENT_START: b->n_anchors = 0; return RC_OK;
    case FYET_SCALAR: return take_scalar(b, ev, at);
    case FYET_ALIAS: return take_alias(b, ev, at);
    case FYET_MAPPING_START: return open_node(b, ev, at, DOC_MAP);
    case FYET_SEQUENCE_START: return open_node(b, ev, at, DOC_LIST);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END: return close_node(b);
    default: return RC_OK;
    }
}

/* What libfyaml found wrong, with the place of its first complaint. */
static enum rc explain(const struct builder *b, struct fy_diag *diag)
{
    void *at = NULL;
    const struct fy_diag_error *first = fy_diag_errors_iterate(diag, &at);
    struct doc_place place = b->at;
    if (first && first->line > 0 && first->column > 0)
        place = (struct doc_place){ (unsigned)first->line, (unsigned)first->column };
    return wrong(b, place, RC_PARSE, first && first->msg ? first->msg : "malformed");
}

/* What libfyaml must not be given. It would take UTF-16, which nobody sends, and be lenient with broken UTF-8. And
 * it reads a whole flow collection ahead, at 200 to 350 bytes for each token, before it gives the first event: what
 * may begin or end a token is weighed here, so that DOC_MARKS keeps that under 200 MB. */
static enum rc check_bytes(struct str text, const char *name, struct err *e)
{
    static const unsigned char weight[128] = {
        ['['] = 3, [']'] = 3, ['{'] = 3, ['}'] = 3, [','] = 3, [':'] = 5,  ['?'] = 3,
        ['&'] = 3, ['*'] = 3, ['!'] = 3, ['%'] = 3, ['-'] = 2, ['\''] = 1, ['"'] = 1,
    };
    struct doc_place at = { 1, 1 };
    unsigned marks = 0;
    if (text.n > DOC_BYTES) return err_at(e, RC_LIMIT, name, 0, 0, "longer than %d bytes", (int)DOC_BYTES);
    for (size_t n; text.n; text = str_slice(text, n, text.n)) {
        n = str_utf8(text);
        if (n == 0 || text.p[0] == '\0') return err_at(e, RC_PARSE, name, at.line, at.column, "not UTF-8 text");
        marks += n == 1 ? weight[(unsigned char)text.p[0]] : 0;
        if (marks > DOC_MARKS) return err_at(e, RC_LIMIT, name, at.line, at.column, "the document has too many values");
        at = text.p[0] == '\n' ? (struct doc_place){ at.line + 1, 1 } : (struct doc_place){ at.line, at.column + 1 };
    }
    return RC_OK;
}

static enum rc parse(struct str text, const char *name, bool many, struct arena *a, struct doc **out, struct err *e)
{
    struct builder b = { .a = a, .source = text, .name = name, .e = e, .many = many, .at = { 1, 1 } };
    struct fy_parser *fyp = NULL;
    struct fy_diag *diag = NULL;
    struct fy_event *ev;
    enum rc rc = check_bytes(text, name, e);
    if (rc) return rc;
    diag = fy_diag_create(&(struct fy_diag_cfg){ .level = FYET_ERROR, .module_mask = UINT_MAX });
    if (diag) {
        fy_diag_set_collect_errors(diag, true); /* or it would print them */
        fyp = fy_parser_create(
            &(struct fy_parse_cfg){ .flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE, .diag = diag });
    }
    buf_init(&b.text, DOC_BYTES);
    b.iter = fy_token_iter_create(NULL);
    if (!fyp || !b.iter || fy_parser_set_string(fyp, text.n ? text.p : "", text.n))
        rc = err_at(e, RC_NOMEM, name, 0, 0, "no memory for a parser");
    while (!rc && (ev = fy_parser_parse(fyp)) != NULL) {
        rc = take(&b, ev);
        fy_parser_event_free(fyp, ev);
    }
    if (!rc && fy_parser_get_stream_error(fyp)) rc = explain(&b, diag);
    if (!rc && !b.first && !many) rc = attach(&b, b.at, &b.first);
    if (b.iter) fy_token_iter_destroy(b.iter);
    buf_finish(&b.text);
    fy_parser_destroy(fyp);
    fy_diag_destroy(diag);
    if (!rc) *out = b.first;
    return rc;
}

enum rc doc_parse(struct str text, const char *name, struct arena *a, struct doc **out, struct err *e)
{
    return parse(text, name, false, a, out, e);
}

enum rc doc_parse_many(struct str text, const char *name, struct arena *a, struct doc **out, struct err *e)
{
    return parse(text, name, true, a, out, e);
}

enum rc doc_load(const char *file, struct arena *a, struct doc **out, struct err *e)
{
    struct buf b;
    enum { STEP_BYTES = 64 << 10 };
    FILE *f = fopen(file, "rb");
    if (!f) return err_at(e, RC_IO, file, 0, 0, "cannot be read: %s", strerror(errno));
    buf_init(&b, DOC_BYTES + STEP_BYTES); /* doc_parse reports a text that is too long */
    for (size_t got = 1; got && buf_ok(&b);) {
        char *room = buf_room(&b, STEP_BYTES);
        got = room ? fread(room, 1, STEP_BYTES, f) : 0;
        if (room) buf_cut(&b, b.n - STEP_BYTES + got);
    }
    enum rc rc = ferror(f)              ? err_at(e, RC_IO, file, 0, 0, "cannot be read: %s", strerror(errno))
                 : b.failed == RC_NOMEM ? err_at(e, RC_NOMEM, file, 0, 0, "no memory to read it")
                 : b.failed             ? err_at(e, b.failed, file, 0, 0, "longer than %d bytes", (int)DOC_BYTES)
                                        : doc_parse(buf_str(&b), file, a, out, e);
    fclose(f);
    buf_finish(&b);
    return rc;
}

/* --- finding -------------------------------------------------------------------------------------------------- */

static const struct doc *child(const struct doc *d, struct str key)
{
    const struct doc *c = d && d->kind == DOC_MAP ? d->first : NULL;
    while (c && !str_eq(c->key, key)) c = c->next;
    return c;
}

const struct doc *doc_get(const struct doc *d, const char *key)
{
    return child(d, str_of(key));
}

const struct doc *doc_path(const struct doc *d, const char *path)
{
    struct str rest = str_of(path), key;
    while (d && str_cut(&rest, '/', &key)) d = child(d, key);
    return d;
}

/* RFC 6901 */
static void put_pointer(const struct doc *d, struct buf *out)
{
    if (!d || !d->parent) return;
    put_pointer(d->parent, out); /* as deep as the document, so at most DOC_DEPTH */
    buf_byte(out, '/');
    if (d->parent->kind == DOC_LIST) {
        size_t i = 0;
        for (const struct doc *c = d->parent->first; c != d; c = c->next) i++;
        buf_printf(out, "%zu", i);
    }
    for (size_t i = 0; i < d->key.n; i++) {
        if (d->key.p[i] == '~' || d->key.p[i] == '/')
            buf_putz(out, d->key.p[i] == '~' ? "~0" : "~1");
        else
            buf_byte(out, (unsigned char)d->key.p[i]);
    }
}

struct str doc_pointer(const struct doc *d, struct arena *a)
{
    struct buf b;
    struct str s = { 0 };
    buf_init(&b, DOC_BYTES);
    put_pointer(d, &b);
    if (!buf_ok(&b) || !arena_str(a, buf_str(&b), &s)) s = (struct str){ 0 };
    buf_finish(&b);
    return s;
}

enum rc doc_error(const struct doc *d, const char *name, enum rc rc, struct err *e, const char *fmt, ...)
{
    char text[ERR_TEXT_BYTES];
    struct buf pointer;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_init(&pointer, ERR_TEXT_BYTES);
    put_pointer(d, &pointer);
    err_at(e, rc, name, d ? d->line : 0, d ? d->column : 0, "%s%s%s", buf_z(&pointer), pointer.n ? ": " : "", text);
    buf_finish(&pointer);
    return rc;
}

/* --- typed reading -------------------------------------------------------------------------------------------- */

static bool is_plain(const struct doc *d)
{
    return d && d->kind == DOC_SCALAR && !d->quoted;
}

bool doc_bool(const struct doc *d, bool *out)
{
    if (!is_plain(d) || (!str_is(d->text, "true") && !str_is(d->text, "false"))) return false;
    *out = str_is(d->text, "true");
    return true;
}

bool doc_i64(const struct doc *d, int64_t *out)
{
    return is_plain(d) && str_to_i64(d->text, out);
}

static size_t digits(struct str s, size_t from)
{
    size_t i = from;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9') i++;
    return i - from;
}

/* RFC 8259, section 6 */
static bool is_json_number(struct str s)
{
    size_t i = s.n && s.p[0] == '-', n = digits(s, i);
    if (n == 0 || (n > 1 && s.p[i] == '0')) return false;
    i += n;
    if (i < s.n && s.p[i] == '.') {
        n = digits(s, ++i);
        if (n == 0) return false;
        i += n;
    }
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        if (i < s.n && (s.p[i] == '+' || s.p[i] == '-')) i++;
        n = digits(s, i);
        if (n == 0) return false;
        i += n;
    }
    return i == s.n;
}

bool doc_double(const struct doc *d, double *out)
{
    if (!is_plain(d) || !is_json_number(d->text)) return false;
    double v = strtod(d->text.p, NULL); /* NUL-terminated; the programs stay in the C locale */
    if (v > 1e308 || v < -1e308) return false;
    *out = v;
    return true;
}

/* --- writing -------------------------------------------------------------------------------------------------- */

static void put_string(struct buf *out, struct str s)
{
    buf_byte(out, '"');
    buf_json(out, s);
    buf_byte(out, '"');
}

static void put_json(const struct doc *d, bool canonical, struct buf *out);

static void put_member(const struct doc *c, bool first, bool canonical, struct buf *out)
{
    buf_putz(out, first ? "" : ",");
    if (c->parent->kind == DOC_MAP) {
        put_string(out, c->key);
        buf_byte(out, ':');
    }
    put_json(c, canonical, out);
}

static void put_sorted(const struct doc *map, struct buf *out)
{
    size_t n;
    const struct doc **child_of = sorted_children(map, &n);
    if (!child_of && buf_ok(out)) out->failed = RC_NOMEM;
    for (size_t i = 0; child_of && i < n; i++) put_member(child_of[i], i == 0, true, out);
    free(child_of);
}

static void put_json(const struct doc *d, bool canonical, struct buf *out)
{
    bool unused;
    if (!d || d->kind == DOC_NULL)
        buf_putz(out, "null");
    else if (d->kind == DOC_SCALAR && (doc_bool(d, &unused) || (!d->quoted && is_json_number(d->text))))
        buf_put(out, d->text);
    else if (d->kind == DOC_SCALAR)
        put_string(out, d->text);
    else {
        buf_byte(out, d->kind == DOC_MAP ? '{' : '[');
        if (d->kind == DOC_MAP && canonical)
            put_sorted(d, out);
        else
            for (const struct doc *c = d->first; c; c = c->next) put_member(c, c == d->first, canonical, out);
        buf_byte(out, d->kind == DOC_MAP ? '}' : ']');
    }
}

void doc_to_json(const struct doc *d, struct buf *out)
{
    put_json(d, false, out);
}

void doc_to_canonical_json(const struct doc *d, struct buf *out)
{
    put_json(d, true, out);
}
