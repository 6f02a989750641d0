/* SPDX-License-Identifier: Apache-2.0 */
#include "db/session_record.h"
#include "db/statements.h"

#define RECORD(data)                                                                                                   \
    "SELECT s.session_row, d.name, s.session_id, s.started_ms, s.ended_ms, s.messages, s.outcome, s.why,"              \
    " s.notification_id, r.at_ms, r.why, r.cut, r.bytes, " data                                                        \
    " FROM session s JOIN device d ON d.device_id = s.device_id"                                                       \
    " LEFT JOIN recording r ON r.session_row = s.session_row"
#define HAS_FAILED "s.outcome IN ('aborted', 'refused', 'lost')" /* the condition of the index session_failed */
#define IS_WANTED                                                                                                      \
    "(:outcome IN ('', s.outcome) OR :outcome = 'failed' AND " HAS_FAILED ") AND (:recorded = 0"                       \
    " OR r.session_row IS NOT NULL) AND s.session_row < :cursor"
#define NEWEST " ORDER BY s.session_row DESC LIMIT :limit"
#define SESSION_RECORD_STATEMENTS(X)                                                                                   \
    X(LIST, RECORD("NULL") " WHERE " IS_WANTED " AND " DB_OF_AUTHORITY("d.authority_id") NEWEST)                       \
    X(LIST_FAILED,                                                                                                     \
      RECORD("NULL") " WHERE " HAS_FAILED " AND " IS_WANTED " AND " DB_OF_AUTHORITY("d.authority_id") NEWEST)          \
    X(LIST_OF, RECORD("NULL") " WHERE s.device_id = :device AND " IS_WANTED NEWEST)                                    \
    X(FIND, RECORD("r.data") " WHERE s.device_id = :device AND s.session_row = :row")                                  \
    X(FAILURES, "SELECT g.outcome, g.why, g.n, g.devices, g.last, d.name, s.started_ms FROM ("                         \
                "SELECT s.outcome, s.why, count(*) AS n, count(DISTINCT s.device_id) AS devices,"                      \
                " max(s.session_row) AS last FROM session s JOIN device d ON d.device_id = s.device_id"                \
                " LEFT JOIN contact c ON c.device_id = s.device_id"                                                    \
                " WHERE " HAS_FAILED " AND s.started_ms >= :since_ms"                                                  \
                " AND (s.outcome <> 'refused' OR s.started_ms > coalesce(c.seen_ms, 0)) AND " DB_OF_AUTHORITY(         \
                    "d.authority_id") " GROUP BY s.outcome, s.why) g JOIN session s ON s.session_row = g.last"         \
                                      " JOIN device d ON d.device_id = s.device_id ORDER BY g.last DESC LIMIT :limit") \
    X(EXPIRE, "DELETE FROM session WHERE session_row IN (SELECT session_row FROM session"                              \
              " WHERE started_ms < :before_ms ORDER BY session_row LIMIT :limit)")
DB_STATEMENTS(session_record, SESSION_RECORD_STATEMENTS)

enum rc db_session_record_list(struct sql *db, const struct db_session_filter *f, struct sql_rows **rows, struct err *e)
{
    const char *text = f->device ? LIST_OF : str_is(f->outcome, "failed") ? LIST_FAILED : LIST;
    return sql_query(db, text,
                     SQL_ARGS({ "outcome", SQL_T(f->outcome) }, { "recorded", SQL_I(f->recorded) },
                              { "cursor", SQL_I(f->cursor) }, { "limit", SQL_I(f->limit) },
                              { f->device ? "device" : "authority", SQL_I(f->device ? f->device : f->authority) }),
                     rows, e);
}

enum rc db_session_record_next(struct sql_rows *rows, struct db_session_record *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_session_record){ .row = sql_int(rows, 0),
                                       .device_name = sql_text(rows, 1),
                                       .id = sql_text(rows, 2),
                                       .started_ms = sql_int(rows, 3),
                                       .ended_ms = sql_int(rows, 4),
                                       .messages = sql_int(rows, 5),
                                       .outcome = sql_text(rows, 6),
                                       .why = sql_text(rows, 7),
                                       .notification = sql_int(rows, 8),
                                       .recorded = !sql_is_null(rows, 10),
                                       .recording = { .session_row = sql_int(rows, 0),
                                                      .at_ms = sql_int(rows, 9),
                                                      .why = sql_text(rows, 10),
                                                      .cut = sql_int(rows, 11) != 0,
                                                      .bytes = sql_int(rows, 12),
                                                      .data = sql_text(rows, 13) } };
    return RC_OK;
}

enum rc db_session_record_find(struct sql *db, int64_t device, int64_t row, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, FIND, SQL_ARGS({ "device", SQL_I(device) }, { "row", SQL_I(row) }), rows, e);
}

enum rc db_session_record_failures(struct sql *db, int64_t authority, int64_t since_ms, int64_t limit,
                                   struct sql_rows **rows, struct err *e)
{
    return sql_query(db, FAILURES,
                     SQL_ARGS({ "authority", SQL_I(authority) }, { "since_ms", SQL_I(since_ms) },
                              { "limit", SQL_I(limit) }),
                     rows, e);
}

enum rc db_session_record_next_failures(struct sql_rows *rows, struct db_session_failures *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_session_failures){ .outcome = sql_text(rows, 0),
                                         .why = sql_text(rows, 1),
                                         .n = sql_int(rows, 2),
                                         .devices = sql_int(rows, 3),
                                         .last = sql_int(rows, 4),
                                         .last_device = sql_text(rows, 5),
                                         .last_ms = sql_int(rows, 6) };
    return RC_OK;
}

enum rc db_session_record_expire(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed, struct err *e)
{
    return sql_execute(db, EXPIRE, SQL_ARGS({ "before_ms", SQL_I(before_ms) }, { "limit", SQL_I(limit) }), removed, e);
}
