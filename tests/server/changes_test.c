/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "server/store/generation.h"
#include "server/store/replan.h"
#include "tests/server/dm_fixture.h"
#include <string.h>

static void device(struct dm_fixture *l, const char *name, const char *channel, const char *department)
{
    char text[512];
    snprintf(
        text, sizeof text,
        "INSERT INTO device (authority_id, name, created_ms, push_channel, push_address) VALUES (1, '%s', 1, '%s', 'x');"
        " INSERT INTO attribute_row (device_id, name, value) SELECT device_id, 'label.department', '%s' FROM device WHERE name = '%s'",
        name, channel, department, name);
    dm_fixture_sql(l, text);
}

static int64_t policy(struct dm_fixture *l, struct arena *a, const char *selector, int64_t revision, int64_t *unknown)
{
    struct pol_selector *s = NULL;
    struct pol_sql where;
    struct err e = { 0 };
    int64_t affected = -1;
    CU_ASSERT_EQUAL_FATAL(pol_selector_parse(str_of(selector), a, &s, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(pol_selector_sql(s, a, &where, &e), RC_OK);
    dm_fixture_sql(
        l,
        "INSERT INTO policy (policy_id, authority_id, name, revision, created_ms) VALUES (1, 1, 'p', 1, 1) ON CONFLICT DO NOTHING");
    CU_ASSERT_EQUAL(sql_begin(l->db, true, NULL), RC_OK);
    CU_ASSERT_EQUAL(generation_reach(l->db, 1, &where, &affected, unknown, &e), RC_OK);
    CU_ASSERT_EQUAL(generation_policy(l->db, 1, 1, revision, &where, STR("policy p"), 1000, &e), RC_OK);
    if (e.rc) printf("%s\n", e.text);
    CU_ASSERT_EQUAL(sql_commit(l->db, NULL), RC_OK);
    return affected;
}

static void a_policy_calls_whom_it_concerns(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct arena a;
    int64_t unknown = -1;
    arena_init(&a, 1 << 20);
    device(l, "A", "udp", "sales");
    device(l, "B", "udp", "field");
    device(l, "C", "none", "sales");
    CU_ASSERT_EQUAL(policy(l, &a, "label.department == \"sales\"", 1, &unknown), 2);
    CU_ASSERT_EQUAL(unknown, 0);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM device WHERE generation = 2"), 2);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT generation FROM device WHERE name = 'B'"), 1);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM notification"), 1); /* C cannot be called */
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT why FROM notification"), "policy p");
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT next_notification_no FROM device WHERE name = 'A'"), 2);
    /* What is not known yet concerns all of them. */
    CU_ASSERT_EQUAL(policy(l, &a, "hypervisor.arch == \"aarch64\"", 2, &unknown), 0);
    CU_ASSERT_EQUAL(unknown, 3);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM device WHERE generation = 3"), 3);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM notification"), 2); /* A is being called already */
    arena_finish(&a);
    dm_fixture_end(l);
}

static void facts_of_the_mirror_are_attributes(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct arena a;
    int64_t unknown = -1;
    arena_init(&a, 1 << 20);
    device(l, "A", "none", "sales");
    dm_fixture_sql(l, "INSERT INTO node (device_id, path_id, format, known, value, at_ms)"
                      " SELECT 1, path_id, 0, 0, 'aarch64', 1 FROM fact WHERE name = 'hypervisor.arch'");
    CU_ASSERT_EQUAL(policy(l, &a, "hypervisor.arch == \"aarch64\" and label.department == \"sales\"", 1, &unknown), 1);
    CU_ASSERT_EQUAL(policy(l, &a, "hypervisor.arch == \"x86_64\"", 1, &unknown), 0);
    CU_ASSERT_EQUAL(unknown, 0);
    /* Both kinds are read by one name, labels are written by it. */
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM attribute WHERE device_id = 1"), 2);
    dm_fixture_sql(l, "UPDATE attribute_row SET value = 'field' WHERE device_id = 1 AND name = 'label.department'");
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT value FROM attribute WHERE name = 'label.department'"), "field");
    dm_fixture_sql(l, "DELETE FROM attribute_row WHERE name = 'label.department'");
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM attribute"), 1);
    dm_fixture_sql(l, "DELETE FROM device");
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM node"), 0);
    arena_finish(&a);
    dm_fixture_end(l);
}

