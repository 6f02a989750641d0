/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "ddf/uri.h"
#include "tests/lib/test.h"
#include "tests/policy/sim.h"
#include <stdlib.h>
#include <string.h>

static struct policy_sim_device d;
static struct sim_shell s;
static char text[1 << 16];

#define POLICY(vm)                                                                                                        \
    "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p, authority: acme-it}\nspec:\n  selector: 'true'\n  vm:\n" \
    "    id: corp\n    guestType: android\n    image: corp-android:1\n" vm

static void begin(void)
{
    sim_device_init(&d, 7);
    sim_shell_init(&s, &d);
    sim_image(&s, "corp-android", "1", "img1");
    sim_image(&s, "corp-android", "2", "img2");
    s.token = true;
}

static void end(void)
{
    sim_shell_finish(&s);
    sim_device_finish(&d);
}

/* The plan as people read it. */
static const char *plan(void)
{
    struct buf b;
    buf_init(&b, 0);
    CU_ASSERT_EQUAL_FATAL(sim_plan(&s), RC_OK);
    pol_plan_print(&s.plan, &b);
    snprintf(text, sizeof text, "%s", buf_z(&b));
    buf_finish(&b);
    return text;
}

static bool says(const char *what)
{
    bool yes = strstr(plan(), what) != NULL;
    if (!yes) printf("\nwanted: %s\nhave:\n%s", what, text);
    return yes;
}

static bool silent(const char *what)
{
    bool yes = strstr(plan(), what) == NULL;
    if (!yes) printf("\nnot wanted: %s\nhave:\n%s", what, text);
    return yes;
}

/* A device with a running VM, as desired, read and settled. */
static void running(const char *yaml)
{
    begin();
    sim_policy(&s, yaml);
    CU_ASSERT_FATAL(sim_run(&s, 20));
    CU_ASSERT(str_is(sim_value(&d, DDF_VM, "state", STR("corp")), "50"));
    d.now_ms += 10000;
}

static struct str value(const char *name)
{
    return sim_value(&d, DDF_VM, name, STR("corp"));
}
static size_t ops_of(const char *kind)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n_ops; i++) n += str_is(s.op[i].kind, kind);
    return n;
}

static void first_contact_reads_everything_once(void)
{
    begin();
    sim_policy(&s, POLICY("    state: running\n"));
    plan();
    CU_ASSERT_STRING_EQUAL(text, "Get ./Virtualization?list=StructData   # what the device has\n"
                                 "Get ./VMImages?list=StructData   # what the device has\n");
    CU_ASSERT_FALSE(s.plan.settled);
    sim_session(&s);
    CU_ASSERT(s.mirror_read);
    end();
    begin();
    d.no_list = true;
    sim_session(&s);
    CU_ASSERT(s.mirror_read && s.list_unsupported && s.plan.settled);
    CU_ASSERT_EQUAL(s.n_mirror, d.n);
    end();
}

static void a_device_without_the_object_is_told_so(void)
{
    begin();
    sim_remove(&d, d.l->root);
    sim_policy(&s, POLICY("    state: running\n"));
    sim_session(&s);
    CU_ASSERT(
        says("the device has no ./Virtualization and names no other root of urn:oma:mo:x-virmo:1.0, or does not let "
             "this authority read it: 404 not found"));
    CU_ASSERT(s.plan.n_steps == 0 && !s.plan.settled);
    end();
}

/* The main job, plan by plan. */
static void a_vm_comes_into_being(void)
{
    begin();
    d.ticks = 1;
    sim_policy(&s, POLICY("    state: running\n    resources: {cpu: {vcpus: 2}, storage: {userdata: {quota: 4Gi}}}\n"
                          "    peripherals: {camera: denied}\n    lease: {checkIn: 24h}\n"));
    sim_session(&s); /* image announced, read back, download begun */
    CU_ASSERT(str_is(sim_value(&d, DDF_IMAGE, "hash", STR("img1")), s.image[0].sha256.p));
    CU_ASSERT(str_is(sim_value(&d, DDF_IMAGE, "owner", STR("img1")), "3"));
    CU_ASSERT(says("working corp: image corp-android:1 is downloading"));
    CU_ASSERT_EQUAL(s.op[0].state, POL_OP_ACCEPTED);
    CU_ASSERT(s.op[0].by_policy && s.op[0].correlator.n <= 32);
    CU_ASSERT(silent("Atomic ./Virtualization/VM/corp"));
    d.now_ms += 10000;
    sim_session(&s); /* ready; VM made, read back, provisioned */
    CU_ASSERT_EQUAL(s.op[0].state, POL_OP_VERIFIED);
    CU_ASSERT(str_is(value("state"), "10") && str_is(value("resources.cpu.vcpus"), "2") &&
              str_is(value("lease.checkIn"), "86400"));
    CU_ASSERT(str_is(value("domain.servers"), "dm.acme.example") && str_is(value("image"), "img1"));
    const struct sim_node *rule = sim_find(&d, STR("./Virtualization/VM/corp/Periph/camera/ID"));
    CU_ASSERT(rule && str_is(rule->value, "class:camera"));
    CU_ASSERT(says("working corp: Provision runs"));
    CU_ASSERT(str_is(s.op[1].kind, "provision") && str_is(s.op[1].args, "start=1"));
    d.now_ms += 10000;
    sim_session(&s);
    CU_ASSERT_EQUAL(s.op[1].state, POL_OP_VERIFIED);
    CU_ASSERT(s.plan.settled && str_is(value("state"), "50"));
    CU_ASSERT(d.refused == 0 && s.n_failures == 0);
    plan();
    CU_ASSERT_STRING_EQUAL(text, "settled: the device is in the desired state\n");
    CU_ASSERT(s.messages <= 12);
    end();
}

