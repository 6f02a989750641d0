/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_STATEMENTS_H
#define DB_STATEMENTS_H
/* How the entities of db/ keep their SQL: beside its reader, each statement once, prepared at its first use on a connection. */
#include "db/sql/sql.h"

/* Every entity with statements. */
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

/** Do all of them fit the schema? Asked once at start. @return RC_INVALID: e names the statement */
enum rc db_statements_check(struct sql *db, struct err *e);

/* What an entity of one row is read with: the query with its row. The caller ends the rows, whatever comes back.
 * @return RC_NOT_FOUND when there is none */
enum rc db_row(struct sql *db, const char *text, const struct sql_arg *args, size_t n_args, struct sql_rows **rows,
               struct err *e);
/* The first column of the first row, a number: of a count, or of what RETURNING gives. @param out  unchanged without a row; may be
 * NULL. @return RC_NOT_FOUND when there is none */
enum rc db_number(struct sql *db, const char *text, const struct sql_arg *args, size_t n_args, int64_t *out,
                  struct err *e);
/* Is there another row? */
enum rc db_more(struct sql_rows *rows, bool *more, struct err *e);
/* A copy of a column's text in an arena; {NULL, 0} without room. */
struct str db_copy(struct sql_rows *r, int column, struct arena *a);
/* Texts that were read from a row, copied into an arena where they stand. */
enum rc db_keep(struct arena *a, struct str *const *texts, size_t n, struct err *e);
#define DB_KEEP(a, e, ...)                                                                                             \
    db_keep((a), (struct str *const[]){ __VA_ARGS__ },                                                                 \
            sizeof((struct str *const[]){ __VA_ARGS__ }) / sizeof(struct str *), (e))

/* In a condition: rows of the authority :authority, where 0 means every one. */
#define DB_OF_AUTHORITY(column) "(:authority = 0 OR " column " = :authority)"
#endif
