/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_CORE_HEALTH_H
#define SERVER_CORE_HEALTH_H
/* What the threads of the server have met that a person must know of, written by whoever meets it and read by /readyz; and
 * the time that counts. */
#include "base/world.h"
#include "db/sql/sql.h"

enum { CLOCK_LEAP_MS = 2 * 86400 * 1000 }; /* a server may have been off for so long */

struct health {
    struct sql_health database;
    _Atomic int64_t
        clock_ahead_s; /* the clock stands so much later (less than 0: earlier) than is believed; 0 = it is believed */
    _Atomic int64_t clock_offset_ms; /* the time that is believed, less world_monotonic_ms; 0 = nobody has looked yet */
};

/**
 * The time that counts for everything that is kept, begun, ended or let in by time: that of the wall clock, as long as it
 * goes on from where it was believed. After a leap, ahead or back, the time goes on as the machine runs, until the leap is
 * believed (server/jobs/retention.h).
 * @param h  NULL = the wall clock is believed
 */
int64_t health_now_ms(const struct health *h, int64_t wall_ms);
/** As world_real, at the time that counts. */
struct world health_world(const struct health *h);
#endif
