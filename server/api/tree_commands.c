/* SPDX-License-Identifier: Apache-2.0 */
#include "db/operation_item.h"
#include "server/api/tree_commands.h"
#include "server/api/describe.h"

#include "base/suggest.h"
#include "base/text.h"
#include "server/core/credentials.h"
#include "syncml/msg.h"

#include "ddf/acl.h"
#include "ddf/uri.h"

#include <stdio.h>
#include <string.h>

enum { POINTER_BYTES = 60 };

/* The tree commands, and where each is allowed. */
static const struct tree_verb {
    enum ddf_access access; /* 0: a user interaction alert */
    bool known;
    bool in_atomic; /* protocol.md 4; a Sequence allows all */
} verbs[DM_COMMAND_COUNT] = {
    [DM_GET] = { DDF_GET, true, false },
    [DM_ADD] = { DDF_ADD, true, true },
    [DM_REPLACE] = { DDF_REPLACE, true, true },
    [DM_DELETE] = { DDF_DELETE, true, true },
    [DM_EXEC] = { DDF_EXEC, true, false },
    [DM_COPY] = { DDF_COPY, true, true },
    [DM_DISPLAY] = { 0, true, true },
    [DM_CONFIRM] = { 0, true, true },
    [DM_INPUT] = { 0, true, true },
    [DM_CHOICE] = { 0, true, true },
    [DM_CHOICES] = { 0, true, true },
};
#define COMMANDS "get, add, replace, delete, exec, copy, display, confirm, input, choice, choices"

/* Words must match exactly, because they are stored as written. */
static enum dm_command command_of(struct str word)
{
    enum dm_command c = dm_command_of(word);
    return str_is(word, dm_command_word(c)) ? c : DM_NONE;
}

static const struct tree_verb *verb_of(struct str word)
{
    const struct tree_verb *v = &verbs[command_of(word)];
    return v->known ? v : NULL;
}

/* A command being checked; `base` is its pointer in the request: "", or "/commands/2". */
struct tree_commands_check {
    struct call *c;
    const struct ddf_schema *schema;
    const char *base;
    struct str who; /* "", or "command 3: " */
    struct tree_command *t;
    char pointer[POINTER_BYTES];
};

static const char *at(struct tree_commands_check *x, const char *member)
{
    snprintf(x->pointer, sizeof x->pointer, "%s/%s", x->base, member);
    return x->pointer;
}

#define REFUSE(x, member, ...) api_refuse((x)->c, 400, "Bad request", at((x), (member)), __VA_ARGS__)

/* A user interaction alert: options, text, choices, one per line (protocol.md 5.1). */
static enum rc check_question(struct tree_commands_check *x)
{
    struct str lines = x->t->data, line;
    size_t n = 0, empty = 0;
    while (str_cut(&lines, '\n', &line)) {
        empty += n && !line.n;
        n++;
    }
    if (x->t->uri.n || x->t->format.n || x->t->type.n)
        return REFUSE(x, "data", "%.*sa user interaction has data only", STR_ARG(x->who));
    if (n < 2 || empty)
        return REFUSE(x, "data",
                      "%.*sexpected a line with options (may be empty), then the text, then the choices, one per line",
                      STR_ARG(x->who));
    if (credentials_question(x->t->data) && credentials_option(x->t->data, STR("DR")).n)
        return REFUSE(x, "data", "%.*sa password prompt (ET=P) has no default response (DR): it would be shown",
                      STR_ARG(x->who));
    if ((n > 2) != str_starts(x->t->command, STR("choice")))
        return REFUSE(x, "data", n > 2 ? "%.*s%.*s has no choices" : "%.*s%.*s needs choices", STR_ARG(x->who),
                      STR_ARG(x->t->command));
    return RC_OK;
}

