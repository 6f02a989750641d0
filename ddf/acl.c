#include "ddf/acl.h"
#include <string.h>

/* In the order in which ddf_acl_with writes new entries. There is no right to Copy. */
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

/* Parts between separators, empty ones too (str_cut passes none over, but ends before a last empty one). */
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
            return err_at(e, RC_PARSE, "ACL", 1, column, "\"%.*s\" is none of Add, Delete, Exec, Get, Replace",
                          STR_ARG(str_slice(command, 0, 60)));
        if (seen & bit) return err_at(e, RC_PARSE, "ACL", 1, column, "%.*s stands there twice", STR_ARG(command));
        seen |= bit;
        for (size_t i = 0; next_part(ids, '+', &i, &id);)
            if (!is_id(id))
                return err_at(e, RC_PARSE, "ACL", 1, column,
                              "%.*s: \"%.*s\" is no ServerID (no blanks, '=', '&', '*', '+')", STR_ARG(command),
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

/* Writing into room that is known to suffice. */
struct writer {
    char *p;
    size_t n;
};

static void write(struct writer *w, struct str s)
{
    if (s.n) memcpy(w->p + w->n, s.p, s.n);
    w->n += s.n;
}

static void write_id(struct writer *w, struct str command, struct str id, bool first)
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
    struct writer w = { .p = arena_bytes(a, acl.n + 1) };
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
    struct writer w = { .p = arena_bytes(a, acl.n + N_RIGHTS * (ENTRY + server.n) + 1) };
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
