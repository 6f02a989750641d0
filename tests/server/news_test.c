/* SPDX-License-Identifier: Apache-2.0 */
/* What devices tell, and what the server makes of it. */
#include "tests/lib/test.h"
#include "tests/server/dm_fixture.h"
#include <stdio.h>
#include <string.h>

static const char policy[] =
    "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: workspace, authority: acme-it}\n"
    "spec:\n  selector: 'device.id != \"\"'\n  vm:\n    id: corp\n    guestType: linux\n    image: base:1.0\n   "
    " state: running\n"
    "    resources:\n      cpu: {vcpus: %s}\n      memory: {min: 64Mi, max: 128Mi}\n";

static void apply(struct dm_fixture *l, const char *vcpus)
{
    char text[1024];
    snprintf(text, sizeof text, policy, vcpus);
    dm_fixture_policy(l, text);
}

static struct fixture_device *running(struct dm_fixture **l)
{
    *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(*l, "IMEI:001");
    dm_fixture_image(*l, "base", "1.0");
    apply(*l, "2");
    CU_ASSERT_FATAL(fixture_device_settle(p, 20) < 20);
    return p;
}

static void end(struct fixture_device *p, struct dm_fixture *l)
{
    CU_ASSERT_EQUAL(p->sim->twice, 0);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM event WHERE NOT json_valid(data)"), 0);
    fixture_device_end(p);
    dm_fixture_end(l);
}

static void alert(struct fixture_device *p, const char *name, const char *uri, const char *data)
{
    char type[128];
    snprintf(type, sizeof type, "%.*s", STR_ARG(ddf_layout_alert_type(p->sim->l, str_of(name))));
    fixture_device_alert(p, uri, type, data, "");
}

static void a_new_revision_changes_what_runs(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = running(&l);
    dm_fixture_wait(l, 60000);
    apply(l, "4");
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM assignment"), "pending");
    CU_ASSERT(fixture_device_settle(p, 20) < 20);
    CU_ASSERT(str_is(sim_value(p->sim, DDF_VM, "resources.cpu.vcpus", STR("corp")), "4"));
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT revision FROM assignment"), 2);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM assignment"), "settled");
    end(p, l);
}

static void kpis_are_read_when_they_are_due_and_kept_as_samples(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = running(&l);
    int64_t before = dm_fixture_int(l, "SELECT count(*) FROM sample WHERE vm = 'corp'");
    CU_ASSERT(fixture_device_call(p, 1201, "D1"));
    CU_ASSERT_EQUAL(p->posts, 1); /* not due */
    dm_fixture_wait(l, 3700000);
    sim_set(p->sim, DDF_VM, "kpi.cpu.usagePct", STR("corp"), "17");
    sim_set(p->sim, DDF_VM, "kpi.sampleTime", STR("corp"), "20300101T010100Z");
    CU_ASSERT(fixture_device_call(p, 1201, "D2"));
    CU_ASSERT_EQUAL(p->posts, 2);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM sample WHERE vm = 'corp'"), before + 1);
    CU_ASSERT_EQUAL(
        dm_fixture_int(l, "SELECT data ->> '$.\"kpi.cpu.usagePct\"' FROM sample ORDER BY at_ms DESC LIMIT 1"), 17);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT max(at_ms) FROM sample"), 1893459660000);
    CU_ASSERT_EQUAL(
        dm_fixture_int(l, "SELECT count(*) FROM node JOIN path USING (path_id) WHERE uri LIKE '%/KPI/%/UsagePct'"), 0);
    CU_ASSERT_STRING_EQUAL(
        dm_fixture_text(l, "SELECT data ->> '$.vm' FROM event WHERE type = 'kpi' ORDER BY event_id DESC LIMIT 1"),
        "corp");
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT summary FROM device"), "settled");
    CU_ASSERT(fixture_device_call(p, 1201, "D3"));
    CU_ASSERT_EQUAL(p->posts, 1);
    end(p, l);
}