/* Copy works from a leaf to a leaf. */
static enum rc check_copy(struct tree_commands_check *x)
{
    struct str base, arg;
    enum ddf_query q;
    struct err *e = &x->c->e;
    if (!x->t->data.n || ddf_uri_split_query(x->t->data, &base, &q, &arg, e) || q != DDF_QUERY_NONE ||
        ddf_uri_canonical(base, x->c->a, &x->t->data, e))
        return REFUSE(x, "data", "%.*sto copy, give the address to copy from as data", STR_ARG(x->who));
    return str_find(x->t->uri, '?', 0) < x->t->uri.n
               ? REFUSE(x, "uri", "%.*sa node is copied, not a property of it", STR_ARG(x->who))
               : RC_OK;
}

/* Report the status that the device would answer, with the member of the request that causes it. */
static enum rc refuse_as_device(struct tree_commands_check *x, int status)
{
    struct call *c = x->c;
    json_t *j = json_object();
    const char *member = status == 404    ? "uri"
                         : status == 405  ? "command"
                         : status == 415  ? "format"
                         : x->t->has_data ? "data"
                                          : "uri";
    json_put_str(j, "type", STR("about:blank"));
    json_put_str(j, "title", STR("Invalid command"));
    json_put_int(j, "status", 422);
    json_put_str(j, "detail",
                 arena_printf(c->a, "%.*sthe device would answer %d: %s", STR_ARG(x->who), status, c->e.text));
    json_put_str(j, "pointer", str_of(at(x, member)));
    json_put_int(j, "deviceStatus", status);
    api_answer(c, 422, j);
    c->reply->n_headers = 0;
    http_reply_header(c->reply, "Content-Type", STR("application/problem+json"));
    return RC_DENIED;
}

static enum rc check_format(struct tree_commands_check *x)
{
    enum ddf_format f;
    if (!x->t->format.n || ddf_format_of(x->t->format, &f)) return RC_OK;
    struct str more = suggest_among(x->t->format, STR("b64, bin, bool, chr, int, node, null, xml, date, time, float"),
                                    x->c->a);
    return REFUSE(x, "format", "%.*sunknown format \"%.*s\"%.*s", STR_ARG(x->who), STR_ARG(x->t->format),
                  STR_ARG(more));
}

/* True for base64 with padding and without line breaks, the form in which values are compared. */
static bool octets_as_written(struct tree_commands_check *x)
{
    struct str bytes;
    char *text = NULL;
    if (text_b64_decode(x->t->data, x->c->a, &bytes) || !(text = arena_bytes(x->c->a, text_b64_len(bytes.n) + 1)))
        return false;
    text_b64(bytes.p, bytes.n, text);
    x->t->data = (struct str){ text, text_b64_len(bytes.n) };
    return true;
}

