#include "server/api/call.h"
#include "server/api/describe.h"

#include "base/crypto.h"
#include "base/text.h"
#include "ddf/uri.h"
#include "server/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ARGS = 16, ARG_BYTES = 1000, CORRELATOR = 16, OPEN_OPERATIONS = 100, DATA_BYTES = 64 << 10 };

static enum rc list(struct call *c, int64_t device)
{
    struct page p;
    struct sql_rows *r = NULL;
    struct str state = query(c, "state");
    enum pol_op_state s;
    if (state.n && !str_is(state, "open") && !pol_op_state_of(state, &s))
        return refuse(c, 400, "Bad request", NULL,
                      "state is open or one of queued, notified, sent, accepted, acknowledged, verified, failed,"
                      " cancelled, superseded, expired");
    enum rc rc = page_begin(c, INT64_MAX, &p);
    if (rc) return rc;
    if (device)
        rc = sql_start(c->db, API_OPERATIONS_OF,
                       SQL_ARGS({ "device", SQL_I(device) }, { "state", SQL_T(state) }, PAGE_ARGS(p)), &r, &c->e);
    else
        rc = sql_start(c->db, API_OPERATIONS,
                       SQL_ARGS({ "authority", SQL_I(c->scope) }, { "state", SQL_T(state) }, PAGE_ARGS(p)), &r, &c->e);
    while (!rc && (rc = sql_step(r, &c->e)) == RC_OK) {
        if (!page_more(&p, sql_int(r, 0))) break;
        json_array_append_new(p.items, operation_row_json(c->api->srv, r));
    }
    sql_end(r);
    return page_end(c, &p, rc);
}

static enum rc operations(struct call *c)
{
    struct device_row d = { .id = 0 };
    struct str device = query(c, "device");
    enum rc rc = device.n ? device_find(c, device, &d) : RC_OK;
    return rc ? rc : list(c, d.id);
}

static enum rc device_operations(struct call *c)
{
    struct device_row d;
    enum rc rc = device_find(c, c->param[0], &d);
    return rc ? rc : list(c, d.id);
}

static enum rc find_operation(struct call *c, int64_t *id, json_t **j, bool *finished)
{
    enum rc rc = str_to_i64(c->param[0], id)
                     ? operation_json(c->api->srv, c->db, *id, c->scope, true, j, finished, &c->e)
                     : RC_NOT_FOUND;
    return rc == RC_NOT_FOUND ? missing(c, "operation", c->param[0]) : rc;
}

static enum rc operation(struct call *c)
{
    json_t *j = NULL;
    bool finished;
    int64_t id;
    enum rc rc = find_operation(c, &id, &j, &finished);
    return rc ? rc : answer(c, 200, j);
}

/* New ones. */

struct wish {
    struct str kind, vm, command, uri, format, data, msg;
    json_t *args;
    int64_t expires, not_before;
    bool has_vm, has_data;
    struct str arg_text;
    const struct ddf_operation *op;
};

