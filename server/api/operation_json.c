#include "server/api/operation_json.h"

#include "db/api.h"
#include "policy/plan.h"

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

json_t *operation_row_json(const struct server *srv, struct sql_rows *r)
{
    json_t *j = json_object();
    const struct ddf_layout *l = server_layout(srv, sql_text(r, 22));
    int64_t code = sql_int(r, 13);
    j_int(j, "id", sql_int(r, 0));
    j_str(j, "device", sql_text(r, 1));
    j_str(j, "authority", sql_text(r, 25));
    j_str(j, "kind", sql_text(r, 2));
    const struct ddf_operation *op = ddf_layout_operation(l, (enum ddf_scope)sql_int(r, 4), sql_text(r, 2));
    j_str(j, "label", op ? op->label : sql_text(r, 2));
    j_str(j, sql_int(r, 4) == DDF_IMAGE ? "image" : "vm", sql_text(r, 5));
    json_object_set_new(j, "args", args_json(sql_text(r, 6)));
    if (str_is(sql_text(r, 2), "tree")) {
        j_str(j, "command", sql_text(r, 7));
        j_str(j, "uri", sql_text(r, 8));
        j_strn(j, "format", sql_text(r, 9));
        j_strn(j, "data", sql_text(r, 10));
    }
    if (!sql_is_null(r, 11)) j_raw(j, "result", sql_text(r, 11));
    j_str(j, "state", sql_text(r, 12));
    j_int(j, "code", code);
    j_str(j, "codeText", code >= 1000 ? ddf_layout_result_text(l, (int)code) : (struct str){ 0 });
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

enum rc operation_json(const struct server *srv, struct sql *db, int64_t id, int64_t authority, bool steps,
                       json_t **out, bool *finished, struct err *e)
{
    struct sql_rows *r = NULL;
    json_t *j = NULL, *list = NULL;
    enum pol_op_state state = POL_OP_QUEUED;
    enum rc rc = sql_start(db, API_OPERATION, SQL_ARGS({ "id", SQL_I(id) }, { "authority", SQL_I(authority) }), &r, e);
    if (!rc && (rc = sql_step(r, e)) == RC_OK) {
        j = operation_row_json(srv, r);
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
    *out = j;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
