/* SPDX-License-Identifier: Apache-2.0 */
#include "db/device_state.h"
#include "db/statements.h"

#define DEVICE_STATE_STATEMENTS(X)                                                                                     \
    X(FIND, "SELECT mirror_read, lists, large_objects, summary, summary_why, summary_ms, title, created_ms,"           \
            " planned_generation, careful FROM device WHERE device_id = :device_id")                                   \
    X(PUT, "UPDATE device SET layout_mo = :layout_mo, mo_root = :mo_root, mo_images = :mo_images,"                     \
           " mirror_read = :mirror_read, lists = :lists,"                                                              \
           " large_objects = :large_objects, observed_generation = :observed_generation,"                              \
           " planned_generation = :planned_generation,"                                                                \
           " settled_token = :settled_token, next_kpi_ms = :next_kpi_ms, summary = :summary,"                          \
           " summary_why = :summary_why, summary_ms = :summary_ms, careful = :careful WHERE device_id = :device_id")   \
    X(CAREFUL, "UPDATE device SET careful = 1 WHERE device_id = :device_id")                                           \
    X(CALLER, "UPDATE device SET user_agent = :user_agent, remote = :remote WHERE device_id = :device_id")             \
    X(DEVINFO, "UPDATE device SET devinfo_hash = :hash WHERE device_id = :device_id")                                  \
    X(IDENTITY, "SELECT authority_id, name FROM device WHERE device_id = :device_id")
DB_STATEMENTS(device_state, DEVICE_STATE_STATEMENTS)

enum rc db_device_state_find(struct sql *db, int64_t device, struct arena *a, struct db_device_state *out,
                             struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, FIND, SQL_ARGS({ "device_id", SQL_I(device) }), &r, e);
    if (!rc)
        *out = (struct db_device_state){ .device = device,
                                         .mirror_read = sql_int(r, 0) != 0,
                                         .lists = sql_int(r, 1),
                                         .large_objects = sql_int(r, 2) != 0,
                                         .summary_ms = sql_int(r, 5),
                                         .created_ms = sql_int(r, 7),
                                         .planned_generation = sql_int(r, 8),
                                         .careful = sql_int(r, 9) != 0 };
    if (!rc && (!arena_str(a, sql_text(r, 3), &out->summary) || !arena_str(a, sql_text(r, 4), &out->summary_why) ||
                !arena_str(a, sql_text(r, 6), &out->title)))
        rc = err_set(e, RC_NOMEM, "no memory for a device");
    sql_end(r);
    return rc;
}

enum rc db_device_state_put(struct sql *db, const struct db_device_state *s, struct err *e)
{
    return sql_execute(db, PUT,
                       SQL_ARGS({ "layout_mo", SQL_TN(s->layout_mo) }, { "mo_root", SQL_TN(s->mo_root) },
                                { "mo_images", SQL_TN(s->mo_images) }, { "mirror_read", SQL_I(s->mirror_read) },
                                { "lists", SQL_I(s->lists) }, { "large_objects", SQL_I(s->large_objects) },
                                { "observed_generation", SQL_I(s->observed_generation) },
                                { "planned_generation", SQL_I(s->planned_generation) },
                                { "settled_token", SQL_TN(s->settled_token) },
                                { "next_kpi_ms", s->next_kpi_ms ? SQL_I(s->next_kpi_ms) : SQL_N },
                                { "summary", SQL_T(s->summary) }, { "summary_why", SQL_T(s->summary_why) },
                                { "summary_ms", s->summary_ms ? SQL_I(s->summary_ms) : SQL_N },
                                { "careful", SQL_I(s->careful) }, { "device_id", SQL_I(s->device) }),
                       NULL, e);
}

enum rc db_device_state_careful(struct sql *db, int64_t device, struct err *e)
{
    return sql_execute(db, CAREFUL, SQL_ARGS({ "device_id", SQL_I(device) }), NULL, e);
}

enum rc db_device_state_caller(struct sql *db, int64_t device, struct str user_agent, struct str remote, struct err *e)
{
    return sql_execute(db, CALLER,
                       SQL_ARGS({ "user_agent", SQL_T(user_agent) }, { "remote", SQL_T(remote) },
                                { "device_id", SQL_I(device) }),
                       NULL, e);
}

enum rc db_device_state_devinfo(struct sql *db, int64_t device, int64_t hash, struct err *e)
{
    return sql_execute(db, DEVINFO, SQL_ARGS({ "hash", SQL_I(hash) }, { "device_id", SQL_I(device) }), NULL, e);
}

enum rc db_device_state_name(struct sql *db, int64_t device, struct arena *a, int64_t *authority, struct str *name,
                             struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, IDENTITY, SQL_ARGS({ "device_id", SQL_I(device) }), &r, e);
    if (!rc && authority) *authority = sql_int(r, 0);
    if (!rc && name && !arena_str(a, sql_text(r, 1), name)) rc = err_set(e, RC_NOMEM, "no memory for a device");
    sql_end(r);
    return rc;
}
