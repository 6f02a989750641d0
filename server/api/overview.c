/* SPDX-License-Identifier: Apache-2.0 */
#include "db/vm.h"
#include "db/session_record.h"
#include "server/api/call.h"
#include "db/device.h"

#include "base/text.h"

/* The condition of the fleet: counts and common causes, computed by queries over all devices. */

enum { CAUSES = 200, FAILED_MS = 24 * 60 * 60 * 1000 };

static enum rc devices(struct call *c, json_t *out)
{
    struct sql_rows *r = NULL;
    struct db_device_count v;
    const struct db_condition condition = api_condition_now(c);
    enum rc rc = db_device_reasons(c->db, c->scope, &condition, CAUSES, &r, &c->e);
    while (!rc && (rc = db_device_next_count(r, &v, &c->e)) == RC_OK) {
        json_t *j = json_object(), *examples = json_array();
        json_put_str(j, "summary", v.state);
        json_put_str(j, "why", v.why);
        json_put_int(j, "count", v.n);
        json_array_append_new(examples, json_put_text(v.first));
        if (v.n > 1) json_array_append_new(examples, json_put_text(v.last));
        json_object_set_new(j, "examples", examples);
        json_array_append_new(out, j);
    }
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Failed sessions of the last day, by cause; devices that have since authenticated are left out. */
static enum rc sessions(struct call *c, json_t *out)
{
    struct sql_rows *r = NULL;
    struct db_session_failures v;
    enum rc rc = db_session_record_failures(c->db, c->scope, c->w.now_ms - FAILED_MS, CAUSES, &r, &c->e);
    while (!rc && (rc = db_session_record_next_failures(r, &v, &c->e)) == RC_OK) {
        json_t *j = json_object();
        json_put_str(j, "outcome", v.outcome);
        json_put_str(j, "why", v.why);
        json_put_int(j, "count", v.n);
        json_put_int(j, "devices", v.devices);
        json_put_int(j, "session", v.last);
        json_put_str(j, "device", v.last_device);
        json_put_time(j, "at", v.last_ms);
        json_array_append_new(out, j);
    }
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Unacknowledged crashes, the latest first. */
static enum rc crashes(struct call *c, json_t *out)
{
    struct sql_rows *r = NULL;
    struct db_vm_crash v;
    enum rc rc = db_vm_crashes(c->db, c->scope, CAUSES, &r, &c->e);
    while (!rc && (rc = db_vm_next_crash(r, &v, &c->e)) == RC_OK) {
        json_t *j = json_object();
        int64_t at = 0;
        json_put_str(j, "device", v.device_name);
        json_put_str(j, "vm", v.vm);
        json_put_int(j, "count", v.n);
        json_put_time(j, "at", text_time_parse(v.time, &at) ? at : 0);
        json_put_str(j, "cause", v.why);
        json_array_append_new(out, j);
    }
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc overview(struct call *c)
{
    json_t *j = json_object(), *d = json_array(), *v = json_array(), *s = json_array(), *x = json_array();
    json_object_set_new(j, "devices", d);
    json_object_set_new(j, "vms", v);
    json_object_set_new(j, "sessions", s);
    json_object_set_new(j, "crashes", x);
    enum rc rc = devices(c, d);
    if (!rc) rc = api_vms_count(c, v);
    if (!rc) rc = sessions(c, s);
    if (!rc) rc = crashes(c, x);
    if (rc) {
        json_decref(j);
        return rc;
    }
    return api_answer(c, 200, j);
}

const struct route routes_overview[] = {
    { "GET", "/api/v1/overview", ROLE_VIEWER, overview },
    { NULL, NULL, ROLE_NONE, NULL },
};