/* "bool", "int", "text", or "listed|user|all". */
static enum rc put_arg(struct call *c, const struct ddf_word *allowed, const json_t *v, struct buf *out)
{
    struct str kind = allowed->wire;
    char pointer[100];
    snprintf(pointer, sizeof pointer, "/args/%.*s", STR_ARG(allowed->word));
    if (out->n) buf_putz(out, ";");
    buf_printf(out, "%.*s=", STR_ARG(allowed->word));
    if (str_is(kind, "bool")) {
        bool text = json_is_string(v);
        const char *s = text ? json_string_value(v) : "";
        if (!json_is_boolean(v) && strcmp(s, "true") != 0 && strcmp(s, "false") != 0 && strcmp(s, "1") != 0 &&
            strcmp(s, "0") != 0)
            return refuse(c, 400, "Bad request", pointer, "true or false is expected here");
        buf_putz(out, json_is_true(v) || strcmp(s, "true") == 0 || strcmp(s, "1") == 0 ? "1" : "0");
        return RC_OK;
    }
    if (str_is(kind, "int")) {
        int64_t n;
        struct str s = { json_string_value(v), json_string_length(v) };
        if (json_is_integer(v))
            n = json_integer_value(v);
        else if (!json_is_string(v) || !str_to_i64(s, &n))
            return refuse(c, 400, "Bad request", pointer, "a whole number is expected here");
        buf_printf(out, "%" PRId64, n);
        return RC_OK;
    }
    struct str s = { json_string_value(v), json_string_length(v) }, one;
    if (!json_is_string(v) || s.n > ARG_BYTES || memchr(s.n ? s.p : "", ';', s.n) || memchr(s.n ? s.p : "", '=', s.n))
        return refuse(c, 400, "Bad request", pointer, "a text of at most %d bytes without ';' and '=' is expected here",
                      ARG_BYTES);
    if (!str_is(kind, "text")) {
        bool fits = false;
        for (struct str rest = kind; str_cut(&rest, '|', &one);) fits |= str_eq(one, s);
        if (!fits) return refuse(c, 400, "Bad request", pointer, "possible are: %.*s", STR_ARG(kind));
    }
    buf_put(out, s);
    return RC_OK;
}

static enum rc check_args(struct call *c, struct wish *w)
{
    const char *key;
    json_t *v;
    struct buf b;
    enum rc rc = RC_OK;
    buf_init(&b, ARGS * ARG_BYTES);
    json_object_foreach(w->args, key, v)
    {
        const struct ddf_word *allowed = NULL;
        for (size_t i = 0; i < w->op->n_args; i++)
            if (str_is(w->op->args[i].word, key)) allowed = &w->op->args[i];
        if (!allowed) {
            struct buf names;
            buf_init(&names, 400);
            for (size_t i = 0; i < w->op->n_args; i++)
                buf_printf(&names, "%s%.*s", i ? ", " : "", STR_ARG(w->op->args[i].word));
            rc = refuse(c, 400, "Bad request", arena_printf(c->a, "/args/%s", key).p, "%.*s has no such argument%s%s",
                        STR_ARG(w->kind), names.n ? "; possible are: " : ", and no others", buf_z(&names));
            buf_finish(&names);
        } else {
            rc = put_arg(c, allowed, v, &b);
        }
        if (rc) break;
    }
    if (!rc) w->arg_text = keep(c, buf_str(&b));
    buf_finish(&b);
    return rc;
}

/* Is this operation one by which VMs go away? The layout's routes to a goal that is gone say so. */
static bool removes(const struct ddf_layout *l, const struct ddf_operation *op)
{
    for (size_t g = 0; g < l->n_goals; g++)
        for (size_t i = 0; l->goals[g].gone && i < l->goals[g].n_routes; i++)
            if (str_eq(l->goals[g].routes[i].operation, op->name)) return true;
    return false;
}

/* What a policy keeps so is not changed behind its back: the next session would undo it. Wiping is let through: it
 * destroys data, and the state that follows is for the policy to mend. */
static enum rc check_policies(struct call *c, const struct device_row *d, const struct wish *w)
{
    struct preview p;
    const struct ddf_operation *op = w->op, *lock = ddf_layout_operation(d->layout, DDF_VM, STR("lock"));
    enum rc rc = preview_resolve(c, d, NULL, &p);
    for (size_t i = 0; !rc && i < p.desired.n_vms; i++) {
        const struct pol_vm *want = &p.desired.vms[i];
        if (!str_eq(want->name, w->vm)) continue;
        bool undone = want->goal && !want->goal->gone &&
                      (removes(d->layout, op) ||
                       (op->to >= 0 && op->to != want->goal->state && !str_is(op->name, "wipe")));
        if (want->goal && want->goal->gone && !removes(d->layout, op)) undone = true;
        if (undone)
            return refuse(c, 409, "A policy manages this", "/kind",
                          "policy %.*s wants \"%.*s\" %.*s, so %.*s would be undone: change the policy (state) instead",
                          STR_ARG(want->goal_policy->name), STR_ARG(w->vm), STR_ARG(want->goal->name),
                          STR_ARG(op->name));
        bool locks = lock && op->lock_to >= 0 && op->lock_to == lock->lock_to;
        if (want->has_locked && op->lock_to >= 0 && locks != want->locked)
            return refuse(c, 409, "A policy manages this", "/kind",
                          "policy %.*s wants \"%.*s\" %s, so %.*s would be undone: change the policy (locked) instead",
                          STR_ARG(want->locked_policy->name), STR_ARG(w->vm), want->locked ? "locked" : "unlocked",
                          STR_ARG(op->name));
    }
    return rc;
}

