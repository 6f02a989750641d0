/* SPDX-License-Identifier: Apache-2.0 */
#include "db/notification.h"
#include "db/statements.h"

#define NOTIFICATION                                                                                                   \
    "SELECT t.notification_id, t.device_id, d.name, t.session_no, t.state, t.why, t.channel, t.address, t.tries,"      \
    " t.created_ms, t.sent_ms, t.answered_ms, t.next_ms, t.error FROM notification t"                                  \
    " JOIN device d ON d.device_id = t.device_id"
#define OPEN " AND state IN ('pending', 'sent')"
#define NOTIFICATION_STATEMENTS(X)                                                                                     \
    X(LIST, NOTIFICATION " WHERE t.notification_id < :cursor AND " DB_OF_AUTHORITY(                                    \
                "d.authority_id") " ORDER BY t.notification_id DESC LIMIT :limit")                                     \
    X(LIST_OF,                                                                                                         \
      NOTIFICATION " WHERE t.device_id = :device AND t.notification_id < :cursor ORDER BY t.notification_id DESC"      \
                   " LIMIT :limit")                                                                                    \
    X(HASTEN, "UPDATE notification SET next_ms = :now_ms WHERE notification_id = :id" OPEN)                            \
    X(DUE,                                                                                                             \
      "SELECT t.notification_id, t.device_id, d.authority_id, t.session_no, t.tries, d.name, t.channel, t.address,"    \
      " t.why, a.server_name, a.server_ha1, c.server_nonce FROM notification t"                                        \
      " JOIN device d ON d.device_id = t.device_id JOIN account a ON a.device_id = t.device_id"                        \
      " JOIN contact c ON c.device_id = t.device_id"                                                                   \
      " WHERE t.next_ms <= :now_ms ORDER BY t.next_ms LIMIT :limit")                                                   \
    X(WAKE, "SELECT min(next_ms) FROM (SELECT min(next_ms) AS next_ms FROM notification WHERE next_ms IS NOT NULL"     \
            " UNION ALL SELECT min(wake_ms) FROM operation WHERE wake_ms IS NOT NULL) n")                              \
    X(SENT,                                                                                                            \
      "UPDATE notification SET state = 'sent', tries = tries + 1, sent_ms = :now_ms, next_ms = :next_ms, error = ''"   \
      " WHERE notification_id = :id" OPEN)                                                                             \
    X(FAILED,                                                                                                          \
      "UPDATE notification SET state = 'failed', next_ms = NULL, error = :error WHERE notification_id = :id" OPEN)     \
    X(RESYNC, "UPDATE contact SET resync_until_ms = :until_ms WHERE device_id = :device")                              \
    X(UNREACHABLE, "UPDATE device SET unreachable_ms = :now_ms WHERE device_id = :device")                             \
    X(IS_OPEN, "SELECT notification_id, sent_ms FROM notification WHERE device_id = :device"                           \
               " AND session_no IN (:session_no, :swapped)" OPEN " ORDER BY notification_id DESC LIMIT 1")             \
    X(ANSWERED, "UPDATE notification SET state = 'answered', answered_ms = :now_ms, next_ms = NULL, error = ''"        \
                " WHERE notification_id = :id" OPEN)                                                                   \
    X(NEEDLESS, "UPDATE notification SET state = 'cancelled', next_ms = NULL,"                                         \
                " error = 'not needed: the device connected first'"                                                    \
                " WHERE device_id = :device" OPEN)                                                                     \
    X(AGAIN, "UPDATE notification SET next_ms = :now_ms WHERE device_id = :device AND state = 'sent'"                  \
             " AND next_ms > :now_ms AND sent_ms <= :nonce_ms")                                                        \
    X(TRIM, "DELETE FROM notification WHERE device_id = :device AND state NOT IN ('pending', 'sent')"                  \
            " AND notification_id <= (SELECT notification_id FROM notification WHERE device_id = :device"              \
            " ORDER BY notification_id DESC LIMIT 1 OFFSET :keep)")                                                    \
    X(EXPIRE, "DELETE FROM notification WHERE notification_id IN (SELECT notification_id FROM notification"            \
              " WHERE created_ms < :before_ms"                                                                         \
              " AND state NOT IN ('pending', 'sent') ORDER BY notification_id LIMIT :limit)")
DB_STATEMENTS(notification, NOTIFICATION_STATEMENTS)

enum rc db_notification_list(struct sql *db, int64_t authority, int64_t device, int64_t cursor, int64_t limit,
                             struct sql_rows **rows, struct err *e)
{
    return device ? sql_query(db, LIST_OF,
                              SQL_ARGS({ "device", SQL_I(device) }, { "cursor", SQL_I(cursor) },
                                       { "limit", SQL_I(limit) }),
                              rows, e)
                  : sql_query(db, LIST,
                              SQL_ARGS({ "authority", SQL_I(authority) }, { "cursor", SQL_I(cursor) },
                                       { "limit", SQL_I(limit) }),
                              rows, e);
}