static void a_sample_from_the_future_is_taken_at_its_coming(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = running(&l);
    dm_fixture_wait(l, 3700000);
    sim_set(p->sim, DDF_VM, "kpi.sampleTime", STR("corp"), "20990101T000000Z");
    CU_ASSERT(fixture_device_call(p, 1201, "D2"));
    CU_ASSERT(dm_fixture_int(l, "SELECT max(at_ms) FROM sample") <= l->world.now_ms);
    end(p, l);
}

static void a_crash_is_told_and_looked_into(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = running(&l);
    sim_set(p->sim, DDF_VM, "state", STR("corp"), "110");
    sim_set(p->sim, DDF_VM, "stateReason", STR("corp"), "3");
    alert(p, "crash", "./Virtualization/VM/corp/Crash", "reason=1;count=1;action=0;dump=");
    fixture_device_call(p, 1201, "E1");
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM event WHERE type = 'vm' AND data ->> '$.alert' = 'crash'"),
                    1);
    CU_ASSERT(dm_fixture_int(l, "SELECT count(*) FROM event WHERE type = 'vm' AND data ->> '$.object.state' = 110") >
              0);
    CU_ASSERT(fixture_device_settle(p, 20) < 20); /* and the policy starts it again */
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT state FROM vm"), 50);
    end(p, l);
}

static void progress_is_followed(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = running(&l);
    p->sim->ticks = 3;
    dm_fixture_operation(l, "IMEI:001", "corp", "lock", "");
    fixture_device_call(p, 1201, "F1");
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM operation WHERE kind = 'lock'"), "accepted");
    alert(p, "progress", "./Virtualization/VM/corp/Progress", "op=Lock;phase=5;pct=42;done=1;total=2;eta=3");
    fixture_device_call(p, 1201, "F2");
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT percent FROM operation WHERE kind = 'lock'"), 42);
    CU_ASSERT_EQUAL(
        dm_fixture_int(l, "SELECT count(*) FROM event WHERE type = 'operation' AND data ->> '$.percent' = 42"), 1);
    CU_ASSERT(fixture_device_settle(p, 20) < 20);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM operation WHERE kind = 'lock'"), "verified");
    end(p, l);
}

static void vms_of_others_come_and_go(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = running(&l);
    sim_make_vm(p->sim, "svc", 30);
    alert(p, "vm_attached", "./Virtualization/VM/svc", "svc");
    CU_ASSERT(fixture_device_call(p, 1201, "1A"));
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT state FROM vm WHERE vm = 'svc'"), 30);
    sim_remove(p->sim, STR("./Virtualization/VM/svc"));
    alert(p, "vm_detached", "./Virtualization/VM/svc", "svc");
    CU_ASSERT(fixture_device_call(p, 1201, "1B"));
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM vm WHERE vm = 'svc'"), 0);
    CU_ASSERT_EQUAL(
        dm_fixture_int(l,
                       "SELECT count(*) FROM node JOIN path USING (path_id) WHERE uri LIKE './Virtualization/VM/svc%'"),
        0);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM event WHERE type = 'vm' AND data ->> '$.gone' = 1"), 1);
    end(p, l);
}

static void alerts_nobody_knows_are_passed_on(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = running(&l);
    fixture_device_alert(p, "./Other", "org.example.thing", "a \"quoted\" word", "");
    CU_ASSERT(fixture_device_call(p, 1201, "1A"));
    CU_ASSERT_STRING_EQUAL(
        dm_fixture_text(
            l,
            "SELECT data ->> '$.data' FROM event WHERE type = 'device' AND data ->> '$.alert' = 'org.example.thing'"),
        "a \"quoted\" word");
    CU_ASSERT_FALSE(p->alert[0].used); /* acknowledged */
    end(p, l);
}

