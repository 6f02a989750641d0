/* SPDX-License-Identifier: Apache-2.0 */
#include "db/policy_set.h"
#include "db/statements.h"

#define POLICY_SET_STATEMENTS(X)                                                                                       \
    X(LIST, "SELECT p.uri, s.value, s.earlier FROM policy_set s JOIN path p ON p.path_id = s.path_id"                  \
            " WHERE s.device_id = :device_id")                                                                         \
    X(PUT, "INSERT INTO policy_set (device_id, path_id, value) VALUES (:device_id, :path_id, :value)"                  \
           " ON CONFLICT (device_id, path_id) DO UPDATE SET value = :value,"                                           \
           " earlier = CASE WHEN policy_set.value <> :value THEN policy_set.value ELSE policy_set.earlier END")        \
    X(REMOVE, "DELETE FROM policy_set WHERE device_id = :device_id AND path_id = :path_id")
DB_STATEMENTS(policy_set, POLICY_SET_STATEMENTS)

enum rc db_policy_set_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, LIST, SQL_ARGS({ "device_id", SQL_I(device) }), rows, e);
}

enum rc db_policy_set_next(struct sql_rows *rows, struct db_policy_set *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_policy_set){ .uri = sql_text(rows, 0),
                                   .value = sql_text(rows, 1),
                                   .row = sql_is_null(rows, 1),
                                   .earlier = sql_text(rows, 2),
                                   .has_earlier = !sql_is_null(rows, 2) };
    return RC_OK;
}

enum rc db_policy_set_put(struct sql *db, int64_t device, int64_t path, const struct str *value, struct err *e)
{
    return sql_execute(db, PUT,
                       SQL_ARGS({ "device_id", SQL_I(device) }, { "path_id", SQL_I(path) },
                                { "value", value ? SQL_T(*value) : SQL_N }),
                       NULL, e);
}

enum rc db_policy_set_remove(struct sql *db, int64_t device, int64_t path, struct err *e)
{
    return sql_execute(db, REMOVE, SQL_ARGS({ "device_id", SQL_I(device) }, { "path_id", SQL_I(path) }), NULL, e);
}
