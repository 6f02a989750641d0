/* SPDX-License-Identifier: Apache-2.0 */
#include "db/vm.h"
#include "db/statements.h"

#define VM                                                                                                             \
    "SELECT vm, title, state, lock_state, reason, verified, state_ms, image, summary, summary_why, crashes,"           \
    " crash_time, crash_why, crashes_seen FROM vm WHERE device_id = :device_id"
#define VM_STATEMENTS(X)                                                                                               \
    X(LIST, VM " ORDER BY vm")                                                                                         \
    X(FIND, VM " AND vm = :vm")                                                                                        \
    X(ACKNOWLEDGE, "UPDATE vm SET crashes_seen = crashes WHERE device_id = :device_id AND vm = :vm")                   \
    X(COUNTS,                                                                                                          \
      "SELECT d.layout_mo, v.state, v.lock_state, count(*) FROM vm v JOIN device d ON d.device_id = v.device_id"       \
      " WHERE " DB_OF_AUTHORITY("d.authority_id") " GROUP BY d.layout_mo, v.state, v.lock_state")                      \
    X(CRASHES, "SELECT d.name, v.vm, v.crash_time, v.crash_why, v.crashes - v.crashes_seen FROM vm v"                  \
               " JOIN device d ON d.device_id = v.device_id WHERE v.crashes > v.crashes_seen AND " DB_OF_AUTHORITY(    \
                   "d.authority_id") " ORDER BY v.crash_time DESC LIMIT :limit")                                       \
    X(PUT, "INSERT INTO vm (device_id, vm, title, state, lock_state, reason, verified, state_ms, image, summary,"      \
           " summary_why, crashes, crash_time, crash_why)"                                                             \
           " VALUES (:device_id, :vm, :title, :state, :lock_state, :reason, :verified, :state_ms, :image, :summary,"   \
           " :summary_why, :crashes, :crash_time, :crash_why)"                                                         \
           " ON CONFLICT (device_id, vm) DO UPDATE SET title = :title, state = :state,"                                \
           " lock_state = :lock_state, reason = :reason, verified = :verified, state_ms = :state_ms, image = :image,"  \
           " summary = :summary, summary_why = :summary_why, crashes = :crashes, crash_time = :crash_time,"            \
           " crash_why = :crash_why,"                                                                                  \
           " crashes_seen = CASE WHEN vm.crashes_seen > :crashes THEN :crashes ELSE vm.crashes_seen END")              \
    X(REMOVE, "DELETE FROM vm WHERE device_id = :device_id AND vm = :vm")
DB_STATEMENTS(vm, VM_STATEMENTS)

enum rc db_vm_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, LIST, SQL_ARGS({ "device_id", SQL_I(device) }), rows, e);
}

enum rc db_vm_next(struct sql_rows *rows, struct db_vm *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_vm){ .vm = sql_text(rows, 0),
                           .title = sql_text(rows, 1),
                           .state = sql_int(rows, 2),
                           .lock = sql_int(rows, 3),
                           .reason = sql_int(rows, 4),
                           .verified = sql_int(rows, 5),
                           .state_ms = sql_int(rows, 6),
                           .image = sql_text(rows, 7),
                           .summary = sql_text(rows, 8),
                           .why = sql_text(rows, 9),
                           .crashes = sql_int(rows, 10),
                           .crash_time = sql_text(rows, 11),
                           .crash_why = sql_text(rows, 12),
                           .crashes_seen = sql_int(rows, 13) };
    return RC_OK;
}

enum rc db_vm_put(struct sql *db, int64_t device, const struct db_vm *x, struct err *e)
{
    return sql_execute(
        db, PUT,
        SQL_ARGS({ "device_id", SQL_I(device) }, { "vm", SQL_T(x->vm) }, { "title", SQL_T(x->title) },
                 { "state", SQL_I(x->state) }, { "lock_state", SQL_I(x->lock) }, { "reason", SQL_I(x->reason) },
                 { "verified", SQL_I(x->verified) }, { "state_ms", SQL_I(x->state_ms) }, { "image", SQL_T(x->image) },
                 { "summary", SQL_T(x->summary) }, { "summary_why", SQL_T(x->why) }, { "crashes", SQL_I(x->crashes) },
                 { "crash_time", SQL_T(x->crash_time) }, { "crash_why", SQL_T(x->crash_why) }),
        NULL, e);
}

enum rc db_vm_remove(struct sql *db, int64_t device, struct str vm, struct err *e)
{
    return sql_execute(db, REMOVE, SQL_ARGS({ "device_id", SQL_I(device) }, { "vm", SQL_T(vm) }), NULL, e);
}

enum rc db_vm_find(struct sql *db, int64_t device, struct str vm, struct arena *a, struct db_vm *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(db, FIND, SQL_ARGS({ "device_id", SQL_I(device) }, { "vm", SQL_T(vm) }), &r, e);
    if (!rc) rc = db_vm_next(r, out, e);
    if (!rc)
        rc = DB_KEEP(a, e, &out->vm, &out->title, &out->image, &out->summary, &out->why, &out->crash_time,
                     &out->crash_why);
    sql_end(r);
    return rc;
}

enum rc db_vm_acknowledge(struct sql *db, int64_t device, struct str vm, struct err *e)
{
    return sql_execute(db, ACKNOWLEDGE, SQL_ARGS({ "device_id", SQL_I(device) }, { "vm", SQL_T(vm) }), NULL, e);
}

/* ---- fleets ---- */

enum rc db_vm_counts(struct sql *db, int64_t authority, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, COUNTS, SQL_ARGS({ "authority", SQL_I(authority) }), rows, e);
}

enum rc db_vm_next_count(struct sql_rows *rows, struct db_vm_count *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (!rc) *out = (struct db_vm_count){ sql_text(rows, 0), sql_int(rows, 1), sql_int(rows, 2), sql_int(rows, 3) };
    return rc;
}

enum rc db_vm_crashes(struct sql *db, int64_t authority, int64_t limit, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, CRASHES, SQL_ARGS({ "authority", SQL_I(authority) }, { "limit", SQL_I(limit) }), rows, e);
}

enum rc db_vm_next_crash(struct sql_rows *rows, struct db_vm_crash *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_vm_crash){ .device_name = sql_text(rows, 0),
                                 .vm = sql_text(rows, 1),
                                 .time = sql_text(rows, 2),
                                 .why = sql_text(rows, 3),
                                 .n = sql_int(rows, 4) };
    return RC_OK;
}
