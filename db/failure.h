/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_FAILURE_H
#define DB_FAILURE_H
/* Failed steps of a device's plan, by their key (table failure). */
#include "db/sql/sql.h"

struct db_failure {
    struct str key, why;
    int64_t code, tries, retry_ms, at_ms;
};

/** A device's failures by key: rows for db_failure_next. */
enum rc db_failure_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e);
/** @param out  without `why`; texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_failure_next(struct sql_rows *rows, struct db_failure *out, struct err *e);
enum rc db_failure_put(struct sql *db, int64_t device, const struct db_failure *x, struct err *e);
enum rc db_failure_remove(struct sql *db, int64_t device, struct str key, struct err *e);
/** Delete a device's failures, except the newest `keep`. @param gone  number of deleted rows */
enum rc db_failure_trim(struct sql *db, int64_t device, int64_t keep, int64_t *gone, struct err *e);
#endif
