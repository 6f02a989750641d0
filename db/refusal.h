/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_REFUSAL_H
#define DB_REFUSAL_H
/* Refused logins of devices (table refusal), and identities that two devices use (table contest). */
#include "db/sql/sql.h"

struct db_refusal {
    int64_t device, at_ms, times, since_ms, session_row;
    struct str remote, why;
};
/** times, since_ms and session_row of the device's last refusal. @return RC_NOT_FOUND */
enum rc db_refusal_find(struct sql *db, int64_t device, struct db_refusal *out, struct err *e);
enum rc db_refusal_put(struct sql *db, const struct db_refusal *x, struct err *e);

struct db_contest {
    int64_t device, at_ms, since_ms, times;
    struct str remote, other; /* addresses of the two devices */
};
enum rc db_contest_put(struct sql *db, const struct db_contest *x, struct err *e);
#endif