static enum rc unknown_kind(struct call *c, const struct ddf_layout *l, enum ddf_scope scope, struct str kind)
{
    struct buf names;
    buf_init(&names, 400);
    for (size_t i = 0; i < l->n_operations; i++)
        if (l->operations[i].scope == scope) buf_printf(&names, "%.*s, ", STR_ARG(l->operations[i].name));
    enum rc rc = refuse(c, 400, "Bad request", "/kind", "there is no operation \"%.*s\"%s; possible are: %stree",
                        STR_ARG(kind), scope == DDF_VM ? "" : " of a whole device (say which vm)", buf_z(&names));
    buf_finish(&names);
    return rc;
}

static enum rc check_operation(struct call *c, const struct device_row *d, struct wish *w)
{
    struct sql_rows *r = NULL;
    enum ddf_scope scope = w->has_vm ? DDF_VM : DDF_DEVICE;
    w->op = ddf_layout_operation(d->layout, scope, w->kind);
    if (!w->op) return unknown_kind(c, d->layout, scope, w->kind);
    if (str_find(w->op->path, '*', 0) < w->op->path.n)
        return refuse(c, 400, "Bad request", "/kind", "%.*s is given to one of several: send it as a tree command",
                      STR_ARG(w->kind));
    if (w->has_vm) {
        enum rc rc = one_row(c, API_VM, SQL_ARGS({ "device", SQL_I(d->id) }, { "vm", SQL_T(w->vm) }), &r);
        sql_end(r);
        if (rc == RC_NOT_FOUND)
            return refuse(c, 404, "Not found", "/vm", "\"%.*s\" has no VM \"%.*s\"", STR_ARG(d->name), STR_ARG(w->vm));
        if (rc) return rc;
    }
    enum rc rc = check_args(c, w);
    return rc || !w->has_vm ? rc : check_policies(c, d, w);
}

static bool asks_somebody(const struct wish *w)
{
    static const char *const commands[] = { "display", "confirm", "input", "choice", "choices" };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (str_is(w->command, commands[i])) return true;
    return false;
}

/* A question for the person at the device: options, text, choices, one on each line (dm-protocol.md 5.1). */
static enum rc check_question(struct call *c, struct wish *w)
{
    struct str lines = w->data, line;
    size_t n = 0, empty = 0;
    while (str_cut(&lines, '\n', &line)) {
        empty += n && !line.n;
        n++;
    }
    if (w->uri.n || w->format.n || w->has_vm || json_object_size(w->args))
        return refuse(c, 400, "Bad request", "/data", "a question to the person at the device has data only");
    if (n < 2 || empty)
        return refuse(c, 400, "Bad request", "/data",
                      "first a line with options (it may be empty), then the text, then the choices, each on a line");
    if ((n > 2) != str_starts(w->command, STR("choice")))
        return refuse(c, 400, "Bad request", "/data", n > 2 ? "%.*s has no choices" : "%.*s needs choices",
                      STR_ARG(w->command));
    return RC_OK;
}

