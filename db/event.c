/* SPDX-License-Identifier: Apache-2.0 */
#include "db/event.h"
#include "db/statements.h"

#define EVENT_STATEMENTS(X)                                                                                            \
    X(ADD, "INSERT INTO event (authority_id, at_ms, type, device, data)"                                               \
           " VALUES (:authority, :at_ms, :type, :device, :data) RETURNING event_id")                                   \
    X(ENDS, "SELECT coalesce(max(event_id), 0), coalesce(min(event_id), 0) FROM event")                                \
    X(NEWEST, "SELECT at_ms FROM event ORDER BY event_id DESC LIMIT 1")                                                \
    X(LIST, "SELECT event_id, authority_id, at_ms, type, device, data FROM event WHERE event_id > :after"              \
            " ORDER BY event_id LIMIT :limit")                                                                         \
    X(TRIM, "DELETE FROM event WHERE authority_id = :authority AND device = :device AND device <> ''"                  \
            " AND event_id <= (SELECT event_id FROM event WHERE authority_id = :authority AND device = :device"        \
            " AND device <> '' ORDER BY event_id DESC LIMIT 1 OFFSET :keep)")                                          \
    X(EXPIRE, "DELETE FROM event WHERE event_id IN (SELECT event_id FROM event WHERE at_ms < :before_ms"               \
              " ORDER BY event_id LIMIT :limit)")
DB_STATEMENTS(event, EVENT_STATEMENTS)

enum rc db_event_add(struct sql *db, const struct db_event *v, int64_t *id, struct err *e)
{
    return db_number(db, ADD,
                     SQL_ARGS({ "authority", SQL_I(v->authority) }, { "at_ms", SQL_I(v->at_ms) },
                              { "type", SQL_T(v->type) }, { "device", SQL_T(v->device) }, { "data", SQL_T(v->data) }),
                     id, e);
}

enum rc db_event_ends(struct sql *db, int64_t *newest, int64_t *oldest, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, ENDS, NULL, 0, &r, e);
    if (!rc) {
        *newest = sql_int(r, 0);
        *oldest = sql_int(r, 1);
    }
    sql_end(r);
    return rc;
}

enum rc db_event_newest_ms(struct sql *db, int64_t *at_ms, struct err *e)
{
    return db_number(db, NEWEST, NULL, 0, at_ms, e);
}

enum rc db_event_list(struct sql *db, int64_t after, int64_t limit, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, LIST, SQL_ARGS({ "after", SQL_I(after) }, { "limit", SQL_I(limit) }), rows, e);
}

enum rc db_event_next(struct sql_rows *rows, struct db_event *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_event){ .id = sql_int(rows, 0),
                              .authority = sql_int(rows, 1),
                              .at_ms = sql_int(rows, 2),
                              .type = sql_text(rows, 3),
                              .device = sql_text(rows, 4),
                              .data = sql_text(rows, 5) };
    return RC_OK;
}

enum rc db_event_trim(struct sql *db, int64_t authority, struct str device, int64_t keep, int64_t *gone, struct err *e)
{
    return sql_execute(
        db, TRIM, SQL_ARGS({ "authority", SQL_I(authority) }, { "device", SQL_T(device) }, { "keep", SQL_I(keep) }),
        gone, e);
}

enum rc db_event_expire(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed, struct err *e)
{
    return sql_execute(db, EXPIRE, SQL_ARGS({ "before_ms", SQL_I(before_ms) }, { "limit", SQL_I(limit) }), removed, e);
}
