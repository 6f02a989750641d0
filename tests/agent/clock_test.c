/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/clock.h"
#include "tests/lib/test.h"
#include <stdio.h>

#define DAY ((int64_t)86400000)
enum { MINUTE = 60000 };

static struct clock_reading at(const char *boot, int64_t steady_ms, int64_t wall_ms)
{
    struct clock_reading r = { .steady_ms = steady_ms, .wall_ms = wall_ms };
    snprintf(r.boot, sizeof r.boot, "%s", boot);
    return r;
}

static struct device_clock began(const char *kept, struct clock_reading now)
{
    struct device_clock c;
    CU_ASSERT(clock_begin(&c, str_of(kept), &now));
    return c;
}

static void a_wall_clock_that_is_set_changes_no_duration(void)
{
    struct device_clock c = began("", at("one", 0, 1000 * DAY));
    const struct clock_reading back = at("one", MINUTE, 1 * DAY), ahead = at("one", 2 * MINUTE, 9999 * DAY);
    CU_ASSERT_EQUAL(c.time_ms, 1000 * DAY);
    CU_ASSERT_EQUAL(clock_look(&c, &back), 1 * DAY - 1000 * DAY - MINUTE);
    CU_ASSERT_EQUAL(c.time_ms, 1000 * DAY + MINUTE);
    CU_ASSERT_EQUAL(clock_look(&c, &ahead), 9998 * DAY - MINUTE);
    CU_ASSERT_EQUAL(c.time_ms, 1000 * DAY + 2 * MINUTE);
}

static void what_was_kept(struct clock_reading now, int64_t want_ms)
{
    char kept[128];
    const struct clock_reading later = at("one", 5 * MINUTE, 1000 * DAY + 5 * MINUTE);
    struct device_clock c = began("", at("one", 0, 1000 * DAY));
    (void)clock_look(&c, &later);
    clock_text(&c, kept);
    c = began(kept, now);
    CU_ASSERT_EQUAL(c.time_ms - 1000 * DAY, want_ms);
}

static void a_restart_of_the_agent_goes_on_whatever_the_wall_clock_says(void)
{
    what_was_kept(at("one", 7 * MINUTE, 1 * DAY), 7 * MINUTE);
    what_was_kept(at("one", 7 * MINUTE, 9999 * DAY), 7 * MINUTE);
}

static void while_the_host_was_off_only_the_wall_clock_knows(void)
{
    what_was_kept(at("two", 1 * MINUTE, 1040 * DAY), 40 * DAY);
    what_was_kept(at("two", 1 * MINUTE, 0), 5 * MINUTE); /* one without a battery */
    what_was_kept(at("two", 99 * MINUTE, 1000 * DAY), 5 * MINUTE);
    what_was_kept(at("", 7 * MINUTE, 1000 * DAY + 8 * MINUTE), 8 * MINUTE);
}

static void a_damaged_one_is_told(void)
{
    struct device_clock c;
    const struct clock_reading now = at("one", 0, 1000 * DAY);
    CU_ASSERT(!clock_begin(&c, STR("12 thirteen 14 x"), &now));
    CU_ASSERT_EQUAL(c.time_ms, 1000 * DAY);
}

TEST_MAIN("agent.clock", TEST(a_wall_clock_that_is_set_changes_no_duration),
          TEST(a_restart_of_the_agent_goes_on_whatever_the_wall_clock_says),
          TEST(while_the_host_was_off_only_the_wall_clock_knows), TEST(a_damaged_one_is_told))
