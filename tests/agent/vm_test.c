/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a VM (virtualization-mo.md c.5) in virtual time over the hypervisor in memory. */
#include "agent/vm/vm_int.h"
#include "tests/agent/vm_said.h"
#include "tests/lib/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* What the VM said, and the world it lives in. */
struct vm_rig {
    struct arena a;
    struct ddf_layout *layout;
    struct vm *vm;
    struct vm_world w;
    struct vm_sink sink;
    char said[8192];
    int saves, gone, completes, last_result;
};

static void on_save(void *ctx, struct vm *vm)
{
    (void)vm;
    ((struct vm_rig *)ctx)->saves++;
}

static void on_event(void *ctx, struct vm *vm, const struct vm_event *ev)
{
    struct vm_rig *r = ctx;
    vm_said(r->said, sizeof r->said, vm, ev);
    if (ev->kind != VM_EV_COMPLETE) return;
    r->completes++;
    r->last_result = ev->result;
}

static void on_gone(void *ctx, struct vm *vm)
{
    (void)vm;
    ((struct vm_rig *)ctx)->gone++;
}

static void open_rig(struct vm_rig *r)
{
    char file[1024];
    struct err e = { 0 };
    const char *source = getenv("DMVISOR_SOURCE");
    memset(r, 0, sizeof *r);
    arena_init(&r->a, 16 << 20);
    snprintf(file, sizeof file, "%s/ddf/layout/x-virmo-1.0.yaml", source ? source : ".");
    CU_ASSERT_FATAL(ddf_layout_load(file, &r->a, &r->layout, &e) == RC_OK);
    r->sink = (struct vm_sink){ r, on_save, on_event, on_gone };
    r->w = (struct vm_world){ .hv = hv_sim_create(100, 1),
                              .loader = download_sim_create(),
                              .layout = r->layout,
                              .sink = &r->sink,
                              .now_ms = 1000000,
                              .vms_dir = "" };
    CU_ASSERT_FATAL(r->w.hv && r->w.loader &&
                    vm_create("corp", "11111111-2222-3333-4444-555555555555", 0, &r->vm) == RC_OK);
    hv_sim_advance(r->w.hv, r->w.now_ms);
    r->vm->pub.want.vcpus = 1;
    r->vm->pub.want.max_vcpus = 2;
    r->vm->pub.want.mem_kb = r->vm->pub.want.mem_max_kb = 131072;
    r->vm->pub.want.heartbeat = true;
    r->vm->pub.image = (struct vm_image){
        .id = "img", .sha256 = SHA, .url = "x", .format = "bundle", .size_bytes = 1, .known = true
    };
}

static void close_rig(struct vm_rig *r)
{
    vm_destroy(r->vm);
    r->w.hv->class->destroy(r->w.hv);
    download_destroy(r->w.loader);
    arena_finish(&r->a);
}

/* Let `ms` pass, in steps as the agent's loop would take them. */
static void pass(struct vm_rig *r, int64_t ms)
{
    const int64_t end = r->w.now_ms + ms;
    struct hv_event ev;
    struct download_event le;
    for (;; r->w.now_ms += 50) {
        hv_sim_advance(r->w.hv, r->w.now_ms);
        while (download_next(r->w.loader, &le)) vm_loader_event(r->vm, &r->w, &le);
        while (r->w.hv->class->next(r->w.hv, &ev)) vm_hv_event(r->vm, &r->w, &ev);
        if (!r->gone) vm_tick(r->vm, &r->w);
        if (r->w.now_ms >= end) return;
    }
}

static int op(struct vm_rig *r, const char *name, const char *args, const char *correlator)
{
    return vm_operation(r->vm, &r->w, name, str_of(args), correlator, "dm.example.net");
}

/* Into one of the stable states by real operations. */
static void bring(struct vm_rig *r, int state)
{
    if (state == VM_DEFINED) return;
    CU_ASSERT_EQUAL(op(r, "provision", state == VM_STOPPED ? "" : "start=1", "b1"), 202);
    pass(r, 10000);
    if (state == VM_PAUSED) op(r, "pause", "", "b2");
    if (state == VM_SUSPENDED) op(r, "suspend", "", "b2");
    if (state == VM_CRASHED) {
        r->vm->pub.policy.crash_action = 0;
        hv_sim_crash(r->w.hv, r->vm->pub.want.uuid, HV_C_PANIC);
    }
    pass(r, 1000);
    if (state == VM_FAILED) r->vm->pub.state = VM_FAILED;
    CU_ASSERT_EQUAL((int)r->vm->pub.state, state);
    r->said[0] = '\0';
    r->completes = 0;
}

