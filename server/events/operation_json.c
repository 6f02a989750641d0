/* SPDX-License-Identifier: Apache-2.0 */
#include "server/events/operation_json.h"

#include "db/api.h"
#include "policy/plan/plan.h"

#include <string.h>

static json_t *args_json(struct str args)
{
    json_t *j = json_object();
    struct str one;
    while (str_cut(&args, ';', &one)) {
        size_t eq = str_find(one, '=', 0);
        char key[64];
        if (!one.n || eq >= sizeof key) continue;
        memcpy(key, one.p, eq);
        key[eq] = '\0';
        j_str(j, key, str_slice(one, eq + 1, one.n));
    }
    return j;
}

/* "Get=a+b&Replace=*" as {"Get": ["a", "b"], "Replace": ["*"]} */
static json_t *rights_json(struct str acl)
{
    json_t *j = json_object();
    struct str entry, id;
    while (str_cut(&acl, '&', &entry)) {
        size_t eq = str_find(entry, '=', 0);
        struct str ids = str_slice(entry, eq + 1, entry.n);
        char right[16];
        if (eq >= sizeof right) continue;
        memcpy(right, entry.p, eq);
        right[eq] = '\0';
        json_t *list = json_array();
        while (str_cut(&ids, '+', &id)) json_array_append_new(list, j_text(id));
        json_object_set_new(j, right, list);
    }
    return j;
}

/* The arguments of "acl", as they were asked for. */
static void put_rights(json_t *j, struct str args)
{
    struct str one;
    while (str_cut(&args, ';', &one)) {
        struct str value = str_slice(one, str_find(one, '=', 0) + 1, one.n);
        if (str_starts(one, STR("grant="))) json_object_set_new(j, "grant", rights_json(value));
        if (str_starts(one, STR("revoke="))) json_object_set_new(j, "revoke", rights_json(value));
        if (str_is(one, "force=1")) j_bool(j, "force", true);
    }
}

/* "404 not found" without its number; results of virtual machines have the layout's words. */
static void put_code(json_t *j, const struct ddf_layout *l, int code)
{
    j_int(j, "code", code);
    j_str(j, "codeText", code ? pol_code_words(l, code) : (struct str){ 0 });
}

/* A secret value is shown to nobody again. */
static void put_data(json_t *j, struct str data, int secret)
{
    if (!secret) {
        j_strn(j, "data", data);
        return;
    }
    j_str(j, "data", STR("***"));
    j_bool(j, "secret", true);
}

static void put_tree(json_t *j, struct sql_rows *r)
{
    j_str(j, "command", sql_text(r, 7));
    j_str(j, "uri", sql_text(r, 8));
    j_strn(j, "format", sql_text(r, 9));
    j_strn(j, "type", sql_text(r, 26));
    put_data(j, sql_text(r, 10), (int)sql_int(r, 27));
    if (str_is(sql_text(r, 7), "acl")) put_rights(j, sql_text(r, 6));
}

json_t *operation_row_json(const struct server *srv, struct sql_rows *r)
{
    json_t *j = json_object();
    const struct ddf_layout *l = server_layout(srv, sql_text(r, 22));
    bool tree = str_is(sql_text(r, 2), "tree");
    j_int(j, "id", sql_int(r, 0));
    j_str(j, "device", sql_text(r, 1));
    j_str(j, "authority", sql_text(r, 25));
    j_str(j, "kind", sql_text(r, 2));
    const struct ddf_operation *op = ddf_layout_operation(l, (enum ddf_scope)sql_int(r, 4), sql_text(r, 2));
    j_str(j, "label", op ? op->label : sql_text(r, 2));
    j_str(j, sql_int(r, 4) == DDF_IMAGE ? "image" : "vm", sql_text(r, 5));
    json_object_set_new(j, "args", tree ? json_object() : args_json(sql_text(r, 6)));
    if (tree) put_tree(j, r);
    if (!sql_is_null(r, 11)) j_raw(j, "result", sql_text(r, 11));
    j_str(j, "state", sql_text(r, 12));
    put_code(j, l, (int)sql_int(r, 13));
    j_str(j, "reason", sql_text(r, 14));
    j_int(j, "percent", sql_int(r, 15));
    j_int(j, "tries", sql_int(r, 16));
    j_bool(j, "byPolicy", sql_int(r, 3) != 0);
    j_str(j, "createdBy", sql_text(r, 17));
    j_time(j, "created", sql_int(r, 18));
    j_time(j, "updated", sql_int(r, 19));
    j_time(j, "notBefore", sql_int(r, 20));
    j_time(j, "expires", sql_int(r, 21));
    return j;
}

/* Each command with what became of it. */
static enum rc items_json(struct sql *db, int64_t id, const struct ddf_layout *l, json_t *j, struct err *e)
{
    struct sql_rows *r = NULL;
    json_t *list = json_array();
    enum rc rc = sql_start(db, API_OPERATION_ITEMS, SQL_ARGS({ "id", SQL_I(id) }), &r, e);
    while (!rc && (rc = sql_step(r, e)) == RC_OK) {
        json_t *x = json_object();
        j_str(x, "command", sql_text(r, 0));
        j_strn(x, "uri", sql_text(r, 1));
        j_strn(x, "format", sql_text(r, 2));
        j_strn(x, "type", sql_text(r, 3));
        if (!sql_is_null(r, 4) || sql_int(r, 10)) {
            j_str(x, "data", sql_int(r, 10) ? STR("***") : sql_text(r, 4));
            if (sql_int(r, 10)) j_bool(x, "secret", true);
        }
        put_code(x, l, (int)sql_int(r, 5));
        if (!sql_is_null(r, 6)) j_raw(x, "result", sql_text(r, 6));
        if (sql_int(r, 9)) {
            json_t *seen = json_object();
            j_time(seen, "at", sql_int(r, 9));
            put_code(seen, l, (int)sql_int(r, 7));
            j_str(seen, "value", sql_text(r, 8));
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
    enum rc rc = sql_start(db, API_OPERATION, SQL_ARGS({ "id", SQL_I(id) }, { "authority", SQL_I(authority) }), &r, e);
    if (!rc && (rc = sql_step(r, e)) == RC_OK) {
        j = operation_row_json(srv, r);
        l = server_layout(srv, sql_text(r, 22));
        *finished = pol_op_state_of(sql_text(r, 12), &state) && pol_op_finished(state);
    }
    sql_end(r);
    if (rc || !steps) {
        *out = j;
        return rc;
    }
    list = json_array();
    rc = sql_start(db, API_OPERATION_STEPS, SQL_ARGS({ "id", SQL_I(id) }), &r, e);
    while (!rc && (rc = sql_step(r, e)) == RC_OK) {
        json_t *s = json_object();
        j_time(s, "at", sql_int(r, 0));
        j_str(s, "state", sql_text(r, 1));
        j_int(s, "code", sql_int(r, 2));
        j_str(s, "reason", sql_text(r, 3));
        json_array_append_new(list, s);
    }
    sql_end(r);
    json_object_set_new(j, "steps", list);
    rc = rc == RC_NOT_FOUND ? items_json(db, id, l, j, e) : rc;
    *out = j;
    return rc;
}
