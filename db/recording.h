/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_RECORDING_H
#define DB_RECORDING_H
/* What the flight recorder kept of sessions. */
#include "db/sql/sql.h"

struct db_recording {
    int64_t session_row, at_ms;
    struct str why; /* it was recorded */
    bool cut;       /* it was longer than a recording may be, the beginning is kept */
    int64_t bytes;
    struct str data; /* syncml/record/replay.h */
};

/** In the place of an earlier one of this session. */
enum rc db_recording_put(struct sql *db, const struct db_recording *v, struct err *e);
enum rc db_recording_bytes(struct sql *db, int64_t *out, struct err *e);
enum rc db_recording_bytes_of(struct sql *db, int64_t device, int64_t *out, struct err *e);
/** The oldest ones go. @param gone  may be NULL */
enum rc db_recording_trim(struct sql *db, int64_t limit, int64_t *gone, struct err *e);
enum rc db_recording_trim_of(struct sql *db, int64_t device, int64_t limit, int64_t *gone, struct err *e);
/** Remove those of before this time, the oldest first, at most `limit`. @param removed  may be NULL */
enum rc db_recording_expire(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed, struct err *e);
#endif