/* c.5.3: one row an operation; columns 10 30 50 60 80 110 160; 0 = accepted. */
static void takes_and_refuses_operations_as_the_table_says(void)
{
    static const int state[] = { 10, 30, 50, 60, 80, 110, 160 };
    static const struct {
        const char *op, *args;
        int want[7];
        int locked;
    } row[] = {
        { "provision", "", { 0, 1410, 1410, 1410, 1410, 1410, 1410 }, 0 },
        { "start", "", { 1410, 0, 1203, 1410, 1410, 0, 1410 }, 1442 },
        { "stop", "", { 1410, 1203, 0, 0, 0, 0, 1410 }, 0 },
        { "shutdown", "", { 1410, 1410, 0, 1410, 1410, 1410, 1410 }, 0 },
        { "reboot", "", { 1410, 1410, 0, 1410, 1410, 1410, 1410 }, 1442 },
        { "reset", "", { 1410, 1410, 0, 0, 1410, 0, 1410 }, 1442 },
        { "pause", "", { 1410, 1410, 0, 1203, 1410, 1410, 1410 }, 0 },
        { "resume", "", { 1410, 1410, 1203, 0, 0, 1410, 1410 }, 1442 },
        { "suspend", "", { 1410, 1410, 0, 0, 1203, 1410, 1410 }, 0 },
        { "lock", "", { 1410, 0, 0, 0, 0, 0, 0 }, 0 },
        { "wipe", "", { 1410, 0, 0, 0, 0, 0, 0 }, 0 },
        { "delete", "", { 1410, 0, 1410, 1410, 0, 0, 0 }, 0 },
        { "delete", "force=1", { 1410, 0, 0, 0, 0, 0, 0 }, 0 },
        { "applyResources", "", { 1410, 0, 0, 1410, 1410, 0, 1410 }, 0 },
        { "upgrade", "", { 1411, 1411, 1411, 1411, 1411, 1411, 1411 }, 0 },
        { "nonsense", "", { 1411, 1411, 1411, 1411, 1411, 1411, 1411 }, 0 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        for (size_t s = 0; s < 7; s++) {
            struct vm_rig r;
            open_rig(&r);
            bring(&r, state[s]);
            int got = op(&r, row[i].op, row[i].args, "c1"), want = row[i].want[s] ? row[i].want[s] : 202;
            CU_ASSERT_EQUAL(got, want);
            if (got != want)
                fprintf(stderr, "%s %s in %d: %d, expected %d\n", row[i].op, row[i].args, state[s], got, want);
            close_rig(&r);
        }
}

static void refuses_while_locked_what_would_run_it(void)
{
    static const char *const refused[] = { "start", "resume", "reset" };
    struct vm_rig r;
    open_rig(&r);
    bring(&r, VM_PAUSED);
    CU_ASSERT_EQUAL(op(&r, "lock", "", "c1"), 202);
    pass(&r, 1000);
    CU_ASSERT_EQUAL(r.vm->pub.lock, VM_LOCKED);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) CU_ASSERT_EQUAL(op(&r, refused[i], "", "c2"), 1442);
    CU_ASSERT_EQUAL(op(&r, "stop", "", "c3"), 202);
    close_rig(&r);
}

static void provisions_starts_and_tells_once(void)
{
    struct vm_rig r;
    open_rig(&r);
    CU_ASSERT_EQUAL(op(&r, "provision", "start=1", "job-1"), 202);
    CU_ASSERT(r.saves > 0);                                        /* kept before the 202 leaves */
    CU_ASSERT_EQUAL(op(&r, "provision", "start=1", "job-1"), 202); /* the same again: nothing twice */
    pass(&r, 10000);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_RUNNING);
    CU_ASSERT_EQUAL(r.completes, 1);
    CU_ASSERT_EQUAL(r.last_result, 1200);
    CU_ASSERT_EQUAL(r.vm->pub.boot_count, 1);
    CU_ASSERT(r.vm->pub.boot_time_ms > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.said, "state   old=10;new=20"));
    CU_ASSERT_PTR_NOT_NULL(strstr(r.said, "state   old=40;new=50"));
    CU_ASSERT_EQUAL(op(&r, "provision", "start=1", "job-1"), 1200); /* finished: the same outcome again */
    CU_ASSERT_EQUAL(r.completes, 1);
    close_rig(&r);
}

