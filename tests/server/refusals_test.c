/* SPDX-License-Identifier: Apache-2.0 */
#include "server/dm/refusals.h"
#include "base/log.h"
#include "server/core/metrics.h"
#include "tests/lib/test.h"
#include "tests/server/dm_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEVICES = 70, NOTES = 64, MINUTE_MS = 60000 };

/* The table of a running server, over a database with devices. */
struct refusals_table {
    struct dm_fixture *lab;
    struct refusals *r;
    struct metrics *metrics;
    int64_t now_ms;
};

static void begin(struct refusals_table *t, unsigned devices)
{
    t->lab = dm_fixture_begin();
    t->metrics = t->lab->srv.metrics = metrics_create();
    t->lab->config.dm_refusals_per_s = 1;
    t->lab->config.dm_challenges_per_s = 4;
    t->r = t->lab->dm->refusals;
    t->now_ms = t->lab->world.now_ms;
    for (unsigned i = 1; i <= devices; i++) {
        char sql[160];
        snprintf(sql, sizeof sql, "INSERT INTO device (authority_id, name, created_ms) VALUES (1, 'IMEI:%u', 1)", i);
        dm_fixture_sql(t->lab, sql);
    }
}

static void end(struct refusals_table *t)
{
    t->lab->srv.metrics = NULL;
    metrics_destroy(t->metrics);
    dm_fixture_end(t->lab);
}

static int from(struct refusals_table *t, enum refusal_kind kind, unsigned device, const char *remote)
{
    char name[32];
    snprintf(name, sizeof name, "IMEI:%u", device);
    const struct refusal f = { .kind = kind,
                               .device = device,
                               .authority = 1,
                               .name = str_of(name),
                               .session_id = STR("5"),
                               .msg_id = STR("1"),
                               .remote = str_of(remote),
                               .why = "wrong credentials \"quoted\"" };
    return refusals_add(t->r, &t->lab->srv, &f, t->now_ms);
}

static int refuse(struct refusals_table *t, unsigned device)
{
    return from(t, REFUSAL_CREDENTIALS, device, "192.0.2.1");
}

static void keep(struct refusals_table *t)
{
    struct err e = { 0 };
    t->lab->world.now_ms = t->now_ms;
    CU_ASSERT_EQUAL(refusals_keep(t->lab->dm, t->now_ms, &e), RC_OK);
    CU_ASSERT_EQUAL(dm_commit(t->lab->dm, &e), RC_OK);
}

static int64_t of(struct refusals_table *t, const char *column, unsigned device)
{
    char sql[120];
    snprintf(sql, sizeof sql, "SELECT %s FROM refusal WHERE device_id = %u", column, device);
    return dm_fixture_int(t->lab, sql);
}

static bool metric(struct refusals_table *t, const char *line)
{
    struct buf b;
    buf_init(&b, 0);
    metrics_write(t->metrics, &b);
    bool there = strstr(buf_z(&b), line) != NULL;
    buf_finish(&b);
    return there;
}

static void every_kind_is_counted_as_its_own(void)
{
    static const char *const words[] = { "nothing", "credentials", "token", "session", "certificate" };
    struct refusals_table t;
    char line[80];
    begin(&t, 1);
    for (unsigned k = 0; k < sizeof words / sizeof words[0]; k++)
        for (unsigned i = 0; i <= k; i++) from(&t, (enum refusal_kind)k, 1, "192.0.2.1");
    for (unsigned k = 0; k < sizeof words / sizeof words[0]; k++) {
        snprintf(line, sizeof line, "dmvisor_dm_unproven_total{what=\"%s\"} %u\n", words[k], k + 1);
        CU_ASSERT(metric(&t, line));
    }
    end(&t);
}

static void guesses_wait_by_address_and_by_device(void)
{
    struct refusals_table t;
    begin(&t, 3);
    for (int i = 0; i < 10; i++) CU_ASSERT_EQUAL(refuse(&t, 1), 0);
    CU_ASSERT(refuse(&t, 1) > 0);
    CU_ASSERT(from(&t, REFUSAL_CREDENTIALS, 1, "198.51.100.7") > 0); /* the device, from anywhere */
    CU_ASSERT(from(&t, REFUSAL_CREDENTIALS, 2, "192.0.2.1") > 0);    /* the address, at any device */
    CU_ASSERT_EQUAL(from(&t, REFUSAL_CREDENTIALS, 3, "203.0.113.9"), 0);
    CU_ASSERT(metric(&t, "dmvisor_dm_braked_total 3\n"));
    t.now_ms += 1000;
    CU_ASSERT_EQUAL(refuse(&t, 1), 0);
    CU_ASSERT(refuse(&t, 1) > 0);
    end(&t);
}