static void a_long_operation_is_looked_after(void)
{
    begin();
    d.ticks = 1;
    sim_policy(&s, POLICY("    state: running\n"));
    for (int i = 0; i < 2; i++) {
        sim_session(&s);
        d.now_ms += 10000;
    }
    CU_ASSERT_EQUAL_FATAL(s.op[1].state, POL_OP_ACCEPTED);
    d.job[0].ticks = d.job[1].ticks = 5; /* whichever it is */
    sim_session(&s);
    CU_ASSERT(says("working corp: Provision runs"));
    CU_ASSERT(says(", 50 %"));
    CU_ASSERT(s.plan.n_steps == 0 && !s.plan.settled); /* the session is not kept open for it */
    d.now_ms += POL_POLL_MS;
    CU_ASSERT(says("Get ./Virtualization/VM/corp/Progress"));
    CU_ASSERT(silent("Exec"));
    end();
}

static void changes_are_written_live_and_only_where_they_differ(void)
{
    running(POLICY("    state: running\n    name: Work\n    crash: {action: restart, maxRestarts: 3}\n"));
    sim_policy(&s, POLICY("    state: running\n    name: Office\n    crash: {action: restart, maxRestarts: 5}\n"));
    plan();
    CU_ASSERT_STRING_EQUAL(
        text, "Atomic ./Virtualization/VM/corp   # settings of VM corp\n"
              "    Replace ./Virtualization/VM/corp/Crash/MaxRestarts = 5   # crash.maxRestarts 3 -> 5 (policy p)\n"
              "    Replace ./Virtualization/VM/corp/Name = Office   # name Work -> Office (policy p)\n");
    CU_ASSERT(sim_run(&s, 3) && str_is(value("name"), "Office"));
    sim_policy(&s, POLICY("    state: running\n    name: Home\n    crash: {action: restart, maxRestarts: 5}\n"));
    plan();
    CU_ASSERT_STRING_EQUAL(text, "Replace ./Virtualization/VM/corp/Name = Home   # name Office -> Home (policy p)\n");
    end();
}

static void what_waits_for_a_restart_gets_one(void)
{
    running(POLICY("    state: running\n    resources: {cpu: {vcpus: 1}}\n"));
    sim_set(&d, DDF_VM, "resources.pending", STR("corp"), "true");
    sim_policy(&s, POLICY("    state: running\n    resources: {cpu: {vcpus: 4}}\n"));
    CU_ASSERT(sim_run(&s, 10));
    CU_ASSERT(str_is(value("resources.cpu.vcpus"), "4") && str_is(value("resources.pending"), "false"));
    CU_ASSERT_EQUAL(ops_of("applyResources"), 1);
    CU_ASSERT(str_is(s.op[s.n_ops - 1].args, "restart=1"));
    end();
}

static void memory_of_a_running_vm_changes_by_stopping_it_gently(void)
{
    running(POLICY("    state: running\n    resources: {cpu: {vcpus: 1}, memory: {max: 1Gi}}\n"));
    size_t before = s.n_ops;
    sim_policy(&s, POLICY("    state: running\n    resources: {cpu: {vcpus: 2}, memory: {max: 2Gi}}\n"));
    CU_ASSERT(says(
        "Exec ./Virtualization/VM/corp/Operations/Shutdown = force=1   # resources.memory.max 1Gi -> 2Gi (policy p) needs the VM"
        " stopped: the guest is asked to shut down, and powered off when it has not within 60 s"));
    CU_ASSERT(silent("Replace"));
    CU_ASSERT(sim_run(&s, 10));
    CU_ASSERT(str_is(value("resources.memory.max"), "2097152") && str_is(value("resources.cpu.vcpus"), "2") &&
              str_is(value("state"), "50"));
    CU_ASSERT_EQUAL(s.n_ops, before + 2);
    CU_ASSERT(str_is(s.op[before].kind, "shutdown") && str_is(s.op[before + 1].kind, "start"));
    CU_ASSERT_EQUAL(d.refused, 0);
    end();
}

static void a_vm_is_not_powered_off_for_a_setting(void)
{
    begin();
    sim_policy(&s, POLICY("    state: paused\n    resources: {memory: {max: 1Gi}}\n"));
    CU_ASSERT_FATAL(sim_run(&s, 20));
    sim_policy(&s, POLICY("    state: paused\n    resources: {memory: {max: 2Gi}}\n"));
    CU_ASSERT(says(
        "waiting corp: resources.memory.max 1Gi -> 2Gi (policy p) can only change while the VM is stopped, and it is paused"));
    CU_ASSERT(silent("Exec"));
    end();
}

static void nothing_is_decided_before_what_was_written_is_read_back(void)
{
    running(POLICY("    state: running\n    name: Work\n"));
    sim_policy(&s, POLICY("    state: stopped\n    name: Work\n"));
    for (size_t i = 0; i < s.n_mirror; i++)
        if (str_is(s.mirror[i].uri, "./Virtualization/VM/corp/Name")) s.mirror[i].known = POL_ACKNOWLEDGED;
    plan();
    CU_ASSERT_STRING_EQUAL(text, "Get ./Virtualization/VM/corp/Name   # read back what was written\n"
                                 "working corp: what was written is being read back\n");
    end();
}

static void what_a_new_vm_may_not_have_waits_until_it_is_read(void)
{
    begin();
    d.synchronous = true;
    sim_policy(
        &s,
        POLICY("    state: stopped\n    lease: {checkIn: 24h}\n    resources: {cpu: {vcpus: 2, affinity: '4-7'}}\n"));
    bool made = false;
    for (int i = 0; i < 12 && !made; i++) {
        made = strstr(plan(), "Add ./Virtualization/VM/corp ") != NULL;
        if (!made) sim_session_step(&s);
    }
    CU_ASSERT(made && strstr(text, "Resources/CPU/VCPUs = 2") && !strstr(text, "Lease") && !strstr(text, "Affinity"));
    sim_session_step(&s);
    sim_session_step(&s);
    plan();
    CU_ASSERT(strstr(text, "Replace ./Virtualization/VM/corp/Lease/CheckInS = 86400") &&
              strstr(text, "Resources/CPU/Affinity = 4-7"));
    CU_ASSERT(sim_run(&s, 10) && str_is(value("resources.cpu.affinity"), "4-7") && d.refused == 0);
    end();
}

