/* SPDX-License-Identifier: Apache-2.0 */
/* When the device calls: pure, so a day passes in no time. */
#include "agent/dm/calls.h"
#include "tests/lib/test.h"
#include <string.h>

enum { T0 = 1000000 };
static const struct call_account quiet = { .poll_s = 60, .alerts_since_ms = INT64_MAX };

static enum call_why due(const struct calls *c, struct call_account acc, int64_t now)
{
    struct push_call push;
    size_t which;

    return calls_due(c, &acc, 1, 5000, now, &which, &push);
}

static void calls_at_the_start_and_then_at_polling_times(void)
{
    struct calls c = { 0 };
    CU_ASSERT_EQUAL(due(&c, quiet, T0), CALL_START);
    calls_ended(&c, 0, &quiet, true, false, true, T0, 500);
    CU_ASSERT_EQUAL(due(&c, quiet, T0 + 1), CALL_NONE);
    CU_ASSERT_EQUAL(due(&c, quiet, T0 + 56000), CALL_NONE);
    CU_ASSERT_EQUAL(due(&c, quiet, T0 + 64000), CALL_POLL);
    CU_ASSERT(calls_next_ms(&c, &quiet, 1, 5000) > T0 + 56000);
    CU_ASSERT(calls_next_ms(&c, &quiet, 1, 5000) < T0 + 64000);
}

static void no_polling_when_the_server_says_so(void)
{
    const struct call_account never = { .poll_s = 0, .alerts_since_ms = INT64_MAX };
    struct calls c = { 0 };
    calls_ended(&c, 0, &never, true, false, true, T0, 0);
    CU_ASSERT_EQUAL(due(&c, never, T0 + 100000000), CALL_NONE);
    CU_ASSERT_EQUAL(calls_next_ms(&c, &never, 1, 5000), INT64_MAX);
}

static void alerts_are_grouped_for_a_moment(void)
{
    const struct call_account some = { .poll_s = 60, .alerts_since_ms = T0 + 1000 };
    struct calls c = { 0 };
    calls_ended(&c, 0, &quiet, true, false, true, T0, 0);
    CU_ASSERT_EQUAL(due(&c, some, T0 + 5999), CALL_NONE);
    CU_ASSERT_EQUAL(due(&c, some, T0 + 6000), CALL_ALERT);
    CU_ASSERT_EQUAL(calls_next_ms(&c, &some, 1, 5000), T0 + 6000);
}

static void alerts_a_server_will_not_have_do_not_make_a_storm(void)
{
    const struct call_account some = { .poll_s = 0, .alerts_since_ms = T0 };
    struct calls c = { 0 };
    int sessions = 0;
    for (int64_t now = T0; now < T0 + 3600000; now += 1000)
        if (due(&c, some, now) != CALL_NONE) {
            sessions++;
            calls_ended(&c, 0, &some, true, false, false, now, 7);
        }
    CU_ASSERT(sessions > 3 && sessions < 20);
}

static void failures_make_growing_pauses(void)
{
    struct calls c = { 0 };
    int64_t now = T0, pause = 0;
    for (int i = 0; i < 12; i++) {
        int64_t last = pause;
        CU_ASSERT_NOT_EQUAL(due(&c, quiet, now), CALL_NONE);
        calls_ended(&c, 0, &quiet, false, false, true, now, 3);
        pause = calls_pause_ms(&c, 0, now);
        CU_ASSERT(pause >= last || pause > CALLS_LAST_RETRY_MS * 3 / 4);
        CU_ASSERT(pause <= CALLS_LAST_RETRY_MS * 5 / 4);
        CU_ASSERT_EQUAL(due(&c, quiet, now + pause - 1), CALL_NONE);
        now += pause;
    }
    CU_ASSERT(pause > CALLS_LAST_RETRY_MS / 2);
    calls_ended(&c, 0, &quiet, true, false, true, now, 3);
    CU_ASSERT_EQUAL(calls_pause_ms(&c, 0, now), 0);
}

static void a_push_is_answered_at_once_also_in_a_pause_and_once(void)
{
    struct push_call push = { .session = 0x1A2B }, got = { .session = 0 };
    struct calls c = { 0 };
    size_t which = 7;
    calls_ended(&c, 0, &quiet, false, false, true, T0, 0);
    calls_pushed(&c, 0, &push, T0 + 1);
    CU_ASSERT_EQUAL(calls_due(&c, &quiet, 1, 5000, T0 + 1, &which, &got), CALL_PUSH);
    CU_ASSERT(which == 0 && got.session == 0x1A2B);
    calls_ended(&c, 0, &quiet, false, true, true, T0 + 1, 0);
    CU_ASSERT_EQUAL(calls_due(&c, &quiet, 1, 5000, T0 + 10000, &which, &got),
                    CALL_PUSH); /* it still wants its session */
    calls_ended(&c, 0, &quiet, true, true, true, T0 + 10000, 0);
    CU_ASSERT_EQUAL(due(&c, quiet, T0 + 10001), CALL_NONE);
    for (uint16_t i = 1; i <= 10; i++) {
        push.session = i;
        calls_pushed(&c, 0, &push, T0);
    }
    CU_ASSERT_EQUAL(calls_due(&c, &quiet, 1, 5000, T0 + 10001, &which, &got), CALL_PUSH);
    CU_ASSERT_EQUAL(got.session, 7);
}

static void each_account_has_its_own_times(void)
{
    struct call_account both[2] = { quiet, { .poll_s = 600, .alerts_since_ms = INT64_MAX } };
    struct push_call push;
    struct calls c = { 0 };
    size_t which = 9;
    calls_ended(&c, 0, &both[0], true, false, true, T0, 500);
    CU_ASSERT_EQUAL(calls_due(&c, both, 2, 5000, T0 + 1, &which, &push), CALL_START);
    CU_ASSERT_EQUAL(which, 1);
    calls_ended(&c, 1, &both[1], true, false, true, T0 + 1, 500);
    CU_ASSERT_EQUAL(calls_due(&c, both, 2, 5000, T0 + 70000, &which, &push), CALL_POLL);
    CU_ASSERT_EQUAL(which, 0);
    calls_asked(&c, 1);
    CU_ASSERT_EQUAL(calls_due(&c, both, 2, 5000, T0 + 2, &which, &push), CALL_ASKED);
    CU_ASSERT_EQUAL(which, 1);
}

TEST_MAIN("agent.calls", TEST(calls_at_the_start_and_then_at_polling_times), TEST(no_polling_when_the_server_says_so),
          TEST(alerts_are_grouped_for_a_moment), TEST(alerts_a_server_will_not_have_do_not_make_a_storm),
          TEST(failures_make_growing_pauses), TEST(a_push_is_answered_at_once_also_in_a_pause_and_once),
          TEST(each_account_has_its_own_times))
