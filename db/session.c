/* SPDX-License-Identifier: Apache-2.0 */
#include "db/session.h"
#include "db/sql/sequence.h"
#include "db/statements.h"

#define SESSION_STATEMENTS(X)                                                                                          \
    X(ADD,                                                                                                             \
      "INSERT INTO session (session_row, device_id, session_id, notification_id, started_ms, messages, outcome, why)"  \
      " VALUES (:session_row, :device_id, :session_id, :notification_id, :started_ms, :messages, 'open', '')")         \
    X(END, "UPDATE session SET ended_ms = :now_ms, messages = :messages, outcome = :outcome, why = :why"               \
           " WHERE session_row = :session_row")                                                                        \
    X(IS_OPEN, "SELECT 1 FROM session WHERE session_row = :session_row AND device_id = :device_id"                     \
               " AND session_id = :session_id AND outcome = 'open'")                                                   \
    X(REFUSED, "SELECT messages FROM session WHERE session_row = :session_row AND device_id = :device_id"              \
               " AND outcome = 'refused' AND started_ms > :since_ms")                                                  \
    X(LOST, "UPDATE session SET outcome = 'lost', ended_ms = :now_ms, why = 'the server was restarted'"                \
            " WHERE outcome = 'open'")                                                                                 \
    X(TRIM, "DELETE FROM session WHERE device_id = :device_id AND session_row <= (SELECT session_row"                  \
            " FROM session WHERE device_id = :device_id ORDER BY session_row DESC LIMIT 1 OFFSET :keep)")
DB_STATEMENTS(session, SESSION_STATEMENTS)

enum rc db_session_add(struct sql *db, const struct db_session *s, struct err *e)
{
    return sql_execute(db, ADD,
                       SQL_ARGS({ "session_row", SQL_I(s->row) }, { "device_id", SQL_I(s->device) },
                                { "session_id", SQL_T(s->id) },
                                { "notification_id", s->notification ? SQL_I(s->notification) : SQL_N },
                                { "started_ms", SQL_I(s->started_ms) }, { "messages", SQL_I(s->messages) }),
                       NULL, e);
}

enum rc db_session_number(struct sql *db, int64_t *row, struct err *e)
{
    return sql_next_id(db, "session", row, e);
}

enum rc db_session_end(struct sql *db, const struct db_session_end *x, struct err *e)
{
    return sql_execute(db, END,
                       SQL_ARGS({ "now_ms", SQL_I(x->now_ms) }, { "messages", SQL_I(x->messages) },
                                { "outcome", SQL_T(x->outcome) }, { "why", SQL_T(x->why) },
                                { "session_row", SQL_I(x->row) }),
                       NULL, e);
}

enum rc db_session_is_open(struct sql *db, int64_t row, int64_t device, struct str id, struct err *e)
{
    return db_number(
        db, IS_OPEN,
        SQL_ARGS({ "session_row", SQL_I(row) }, { "device_id", SQL_I(device) }, { "session_id", SQL_T(id) }), NULL, e);
}

enum rc db_session_refused(struct sql *db, int64_t row, int64_t device, int64_t since_ms, int64_t *messages,
                           struct err *e)
{
    return db_number(db, REFUSED,
                     SQL_ARGS({ "session_row", SQL_I(row) }, { "device_id", SQL_I(device) },
                              { "since_ms", SQL_I(since_ms) }),
                     messages, e);
}

enum rc db_session_lost(struct sql *db, int64_t now_ms, struct err *e)
{
    return sql_execute(db, LOST, SQL_ARGS({ "now_ms", SQL_I(now_ms) }), NULL, e);
}

enum rc db_session_trim(struct sql *db, int64_t device, int64_t keep, int64_t *gone, struct err *e)
{
    return sql_execute(db, TRIM, SQL_ARGS({ "device_id", SQL_I(device) }, { "keep", SQL_I(keep) }), gone, e);
}
