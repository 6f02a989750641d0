/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_POLICY_SET_H
#define DB_POLICY_SET_H
/* Values that policies wrote on a device and that no user changed since (table policy_set). */
#include "db/sql/sql.h"

struct db_policy_set {
    struct str uri, value, earlier;
    bool row, has_earlier; /* row: the node of an instance itself, which has no value */
};

/** A device's: rows for db_policy_set_next. */
enum rc db_policy_set_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_policy_set_next(struct sql_rows *rows, struct db_policy_set *out, struct err *e);
/** @param value  NULL = the node of an instance itself. A different previous value is stored as the earlier one. */
enum rc db_policy_set_put(struct sql *db, int64_t device, int64_t path, const struct str *value, struct err *e);
enum rc db_policy_set_remove(struct sql *db, int64_t device, int64_t path, struct err *e);
#endif
