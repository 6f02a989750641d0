/* SPDX-License-Identifier: Apache-2.0 */
/* Checks whether a command is valid: the table of ddf-tnds.md 5, row by row. */
#include "base/buf.h"
#include "ddf/pattern.h"
#include "ddf/schema.h"
#include "ddf/uri.h"
#include "ddf/xml.h"
#include <stdlib.h>

enum {
    STATUS_OK = 200,
    STATUS_BAD = 400,
    STATUS_NOT_FOUND = 404,
    STATUS_NOT_ALLOWED = 405,
    STATUS_OPTIONAL = 406,
    STATUS_TOO_LONG = 414,
    STATUS_MEDIA = 415
};

static const char *command_name(enum ddf_access c)
{
    switch (c) {
    case DDF_ADD: return "Add";
    case DDF_COPY: return "Copy";
    case DDF_DELETE: return "Delete";
    case DDF_EXEC: return "Exec";
    case DDF_GET: return "Get";
    case DDF_REPLACE: return "Replace";
    }
    return "?";
}

/* --- the syntax of the formats (protocol.md 12) ---------------------------------------------------------------- */

static size_t digits(struct str s, size_t at)
{
    size_t n = 0;
    while (at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9') n++;
    return n;
}

static bool is_int(struct str s)
{
    int64_t v;
    return str_to_i64(s, &v) && v >= INT32_MIN && v <= INT32_MAX;
}

static bool is_bool(struct str s)
{
    return str_is(s, "true") || str_is(s, "false") || str_is(s, "1") || str_is(s, "0");
}

/* XML Schema float */
static bool is_float(struct str s)
{
    size_t at = s.n && (s.p[0] == '-' || s.p[0] == '+'), whole, part = 0;
    if (str_is(s, "INF") || str_is(s, "-INF") || str_is(s, "NaN")) return true;
    whole = digits(s, at);
    at += whole;
    if (at < s.n && s.p[at] == '.') {
        part = digits(s, at + 1);
        at += 1 + part;
    }
    if (!(whole + part)) return false;
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        at++;
        at += at < s.n && (s.p[at] == '-' || s.p[at] == '+');
        if (!digits(s, at)) return false;
        at += digits(s, at);
    }
    return at == s.n;
}

/* Digits in groups: "4-2-2" for a date, with the separator between all groups or between none. */
static bool is_grouped(struct str s, const unsigned *group, size_t n, char separator, size_t *at)
{
    bool separated = false;
    for (size_t i = 0; i < n; i++) {
        if (i == 1) separated = *at < s.n && s.p[*at] == separator;
        if (i && separated) {
            if (*at >= s.n || s.p[*at] != separator) return false;
            ++*at;
        }
        if (digits(s, *at) < group[i]) return false;
        *at += group[i];
    }
    return true;
}

static bool is_date(struct str s, size_t *at)
{
    static const unsigned group[] = { 4, 2, 2 };
    return is_grouped(s, group, 3, '-', at);
}

/* A time, with an optional fraction and zone. */
static bool is_time(struct str s, size_t *at)
{
    static const unsigned group[] = { 2, 2, 2 }, zone[] = { 2, 2 };
    if (!is_grouped(s, group, 3, ':', at)) return false;
    if (*at < s.n && (s.p[*at] == '.' || s.p[*at] == ',')) {
        size_t n = digits(s, *at + 1);
        if (!n) return false;
        *at += 1 + n;
    }
    if (*at < s.n && s.p[*at] == 'Z') {
        ++*at;
        return true;
    }
    if (*at < s.n && (s.p[*at] == '+' || s.p[*at] == '-')) {
        ++*at;
        return is_grouped(s, zone, 2, ':', at);
    }
    return true;
}

/* A date, with an optional time behind 'T'. */
static bool is_date_text(struct str s)
{
    size_t at = 0;
    if (!is_date(s, &at)) return false;
    if (at < s.n && s.p[at] == 'T') {
        at++;
        if (!is_time(s, &at)) return false;
    }
    return at == s.n;
}

