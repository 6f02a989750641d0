/* SPDX-License-Identifier: Apache-2.0 */
#include "db/path.h"
#include "db/statements.h"

#define PATH_UNUSED                                                                                                    \
    " AND path_id < (SELECT max(path_id) FROM path)"                                                                   \
    " AND NOT EXISTS (SELECT 1 FROM node n WHERE n.path_id = path.path_id)"                                            \
    " AND NOT EXISTS (SELECT 1 FROM policy_set s WHERE s.path_id = path.path_id)"                                      \
    " AND NOT EXISTS (SELECT 1 FROM fact f WHERE f.path_id = path.path_id)"
#define PATH_STATEMENTS(X)                                                                                             \
    X(URI, "SELECT uri FROM path WHERE path_id = :path_id")                                                            \
    X(ID, "SELECT path_id FROM path WHERE uri = :uri")                                                                 \
    X(ADD, "INSERT INTO path (uri) VALUES (:uri) RETURNING path_id")                                                   \
    X(RELEASE, "DELETE FROM path WHERE path_id = :path_id" PATH_UNUSED)                                                \
    X(SWEEP, "DELETE FROM path WHERE path_id > :after AND path_id <= :last" PATH_UNUSED)                               \
    X(LAST, "SELECT coalesce(max(path_id), 0) FROM path")
DB_STATEMENTS(path, PATH_STATEMENTS)

enum rc db_path_uri(struct sql *db, int64_t id, struct arena *a, struct str *uri, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, URI, SQL_ARGS({ "path_id", SQL_I(id) }), &r, e);
    if (!rc && !arena_str(a, sql_text(r, 0), uri)) rc = err_set(e, RC_NOMEM, "no memory for an address");
    sql_end(r);
    return rc;
}

enum rc db_path_id(struct sql *db, struct str uri, int64_t *id, struct err *e)
{
    return db_number(db, ID, SQL_ARGS({ "uri", SQL_T(uri) }), id, e);
}

enum rc db_path_add(struct sql *db, struct str uri, int64_t *id, struct err *e)
{
    return db_number(db, ADD, SQL_ARGS({ "uri", SQL_T(uri) }), id, e);
}

enum rc db_path_release(struct sql *db, int64_t id, bool *gone, struct err *e)
{
    int64_t n = 0;
    enum rc rc = sql_execute(db, RELEASE, SQL_ARGS({ "path_id", SQL_I(id) }), &n, e);
    *gone = n > 0;
    return rc;
}

enum rc db_path_sweep(struct sql *db, int64_t after, int64_t last, int64_t *gone, struct err *e)
{
    return sql_execute(db, SWEEP, SQL_ARGS({ "after", SQL_I(after) }, { "last", SQL_I(last) }), gone, e);
}

enum rc db_path_last(struct sql *db, int64_t *id, struct err *e)
{
    return db_number(db, LAST, NULL, 0, id, e);
}