static void an_operation_of_the_plan_goes_again_as_it_was(void)
{
    running(POLICY("    state: running\n"));
    sim_policy(&s, POLICY("    state: stopped\n"));
    plan();
    struct pol_step *step = s.plan.steps;
    CU_ASSERT_FATAL(step && step->op_kind.n);
    struct pol_operation *op = &s.op[s.n_ops++];
    *op = (struct pol_operation){ .id = (int64_t)s.n_ops,
                                  .by_policy = true,
                                  .state = POL_OP_QUEUED,
                                  .kind = STR("shutdown"),
                                  .scope = DDF_VM,
                                  .owner = STR("corp"),
                                  .args = STR("force=1"),
                                  .correlator = STR("p-first"),
                                  .tries = 1 };
    plan();
    CU_ASSERT(s.plan.steps->operation == op->id && str_is(s.plan.steps->correlator, "p-first"));
    op->args = STR(""); /* another one: not what the plan needs */
    plan();
    CU_ASSERT(s.plan.steps->operation == 0 && !str_is(s.plan.steps->correlator, "p-first"));
    CU_ASSERT(s.plan.n_moves == 1 && s.plan.moves[0].state == POL_OP_SUPERSEDED);
    end();
}

static void an_operation_on_one_vm_holds_up_no_other(void)
{
    running(POLICY("    state: running\n"));
    sim_make_vm(&d, "other", 30);
    s.mirror_read = false;
    s.n_mirror = 0;
    sim_session(&s);
    int64_t id = sim_request(&s, "corp", "pause", "");
    s.op[id - 1].state = POL_OP_ACCEPTED;
    s.op[id - 1].updated_ms = d.now_ms;
    for (size_t i = 0; i < s.n_mirror; i++)
        if (strstr(s.mirror[i].uri.p, "/State")) s.mirror[i].known = POL_STALE;
    CU_ASSERT(says("Get ./Virtualization/VM/other/State "));
    CU_ASSERT(silent("Get ./Virtualization/VM/corp/State "));
    end();
}

static void what_cannot_change_any_more_says_so(void)
{
    running(POLICY("    state: running\n    resources: {storage: {userdata: {encrypted: true}}}\n"));
    sim_policy(&s,
               POLICY("    state: running\n    name: New\n    resources: {storage: {userdata: {encrypted: false}}}\n"));
    CU_ASSERT(says(
        "waiting corp: resources.storage.userdata.encrypted true -> false (policy p) can only be set before the VM is provisioned"));
    CU_ASSERT(says("Replace ./Virtualization/VM/corp/Name = New")); /* the rest goes on */
    end();
}

static void a_locked_vm_waits_and_a_locking_policy_parks_it(void)
{
    running(POLICY("    state: running\n"));
    sim_set(&d, DDF_VM, "lockState", STR("corp"), "10");
    sim_set(&d, DDF_VM, "state", STR("corp"), "60");
    sim_session(&s);
    CU_ASSERT(says("waiting corp: state paused -> running (policy p) waits: the VM is locked"));
    CU_ASSERT(!s.plan.settled && s.plan.n_steps == 0);
    sim_policy(&s, POLICY("    state: running\n    locked: true\n"));
    plan();
    CU_ASSERT_STRING_EQUAL(text, "settled: the device is in the desired state\n");
    sim_policy(&s, POLICY("    state: running\n    locked: false\n"));
    CU_ASSERT(says("Exec ./Virtualization/VM/corp/Operations/Unlock   # locked true -> false (policy p)"));
    CU_ASSERT(sim_run(&s, 5) && str_is(value("lockState"), "30") && str_is(value("state"), "50"));
    sim_policy(&s, POLICY("    state: running\n    locked: true\n"));
    CU_ASSERT(sim_run(&s, 5) && str_is(value("lockState"), "10"));
    end();
}

static void a_lock_by_hand_stands_until_a_newer_revision(void)
{
    running(POLICY("    state: running\n    locked: false\n"));
    int64_t id = sim_request(&s, "corp", "lock", "msg=lost");
    CU_ASSERT(says("Exec ./Virtualization/VM/corp/Operations/Lock = msg=lost   # Lock (operation 3)"));
    s.hold[s.n_holds++] = (struct pol_hold){ STR("corp"), STR("lock"), id, d.now_ms, STR("anna") };
    for (int i = 0; i < 3; i++) {
        sim_session(&s);
        d.now_ms += 10000;
    }
    CU_ASSERT_EQUAL(sim_op(&s, id)->state, POL_OP_VERIFIED);
    CU_ASSERT(says("Lock by anna (operation 3) overrides policy p, which is older"));
    CU_ASSERT(str_is(value("lockState"), "10") && ops_of("unlock") == 0);
    d.now_ms += 1000;
    sim_policy(&s, POLICY("    state: running\n    locked: false\n"));
    CU_ASSERT(sim_run(&s, 5) && str_is(value("lockState"), "30"));
    end();
}

static void what_the_device_gave_up_after_crashes_is_not_started_again(void)
{
    char when[17];
    running(POLICY("    state: running\n"));
    text_time_basic(d.now_ms + 1000, when);
    sim_set(&d, DDF_VM, "state", STR("corp"), "30");
    sim_set(&d, DDF_VM, "stateReason", STR("corp"), "4");
    sim_set(&d, DDF_VM, "stateTime", STR("corp"), when);
    d.now_ms += 2000;
    sim_session(&s);
    CU_ASSERT(says("waits: the device stopped the VM after a crash"));
    CU_ASSERT(ops_of("start") == 0);
    d.now_ms += 2000;
    sim_policy(&s, POLICY("    state: running\n")); /* a newer revision begins anew */
    CU_ASSERT(sim_run(&s, 5) && str_is(value("state"), "50"));
    end();
}

