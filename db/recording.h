/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_RECORDING_H
#define DB_RECORDING_H
/* Sessions that the flight recorder stored. */
#include "db/sql/sql.h"

struct db_recording {
    int64_t session_row, at_ms;
    struct str why; /* why the session was recorded */
    bool cut;       /* the session exceeded the maximum size; only its beginning is stored */
    int64_t bytes;
    struct str data; /* format: syncml/record/replay.h */
};

/** Store a recording; replaces an earlier one of the same session. */
enum rc db_recording_put(struct sql *db, const struct db_recording *v, struct err *e);
enum rc db_recording_bytes(struct sql *db, int64_t *out, struct err *e);
enum rc db_recording_bytes_of(struct sql *db, int64_t device, int64_t *out, struct err *e);
/** Delete the oldest recordings beyond `limit`. @param gone  may be NULL */
enum rc db_recording_trim(struct sql *db, int64_t limit, int64_t *gone, struct err *e);
enum rc db_recording_trim_of(struct sql *db, int64_t device, int64_t limit, int64_t *gone, struct err *e);
/** Delete recordings older than this time, oldest first, at most `limit`. @param removed  may be NULL */
enum rc db_recording_expire(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed, struct err *e);
#endif
