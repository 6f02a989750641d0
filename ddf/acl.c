/* SPDX-License-Identifier: Apache-2.0 */
#include "ddf/acl.h"
#include <string.h>

/* The order in which ddf_acl_with writes new entries. There is no right for Copy. */
static const struct {
    const char *name;
    enum ddf_access bit;
} rights[] = {
    { "Add", DDF_ADD }, { "Delete", DDF_DELETE }, { "Exec", DDF_EXEC }, { "Get", DDF_GET }, { "Replace", DDF_REPLACE },
};
enum { N_RIGHTS = sizeof rights / sizeof rights[0] };

/* "Get=a+b" -> "Get", "a+b"; false without '='. */
static bool split(struct str entry, struct str *command, struct str *ids)
{
    size_t eq = str_find(entry, '=', 0);
    *command = str_slice(entry, 0, eq);
    *ids = str_slice(entry, eq + 1, entry.n);
    return eq < entry.n;
}

static unsigned bit_of(struct str command)
{
    for (size_t i = 0; i < N_RIGHTS; i++)
        if (str_is(command, rights[i].name)) return rights[i].bit;
    return 0;
}

static bool is_id(struct str s)
{
    if (str_is(s, "*")) return true;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c == 0x7F || c == '=' || c == '&' || c == '*' || c == '+') return false;
    }
    return s.n > 0;
}

/* The next part between separators. Empty parts count (str_cut returns them too, except a last one). */
static bool next_part(struct str s, char separator, size_t *from, struct str *part)
{
    size_t to;
    if (*from > s.n) return false;
    to = str_find(s, separator, *from);
    *part = str_slice(s, *from, to);
    *from = to + 1;
    return true;
}

enum rc ddf_acl_check(struct str acl, struct err *e)
{
    struct str entry, command, ids, id;
    unsigned seen = 0, bit;
    for (size_t at = 0; acl.n && next_part(acl, '&', &at, &entry);) {
        unsigned column = (unsigned)(entry.p ? (size_t)(entry.p - acl.p) + 1 : acl.n + 1);
        if (!split(entry, &command, &ids))
            return err_at(e, RC_PARSE, "ACL", 1, column, "\"%.*s\" must be Command=ServerID+ServerID",
                          STR_ARG(str_slice(entry, 0, 60)));
        bit = bit_of(command);
        if (!bit)
            return err_at(e, RC_PARSE, "ACL", 1, column, "\"%.*s\" is not one of Add, Delete, Exec, Get, Replace",
                          STR_ARG(str_slice(command, 0, 60)));
        if (seen & bit) return err_at(e, RC_PARSE, "ACL", 1, column, "%.*s is listed twice", STR_ARG(command));
        seen |= bit;
        for (size_t i = 0; next_part(ids, '+', &i, &id);)
            if (!is_id(id))
                return err_at(e, RC_PARSE, "ACL", 1, column,
                              "%.*s: \"%.*s\" is not a ServerID (no blanks, '=', '&', '*', '+')", STR_ARG(command),
                              STR_ARG(str_slice(id, 0, 60)));
    }
    return RC_OK;
}

static bool names(struct str ids, struct str server)
{
    struct str id;
    for (size_t i = 0; next_part(ids, '+', &i, &id);)
        if (str_is(id, "*") || (server.n && str_eq(id, server))) return true;
    return false;
}

bool ddf_acl_allows(struct str acl, enum ddf_access command, struct str server)
{
    struct str entry, name, ids;
    for (size_t at = 0; acl.n && next_part(acl, '&', &at, &entry);)
        if (split(entry, &name, &ids) && bit_of(name) == (unsigned)command && names(ids, server)) return true;
    return false;
}

/* Writes into a buffer that is known to be large enough. */
struct acl_out {
    char *p;
    size_t n;
};

static void write(struct acl_out *w, struct str s)
{
    if (s.n) memcpy(w->p + w->n, s.p, s.n);
    w->n += s.n;
}

static void write_id(struct acl_out *w, struct str command, struct str id, bool first)
{
    if (first) {
        write(w, w->n ? STR("&") : STR(""));
        write(w, command);
        write(w, STR("="));
    } else {
        write(w, STR("+"));
    }
    write(w, id);
}