static void a_start_by_hand_does_not_stand_in_the_way_of_the_same_wish(void)
{
    running(POLICY("    state: running\n"));
    s.hold[s.n_holds++] = (struct pol_hold){ STR("corp"), STR("start"), 1, d.now_ms, STR("anna") };
    sim_set(&d, DDF_VM, "state", STR("corp"), "30"); /* later the user stopped it */
    sim_session(&s);
    CU_ASSERT(ops_of("start") == 1);
    s.hold[0].kind = STR("stop");
    sim_run(&s, 3);
    sim_set(&d, DDF_VM, "state", STR("corp"), "30");
    sim_session(&s);
    CU_ASSERT(says("waiting corp: Power off by anna (operation 1) overrides policy p, which is older"));
    end();
}

static void requests_come_first_and_one_at_a_time(void)
{
    running(POLICY("    state: running\n    name: Work\n"));
    d.ticks = 3;
    sim_policy(&s, POLICY("    state: running\n    name: Office\n"));
    int64_t lock = sim_request(&s, "corp", "lock", ""), unlock = sim_request(&s, "corp", "unlock", "");
    CU_ASSERT(says("Exec ./Virtualization/VM/corp/Operations/Lock"));
    CU_ASSERT(silent("Replace"));
    CU_ASSERT(says("waiting corp: Unlock waits for the operation before it"));
    CU_ASSERT(sim_run(&s, 12));
    CU_ASSERT(sim_op(&s, lock)->state == POL_OP_VERIFIED && sim_op(&s, unlock)->state == POL_OP_VERIFIED);
    CU_ASSERT(str_is(value("name"), "Office") && str_is(value("lockState"), "30") && d.twice == 0);
    end();
}

static void requests_that_cannot_be_fail_with_a_reason(void)
{
    static const struct {
        const char *vm, *kind, *args;
        enum pol_op_state want;
        const char *why;
    } row[] = {
        { "corp", "resume", "", POL_OP_VERIFIED, "no change needed" },
        { "corp", "start", "", POL_OP_VERIFIED, "no change needed" },
        { "corp", "unlock", "", POL_OP_VERIFIED, "no change needed" },
        { "corp", "provision", "", POL_OP_FAILED, "Provision is not possible while the VM is running" },
        { "corp", "delete", "", POL_OP_FAILED, "only with force=1" },
        { "corp", "frobnicate", "", POL_OP_FAILED, "no operation \"frobnicate\"" },
        { "ghost", "lock", "", POL_OP_FAILED, "VM ghost is not on the device" },
    };
    running(POLICY("    state: running\n"));
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        int64_t id = sim_request(&s, row[i].vm, row[i].kind, row[i].args);
        sim_session(&s);
        CU_ASSERT_EQUAL(sim_op(&s, id)->state, row[i].want);
        CU_ASSERT_PTR_NOT_NULL(strstr(s.op_why[id - 1].p, row[i].why));
    }
    CU_ASSERT_EQUAL(d.refused, 0);
    end();
}

static void requests_keep_their_times(void)
{
    running(POLICY("    state: running\n"));
    int64_t late = sim_request(&s, "corp", "lock", ""), future = sim_request(&s, "corp", "pause", "");
    s.op[late - 1].expires_ms = d.now_ms - 1;
    s.op[future - 1].not_before_ms = d.now_ms + 3600000;
    sim_session(&s);
    CU_ASSERT_EQUAL(sim_op(&s, late)->state, POL_OP_EXPIRED);
    CU_ASSERT_EQUAL(sim_op(&s, future)->state, POL_OP_QUEUED);
    CU_ASSERT(s.plan.settled);
    d.now_ms += 4000000;
    CU_ASSERT(says("Operations/Pause"));
    end();
}

static void tree_commands_go_as_they_are(void)
{
    running(POLICY("    state: running\n"));
    int64_t id = sim_request(&s, "", "tree", "");
    s.op[id - 1].scope = DDF_DEVICE;
    s.op[id - 1].tree_command = STR("replace");
    s.op[id - 1].tree_uri = STR("./Virtualization/VM/corp/Name");
    s.op[id - 1].tree_format = STR("chr");
    s.op[id - 1].tree_data = STR("Hello");
    CU_ASSERT(says("Replace ./Virtualization/VM/corp/Name = Hello   # replace (operation 3)"));
    sim_session(&s);
    CU_ASSERT(sim_op(&s, id)->state == POL_OP_VERIFIED && str_is(value("name"), "Hello"));
    id = sim_request(&s, "", "tree", "");
    s.op[id - 1].tree_command = STR("replace");
    s.op[id - 1].tree_uri = STR("./Virtualization/VM/corp/State");
    s.op[id - 1].tree_format = STR("int");
    s.op[id - 1].tree_data = STR("10");
    sim_session(&s);
    CU_ASSERT(sim_op(&s, id)->state == POL_OP_FAILED); /* the description says it cannot be */
    CU_ASSERT(str_is(value("state"), "50"));
    end();
}

/* The session died when an operation was on its way. */
static void a_lost_answer_is_asked_after_before_anything_is_repeated(void)
{
    for (int arrived = 0; arrived < 2; arrived++) {
        running(POLICY("    state: running\n"));
        int64_t id = sim_request(&s, "corp", "lock", "");
        if (arrived) {
            struct pol_step step = { .verb = DM_EXEC,
                                     .uri = STR("./Virtualization/VM/corp/Operations/Lock"),
                                     .correlator = s.op[id - 1].correlator };
            size_t n;
            CU_ASSERT_EQUAL(sim_command(&d, &step, NULL, &n), 202);
        }
        s.op[id - 1].state = POL_OP_SENT;
        s.op[id - 1].tries = 1;
        for (size_t i = 0; i < s.n_mirror; i++) /* as the shell does when it sends */
            if (strstr(s.mirror[i].uri.p, "/VM/corp/State") || strstr(s.mirror[i].uri.p, "/VM/corp/Lock") ||
                strstr(s.mirror[i].uri.p, "/VM/corp/Progress"))
                s.mirror[i].known = POL_STALE;
        CU_ASSERT(says("Get ./Virtualization/VM/corp/Progress?list=StructData   # result of the operation"));
        CU_ASSERT(silent("Exec"));
        for (int i = 0; i < 4; i++) {
            sim_session(&s);
            d.now_ms += 10000;
        }
        CU_ASSERT_EQUAL(sim_op(&s, id)->state, POL_OP_VERIFIED);
        CU_ASSERT_EQUAL(d.twice, 0);
        CU_ASSERT_EQUAL(sim_op(&s, id)->tries, arrived ? 1 : 2);
        end();
    }
}

