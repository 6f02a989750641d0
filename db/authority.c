/* SPDX-License-Identifier: Apache-2.0 */
#include "db/authority.h"
#include "db/statements.h"

#define AUTHORITY "SELECT authority_id, name, server_id, title, stamp, owner, record, created_ms FROM authority"
#define AUTHORITY_STATEMENTS(X)                                                                                        \
    X(LIST, AUTHORITY " WHERE " DB_OF_AUTHORITY("authority_id") " ORDER BY authority_id")                              \
    X(BY_ID, AUTHORITY " WHERE authority_id = :id")                                                                    \
    X(BY_NAME, AUTHORITY " WHERE name = :name")                                                                        \
    X(TAKEN, AUTHORITY " WHERE name = :name OR server_id = :server_id"                                                 \
                       " ORDER BY CASE WHEN name = :name THEN 0 ELSE 1 END LIMIT 1")                                   \
    X(COUNT, "SELECT count(*) FROM authority")                                                                         \
    X(ADD, "INSERT INTO authority (name, server_id, title, owner, created_ms)"                                         \
           " VALUES (:name, :server_id, :title, :owner, :created_ms) RETURNING authority_id")                          \
    X(CHANGE, "UPDATE authority SET title = :title, record = :record WHERE authority_id = :id")                        \
    X(STAMP, "UPDATE authority SET stamp = stamp + 1 WHERE authority_id = :id RETURNING stamp")
DB_STATEMENTS(authority, AUTHORITY_STATEMENTS)

enum rc db_authority_next(struct sql_rows *rows, struct db_authority *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_authority){ .id = sql_int(rows, 0),
                                  .name = sql_text(rows, 1),
                                  .server_id = sql_text(rows, 2),
                                  .title = sql_text(rows, 3),
                                  .stamp = sql_int(rows, 4),
                                  .owner = sql_int(rows, 5),
                                  .record = sql_is_null(rows, 6) ? -1 : sql_int(rows, 6) != 0,
                                  .created_ms = sql_int(rows, 7) };
    return RC_OK;
}

/* Read the only row. Takes `r` and the outcome `rc` of starting the query. */
static enum rc only(struct sql_rows *r, enum rc rc, struct arena *a, struct db_authority *out, struct err *e)
{
    if (!rc) rc = db_authority_next(r, out, e);
    if (!rc) rc = DB_KEEP(a, e, &out->name, &out->server_id, &out->title);
    sql_end(r);
    return rc;
}

enum rc db_authority_list(struct sql *db, int64_t authority, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, LIST, SQL_ARGS({ "authority", SQL_I(authority) }), rows, e);
}

enum rc db_authority_by_id(struct sql *db, int64_t id, struct arena *a, struct db_authority *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(db, BY_ID, SQL_ARGS({ "id", SQL_I(id) }), &r, e);
    return only(r, rc, a, out, e);
}

enum rc db_authority_by_name(struct sql *db, struct str name, struct arena *a, struct db_authority *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(db, BY_NAME, SQL_ARGS({ "name", SQL_T(name) }), &r, e);
    return only(r, rc, a, out, e);
}

enum rc db_authority_taken(struct sql *db, struct str name, struct str server_id, struct arena *a,
                           struct db_authority *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(db, TAKEN, SQL_ARGS({ "name", SQL_T(name) }, { "server_id", SQL_T(server_id) }), &r, e);
    return only(r, rc, a, out, e);
}

enum rc db_authority_count(struct sql *db, int64_t *out, struct err *e)
{
    return db_number(db, COUNT, NULL, 0, out, e);
}

enum rc db_authority_add(struct sql *db, const struct db_authority *v, int64_t *id, struct err *e)
{
    return db_number(db, ADD,
                     SQL_ARGS({ "name", SQL_T(v->name) }, { "server_id", SQL_T(v->server_id) },
                              { "title", SQL_T(v->title) }, { "owner", SQL_I(v->owner) },
                              { "created_ms", SQL_I(v->created_ms) }),
                     id, e);
}

enum rc db_authority_change(struct sql *db, const struct db_authority *v, struct err *e)
{
    return sql_execute(db, CHANGE,
                       SQL_ARGS({ "id", SQL_I(v->id) }, { "title", SQL_T(v->title) },
                                { "record", v->record < 0 ? SQL_N : SQL_I(v->record) }),
                       NULL, e);
}

enum rc db_authority_stamp(struct sql *db, int64_t id, int64_t *stamp, struct err *e)
{
    return db_number(db, STAMP, SQL_ARGS({ "id", SQL_I(id) }), stamp, e);
}