static int64_t tree(struct dm_fixture *l, const char *command, const char *uri, const char *format, const char *data)
{
    char text[1024];
    snprintf(text, sizeof text,
             "INSERT INTO operation (device_id, kind, by_policy, scope, tree_command, tree_uri, tree_format, tree_data,"
             " correlator, state, created_by, created_ms, updated_ms) VALUES (1, 'tree', 0, 0, '%s', '%s', %s%s%s, "
             "%s%s%s, 't-' ||"
             " (SELECT count(*) FROM operation), 'queued', 'test', 1, 1); UPDATE authority SET stamp = stamp + 1;"
             " UPDATE device SET generation = (SELECT stamp FROM authority)",
             command, uri, format ? "'" : "", format ? format : "NULL", format ? "'" : "", data ? "'" : "",
             data ? data : "NULL", data ? "'" : "");
    dm_fixture_sql(l, text);
    return dm_fixture_int(l, "SELECT max(operation_id) FROM operation");
}

static void any_node_can_be_read_and_written(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = running(&l);
    tree(l, "get", "./Virtualization/Hypervisor/Arch", NULL, NULL);
    CU_ASSERT(fixture_device_settle(p, 5) < 5);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT tree_result ->> '$[0].value' FROM operation WHERE kind = 'tree'"),
                           "aarch64");
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM operation WHERE kind = 'tree'"), "verified");
    tree(l, "replace", "./Virtualization/Config/ProgressMinS", "int", "33");
    CU_ASSERT(fixture_device_settle(p, 5) < 5);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM operation ORDER BY operation_id DESC LIMIT 1"),
                           "verified");
    CU_ASSERT(str_is(sim_value(p->sim, DDF_DEVICE, "config.progressGap", (struct str){ 0 }), "33"));
    tree(l, "get", "./Virtualization/VM/nosuch", NULL, NULL);
    CU_ASSERT(fixture_device_settle(p, 5) < 5);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT state FROM operation ORDER BY operation_id DESC LIMIT 1"),
                           "failed");
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT code FROM operation ORDER BY operation_id DESC LIMIT 1"), 404);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM failure WHERE key LIKE '%nosuch%'"),
                    0); /* a person's mistake is no failure of the plan */
    end(p, l);
}

static void a_device_without_lists_or_atomics_gets_there_too(void)
{
    for (int i = 0; i < 4; i++) {
        struct dm_fixture *l = dm_fixture_begin();
        struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
        p->sim->no_list = i & 1;
        p->sim->no_atomic = i & 2;
        dm_fixture_image(l, "base", "1.0");
        apply(l, "2");
        CU_ASSERT(fixture_device_call(p, 1201, "1"));
        CU_ASSERT(p->unsupported <= 3); /* each list is asked for once */
        CU_ASSERT(fixture_device_settle(p, 30) < 30);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT state FROM vm"), 50);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT lists FROM device"),
                        p->sim->no_list ? DM_LISTS_UNSUPPORTED : DM_LISTS_WORK);
        dm_fixture_wait(l, 3700000);
        CU_ASSERT(fixture_device_call(p, 1201, "1"));
        CU_ASSERT(dm_fixture_int(l, "SELECT count(*) FROM sample WHERE vm = 'corp'") > 0);
        end(p, l);
    }
}

static void an_atomic_speaks_for_its_silent_children(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
    p->no_child_statuses = true;
    dm_fixture_image(l, "base", "1.0");
    apply(l, "2");
    CU_ASSERT(fixture_device_settle(p, 12) < 12);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT state FROM vm"), 50);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM failure WHERE key LIKE 'set%' OR key LIKE 'add%'"), 0);
    end(p, l);
}

static void a_device_that_refuses_now_and_then_gets_there_or_says_why(void)
{
    for (int i = 1; i <= 10; i++) {
        struct dm_fixture *l = dm_fixture_begin();
        struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
        p->sim->seed = (uint64_t)i;
        p->sim->refuse_percent = 15;
        dm_fixture_image(l, "base", "1.0");
        apply(l, "2");
        for (int k = 0; k < 30; k++) {
            fixture_device_call(p, 1201, "1");
            CU_ASSERT(p->posts < 60); /* no going round in circles */
            fixture_device_tick(p);
            dm_fixture_wait(l, 40000);
        }
        p->sim->refuse_percent = 0;
        apply(l, "3"); /* a new revision forgets what was set aside */
        CU_ASSERT(fixture_device_settle(p, 30) < 30);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT state FROM vm"), 50);
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM failure"), 0);
        end(p, l);
    }
}