static void one_operation_at_a_time(void)
{
    struct vm_rig r;
    open_rig(&r);
    bring(&r, VM_STOPPED);
    CU_ASSERT_EQUAL(op(&r, "start", "", "c1"), 202);
    CU_ASSERT_EQUAL(op(&r, "lock", "", "c2"), 1444);
    CU_ASSERT_EQUAL(op(&r, "stop", "", "c3"), 1444); /* not powered on yet: DEFINE is under way */
    pass(&r, 150);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_STARTING);
    CU_ASSERT_EQUAL(op(&r, "stop", "", "c4"), 202); /* c.5.3: Stop is taken from 40 */
    pass(&r, 2000);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_STOPPED);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.said, "complete start c1 1445"));
    CU_ASSERT_PTR_NOT_NULL(strstr(r.said, "complete stop c4 1200"));
    close_rig(&r);
}

static void failures_leave_the_state_the_table_says(void)
{
    static const struct {
        int from;
        const char *op;
        enum hv_call call;
        int code, state;
    } row[] = {
        { 10, "provision", HV_DEFINE, 1427, 10 }, { 30, "start", HV_START, 1428, 30 },
        { 50, "pause", HV_PAUSE, 1430, 50 },      { 60, "resume", HV_RESUME, 1431, 60 },
        { 80, "resume", HV_RESTORE, 1431, 80 },   { 50, "suspend", HV_SAVE, 1432, 50 },
        { 50, "stop", HV_DESTROY, 1429, 50 },     { 30, "delete", HV_UNDEFINE, 1441, 160 },
        { 50, "lock", HV_PAUSE, 1402, 50 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct vm_rig r;
        open_rig(&r);
        bring(&r, row[i].from);
        hv_sim_fail(r.w.hv, row[i].call, RC_IO, "broken on purpose");
        CU_ASSERT_EQUAL(op(&r, row[i].op, "", "c1"), 202);
        pass(&r, 10000);
        CU_ASSERT_EQUAL(r.last_result, row[i].code);
        CU_ASSERT_EQUAL((int)r.vm->pub.state, row[i].state);
        CU_ASSERT_STRING_EQUAL(r.vm->pub.progress.text, "broken on purpose");
        if (r.last_result != row[i].code || (int)r.vm->pub.state != row[i].state)
            fprintf(stderr, "%s from %d: %d, state %d\n%s", row[i].op, row[i].from, r.last_result, r.vm->pub.state,
                    r.said);
        close_rig(&r);
    }
}

static void lock_actions_and_what_unlock_undoes(void)
{
    static const struct {
        int action, while_locked;
    } row[] = { { 0, 50 }, { 1, 60 }, { 2, 80 }, { 3, 30 } };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct vm_rig r;
        open_rig(&r);
        bring(&r, VM_RUNNING);
        r.vm->pub.policy.lock_action = row[i].action;
        CU_ASSERT_EQUAL(op(&r, "lock", "", "c1"), 202);
        pass(&r, 3000);
        CU_ASSERT_EQUAL((int)r.vm->pub.state, row[i].while_locked);
        CU_ASSERT_EQUAL(r.vm->pub.lock, VM_LOCKED);
        CU_ASSERT_EQUAL(op(&r, "lock", "", "c2"), 1203);
        CU_ASSERT_EQUAL(op(&r, "unlock", "", "c3"), 202);
        pass(&r, 5000);
        CU_ASSERT_EQUAL(r.vm->pub.state, VM_RUNNING);
        CU_ASSERT_EQUAL(r.vm->pub.lock, VM_UNLOCKED);
        close_rig(&r);
    }
}

static void what_was_stopped_before_the_lock_stays_stopped(void)
{
    struct vm_rig r;
    open_rig(&r);
    bring(&r, VM_STOPPED);
    op(&r, "lock", "", "c1");
    pass(&r, 1000);
    op(&r, "unlock", "", "c2");
    pass(&r, 5000);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_STOPPED);
    close_rig(&r);
}

