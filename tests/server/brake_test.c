/* SPDX-License-Identifier: Apache-2.0 */
#include "server/core/brake.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

enum { BURST_S = 10 };

static struct brake b;

static void fresh(void)
{
    memset(&b, 0, sizeof b);
}

static unsigned taken(uint64_t key, unsigned per_s, int64_t now_ms, unsigned times)
{
    unsigned n = 0;
    for (unsigned i = 0; i < times; i++) n += brake_take(&b, key, per_s, now_ms);
    return n;
}

static void a_burst_comes_at_once_and_then_so_many_a_second(void)
{
    static const unsigned rates[] = { 1, 2, 5, 200, 2000, 100000 };
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        const unsigned r = rates[i], burst = r * BURST_S;
        fresh();
        CU_ASSERT_EQUAL(taken(7, r, 1000, burst + 50), burst);
        CU_ASSERT_EQUAL(taken(7, r, 2000, 2 * r), r);
        CU_ASSERT_EQUAL(taken(7, r, 2000, 1), 0);
        CU_ASSERT_EQUAL(taken(7, r, 7000, burst), 5 * r);
        CU_ASSERT_EQUAL(taken(7, r, 1000000, 2 * burst), burst); /* no more than that, however long it was quiet */
    }
}

static void what_was_refused_costs_nothing(void)
{
    fresh();
    CU_ASSERT_EQUAL(taken(7, 1, 0, 1000), 10);
    CU_ASSERT_EQUAL(taken(7, 1, 1000, 2), 1);
}

static void no_rate_is_no_brake(void)
{
    fresh();
    CU_ASSERT_EQUAL(taken(7, 0, 0, 100000), 100000);
}

static void keys_are_braked_one_by_one(void)
{
    fresh();
    CU_ASSERT_EQUAL(taken(1, 1, 0, 20), 10);
    CU_ASSERT_EQUAL(taken(2, 1, 0, 20), 10);
    CU_ASSERT_EQUAL(taken(1, 1, 0, 1), 0);
}

static void many_strangers_do_not_free_one_that_is_braked(void)
{
    fresh();
    CU_ASSERT_EQUAL(taken(1, 1, 0, 20), 10);
    for (uint64_t key = 2; key < 200000; key++) brake_take(&b, key * 0x9E3779B97F4A7C15u, 1, 0);
    CU_ASSERT_EQUAL(taken(1, 1, 0, 20), 0);
}

static void a_full_table_lets_a_newcomer_have_its_burst(void)
{
    fresh();
    for (uint64_t key = 1; key < 20000; key++) taken(key * 0x9E3779B97F4A7C15u, 5, 0, 60);
    CU_ASSERT_EQUAL(taken(5, 5, 0, 60), 50);
}

static void a_clock_that_is_set_back_locks_nobody_out(void)
{
    fresh();
    CU_ASSERT_EQUAL(taken(7, 1, 1900000000000, 20), 10);
    CU_ASSERT_EQUAL(taken(7, 1, 1800000000000, 20), 10);
    CU_ASSERT_EQUAL(taken(7, 1, 1900000000000, 20), 10); /* and right again */
}

static void one_holder_of_addresses_is_one_key(void)
{
    static const struct {
        const char *one, *other;
        bool same;
    } row[] = {
        { "192.0.2.1", "192.0.2.1", true },
        { "192.0.2.1", "192.0.2.2", false },
        { "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true },
        { "2001:db8:1:2::1", "2001:db8:1:3::1", false },
        { "2001:db8:1:2::1", "2001:DB8:1:2::1", true },
        { "", "192.0.2.1", false },
        { "fe80::1%eth0", "fe80::1%eth1", false },
    };
    char longest[300];
    memset(longest, ':', sizeof longest);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        CU_ASSERT_EQUAL(brake_address(str_of(row[i].one), 5) == brake_address(str_of(row[i].other), 5), row[i].same);
    CU_ASSERT_NOT_EQUAL(brake_address(STR("192.0.2.1"), 5), brake_address(STR("192.0.2.1"), 6));
    CU_ASSERT_NOT_EQUAL(brake_address((struct str){ longest, sizeof longest }, 5), brake_address(STR(":"), 5));
}

TEST_MAIN("brake", TEST(a_burst_comes_at_once_and_then_so_many_a_second), TEST(what_was_refused_costs_nothing),
          TEST(no_rate_is_no_brake), TEST(keys_are_braked_one_by_one),
          TEST(many_strangers_do_not_free_one_that_is_braked), TEST(a_full_table_lets_a_newcomer_have_its_burst),
          TEST(a_clock_that_is_set_back_locks_nobody_out), TEST(one_holder_of_addresses_is_one_key))
