/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"
#include "db/device.h"

#include "base/text.h"

/* How the fleet stands: counts and causes in common, by statements over everything, so that nobody has to read every device. */

enum { CAUSES = 200, FAILED_MS = 24 * 60 * 60 * 1000 };

static enum rc devices(struct call *c, json_t *out)
{
    struct sql_rows *r = NULL;
    struct db_device_count v;
    const struct db_condition condition = condition_now(c);
    enum rc rc = db_device_reasons(c->db, c->scope, &condition, CAUSES, &r, &c->e);
    while (!rc && (rc = db_device_next_count(r, &v, &c->e)) == RC_OK) {
        json_t *j = json_object(), *examples = json_array();
        j_str(j, "summary", v.state);
        j_str(j, "why", v.why);
        j_int(j, "count", v.n);
        json_array_append_new(examples, j_text(v.first));
        if (v.n > 1) json_array_append_new(examples, j_text(v.last));
        json_object_set_new(j, "examples", examples);
        json_array_append_new(out, j);
    }
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Sessions of the last day that failed, by cause; a device that was let in since is no trouble any more. */
static enum rc sessions(struct call *c, json_t *out)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_start(c->db, API_OVERVIEW_SESSIONS,
                           SQL_ARGS({ "authority", SQL_I(c->scope) }, { "since_ms", SQL_I(c->w.now_ms - FAILED_MS) },
                                    { "limit", SQL_I(CAUSES) }),
                           &r, &c->e);
    while (!rc && (rc = sql_step(r, &c->e)) == RC_OK) {
        json_t *j = json_object();
        j_str(j, "outcome", sql_text(r, 0));
        j_str(j, "why", sql_text(r, 1));
        j_int(j, "count", sql_int(r, 2));
        j_int(j, "devices", sql_int(r, 3));
        j_int(j, "session", sql_int(r, 4));
        j_str(j, "device", sql_text(r, 5));
        j_time(j, "at", sql_int(r, 6));
        json_array_append_new(out, j);
    }
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Crashes that nobody has acknowledged yet, the latest first. */
static enum rc crashes(struct call *c, json_t *out)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_start(c->db, API_OVERVIEW_CRASHES,
                           SQL_ARGS({ "authority", SQL_I(c->scope) }, { "limit", SQL_I(CAUSES) }), &r, &c->e);
    while (!rc && (rc = sql_step(r, &c->e)) == RC_OK) {
        json_t *j = json_object();
        int64_t at = 0;
        j_str(j, "device", sql_text(r, 0));
        j_str(j, "vm", sql_text(r, 1));
        j_int(j, "count", sql_int(r, 2));
        j_time(j, "at", text_time_parse(sql_text(r, 3), &at) ? at : 0);
        j_str(j, "cause", sql_text(r, 4));
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
    if (!rc) rc = vms_count(c, v);
    if (!rc) rc = sessions(c, s);
    if (!rc) rc = crashes(c, x);
    if (rc) {
        json_decref(j);
        return rc;
    }
    return answer(c, 200, j);
}

const struct route routes_overview[] = {
    { "GET", "/api/v1/overview", ROLE_VIEWER, overview },
    { NULL, NULL, ROLE_NONE, NULL },
};
