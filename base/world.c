/* SPDX-License-Identifier: Apache-2.0 */
#include "base/world.h"
#include "base/crypto.h"
#include <time.h>

static int64_t clock_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void random_real(void *ctx, uint8_t *out, size_t n)
{
    (void)ctx;
    crypto_random(out, n);
}

/* splitmix64: short, and similar seeds give unrelated bytes. */
static void random_fixed(void *ctx, uint8_t *out, size_t n)
{
    uint64_t *seed = ctx, z = 0;
    for (size_t i = 0; i < n; i++, z >>= 8) {
        if (i % 8 == 0) {
            z = *seed += 0x9e3779b97f4a7c15u;
            z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
            z = (z ^ z >> 27) * 0x94d049bb133111ebu;
            z ^= z >> 31;
        }
        out[i] = (uint8_t)z;
    }
}

struct world world_real(void)
{
    return (struct world){ clock_ms(CLOCK_REALTIME), random_real, NULL, 0 };
}

struct world world_fixed(int64_t now_ms, uint64_t *seed)
{
    return (struct world){ now_ms, random_fixed, seed, 0 };
}

int64_t world_monotonic_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t world_uptime_ms(void)
{
    return clock_ms(CLOCK_BOOTTIME);
}
