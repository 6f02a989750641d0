/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SESSION_RECORD_H
#define DB_SESSION_RECORD_H
/* A session as the API shows it, with its recording. The columns that the DM path writes are in db/session.h. */
#include "db/recording.h"
#include "db/sql/sql.h"

struct db_session_record {
    int64_t row;
    struct str device_name, id;   /* id: as in SyncHdr */
    int64_t started_ms, ended_ms; /* ended_ms 0 = still open */
    int64_t messages;
    struct str outcome, why;
    int64_t notification; /* that started it; 0 = none */
    bool recorded;
    struct db_recording recording; /* without data in a list */
};
struct db_session_filter {
    int64_t device;        /* 0 = all of the authority */
    int64_t authority;     /* 0 = all */
    struct str outcome;    /* empty = any, "failed" = aborted, refused or lost */
    bool recorded;         /* only recorded sessions */
    int64_t cursor, limit; /* rows below the cursor, newest first */
};
/** Rows for db_session_record_next. */
enum rc db_session_record_list(struct sql *db, const struct db_session_filter *f, struct sql_rows **rows,
                               struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_session_record_next(struct sql_rows *rows, struct db_session_record *out, struct err *e);
/** One row for db_session_record_next, with the recording's data, which may be large and is not copied. */
enum rc db_session_record_find(struct sql *db, int64_t device, int64_t row, struct sql_rows **rows, struct err *e);

/* Sessions that failed for the same reason. */
struct db_session_failures {
    struct str outcome, why;
    int64_t n, devices;
    int64_t last; /* row of the newest session */
    struct str last_device;
    int64_t last_ms;
};
/** Failures since a time, of an authority (0 = all), newest first, without logins refused before authentication: rows
 * for db_session_record_next_failures. */
enum rc db_session_record_failures(struct sql *db, int64_t authority, int64_t since_ms, int64_t limit,
                                   struct sql_rows **rows, struct err *e);
enum rc db_session_record_next_failures(struct sql_rows *rows, struct db_session_failures *out, struct err *e);

/** Delete sessions older than this time, oldest first, at most `limit`. @param removed  may be NULL */
enum rc db_session_record_expire(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed, struct err *e);
#endif
