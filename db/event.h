/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_EVENT_H
#define DB_EVENT_H
/* Events: the entries of the live stream, in the order in which they happened. */
#include "db/sql/sql.h"

struct db_event {
    int64_t id, authority; /* id: 0 for db_event_add */
    int64_t at_ms;
    struct str type;
    struct str device; /* name of the device; empty = no device */
    struct str data;   /* JSON object */
};

/** @param id  may be NULL */
enum rc db_event_add(struct sql *db, const struct db_event *v, int64_t *id, struct err *e);
/** The numbers of the newest and the oldest event; 0 when there is none. */
enum rc db_event_ends(struct sql *db, int64_t *newest, int64_t *oldest, struct err *e);
/** When the newest event happened. @return RC_NOT_FOUND when there is none */
enum rc db_event_newest_ms(struct sql *db, int64_t *at_ms, struct err *e);
/** Events after this number, oldest first: rows for db_event_next. */
enum rc db_event_list(struct sql *db, int64_t after, int64_t limit, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_event_next(struct sql_rows *rows, struct db_event *out, struct err *e);

/** Delete a device's events, except the newest `keep`. @param gone  may be NULL */
enum rc db_event_trim(struct sql *db, int64_t authority, struct str device, int64_t keep, int64_t *gone, struct err *e);
/** Delete events older than this time, oldest first, at most `limit`. @param removed  may be NULL */
enum rc db_event_expire(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed, struct err *e);
#endif
