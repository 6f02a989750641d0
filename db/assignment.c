/* SPDX-License-Identifier: Apache-2.0 */
#include "db/assignment.h"
#include "db/statements.h"

#define ASSIGNMENT_STATEMENTS(X)                                                                                       \
    X(LIST, "SELECT policy_id, revision, truth, state, why FROM assignment WHERE device_id = :device_id")              \
    X(PUT, "INSERT INTO assignment (device_id, policy_id, revision, truth, state, why, at_ms)"                         \
           " VALUES (:device_id, :policy_id, :revision, :truth, :state, :why, :now_ms)"                                \
           " ON CONFLICT (device_id, policy_id) DO UPDATE SET revision = :revision, truth = :truth, state = :state,"   \
           " why = :why, at_ms = :now_ms")                                                                             \
    X(REMOVE, "DELETE FROM assignment WHERE device_id = :device_id AND policy_id = :policy_id")
DB_STATEMENTS(assignment, ASSIGNMENT_STATEMENTS)

enum rc db_assignment_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, LIST, SQL_ARGS({ "device_id", SQL_I(device) }), rows, e);
}

enum rc db_assignment_next(struct sql_rows *rows, struct db_assignment *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_assignment){ .policy = sql_int(rows, 0),
                                   .revision = sql_int(rows, 1),
                                   .truth = sql_int(rows, 2),
                                   .state = sql_text(rows, 3),
                                   .why = sql_text(rows, 4) };
    return RC_OK;
}

enum rc db_assignment_put(struct sql *db, int64_t device, const struct db_assignment *x, int64_t now_ms, struct err *e)
{
    return sql_execute(db, PUT,
                       SQL_ARGS({ "device_id", SQL_I(device) }, { "policy_id", SQL_I(x->policy) },
                                { "revision", SQL_I(x->revision) }, { "truth", SQL_I(x->truth) },
                                { "state", SQL_T(x->state) }, { "why", SQL_T(x->why) }, { "now_ms", SQL_I(now_ms) }),
                       NULL, e);
}

enum rc db_assignment_remove(struct sql *db, int64_t device, int64_t policy, struct err *e)
{
    return sql_execute(db, REMOVE, SQL_ARGS({ "device_id", SQL_I(device) }, { "policy_id", SQL_I(policy) }), NULL, e);
}