static enum rc check_command(struct tree_commands_check *x, const struct tree_verb *v)
{
    struct tree_command *t = x->t;
    struct err *e = &x->c->e;
    struct str base, arg;
    enum ddf_query q;
    int status = 200;
    bool octets = false;
    if (!v->access) return check_question(x);
    if (!t->uri.n) return REFUSE(x, "uri", "%.*sa tree command needs an address", STR_ARG(x->who));
    if (ddf_uri_split_query(t->uri, &base, &q, &arg, e) || ddf_uri_canonical(base, x->c->a, &base, e))
        return REFUSE(x, "uri", "%.*s%s", STR_ARG(x->who), e->text);
    if (q != DDF_QUERY_NONE && v->access != DDF_GET && q != DDF_QUERY_PROP)
        return REFUSE(x, "uri", "%.*sonly get takes ?list=", STR_ARG(x->who));
    if (q == DDF_QUERY_PROP && v->access != DDF_GET && v->access != DDF_REPLACE && v->access != DDF_COPY)
        return REFUSE(x, "uri", "%.*sa property can only be read and replaced", STR_ARG(x->who));
    if (t->has_data && (v->access == DDF_GET || v->access == DDF_DELETE))
        return REFUSE(x, "data", "%.*s%.*s carries no data", STR_ARG(x->who), STR_ARG(t->command));
    if (!t->has_data && v->access == DDF_REPLACE)
        return REFUSE(x, "data", "%.*sreplace needs the new value as data", STR_ARG(x->who));
    if (q == DDF_QUERY_PROP && str_is(arg, "ACL") && v->access == DDF_REPLACE && ddf_acl_check(t->data, e))
        return REFUSE(x, "data", "%.*s%s", STR_ARG(x->who), e->text);
    const struct ddf_node *n = !t->format.n && t->has_data && q == DDF_QUERY_NONE ? ddf_schema_find(x->schema, base)
                                                                                  : NULL;
    octets = str_eq_fold(t->format, STR("bin")) || (n && n->format == DDF_BIN);
    if (octets && t->has_data && !octets_as_written(x))
        return REFUSE(x, "data", "%.*svalues of format bin must be base64", STR_ARG(x->who));
    if (check_format(x) || (v->access == DDF_COPY && check_copy(x))) return RC_DENIED;
    if (q == DDF_QUERY_NONE && v->access != DDF_COPY &&
        ddf_check(x->schema, v->access, base,
                  octets ? STR("b64")
                  : n    ? str_of(ddf_format_name(n->format)) /* the default is the description's format */
                         : t->format,
                  t->type, t->data, t->has_data, false, &status, e))
        return refuse_as_device(x, status);
    const struct sml_item item = { .target = base, .data = t->data, .meta.type = t->type };
    t->secret = t->has_data && v->access != DDF_COPY && q == DDF_QUERY_NONE &&
                credentials_item(x->c->api->srv->schema, x->schema, &item);
    t->uri = arena_printf(x->c->a, "%.*s%.*s", STR_ARG(base),
                          STR_ARG(str_slice(t->uri, str_find(t->uri, '?', 0), t->uri.n)));
    return RC_OK;
}

/* ---- several ---- */

static enum rc read_item(struct call *c, const json_t *j, const char *base, struct tree_command *t)
{
    const struct field fields[] = {
        { "command", FIELD_TEXT, true, 10, &t->command, NULL },
        { "uri", FIELD_TEXT, false, TREE_URI_BYTES, &t->uri, NULL },
        { "format", FIELD_TEXT, false, 10, &t->format, NULL },
        { "type", FIELD_TEXT, false, 100, &t->type, NULL },
        { "data", FIELD_TEXT, false, TREE_DATA_BYTES, &t->data, &t->has_data },
    };
    if (!json_is_object(j))
        return api_refuse(c, 400, "Bad request", base, "a command is an object with command, uri ...");
    return json_fields(j, base, fields, sizeof fields / sizeof fields[0], &c->e);
}

/* S-202: the commands allowed in an Atomic and in a Sequence. */
static enum rc check_member(struct tree_commands_check *x, bool atomic, size_t *n_execs)
{
    const struct tree_verb *v = verb_of(x->t->command);
    if (!v && dm_command_groups(command_of(x->t->command)))
        return REFUSE(x, "command", "%.*sgroups of commands cannot be nested", STR_ARG(x->who));
    if (!v)
        return REFUSE(x, "command", "%.*sunknown command \"%.*s\"%.*s", STR_ARG(x->who), STR_ARG(x->t->command),
                      STR_ARG(suggest_among(x->t->command, STR(COMMANDS), x->c->a)));
    if (atomic && !v->in_atomic)
        return REFUSE(x, "command",
                      "%.*san Atomic cannot contain %.*s: it succeeds or is rolled back as a whole, so it can neither "
                      "read nor execute",
                      STR_ARG(x->who), STR_ARG(x->t->command));
    if (v->access == DDF_EXEC && ++*n_execs > 1)
        return REFUSE(x, "command",
                      "%.*sa Sequence may contain one exec at most: its result is reported with one correlator",
                      STR_ARG(x->who));
    return check_command(x, v);
}

