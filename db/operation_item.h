/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_OPERATION_ITEM_H
#define DB_OPERATION_ITEM_H
/* One command of an operation with several commands, its result, and the value read back afterwards (table
 * operation_item). */
#include "db/sql/sql.h"

struct db_operation_item {
    int64_t operation, seq;                            /* seq from 1 on, in the order of the commands */
    struct str command, uri, format, type, data, seen; /* format, type: empty = none */
    bool has_data, changed, has_result;
    struct str result;                                    /* JSON list; read only */
    int64_t secret, code, seen_code, seen_ms, changed_by; /* secret as in db_operation */
};

/** In order of seq: rows for db_operation_item_next. */
enum rc db_operation_item_list(struct sql *db, int64_t operation, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_operation_item_next(struct sql_rows *rows, struct db_operation_item *out, struct err *e);
/** Writes operation, seq, command, uri, format, type, data and secret. */
enum rc db_operation_item_add(struct sql *db, const struct db_operation_item *x, struct err *e);
/** The commands are sent (again): reset their results. */
enum rc db_operation_items_sent(struct sql *db, int64_t operation, struct err *e);
enum rc db_operation_item_code(struct sql *db, int64_t operation, int64_t seq, int64_t code, struct err *e);
enum rc db_operation_item_result(struct sql *db, int64_t operation, int64_t seq, struct str json, struct err *e);
enum rc db_operation_item_seen(struct sql *db, int64_t operation, int64_t seq, int64_t code, struct str seen,
                               int64_t now_ms, struct err *e);
/** @param by  operation that wrote the node afterwards; 0 = a policy */
enum rc db_operation_item_changed(struct sql *db, int64_t operation, int64_t seq, int64_t by, struct err *e);
#endif
