/* SPDX-License-Identifier: Apache-2.0 */
#include "db/refusal.h"
#include "db/statements.h"

#define REFUSAL_STATEMENTS(X)                                                                                          \
    X(FIND, "SELECT times, since_ms, session_row FROM refusal WHERE device_id = :device_id")                           \
    X(PUT, "INSERT INTO refusal (device_id, at_ms, remote, why, times, since_ms, session_row)"                         \
           " VALUES (:device_id, :at_ms, :remote, :why, :times, :since_ms, :session_row)"                              \
           " ON CONFLICT (device_id) DO UPDATE SET at_ms = :at_ms, remote = :remote, why = :why,"                      \
           " times = :times, since_ms = :since_ms, session_row = :session_row")                                        \
    X(CONTEST_PUT, "INSERT INTO contest (device_id, at_ms, since_ms, times, remote, other)"                            \
                   " VALUES (:device_id, :at_ms, :since_ms, :times, :remote, :other)"                                  \
                   " ON CONFLICT (device_id) DO UPDATE SET at_ms = :at_ms, since_ms = :since_ms, times = :times,"      \
                   " remote = :remote, other = :other")
DB_STATEMENTS(refusal, REFUSAL_STATEMENTS)

enum rc db_refusal_find(struct sql *db, int64_t device, struct db_refusal *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, FIND, SQL_ARGS({ "device_id", SQL_I(device) }), &r, e);
    if (!rc)
        *out = (struct db_refusal){
            .device = device, .times = sql_int(r, 0), .since_ms = sql_int(r, 1), .session_row = sql_int(r, 2)
        };
    sql_end(r);
    return rc;
}

enum rc db_refusal_put(struct sql *db, const struct db_refusal *x, struct err *e)
{
    return sql_execute(db, PUT,
                       SQL_ARGS({ "device_id", SQL_I(x->device) }, { "at_ms", SQL_I(x->at_ms) },
                                { "remote", SQL_T(x->remote) }, { "why", SQL_T(x->why) }, { "times", SQL_I(x->times) },
                                { "since_ms", SQL_I(x->since_ms) }, { "session_row", SQL_I(x->session_row) }),
                       NULL, e);
}

enum rc db_contest_put(struct sql *db, const struct db_contest *x, struct err *e)
{
    return sql_execute(db, CONTEST_PUT,
                       SQL_ARGS({ "device_id", SQL_I(x->device) }, { "at_ms", SQL_I(x->at_ms) },
                                { "since_ms", SQL_I(x->since_ms) }, { "times", SQL_I(x->times) },
                                { "remote", SQL_T(x->remote) }, { "other", SQL_T(x->other) }),
                       NULL, e);
}