static enum rc check_group(struct call *c, const struct ddf_schema *schema, struct tree_wish *w)
{
    size_t n = json_array_size(w->commands), bytes = 0, execs = 0;
    bool atomic = command_of(w->one.command) == DM_ATOMIC;
    char base[POINTER_BYTES];
    if (w->one.uri.n || w->one.format.n || w->one.type.n || w->one.has_data)
        return api_refuse(c, 400, "Bad request", "/commands",
                          "uri, format, type and data belong to each of the commands");
    if (!n || n > TREE_COMMANDS)
        return api_refuse(c, 400, "Bad request", "/commands", "commands needs 1 to %d entries", TREE_COMMANDS);
    if (!(w->items = ARENA_ARRAY(c->a, struct tree_command, n)))
        return err_set(&c->e, RC_NOMEM, "no memory for commands");
    for (; w->n_items < n; w->n_items++) {
        struct tree_command *t = &w->items[w->n_items];
        *t = (struct tree_command){ .has_data = false };
        snprintf(base, sizeof base, "/commands/%zu", w->n_items);
        struct tree_commands_check x = {
            .c = c, .schema = schema, .base = base, .who = arena_printf(c->a, "command %zu: ", w->n_items + 1), .t = t
        };
        enum rc rc = read_item(c, json_array_get(w->commands, w->n_items), base, t);
        if (!rc) rc = check_member(&x, atomic, &execs);
        if (rc) return rc;
        if ((bytes += t->data.n + t->uri.n) > TREE_DATA_BYTES)
            return REFUSE(&x, "data", "the commands have more than %d bytes in total: they must fit into one message",
                          TREE_DATA_BYTES);
    }
    return RC_OK;
}

/* ---- access rights ---- */

/* {"Get": ["a", "b"]} as "Get=a+b". */
static enum rc read_rights(struct call *c, const json_t *j, const char *member, struct str *out)
{
    static const char *const rights[] = { "Add", "Delete", "Exec", "Get", "Replace" };
    struct buf b;
    const char *key;
    json_t *ids, *id, *rw = json_deep_copy(j);
    size_t i;
    char pointer[POINTER_BYTES];
    enum rc rc = RC_OK;
    buf_init(&b, TREE_DATA_BYTES);
    json_object_foreach(rw, key, ids)
    {
        bool known = false;
        for (i = 0; i < sizeof rights / sizeof rights[0]; i++) known |= strcmp(rights[i], key) == 0;
        snprintf(pointer, sizeof pointer, "/%s/%.30s", member, key);
        if (!known)
            rc = api_refuse_word(c, arena_strz(c->a, str_of(pointer)), "right", str_of(key),
                                 STR("Add, Delete, Exec, Get, Replace"));
        else if (!json_is_array(ids) || !json_array_size(ids))
            rc = api_refuse(c, 400, "Bad request", pointer, "expected a list of ServerIDs, or [\"*\"] for all servers");
        if (rc) break;
        buf_printf(&b, "%s%s=", b.n ? "&" : "", key);
        json_array_foreach(ids, i, id)
        {
            struct str s = { json_string_value(id), json_string_length(id) };
            if (i) buf_byte(&b, '+');
            buf_put(&b, json_is_string(id) && !memchr(s.n ? s.p : "", ';', s.n) ? s : STR(" "));
        }
        struct str entry = str_slice(buf_str(&b), 0, b.n);
        if (ddf_acl_check(entry, &c->e))
            rc = api_refuse(c, 400, "Bad request", pointer,
                            "expected a list of ServerIDs without blanks, '=', '&', '*', '+', ';'"
                            "; \"*\" means all servers");
        if (rc) break;
    }
    if (!rc && !buf_ok(&b))
        rc = api_refuse(c, 400, "Bad request", at(&(struct tree_commands_check){ .base = "" }, member),
                        "this is too long");
    if (!rc) *out = api_keep(c, buf_str(&b));
    buf_finish(&b);
    json_decref(rw);
    return rc;
}