/* From a leaf to a leaf. */
static enum rc check_copy(struct call *c, struct wish *w)
{
    struct str base, arg;
    enum ddf_query q;
    if (!w->data.n || ddf_uri_split_query(w->data, &base, &q, &arg, &c->e) || q != DDF_QUERY_NONE ||
        ddf_uri_canonical(base, c->a, &w->data, &c->e))
        return refuse(c, 400, "Bad request", "/data", "to copy, give the address to copy from as data");
    return str_find(w->uri, '?', 0) < w->uri.n
               ? refuse(c, 400, "Bad request", "/uri", "a node is copied, not a property of it")
               : RC_OK;
}

/* What the device would answer, and which member of the request is to blame. */
static enum rc refuse_tree(struct call *c, int status, bool has_data)
{
    json_t *j = json_object();
    const char *pointer = status == 404   ? "/uri"
                          : status == 405 ? "/command"
                          : status == 415 ? "/format"
                          : has_data      ? "/data"
                                          : "/uri";
    j_str(j, "type", STR("about:blank"));
    j_str(j, "title", STR("Not in order"));
    j_int(j, "status", 422);
    j_str(j, "detail", arena_printf(c->a, "the device would answer %d: %s", status, c->e.text));
    j_str(j, "pointer", str_of(pointer));
    j_int(j, "deviceStatus", status);
    answer(c, 422, j);
    c->reply->n_headers = 0;
    http_reply_header(c->reply, "Content-Type", STR("application/problem+json"));
    return RC_DENIED;
}

static enum rc check_tree(struct call *c, const struct device_row *d, struct wish *w)
{
    static const struct {
        const char *name;
        enum ddf_access access;
    } commands[] = {
        { "get", DDF_GET },       { "add", DDF_ADD },   { "replace", DDF_REPLACE },
        { "delete", DDF_DELETE }, { "exec", DDF_EXEC }, { "copy", DDF_COPY },
    };
    enum ddf_access access = 0;
    struct str base, arg;
    enum ddf_query q;
    int status = 200;
    if (asks_somebody(w)) return check_question(c, w);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (str_is(w->command, commands[i].name)) access = commands[i].access;
    if (!access)
        return refuse(c, 400, "Bad request", "/command",
                      "possible are get, add, replace, delete, exec, copy, display, confirm, input, choice, choices");
    if (!w->uri.n) return refuse(c, 400, "Bad request", "/uri", "a tree command needs an address");
    if (ddf_uri_split_query(w->uri, &base, &q, &arg, &c->e) || ddf_uri_canonical(base, c->a, &base, &c->e))
        return refuse(c, 400, "Bad request", "/uri", "%s", c->e.text);
    if (q != DDF_QUERY_NONE && access != DDF_GET && q != DDF_QUERY_PROP)
        return refuse(c, 400, "Bad request", "/uri", "only get takes ?list=");
    if (w->has_vm || json_object_size(w->args))
        return refuse(c, 400, "Bad request", w->has_vm ? "/vm" : "/args",
                      "a tree command has an address and data, no VM and arguments");
    if (w->has_data && (access == DDF_GET || access == DDF_DELETE))
        return refuse(c, 400, "Bad request", "/data", "%.*s carries no data", STR_ARG(w->command));
    if (access == DDF_COPY && check_copy(c, w)) return RC_DENIED;
    const struct ddf_schema *schema = NULL;
    enum rc rc = describe_schema(c, d, &schema);
    if (rc) return rc;
    if (q == DDF_QUERY_NONE && access != DDF_COPY &&
        ddf_check(schema, access, base, w->format, (struct str){ 0 }, w->data, w->has_data, false, &status, &c->e))
        return refuse_tree(c, status, w->has_data);
    w->uri = arena_printf(c->a, "%.*s%.*s", STR_ARG(base),
                          STR_ARG(str_slice(w->uri, str_find(w->uri, '?', 0), w->uri.n)));
    return RC_OK;
}

