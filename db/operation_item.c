/* SPDX-License-Identifier: Apache-2.0 */
#include "db/operation_item.h"
#include "db/statements.h"

#define ITEM_AT " WHERE operation_id = :operation_id AND seq = :seq"
#define OPERATION_ITEM_STATEMENTS(X)                                                                                   \
    X(LIST, "SELECT seq, command, uri, format, type, data, code, seen_code, seen, seen_ms, secret, changed_by, result" \
            " FROM operation_item WHERE operation_id = :operation_id ORDER BY seq")                                    \
    X(ADD, "INSERT INTO operation_item (operation_id, seq, command, uri, format, type, data, secret)"                  \
           " VALUES (:operation_id, :seq, :command, :uri, :format, :type, :data, :secret)")                            \
    X(SENT, "UPDATE operation_item SET code = 0, result = NULL, seen_code = 0, seen = NULL, seen_ms = 0,"              \
            " changed_by = NULL WHERE operation_id = :operation_id")                                                   \
    X(CODE, "UPDATE operation_item SET code = :code" ITEM_AT)                                                          \
    X(RESULT, "UPDATE operation_item SET result = :result" ITEM_AT)                                                    \
    X(SEEN, "UPDATE operation_item SET seen_code = :code, seen = :seen, seen_ms = :now_ms" ITEM_AT)                    \
    X(CHANGED, "UPDATE operation_item SET changed_by = :by" ITEM_AT)
DB_STATEMENTS(operation_item, OPERATION_ITEM_STATEMENTS)

#define AT(operation, seq)                                                                                             \
    { "operation_id", SQL_I(operation) },                                                                              \
    {                                                                                                                  \
        "seq", SQL_I(seq)                                                                                              \
    }

enum rc db_operation_item_list(struct sql *db, int64_t operation, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, LIST, SQL_ARGS({ "operation_id", SQL_I(operation) }), rows, e);
}

enum rc db_operation_item_next(struct sql_rows *rows, struct db_operation_item *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_operation_item){ .seq = sql_int(rows, 0),
                                       .command = sql_text(rows, 1),
                                       .uri = sql_text(rows, 2),
                                       .format = sql_text(rows, 3),
                                       .type = sql_text(rows, 4),
                                       .data = sql_text(rows, 5),
                                       .has_data = !sql_is_null(rows, 5),
                                       .code = sql_int(rows, 6),
                                       .seen_code = sql_int(rows, 7),
                                       .seen = sql_text(rows, 8),
                                       .seen_ms = sql_int(rows, 9),
                                       .secret = sql_int(rows, 10),
                                       .changed = !sql_is_null(rows, 11),
                                       .changed_by = sql_int(rows, 11),
                                       .has_result = !sql_is_null(rows, 12),
                                       .result = sql_text(rows, 12) };
    return RC_OK;
}

enum rc db_operation_item_add(struct sql *db, const struct db_operation_item *x, struct err *e)
{
    return sql_execute(db, ADD,
                       SQL_ARGS(AT(x->operation, x->seq), { "command", SQL_T(x->command) }, { "uri", SQL_T(x->uri) },
                                { "format", SQL_TN(x->format) }, { "type", SQL_TN(x->type) },
                                { "data", x->has_data ? SQL_T(x->data) : SQL_N }, { "secret", SQL_I(x->secret) }),
                       NULL, e);
}

enum rc db_operation_items_sent(struct sql *db, int64_t operation, struct err *e)
{
    return sql_execute(db, SENT, SQL_ARGS({ "operation_id", SQL_I(operation) }), NULL, e);
}

enum rc db_operation_item_code(struct sql *db, int64_t operation, int64_t seq, int64_t code, struct err *e)
{
    return sql_execute(db, CODE, SQL_ARGS({ "code", SQL_I(code) }, AT(operation, seq)), NULL, e);
}

enum rc db_operation_item_result(struct sql *db, int64_t operation, int64_t seq, struct str json, struct err *e)
{
    return sql_execute(db, RESULT, SQL_ARGS({ "result", SQL_T(json) }, AT(operation, seq)), NULL, e);
}

enum rc db_operation_item_seen(struct sql *db, int64_t operation, int64_t seq, int64_t code, struct str seen,
                               int64_t now_ms, struct err *e)
{
    return sql_execute(db, SEEN,
                       SQL_ARGS({ "code", SQL_I(code) }, { "seen", SQL_T(seen) }, { "now_ms", SQL_I(now_ms) },
                                AT(operation, seq)),
                       NULL, e);
}

enum rc db_operation_item_changed(struct sql *db, int64_t operation, int64_t seq, int64_t by, struct err *e)
{
    return sql_execute(db, CHANGED, SQL_ARGS({ "by", SQL_I(by) }, AT(operation, seq)), NULL, e);
}