static void a_guest_that_does_not_come_up_is_a_crash(void)
{
    struct vm_rig r;
    struct hv_event ev;
    open_rig(&r);
    bring(&r, VM_STOPPED);
    r.vm->pub.policy.boot_timeout_s = 20;
    r.vm->pub.policy.crash_action = 0;
    op(&r, "start", "", "c1");
    for (int64_t end = r.w.now_ms + 30000; r.w.now_ms < end; r.w.now_ms += 100) { /* nobody says that the guest is up */
        hv_sim_advance(r.w.hv, r.w.now_ms);
        while (r.w.hv->class->next(r.w.hv, &ev))
            if (ev.kind != HV_EV_READY) vm_hv_event(r.vm, &r.w, &ev);
        vm_tick(r.vm, &r.w);
    }
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_CRASHED);
    CU_ASSERT_EQUAL(r.last_result, 1428);
    CU_ASSERT_EQUAL(r.vm->pub.crash_reason, 7);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.said, "crash   reason=7;count=1;action=0"));
    close_rig(&r);
}

static void a_crash_restarts_with_growing_delay_then_escalates(void)
{
    struct vm_rig r;
    open_rig(&r);
    bring(&r, VM_RUNNING);
    r.vm->pub.policy.max_restarts = 2;
    for (int i = 0; i < 2; i++) {
        hv_sim_crash(r.w.hv, r.vm->pub.want.uuid, HV_C_PANIC);
        pass(&r, 500);
        CU_ASSERT_EQUAL(r.vm->pub.state, VM_CRASHED);
        pass(&r, i ? 3000 : 1000); /* 2 s, then 4 s */
        CU_ASSERT_EQUAL(r.vm->pub.state, VM_CRASHED);
        pass(&r, 8000);
        CU_ASSERT_EQUAL(r.vm->pub.state, VM_RUNNING);
    }
    hv_sim_crash(r.w.hv, r.vm->pub.want.uuid, HV_C_WATCHDOG);
    pass(&r, 5000);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_STOPPED); /* escalation: stop */
    CU_ASSERT_PTR_NOT_NULL(strstr(r.said, "loop   2"));
    CU_ASSERT_EQUAL(r.vm->pub.crash_count, 3);
    CU_ASSERT_EQUAL(r.vm->pub.crash_reason, 2);
    CU_ASSERT_EQUAL(r.completes, 0); /* its own doing ends no operation */
    close_rig(&r);
}

static void crashes_outside_the_window_do_not_count(void)
{
    struct vm_rig r;
    open_rig(&r);
    bring(&r, VM_RUNNING);
    r.vm->pub.policy.max_restarts = 1;
    r.vm->pub.policy.window_s = 60;
    for (int i = 0; i < 4; i++) {
        hv_sim_crash(r.w.hv, r.vm->pub.want.uuid, HV_C_PANIC);
        pass(&r, 100000);
        CU_ASSERT_EQUAL(r.vm->pub.state, VM_RUNNING);
    }
    CU_ASSERT_PTR_NULL(strstr(r.said, "loop"));
    close_rig(&r);
}

/* Until the restart comes the VM is the device's: a server's Start waits, a Stop calls it off. */
static void a_pending_restart_is_the_devices_own(void)
{
    struct vm_rig r;
    open_rig(&r);
    bring(&r, VM_RUNNING);
    r.vm->pub.policy.restart_delay_s = 60;
    hv_sim_crash(r.w.hv, r.vm->pub.want.uuid, HV_C_PANIC);
    pass(&r, 400);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_CRASHED);
    CU_ASSERT_EQUAL(op(&r, "start", "", "c1"), 1444);
    CU_ASSERT_EQUAL(op(&r, "reset", "", "c2"), 1444);
    CU_ASSERT_STRING_EQUAL(r.vm->pub.progress.op, "reset");
    CU_ASSERT_EQUAL(r.vm->pub.progress.phase, 2); /* waiting for a condition */
    CU_ASSERT_EQUAL(r.vm->pub.progress.result, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.vm->pub.progress.text, "restarts the VM after a crash, restart 1 of 3"));
    pass(&r, 58000);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_CRASHED);
    CU_ASSERT_EQUAL(op(&r, "stop", "", "c3"), 202);
    pass(&r, 70000);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_STOPPED);
    CU_ASSERT_EQUAL(r.vm->pub.boot_count, 1);
    CU_ASSERT_EQUAL(op(&r, "start", "", "c4"), 202);
    close_rig(&r);
}

