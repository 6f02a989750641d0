/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SESSION_H
#define DB_SESSION_H
/* What happened when devices called (table session). */
#include "db/sql/sql.h"

struct db_session {
    int64_t row, device;
    struct str id;                    /* as in SyncHdr */
    int64_t notification, started_ms; /* notification 0 = none */
    int64_t messages;
};
/** One that is open. The number comes from db_session_number. */
enum rc db_session_add(struct sql *db, const struct db_session *s, struct err *e);
/** The number of the next one; see db/sql/sequence.h. */
enum rc db_session_number(struct sql *db, int64_t *row, struct err *e);

struct db_session_end {
    int64_t row, messages, now_ms;
    struct str outcome, why; /* outcome: done, aborted, refused, lost */
};
enum rc db_session_end(struct sql *db, const struct db_session_end *x, struct err *e);
/** @return RC_NOT_FOUND: there is no such open one of this device */
enum rc db_session_is_open(struct sql *db, int64_t row, int64_t device, struct str id, struct err *e);
/** Messages of a row of refused logins that began after since_ms. @return RC_NOT_FOUND: it is none, or older */
enum rc db_session_refused(struct sql *db, int64_t row, int64_t device, int64_t since_ms, int64_t *messages,
                           struct err *e);
/** Those that are open were of a process that is gone. */
enum rc db_session_lost(struct sql *db, int64_t now_ms, struct err *e);
/** All but the device's newest ones go. @param gone  how many went */
enum rc db_session_trim(struct sql *db, int64_t device, int64_t keep, int64_t *gone, struct err *e);
#endif