enum rc ddf_acl_without(struct str acl, struct str server, struct arena *a, struct str *out)
{
    struct acl_out w = { .p = arena_bytes(a, acl.n + 1) };
    struct str entry, command, ids, id;
    if (!w.p) return RC_NOMEM;
    for (size_t at = 0; acl.n && next_part(acl, '&', &at, &entry);) {
        bool first = true;
        if (!split(entry, &command, &ids)) continue;
        for (size_t i = 0; next_part(ids, '+', &i, &id);) {
            if (!id.n || str_eq(id, server)) continue;
            write_id(&w, command, id, first);
            first = false;
        }
    }
    w.p[w.n] = '\0';
    *out = (struct str){ w.p, w.n };
    return RC_OK;
}

enum rc ddf_acl_with(struct str acl, unsigned commands, struct str server, struct arena *a, struct str *out)
{
    enum { ENTRY = sizeof "&Replace=+" };
    struct acl_out w = { .p = arena_bytes(a, acl.n + N_RIGHTS * (ENTRY + server.n) + 1) };
    struct str entry, command, ids;
    if (!w.p) return RC_NOMEM;
    for (size_t at = 0; acl.n && next_part(acl, '&', &at, &entry);) {
        unsigned bit = split(entry, &command, &ids) ? bit_of(command) : 0;
        if (!bit || !ids.n) continue;
        write_id(&w, command, ids, true);
        if (commands & bit && !names(ids, server)) write_id(&w, command, server, false);
        commands &= ~bit;
    }
    for (size_t i = 0; i < N_RIGHTS; i++)
        if (commands & rights[i].bit) write_id(&w, str_of(rights[i].name), server, true);
    w.p[w.n] = '\0';
    *out = (struct str){ w.p, w.n };
    return RC_OK;
}

/* The servers that have one right; empty when there is no such entry. */
static struct str ids_of(struct str acl, unsigned bit)
{
    struct str entry, command, ids;
    for (size_t at = 0; acl.n && next_part(acl, '&', &at, &entry);)
        if (split(entry, &command, &ids) && bit_of(command) == bit) return ids;
    return (struct str){ 0 };
}

static bool has_id(struct str ids, struct str id)
{
    struct str one;
    for (size_t i = 0; ids.n && next_part(ids, '+', &i, &one);)
        if (str_eq(one, id)) return true;
    return false;
}

/* Write one entry: the remaining servers, then the new ones; "*" is written alone. */
static void write_right(struct acl_out *w, struct str name, struct str now, struct str grant, struct str revoke)
{
    struct str id;
    bool first = true, all = has_id(grant, STR("*")) || (has_id(now, STR("*")) && !has_id(revoke, STR("*")));
    if (all) {
        write_id(w, name, STR("*"), true);
        return;
    }
    for (size_t i = 0; now.n && !has_id(revoke, STR("*")) && next_part(now, '+', &i, &id);) {
        if (!id.n || has_id(revoke, id)) continue;
        write_id(w, name, id, first);
        first = false;
    }
    for (size_t i = 0; grant.n && next_part(grant, '+', &i, &id);) {
        bool kept = has_id(now, id) && !has_id(revoke, id) && !has_id(revoke, STR("*"));
        if (!id.n || kept) continue;
        write_id(w, name, id, first);
        first = false;
    }
}

enum rc ddf_acl_change(struct str acl, struct str grant, struct str revoke, struct arena *a, struct str *out,
                       struct err *e)
{
    struct acl_out w = { .p = arena_bytes(a, acl.n + grant.n + N_RIGHTS * sizeof "&Replace=+*" + 1) };
    if (!w.p) return err_set(e, RC_NOMEM, "no memory for an ACL");
    for (size_t i = 0; i < N_RIGHTS; i++) {
        struct str now = ids_of(acl, rights[i].bit), less = ids_of(revoke, rights[i].bit);
        if (less.n && has_id(now, STR("*")) && !has_id(less, STR("*")))
            return err_set(
                e, RC_INVALID,
                "all servers (*) have %s, so it cannot be revoked from %.*s alone: revoke %s=* and grant it to"
                " the servers that keep it",
                rights[i].name, STR_ARG(less), rights[i].name);
        write_right(&w, str_of(rights[i].name), now, ids_of(grant, rights[i].bit), less);
    }
    w.p[w.n] = '\0';
    *out = (struct str){ w.p, w.n };
    return RC_OK;
}

static bool covers(struct str x, struct str y)
{
    struct str id;
    for (size_t i = 0; i < N_RIGHTS; i++) {
        struct str ids = ids_of(x, rights[i].bit);
        for (size_t k = 0; ids.n && next_part(ids, '+', &k, &id);)
            if (!has_id(ids_of(y, rights[i].bit), id)) return false;
    }
    return true;
}

bool ddf_acl_same(struct str x, struct str y)
{
    return covers(x, y) && covers(y, x);
}
