/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_WORLD_H
#define BASE_WORLD_H
/* Time and randomness as an argument: a stage reads no clock and no random source itself, so a test can run a day in
 * a millisecond. */
#include <stddef.h>
#include <stdint.h>

struct world {
    int64_t now_ms;                                    /* UTC, ms since 1970 */
    void (*random)(void *ctx, uint8_t *out, size_t n); /* unpredictable in the programs, fixed in tests */
    void *ctx;
    int64_t ahead_ms; /* what a wall clock shows is now_ms + ahead_ms: for times that people read */
};

/** The real world: clock_gettime and the system's random bytes. Only the shells (main programs) call it. */
struct world world_real(void);
/**
 * A fixed world: starts at now_ms; bytes come from a counter seeded with *seed, which it advances. For tests and
 * replay.
 */
struct world world_fixed(int64_t now_ms, uint64_t *seed);
/** Milliseconds of a clock that never goes back, for timeouts in the shells. */
int64_t world_monotonic_ms(void);
/** Milliseconds since the host's start, also while it slept. */
int64_t world_uptime_ms(void);
#endif
