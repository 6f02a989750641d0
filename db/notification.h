/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_NOTIFICATION_H
#define DB_NOTIFICATION_H
/* Notifications (package 0), which ask a device to start a session (table notification). */
#include "db/sql/sql.h"

struct db_notification {
    int64_t id, device;
    struct str device_name;
    int64_t session_no; /* 1..65535 */
    struct str state;   /* pending, sent, answered, failed, cancelled */
    struct str why, channel, address;
    int64_t tries, created_ms;
    int64_t sent_ms, answered_ms, next_ms; /* 0 = never or none */
    struct str error;
};

/** Notifications of a device (0 = all of the authority; authority 0 = all) with ids below `cursor`, newest first: rows
 * for db_notification_next. */
enum rc db_notification_list(struct sql *db, int64_t authority, int64_t device, int64_t cursor, int64_t limit,
                             struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_notification_next(struct sql_rows *rows, struct db_notification *out, struct err *e);
/** Make an open notification due now. */
enum rc db_notification_hasten(struct sql *db, int64_t id, int64_t now_ms, struct err *e);

/* A due notification, with the credentials that sign it. */
struct db_notification_due {
    int64_t id, device, authority, session_no, tries;
    struct str device_name, channel, address, why;
    struct str server_name, server_ha1, server_nonce; /* ha1: sealed */
};
/** Due notifications, the longest waiting first: rows for db_notification_next_due. */
enum rc db_notification_due(struct sql *db, int64_t now_ms, int64_t limit, struct sql_rows **rows, struct err *e);
enum rc db_notification_next_due(struct sql_rows *rows, struct db_notification_due *out, struct err *e);
/** Copies its texts into the arena. */
enum rc db_notification_keep_due(struct db_notification_due *v, struct arena *a, struct err *e);
/** When the next notification or the next scheduled operation is due; INT64_MAX = never. */
enum rc db_notification_wake_ms(struct sql *db, int64_t *out, struct err *e);

/* Updates of an open notification; a closed one stays as it is. */
enum rc db_notification_sent(struct sql *db, int64_t id, int64_t now_ms, int64_t next_ms, struct err *e);
enum rc db_notification_failed(struct sql *db, int64_t id, struct str error, struct err *e);
/** The resynchronisation nonce of a sent notification is valid until then. */
enum rc db_notification_resync(struct sql *db, int64_t device, int64_t until_ms, struct err *e);
/** Record that the last notification was given up unanswered. */
enum rc db_notification_unreachable(struct sql *db, int64_t device, int64_t now_ms, struct err *e);

/* What a session of the device means for its open notifications. */
/** The one with this session number, or with its octets swapped. @param sent_ms  0 = never or none yet. @return
 * RC_NOT_FOUND */
enum rc db_notification_open(struct sql *db, int64_t device, int64_t session_no, int64_t swapped, int64_t *id,
                             int64_t *sent_ms, struct err *e);
enum rc db_notification_answered(struct sql *db, int64_t id, int64_t now_ms, struct err *e);
/** Close notifications that were not needed: the device connected before them. */
enum rc db_notification_needless(struct sql *db, int64_t device, struct err *e);
/** Make notifications due again that were sent up to nonce_ms: the device no longer accepts the nonce that signed them.
 * */
enum rc db_notification_again(struct sql *db, int64_t device, int64_t now_ms, int64_t nonce_ms, struct err *e);
/** Delete a device's closed notifications, except the newest `keep`. @param gone  may be NULL */
enum rc db_notification_trim(struct sql *db, int64_t device, int64_t keep, int64_t *gone, struct err *e);
/** Delete closed notifications older than this time, at most `limit`. @param removed  may be NULL */
enum rc db_notification_expire(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed, struct err *e);
#endif