static void one_bad_command_does_not_hold_up_the_rest(void)
{
    running(POLICY("    state: running\n    name: Work\n    crash: {action: restart}\n"));
    s.failure[s.n_failures++] = (struct pol_failure){ STR("set ./Virtualization/VM/corp/Name"), 425, POL_MAX_TRIES, 0,
                                                      0 };
    s.failure[s.n_failures++] = (struct pol_failure){ STR("set ./Virtualization/VM/corp/Resources/Class"), 500, 1,
                                                      d.now_ms + 20000, 0 };
    struct pol_failure keep[2] = { s.failure[0], s.failure[1] };
    sim_policy(&s, POLICY("    state: stopped\n    name: Office\n    crash: {action: stop}\n    qos: background\n"));
    memcpy(s.failure, keep, sizeof keep);
    s.n_failures = 2;
    CU_ASSERT(says("Replace ./Virtualization/VM/corp/Crash/Action = 1"));
    CU_ASSERT(
        says("failed corp: name Work -> Office (policy p): set aside: 425 the access control list does not allow it"));
    CU_ASSERT(says("tried 1 time, again in 20 s: 500 the command failed"));
    sim_session(&s);
    CU_ASSERT(str_is(value("crash.action"), "1"));
    CU_ASSERT(ops_of("shutdown") == 1); /* and the goal is pursued */
    end();
}

static void a_device_that_keeps_another_value_is_asked_three_times(void)
{
    running(POLICY("    state: running\n    name: Work\n"));
    sim_policy(&s, POLICY("    state: running\n    name: Office\n"));
    unsigned sent = 0;
    for (int i = 0; i < 12; i++) {
        if (strstr(plan(), "Replace ./Virtualization/VM/corp/Name")) {
            sent++;
            /* The write is acknowledged, and then the old value reported. */
            const struct pol_failure *before = NULL;
            for (size_t k = 0; k < s.n_failures; k++)
                if (str_is(s.failure[k].key, "set ./Virtualization/VM/corp/Name")) before = &s.failure[k];
            struct pol_failure f = pol_failure_after(before, STR("set ./Virtualization/VM/corp/Name"), 0, d.now_ms);
            s.failure[0] = f;
            s.n_failures = 1;
        }
        d.now_ms += 130000;
    }
    CU_ASSERT_EQUAL(sent, 3);
    CU_ASSERT(says("set aside: the device acknowledged the value, and keeps another"));
    end();
}

static void a_policy_that_cannot_be_decided_changes_nothing(void)
{
    static const char undecided[] =
        "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: q}\nspec:\n  selector: 'devinfo.man == \"x\"'\n"
        "  priority: 9\n  vm: {id: corp, state: absent, name: Other}\n";
    running(POLICY("    state: running\n    name: Work\n"));
    sim_policy(&s, undecided);
    CU_ASSERT(sim_run(&s, 3) && str_is(value("name"), "Work") && str_is(value("state"), "50"));
    end();
    begin();
    sim_policy(&s, undecided);
    CU_ASSERT(sim_run(&s, 3));
    end();
}

static void absent_removes_the_vm_and_nothing_else_does(void)
{
    running(POLICY("    state: running\n"));
    struct pol_policy *p = s.policies;
    s.policies = NULL; /* a deleted policy leaves the VM alone */
    CU_ASSERT(sim_run(&s, 3) && str_is(value("state"), "50"));
    s.policies = p;
    sim_policy(&s, POLICY("    state: absent\n"));
    CU_ASSERT(says("Exec ./Virtualization/VM/corp/Operations/Delete = force=1"));
    CU_ASSERT(sim_run(&s, 6));
    CU_ASSERT_PTR_NULL(sim_find(&d, STR("./Virtualization/VM/corp")));
    CU_ASSERT(s.op[s.n_ops - 1].state == POL_OP_VERIFIED && d.twice == 0);
    sim_policy(&s, POLICY("    state: stopped\n"));
    CU_ASSERT(sim_run(&s, 10) && str_is(value("state"), "30")); /* and it can come again */
    end();
}

static void a_vm_of_another_authority_is_left_alone(void)
{
    running(POLICY("    state: running\n"));
    sim_set(&d, DDF_VM, "domain.servers", STR("corp"), "dm.operator.example,dm.other.example");
    sim_policy(&s, POLICY("    state: absent\n"));
    sim_session(&s);
    CU_ASSERT(says("failed corp: VM corp belongs to another authority"));
    CU_ASSERT(s.plan.n_steps == 0);
    int64_t id = sim_request(&s, "corp", "lock", "");
    sim_session(&s);
    CU_ASSERT_EQUAL(sim_op(&s, id)->state, POL_OP_FAILED);
    end();
}

/* The first command of the plan at or below the VM, also within a container; NULL = it is only read. */
static const struct pol_step *commands(const struct pol_step *list, struct str vm)
{
    for (const struct pol_step *x = list; x; x = x->next) {
        const struct pol_step *inner = commands(x->children, vm);
        if (inner) return inner;
        if (x->verb != DM_GET && ddf_uri_within(x->uri, vm)) return x;
    }
    return NULL;
}

