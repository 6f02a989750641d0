/* SPDX-License-Identifier: Apache-2.0 */
#include "server/dm/clock_step.h"
#include "base/log.h"
#include "server/dm/session_log.h"
#include "db/clock_step.h"
#include "db/event.h"

static enum rc repair(struct dm *dm, int64_t now_ms, struct err *e)
{
    struct sql *db = store_sql(dm->st);
    enum rc rc = dm_begin(dm, e);
    if (!rc) rc = db_clock_step_repair(db, now_ms, e);
    if (!rc) rc = sql_commit(db, e);
    if (rc) sql_rollback(db);
    return rc;
}

enum rc clock_step_check(struct dm *dm, int64_t now_ms, struct err *e)
{
    /* The time of the last event. */
    enum rc rc = dm->clock_ms ? RC_OK : db_event_newest_ms(store_sql(dm->st), &dm->clock_ms, e);
    if (rc == RC_NOT_FOUND) rc = RC_OK;
    const int64_t back = dm->clock_ms - now_ms;
    if (!rc && back >= CLOCK_STEP_MS) {
        log_event(LOG_WARN, "clock.set_back", LOG_N("by_s", back / 1000),
                  LOG_Z("what", "work that was due later is done now; times in the history overlap"));
        sessions_shift(dm->sessions, back);
        rc = repair(dm, now_ms, e);
        dm->events = true;
    }
    if (!rc) dm->clock_ms = now_ms;
    return rc;
}
