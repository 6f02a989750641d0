/* SPDX-License-Identifier: Apache-2.0 */
#include "server/events/operation_json.h"
#include "base/kv.h"
#include "db/operation_item.h"

#include "policy/plan/plan.h"

#include <stdio.h>

static json_t *args_json(struct str args)
{
    json_t *j = json_object();
    struct kv one;
    while (kv_next(&args, ';', &one)) {
        char key[64];
        if (one.key.n >= sizeof key) continue;
        snprintf(key, sizeof key, "%.*s", STR_ARG(one.key));
        json_put_str(j, key, one.value);
    }
    return j;
}

/* "Get=a+b&Replace=*" as {"Get": ["a", "b"], "Replace": ["*"]} */
static json_t *rights_json(struct str acl)
{
    json_t *j = json_object();
    struct kv entry;
    struct str id;
    while (kv_next(&acl, '&', &entry)) {
        struct str ids = entry.value;
        char right[16];
        if (entry.key.n >= sizeof right) continue;
        snprintf(right, sizeof right, "%.*s", STR_ARG(entry.key));
        json_t *list = json_array();
        while (str_cut(&ids, '+', &id)) json_array_append_new(list, json_put_text(id));
        json_object_set_new(j, right, list);
    }
    return j;
}

/* The arguments of an "acl" operation, as requested. */
static void put_rights(json_t *j, struct str args)
{
    struct str value;
    if (kv_get(args, ';', "grant", &value)) json_object_set_new(j, "grant", rights_json(value));
    if (kv_get(args, ';', "revoke", &value)) json_object_set_new(j, "revoke", rights_json(value));
    if (kv_get(args, ';', "force", &value) && str_is(value, "1")) json_put_bool(j, "force", true);
}

/* The text of a status code without its number; VM result codes have the layout's texts. */
static void put_code(json_t *j, const struct ddf_layout *l, int code)
{
    json_put_int(j, "code", code);
    json_put_str(j, "codeText", code ? pol_code_words(l, code) : (struct str){ 0 });
}

/* A secret value is never shown again. */
static void put_data(json_t *j, struct str data, int secret)
{
    if (!secret) {
        json_put_strn(j, "data", data);
        return;
    }
    json_put_str(j, "data", STR("***"));
    json_put_bool(j, "secret", true);
}

static void put_tree(json_t *j, const struct db_operation_record *v)
{
    json_put_str(j, "command", v->tree_command);
    json_put_str(j, "uri", v->tree_uri);
    json_put_strn(j, "format", v->tree_format);
    json_put_strn(j, "type", v->tree_type);
    put_data(j, v->tree_data, (int)v->secret);
    if (str_is(v->tree_command, "acl")) put_rights(j, v->args);
}

json_t *operation_row_json(const struct server *srv, const struct db_operation_record *v)
{
    json_t *j = json_object();
    const struct ddf_layout *l = server_layout(srv, v->layout_mo);
    bool tree = str_is(v->kind, "tree");
    json_put_int(j, "id", v->id);
    json_put_str(j, "device", v->device_name);
    json_put_str(j, "authority", v->authority_name);
    json_put_str(j, "kind", v->kind);
    const struct ddf_operation *op = ddf_layout_operation(l, (enum ddf_scope)v->scope, v->kind);
    json_put_str(j, "label", op ? op->label : v->kind);
    json_put_str(j, v->scope == DDF_IMAGE ? "image" : "vm", v->owner);
    json_object_set_new(j, "args", tree ? json_object() : args_json(v->args));
    if (tree) put_tree(j, v);
    if (v->has_result) json_put_raw(j, "result", v->tree_result);
    json_put_str(j, "state", v->state);
    put_code(j, l, (int)v->code);
    json_put_str(j, "reason", v->reason);
    json_put_int(j, "percent", v->percent);
    json_put_int(j, "tries", v->tries);
    json_put_bool(j, "byPolicy", v->by_policy);
    json_put_str(j, "createdBy", v->created_by);
    json_put_time(j, "created", v->created_ms);
    json_put_time(j, "updated", v->updated_ms);
    json_put_time(j, "notBefore", v->not_before_ms);
    json_put_time(j, "expires", v->expires_ms);
    return j;
}

/* Each command with its result. */
static enum rc items_json(struct sql *db, int64_t id, const struct ddf_layout *l, json_t *j, struct err *e)
{
    struct sql_rows *r = NULL;
    struct db_operation_item v;
    json_t *list = json_array();
    enum rc rc = db_operation_item_list(db, id, &r, e);
    while (!rc && (rc = db_operation_item_next(r, &v, e)) == RC_OK) {
        json_t *x = json_object();
        json_put_str(x, "command", v.command);
        json_put_strn(x, "uri", v.uri);
        json_put_strn(x, "format", v.format);
        json_put_strn(x, "type", v.type);
        if (v.has_data || v.secret) {
            json_put_str(x, "data", v.secret ? STR("***") : v.data);
            if (v.secret) json_put_bool(x, "secret", true);
        }
        put_code(x, l, (int)v.code);
        if (v.has_result) json_put_raw(x, "result", v.result);
        if (v.seen_ms) {
            json_t *seen = json_object();
            json_put_time(seen, "at", v.seen_ms);
            put_code(seen, l, (int)v.seen_code);
            json_put_str(seen, "value", v.seen);
            json_object_set_new(x, "reported", seen);
        }
        json_array_append_new(list, x);
    }
    sql_end(r);
    if (json_array_size(list))
        json_object_set_new(j, "commands", list);
    else
        json_decref(list);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc operation_json(const struct server *srv, struct sql *db, int64_t id, int64_t authority, bool steps,
                       json_t **out, bool *finished, struct err *e)
{
    struct sql_rows *r = NULL;
    json_t *j = NULL, *list = NULL;
    const struct ddf_layout *l = NULL;
    enum pol_op_state state = POL_OP_QUEUED;
    struct db_operation_record v;
    enum rc rc = db_operation_record_find(db, id, authority, &r, e);
    if (!rc && (rc = db_operation_record_next(r, &v, e)) == RC_OK) {
        j = operation_row_json(srv, &v);
        l = server_layout(srv, v.layout_mo);
        *finished = pol_op_state_of(v.state, &state) && pol_op_finished(state);
    }
    sql_end(r);
    if (rc || !steps) {
        *out = j;
        return rc;
    }
    list = json_array();
    struct db_operation_step step;
    rc = db_operation_record_steps(db, id, &r, e);
    while (!rc && (rc = db_operation_record_next_step(r, &step, e)) == RC_OK) {
        json_t *s = json_object();
        json_put_time(s, "at", step.at_ms);
        json_put_str(s, "state", step.state);
        json_put_int(s, "code", step.code);
        json_put_str(s, "reason", step.reason);
        json_array_append_new(list, s);
    }
    sql_end(r);
    json_object_set_new(j, "steps", list);
    rc = rc == RC_NOT_FOUND ? items_json(db, id, l, j, e) : rc;
    *out = j;
    return rc;
}
