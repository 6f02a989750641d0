/* SPDX-License-Identifier: Apache-2.0 */
#include "db/failure.h"
#include "db/statements.h"

#define FAILURE_STATEMENTS(X)                                                                                          \
    X(LIST, "SELECT key, code, tries, retry_ms, at_ms FROM failure WHERE device_id = :device_id ORDER BY key")         \
    X(PUT, "INSERT INTO failure (device_id, key, code, tries, retry_ms, why, at_ms)"                                   \
           " VALUES (:device_id, :key, :code, :tries, :retry_ms, :why, :at_ms) ON CONFLICT (device_id, key)"           \
           " DO UPDATE SET code = :code, tries = :tries, retry_ms = :retry_ms, why = :why, at_ms = :at_ms")            \
    X(REMOVE, "DELETE FROM failure WHERE device_id = :device_id AND key = :key")                                       \
    X(TRIM, "DELETE FROM failure WHERE device_id = :device_id AND key IN (SELECT key FROM failure"                     \
            " WHERE device_id = :device_id ORDER BY at_ms DESC LIMIT 1000000 OFFSET :keep)")
DB_STATEMENTS(failure, FAILURE_STATEMENTS)

enum rc db_failure_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, LIST, SQL_ARGS({ "device_id", SQL_I(device) }), rows, e);
}

enum rc db_failure_next(struct sql_rows *rows, struct db_failure *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_failure){ .key = sql_text(rows, 0),
                                .code = sql_int(rows, 1),
                                .tries = sql_int(rows, 2),
                                .retry_ms = sql_int(rows, 3),
                                .at_ms = sql_int(rows, 4) };
    return RC_OK;
}

enum rc db_failure_put(struct sql *db, int64_t device, const struct db_failure *x, struct err *e)
{
    return sql_execute(db, PUT,
                       SQL_ARGS({ "device_id", SQL_I(device) }, { "key", SQL_T(x->key) }, { "code", SQL_I(x->code) },
                                { "tries", SQL_I(x->tries) }, { "retry_ms", SQL_I(x->retry_ms) },
                                { "why", SQL_T(x->why) }, { "at_ms", SQL_I(x->at_ms) }),
                       NULL, e);
}

enum rc db_failure_remove(struct sql *db, int64_t device, struct str key, struct err *e)
{
    return sql_execute(db, REMOVE, SQL_ARGS({ "device_id", SQL_I(device) }, { "key", SQL_T(key) }), NULL, e);
}

enum rc db_failure_trim(struct sql *db, int64_t device, int64_t keep, int64_t *gone, struct err *e)
{
    return sql_execute(db, TRIM, SQL_ARGS({ "device_id", SQL_I(device) }, { "keep", SQL_I(keep) }), gone, e);
}