static void to_ask_for_a_challenge_has_a_rate_of_its_own(void)
{
    struct refusals_table t;
    begin(&t, 2);
    while (refuse(&t, 1) == 0) continue;
    for (int i = 0; i < 40; i++) CU_ASSERT_EQUAL(from(&t, REFUSAL_NOTHING, 1, "192.0.2.1"), 0);
    CU_ASSERT(from(&t, REFUSAL_NOTHING, 1, "192.0.2.1") > 0);
    CU_ASSERT_EQUAL(from(&t, REFUSAL_NOTHING, 1, "192.0.2.2"), 0); /* no device is braked by who only asks */
    end(&t);
}

static void a_device_s_refusals_are_one_row_and_one_session(void)
{
    struct refusals_table t;
    begin(&t, 1);
    refuse(&t, 1);
    keep(&t);
    CU_ASSERT_EQUAL(of(&t, "times", 1), 1);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(t.lab, "SELECT why FROM refusal"), "wrong credentials \"quoted\"");
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(t.lab, "SELECT remote FROM refusal"), "192.0.2.1");
    for (int i = 0; i < 500; i++) refuse(&t, 1);
    keep(&t); /* not again within seconds */
    CU_ASSERT_EQUAL(of(&t, "times", 1), 1);
    t.now_ms += 4000;
    keep(&t);
    CU_ASSERT_EQUAL(of(&t, "times", 1), 501);
    CU_ASSERT_EQUAL(of(&t, "at_ms - since_ms", 1), 0);
    CU_ASSERT_EQUAL(dm_fixture_int(t.lab, "SELECT count(*) FROM session"), 1);
    CU_ASSERT_EQUAL(dm_fixture_int(t.lab, "SELECT messages FROM session"), 501);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(t.lab, "SELECT outcome FROM session"), "refused");
    CU_ASSERT_EQUAL(dm_fixture_int(t.lab, "SELECT count(*) FROM event WHERE type = 'session'"), 1);
    CU_ASSERT_EQUAL(dm_fixture_int(t.lab, "SELECT count(*) FROM event WHERE NOT json_valid(data)"), 0);
    t.now_ms += 11 * MINUTE_MS; /* something new */
    refuse(&t, 1);
    keep(&t);
    CU_ASSERT_EQUAL(of(&t, "times", 1), 1);
    CU_ASSERT_EQUAL(dm_fixture_int(t.lab, "SELECT count(*) FROM session"), 2);
    keep(&t);
    CU_ASSERT_EQUAL(dm_fixture_int(t.lab, "SELECT count(*) FROM session"), 2);
    end(&t);
}

static void only_wrong_proof_of_a_known_device_is_kept(void)
{
    struct refusals_table t;
    begin(&t, 1);
    from(&t, REFUSAL_NOTHING, 1, "192.0.2.1");
    from(&t, REFUSAL_TOKEN, 1, "192.0.2.1");
    from(&t, REFUSAL_SESSION, 1, "192.0.2.1");
    refuse(&t, 0);
    keep(&t);
    CU_ASSERT_EQUAL(dm_fixture_int(t.lab, "SELECT count(*) FROM refusal"), 0);
    CU_ASSERT_EQUAL(dm_fixture_int(t.lab, "SELECT count(*) FROM session"), 0);
    from(&t, REFUSAL_CERTIFICATE, 1, "192.0.2.1");
    keep(&t);
    CU_ASSERT_EQUAL(of(&t, "times", 1), 1);
    end(&t);
}

static void a_challenge_before_the_proof_is_no_refusal(void)
{
    struct refusals_table t;
    begin(&t, 1);
    refuse(&t, 1);
    refusals_forget(t.r, 1, STR("192.0.2.1"));
    keep(&t);
    CU_ASSERT_EQUAL(dm_fixture_int(t.lab, "SELECT count(*) FROM refusal"), 0);
    refuse(&t, 1);
    refusals_forget(t.r, 1, STR("198.51.100.7")); /* the device itself, elsewhere */
    keep(&t);
    CU_ASSERT_EQUAL(of(&t, "times", 1), 1);
    end(&t);
}

