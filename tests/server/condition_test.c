/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "db/condition.h"
#include "policy/resolve/condition.h"
#include "tests/server/dm_fixture.h"
#include <stdio.h>
#include <string.h>

/* ---- what is decided ---- */

enum { MINUTE = 60000, NOW = 100 * MINUTE, POLL = 5 * MINUTE };

static void a_device_stands_as_what_is_known_says(void)
{
    static const struct {
        int64_t seen, unreachable, refused, want, planned, have;
        const char *found, *word;
    } row[] = {
        { 0, 0, 0, 1, 0, 0, "new", "new" },
        { NOW - MINUTE, 0, 0, 4, 4, 4, "settled", "settled" },
        { NOW - MINUTE, 0, 0, 4, 4, 3, "settled", "working" }, /* the requested changes are not finished */
        { NOW - MINUTE, 0, 0, 5, 4, 4, "settled", "pending" }, /* a revision that nobody has fetched */
        { NOW - MINUTE, 0, 0, 5, 4, 3, "failed", "pending" },
        { NOW - MINUTE, 0, 0, 4, 4, 3, "failed", "failed" },
        { NOW - MINUTE, 0, 0, 4, 4, 3, "waiting", "waiting" },
        { NOW - 3 * POLL, 0, 0, 4, 4, 4, "settled", "settled" }, /* just in time */
        { NOW - 3 * POLL - 1, 0, 0, 4, 4, 4, "settled", "overdue" },
        { NOW - 12 * POLL, 0, 0, 5, 4, 4, "settled", "overdue" },
        { NOW - MINUTE, NOW - 2 * MINUTE, 0, 4, 4, 4, "settled", "settled" }, /* it came after all */
        { NOW - 2 * MINUTE, NOW - MINUTE, 0, 4, 4, 4, "settled", "unreachable" },
        { 0, NOW - MINUTE, 0, 1, 0, 0, "new", "unreachable" },
        { 0, 0, NOW, 1, 0, 0, "new", "unauthenticated" }, /* not "has not connected yet" */
        { NOW - MINUTE, 0, NOW, 4, 4, 4, "settled", "unauthenticated" },
        { NOW, 0, NOW, 4, 4, 4, "settled", "settled" }, /* it was let in since */
        { NOW - 12 * POLL, NOW - MINUTE, NOW, 5, 4, 3, "failed", "unauthenticated" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct pol_device_facts f = { .now_ms = NOW,
                                      .poll_ms = POLL,
                                      .seen_ms = row[i].seen,
                                      .unreachable_ms = row[i].unreachable,
                                      .refused_ms = row[i].refused,
                                      .refused_why = STR("wrong credentials"),
                                      .want = row[i].want,
                                      .planned = row[i].planned,
                                      .have = row[i].have,
                                      .found = str_of(row[i].found) };
        struct pol_condition c = pol_device_condition(&f);
        CU_ASSERT(str_is(c.word, row[i].word));
        if (!str_is(c.word, row[i].word)) printf("row %zu: %.*s\n", i, STR_ARG(c.word));
    }
}

static void a_policy_has_a_word_of_its_own(void)
{
    static const struct {
        const char *device, *state, *word;
        int64_t revision, judged;
    } row[] = {
        { "settled", "settled", "settled", 2, 2 }, { "failed", "settled", "settled", 2, 2 },
        { "settled", "failed", "failed", 2, 2 },   { "settled", "settled", "pending", 3, 2 },
        { "settled", "failed", "pending", 3, 2 },  { "overdue", "settled", "overdue", 2, 2 },
        { "overdue", "failed", "failed", 2, 2 },   { "unreachable", "pending", "unreachable", 2, 2 },
        { "pending", "settled", "settled", 2, 2 }, { "unauthenticated", "working", "unauthenticated", 2, 2 },
        { "overdue", "failed", "overdue", 3, 2 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct pol_assignment_facts f = { .device = { .word = str_of(row[i].device) },
                                          .revision = row[i].revision,
                                          .judged = row[i].judged,
                                          .state = str_of(row[i].state) };
        CU_ASSERT(str_is(pol_assignment_condition(&f).word, row[i].word));
    }
}

/* ---- the same in SQL ---- */

static uint64_t dice = 88172645463325252u;

static int64_t roll(int64_t n)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (int64_t)(dice % (uint64_t)n);
}

static int64_t some_time(void)
{
    return roll(3) ? NOW - roll(14 * POLL) : 0;
}

enum { FLEET = 400 };
static const char *const words[] = { "new", "settled", "working", "waiting", "failed" };
static const char *const states[] = { "pending", "working", "waiting", "settled", "failed" };

struct condition_row {
    struct pol_device_facts f;
    int64_t revision, judged;
    const char *state;
};

static struct condition_row make(struct dm_fixture *l, int64_t id)
{
    struct condition_row x = { .f = { .now_ms = NOW,
                                      .poll_ms = roll(4) ? POLL : roll(2) * MINUTE,
                                      .seen_ms = some_time(),
                                      .unreachable_ms = some_time(),
                                      .refused_ms = roll(2) ? some_time() : 0,
                                      .refused_why = STR("wrong credentials"),
                                      .want = 2 + roll(2),
                                      .planned = 1 + roll(3),
                                      .have = 1 + roll(3),
                                      .found = str_of(words[roll(5)]),
                                      .found_why = STR("because") },
                               .revision = 3,
                               .judged = 2 + roll(2),
                               .state = states[roll(5)] };
    char text[1500];
    snprintf(
        text, sizeof text,
        "INSERT INTO device (device_id, authority_id, name, created_ms, generation, planned_generation, observed_generation, summary,"
        " summary_why, poll_ms, unreachable_ms) VALUES (%lld, 1, 'd%lld', 1, %lld, %lld, %lld, '%.*s', 'because',"
        " nullif(%lld, %d), nullif(%lld, 0));"
        " INSERT INTO assignment (device_id, policy_id, revision, truth, state, why, at_ms)"
        " VALUES (%lld, 1, %lld, 1, '%s', 'so', 1);",
        (long long)id, (long long)id, (long long)x.f.want, (long long)x.f.planned, (long long)x.f.have,
        STR_ARG(x.f.found), (long long)x.f.poll_ms, (int)POLL, (long long)x.f.unreachable_ms, (long long)id,
        (long long)x.judged, x.state);
    dm_fixture_sql(l, text);
    snprintf(text, sizeof text, "INSERT INTO contact (device_id, seen_ms) VALUES (%lld, nullif(%lld, 0))",
             (long long)id, (long long)x.f.seen_ms);
    if (x.f.seen_ms || roll(2)) dm_fixture_sql(l, text);
    snprintf(
        text, sizeof text,
        "INSERT INTO refusal (device_id, at_ms, remote, why, times) VALUES (%lld, %lld, 'x', 'wrong credentials', 1)",
        (long long)id, (long long)x.f.refused_ms);
    if (x.f.refused_ms) dm_fixture_sql(l, text);
    return x;
}

static void sql_counts_what_the_function_decides(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct sql_rows *r = NULL;
    struct err e = { 0 };
    dm_fixture_sql(
        l,
        "DELETE FROM device; INSERT INTO policy (policy_id, authority_id, name, revision, created_ms) VALUES (1, 1, 'p', 3, 1)");
    struct condition_row fleet[FLEET];
    for (int64_t i = 0; i < FLEET; i++) fleet[i] = make(l, 1000 + i);
    enum rc rc = sql_start_text(l->db,
                                STR("SELECT d.device_id, " CONDITION_WORD ", " CONDITION_WHY ", " CONDITION_POLICY_WORD
                                    ", " CONDITION_POLICY_WHY
                                    " FROM assignment s JOIN policy p USING (policy_id) JOIN (" CONDITION_TABLES
                                    ") ON d.device_id = s.device_id ORDER BY s.device_id"),
                                SQL_ARGS({ "now_ms", SQL_I(NOW) }, { "poll_ms", SQL_I(POLL) }), &r, &e);
    CU_ASSERT_EQUAL_FATAL(rc, RC_OK);
    for (size_t i = 0; i < FLEET; i++) {
        CU_ASSERT_EQUAL_FATAL(sql_step(r, &e), RC_OK);
        struct pol_condition d = pol_device_condition(&fleet[i].f);
        struct pol_assignment_facts of = { .device = d,
                                           .revision = fleet[i].revision,
                                           .judged = fleet[i].judged,
                                           .state = str_of(fleet[i].state),
                                           .why = STR("so") };
        struct pol_condition a = pol_assignment_condition(&of);
        CU_ASSERT(str_eq(sql_text(r, 1), d.word));
        CU_ASSERT(str_eq(sql_text(r, 2), d.why));
        CU_ASSERT(str_eq(sql_text(r, 3), a.word));
        CU_ASSERT(str_eq(sql_text(r, 4), a.why));
        if (!str_eq(sql_text(r, 1), d.word))
            printf("device %zu: SQL %.*s, function %.*s\n", i, STR_ARG(sql_text(r, 1)), STR_ARG(d.word));
    }
    sql_end(r);
    dm_fixture_end(l);
}

TEST_MAIN("server.condition", TEST(a_device_stands_as_what_is_known_says), TEST(a_policy_has_a_word_of_its_own),
          TEST(sql_counts_what_the_function_decides))