static enum rc read_wish(struct call *c, json_t *body, struct wish *w)
{
    bool no_vm = false;
    const struct field fields[] = {
        { "kind", FIELD_TEXT, true, 64, &w->kind, NULL },
        { "vm", FIELD_TEXT, false, 64, &w->vm, &w->has_vm },
        { "args", FIELD_OBJECT, false, 0, &w->args, NULL },
        { "expires", FIELD_TIME, false, 0, &w->expires, NULL },
        { "notBefore", FIELD_TIME, false, 0, &w->not_before, NULL },
        { "command", FIELD_TEXT, false, 10, &w->command, NULL },
        { "uri", FIELD_TEXT, false, 400, &w->uri, NULL },
        { "format", FIELD_TEXT, false, 10, &w->format, NULL },
        { "data", FIELD_TEXT, false, DATA_BYTES, &w->data, &w->has_data },
    };
    (void)no_vm;
    *w = (struct wish){ .kind = { 0 } };
    enum rc rc = json_fields(body, "", fields, sizeof fields / sizeof fields[0], &c->e);
    if (rc) return rc;
    if (w->has_vm && !w->vm.n) return refuse(c, 400, "Bad request", "/vm", "say which VM");
    if (w->expires && w->expires <= c->w.now_ms) return refuse(c, 400, "Bad request", "/expires", "this time is over");
    if (w->expires && w->not_before > w->expires)
        return refuse(c, 400, "Bad request", "/notBefore", "it would expire before it may begin");
    if (!str_is(w->kind, "tree") && (w->command.n || w->uri.n || w->format.n || w->has_data))
        return refuse(c, 400, "Bad request", "/kind", "command, uri, format and data belong to the kind tree");
    return RC_OK;
}

static enum rc insert(struct call *c, const struct device_row *d, const struct wish *w, int64_t *id)
{
    char correlator[CORRELATOR + 1];
    bool is_tree = str_is(w->kind, "tree");
    crypto_random_text(&c->w, correlator, CORRELATOR);
    struct str reason = str_is(d->channel, "none") ? STR("waits for the device's next call")
                                                   : STR("waits for the device to be called");
    enum rc rc = sql_run(c->db, API_OPERATION_ADD,
                         SQL_ARGS({ "device", SQL_I(d->id) }, { "kind", SQL_T(w->kind) },
                                  { "scope", SQL_I(w->op ? w->op->scope : DDF_DEVICE) }, { "owner", SQL_T(w->vm) },
                                  { "args", SQL_T(w->arg_text) }, { "command", SQL_TN(w->command) },
                                  { "uri", SQL_TN(w->uri) }, { "format", SQL_TN(w->format) },
                                  { "data", is_tree && w->has_data ? SQL_T(w->data) : SQL_N },
                                  { "correlator", SQL_T(str_of(correlator)) }, { "reason", SQL_T(reason) },
                                  { "who", SQL_T(c->who) }, { "now_ms", SQL_I(c->w.now_ms) },
                                  { "not_before_ms", SQL_I(w->not_before) }, { "expires_ms", SQL_I(w->expires) }),
                         NULL, &c->e);
    *id = sql_last_id(c->db);
    if (!rc)
        rc = sql_run(c->db, API_OPERATION_STEP,
                     SQL_ARGS({ "id", SQL_I(*id) }, { "now_ms", SQL_I(c->w.now_ms) }, { "state", SQL_T(STR("queued")) },
                              { "reason", SQL_T(reason) }),
                     NULL, &c->e);
    return rc;
}

static enum rc too_many(struct call *c, const struct device_row *d)
{
    struct sql_rows *r = NULL;
    enum rc rc = one_row(c, API_OPERATIONS_OPEN, SQL_ARGS({ "device", SQL_I(d->id) }), &r);
    bool full = !rc && sql_int(r, 0) >= OPEN_OPERATIONS;
    sql_end(r);
    return full ? refuse(c, 409, "Over a limit", NULL, "this device has %d operations that wait already",
                         OPEN_OPERATIONS)
                : rc;
}