static void more_devices_than_notes_are_counted_and_cost_nobody_his_note(void)
{
    struct refusals_table t;
    begin(&t, DEVICES);
    for (unsigned d = 1; d <= DEVICES; d++) refuse(&t, d);
    keep(&t);
    CU_ASSERT_EQUAL(dm_fixture_int(t.lab, "SELECT count(*) FROM refusal"), NOTES);
    CU_ASSERT_EQUAL(dm_fixture_int(t.lab, "SELECT count(*) FROM refusal WHERE times = 1"), NOTES);
    CU_ASSERT(metric(&t, "dmvisor_dm_unproven_total{what=\"credentials\"} 70\n"));
    for (unsigned d = NOTES + 1; d <= DEVICES; d++) refuse(&t, d); /* there is room again */
    keep(&t);
    CU_ASSERT_EQUAL(dm_fixture_int(t.lab, "SELECT count(*) FROM refusal"), DEVICES);
    end(&t);
}

static void a_device_that_was_deleted_meanwhile_is_no_error(void)
{
    struct refusals_table t;
    begin(&t, 2);
    refuse(&t, 1);
    refuse(&t, 2);
    dm_fixture_sql(t.lab, "DELETE FROM device WHERE device_id = 1");
    keep(&t);
    CU_ASSERT_EQUAL(dm_fixture_int(t.lab, "SELECT count(*) FROM refusal"), 1);
    CU_ASSERT_EQUAL(of(&t, "times", 2), 1);
    end(&t);
}

static void two_holders_are_told_of_from_the_third_time_on(void)
{
    struct refusals_table t;
    struct session s = { .authority = 1, .device = 1, .name = STR_INIT("IMEI:1"), .remote = "192.0.2.1" };
    begin(&t, 1);
    for (s.contested = 1; s.contested < 3; s.contested++)
        refusals_contest(t.r, &t.lab->srv, &s, STR("198.51.100.7"), t.now_ms);
    keep(&t);
    CU_ASSERT_EQUAL(dm_fixture_int(t.lab, "SELECT count(*) FROM contest"), 0);
    s.contested_ms = t.now_ms - 5000;
    refusals_contest(t.r, &t.lab->srv, &s, STR("198.51.100.7"), t.now_ms);
    log_set_level(LOG_ERROR);
    keep(&t);
    CU_ASSERT_EQUAL(dm_fixture_int(t.lab, "SELECT times FROM contest"), 3);
    CU_ASSERT_EQUAL(dm_fixture_int(t.lab, "SELECT at_ms - since_ms FROM contest"), 5000);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(t.lab, "SELECT remote || ' ' || other FROM contest"),
                           "198.51.100.7 192.0.2.1");
    CU_ASSERT_EQUAL(
        dm_fixture_int(t.lab, "SELECT count(*) FROM event WHERE json_extract(data, '$.state') = 'contested'"), 1);
    CU_ASSERT(metric(&t, "dmvisor_dm_contests_total 3\n"));
    end(&t);
}

/* A flood costs no flood of lines, and none of it is left out without a word. */
static void lines_are_bounded_and_the_rest_is_counted(void)
{
    struct refusals_table t;
    enum { TIMES = 5000 };
    begin(&t, 1);
    FILE *f = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    log_open(LOG_INFO, LOG_LOGFMT, fileno(f));
    for (int i = 0; i < TIMES / 2; i++) {
        refuse(&t, 1);
        refusals_no_request(&t.lab->srv, STR("192.0.2.1"), NULL);
    }
    log_flush(true);
    log_open(LOG_ERROR, LOG_LOGFMT, STDERR_FILENO);
    long told = 0, lines = 0;
    char line[1024];
    rewind(f);
    while (fgets(line, sizeof line, f)) {
        const char *left = strstr(line, " lines="), *before = strstr(line, " suppressed=");
        lines++;
        told += left ? strtol(left + 7, NULL, 10) : before ? 1 + strtol(before + 12, NULL, 10) : 1;
    }
    fclose(f);
    CU_ASSERT_EQUAL(told, TIMES);
    CU_ASSERT(lines < 1000);
    end(&t);
}

TEST_MAIN("refusals", TEST(every_kind_is_counted_as_its_own), TEST(guesses_wait_by_address_and_by_device),
          TEST(to_ask_for_a_challenge_has_a_rate_of_its_own), TEST(a_device_s_refusals_are_one_row_and_one_session),
          TEST(only_wrong_proof_of_a_known_device_is_kept), TEST(a_challenge_before_the_proof_is_no_refusal),
          TEST(more_devices_than_notes_are_counted_and_cost_nobody_his_note),
          TEST(a_device_that_was_deleted_meanwhile_is_no_error), TEST(two_holders_are_told_of_from_the_third_time_on),
          TEST(lines_are_bounded_and_the_rest_is_counted))
