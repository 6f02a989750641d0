/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DM_CLOCK_STEP_H
#define SERVER_DM_CLOCK_STEP_H
/* Handles a wall clock that is set back: work whose due time has thereby moved into the future becomes due now. */
#include "server/dm/exchange.h"

enum { CLOCK_STEP_MS = 2000 }; /* smaller steps are harmless */

/** Compare with the time of the last check; the first time with the database (in its own transaction). */
enum rc clock_step_check(struct dm *dm, int64_t now_ms, struct err *e);
#endif
