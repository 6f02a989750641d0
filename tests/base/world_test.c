/* SPDX-License-Identifier: Apache-2.0 */
#include "base/world.h"
#include "tests/lib/test.h"
#include <string.h>

static void a_fixed_world_repeats_itself(void)
{
    uint64_t seed = 7, same = 7, other = 8;
    uint8_t a[21], b[21], c[21];
    struct world w = world_fixed(1000, &seed), v = world_fixed(1000, &same), x = world_fixed(1000, &other);
    CU_ASSERT_EQUAL(w.now_ms, 1000);
    w.random(w.ctx, a, sizeof a);
    v.random(v.ctx, b, sizeof b);
    x.random(x.ctx, c, sizeof c);
    CU_ASSERT(memcmp(a, b, sizeof a) == 0);
    CU_ASSERT(memcmp(a, c, sizeof a) != 0);
    w.random(w.ctx, a, sizeof a);
    CU_ASSERT(memcmp(a, b, sizeof a) != 0); /* and goes on */
    CU_ASSERT_NOT_EQUAL(seed, 7);
}

static void the_real_one_is_in_this_century(void)
{
    struct world w = world_real();
    uint8_t a[16] = { 0 }, b[16] = { 0 };
    CU_ASSERT(w.now_ms > 1700000000000);
    CU_ASSERT(w.now_ms < 4102444800000);
    w.random(w.ctx, a, sizeof a);
    w.random(w.ctx, b, sizeof b);
    CU_ASSERT(memcmp(a, b, sizeof a) != 0);
    int64_t before = world_monotonic_ms();
    CU_ASSERT(world_monotonic_ms() >= before);
}

TEST_MAIN("base.world", TEST(a_fixed_world_repeats_itself), TEST(the_real_one_is_in_this_century))
