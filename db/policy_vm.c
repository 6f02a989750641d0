/* SPDX-License-Identifier: Apache-2.0 */
#include "db/policy_vm.h"
#include "db/statements.h"

#define POLICY_VM_STATEMENTS(X)                                                                                        \
    X(LIST, "SELECT v.policy_id, v.vm, v.left_ms, p.name, p.revision, p.deleted_ms, v.goal FROM policy_vm v"           \
            " JOIN policy p ON p.policy_id = v.policy_id WHERE v.device_id = :device_id ORDER BY v.policy_id, v.vm")   \
    X(PUT, "INSERT INTO policy_vm (device_id, policy_id, vm, goal, left_ms)"                                           \
           " VALUES (:device_id, :policy_id, :vm, :goal, :left_ms)"                                                    \
           " ON CONFLICT (device_id, policy_id, vm) DO UPDATE SET goal = :goal, left_ms = :left_ms")                   \
    X(REMOVE, "DELETE FROM policy_vm WHERE device_id = :device_id AND policy_id = :policy_id AND vm = :vm")
DB_STATEMENTS(policy_vm, POLICY_VM_STATEMENTS)

enum rc db_policy_vm_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, LIST, SQL_ARGS({ "device_id", SQL_I(device) }), rows, e);
}

enum rc db_policy_vm_next(struct sql_rows *rows, struct db_policy_vm *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_policy_vm){ .policy = sql_int(rows, 0),
                                  .vm = sql_text(rows, 1),
                                  .left_ms = sql_int(rows, 2),
                                  .name = sql_text(rows, 3),
                                  .revision = sql_int(rows, 4),
                                  .deleted = !sql_is_null(rows, 5),
                                  .goal = sql_int(rows, 6) != 0 };
    return RC_OK;
}

enum rc db_policy_vm_put(struct sql *db, int64_t device, const struct db_policy_vm *x, struct err *e)
{
    return sql_execute(db, PUT,
                       SQL_ARGS({ "device_id", SQL_I(device) }, { "policy_id", SQL_I(x->policy) },
                                { "vm", SQL_T(x->vm) }, { "goal", SQL_I(x->goal) }, { "left_ms", SQL_I(x->left_ms) }),
                       NULL, e);
}

enum rc db_policy_vm_remove(struct sql *db, int64_t device, int64_t policy, struct str vm, struct err *e)
{
    return sql_execute(db, REMOVE,
                       SQL_ARGS({ "device_id", SQL_I(device) }, { "policy_id", SQL_I(policy) }, { "vm", SQL_T(vm) }),
                       NULL, e);
}