static bool is_time_text(struct str s)
{
    size_t at = 0;
    return is_time(s, &at) && at == s.n;
}

static bool is_b64(struct str s)
{
    size_t n = 0, pad = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
                      c == '/';
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
        if (c == '=')
            pad++;
        else if (!letter || pad)
            return false;
        n++;
    }
    return pad <= 2 && n % 4 == 0;
}

/* NULL when the text has the syntax of the format; else a description of that syntax. */
static const char *syntax(enum ddf_format f, struct str s)
{
    switch (f) {
    case DDF_CHR: return str_is_utf8(s) ? NULL : "UTF-8 text";
    case DDF_INT: return is_int(s) ? NULL : "a whole number of 32 bits";
    case DDF_BOOL: return is_bool(s) ? NULL : "true or false";
    case DDF_FLOAT: return is_float(s) ? NULL : "a number";
    case DDF_DATE: return is_date_text(s) ? NULL : "a date such as 20310131 or 2031-01-31";
    case DDF_TIME: return is_time_text(s) || is_date_text(s) ? NULL : "a time such as 120000 or 12:00:00Z";
    case DDF_XML: return ddf_xml_is_well_formed(s) ? NULL : "well-formed XML";
    case DDF_B64: return is_b64(s) ? NULL : "base64";
    case DDF_NODE:
    case DDF_NULL: return s.n ? "empty: it has no value" : NULL;
    case DDF_BIN:
    case DDF_FORMAT_COUNT: break;
    }
    return NULL;
}

/* --- allowed values ----------------------------------------------------------------------------------------------- */

/* Two values are equal when their texts are, or their numbers. */
struct key {
    bool is_number;
    int64_t number;
    struct str text;
};

static struct key key_of(struct str s)
{
    struct key k = { .text = s };
    k.is_number = str_to_i64(s, &k.number);
    return k;
}

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->is_number != y->is_number) return x->is_number ? -1 : 1;
    if (x->is_number) return x->number < y->number ? -1 : x->number > y->number;
    size_t n = x->text.n < y->text.n ? x->text.n : y->text.n;
    int order = n ? memcmp(x->text.p, y->text.p, n) : 0;
    return order ? order : (x->text.n > y->text.n) - (x->text.n < y->text.n);
}

/* What a value, or each part of a list, is compared with. Made once for all parts: a list may have as many parts as
 * the description has allowed values. */
struct judge {
    const struct ddf_allowed *al;
    struct ddf_pattern *pattern; /* REGEX; NULL = any */
    struct key *keys;            /* ENUM, in order */
    int64_t flags;               /* FLAGS: union of all bits */
};

static enum rc judge_begin(struct judge *j, const struct ddf_allowed *al, size_t parts, struct err *e)
{
    int64_t bit;
    *j = (struct judge){ .al = al };
    switch (al->kind) {
    case DDF_ALLOW_ENUM:
        j->keys = calloc(al->n ? al->n : 1, sizeof *j->keys);
        if (!j->keys) return err_set(e, RC_NOMEM, "no memory for the allowed values");
        for (size_t i = 0; i < al->n; i++) j->keys[i] = key_of(al->values[i]);
        if (parts > 1) qsort(j->keys, al->n, sizeof *j->keys, compare_keys);
        return RC_OK;
    case DDF_ALLOW_REGEX:
        return al->n && al->values[0].n ? ddf_pattern_create(al->values[0], parts, &j->pattern, e) : RC_OK;
    case DDF_ALLOW_FLAGS:
        for (size_t i = 0; i < al->n; i++)
            if (str_to_i64(al->values[i], &bit)) j->flags |= bit;
        return RC_OK;
    case DDF_ALLOW_RANGE:
    case DDF_ALLOW_ANY:
    case DDF_ALLOW_OTHER: break;
    }
    return RC_OK;
}

static void judge_end(struct judge *j)
{
    ddf_pattern_destroy(j->pattern);
    free(j->keys);
}