static struct vm *reload(struct vm_rig *r)
{
    struct buf b;
    struct vm *again = NULL;
    buf_init(&b, 0);
    CU_ASSERT_EQUAL(vm_save(r->vm, &b), RC_OK);
    CU_ASSERT_EQUAL_FATAL(vm_load(buf_str(&b), &again, NULL), RC_OK);
    buf_finish(&b);
    vm_destroy(r->vm);
    return r->vm = again;
}

static void a_pending_restart_outlives_the_agent(void)
{
    struct vm_rig r;
    open_rig(&r);
    bring(&r, VM_RUNNING);
    r.vm->pub.policy.restart_delay_s = 60;
    hv_sim_crash(r.w.hv, r.vm->pub.want.uuid, HV_C_PANIC);
    pass(&r, 400);
    vm_recover(reload(&r), &r.w, HV_CRASHED);
    CU_ASSERT_EQUAL(r.vm->pub.crash_count, 1); /* counted already */
    CU_ASSERT_EQUAL(op(&r, "start", "", "c1"), 1444);
    pass(&r, 58000);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_CRASHED);
    pass(&r, 10000);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_RUNNING);
    CU_ASSERT_EQUAL(r.vm->pub.crash_count, 1);
    close_rig(&r);
}

static void a_crash_that_nobody_saw_is_a_crash(void)
{
    struct vm_rig r;
    open_rig(&r);
    bring(&r, VM_RUNNING);
    hv_sim_crash(r.w.hv, r.vm->pub.want.uuid, HV_C_PANIC);
    vm_recover(reload(&r), &r.w, HV_CRASHED);
    CU_ASSERT_EQUAL(r.vm->pub.crash_count, 1);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_CRASHED);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.said, "crash   reason=99;count=1"));
    pass(&r, 10000);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_RUNNING);
    CU_ASSERT_EQUAL(r.vm->pub.crash_count, 1);
    close_rig(&r);
}

/* The crashed guest's domain is preserved, and has to go before the guest can start. */
static void a_start_from_crashed_stops_first(void)
{
    struct vm_rig r;
    open_rig(&r);
    bring(&r, VM_CRASHED); /* action: alert only */
    pass(&r, 600000);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_CRASHED); /* and nobody overrides it */
    CU_ASSERT_EQUAL(op(&r, "start", "", "c1"), 202);
    pass(&r, 10000);
    CU_ASSERT_EQUAL(r.last_result, 1200);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_RUNNING);
    CU_ASSERT_EQUAL(r.vm->pub.crash_count, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.said, "old=110;new=30"));
    close_rig(&r);
}

static void a_panic_while_booting_is_one_crash_with_its_own_reason(void)
{
    struct vm_rig r;
    open_rig(&r);
    bring(&r, VM_STOPPED);
    r.vm->pub.policy.crash_action = 0;
    op(&r, "start", "", "c1");
    pass(&r, 1000);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_STARTING);
    hv_sim_crash(r.w.hv, r.vm->pub.want.uuid, HV_C_PANIC);
    pass(&r, 200000);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_CRASHED);
    CU_ASSERT_EQUAL(r.last_result, 1428);
    CU_ASSERT_EQUAL(r.vm->pub.crash_count, 1);
    CU_ASSERT_EQUAL(r.vm->pub.crash_reason, 1);
    close_rig(&r);
}

static void a_guest_that_stops_by_itself_is_stopped(void)
{
    struct vm_rig r;
    open_rig(&r);
    bring(&r, VM_RUNNING);
    hv_sim_crash(r.w.hv, r.vm->pub.want.uuid, HV_C_GUEST);
    pass(&r, 1000);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_STOPPED);
    CU_ASSERT_EQUAL(r.vm->pub.reason, 3);
    close_rig(&r);
}

static void deletes_and_says_gone_after_the_result(void)
{
    struct vm_rig r;
    open_rig(&r);
    bring(&r, VM_RUNNING);
    CU_ASSERT_EQUAL(op(&r, "delete", "force=1", "c1"), 202);
    pass(&r, 3000);
    CU_ASSERT_EQUAL(r.gone, 1);
    CU_ASSERT_EQUAL(r.last_result, 1200);
    close_rig(&r);
}

