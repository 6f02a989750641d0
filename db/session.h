/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SESSION_H
#define DB_SESSION_H
/* Sessions as the DM path writes them (table session). */
#include "db/sql/sql.h"

struct db_session {
    int64_t row, device;
    struct str id;                    /* as in SyncHdr */
    int64_t notification, started_ms; /* 0 = none */
    int64_t messages;
};
/** Add an open session. The number comes from db_session_number. */
enum rc db_session_add(struct sql *db, const struct db_session *s, struct err *e);
/** The number of the next session; see db/sql/sequence.h. */
enum rc db_session_number(struct sql *db, int64_t *row, struct err *e);

struct db_session_end {
    int64_t row, messages, now_ms;
    struct str outcome, why; /* outcome: done, aborted, refused, lost */
};
enum rc db_session_end(struct sql *db, const struct db_session_end *x, struct err *e);
/** @return RC_NOT_FOUND: this device has no such open session */
enum rc db_session_is_open(struct sql *db, int64_t row, int64_t device, struct str id, struct err *e);
/** The number of messages of a row of refused logins that began after since_ms. @return RC_NOT_FOUND: no such row, or
 * it is older */
enum rc db_session_refused(struct sql *db, int64_t row, int64_t device, int64_t since_ms, int64_t *messages,
                           struct err *e);
/** Close the sessions that a former process left open. */
enum rc db_session_lost(struct sql *db, int64_t now_ms, struct err *e);
/** Delete a device's sessions, except the newest `keep`. @param gone  number of deleted rows */
enum rc db_session_trim(struct sql *db, int64_t device, int64_t keep, int64_t *gone, struct err *e);
#endif
