/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"
#include "db/operation.h"
#include "db/operation_record.h"
#include "db/vm.h"
#include "server/api/tree_commands.h"
#include "server/core/credentials.h"

#include "base/crypto.h"
#include "base/suggest.h"
#include "base/text.h"
#include "server/events/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ARGS = 16, ARG_BYTES = 1000, CORRELATOR = 16, OPEN_OPERATIONS = 100 };

static enum rc list(struct call *c, int64_t device)
{
    struct page p;
    struct sql_rows *r = NULL;
    struct str state = api_query(c, "state");
    enum pol_op_state s;
    if (state.n && !str_is(state, "open") && !pol_op_state_of(state, &s))
        return api_refuse(c, 400, "Bad request", NULL,
                          "state is open or one of queued, notified, sent, accepted, acknowledged, verified, failed,"
                          " cancelled, superseded, expired, unknown");
    enum rc rc = api_page_begin(c, INT64_MAX, &p);
    if (rc) return rc;
    const struct db_operation_filter f = {
        .device = device, .authority = c->scope, .state = state, .cursor = p.cursor, .limit = p.limit + 1
    };
    struct db_operation_record v;
    rc = db_operation_record_list(c->db, &f, &r, &c->e);
    while (!rc && (rc = db_operation_record_next(r, &v, &c->e)) == RC_OK) {
        if (!api_page_more(&p, v.id)) break;
        json_array_append_new(p.items, operation_row_json(c->api->srv, &v));
    }
    sql_end(r);
    return api_page_end(c, &p, rc);
}

static enum rc operations(struct call *c)
{
    struct device_row d = { .id = 0 };
    struct str device = api_query(c, "device");
    enum rc rc = device.n ? api_device_find(c, device, &d) : RC_OK;
    return rc ? rc : list(c, d.id);
}

static enum rc device_operations(struct call *c)
{
    struct device_row d;
    enum rc rc = api_device_find(c, c->param[0], &d);
    return rc ? rc : list(c, d.id);
}

static enum rc find_operation(struct call *c, int64_t *id, json_t **j, bool *finished)
{
    enum rc rc = str_to_i64(c->param[0], id)
                     ? operation_json(c->api->srv, c->db, *id, c->scope, true, j, finished, &c->e)
                     : RC_NOT_FOUND;
    return rc == RC_NOT_FOUND ? api_missing(c, "operation", c->param[0]) : rc;
}

/* The sealed part of a result is shown only to roles that may request such operations, and only here: not in lists,
 * events and the audit log. */
