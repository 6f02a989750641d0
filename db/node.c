/* SPDX-License-Identifier: Apache-2.0 */
#include "db/node.h"
#include "db/statements.h"

#define NODE_STATEMENTS(X)                                                                                             \
    X(LIST, "SELECT path_id, format, known, value, at_ms FROM node WHERE device_id = :device_id")                      \
    X(ADD, "INSERT INTO node (device_id, path_id, format, known, value, at_ms)"                                        \
           " VALUES (:device_id, :path_id, :format, :known, :value, :at_ms)")                                          \
    X(SET, "UPDATE node SET format = :format, known = :known, value = :value, at_ms = :at_ms"                          \
           " WHERE device_id = :device_id AND path_id = :path_id")                                                     \
    X(REMOVE, "DELETE FROM node WHERE device_id = :device_id AND path_id = :path_id")                                  \
    X(FACT_CLEAR, "DELETE FROM fact")                                                                                  \
    X(FACT_PUT, "INSERT INTO fact (path_id, name) VALUES (:path_id, :name)"                                            \
                " ON CONFLICT (path_id) DO UPDATE SET name = :name")
DB_STATEMENTS(node, NODE_STATEMENTS)

enum rc db_node_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, LIST, SQL_ARGS({ "device_id", SQL_I(device) }), rows, e);
}

enum rc db_node_next(struct sql_rows *rows, struct db_node *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_node){ .path = sql_int(rows, 0),
                             .format = sql_int(rows, 1),
                             .known = sql_int(rows, 2),
                             .value = sql_text(rows, 3),
                             .has_value = !sql_is_null(rows, 3),
                             .at_ms = sql_int(rows, 4) };
    return RC_OK;
}

static enum rc write(struct sql *db, const char *text, int64_t device, const struct db_node *n, struct err *e)
{
    return sql_execute(db, text,
                       SQL_ARGS({ "device_id", SQL_I(device) }, { "path_id", SQL_I(n->path) },
                                { "format", SQL_I(n->format) }, { "known", SQL_I(n->known) },
                                { "value", n->has_value ? SQL_T(n->value) : SQL_N }, { "at_ms", SQL_I(n->at_ms) }),
                       NULL, e);
}

enum rc db_node_add(struct sql *db, int64_t device, const struct db_node *n, struct err *e)
{
    return write(db, ADD, device, n, e);
}

enum rc db_node_set(struct sql *db, int64_t device, const struct db_node *n, struct err *e)
{
    return write(db, SET, device, n, e);
}

enum rc db_node_remove(struct sql *db, int64_t device, int64_t path, struct err *e)
{
    return sql_execute(db, REMOVE, SQL_ARGS({ "device_id", SQL_I(device) }, { "path_id", SQL_I(path) }), NULL, e);
}

enum rc db_fact_clear(struct sql *db, struct err *e)
{
    return sql_execute(db, FACT_CLEAR, NULL, 0, NULL, e);
}

enum rc db_fact_put(struct sql *db, int64_t path, struct str name, struct err *e)
{
    return sql_execute(db, FACT_PUT, SQL_ARGS({ "path_id", SQL_I(path) }, { "name", SQL_T(name) }), NULL, e);
}
