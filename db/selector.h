/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SELECTOR_H
#define DB_SELECTOR_H
/* Statements that contain a selector's condition on device d: built at run time, values always bound. */
#include "db/sql/sql.h"

struct db_selector {
    struct str text;          /* a condition with the values :p0, :p1 ... */
    const struct str *params; /* their values */
    size_t n_params;
};
#define DB_SELECTOR_ALL  ((struct db_selector){ STR("TRUE"), NULL, 0 })
#define DB_SELECTOR_NONE ((struct db_selector){ STR("FALSE"), NULL, 0 })

/** Start head, condition and tail as one statement.
 * @return RC_LIMIT when the selector has too many values or the statement is too long */
enum rc db_selector_query(struct sql *db, const char *head, const struct db_selector *s, const char *tail,
                          const struct sql_arg *args, size_t n_args, struct sql_rows **rows, struct err *e);
/** As db_selector_query, run to the end without looking at rows. */
enum rc db_selector_execute(struct sql *db, const char *head, const struct db_selector *s, const char *tail,
                            const struct sql_arg *args, size_t n_args, struct err *e);
#endif