static enum rc create(struct call *c)
{
    struct device_row d;
    struct wish w;
    json_t *body = NULL, *j = NULL;
    int64_t id = 0;
    bool finished;
    enum rc rc = device_find(c, c->param[0], &d);
    if (!rc) rc = json_read(c->r->body, &body, &c->e);
    if (!rc) rc = read_wish(c, body, &w);
    if (!rc) rc = str_is(w.kind, "tree") ? check_tree(c, &d, &w) : check_operation(c, &d, &w);
    if (!rc) rc = write_begin(c);
    if (!rc) rc = too_many(c, &d);
    if (!rc) rc = insert(c, &d, &w, &id);
    if (!rc) rc = touch(c, d.authority, d.id, arena_printf(c->a, "operation %.*s", STR_ARG(w.kind)));
    if (!rc) rc = operation_json(c->api->srv, c->db, id, 0, true, &j, &finished, &c->e);
    if (!rc)
        rc = audit(c, d.authority, "operation.create",
                   arena_printf(c->a, "devices/%.*s/operations/%" PRId64, STR_ARG(d.name), id), NULL, j);
    if (!rc) rc = event(c, d.authority, "operation", d.name, json_deep_copy(j));
    json_decref(body);
    if (rc) {
        json_decref(j);
        return rc;
    }
    answer_header(c, "Location", "/api/v1/operations/%" PRId64, id);
    return answer(c, 202, j);
}

static enum rc cancel(struct call *c)
{
    json_t *was = NULL, *j = NULL;
    bool finished;
    int64_t id = 0, changed = 0;
    struct sql_rows *r = NULL;
    enum rc rc = write_begin(c);
    if (!rc) rc = find_operation(c, &id, &was, &finished);
    if (rc) return rc;
    const char *state = json_string_value(json_object_get(was, "state"));
    struct str device = str_of(json_string_value(json_object_get(was, "device")));
    struct str reason = arena_printf(c->a, "cancelled by %.*s", STR_ARG(c->who));
    if (finished) rc = refuse(c, 409, "It is over", NULL, "this operation is %s already", state);
    if (!rc)
        rc = sql_run(c->db, API_OPERATION_CANCEL,
                     SQL_ARGS({ "id", SQL_I(id) }, { "reason", SQL_T(reason) }, { "now_ms", SQL_I(c->w.now_ms) }),
                     &changed, &c->e);
    if (!rc && !changed)
        rc = refuse(c, 409, "It is under way", NULL,
                    "the device has this operation already (%s): to stop it, give the VM the operation"
                    " cancel",
                    state);
    if (!rc)
        rc = sql_run(c->db, API_OPERATION_STEP,
                     SQL_ARGS({ "id", SQL_I(id) }, { "now_ms", SQL_I(c->w.now_ms) },
                              { "state", SQL_T(STR("cancelled")) }, { "reason", SQL_T(reason) }),
                     NULL, &c->e);
    if (!rc) rc = operation_json(c->api->srv, c->db, id, 0, true, &j, &finished, &c->e);
    int64_t authority = 0;
    if (!rc && (rc = one_row(c, API_OPERATION, SQL_ARGS({ "id", SQL_I(id) }, { "authority", SQL_I(0) }), &r)) == RC_OK)
        authority = sql_int(r, 24);
    sql_end(r);
    if (!rc) rc = audit(c, authority, "operation.cancel", arena_printf(c->a, "operations/%" PRId64, id), was, j);
    if (!rc) rc = event(c, authority, "operation", device, json_deep_copy(j));
    json_decref(was);
    if (rc) {
        json_decref(j);
        return rc;
    }
    return answer(c, 200, j);
}

const struct route routes_operations[] = {
    { "GET", "/api/v1/devices/{id}/operations", ROLE_VIEWER, device_operations },
    { "POST", "/api/v1/devices/{id}/operations", ROLE_OPERATOR, create },
    { "GET", "/api/v1/operations", ROLE_VIEWER, operations },
    { "GET", "/api/v1/operations/{n}", ROLE_VIEWER, operation },
    { "POST", "/api/v1/operations/{n}:cancel", ROLE_OPERATOR, cancel },
    { NULL, NULL, ROLE_NONE, NULL },
};
