/* SPDX-License-Identifier: Apache-2.0 */
#include "db/instance.h"
#include "db/statements.h"
#include <stdio.h>

#define NEWEST_ROW(at, table, id)                                                                                      \
    "SELECT max(" at ") FROM (SELECT " at " FROM " table " ORDER BY " id " DESC LIMIT 1) x"
#define NEWEST_ROWS                                                                                                    \
    "SELECT max(at_ms) AS at_ms FROM (SELECT at_ms FROM event ORDER BY event_id DESC LIMIT 1) e"                       \
    " UNION ALL " NEWEST_ROW("started_ms", "session", "session_row") " UNION ALL " NEWEST_ROW("at_ms", "audit",        \
                                                                                              "audit_id")
#define INSTANCE_STATEMENTS(X)                                                                                         \
    X(ID, "SELECT id FROM instance LIMIT 1")                                                                           \
    X(ADD, "INSERT INTO instance (id) VALUES (:id)")                                                                   \
    X(GET, "SELECT id, moment, copied_ms FROM instance LIMIT 1")                                                       \
    X(SET_MOMENT, "UPDATE instance SET moment = :moment, copied_ms = NULL")                                            \
    X(MARK_COPY, "UPDATE instance SET copied_ms = :now_ms")                                                            \
    X(FORGET_NONCES, "UPDATE contact SET client_nonce = NULL, resynchronised = 1, resync_until_ms = NULL")             \
    X(NEWEST, "SELECT coalesce(max(at_ms), 0) FROM (" NEWEST_ROWS ") n")                                               \
    X(NEWEST_OF_IMAGES,                                                                                                \
      "SELECT coalesce(max(at_ms), 0) FROM (" NEWEST_ROWS " UNION ALL SELECT max(created_ms) FROM image) n")
DB_STATEMENTS(instance, INSTANCE_STATEMENTS)

enum rc db_instance_id(struct sql *db, char id[SQL_ID_BYTES + 1], struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, ID, NULL, 0, &r, e);
    if (!rc) snprintf(id, SQL_ID_BYTES + 1, "%.*s", STR_ARG(sql_text(r, 0)));
    sql_end(r);
    return rc;
}

enum rc db_instance_add(struct sql *db, const char *id, struct err *e)
{
    return sql_execute(db, ADD, SQL_ARGS({ "id", SQL_T(str_of(id)) }), NULL, e);
}

enum rc db_instance_newest_ms(struct sql *db, bool images, int64_t *at_ms, struct err *e)
{
    return db_number(db, images ? NEWEST_OF_IMAGES : NEWEST, NULL, 0, at_ms, e);
}

enum rc db_instance_get(struct sql *db, struct db_instance *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, GET, NULL, 0, &r, e);
    if (!rc) {
        snprintf(out->id, sizeof out->id, "%.*s", STR_ARG(sql_text(r, 0)));
        snprintf(out->moment, sizeof out->moment, "%.*s", STR_ARG(sql_text(r, 1)));
        out->copy = !sql_is_null(r, 2);
    }
    sql_end(r);
    return rc;
}

enum rc db_instance_set_moment(struct sql *db, const char *moment, struct err *e)
{
    return sql_execute(db, SET_MOMENT, SQL_ARGS({ "moment", SQL_T(str_of(moment)) }), NULL, e);
}

enum rc db_instance_mark_copy(struct sql *db, int64_t now_ms, struct err *e)
{
    return sql_execute(db, MARK_COPY, SQL_ARGS({ "now_ms", SQL_I(now_ms) }), NULL, e);
}

enum rc db_instance_forget_nonces(struct sql *db, int64_t *devices, struct err *e)
{
    return sql_execute(db, FORGET_NONCES, NULL, 0, devices, e);
}