/* How Domain/Servers may not be known: never read, refused, empty, not told any more; or it names others. */
static void forget_owner(unsigned how)
{
    static const char *const values[] = { "", "", " , ", "dm.acme.example", "dm.operator.example" };
    struct str uri = STR("./Virtualization/VM/corp/Domain/Servers");
    for (size_t i = 0; i < s.n_mirror; i++) {
        struct pol_mirror_node *n = &s.mirror[i];
        if (!str_eq(n->uri, uri)) continue;
        n->value = str_of(values[how]);
        n->known = how == 3 ? POL_STALE : how == 1 ? POL_ACKNOWLEDGED : POL_REPORTED;
        if (how == 0) {
            memmove(n, n + 1, (s.n_mirror - i - 1) * sizeof *n);
            s.n_mirror--;
        }
        break;
    }
    if (how == 1 || how == 3 || (how == 0 && sim_dice(&d, 2)))
        s.failure[s.n_failures++] = (struct pol_failure){ STR("get ./Virtualization/VM/corp/Domain/Servers"), 425,
                                                          POL_MAX_TRIES, 0, 0 };
}

/* Whatever else the mirror says and whatever is wanted: a VM that is not known to be ours is sent no command. */
static void whose_owner_is_not_known_is_sent_nothing(void)
{
    static const char *const wish[] = { "running", "stopped", "paused", "suspended", "absent" };
    static const char *const states[] = { "10", "30", "50", "60", "80", "110", "160", "70", "", "x" };
    static const char *const kinds[] = { "lock", "stop", "delete", "wipe", "start" };
    struct str vm = STR("./Virtualization/VM/corp");
    for (unsigned run = 0; run < 300; run++) {
        char yaml[1000];
        running(POLICY("    state: running\n"));
        d.seed = run * 7919 + 1;
        snprintf(yaml, sizeof yaml, POLICY("    state: %s\n    locked: %s\n    name: another\n"), wish[run % 5],
                 sim_dice(&d, 2) ? "true" : "false");
        sim_policy(&s, yaml);
        for (size_t i = 0; i < s.n_mirror; i++) {
            struct pol_mirror_node *n = &s.mirror[i];
            if (!ddf_uri_within(n->uri, vm)) continue;
            if (!sim_dice(&d, 4)) n->known = (enum pol_known)sim_dice(&d, 3);
            if (str_is(n->uri, "./Virtualization/VM/corp/State")) n->value = str_of(states[sim_dice(&d, 10)]);
        }
        forget_owner(run / 5 % 5);
        if (sim_dice(&d, 2)) sim_request(&s, "corp", kinds[sim_dice(&d, 5)], "force=1");
        CU_ASSERT_EQUAL_FATAL(sim_plan(&s), RC_OK);
        const struct pol_step *x = commands(s.plan.steps, vm);
        CU_ASSERT_PTR_NULL(x);
        if (x) printf("run %u: %.*s\n", run, STR_ARG(x->uri));
        end();
    }
}

/* What the device does not say once is asked once, and people are told why nothing happens. */
static void an_unknown_owner_is_asked_for_and_told(void)
{
    running(POLICY("    state: running\n"));
    sim_policy(&s, POLICY("    state: stopped\n"));
    forget_owner(0);
    s.n_failures = 0;
    CU_ASSERT(says("Get ./Virtualization/VM/corp/Domain/Servers"));
    CU_ASSERT(silent("Exec"));
    sim_set(&d, DDF_VM, "domain.servers", STR("corp"), "");
    sim_session(&s);
    CU_ASSERT(says("failed corp: the device does not report the owner of VM corp, so nothing is sent to it"));
    CU_ASSERT(silent("Get ./Virtualization/VM/corp/Domain/Servers"));
    int64_t id = sim_request(&s, "corp", "lock", "");
    sim_session(&s);
    CU_ASSERT_EQUAL(sim_op(&s, id)->state, POL_OP_FAILED);
    CU_ASSERT(str_is(value("state"), "50"));
    end();
}

static void a_token_that_does_not_match_makes_it_look_again(void)
{
    running(POLICY("    state: running\n    name: Work\n"));
    sim_session(&s);
    CU_ASSERT(s.plan.settled);
    unsigned messages = s.messages;
    sim_session(&s);
    CU_ASSERT_EQUAL(s.messages, messages); /* nothing changed: one round trip */
    sim_set(&d, DDF_VM, "name", STR("corp"), "Mine");
    CU_ASSERT(sim_run(&s, 3) && str_is(value("name"), "Work"));
    end();
}

static void kpis_are_read_when_they_are_due(void)
{
    running(POLICY("    state: running\n"));
    s.kpi_due_ms = d.now_ms;
    plan();
    CU_ASSERT_STRING_EQUAL(text, "Get ./Virtualization/VM/corp/KPI?list=StructData   # KPIs\n");
    sim_session(&s);
    CU_ASSERT(s.plan.settled);
    sim_policy(&s, POLICY("    state: stopped\n"));
    CU_ASSERT(sim_run(&s, 5));
    s.kpi_due_ms = d.now_ms;
    CU_ASSERT(silent("KPI")); /* a stopped VM has nothing to tell */
    end();
}

static void another_image_is_an_upgrade_in_its_window(void)
{
    running(POLICY("    state: running\n"));
    sim_policy(
        &s,
        "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p}\nspec:\n  selector: 'true'\n  vm: {id: corp, state: running, "
        "image: 'corp-android:2', upgrade: {window: 'Sun 01:00-05:00 UTC'}}\n");
    CU_ASSERT(says("Add ./VMImages/img2"));
    CU_ASSERT(sim_run(&s, 10));
    CU_ASSERT(str_is(value("image"), "img2") && str_is(value("upgrade.target"), "img2"));
    CU_ASSERT(str_is(value("upgrade.window.notBefore"), "20300106T010000Z") &&
              str_is(value("upgrade.window.notAfter"), "20300106T050000Z"));
    CU_ASSERT(ops_of("upgrade") == 1 && str_is(value("state"), "50"));
    sim_policy(&s, POLICY("    state: running\n")); /* back to image 1, and the device goes back to 2 by itself */
    CU_ASSERT(sim_run(&s, 10) && str_is(value("image"), "img1"));
    sim_set(&d, DDF_VM, "image", STR("corp"), "img2");
    sim_set(&d, DDF_VM, "upgrade.state", STR("corp"), "130");
    sim_session(&s);
    CU_ASSERT(says("the device rolled back to the previous image"));
    CU_ASSERT_EQUAL(ops_of("upgrade"), 2);
    end();
}