static void who_had_the_policy_hears_of_its_end(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct arena a;
    int64_t unknown = -1;
    arena_init(&a, 1 << 20);
    device(l, "A", "udp", "sales");
    policy(l, &a, "label.department == \"field\"", 1, &unknown);
    dm_fixture_sql(
        l,
        "INSERT INTO assignment (device_id, policy_id, revision, truth, state, at_ms) VALUES (1, 1, 1, 1, 'settled', 1)");
    CU_ASSERT_EQUAL(policy(l, &a, "label.department == \"field\"", 2, &unknown), 0);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT generation FROM device"), 3);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM assignment"), "pending");
    CU_ASSERT_EQUAL(generation_policy(l->db, 1, 1, 0, NULL, STR("policy p was deleted"), 1000, NULL), RC_OK);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT generation FROM device"), 4);
    arena_finish(&a);
    dm_fixture_end(l);
}

/* A fleet is not stamped in one transaction: the first slice at once, the rest from a row that a restart does not lose. */
static void a_policy_reaches_a_fleet_in_slices(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    bool more = true;
    int slices = 0;
    dm_fixture_sql(l, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1234)"
                      " INSERT INTO device (authority_id, name, created_ms) SELECT 1, 'D' || i, 1 FROM n");
    dm_fixture_policy(l, "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p}\nspec:\n  selector: 'true'\n"
                         "  vm: {id: corp, state: running}\n");
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM assignment"), REPLAN_DEVICES);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM device WHERE generation = 2"), REPLAN_DEVICES);
    for (; more && slices < 10; slices++) CU_ASSERT_EQUAL_FATAL(replan_slice(l->db, &l->srv, 1000, &more, NULL), RC_OK);
    CU_ASSERT_EQUAL(slices, 3);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM assignment WHERE revision = 1 AND state = 'pending'"),
                    1234);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM device WHERE generation = 2"), 1234);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM replan"), 0);
    /* One that was changed again meanwhile leaves the rest to the later change. */
    for (int i = 0; i < 2; i++)
        dm_fixture_policy(l, "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p}\nspec:\n  selector: 'true'\n"
                             "  vm: {id: corp, state: stopped}\n");
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM replan"), 2);
    CU_ASSERT_EQUAL(replan_slice(l->db, &l->srv, 1000, &more, NULL), RC_OK);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM replan"), 1);
    for (more = true; more;) CU_ASSERT_EQUAL_FATAL(replan_slice(l->db, &l->srv, 1000, &more, NULL), RC_OK);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM assignment WHERE revision = 3"), 1234);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM device WHERE generation = 4"), 1234);
    dm_fixture_end(l);
}

static void several_changes_cause_one_call(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct err e = { 0 };
    device(l, "A", "udp", "x");
    dm_fixture_sql(l, "UPDATE device SET next_notification_no = 65535");
    CU_ASSERT_EQUAL(generation_touch_device(l->db, 1, 5, STR("one"), 1000, &e), RC_OK);
    CU_ASSERT_EQUAL(generation_touch_device(l->db, 1, 6, STR("two"), 1001, &e), RC_OK);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM notification"), 1);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT session_no FROM notification"), 65535);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT next_notification_no FROM device"), 1); /* 0 is no session */
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT generation FROM device"), 6);
    CU_ASSERT_EQUAL(generation_touch_device(l->db, 1, 3, STR("late"), 1001, &e), RC_OK);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT generation FROM device"), 6); /* never backwards */
    dm_fixture_sql(l, "UPDATE notification SET state = 'answered'");
    CU_ASSERT_EQUAL(generation_touch_device(l->db, 1, 7, STR("three"), 1002, &e), RC_OK);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM notification"), 2);
    CU_ASSERT_EQUAL(generation_touch_device(l->db, 99, 7, STR("x"), 1, &e), RC_NOT_FOUND);
    dm_fixture_end(l);
}

static void labels_matter_only_where_there_are_policies(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct arena a;
    int64_t unknown;
    arena_init(&a, 1 << 20);
    device(l, "A", "udp", "x");
    CU_ASSERT_EQUAL(generation_attributes(l->db, 1, STR("labels"), 1, NULL), RC_OK);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT generation FROM device"), 1);
    policy(l, &a, "label.department == \"sales\"", 1, &unknown);
    CU_ASSERT_EQUAL(generation_attributes(l->db, 1, STR("labels"), 1, NULL), RC_OK);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT generation FROM device"), 3);
    CU_ASSERT_EQUAL(generation_attributes(l->db, 9, STR("labels"), 1, NULL), RC_NOT_FOUND);
    arena_finish(&a);
    dm_fixture_end(l);
}

TEST_MAIN("server.changes", TEST(a_policy_calls_whom_it_concerns), TEST(facts_of_the_mirror_are_attributes),
          TEST(who_had_the_policy_hears_of_its_end), TEST(a_policy_reaches_a_fleet_in_slices),
          TEST(several_changes_cause_one_call), TEST(labels_matter_only_where_there_are_policies))
