/* SPDX-License-Identifier: Apache-2.0 */
#include "db/tree.h"
#include "db/statements.h"

/* '0' follows '/' in ASCII: the addresses below a node sort between uri || '/' and uri || '0'. */
#define TREE_STATEMENTS(X)                                                                                             \
    X(LIST, "SELECT p.uri, n.format, n.known, n.value, n.at_ms FROM node n JOIN path p ON p.path_id = n.path_id"       \
            " WHERE n.device_id = :device AND p.uri > :cursor AND (:uri = '.' OR p.uri = :uri"                         \
            " OR (p.uri > :uri || '/' AND p.uri < :uri || '0')) AND (:slashes < 0"                                     \
            " OR length(p.uri) - length(replace(p.uri, '/', '')) <= :slashes) ORDER BY p.uri LIMIT :limit")
DB_STATEMENTS(tree, TREE_STATEMENTS)

enum rc db_tree_list(struct sql *db, const struct db_tree_filter *f, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, LIST,
                     SQL_ARGS({ "device", SQL_I(f->device) }, { "cursor", SQL_T(f->cursor) }, { "uri", SQL_T(f->uri) },
                              { "slashes", SQL_I(f->slashes) }, { "limit", SQL_I(f->limit) }),
                     rows, e);
}

enum rc db_tree_next(struct sql_rows *rows, struct db_tree_node *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_tree_node){ .uri = sql_text(rows, 0),
                                  .format = sql_int(rows, 1),
                                  .known = sql_int(rows, 2),
                                  .has_value = !sql_is_null(rows, 3),
                                  .value = sql_text(rows, 3),
                                  .at_ms = sql_int(rows, 4) };
    return RC_OK;
}