static void an_image_that_is_not_in_the_store_holds_up_only_the_image(void)
{
    running(POLICY("    state: running\n    name: Work\n"));
    sim_policy(
        &s,
        "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p}\nspec:\n  selector: 'true'\n  vm: {id: corp, state: running, "
        "image: 'corp-android:9', name: Office}\n");
    CU_ASSERT(says("failed corp: image corp-android:9 is not in the store"));
    CU_ASSERT(says("Replace ./Virtualization/VM/corp/Name = Office"));
    end();
}

static void a_failed_vm_needs_a_person(void)
{
    running(POLICY("    state: running\n"));
    sim_set(&d, DDF_VM, "state", STR("corp"), "160");
    sim_session(&s);
    CU_ASSERT(says("failed corp: state failed -> running (policy p): no operation leads there; an operator must act"));
    end();
}

static void a_policy_may_keep_a_guest_its_power(void)
{
    running(POLICY("    state: running\n    policy: {forceStop: false, shutTimeout: 20s}\n"));
    sim_policy(&s, POLICY("    state: stopped\n    policy: {forceStop: false, shutTimeout: 20s}\n"));
    plan();
    CU_ASSERT(says(
        "Exec ./Virtualization/VM/corp/Operations/Shutdown   # state running -> stopped (policy p): the guest is asked to"
        " shut down, and not powered off when it has not within 20 s (policy p)"));
    end();
}

/* Pending tells of what is in force where nobody restarts the VM for it. */
static void what_waits_and_nobody_may_apply_is_not_settled(void)
{
    running(POLICY("    state: running\n    resources: {cpu: {vcpus: 1}}\n"));
    sim_policy(&s, POLICY("    resources: {cpu: {vcpus: 1}}\n"));
    for (size_t i = 0; i < s.n_mirror; i++)
        if (strstr(s.mirror[i].uri.p, "/Resources/Pending")) s.mirror[i].value = STR("true");
    plan();
    CU_ASSERT(says(
        "waiting corp: changed resources wait for the VM's next start: no policy says which state it shall be in"));
    CU_ASSERT(silent("Exec") && !s.plan.settled);
    end();
}

static void an_operation_that_keeps_failing_is_set_aside(void)
{
    running(POLICY("    state: running\n"));
    d.fail_percent = 100;
    sim_policy(&s, POLICY("    state: stopped\n"));
    for (int i = 0; i < 8; i++) {
        sim_session(&s);
        d.now_ms += 200000;
    }
    CU_ASSERT_EQUAL(ops_of("shutdown"), 3);
    CU_ASSERT(says(
        "failed corp: state running -> stopped (policy p): the guest is asked to shut down, and powered off when it has"
        " not within 60 s: set aside: 1428 start failed or took too long"));
    CU_ASSERT(s.plan.n_steps == 0 && !s.plan.settled && d.twice == 0);
    end();
}

/* ---- texts of the layout ---- */

/* The plan without its words for people. */
static void note(struct buf *out)
{
    sim_plan(&s);
    for (const struct pol_step *x = s.plan.steps; x; x = x->next) {
        buf_printf(out, "%s %.*s %.*s %.*s\n", dm_command_name(x->verb), STR_ARG(x->uri), STR_ARG(x->data),
                   STR_ARG(x->op_kind));
        for (const struct pol_step *c = x->children; c; c = c->next)
            buf_printf(out, "  %s %.*s %.*s\n", dm_command_name(c->verb), STR_ARG(c->uri), STR_ARG(c->data));
    }
    for (const struct pol_wait *w = s.plan.waits; w; w = w->next)
        buf_printf(out, "%.*s %.*s %.*s %d\n", STR_ARG(w->state), STR_ARG(w->vm), STR_ARG(w->uri), w->code);
    for (size_t i = 0; i < s.n_ops; i++)
        buf_printf(out, "op %.*s %s\n", STR_ARG(s.op[i].kind), pol_op_state_name(s.op[i].state));
}

static void stage(struct buf *out, const char *yaml)
{
    d.now_ms += 10000;
    if (yaml) sim_policy(&s, yaml);
    note(out);
    for (int i = 0; i < 8; i++) {
        sim_session(&s);
        note(out);
        size_t n;
        sim_tick(&d, &n);
        d.now_ms += 10000;
    }
}

static void put_vm(const char *state, const char *reason)
{
    char when[17];
    text_time_basic(d.now_ms, when);
    sim_set(&d, DDF_VM, "state", STR("corp"), state);
    sim_set(&d, DDF_VM, "stateReason", STR("corp"), reason);
    sim_set(&d, DDF_VM, "stateTime", STR("corp"), when);
}

/* A VM's whole life, and each state and reason that it may be found in. */
static void live(struct buf *out)
{
    begin();
    stage(out, POLICY("    state: running\n    resources: {cpu: {vcpus: 2}}\n    peripherals: {camera: denied}\n"));
    stage(out,
          POLICY(
              "    state: running\n    resources: {cpu: {vcpus: 3}, memory: {max: 2Gi}}\n    crash: {action: stop}\n"));
    stage(out, POLICY("    state: running\n    locked: true\n"));
    stage(out, POLICY("    state: running\n    locked: false\n"));
    for (size_t i = 0; i < d.l->n_states; i++) {
        char value[12];
        snprintf(value, sizeof value, "%d", d.l->states[i].value);
        put_vm(value, "2");
        stage(out, NULL);
    }
    for (size_t i = 0; i < d.l->n_reasons; i++) {
        char value[12];
        snprintf(value, sizeof value, "%d", d.l->reasons[i].code);
        put_vm("30", value);
        stage(out, NULL);
    }
    stage(out, POLICY("    state: absent\n"));
    end();
}