static void resources_apply_live_or_wait(void)
{
    struct vm_rig r;
    open_rig(&r);
    bring(&r, VM_RUNNING);
    r.vm->pub.want.vcpus = 2;
    vm_resources_changed(r.vm, &r.w);
    CU_ASSERT(r.vm->pub.pending);
    pass(&r, 1000);
    CU_ASSERT(!r.vm->pub.pending);
    CU_ASSERT_EQUAL(r.vm->pub.effective.vcpus, 2);
    CU_ASSERT_EQUAL(op(&r, "applyResources", "restart=1", "c1"), 202);
    pass(&r, 1000);
    CU_ASSERT_EQUAL(r.last_result, 1203); /* nothing was pending: no restart */
    CU_ASSERT_EQUAL(r.vm->pub.boot_count, 1);
    close_rig(&r);
}

/* What a hypervisor shows of the VM when it is looked at. */
static void shown(struct vm_rig *r, struct hv_in_force is)
{
    struct hv_event ev = {
        .kind = HV_EV_DONE, .call = HV_LOOK, .state = HV_RUNNING, .cause = HV_C_OUTSIDE, .in_force = &is
    };
    snprintf(ev.uuid, sizeof ev.uuid, "%s", r->vm->pub.want.uuid);
    CU_ASSERT(vm_hv_event(r->vm, &r->w, &ev));
}

/* Each figure is believed, whoever changed it; what is again as it shall be waits no more. */
static void what_is_in_force_is_what_is_shown(void)
{
    struct hv_in_force row[] = {
        { .shares = 333 },    { .limit_pct = 50 },      { .affinity = "1" }, { .mem_kb = 100000 }, { .vcpus = 2 },
        { .watchdog_s = 30 }, { .detect_panic = true }, { .max_vcpus = 4 },  { .mem_max_kb = 1 },  { .net = { true } },
    };
    struct vm_rig r;
    open_rig(&r);
    r.vm->pub.want.n_nets = 1;
    snprintf(r.vm->pub.want.nets[0].name, sizeof r.vm->pub.want.nets[0].name, "n0");
    bring(&r, VM_RUNNING);
    const struct hv_in_force right = { .vcpus = 1, .max_vcpus = 2, .mem_kb = 131072, .mem_max_kb = 131072 };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct hv_in_force *is = &row[i];
        if (!is->vcpus) is->vcpus = right.vcpus;
        if (!is->max_vcpus) is->max_vcpus = right.max_vcpus;
        if (!is->mem_kb) is->mem_kb = right.mem_kb;
        if (!is->mem_max_kb) is->mem_max_kb = right.mem_max_kb;
        shown(&r, *is);
        CU_ASSERT(r.vm->pub.pending);
        shown(&r, right);
        CU_ASSERT(!r.vm->pub.pending);
    }
    close_rig(&r);
}

static void an_interrupted_operation_ends_with_1448_after_a_restart(void)
{
    struct vm_rig r;
    struct buf b;
    struct vm *again = NULL;
    struct err e = { 0 };
    open_rig(&r);
    bring(&r, VM_STOPPED);
    op(&r, "start", "", "job-9");
    pass(&r, 150);
    buf_init(&b, 0);
    CU_ASSERT_EQUAL(vm_save(r.vm, &b), RC_OK);
    CU_ASSERT_EQUAL_FATAL(vm_load(buf_str(&b), &again, &e), RC_OK);
    CU_ASSERT_EQUAL(again->pub.state, VM_STARTING);
    r.said[0] = '\0';
    vm_recover(again, &r.w, HV_RUNNING);
    CU_ASSERT_EQUAL(again->pub.state, VM_STARTING); /* whether it comes up is still to be seen */
    CU_ASSERT_PTR_NOT_NULL(strstr(r.said, "complete start job-9 1448"));
    CU_ASSERT_EQUAL(vm_operation(again, &r.w, "start", STR(""), "job-9", "s"), 1448); /* and is never done twice */
    vm_destroy(again);
    buf_finish(&b);
    close_rig(&r);
}

