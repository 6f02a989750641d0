/* SPDX-License-Identifier: Apache-2.0 */
#include "db/vm.h"
#include "db/statements.h"

#define VM_STATEMENTS(X)                                                                                               \
    X(LIST, "SELECT vm, title, state, lock_state, reason, verified, state_ms, image, summary, summary_why, crashes,"   \
            " crash_time, crash_why FROM vm WHERE device_id = :device_id")                                             \
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
                           .crash_why = sql_text(rows, 12) };
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
