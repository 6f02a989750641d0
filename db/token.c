/* SPDX-License-Identifier: Apache-2.0 */
#include "db/token.h"
#include "db/statements.h"

#define TOKEN                                                                                                          \
    "SELECT t.token_id, t.authority_id, au.name, t.name, t.role, t.hash, t.created_ms, t.expires_ms, t.used_ms"        \
    " FROM token t LEFT JOIN authority au ON au.authority_id = t.authority_id"
#define TOKEN_STATEMENTS(X)                                                                                            \
    X(BY_HASH, TOKEN " WHERE t.hash = :hash")                                                                          \
    X(BY_ID, TOKEN " WHERE t.token_id = :id")                                                                          \
    X(LIST, TOKEN " WHERE t.token_id > :cursor AND " DB_OF_AUTHORITY("t.authority_id") " ORDER BY t.token_id"          \
                                                                                       " LIMIT :limit")                \
    X(COUNT_ADMINS, "SELECT count(*) FROM token WHERE role = 'admin' AND authority_id IS NULL"                         \
                    " AND (expires_ms IS NULL OR expires_ms > :now_ms)")                                               \
    X(ADD, "INSERT INTO token (authority_id, name, role, hash, created_ms, expires_ms)"                                \
           " VALUES (:authority, :name, :role, :hash, :created_ms, :expires_ms) RETURNING token_id")                   \
    X(USED, "UPDATE token SET used_ms = :now_ms WHERE token_id = :id")                                                 \
    X(DELETE, "DELETE FROM token WHERE token_id = :id AND " DB_OF_AUTHORITY("authority_id"))
DB_STATEMENTS(token, TOKEN_STATEMENTS)

enum rc db_token_next(struct sql_rows *rows, struct db_token *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_token){ .id = sql_int(rows, 0),
                              .authority = sql_int(rows, 1),
                              .authority_name = sql_text(rows, 2),
                              .name = sql_text(rows, 3),
                              .role = sql_text(rows, 4),
                              .hash = sql_text(rows, 5),
                              .created_ms = sql_int(rows, 6),
                              .expires_ms = sql_int(rows, 7),
                              .used_ms = sql_int(rows, 8) };
    return RC_OK;
}

/* Read the only row. Takes `r` and the outcome `rc` of starting the query. */
static enum rc only(struct sql_rows *r, enum rc rc, struct arena *a, struct db_token *out, struct err *e)
{
    if (!rc) rc = db_token_next(r, out, e);
    if (!rc) rc = DB_KEEP(a, e, &out->authority_name, &out->name, &out->role, &out->hash);
    sql_end(r);
    return rc;
}

enum rc db_token_by_hash(struct sql *db, struct str hash, struct arena *a, struct db_token *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(db, BY_HASH, SQL_ARGS({ "hash", SQL_B(hash) }), &r, e);
    return only(r, rc, a, out, e);
}

enum rc db_token_by_id(struct sql *db, int64_t id, struct arena *a, struct db_token *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(db, BY_ID, SQL_ARGS({ "id", SQL_I(id) }), &r, e);
    return only(r, rc, a, out, e);
}

enum rc db_token_list(struct sql *db, int64_t authority, int64_t cursor, int64_t limit, struct sql_rows **rows,
                      struct err *e)
{
    return sql_query(
        db, LIST, SQL_ARGS({ "cursor", SQL_I(cursor) }, { "authority", SQL_I(authority) }, { "limit", SQL_I(limit) }),
        rows, e);
}

enum rc db_token_count_admins(struct sql *db, int64_t now_ms, int64_t *out, struct err *e)
{
    return db_number(db, COUNT_ADMINS, SQL_ARGS({ "now_ms", SQL_I(now_ms) }), out, e);
}

enum rc db_token_add(struct sql *db, const struct db_token *v, int64_t *id, struct err *e)
{
    return db_number(db, ADD,
                     SQL_ARGS({ "authority", v->authority ? SQL_I(v->authority) : SQL_N }, { "name", SQL_T(v->name) },
                              { "role", SQL_T(v->role) }, { "hash", SQL_B(v->hash) },
                              { "created_ms", SQL_I(v->created_ms) },
                              { "expires_ms", v->expires_ms ? SQL_I(v->expires_ms) : SQL_N }),
                     id, e);
}

enum rc db_token_used(struct sql *db, int64_t id, int64_t now_ms, struct err *e)
{
    return sql_execute(db, USED, SQL_ARGS({ "now_ms", SQL_I(now_ms) }, { "id", SQL_I(id) }), NULL, e);
}

enum rc db_token_delete(struct sql *db, int64_t authority, int64_t id, struct err *e)
{
    int64_t changed = 0;
    enum rc rc = sql_execute(db, DELETE, SQL_ARGS({ "id", SQL_I(id) }, { "authority", SQL_I(authority) }), &changed, e);
    return !rc && !changed ? RC_NOT_FOUND : rc;
}