static enum rc show_result(struct call *c, int64_t id, json_t *j)
{
    struct str correlator, sealed, text = { 0 };
    enum rc rc = db_operation_record_sealed(c->db, id, c->a, &correlator, &sealed, &c->e);
    if (!rc) rc = credentials_open_text(c->api->srv->secret_key, correlator, -1, sealed, c->a, &text, &c->e);
    if (!rc) json_put_raw(j, "result", text);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc operation(struct call *c)
{
    json_t *j = NULL;
    bool finished;
    int64_t id;
    enum rc rc = find_operation(c, &id, &j, &finished);
    if (!rc && (c->role == ROLE_OPERATOR || c->role == ROLE_ADMIN)) rc = show_result(c, id, j);
    return rc ? rc : api_answer(c, 200, j);
}

/* New operations. */

struct operation_request {
    struct str kind, vm;
    json_t *args;
    int64_t expires, not_before;
    bool has_vm;
    struct str arg_text;
    struct tree_wish tree;
    const struct ddf_operation *op;
};

/* "bool", "int", "text", or "listed|user|all". */
static enum rc put_arg(struct call *c, const struct ddf_arg *allowed, const json_t *v, struct buf *out)
{
    struct str kind = allowed->type;
    char pointer[100];
    snprintf(pointer, sizeof pointer, "/args/%.*s", STR_ARG(allowed->name));
    if (out->n) buf_putz(out, ";");
    buf_printf(out, "%.*s=", STR_ARG(allowed->name));
    if (str_is(kind, "bool")) {
        bool text = json_is_string(v);
        const char *s = text ? json_string_value(v) : "";
        if (!json_is_boolean(v) && strcmp(s, "true") != 0 && strcmp(s, "false") != 0 && strcmp(s, "1") != 0 &&
            strcmp(s, "0") != 0)
            return api_refuse(c, 400, "Bad request", pointer, "expected true or false");
        buf_putz(out, json_is_true(v) || strcmp(s, "true") == 0 || strcmp(s, "1") == 0 ? "1" : "0");
        return RC_OK;
    }
    if (str_is(kind, "int")) {
        int64_t n;
        struct str s = { json_string_value(v), json_string_length(v) };
        if (json_is_integer(v))
            n = json_integer_value(v);
        else if (!json_is_string(v) || !str_to_i64(s, &n))
            return api_refuse(c, 400, "Bad request", pointer, "expected an integer");
        buf_printf(out, "%" PRId64, n);
        return RC_OK;
    }
    struct str s = { json_string_value(v), json_string_length(v) }, one;
    if (!json_is_string(v) || s.n > ARG_BYTES || memchr(s.n ? s.p : "", ';', s.n) || memchr(s.n ? s.p : "", '=', s.n))
        return api_refuse(c, 400, "Bad request", pointer, "expected a string of at most %d bytes without ';' and '='",
                          ARG_BYTES);
    if (!str_is(kind, "text")) {
        bool fits = false;
        for (struct str rest = kind; str_cut(&rest, '|', &one);) fits |= str_eq(one, s);
        if (!fits) return api_refuse_word(c, arena_strz(c->a, str_of(pointer)), "value", s, kind);
    }
    buf_put(out, s);
    return RC_OK;
}

static enum rc unknown_arg(struct call *c, const struct operation_request *w, struct str key)
{
    struct buf names;
    buf_init(&names, 400);
    for (size_t i = 0; i < w->op->n_args; i++)
        buf_printf(&names, "%s%.*s", i ? ", " : "", STR_ARG(w->op->args[i].name));
    struct str more = names.n ? suggest_among(key, buf_str(&names), c->a) : STR(", and no other");
    enum rc rc = api_refuse(c, 400, "Bad request", arena_printf(c->a, "/args/%.*s", STR_ARG(key)).p,
                            "unknown argument of %.*s%.*s", STR_ARG(w->kind), STR_ARG(more));
    buf_finish(&names);
    return rc;
}

static enum rc check_args(struct call *c, struct operation_request *w)
{
    const char *key;
    json_t *v;
    struct buf b;
    enum rc rc = RC_OK;
    buf_init(&b, ARGS * ARG_BYTES);
    json_object_foreach(w->args, key, v)
    {
        const struct ddf_arg *allowed = NULL;
        for (size_t i = 0; i < w->op->n_args; i++)
            if (str_is(w->op->args[i].name, key)) allowed = &w->op->args[i];
        if (!allowed) {
            rc = unknown_arg(c, w, str_of(key));
        } else {
            rc = put_arg(c, allowed, v, &b);
        }
        if (rc) break;
    }
    if (!rc) w->arg_text = api_keep(c, buf_str(&b));
    buf_finish(&b);
    return rc;
}

/* Refuse an operation against a policy's desired state: the next session would undo it. Wiping is allowed: it destroys
 * data, and the policy then restores the state. */
static enum rc check_policies(struct call *c, const struct device_row *d, const struct operation_request *w)
{
    struct preview p;
    const struct ddf_operation *op = w->op, *lock = d->layout->operation[DDF_OP_LOCK];
    enum rc rc = api_preview_resolve(c, d, NULL, &p);
    for (size_t i = 0; !rc && i < p.desired.n_vms; i++) {
        const struct pol_vm *want = &p.desired.vms[i];
        if (!str_eq(want->name, w->vm)) continue;
        if (want->left && want->leave != POL_LEAVE_REMOVE) continue; /* a user's operation ends the onLeave action */
        bool undone = want->goal && !want->goal->gone &&
                      (op->removes ||
                       (op->to >= 0 && op->to != want->goal->state && !ddf_operation_is(op, DDF_OP_WIPE)));
        if (want->goal && want->goal->gone && !op->removes) undone = true;
        if (undone)
            return api_refuse(
                c, 409, "A policy manages this", "/kind",
                "policy %.*s sets the state of \"%.*s\" to %.*s and would undo %.*s: change the policy (state) instead",
                STR_ARG(want->goal_policy->name), STR_ARG(w->vm), STR_ARG(want->goal->name), STR_ARG(op->name));
        bool locks = lock && op->lock_to >= 0 && op->lock_to == lock->lock_to;
        bool by_policy = want->has_locked &&
                         want->locked_policy->id; /* otherwise the operation only removes the lock */
        if (by_policy && op->lock_to >= 0 && locks != want->locked)
            return api_refuse(c, 409, "A policy manages this", "/kind",
                              "policy %.*s sets \"%.*s\" to %s and would undo %.*s: change the policy (locked) instead",
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
        if (l->operations[i].scope == scope && !l->operations[i].instance)
            buf_printf(&names, "%.*s, ", STR_ARG(l->operations[i].name));
    buf_putz(&names, "tree");
    struct str more = suggest_among(kind, buf_str(&names), c->a);
    enum rc rc = api_refuse(c, 400, "Bad request", "/kind", "unknown operation \"%.*s\"%s%.*s", STR_ARG(kind),
                            scope == DDF_VM ? "" : " for a whole device (name the vm)", STR_ARG(more));
    buf_finish(&names);
    return rc;
}

static enum rc check_operation(struct call *c, const struct device_row *d, struct operation_request *w)
{
    struct db_vm vm;
    enum ddf_scope scope = w->has_vm ? DDF_VM : DDF_DEVICE;
    w->op = ddf_layout_operation(d->layout, scope, w->kind);
    if (!w->op) return unknown_kind(c, d->layout, scope, w->kind);
    if (str_find(w->op->path, '*', 0) < w->op->path.n)
        return api_refuse(c, 400, "Bad request", "/kind",
                          "%.*s concerns one instance of several: send it as a tree command", STR_ARG(w->kind));
    if (w->has_vm) {
        enum rc rc = db_vm_find(c->db, d->id, w->vm, c->a, &vm, &c->e);
        if (rc == RC_NOT_FOUND)
            return api_refuse(c, 404, "Not found", "/vm", "\"%.*s\" has no VM \"%.*s\"", STR_ARG(d->name),
                              STR_ARG(w->vm));
        if (rc) return rc;
    }
    enum rc rc = check_args(c, w);
    return rc || !w->has_vm ? rc : check_policies(c, d, w);
}

static enum rc read_wish(struct call *c, json_t *body, struct operation_request *w)
{
    struct tree_wish *t = &w->tree;
    const struct field fields[] = {
        { "kind", FIELD_TEXT, true, 64, &w->kind, NULL },
        { "vm", FIELD_TEXT, false, 64, &w->vm, &w->has_vm },
        { "args", FIELD_OBJECT, false, 0, &w->args, NULL },
        { "expires", FIELD_TIME, false, 0, &w->expires, NULL },
        { "notBefore", FIELD_TIME, false, 0, &w->not_before, NULL },
        { "command", FIELD_TEXT, false, 10, &t->one.command, NULL },
        { "uri", FIELD_TEXT, false, TREE_URI_BYTES, &t->one.uri, NULL },
        { "format", FIELD_TEXT, false, 10, &t->one.format, NULL },
        { "type", FIELD_TEXT, false, 100, &t->one.type, NULL },
        { "data", FIELD_TEXT, false, c->api->srv->config->dm_max_object_bytes, &t->one.data, &t->one.has_data },
        { "commands", FIELD_LIST, false, 0, &t->commands, NULL },
        { "grant", FIELD_OBJECT, false, 0, &t->grant, NULL },
        { "revoke", FIELD_OBJECT, false, 0, &t->revoke, NULL },
        { "force", FIELD_BOOL, false, 0, &t->force, NULL },
    };
    *w = (struct operation_request){ .kind = { 0 } };
    enum rc rc = json_fields(body, "", fields, sizeof fields / sizeof fields[0], &c->e);
    if (rc) return rc;
    if (w->has_vm && !w->vm.n) return api_refuse(c, 400, "Bad request", "/vm", "name the VM");
    if (w->expires && w->expires <= c->w.now_ms)
        return api_refuse(c, 400, "Bad request", "/expires", "this time is in the past");
    if (w->expires && w->not_before > w->expires)
        return api_refuse(c, 400, "Bad request", "/notBefore", "it would expire before it may start");
    bool tree = str_is(w->kind, "tree");
    if (!tree && (t->one.command.n || t->one.uri.n || t->one.format.n || t->one.type.n || t->one.has_data ||
                  t->commands || t->grant || t->revoke || t->force))
        return api_refuse(
            c, 400, "Bad request", "/kind",
            "command, uri, format, type, data, commands, grant, revoke and force belong to the kind tree");
    if (tree && (w->has_vm || json_object_size(w->args)))
        return api_refuse(c, 400, "Bad request", w->has_vm ? "/vm" : "/args",
                          "a tree command has an address and data, but no VM and no arguments");
    return RC_OK;
}

static struct str waits_until(struct call *c, int64_t ms)
{
    char iso[25];
    text_time_iso(ms, iso);
    return arena_printf(c->a, "scheduled for %.19sZ", iso);
}

static enum rc insert(struct call *c, const struct device_row *d, const struct operation_request *w, int64_t *id)
{
    char correlator[CORRELATOR + 1];
    const struct tree_command *t = &w->tree.one;
    bool later = w->not_before > c->w.now_ms;
    crypto_random_text(&c->w, correlator, CORRELATOR);
    struct str reason = later                        ? waits_until(c, w->not_before)
                        : str_is(d->channel, "none") ? STR("waiting for the device to connect")
                                                     : STR("waiting for the notification");
    struct db_operation v = { .kind = w->kind,
                              .scope = w->op ? w->op->scope : DDF_DEVICE,
                              .owner = w->vm,
                              .args = w->op ? w->arg_text : w->tree.args,
                              .tree_command = t->command,
                              .tree_uri = t->uri,
                              .tree_format = t->format,
                              .tree_type = t->type,
                              .has_data = t->has_data || t->secret,
                              .secret = t->secret,
                              .correlator = str_of(correlator),
                              .not_before_ms = w->not_before,
                              .expires_ms = w->expires };
    enum rc rc = tree_commands_value(c, t, str_of(correlator), 0, &v.tree_data);
    if (!rc) rc = db_operation_ask(c->db, d->id, &v, reason, c->who, later ? w->not_before : 0, c->w.now_ms, id, &c->e);
    return rc ? rc : tree_commands_insert(c, *id, str_of(correlator), &w->tree);
}

static enum rc check_tree(struct call *c, const struct device_row *d, struct operation_request *w)
{
    if (json_object_size(w->args))
        return api_refuse(c, 400, "Bad request", "/args", "a tree command takes no args: its value goes into data");
    return tree_commands_check(c, d, &w->tree);
}

static enum rc too_many(struct call *c, const struct device_row *d)
{
    int64_t n = 0;
    enum rc rc = db_operation_record_count_open(c->db, d->id, &n, &c->e);
    return n >= OPEN_OPERATIONS ? api_refuse(c, 409, "Over a limit", NULL,
                                             "this device already has %d waiting operations", OPEN_OPERATIONS)
                                : rc;
}

static enum rc create(struct call *c)
{
    struct device_row d;
    struct operation_request w;
    json_t *body = NULL, *j = NULL;
    int64_t id = 0;
    bool finished;
    enum rc rc = api_device_find(c, c->param[0], &d);
    if (!rc) rc = json_read(c->r->body, &body, &c->e);
    if (!rc) rc = read_wish(c, body, &w);
    if (!rc) rc = str_is(w.kind, "tree") ? check_tree(c, &d, &w) : check_operation(c, &d, &w);
    if (!rc) rc = api_write_begin(c);
    if (!rc) rc = too_many(c, &d);
    if (!rc) rc = insert(c, &d, &w, &id);
    if (!rc && w.not_before <= c->w.now_ms)
        rc = api_touch(c, d.authority, d.id, arena_printf(c->a, "operation %.*s", STR_ARG(w.kind)));
    if (!rc) rc = operation_json(c->api->srv, c->db, id, 0, true, &j, &finished, &c->e);
    if (!rc)
        rc = api_audit(c, d.authority, "operation.create",
                       arena_printf(c->a, "devices/%.*s/operations/%" PRId64, STR_ARG(d.name), id), NULL, j);
    if (!rc) rc = api_event(c, d.authority, "operation", d.name, json_deep_copy(j));
    json_decref(body);
    if (rc) {
        json_decref(j);
        return rc;
    }
    api_answer_header(c, "Location", "/api/v1/operations/%" PRId64, id);
    return api_answer(c, 202, j);
}

/* The device has the operation or may have it: only an operation that was never sent, or that the device refused, can
 * be cancelled. */
static enum rc refuse_cancel(struct call *c, const json_t *was, const char *state)
{
    if (strcmp(state, "queued") == 0 || strcmp(state, "notified") == 0)
        return api_refuse(c, 409, "In progress", NULL,
                          "it was sent and its answer was lost, so the device may have run it: wait for its result");
    if (json_object_get(was, "command"))
        return api_refuse(c, 409, "In progress", NULL, "the device already has this operation (%s)", state);
    return api_refuse(c, 409, "In progress", NULL,
                      "the device already has this operation (%s): to stop it, request the operation cancel for the VM",
                      state);
}

static enum rc cancel(struct call *c)
{
    json_t *was = NULL, *j = NULL;
    bool finished;
    int64_t id = 0, authority = 0;
    struct sql_rows *r = NULL;
    struct db_operation_record v;
    enum rc rc = api_write_begin(c);
    if (!rc) rc = find_operation(c, &id, &was, &finished);
    if (rc) return rc;
    const char *state = json_string_value(json_object_get(was, "state"));
    struct str device = str_of(json_string_value(json_object_get(was, "device")));
    struct str reason = arena_printf(c->a, "cancelled by %.*s", STR_ARG(c->who));
    if (finished) rc = api_refuse(c, 409, "Already ended", NULL, "this operation is already %s", state);
    if (!rc) rc = db_operation_cancel(c->db, id, reason, c->w.now_ms, &c->e);
    if (rc == RC_CONFLICT) rc = refuse_cancel(c, was, state);
    if (!rc) rc = operation_json(c->api->srv, c->db, id, 0, true, &j, &finished, &c->e);
    if (!rc) rc = db_operation_record_find(c->db, id, 0, &r, &c->e);
    if (!rc && (rc = db_operation_record_next(r, &v, &c->e)) == RC_OK) authority = v.authority;
    sql_end(r);
    if (!rc) rc = api_audit(c, authority, "operation.cancel", arena_printf(c->a, "operations/%" PRId64, id), was, j);
    if (!rc) rc = api_event(c, authority, "operation", device, json_deep_copy(j));
    json_decref(was);
    if (rc) {
        json_decref(j);
        return rc;
    }
    return api_answer(c, 200, j);
}

const struct route routes_operations[] = {
    { "GET", "/api/v1/devices/{id}/operations", ROLE_VIEWER, device_operations },
    { "POST", "/api/v1/devices/{id}/operations", ROLE_OPERATOR, create },
    { "GET", "/api/v1/operations", ROLE_VIEWER, operations },
    { "GET", "/api/v1/operations/{n}", ROLE_VIEWER, operation },
    { "POST", "/api/v1/operations/{n}:cancel", ROLE_OPERATOR, cancel },
    { NULL, NULL, ROLE_NONE, NULL },
};
