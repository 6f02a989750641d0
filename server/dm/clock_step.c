/* SPDX-License-Identifier: Apache-2.0 */
#include "server/dm/clock_step.h"
#include "base/log.h"
#include "db/dm.h"
#include "server/dm/session_log.h"

/* When something last happened here. */
static enum rc remembered(struct sql *db, int64_t *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_start(db, DM_STMT(CLOCK_LAST), NULL, 0, &r, e);
    if (!rc) rc = sql_step(r, e);
    *out = rc ? 0 : sql_int(r, 0);
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Readings, repeated triggers and further tries have been due at some time that the clock knew; the resynchronisation
 * nonce is not good for longer than it was given for. */
static enum rc repair(struct dm *dm, int64_t now_ms, struct err *e)
{
    static const int statement[] = { DM_STMT(CLOCK_READINGS), DM_STMT(CLOCK_RESYNC), DM_STMT(CLOCK_TRIGGERS),
                                     DM_STMT(CLOCK_FAILURES) };
    struct sql *db = store_sql(dm->st);
    enum rc rc = dm_begin(dm, e);
    for (size_t i = 0; i < sizeof statement / sizeof statement[0] && !rc; i++)
        rc = sql_run(db, statement[i], SQL_ARGS({ "now_ms", SQL_I(now_ms) }), NULL, e);
    if (!rc) rc = sql_commit(db, e);
    if (rc) sql_rollback(db);
    return rc;
}

enum rc clock_check(struct dm *dm, int64_t now_ms, struct err *e)
{
    enum rc rc = dm->clock_ms ? RC_OK : remembered(store_sql(dm->st), &dm->clock_ms, e);
    const int64_t back = dm->clock_ms - now_ms;
    if (!rc && back >= CLOCK_STEP_MS) {
        log_event(LOG_WARN, "clock.set_back", LOG_N("by_s", back / 1000),
                  LOG_Z("what", "what was due later is done now; times in the history overlap"));
        sessions_shift(dm->sessions, back);
        rc = repair(dm, now_ms, e);
        dm->events = true;
    }
    if (!rc) dm->clock_ms = now_ms;
    return rc;
}