static bool is_one_of_keys(const struct judge *j, struct str s, bool sorted)
{
    const struct key k = key_of(s);
    if (sorted) return bsearch(&k, j->keys, j->al->n, sizeof k, compare_keys) != NULL;
    for (size_t i = 0; i < j->al->n; i++)
        if (compare_keys(&k, &j->keys[i]) == 0) return true;
    return false;
}

/* @return RC_INVALID when it is not allowed; another rc when that could not be determined, with the reason in e */
static enum rc judge_part(const struct judge *j, struct str s, bool sorted, struct err *e)
{
    int64_t v;
    switch (j->al->kind) {
    case DDF_ALLOW_ENUM: return is_one_of_keys(j, s, sorted) ? RC_OK : RC_INVALID;
    case DDF_ALLOW_RANGE: return str_to_i64(s, &v) && v >= j->al->min && v <= j->al->max ? RC_OK : RC_INVALID;
    case DDF_ALLOW_REGEX: return j->pattern ? ddf_pattern_match(j->pattern, s, e) : RC_OK;
    case DDF_ALLOW_FLAGS: return str_to_i64(s, &v) && v >= 0 && (v & ~j->flags) == 0 ? RC_OK : RC_INVALID;
    case DDF_ALLOW_ANY:
    case DDF_ALLOW_OTHER: break;
    }
    return RC_OK;
}

/* The next part of a list; delimiters are short (DDF_DELIMITER_BYTES). */
static bool next_part(struct str s, struct str delimiter, size_t *from, struct str *part)
{
    size_t to = *from;
    if (!s.n || *from > s.n) return false;
    while (to < s.n && !str_starts(str_slice(s, to, s.n), delimiter)) to++;
    *part = str_trim(str_slice(s, *from, to));
    *from = to + delimiter.n;
    return true;
}

static enum rc judge_list(const struct ddf_allowed *al, struct str s, struct str *bad, struct err *e)
{
    struct judge j;
    size_t parts = 0, at = 0;
    while (next_part(s, al->list_delimiter, &at, bad)) parts++;
    enum rc rc = judge_begin(&j, al, parts, e);
    at = 0;
    while (!rc && next_part(s, al->list_delimiter, &at, bad)) rc = judge_part(&j, *bad, parts > 1, e);
    judge_end(&j);
    return rc;
}

/* Check every part of a list; an empty list is valid. @param bad  the part that is not allowed. @return as
 * judge_part */
static enum rc allowed(const struct ddf_allowed *al, struct str s, struct str *bad, struct err *e)
{
    struct judge j;
    *bad = s;
    if (al->list_delimiter.n) return judge_list(al, s, bad, e);
    if (al->is_list) return RC_OK; /* the delimiter is unknown, so the parts cannot be separated */
    enum rc rc = judge_begin(&j, al, 1, e);
    if (!rc) rc = judge_part(&j, s, false, e);
    judge_end(&j);
    return rc;
}

/* Print the allowed values, as many as are readable. */
static void print_allowed(const struct ddf_allowed *al, struct buf *b)
{
    enum { ENOUGH = 200 };
    switch (al->kind) {
    case DDF_ALLOW_ENUM:
    case DDF_ALLOW_FLAGS:
        buf_putz(b, al->kind == DDF_ALLOW_ENUM ? "allowed are " : "allowed are sums of ");
        for (size_t i = 0; i < al->n; i++) {
            if (b->n > ENOUGH) {
                buf_printf(b, " and %zu more", al->n - i);
                break;
            }
            buf_printf(b, "%s%.*s", i ? ", " : "", STR_ARG(str_slice(al->values[i], 0, 60)));
            if (al->labels && al->labels[i].n && !str_eq(al->labels[i], al->values[i]))
                buf_printf(b, " (%.*s)", STR_ARG(str_slice(al->labels[i], 0, 60)));
        }
        break;
    case DDF_ALLOW_RANGE: buf_printf(b, "allowed is %lld to %lld", (long long)al->min, (long long)al->max); break;
    case DDF_ALLOW_REGEX: buf_printf(b, "it must match %.*s", STR_ARG(str_slice(al->values[0], 0, ENOUGH))); break;
    case DDF_ALLOW_ANY:
    case DDF_ALLOW_OTHER: break;
    }
}

