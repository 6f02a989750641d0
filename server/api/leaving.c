/* SPDX-License-Identifier: Apache-2.0 */
#include "db/device.h"
#include "server/api/leaving.h"
#include "server/api/describe.h"

#include <inttypes.h>

enum { NAMES = 20 };

/* Without a new policy, all devices leave. */
static enum rc leaving_of(struct call *c, const struct pol_policy *after, struct db_device_leaving *l)
{
    struct pol_sql sql;
    l->selector = DB_SELECTOR_NONE;
    if (!after) return RC_OK;
    enum rc rc = pol_selector_sql(after->selector, c->a, &sql, &c->e);
    if (!rc) l->selector = api_db_selector_of(&sql);
    l->vm = after->vm;
    return rc;
}

enum rc leaving_json(struct call *c, int64_t policy, struct str name, int64_t authority, const struct pol_policy *after,
                     struct str vm, enum pol_leave leave, json_t **out)
{
    struct sql_rows *r = NULL;
    struct db_device_leaving l = { .authority = authority, .policy = policy };
    struct str device;
    int64_t count = 0;
    *out = NULL;
    enum rc rc = leaving_of(c, after, &l);
    if (!rc) rc = db_device_count_leaving(c->db, &l, &count, &c->e);
    if (rc || (!count && after)) return rc;
    json_t *j = json_object(), *devices = json_array();
    json_put_str(j, "policy", name);
    json_put_str(j, "vm", vm);
    json_put_str(j, "onLeave", str_of(pol_leave_word(leave)));
    json_put_int(j, "count", count);
    rc = db_device_leaving(c->db, &l, NAMES, &r, &c->e);
    while (!rc && (rc = db_device_next_name(r, &device, &c->e)) == RC_OK)
        json_array_append_new(devices, json_put_text(device));
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
    static const char *const done[POL_LEAVE_COUNT] = { [POL_LEAVE_KEEP] = "remains there unmanaged",
                                                       [POL_LEAVE_STOP] = "is stopped",
                                                       [POL_LEAVE_LOCK] = "is locked",
                                                       [POL_LEAVE_REMOVE] = "is removed with its data" };
    json_t *j = NULL;
    enum rc rc = leaving_json(c, policy, after->name, authority, after, after->vm, after->leave, &j);
    if (rc || !j) return rc;
    const int64_t n = json_integer_value(json_object_get(j, "count"));
    const char *first = json_string_value(json_array_get(json_object_get(j, "devices"), 0));
    json_array_append_new(
        warnings, json_put_text(arena_printf(c->a, "%" PRId64 " %s the policy (%s%s): its VM %s (onLeave: %s)", n,
                                             n == 1 ? "device leaves" : "devices leave", first ? first : "",
                                             n > 1 ? " ..." : "", done[after->leave], pol_leave_word(after->leave))));
    json_decref(j);
    return RC_OK;
}
