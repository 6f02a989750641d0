/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_ASSIGNMENT_H
#define DB_ASSIGNMENT_H
/* Which policy applies to which device, and its progress there (table assignment). */
#include "db/sql/sql.h"

struct db_assignment {
    int64_t policy, revision, truth; /* truth: enum pol_truth */
    struct str state, why;
};

/** A device's assignments: rows for db_assignment_next. */
enum rc db_assignment_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_assignment_next(struct sql_rows *rows, struct db_assignment *out, struct err *e);
enum rc db_assignment_put(struct sql *db, int64_t device, const struct db_assignment *x, int64_t now_ms, struct err *e);
enum rc db_assignment_remove(struct sql *db, int64_t device, int64_t policy, struct err *e);
#endif
