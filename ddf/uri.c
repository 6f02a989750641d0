/* SPDX-License-Identifier: Apache-2.0 */
#include "ddf/uri.h"
#include <string.h>

/* Cut an address into names, after its optional "./". */
static enum rc cut(struct str path, struct str whole, struct ddf_uri *out, struct err *e)
{
    out->depth = 0;
    for (size_t from = 0;;) {
        size_t to = str_find(path, '/', from);
        struct str name = str_slice(path, from, to);
        if (!name.n)
            return err_set(e, RC_PARSE, "\"%.*s\": %s", STR_ARG(whole),
                           to < path.n ? "a name between two '/' is empty" : "it ends in '/'");
        /* protocol.md 10: "../" nowhere, "./" only at the start. */
        if (str_is(name, ".") || str_is(name, ".."))
            return err_set(e, RC_PARSE, "\"%.*s\": \"%.*s\" is not a valid name", STR_ARG(whole), STR_ARG(name));
        if (memchr(name.p, 0, name.n)) return err_set(e, RC_PARSE, "an address has a NUL in it");
        if (name.n > DDF_NAME_BYTES)
            return err_set(e, RC_LIMIT, "\"%.*s\": a name has more than %d bytes, the most of any device",
                           STR_ARG(whole), DDF_NAME_BYTES);
        if (out->depth == DDF_URI_NAMES)
            return err_set(e, RC_LIMIT, "\"%.*s\": more than %d names, the most of any device", STR_ARG(whole),
                           DDF_URI_NAMES);
        out->name[out->depth++] = name;
        if (to == path.n) return RC_OK;
        from = to + 1;
    }
}

enum rc ddf_uri_parse(struct str text, struct ddf_uri *out, struct err *e)
{
    struct ddf_uri u;
    bool dotted = str_is(text, ".") || str_starts(text, STR("./"));
    enum rc rc;
    if (text.n + (dotted ? 0 : 2) > DDF_URI_BYTES)
        return err_set(e, RC_LIMIT, "an address has more than %d bytes, the most of any device", DDF_URI_BYTES);
    if (str_is(text, ".")) {
        out->depth = 0;
        return RC_OK;
    }
    if (!text.n) return err_set(e, RC_PARSE, "an address is empty");
    rc = cut(dotted ? str_slice(text, 2, text.n) : text, text, &u, e);
    if (!rc) *out = u;
    return rc;
}

enum rc ddf_uri_canonical(struct str text, struct arena *a, struct str *out, struct err *e)
{
    struct ddf_uri u;
    struct str copy;
    enum rc rc = ddf_uri_parse(text, &u, e);
    if (rc) return rc;
    if (u.depth == 0 || str_starts(text, STR("./"))) {
        if (!arena_str(a, text, &copy)) return err_set(e, RC_NOMEM, "no memory left for an address");
    } else {
        copy = ddf_uri_join(a, STR("."), text);
        if (!copy.p) return err_set(e, RC_NOMEM, "no memory left for an address");
    }
    *out = copy;
    return RC_OK;
}

struct str ddf_uri_join(struct arena *a, struct str parent, struct str relative)
{
    size_t n = parent.n + (relative.n ? 1 + relative.n : 0);
    char *p = arena_bytes(a, n + 1);
    if (!p) return (struct str){ 0 };
    if (parent.n) memcpy(p, parent.p, parent.n);
    if (relative.n) {
        p[parent.n] = '/';
        memcpy(p + parent.n + 1, relative.p, relative.n);
    }
    p[n] = '\0';
    return (struct str){ p, n };
}

/* Position of the last '/', or n. */
static size_t last_slash(struct str s)
{
    size_t i = s.n;
    while (i > 0 && s.p[i - 1] != '/') i--;
    return i ? i - 1 : s.n;
}

struct str ddf_uri_parent(struct str canonical)
{
    size_t slash = last_slash(canonical);
    return slash < canonical.n ? str_slice(canonical, 0, slash) : (struct str){ 0 };
}

struct str ddf_uri_name(struct str canonical)
{
    size_t slash = last_slash(canonical);
    if (slash < canonical.n) return str_slice(canonical, slash + 1, canonical.n);
    return str_is(canonical, ".") ? (struct str){ 0 } : canonical;
}

bool ddf_uri_within(struct str uri, struct str base)
{
    return str_starts(uri, base) && (uri.n == base.n || uri.p[base.n] == '/');
}

/* The properties a node can have (protocol.md 11.1). */
static bool is_property(struct str s)
{
    static const char *const names[] = { "ACL", "Format", "Name", "Size", "Title", "TStamp", "Type", "VerNo" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_is(s, names[i])) return true;
    return false;
}

/* "", or properties (and Value) that all begin with '+' or all with '-'. */
static bool is_selection(struct str s)
{
    for (size_t i = 0; i < s.n;) {
        size_t to = i + 1;
        if (s.p[i] != s.p[0] || (s.p[0] != '+' && s.p[0] != '-')) return false;
        while (to < s.n && s.p[to] != '+' && s.p[to] != '-') to++;
        if (!is_property(str_slice(s, i + 1, to)) && !str_is(str_slice(s, i + 1, to), "Value")) return false;
        i = to;
    }
    return true;
}

enum rc ddf_uri_split_query(struct str text, struct str *base, enum ddf_query *query, struct str *arg, struct err *e)
{
    size_t mark = str_find(text, '?', 0);
    struct str q = str_slice(text, mark + 1, text.n), value = { 0 };
    enum ddf_query kind;
    if (mark == text.n) {
        kind = DDF_QUERY_NONE;
    } else if (str_starts(q, STR("prop=")) && is_property(str_slice(q, 5, q.n))) {
        kind = DDF_QUERY_PROP;
        value = str_slice(q, 5, q.n);
    } else if (str_is(q, "list=Struct")) {
        kind = DDF_QUERY_STRUCT;
    } else if (str_is(q, "list=StructData")) {
        kind = DDF_QUERY_STRUCT_DATA;
    } else if (str_starts(q, STR("list=TNDS")) && is_selection(str_slice(q, 9, q.n))) {
        kind = DDF_QUERY_TNDS;
        value = str_slice(q, 9, q.n);
    } else {
        return err_set(e, RC_PARSE, "\"?%.*s\" is not a known query: prop=, list=Struct, list=StructData, list=TNDS",
                       STR_ARG(str_slice(q, 0, 100)));
    }
    *base = str_slice(text, 0, mark);
    *query = kind;
    *arg = value;
    return RC_OK;
}
