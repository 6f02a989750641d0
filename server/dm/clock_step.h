/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DM_CLOCK_STEP_H
#define SERVER_DM_CLOCK_STEP_H
/* A wall clock that is set back: what was to happen at a time that is far away again happens now instead. */
#include "server/dm/exchange.h"

enum { CLOCK_STEP_MS = 2000 }; /* smaller steps do no harm */

/** Compare with when it last looked; the first time with what the database remembers (in a transaction of its own). */
enum rc clock_step_check(struct dm *dm, int64_t now_ms, struct err *e);
#endif
