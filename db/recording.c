/* SPDX-License-Identifier: Apache-2.0 */
#include "db/recording.h"
#include "db/statements.h"

#define OF_DEVICE " FROM session s JOIN recording r ON r.session_row = s.session_row WHERE s.device_id = :device"
#define RECORDING_STATEMENTS(X)                                                                                        \
    X(PUT, "INSERT INTO recording (session_row, at_ms, why, cut, bytes, data)"                                         \
           " VALUES (:session_row, :at_ms, :why, :cut, :bytes, :data) ON CONFLICT (session_row) DO UPDATE SET"         \
           " at_ms = excluded.at_ms, why = excluded.why, cut = excluded.cut, bytes = excluded.bytes,"                  \
           " data = excluded.data")                                                                                    \
    X(BYTES, "SELECT coalesce(sum(bytes), 0) FROM recording")                                                          \
    X(BYTES_OF, "SELECT coalesce(sum(r.bytes), 0)" OF_DEVICE)                                                          \
    X(TRIM, "DELETE FROM recording WHERE session_row IN (SELECT session_row FROM recording ORDER BY at_ms"             \
            " LIMIT :limit)")                                                                                          \
    X(TRIM_OF, "DELETE FROM recording WHERE session_row IN (SELECT r.session_row" OF_DEVICE                            \
               " ORDER BY r.session_row LIMIT :limit)")                                                                \
    X(EXPIRE, "DELETE FROM recording WHERE session_row IN (SELECT session_row FROM recording"                          \
              " WHERE at_ms < :before_ms ORDER BY at_ms LIMIT :limit)")
DB_STATEMENTS(recording, RECORDING_STATEMENTS)

enum rc db_recording_put(struct sql *db, const struct db_recording *v, struct err *e)
{
    return sql_execute(db, PUT,
                       SQL_ARGS({ "session_row", SQL_I(v->session_row) }, { "at_ms", SQL_I(v->at_ms) },
                                { "why", SQL_T(v->why) }, { "cut", SQL_I(v->cut) }, { "bytes", SQL_I(v->bytes) },
                                { "data", SQL_T(v->data) }),
                       NULL, e);
}

enum rc db_recording_bytes(struct sql *db, int64_t *out, struct err *e)
{
    return db_number(db, BYTES, NULL, 0, out, e);
}

enum rc db_recording_bytes_of(struct sql *db, int64_t device, int64_t *out, struct err *e)
{
    return db_number(db, BYTES_OF, SQL_ARGS({ "device", SQL_I(device) }), out, e);
}

enum rc db_recording_trim(struct sql *db, int64_t limit, int64_t *gone, struct err *e)
{
    return sql_execute(db, TRIM, SQL_ARGS({ "limit", SQL_I(limit) }), gone, e);
}

enum rc db_recording_trim_of(struct sql *db, int64_t device, int64_t limit, int64_t *gone, struct err *e)
{
    return sql_execute(db, TRIM_OF, SQL_ARGS({ "device", SQL_I(device) }, { "limit", SQL_I(limit) }), gone, e);
}

enum rc db_recording_expire(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed, struct err *e)
{
    return sql_execute(db, EXPIRE, SQL_ARGS({ "before_ms", SQL_I(before_ms) }, { "limit", SQL_I(limit) }), removed, e);
}
