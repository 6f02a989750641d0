/* SPDX-License-Identifier: Apache-2.0 */
/* What failed stands for as long as what is wished for that VM, and says why in the device's own words. */
#include "tests/lib/test.h"
#include "tests/server/dm_fixture.h"
#include <stdio.h>
#include <string.h>

static const char policy[] =
    "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p-%s, authority: acme-it}\n"
    "spec:\n  selector: 'device.id != \"\"'\n  vm:\n    id: %s\n    guestType: linux\n    image: base:1.0\n    state: %s\n"
    "    resources:\n      cpu: {vcpus: %s}\n      memory: {min: 64Mi, max: 128Mi}\n";

static void apply(struct dm_fixture *l, const char *vm, const char *state, const char *vcpus)
{
    char text[1024];
    snprintf(text, sizeof text, policy, vm, vm, state, vcpus);
    dm_fixture_policy(l, text);
}

static void call(struct fixture_device *p)
{
    for (int i = 0; i < 3; i++) {
        CU_ASSERT(fixture_device_call(p, 1201, "1"));
        fixture_device_tick(p);
    }
}

static int64_t starts(struct dm_fixture *l)
{
    return dm_fixture_int(l,
                          "SELECT count(*) FROM operation WHERE kind = 'start' AND by_policy = 1 AND owner = 'corp'");
}

static void look(struct dm_fixture *l)
{
    dm_fixture_sql(
        l,
        "INSERT INTO operation (device_id, kind, by_policy, scope, tree_command, tree_uri, correlator, state,"
        " created_by, created_ms, updated_ms) SELECT 1, 'tree', 0, 0, 'get', './Virtualization/Hypervisor/Arch', 't-' || count(*),"
        " 'queued', 'test', max(created_ms), max(created_ms) FROM operation;"
        " UPDATE authority SET stamp = stamp + 1; UPDATE device SET generation = (SELECT stamp FROM authority)");
}

/* A VM whose start has failed once. */
static struct fixture_device *failing(struct dm_fixture **l)
{
    *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(*l, "IMEI:001");
    dm_fixture_image(*l, "base", "1.0");
    apply(*l, "corp", "stopped", "2");
    CU_ASSERT_FATAL(fixture_device_settle(p, 20) < 20);
    dm_fixture_wait(*l, 60000);
    p->sim->fail_percent = 100;
    sim_set(p->sim, DDF_VM, "progress.text", STR("corp"), "emulator: unrecognised argument: -netdev (exit status 35)");
    apply(*l, "corp", "running", "2");
    call(p);
    CU_ASSERT_EQUAL(starts(*l), 1);
    CU_ASSERT_EQUAL(dm_fixture_int(*l, "SELECT tries FROM failure WHERE key LIKE 'exec%Start'"), 1);
    return p;
}

static void end(struct fixture_device *p, struct dm_fixture *l)
{
    CU_ASSERT_EQUAL(p->sim->twice, 0);
    fixture_device_end(p);
    dm_fixture_end(l);
}

static void reading_a_value_starts_nothing(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = failing(&l);
    for (int i = 0; i < 6; i++) {
        look(l);
        call(p);
    }
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM operation WHERE kind = 'tree' AND state = 'verified'"), 6);
    CU_ASSERT_EQUAL(starts(l), 1);
    dm_fixture_wait(l, 31000); /* the second try; the pause grows */
    call(p);
    CU_ASSERT_EQUAL(starts(l), 2);
    dm_fixture_wait(l, 60000);
    look(l);
    call(p);
    CU_ASSERT_EQUAL(starts(l), 2);
    dm_fixture_wait(l, 120000); /* the last one: from now on it is set aside */
    call(p);
    for (int i = 0; i < 3; i++) {
        dm_fixture_wait(l, 600000);
        look(l);
        call(p);
    }
    CU_ASSERT_EQUAL(starts(l), 3);
    end(p, l);
}

static void another_vms_policy_starts_nothing(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = failing(&l);
    dm_fixture_wait(l, 1000);
    apply(l, "other", "stopped", "1");
    call(p);
    dm_fixture_operation(l, "IMEI:001", "other", "provision", "");
    call(p);
    CU_ASSERT_EQUAL(starts(l), 1);
    end(p, l);
}

static void its_own_wish_or_a_persons_start_begins_anew(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = failing(&l);
    dm_fixture_wait(l, 1000);
    apply(l, "corp", "running", "1");
    call(p);
    CU_ASSERT_EQUAL(starts(l), 2);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT tries FROM failure WHERE key LIKE 'exec%Start'"), 1);
    dm_fixture_wait(l, 1000);
    dm_fixture_operation(l, "IMEI:001", "corp", "start", "");
    call(p);
    CU_ASSERT_EQUAL(starts(l), 3);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT tries FROM failure WHERE key LIKE 'exec%Start'"), 1);
    end(p, l);
}

/* A start of before, for a wish of before. */
static void what_was_begun_for_another_wish_is_no_failure_of_this_one(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = failing(&l);
    p->sim->ticks = 4;
    dm_fixture_wait(l, 31000);
    CU_ASSERT(fixture_device_call(p, 1201, "1"));
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM operation WHERE kind = 'start' AND state = 'accepted'"), 1);
    dm_fixture_wait(l, 1000);
    apply(l, "corp", "running", "1");
    CU_ASSERT(fixture_device_call(p, 1201, "1"));
    p->sim->ticks = 1;
    for (int i = 0; i < 6; i++) fixture_device_tick(p);
    CU_ASSERT(fixture_device_call(p, 1201, "1"));
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM failure WHERE tries > 1"), 0);
    end(p, l);
}

static void a_failed_start_says_why_in_the_devices_words(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = failing(&l);
    const char *const everywhere[] = {
        "SELECT reason FROM operation WHERE kind = 'start'",
        "SELECT reason FROM operation_step WHERE state = 'failed'",
        "SELECT summary_why FROM vm WHERE vm = 'corp'",
        "SELECT data FROM event WHERE type = 'operation' ORDER BY event_id DESC LIMIT 1",
    };
    for (size_t i = 0; i < sizeof everywhere / sizeof everywhere[0]; i++) {
        const char *text = dm_fixture_text(l, everywhere[i]);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, "1428 "));
        CU_ASSERT_PTR_NOT_NULL(strstr(text, "unrecognised argument: -netdev (exit status 35)"));
        if (!strstr(text, "-netdev")) printf("%s: %s\n", everywhere[i], text);
    }
    end(p, l);
}

TEST_MAIN("server.failures", TEST(reading_a_value_starts_nothing), TEST(another_vms_policy_starts_nothing),
          TEST(its_own_wish_or_a_persons_start_begins_anew),
          TEST(what_was_begun_for_another_wish_is_no_failure_of_this_one),
          TEST(a_failed_start_says_why_in_the_devices_words))
