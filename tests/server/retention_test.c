/* SPDX-License-Identifier: Apache-2.0 */
/* What is over is forgotten after its time; what is not, and what policies still need, stays. */
#include "server/core/health.h"
#include "server/jobs/retention.h"
#include "tests/lib/test.h"
#include "tests/server/dm_fixture.h"

#include <stdio.h>

enum { DAY = 86400000 };

static void operation(struct dm_fixture *l, const char *kind, int by_policy, int scope, const char *owner,
                      const char *state, int days_ago)
{
    char text[600];
    snprintf(
        text, sizeof text,
        "INSERT INTO operation (device_id, kind, by_policy, scope, owner, correlator, state, created_by, created_ms,"
        " updated_ms) VALUES (1, '%s', %d, %d, '%s', 'r-' || (SELECT count(*) FROM operation), '%s', 'test', 1, %lld);"
        "INSERT INTO operation_step VALUES ((SELECT max(operation_id) FROM operation), 1, 1, 'queued', 0, '');"
        "INSERT INTO operation_item (operation_id, seq, command) VALUES ((SELECT max(operation_id) FROM operation), 1, 'get')",
        kind, by_policy, scope, owner, state, (long long)l->world.now_ms - (long long)days_ago * DAY);
    dm_fixture_sql(l, text);
}

static void operations_that_are_over_are_forgotten(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
    struct sql *db = NULL;
    struct err e = { 0 };
    operation(l, "tree", 0, 0, "", "verified", 100);
    operation(l, "tree", 0, 0, "", "failed", 91);
    operation(l, "start", 1, 1, "corp", "verified", 100);
    operation(l, "lock", 0, 1, "corp", "verified", 100); /* older than the one below */
    operation(l, "lock", 0, 1, "corp", "cancelled", 100);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM operation"), 5);
    operation(l, "tree", 0, 0, "", "queued", 100);
    operation(l, "tree", 0, 0, "", "verified", 89);
    operation(l, "lock", 0, 1, "corp", "verified", 99);   /* a person's last word about the VM */
    operation(l, "lock", 0, 1, "other", "verified", 100); /* so is this */
    l->config.keep_operations_ms = 90LL * DAY;
    CU_ASSERT_EQUAL_FATAL(retention_open(&l->config, NULL, &db, &e), RC_OK);
    CU_ASSERT_EQUAL(retention_sweep(db, &l->config, l->world.now_ms, &e), RC_OK);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM operation"), 4);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM operation WHERE operation_id > 5"), 4);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM operation_step"), 4);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM operation_item"), 4);
    sql_close(db);
    fixture_device_end(p);
    dm_fixture_end(l);
}

static int64_t ahead(struct sql *db, int64_t now_ms, int64_t ran_ms, int64_t *time_ms)
{
    struct err e = { 0 };
    int64_t out = -1;
    CU_ASSERT_EQUAL(retention_time(db, now_ms, ran_ms, time_ms, &out, &e), RC_OK);
    return out;
}

static void a_leap_of_the_clock_is_believed_after_a_day(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
    struct sql *db = NULL;
    struct err e = { 0 };
    int64_t now = l->world.now_ms, t = 0;
    fixture_device_call(p, 1201, "A1");
    CU_ASSERT_EQUAL_FATAL(retention_open(&l->config, NULL, &db, &e), RC_OK);
    CU_ASSERT_EQUAL(ahead(db, now + DAY, 0, &t), 0); /* off for a day */
    CU_ASSERT_EQUAL(t, now + DAY);
    now += DAY;
    CU_ASSERT_EQUAL(ahead(db, now + 400LL * DAY, 0, &t), 400LL * DAY);
    CU_ASSERT_EQUAL(t, now);
    for (int hour = 1; hour < 24; hour++) { /* restarts do not begin anew */
        CU_ASSERT_EQUAL(ahead(db, now + 400LL * DAY + hour * 3600000LL, 3600000, &t), 400LL * DAY);
        CU_ASSERT_EQUAL(ahead(db, now + 400LL * DAY + hour * 3600000LL, 0, &t), 400LL * DAY);
        CU_ASSERT_EQUAL(t, now + hour * 3600000LL);
    }
    CU_ASSERT_EQUAL(ahead(db, now + 401LL * DAY, 3600000, &t), 0);
    CU_ASSERT_EQUAL(t, now + 401LL * DAY);
    CU_ASSERT_EQUAL(ahead(db, now + 400LL * DAY, 0, &t), 0); /* set back a little */
    CU_ASSERT_EQUAL(t, now + 400LL * DAY);
    CU_ASSERT_EQUAL(ahead(db, now, 3600000, &t),
                    -400LL * DAY - 3600000); /* and far: what has ended does not come back */
    CU_ASSERT_EQUAL(t, now + 400LL * DAY + 3600000);
    CU_ASSERT_EQUAL(ahead(db, now, 23 * 3600000, &t), 0);
    CU_ASSERT_EQUAL(t, now);
    CU_ASSERT_EQUAL(ahead(db, now + 3LL * DAY, 0, &t), 3LL * DAY);
    CU_ASSERT_EQUAL(retention_trust(db, now + 3LL * DAY, &e), RC_OK);
    CU_ASSERT_EQUAL(ahead(db, now + 3LL * DAY, 0, &t), 0);
    /* While it runs: an hour passes for the machine, and a year for the clock. */
    CU_ASSERT_EQUAL(ahead(db, now + 368LL * DAY, 3600000, &t), 365LL * DAY - 3600000);
    sql_close(db);
    fixture_device_end(p);
    dm_fixture_end(l);
}

/* Each start a little less than two days on, or back: not for ever. */
static void small_leaps_are_believed_up_to_a_sum(void)
{
    enum { STEP = 40 * 3600000, HOUR = 3600000, MINUTE = 60000 };
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
    struct sql *db = NULL;
    struct err e = { 0 };
    const int64_t began = l->world.now_ms;
    int64_t now = began, t = 0;
    fixture_device_call(p, 1201, "A1");
    CU_ASSERT_EQUAL_FATAL(retention_open(&l->config, NULL, &db, &e), RC_OK);
    ahead(db, now, 0, &t);
    for (int start = 0; start < 100; start++) {
        now += STEP;
        ahead(db, now, 0, &t);
        now += MINUTE;
        ahead(db, now, MINUTE, &t);
    }
    CU_ASSERT(t - began <= CLOCK_LEAPS_MS + 1000LL * MINUTE);
    CU_ASSERT_EQUAL(retention_trust(db, now, &e), RC_OK);
    for (int start = 0; start < 100; start++) {
        now -= STEP;
        ahead(db, now, 0, &t);
    }
    CU_ASSERT(began + 100LL * STEP - t <= CLOCK_LEAPS_MS);
    CU_ASSERT_EQUAL(retention_trust(db, now, &e), RC_OK);
    for (int day = 0; day < 300; day++) { /* a machine of office hours */
        CU_ASSERT_EQUAL(ahead(db, now += 16 * HOUR, 0, &t), 0);
        for (int hour = 0; hour < 8; hour++) CU_ASSERT_EQUAL(ahead(db, now += HOUR, HOUR, &t), 0);
    }
    sql_close(db);
    fixture_device_end(p);
    dm_fixture_end(l);
}

TEST_MAIN("server.retention", TEST(operations_that_are_over_are_forgotten),
          TEST(a_leap_of_the_clock_is_believed_after_a_day), TEST(small_leaps_are_believed_up_to_a_sum))