/* The agent ended while the guest booted: its word may have come meanwhile, may still come, or never. */
static void a_guest_that_booted_without_the_agent_is_waited_for(void)
{
    for (int comes = 0; comes < 2; comes++) {
        struct vm_rig r;
        open_rig(&r);
        bring(&r, VM_RUNNING);
        if (!comes) hv_sim_fail(r.w.hv, HV_LOOK, RC_TIMEOUT, "no look");
        r.vm->pub.state = VM_STARTING;
        r.vm->pub.policy.crash_action = 0;
        vm_recover(r.vm, &r.w, HV_RUNNING);
        CU_ASSERT_EQUAL(r.vm->pub.state, VM_STARTING);
        pass(&r, comes ? 1000 : 130000);
        CU_ASSERT_EQUAL(r.vm->pub.state, comes ? VM_RUNNING : VM_CRASHED);
        CU_ASSERT_EQUAL(r.vm->pub.crash_reason, comes ? 0 : 7);
        close_rig(&r);
    }
}

static void recovers_every_state(void)
{
    static const struct {
        int was;
        enum hv_state seen;
        int auto_start, now;
    } row[] = {
        { 50, HV_RUNNING, 1, 50 },  { 50, HV_OFF, 0, 30 },   { 60, HV_PAUSED, 1, 60 }, { 80, HV_SAVED, 1, 80 },
        { 30, HV_OFF, 1, 30 },      { 20, HV_OFF, 1, 10 },   { 10, HV_GONE, 1, 10 },   { 110, HV_OFF, 0, 110 },
        { 50, HV_CRASHED, 0, 110 }, { 160, HV_OFF, 1, 160 }, { 100, HV_OFF, 0, 30 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct vm_rig r;
        open_rig(&r);
        r.vm->pub.state = (enum vm_state)row[i].was;
        r.vm->pub.policy.auto_start = row[i].auto_start;
        vm_recover(r.vm, &r.w, row[i].seen);
        CU_ASSERT_EQUAL((int)r.vm->pub.state, row[i].now);
        close_rig(&r);
    }
}

static void what_ran_runs_again_after_the_device_restarted(void)
{
    struct vm_rig r;
    open_rig(&r);
    bring(&r, VM_RUNNING);
    hv_sim_crash(r.w.hv, r.vm->pub.want.uuid, HV_C_GUEST);
    vm_recover(r.vm, &r.w, HV_OFF);
    pass(&r, 6000);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_RUNNING);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.said, "reason=5"));
    close_rig(&r);
}

static void a_damaged_record_is_refused(void)
{
    static const char *const text[] = { "", "[]", "{\"id\":\"x\"}", "{\"id\":\"x\",\"uuid\":\"y\",\"state\":\"z\"}",
                                        "{\"id\":\"a-name-that-is-far-too-long-for-a-node\",\"uuid\":\"y\"}" };
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        struct vm *vm = NULL;
        CU_ASSERT_NOT_EQUAL(vm_load(str_of(text[i]), &vm, NULL), RC_OK);
        CU_ASSERT_PTR_NULL(vm);
    }
}

TEST_MAIN("agent.vm", TEST(takes_and_refuses_operations_as_the_table_says),
          TEST(refuses_while_locked_what_would_run_it), TEST(provisions_starts_and_tells_once),
          TEST(one_operation_at_a_time), TEST(failures_leave_the_state_the_table_says),
          TEST(lock_actions_and_what_unlock_undoes), TEST(what_was_stopped_before_the_lock_stays_stopped),
          TEST(a_guest_that_does_not_come_up_is_a_crash), TEST(a_crash_restarts_with_growing_delay_then_escalates),
          TEST(crashes_outside_the_window_do_not_count), TEST(a_pending_restart_is_the_devices_own),
          TEST(a_pending_restart_outlives_the_agent), TEST(a_crash_that_nobody_saw_is_a_crash),
          TEST(a_start_from_crashed_stops_first), TEST(a_panic_while_booting_is_one_crash_with_its_own_reason),
          TEST(a_guest_that_stops_by_itself_is_stopped), TEST(deletes_and_says_gone_after_the_result),
          TEST(resources_apply_live_or_wait), TEST(what_is_in_force_is_what_is_shown),
          TEST(an_interrupted_operation_ends_with_1448_after_a_restart), TEST(recovers_every_state),
          TEST(a_guest_that_booted_without_the_agent_is_waited_for),
          TEST(what_ran_runs_again_after_the_device_restarted), TEST(a_damaged_record_is_refused))
