/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/leaving.h"
#include "server/api/describe.h"

#include <inttypes.h>

enum { ARGS = 64, NAMES = 20 };

/* A statement around the selector of what comes after; without one all devices are left. */
static enum rc start(struct call *c, const char *head, const char *tail, const struct pol_policy *after, int64_t policy,
                     int64_t authority, int64_t limit, struct sql_rows **r)
{
    struct pol_sql sql = { .text = STR("FALSE") };
    struct sql_arg args[ARGS];
    size_t n = 0;
    enum rc rc = after ? pol_selector_sql(after->selector, c->a, &sql, &c->e) : RC_OK;
    if (!rc) rc = selector_args(c, &sql, authority, args, ARGS - 3, &n);
    if (rc) return rc;
    args[n++] = (struct sql_arg){ "policy", SQL_I(policy) };
    args[n++] = (struct sql_arg){ "vm", SQL_T(after ? after->vm : STR("")) };
    if (limit) args[n++] = (struct sql_arg){ "limit", SQL_I(limit) };
    struct str text = arena_printf(c->a, "%s%.*s%s", head, STR_ARG(sql.text), tail);
    return text.n ? sql_start_text(c->db, text, args, n, r, &c->e) : err_set(&c->e, RC_NOMEM, "no memory");
}

enum rc leaving_json(struct call *c, int64_t policy, struct str name, int64_t authority, const struct pol_policy *after,
                     struct str vm, enum pol_leave leave, json_t **out)
{
    struct sql_rows *r = NULL;
    int64_t count = 0;
    *out = NULL;
    enum rc rc = start(c, API_LEAVING_COUNT_HEAD, API_LEAVING_COUNT_TAIL, after, policy, authority, 0, &r);
    if (!rc && (rc = sql_step(r, &c->e)) == RC_OK) count = sql_int(r, 0);
    sql_end(r);
    if (rc || (!count && after)) return rc;
    json_t *j = json_object(), *devices = json_array();
    j_str(j, "policy", name);
    j_str(j, "vm", vm);
    j_str(j, "onLeave", str_of(pol_leave_word(leave)));
    j_int(j, "count", count);
    r = NULL;
    rc = start(c, API_LEAVING_NAMES_HEAD, API_LEAVING_NAMES_TAIL, after, policy, authority, NAMES, &r);
    while (!rc && (rc = sql_step(r, &c->e)) == RC_OK) json_array_append_new(devices, j_text(sql_text(r, 0)));
    sql_end(r);
    json_object_set_new(j, "devices", devices);
    if (rc != RC_NOT_FOUND) {
        json_decref(j);
        return rc;
    }
    *out = j;
    return RC_OK;
}

enum rc leaving_warn(struct call *c, int64_t policy, int64_t authority, const struct pol_policy *after,
                     json_t *warnings)
{
    static const char *const done[POL_LEAVE_COUNT] = { [POL_LEAVE_KEEP] = "stays there, unmanaged",
                                                       [POL_LEAVE_STOP] = "is stopped",
                                                       [POL_LEAVE_LOCK] = "is locked",
                                                       [POL_LEAVE_REMOVE] = "is removed with its data" };
    json_t *j = NULL;
    enum rc rc = leaving_json(c, policy, after->name, authority, after, after->vm, after->leave, &j);
    if (rc || !j) return rc;
    const int64_t n = json_integer_value(json_object_get(j, "count"));
    const char *first = json_string_value(json_array_get(json_object_get(j, "devices"), 0));
    json_array_append_new(warnings,
                          j_text(arena_printf(c->a, "%" PRId64 " %s the policy (%s%s): its VM %s (onLeave: %s)", n,
                                              n == 1 ? "device leaves" : "devices leave", first ? first : "",
                                              n > 1 ? " ..." : "", done[after->leave], pol_leave_word(after->leave))));
    json_decref(j);
    return RC_OK;
}