static enum rc refuse_value(const struct ddf_node *n, struct str bad, struct err *e)
{
    struct buf b;
    enum rc rc;
    buf_init(&b, 400);
    print_allowed(&n->allowed, &b);
    rc = err_set(e, RC_INVALID, "\"%.*s\" is not allowed for %.*s: %s", STR_ARG(str_slice(bad, 0, 80)),
                 STR_ARG(n->name), buf_z(&b));
    buf_finish(&b);
    return rc;
}

/* A value whose check could not be finished is refused. */
static enum rc undecided(const struct ddf_node *n, enum rc rc, const struct err *why, struct err *e)
{
    return err_set(e, rc == RC_NOMEM ? RC_NOMEM : RC_INVALID, "a value for %.*s is refused: %s", STR_ARG(n->name),
                   why->text);
}

/* Check the value and give the status that a device would answer. */
static enum rc check_value(const struct ddf_node *n, struct str data, int *status, struct err *e)
{
    const char *want = syntax(n->format, data);
    struct str bad;
    struct err why = { 0 };
    if (want) {
        if (status) *status = STATUS_MEDIA;
        return err_set(e, RC_INVALID, "\"%.*s\" is not a valid value for %.*s: it must be %s",
                       STR_ARG(str_is_utf8(data) ? str_slice(data, 0, 80) : STR("...")), STR_ARG(n->name), want);
    }
    enum rc rc = allowed(&n->allowed, data, &bad, &why);
    if (rc && status) *status = STATUS_BAD;
    if (rc == RC_INVALID) return refuse_value(n, bad, e);
    return rc ? undecided(n, rc, &why, e) : RC_OK;
}

