/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_STATEMENTS_H
#define DB_STATEMENTS_H
/* The SQL of the entities of db/: each statement stands once, beside its reader, and is prepared at its first use on a
 * connection. */
#include "db/sql/sql.h"

/* Every entity that has statements. */
/* clang-format off */
#define DB_ENTITIES(X) \
    X(account) \
    X(assignment) \
    X(attribute) \
    X(audit) \
    X(authority) \
    X(clock) \
    X(clock_step) \
    X(credentials) \
    X(description) \
    X(device) \
    X(device_state) \
    X(event) \
    X(failure) \
    X(generation) \
    X(idempotency) \
    X(image) \
    X(instance) \
    X(node) \
    X(notification) \
    X(operation) \
    X(operation_item) \
    X(operation_record) \
    X(path) \
    X(policy) \
    X(policy_set) \
    X(policy_vm) \
    X(recording) \
    X(refusal) \
    X(replan) \
    X(sample) \
    X(session) \
    X(session_record) \
    X(token) \
    X(tree) \
    X(vm) \
    X(wish)
/* clang-format on */

/* In an entity's .c file: LIST is an X(NAME, "sql") list. NAME is then what sql_query() takes. */
#define DB_STATEMENTS(entity, LIST)                                                                                    \
    LIST(DB_STATEMENT_TEXT)                                                                                            \
    const char *const db_##entity##_statements[] = { LIST(DB_STATEMENT_NAME) NULL };
#define DB_STATEMENT_TEXT(name, sql) static const char name[] = sql;
#define DB_STATEMENT_NAME(name, sql) name,

#define X(entity) extern const char *const db_##entity##_statements[];
DB_ENTITIES(X)
#undef X

/** Check all statements against the schema, once at start. @return RC_INVALID: e names the statement */
enum rc db_statements_check(struct sql *db, struct err *e);

/* Run a query for a single row and step to it. The caller ends the rows, whatever the outcome.
 * @return RC_NOT_FOUND when there is none */
enum rc db_row(struct sql *db, const char *text, const struct sql_arg *args, size_t n_args, struct sql_rows **rows,
               struct err *e);
/* The first column of the first row, a number: a count, or a value from RETURNING. @param out  unchanged without a row;
 * may be NULL. @return RC_NOT_FOUND when there is none */
enum rc db_number(struct sql *db, const char *text, const struct sql_arg *args, size_t n_args, int64_t *out,
                  struct err *e);
/* Step to the next row. @param more  false at the end */
enum rc db_more(struct sql_rows *rows, bool *more, struct err *e);
/* A copy of a column's text in an arena; {NULL, 0} without room. */
struct str db_copy(struct sql_rows *r, int column, struct arena *a);
/* Copy texts of a row into an arena, in place. */
enum rc db_keep(struct arena *a, struct str *const *texts, size_t n, struct err *e);
#define DB_KEEP(a, e, ...)                                                                                             \
    db_keep((a), (struct str *const[]){ __VA_ARGS__ },                                                                 \
            sizeof((struct str *const[]){ __VA_ARGS__ }) / sizeof(struct str *), (e))

/* In a condition: rows of the authority :authority, where 0 means all authorities. */
#define DB_OF_AUTHORITY(column) "(:authority = 0 OR " column " = :authority)"
#endif
