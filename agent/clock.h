/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CLOCK_H
#define AGENT_CLOCK_H
/*
 * The time by which the device decides: when a lease is over, a guest is to be up, a server is to be called. It goes on as the
 * host's own clock since its start does (also while it sleeps), and never back: whoever sets the wall clock, ahead or back,
 * changes what times look like and nothing else. While the host was off only the wall clock can tell how long: it is believed
 * unless it stands before the time that it showed last. Pure: readings come in.
 */
#include "base/str.h"

enum { CLOCK_BOOT_BYTES = 40 };
struct clock_reading {
    char boot[CLOCK_BOOT_BYTES]; /* which start of the host; "" = the host does not say */
    int64_t steady_ms;           /* since then */
    int64_t wall_ms;             /* UTC, ms since 1970 */
};
struct device_clock {
    int64_t time_ms; /* as if UTC, ms since 1970 */
    struct clock_reading last;
};

/** @param kept  as clock_text gave it, empty = never kept. @return false when it is damaged: the wall clock is believed */
bool clock_begin(struct device_clock *c, struct str kept, const struct clock_reading *now);
/** How far the wall clock has leapt since the last look, ms; less than 0: back. */
int64_t clock_look(struct device_clock *c, const struct clock_reading *now);
/** What clock_begin needs after a restart. */
void clock_text(const struct device_clock *c, char out[128]);
#endif
