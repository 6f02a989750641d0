/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_HEALTH_H
#define SERVER_HEALTH_H
/* What the threads of the server have met that a person must know of: written by whoever meets it, read by /readyz. */
#include "db/sql/sql.h"

struct health {
    struct sql_health database;
    _Atomic int64_t clock_ahead_s; /* the clock stands so much later than it can be believed to; 0 = it is believed */
};
#endif
