/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_CORE_HEALTH_H
#define SERVER_CORE_HEALTH_H
/* Faults that an administrator must know of: any thread writes them, /readyz reads them. Also the trusted time. */
#include "base/world.h"
#include "db/sql/sql.h"

enum {
    CLOCK_LEAP_MS = 2 * 86400 * 1000, /* a server may have been down for this long */
    CLOCK_LEAPS_MS = 4 * 86400 *
                     1000 /* and for this long in all, over several starts with little running time between */
};

struct health {
    struct sql_health database;
    _Atomic int64_t
        /* how far the clock is ahead of the trusted time (negative = behind); 0 = the clock is trusted */
        clock_ahead_s;
    _Atomic int64_t clock_offset_ms; /* trusted time minus world_monotonic_ms; 0 = not computed yet */
};

/**
 * The trusted time, by which rows expire, schedules start and credentials are valid. It follows the wall clock as long
 * as the clock continues from the last trusted value. After a leap, forward or back, it continues with the monotonic
 * clock until the new time is trusted (server/jobs/retention.h).
 * @param h  NULL = the wall clock is trusted
 */
int64_t health_now_ms(const struct health *h, int64_t wall_ms);
/** As world_real, with the trusted time. */
struct world health_world(const struct health *h);
#endif
