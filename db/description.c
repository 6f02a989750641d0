/* SPDX-License-Identifier: Apache-2.0 */
#include "db/description.h"
#include "db/statements.h"

#define DESCRIPTION                                                                                                    \
    "SELECT x.description_id, x.authority_id, au.name, x.name, x.man, x.mod, x.mo, x.objects, x.nodes, x.bytes,"       \
    " x.created_ms, x.created_by FROM description x JOIN authority au ON au.authority_id = x.authority_id"
#define FILLED(column) "CASE WHEN " column " = '' THEN 0 ELSE 1 END"
#define DESCRIPTION_STATEMENTS(X)                                                                                      \
    X(LIST, DESCRIPTION " WHERE x.description_id > :cursor AND " DB_OF_AUTHORITY(                                      \
                "x.authority_id") " ORDER BY x.description_id LIMIT :limit")                                           \
    X(BY_KIND, DESCRIPTION " WHERE x.authority_id = :authority ORDER BY " FILLED("x.mo") ", " FILLED(                  \
                   "x.man") " + " FILLED("x.mod") ", x.description_id")                                                \
    X(FIND, DESCRIPTION " WHERE " DB_OF_AUTHORITY("x.authority_id") " AND x.name = :name LIMIT 2")                     \
    X(DOCUMENT, "SELECT name, data FROM description WHERE description_id = :id")                                       \
    X(BESIDE, "SELECT name, data FROM description WHERE authority_id = :authority"                                     \
              " AND (man = '' OR :man = '' OR man = :man) AND (mod = '' OR :mod = '' OR mod = :mod)"                   \
              " AND (mo = '' OR :mo = '' OR mo = :mo) ORDER BY description_id")                                        \
    X(ADD, "INSERT INTO description (authority_id, name, man, mod, mo, objects, nodes, bytes, data, created_ms,"       \
           " created_by) VALUES (:authority, :name, :man, :mod, :mo, :objects, :nodes, :bytes, :data, :created_ms,"    \
           " :created_by)")                                                                                            \
    X(DELETE, "DELETE FROM description WHERE description_id = :id")
DB_STATEMENTS(description, DESCRIPTION_STATEMENTS)

enum rc db_description_list(struct sql *db, int64_t authority, int64_t cursor, int64_t limit, struct sql_rows **rows,
                            struct err *e)
{
    return sql_query(
        db, LIST, SQL_ARGS({ "cursor", SQL_I(cursor) }, { "authority", SQL_I(authority) }, { "limit", SQL_I(limit) }),
        rows, e);
}

enum rc db_description_by_kind(struct sql *db, int64_t authority, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, BY_KIND, SQL_ARGS({ "authority", SQL_I(authority) }), rows, e);
}

enum rc db_description_next(struct sql_rows *rows, struct db_description *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_description){ .id = sql_int(rows, 0),
                                    .authority = sql_int(rows, 1),
                                    .authority_name = sql_text(rows, 2),
                                    .name = sql_text(rows, 3),
                                    .man = sql_text(rows, 4),
                                    .mod = sql_text(rows, 5),
                                    .mo = sql_text(rows, 6),
                                    .objects = sql_text(rows, 7),
                                    .nodes = sql_int(rows, 8),
                                    .bytes = sql_int(rows, 9),
                                    .created_ms = sql_int(rows, 10),
                                    .created_by = sql_text(rows, 11) };
    return RC_OK;
}

enum rc db_description_find(struct sql *db, int64_t authority, struct str name, struct arena *a,
                            struct db_description *out, bool *several, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(db, FIND, SQL_ARGS({ "authority", SQL_I(authority) }, { "name", SQL_T(name) }), &r, e);
    if (!rc) rc = db_description_next(r, out, e);
    if (!rc)
        rc = DB_KEEP(a, e, &out->authority_name, &out->name, &out->man, &out->mod, &out->mo, &out->objects,
                     &out->created_by);
    if (!rc) rc = db_more(r, several, e);
    sql_end(r);
    return rc;
}

enum rc db_description_text(struct sql *db, int64_t id, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, DOCUMENT, SQL_ARGS({ "id", SQL_I(id) }), rows, e);
}

enum rc db_description_beside(struct sql *db, int64_t authority, struct str man, struct str mod, struct str mo,
                              struct sql_rows **rows, struct err *e)
{
    return sql_query(db, BESIDE,
                     SQL_ARGS({ "authority", SQL_I(authority) }, { "man", SQL_T(man) }, { "mod", SQL_T(mod) },
                              { "mo", SQL_T(mo) }),
                     rows, e);
}

enum rc db_description_next_text(struct sql_rows *rows, struct db_description_text *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (!rc) *out = (struct db_description_text){ .name = sql_text(rows, 0), .data = sql_text(rows, 1) };
    return rc;
}

enum rc db_description_add(struct sql *db, const struct db_description *v, struct err *e)
{
    return sql_execute(db, ADD,
                       SQL_ARGS({ "authority", SQL_I(v->authority) }, { "name", SQL_T(v->name) },
                                { "man", SQL_T(v->man) }, { "mod", SQL_T(v->mod) }, { "mo", SQL_T(v->mo) },
                                { "objects", SQL_T(v->objects) }, { "nodes", SQL_I(v->nodes) },
                                { "bytes", SQL_I(v->bytes) }, { "data", SQL_B(v->data) },
                                { "created_ms", SQL_I(v->created_ms) }, { "created_by", SQL_T(v->created_by) }),
                       NULL, e);
}

enum rc db_description_delete(struct sql *db, int64_t id, struct err *e)
{
    return sql_execute(db, DELETE, SQL_ARGS({ "id", SQL_I(id) }), NULL, e);
}
