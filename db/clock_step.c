/* SPDX-License-Identifier: Apache-2.0 */
#include "db/clock_step.h"
#include "db/statements.h"

#define CLOCK_STEP_STATEMENTS(X)                                                                                       \
    X(READINGS, "UPDATE device SET next_kpi_ms = :now_ms WHERE next_kpi_ms > :now_ms")                                 \
    X(RESYNC, "UPDATE contact SET resync_until_ms = NULL WHERE resync_until_ms > :now_ms")                             \
    X(NOTIFICATIONS, "UPDATE notification SET next_ms = :now_ms WHERE next_ms > :now_ms")                              \
    X(FAILURES, "UPDATE failure SET retry_ms = :now_ms WHERE retry_ms > :now_ms")
DB_STATEMENTS(clock_step, CLOCK_STEP_STATEMENTS)

enum rc db_clock_step_repair(struct sql *db, int64_t now_ms, struct err *e)
{
    enum rc rc = RC_OK;
    for (const char *const *text = db_clock_step_statements; !rc && *text; text++)
        rc = sql_execute(db, *text, SQL_ARGS({ "now_ms", SQL_I(now_ms) }), NULL, e);
    return rc;
}