enum rc ddf_check_value(const struct ddf_node *n, struct str data, struct err *e)
{
    return check_value(n, data, NULL, e);
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

/* A command under examination. */
struct ddf_checking {
    enum ddf_access command;
    const struct ddf_node *n;
    struct str uri, name, format, type, data; /* name: the last of uri */
    bool has_data, tnds;
    int *status;
    struct err *e;
};

/* Refuse with the command, the address and the description that forbids it. */
static enum rc refuse(const struct ddf_checking *c, int status, const char *why)
{
    struct str from = c->n ? c->n->document : (struct str){ 0 };
    *c->status = status;
    return err_set(c->e, RC_INVALID, "%s %.*s: %s%s%.*s%s", command_name(c->command), STR_ARG(c->uri), why,
                   from.n ? " (description " : "", STR_ARG(str_slice(from, 0, 100)), from.n ? ")" : "");
}

static enum rc check_data(const struct ddf_checking *c, const struct ddf_node *as_sent)
{
    struct err why = { 0 };
    enum rc rc = check_value(as_sent, c->data, c->status, &why);
    struct str from = str_slice(c->n->document, 0, 100);
    if (!rc) return RC_OK;
    return err_set(c->e, rc, "%s %.*s%s%.*s%s: %s", command_name(c->command), STR_ARG(c->uri),
                   from.n ? " (description " : "", STR_ARG(from), from.n ? ")" : "", why.text);
}

static bool is_root(const struct ddf_node *n)
{
    return n->parent == NULL;
}

/* Check the name of a new node that the sender of the Add chooses. */
static enum rc check_name(const struct ddf_checking *c)
{
    const struct ddf_notes *notes = c->n->name.n ? NULL : c->n->notes;
    struct ddf_pattern *p = NULL;
    struct err why = { 0 };
    if (!notes || notes->naming != DDF_NAME_UNIQUE || !notes->name_pattern.n) return RC_OK;
    enum rc rc = ddf_pattern_create(notes->name_pattern, 1, &p, &why);
    if (!rc) rc = ddf_pattern_match(p, c->name, &why);
    ddf_pattern_destroy(p);
    if (!rc) return RC_OK;
    *c->status = STATUS_BAD;
    return err_set(c->e, rc == RC_NOMEM ? RC_NOMEM : RC_INVALID,
                   "%s %.*s: the name must match %.*s%s%s (description %.*s)", command_name(c->command),
                   STR_ARG(c->uri), STR_ARG(str_slice(notes->name_pattern, 0, 100)), why.text[0] ? "; " : "", why.text,
                   STR_ARG(str_slice(c->n->document, 0, 100)));
}

/* The flag is on the new node or on its parent, depending on the DDF's author; Add is refused only when both lack
 * it. */
static enum rc check_add(const struct ddf_checking *c)
{
    if (is_root(c->n)) return refuse(c, STATUS_NOT_ALLOWED, "the root cannot be added");
    if (c->n->permanent) return refuse(c, STATUS_NOT_ALLOWED, "the node is permanent: it exists already");
    if (!((c->n->access | c->n->parent->access) & DDF_ADD))
        return refuse(c, STATUS_NOT_ALLOWED, "the description does not allow Add here");
    return check_name(c);
}

static enum rc check_delete(const struct ddf_checking *c)
{
    if (is_root(c->n) || c->n->permanent) return refuse(c, STATUS_NOT_ALLOWED, "a permanent node cannot be deleted");
    if (!(c->n->access & DDF_DELETE))
        return refuse(c, STATUS_NOT_ALLOWED, "the description does not allow Delete here");
    if (c->n->name.n && c->n->min_occurs)
        return refuse(c, STATUS_NOT_ALLOWED, "the node must exist as long as its parent does");
    return RC_OK;
}

static enum rc check_access(const struct ddf_checking *c)
{
    switch (c->command) {
    case DDF_ADD: return check_add(c);
    case DDF_DELETE: return check_delete(c);
    case DDF_COPY:
        if (!(c->n->access & (DDF_COPY | DDF_ADD | DDF_REPLACE)))
            return refuse(c, STATUS_NOT_ALLOWED, "the description allows neither Copy nor Add nor Replace here");
        return RC_OK;
    case DDF_EXEC:
        return c->n->access & DDF_EXEC ? RC_OK
                                       : refuse(c, STATUS_NOT_ALLOWED, "the description does not allow Exec here");
    case DDF_GET: return c->n->access & DDF_GET ? RC_OK : refuse(c, STATUS_NOT_ALLOWED, "the node cannot be read");
    case DDF_REPLACE:
        if (!(c->n->access & DDF_REPLACE) && !(c->tnds && c->n->format == DDF_NODE))
            return refuse(c, STATUS_NOT_ALLOWED, "the description does not allow Replace here");
        return RC_OK;
    }
    return RC_OK;
}

/* "text/plain; charset=utf-8" is text/plain. */
static bool type_fits(const struct ddf_node *n, struct str type)
{
    struct str rest = n->mime, one, base = str_trim(str_slice(type, 0, str_find(type, ';', 0)));
    if (!base.n || !rest.n) return true;
    while (str_cut(&rest, ' ', &one))
        if (str_eq_fold(one, base)) return true;
    return false;
}

/* b64 is the form of bin in XML; a value without a Format is chr. */
static bool format_fits(const struct ddf_node *n, enum ddf_format f)
{
    return f == n->format || (n->format == DDF_BIN && f == DDF_B64) || (n->format == DDF_B64 && f == DDF_BIN) ||
           (n->format == DDF_NULL && f == DDF_CHR);
}

static enum rc check_content(const struct ddf_checking *c)
{
    enum ddf_format f = DDF_CHR;
    struct ddf_node as_sent;
    if (c->tnds)
        return c->n->format == DDF_NODE ? RC_OK : refuse(c, STATUS_MEDIA, "a leaf does not take a serialised tree");
    if (c->format.n && !ddf_format_of(c->format, &f)) return refuse(c, STATUS_MEDIA, "the Format is unknown");
    if (c->n->format == DDF_NODE && c->command == DDF_REPLACE)
        return refuse(c, STATUS_NOT_ALLOWED, "an interior node is replaced by a serialised tree only");
    if (!format_fits(c->n, f)) {
        *c->status = STATUS_MEDIA;
        return err_set(c->e, RC_INVALID, "%s %.*s: the Format must be %s, not %s", command_name(c->command),
                       STR_ARG(c->uri), ddf_format_name(c->n->format), ddf_format_name(f));
    }
    if (c->n->format != DDF_NODE && !type_fits(c->n, c->type))
        return refuse(c, STATUS_MEDIA, "the description does not list the Type");
    if (c->n->format == DDF_NODE || c->n->format == DDF_NULL)
        return !c->has_data || !c->data.n
                   ? RC_OK
                   : refuse(c, STATUS_MEDIA, "the node has no value, and the command brings one");
    as_sent = *c->n;
    if (c->n->format == DDF_BIN || c->n->format == DDF_B64) as_sent.format = f;
    return check_data(c, &as_sent);
}

static bool is_one_of(struct str s, const char *const *list)
{
    for (; *list; list++)
        if (str_is(s, *list)) return true;
    return false;
}

/* ?prop= (protocol.md 11.1). The device checks Size and the like. */
static enum rc check_property(const struct ddf_checking *c, struct str property)
{
    static const char *const writable[] = { "ACL", "Name", "Title", NULL };
    if (c->command == DDF_GET) return RC_OK;
    if (c->command != DDF_REPLACE || !is_one_of(property, writable))
        return refuse(c, STATUS_NOT_ALLOWED, "this property does not take the command");
    if (str_is(property, "Name") && c->n->permanent)
        return refuse(c, STATUS_NOT_ALLOWED, "a permanent node cannot be renamed");
    return RC_OK;
}

/* The nearest described node above an address without a description. */
static const struct ddf_node *nearest(const struct ddf_schema *s, struct str uri)
{
    struct str up = uri;
    const struct ddf_node *n = NULL;
    while (!n && up.n) {
        up = ddf_uri_parent(up);
        n = ddf_schema_find(s, up);
    }
    return n;
}

static enum rc check_unknown(const struct ddf_checking *c, const struct ddf_schema *s, bool strict)
{
    const struct ddf_node *above = nearest(s, c->uri);
    if (above && above->format != DDF_NODE) return refuse(c, STATUS_NOT_ALLOWED, "the node above it is a leaf");
    if (strict) return refuse(c, STATUS_NOT_FOUND, "no description covers this address");
    return RC_OK;
}

enum rc ddf_check(const struct ddf_schema *s, enum ddf_access command, struct str uri, struct str format,
                  struct str type, struct str data, bool has_data, bool strict, int *status, struct err *e)
{
    struct ddf_checking c = {
        .command = command, .format = format, .type = type, .data = data, .has_data = has_data, .status = status, .e = e
    };
    enum ddf_query query;
    struct str arg;
    struct ddf_uri u;
    enum rc rc = ddf_uri_split_query(uri, &c.uri, &query, &arg, e);
    *status = STATUS_OK;
    if (!rc) rc = ddf_uri_parse(c.uri, &u, e);
    if (rc) {
        *status = rc == RC_LIMIT ? STATUS_TOO_LONG : STATUS_BAD;
        return RC_INVALID;
    }
    if (u.depth) c.name = u.name[u.depth - 1];
    c.tnds = str_starts(type, STR("application/vnd.syncml.dmtnds"));
    c.n = ddf_schema_find(s, c.uri);
    if (!c.n) return check_unknown(&c, s, strict);
    if (query == DDF_QUERY_PROP) return check_property(&c, arg);
    if (query != DDF_QUERY_NONE && command != DDF_GET) return refuse(&c, STATUS_OPTIONAL, "?list= is for Get only");
    rc = check_access(&c);
    if (!rc && (command == DDF_ADD || command == DDF_REPLACE)) rc = check_content(&c);
    return rc;
}
