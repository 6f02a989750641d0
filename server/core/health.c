/* SPDX-License-Identifier: Apache-2.0 */
#include "server/core/health.h"

enum { SLACK_MS = 60000 }; /* the last check of the clock may be this old */

int64_t health_now_ms(const struct health *h, int64_t wall_ms)
{
    const int64_t offset = h ? h->clock_offset_ms : 0;
    if (!offset) return wall_ms;
    const int64_t believed = world_monotonic_ms() + offset, most = (int64_t)CLOCK_LEAP_MS + SLACK_MS;
    return wall_ms - believed > most || believed - wall_ms > most ? believed : wall_ms;
}

struct world health_world(const struct health *h)
{
    struct world w = world_real();
    w.now_ms = health_now_ms(h, w.now_ms);
    return w;
}
