/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_WISH_H
#define DB_WISH_H
/* The desired state that a device's last plan was made from, as hashes (table wish). */
#include "db/sql/sql.h"

struct db_wish {
    struct str uri, hash; /* of a VM or an image; empty uri = the device as a whole */
    int64_t since_ms;
};

/** A device's by address: rows for db_wish_next. */
enum rc db_wish_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_wish_next(struct sql_rows *rows, struct db_wish *out, struct err *e);
/** Delete all rows of a device. */
enum rc db_wish_clear(struct sql *db, int64_t device, struct err *e);
enum rc db_wish_add(struct sql *db, int64_t device, const struct db_wish *x, struct err *e);
#endif