static void the_layouts_texts_decide_nothing(void)
{
    struct buf plain, reworded;
    buf_init(&plain, 0);
    buf_init(&reworded, 0);
    live(&plain);
    sim_reworded = true;
    live(&reworded);
    sim_reworded = false;
    CU_ASSERT(buf_str(&plain).n > 10000);
    CU_ASSERT_STRING_EQUAL(buf_z(&reworded), buf_z(&plain));
    buf_finish(&plain);
    buf_finish(&reworded);
}

/* The guard against endless restarts does not hang on how the layout puts it. */
static void what_was_given_up_is_not_started_whatever_it_is_called(void)
{
    sim_reworded = true;
    what_the_device_gave_up_after_crashes_is_not_started_again();
    sim_reworded = false;
}

static void same_facts_give_the_same_plan(void)
{
    char first[sizeof text], correlator[64];
    running(POLICY("    state: running\n"));
    sim_policy(&s, POLICY("    state: stopped\n"));
    plan();
    memcpy(first, text, sizeof first);
    snprintf(correlator, sizeof correlator, "%.*s", STR_ARG(s.plan.steps->correlator));
    plan();
    CU_ASSERT_STRING_EQUAL(first, text);
    CU_ASSERT(str_is(s.plan.steps->correlator, correlator));
    CU_ASSERT(strlen(correlator) > 10 && strlen(correlator) <= 32);
    d.now_ms++;
    plan();
    CU_ASSERT_FALSE(str_is(s.plan.steps->correlator, correlator)); /* another time, another operation */
    end();
}

static void survives_running_out_of_memory(void)
{
    enum rc rc = RC_NOMEM;
    running(POLICY("    state: running\n"));
    sim_policy(&s,
               POLICY("    state: running\n    name: X\n    resources: {memory: {max: 2Gi}, net: {a: {mode: nat}}}\n"));
    sim_request(&s, "corp", "lock", "");
    sim_request(&s, "corp", "pause", "");
    struct pol_desired want;
    struct pol_plan out;
    struct pol_facts f = { .layout = d.l,
                           .schema = d.s,
                           .device = STR("x"),
                           .attrs = s.attrs,
                           .n_attrs = s.n_attrs,
                           .policies = s.policies,
                           .images = s.image,
                           .n_images = s.n_images,
                           .mirror = s.mirror,
                           .n_mirror = s.n_mirror,
                           .mirror_read = true,
                           .operations = s.op,
                           .n_operations = s.n_ops,
                           .now_ms = d.now_ms,
                           .kpi_due_before_ms = d.now_ms };
    CU_ASSERT_EQUAL_FATAL(pol_resolve(&f, &s.a, &want, NULL), RC_OK);
    for (size_t limit = 0; rc == RC_NOMEM; limit += 64) {
        struct arena a;
        CU_ASSERT_FATAL(limit < 1 << 20);
        arena_init(&a, limit);
        rc = pol_make_plan(&f, &want, &a, &out, NULL);
        arena_finish(&a);
    }
    CU_ASSERT_EQUAL(rc, RC_OK);
    end();
}

TEST_MAIN("policy.plan", TEST(first_contact_reads_everything_once),
          TEST(what_the_device_gave_up_after_crashes_is_not_started_again),
          TEST(a_device_without_the_object_is_told_so), TEST(a_vm_comes_into_being),
          TEST(a_long_operation_is_looked_after), TEST(changes_are_written_live_and_only_where_they_differ),
          TEST(what_waits_for_a_restart_gets_one), TEST(memory_of_a_running_vm_changes_by_stopping_it_gently),
          TEST(a_vm_is_not_powered_off_for_a_setting), TEST(nothing_is_decided_before_what_was_written_is_read_back),
          TEST(what_a_new_vm_may_not_have_waits_until_it_is_read), TEST(an_operation_of_the_plan_goes_again_as_it_was),
          TEST(an_operation_on_one_vm_holds_up_no_other), TEST(what_cannot_change_any_more_says_so),
          TEST(a_locked_vm_waits_and_a_locking_policy_parks_it), TEST(a_lock_by_hand_stands_until_a_newer_revision),
          TEST(a_start_by_hand_does_not_stand_in_the_way_of_the_same_wish), TEST(requests_come_first_and_one_at_a_time),
          TEST(requests_that_cannot_be_fail_with_a_reason), TEST(requests_keep_their_times),
          TEST(tree_commands_go_as_they_are), TEST(a_lost_answer_is_asked_after_before_anything_is_repeated),
          TEST(one_bad_command_does_not_hold_up_the_rest), TEST(a_device_that_keeps_another_value_is_asked_three_times),
          TEST(a_policy_that_cannot_be_decided_changes_nothing), TEST(absent_removes_the_vm_and_nothing_else_does),
          TEST(a_vm_of_another_authority_is_left_alone), TEST(whose_owner_is_not_known_is_sent_nothing),
          TEST(an_unknown_owner_is_asked_for_and_told), TEST(a_token_that_does_not_match_makes_it_look_again),
          TEST(kpis_are_read_when_they_are_due), TEST(another_image_is_an_upgrade_in_its_window),
          TEST(an_image_that_is_not_in_the_store_holds_up_only_the_image), TEST(a_failed_vm_needs_a_person),
          TEST(a_policy_may_keep_a_guest_its_power), TEST(what_waits_and_nobody_may_apply_is_not_settled),
          TEST(an_operation_that_keeps_failing_is_set_aside), TEST(same_facts_give_the_same_plan),
          TEST(the_layouts_texts_decide_nothing), TEST(what_was_given_up_is_not_started_whatever_it_is_called),
          TEST(survives_running_out_of_memory))
