/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_CLOCK_STEP_H
#define DB_CLOCK_STEP_H
/* After the clock was set back. */
#include "db/sql/sql.h"

/** What was due at some time that the clock knew before is due now: readings, notifications and further tries. The
 * resynchronisation nonce is not good for longer than it was given for. */
enum rc db_clock_step_repair(struct sql *db, int64_t now_ms, struct err *e);
#endif
