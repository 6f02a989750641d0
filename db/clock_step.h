/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_CLOCK_STEP_H
#define DB_CLOCK_STEP_H
/* Repairs after the clock was set back. */
#include "db/sql/sql.h"

/** Make readings, notifications and retries due now when their due time came from the former clock. The
 * resynchronisation nonce is no longer accepted. */
enum rc db_clock_step_repair(struct sql *db, int64_t now_ms, struct err *e);
#endif
