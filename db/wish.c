/* SPDX-License-Identifier: Apache-2.0 */
#include "db/wish.h"
#include "db/statements.h"

#define WISH_STATEMENTS(X)                                                                                             \
    X(LIST, "SELECT uri, hash, since_ms FROM wish WHERE device_id = :device_id ORDER BY uri")                          \
    X(CLEAR, "DELETE FROM wish WHERE device_id = :device_id")                                                          \
    X(ADD, "INSERT INTO wish (device_id, uri, hash, since_ms) VALUES (:device_id, :uri, :hash, :since_ms)")
DB_STATEMENTS(wish, WISH_STATEMENTS)

enum rc db_wish_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, LIST, SQL_ARGS({ "device_id", SQL_I(device) }), rows, e);
}

enum rc db_wish_next(struct sql_rows *rows, struct db_wish *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_wish){ .uri = sql_text(rows, 0), .hash = sql_text(rows, 1), .since_ms = sql_int(rows, 2) };
    return RC_OK;
}

enum rc db_wish_clear(struct sql *db, int64_t device, struct err *e)
{
    return sql_execute(db, CLEAR, SQL_ARGS({ "device_id", SQL_I(device) }), NULL, e);
}

enum rc db_wish_add(struct sql *db, int64_t device, const struct db_wish *x, struct err *e)
{
    return sql_execute(db, ADD,
                       SQL_ARGS({ "device_id", SQL_I(device) }, { "uri", SQL_T(x->uri) }, { "hash", SQL_T(x->hash) },
                                { "since_ms", SQL_I(x->since_ms) }),
                       NULL, e);
}