static void a_device_that_tells_nothing_does_not_lead_us_round_in_circles(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
    p->mute = true;
    CU_ASSERT(fixture_device_call(p, 1201, "1"));
    CU_ASSERT(p->posts < 10);
    CU_ASSERT(dm_fixture_int(l, "SELECT count(*) FROM failure WHERE code = 500") > 0);
    CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT why FROM failure WHERE code = 500 LIMIT 1"),
                           "the device answers, but the command has no effect");
    end(p, l);
}

static void drift_is_seen_by_the_token_and_put_right(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = running(&l);
    sim_set(p->sim, DDF_VM, "resources.cpu.vcpus", STR("corp"), "1"); /* somebody else did that */
    CU_ASSERT(fixture_device_settle(p, 20) < 20);
    CU_ASSERT(str_is(sim_value(p->sim, DDF_VM, "resources.cpu.vcpus", STR("corp")), "2"));
    CU_ASSERT(fixture_device_call(p, 1201, "9"));
    CU_ASSERT_EQUAL(p->posts, 1);
    end(p, l);
}

static void a_deleted_policy_leaves_its_vm_and_absent_removes_it(void)
{
    struct dm_fixture *l;
    struct fixture_device *p = running(&l);
    dm_fixture_sql(l, "UPDATE policy SET deleted_ms = 1; UPDATE authority SET stamp = stamp + 1;"
                      " UPDATE device SET generation = (SELECT stamp FROM authority)");
    CU_ASSERT(fixture_device_settle(p, 20) < 20);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT state FROM vm"), 50);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM assignment"), 0);
    dm_fixture_policy(l, "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: workspace, authority: acme-it}\n"
                         "spec:\n  selector: 'device.id != \"\"'\n  vm: {id: corp, state: absent}\n");
    CU_ASSERT(fixture_device_settle(p, 20) < 20);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM vm"), 0);
    CU_ASSERT_PTR_NULL(sim_find(p->sim, STR("./Virtualization/VM/corp")));
    end(p, l);
}

static void a_selector_that_cannot_be_decided_says_what_is_missing(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
    dm_fixture_policy(l, "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: later, authority: acme-it}\n"
                         "spec:\n  selector: 'devdetail.fwv == \"1.0\"'\n  vm: {id: corp, state: absent}\n");
    fixture_device_call(p, 1201, "1");
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT truth FROM assignment"), POL_UNKNOWN);
    CU_ASSERT_PTR_NOT_NULL(strstr(dm_fixture_text(l, "SELECT why FROM assignment"), "devdetail.fwv"));
    end(p, l);
}

TEST_MAIN("server.news", TEST(a_new_revision_changes_what_runs),
          TEST(kpis_are_read_when_they_are_due_and_kept_as_samples),
          TEST(a_sample_from_the_future_is_taken_at_its_coming), TEST(a_crash_is_told_and_looked_into),
          TEST_OF("S-404", progress_is_followed), TEST(vms_of_others_come_and_go),
          TEST(alerts_nobody_knows_are_passed_on), TEST(any_node_can_be_read_and_written),
          TEST_OF("S-208 S-215 trap-16", a_device_without_lists_or_atomics_gets_there_too),
          TEST(an_atomic_speaks_for_its_silent_children),
          TEST(a_device_that_refuses_now_and_then_gets_there_or_says_why),
          TEST(a_device_that_tells_nothing_does_not_lead_us_round_in_circles),
          TEST(drift_is_seen_by_the_token_and_put_right), TEST(a_deleted_policy_leaves_its_vm_and_absent_removes_it),
          TEST(a_selector_that_cannot_be_decided_says_what_is_missing))
