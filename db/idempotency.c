/* SPDX-License-Identifier: Apache-2.0 */
#include "db/idempotency.h"
#include "db/statements.h"

#define IDEMPOTENCY_STATEMENTS(X)                                                                                      \
    X(FIND, "SELECT request, status, reply, at_ms FROM idempotency"                                                    \
            " WHERE token_id = :token AND key = :key AND at_ms > :after_ms")                                           \
    X(PUT, "INSERT INTO idempotency (token_id, key, request, status, reply, at_ms)"                                    \
           " VALUES (:token, :key, :request, :status, :reply, :at_ms) ON CONFLICT (token_id, key) DO UPDATE SET"       \
           " request = excluded.request, status = excluded.status, reply = excluded.reply, at_ms = excluded.at_ms")    \
    X(EXPIRE, "DELETE FROM idempotency WHERE (token_id, key) IN (SELECT token_id, key FROM idempotency"                \
              " WHERE at_ms < :before_ms LIMIT :limit)")
DB_STATEMENTS(idempotency, IDEMPOTENCY_STATEMENTS)

enum rc db_idempotency_find(struct sql *db, int64_t token, struct str key, int64_t after_ms, struct arena *a,
                            struct db_idempotency *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, FIND,
                        SQL_ARGS({ "token", SQL_I(token) }, { "key", SQL_T(key) }, { "after_ms", SQL_I(after_ms) }), &r,
                        e);
    if (!rc) {
        *out = (struct db_idempotency){ .token = token,
                                        .key = key,
                                        .request = sql_text(r, 0),
                                        .status = sql_int(r, 1),
                                        .reply = sql_text(r, 2),
                                        .at_ms = sql_int(r, 3) };
        rc = DB_KEEP(a, e, &out->request, &out->reply);
    }
    sql_end(r);
    return rc;
}

enum rc db_idempotency_put(struct sql *db, const struct db_idempotency *v, struct err *e)
{
    return sql_execute(db, PUT,
                       SQL_ARGS({ "token", SQL_I(v->token) }, { "key", SQL_T(v->key) },
                                { "request", SQL_T(v->request) }, { "status", SQL_I(v->status) },
                                { "reply", SQL_T(v->reply) }, { "at_ms", SQL_I(v->at_ms) }),
                       NULL, e);
}

enum rc db_idempotency_expire(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed, struct err *e)
{
    return sql_execute(db, EXPIRE, SQL_ARGS({ "before_ms", SQL_I(before_ms) }, { "limit", SQL_I(limit) }), removed, e);
}