enum rc db_notification_next(struct sql_rows *rows, struct db_notification *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_notification){ .id = sql_int(rows, 0),
                                     .device = sql_int(rows, 1),
                                     .device_name = sql_text(rows, 2),
                                     .session_no = sql_int(rows, 3),
                                     .state = sql_text(rows, 4),
                                     .why = sql_text(rows, 5),
                                     .channel = sql_text(rows, 6),
                                     .address = sql_text(rows, 7),
                                     .tries = sql_int(rows, 8),
                                     .created_ms = sql_int(rows, 9),
                                     .sent_ms = sql_int(rows, 10),
                                     .answered_ms = sql_int(rows, 11),
                                     .next_ms = sql_int(rows, 12),
                                     .error = sql_text(rows, 13) };
    return RC_OK;
}

enum rc db_notification_hasten(struct sql *db, int64_t id, int64_t now_ms, struct err *e)
{
    return sql_execute(db, HASTEN, SQL_ARGS({ "id", SQL_I(id) }, { "now_ms", SQL_I(now_ms) }), NULL, e);
}

enum rc db_notification_due(struct sql *db, int64_t now_ms, int64_t limit, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, DUE, SQL_ARGS({ "now_ms", SQL_I(now_ms) }, { "limit", SQL_I(limit) }), rows, e);
}

enum rc db_notification_next_due(struct sql_rows *rows, struct db_notification_due *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_notification_due){ .id = sql_int(rows, 0),
                                         .device = sql_int(rows, 1),
                                         .authority = sql_int(rows, 2),
                                         .session_no = sql_int(rows, 3),
                                         .tries = sql_int(rows, 4),
                                         .device_name = sql_text(rows, 5),
                                         .channel = sql_text(rows, 6),
                                         .address = sql_text(rows, 7),
                                         .why = sql_text(rows, 8),
                                         .server_name = sql_text(rows, 9),
                                         .server_ha1 = sql_text(rows, 10),
                                         .server_nonce = sql_text(rows, 11) };
    return RC_OK;
}

enum rc db_notification_keep_due(struct db_notification_due *v, struct arena *a, struct err *e)
{
    return DB_KEEP(a, e, &v->device_name, &v->channel, &v->address, &v->why, &v->server_name, &v->server_ha1,
                   &v->server_nonce);
}

enum rc db_notification_wake_ms(struct sql *db, int64_t *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, WAKE, NULL, 0, &r, e);
    if (!rc) *out = sql_is_null(r, 0) ? INT64_MAX : sql_int(r, 0);
    sql_end(r);
    return rc;
}

enum rc db_notification_sent(struct sql *db, int64_t id, int64_t now_ms, int64_t next_ms, struct err *e)
{
    return sql_execute(db, SENT,
                       SQL_ARGS({ "id", SQL_I(id) }, { "now_ms", SQL_I(now_ms) }, { "next_ms", SQL_I(next_ms) }), NULL,
                       e);
}

enum rc db_notification_failed(struct sql *db, int64_t id, struct str error, struct err *e)
{
    return sql_execute(db, FAILED, SQL_ARGS({ "id", SQL_I(id) }, { "error", SQL_T(error) }), NULL, e);
}

enum rc db_notification_resync(struct sql *db, int64_t device, int64_t until_ms, struct err *e)
{
    return sql_execute(db, RESYNC, SQL_ARGS({ "device", SQL_I(device) }, { "until_ms", SQL_I(until_ms) }), NULL, e);
}

enum rc db_notification_unreachable(struct sql *db, int64_t device, int64_t now_ms, struct err *e)
{
    return sql_execute(db, UNREACHABLE, SQL_ARGS({ "device", SQL_I(device) }, { "now_ms", SQL_I(now_ms) }), NULL, e);
}

enum rc db_notification_open(struct sql *db, int64_t device, int64_t session_no, int64_t swapped, int64_t *id,
                             int64_t *sent_ms, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, IS_OPEN,
                        SQL_ARGS({ "device", SQL_I(device) }, { "session_no", SQL_I(session_no) },
                                 { "swapped", SQL_I(swapped) }),
                        &r, e);
    if (!rc) {
        *id = sql_int(r, 0);
        *sent_ms = sql_int(r, 1);
    }
    sql_end(r);
    return rc;
}

enum rc db_notification_answered(struct sql *db, int64_t id, int64_t now_ms, struct err *e)
{
    return sql_execute(db, ANSWERED, SQL_ARGS({ "id", SQL_I(id) }, { "now_ms", SQL_I(now_ms) }), NULL, e);
}

enum rc db_notification_needless(struct sql *db, int64_t device, struct err *e)
{
    return sql_execute(db, NEEDLESS, SQL_ARGS({ "device", SQL_I(device) }), NULL, e);
}

enum rc db_notification_again(struct sql *db, int64_t device, int64_t now_ms, int64_t nonce_ms, struct err *e)
{
    return sql_execute(
        db, AGAIN, SQL_ARGS({ "device", SQL_I(device) }, { "now_ms", SQL_I(now_ms) }, { "nonce_ms", SQL_I(nonce_ms) }),
        NULL, e);
}

enum rc db_notification_trim(struct sql *db, int64_t device, int64_t keep, int64_t *gone, struct err *e)
{
    return sql_execute(db, TRIM, SQL_ARGS({ "device", SQL_I(device) }, { "keep", SQL_I(keep) }), gone, e);
}

enum rc db_notification_expire(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed, struct err *e)
{
    return sql_execute(db, EXPIRE, SQL_ARGS({ "before_ms", SQL_I(before_ms) }, { "limit", SQL_I(limit) }), removed, e);
}