/* Without grant and revoke, acl reads the access rights. */
static enum rc check_acl(struct call *c, struct tree_wish *w)
{
    struct str grant = { 0 }, revoke = { 0 };
    if (!w->one.uri.n) return api_refuse(c, 400, "Bad request", "/uri", "acl needs the node's address");
    if (str_find(w->one.uri, '?', 0) < w->one.uri.n || ddf_uri_canonical(w->one.uri, c->a, &w->one.uri, &c->e))
        return api_refuse(c, 400, "Bad request", "/uri", "%s",
                          c->e.text[0] ? c->e.text : "give the node's address, without ?prop=");
    if (w->one.format.n || w->one.type.n || w->one.has_data)
        return api_refuse(c, 400, "Bad request", "/command",
                          "acl has grant and revoke; to replace the whole list, replace the node's ?prop=ACL");
    if (w->force && !w->grant && !w->revoke)
        return api_refuse(c, 400, "Bad request", "/force", "force needs grant or revoke: without them acl only reads");
    enum rc rc = w->grant ? read_rights(c, w->grant, "grant", &grant) : RC_OK;
    if (!rc && w->revoke) rc = read_rights(c, w->revoke, "revoke", &revoke);
    if (!rc && ((w->grant && !grant.n) || (w->revoke && !revoke.n)))
        rc = api_refuse(c, 400, "Bad request", w->grant && !grant.n ? "/grant" : "/revoke", "no right is named");
    if (rc) return rc;
    w->args = arena_printf(c->a, "%s%.*s%s%s%.*s%s", grant.n ? "grant=" : "", STR_ARG(grant),
                           grant.n && revoke.n ? ";" : "", revoke.n ? "revoke=" : "", STR_ARG(revoke),
                           w->force ? ";force=1" : "");
    return RC_OK;
}

/* ---- all ---- */

static bool is_group(const struct tree_wish *w)
{
    return dm_command_groups(command_of(w->one.command));
}

enum rc tree_commands_check(struct call *c, const struct device_row *d, struct tree_wish *w)
{
    bool acl = str_is(w->one.command, "acl");
    const struct tree_verb *v = verb_of(w->one.command);
    const struct ddf_schema *schema = NULL;
    if (!v && !acl && !is_group(w))
        return api_refuse_word(c, "/command", "command", w->one.command, STR(COMMANDS ", atomic, sequence, acl"));
    if (w->commands && !is_group(w))
        return api_refuse(c, 400, "Bad request", "/commands", "only atomic and sequence have commands");
    if ((w->grant || w->revoke || w->force) && !acl)
        return api_refuse(c, 400, "Bad request",
                          w->grant    ? "/grant"
                          : w->revoke ? "/revoke"
                                      : "/force",
                          "grant, revoke and force belong to the command acl");
    if (acl) return check_acl(c, w);
    enum rc rc = describe_schema(c, d, &schema);
    if (rc) return rc;
    if (is_group(w)) return check_group(c, schema, w);
    struct tree_commands_check x = { .c = c, .schema = schema, .base = "", .who = STR(""), .t = &w->one };
    return check_command(&x, v);
}

enum rc tree_commands_value(struct call *c, const struct tree_command *t, struct str correlator, int which,
                            struct str *out)
{
    *out = t->data;
    if (!t->secret) return RC_OK;
    return credentials_seal_text(c->api->srv->secret_key, correlator, which, t->data, c->a, out, &c->e);
}

enum rc tree_commands_insert(struct call *c, int64_t operation, struct str correlator, const struct tree_wish *w)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < w->n_items; i++) {
        const struct tree_command *t = &w->items[i];
        struct db_operation_item v = { .operation = operation,
                                       .seq = (int64_t)i + 1,
                                       .command = t->command,
                                       .uri = t->uri,
                                       .format = t->format,
                                       .type = t->type,
                                       .has_data = t->has_data || t->secret,
                                       .secret = t->secret };
        rc = tree_commands_value(c, t, correlator, (int)i + 1, &v.data);
        if (!rc) rc = db_operation_item_add(c->db, &v, &c->e);
    }
    return rc;
}
