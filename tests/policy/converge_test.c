/* SPDX-License-Identifier: Apache-2.0 */
/* From any start, with any policies: it settles, nothing is done twice, and then there is nothing more to do. */
#include "tests/lib/test.h"
#include "tests/policy/sim.h"
#include <stdlib.h>
#include <string.h>

static uint64_t seed;
static unsigned dice(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static struct policy_sim_device d;
static struct sim_shell s;

/* Settings a random policy may have, and their words. */
static const struct {
    const char *path;
    const char *words[3];
} pool[] = {
    { "qos: %s", { "interactive", "normal", "background" } },
    { "name: %s", { "Work", "Office", "Corporate" } },
    { "resources: {cpu: {vcpus: %s}}", { "1", "2", "4" } },
    { "crash: {action: %s}", { "restart", "stop", "alert" } },
    { "lease: {checkIn: %s, lockAfter: 72h}", { "12h", "24h", "48h" } },
    { "peripherals: {camera: %s, mic: denied}", { "denied", "shared", "foreground" } },
    { "upgrade: {trial: %s, window: 'daily 01:00-05:00'}", { "5m", "10m", "15m" } },
    { "policy: {lockAction: %s}", { "hide", "pause", "suspend" } },
    { "snapshots: {max: %s}", { "1", "2", "5" } },
};
static const char *const resources[] = {
    "resources: {cpu: {vcpus: 2, shares: 1500}, memory: {min: 512Mi, max: 1Gi}}",
    "resources: {cpu: {vcpus: 4, affinity: '4-7'}, memory: {max: 2Gi}}",
    "resources: {storage: {userdata: {quota: 4Gi}}, net: {corp0: {mode: vpn, down: 10M}}}",
    "resources: {storage: {userdata: {quota: 8Gi}, cache: {quota: 1Gi}}, memory: {max: 3Gi}}",
    "resources: {net: {corp0: {mode: nat}, corp1: {mode: bridge, up: 1M, priority: 3}}}",
};
static const char *const kpis[] = {
    "kpi: {interval: 60s}",
    "kpi: {thresholds: [{metric: CPU/StealPct, op: '>', value: 20, hold: 5m}]}",
    "kpi: {interval: 90s, thresholds: [{name: mem, metric: Memory/UsedKB, op: '>', value: 100}, {metric: CPU/UsagePct, value: 9}]}",
};

static void random_policy(struct sim_shell *sh, const char *vm)
{
    static const char *const goals[] = { "running", "stopped", "suspended", "paused", "absent" };
    struct buf b;
    buf_init(&b, 0);
    buf_printf(
        &b,
        "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p-%s, authority: acme-it}\nspec:\n  selector: 'true'\n  vm:\n"
        "    id: %s\n    guestType: android\n    image: corp-android:%u\n",
        vm, vm, 1 + dice(2));
    if (dice(8)) buf_printf(&b, "    state: %s\n", goals[dice(dice(3) ? 2 : 5)]);
    if (dice(3) == 0) buf_printf(&b, "    locked: %s\n", dice(2) ? "true" : "false");
    for (size_t i = 0; i < sizeof pool / sizeof pool[0]; i++)
        if (i != 2 && dice(2)) {
            char line[200];
            snprintf(line, sizeof line, "    %s\n", pool[i].path);
            char *at = strstr(line, "%s");
            *at = '\0';
            buf_printf(&b, "%s%s%s", line, pool[i].words[dice(3)], at + 2);
        }
    if (dice(4)) buf_printf(&b, "    %s\n", resources[dice(5)]);
    if (dice(2)) buf_printf(&b, "    %s\n", kpis[dice(3)]);
    sim_policy(sh, buf_z(&b));
    buf_finish(&b);
}

static const char *const vm_names[] = { "corp", "corp-2", "a" };

static void random_start(void)
{
    static const int states[] = { 10, 30, 50, 60, 80, 110 };
    for (unsigned i = 0; i < 3; i++) {
        if (dice(2)) continue;
        sim_make_vm(&d, vm_names[i], states[dice(6)]);
        sim_set(&d, DDF_VM, "guestType", str_of(vm_names[i]), "android");
        if (dice(2)) sim_set(&d, DDF_VM, "image", str_of(vm_names[i]), dice(2) ? "img1" : "img2");
        if (dice(4) == 0 && dice(2)) sim_set(&d, DDF_VM, "lockState", str_of(vm_names[i]), "10");
        if (dice(3) == 0) sim_set(&d, DDF_VM, "resources.pending", str_of(vm_names[i]), "true");
    }
}

/* What may stand at the end although there is nothing to do: the policy asks for what cannot be, and says so. */
static bool only_explained_waits(void)
{
    static const char *const fine[] = { "no policy gives it a state",   "waits: the VM is locked",
                                        "while the VM is stopped",      "an upgrade is not possible while",
                                        "wait for the VM's next start", "it holds data and is never made smaller" };
    for (const struct pol_wait *w = s.plan.waits; w; w = w->next) {
        bool ok = false;
        for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) ok |= strstr(w->why.p, fine[i]) != NULL;
        if (!ok) return false;
    }
    return s.plan.n_steps == 0;
}

static bool as_wanted(void)
{
    struct arena a;
    struct pol_desired want;
    bool ok = true;
    arena_init(&a, 64 << 20);
    struct pol_facts f = { .layout = d.l,
                           .schema = d.s,
                           .authority = STR("acme-it"),
                           .attrs = s.attrs,
                           .n_attrs = s.n_attrs,
                           .policies = s.policies,
                           .images = s.image,
                           .n_images = s.n_images };
    CU_ASSERT_EQUAL_FATAL(pol_resolve(&f, &a, &want, NULL), RC_OK);
    for (size_t i = 0; i < want.n_vms; i++) {
        const struct pol_vm *vm = &want.vms[i];
        struct str uri = ddf_layout_owner_uri(d.l, DDF_VM, vm->name, &a);
        bool gone = vm->goal && vm->goal->gone, locked = !str_is(sim_value(&d, DDF_VM, "lockState", vm->name), "30");
        if (!sim_find(&d, uri) || gone) {
            if ((vm->goal && !gone) || (gone && sim_find(&d, uri))) {
                printf("%.*s is %s\n", STR_ARG(vm->name), gone ? "still there" : "not there");
                ok = false;
            }
            continue;
        }
        int64_t state = 0;
        str_to_i64(sim_value(&d, DDF_VM, "state", vm->name), &state);
        if ((vm->goal && !locked && state != vm->goal->state) ||
            (vm->has_locked && locked != vm->locked && state != 10)) {
            printf("%.*s is in state %d, %s\n", STR_ARG(vm->name), (int)state, locked ? "locked" : "not locked");
            ok = false;
        }
        for (size_t k = 0; k < vm->n_values && s.plan.settled; k++) {
            const struct pol_value *v = &vm->values[k];
            struct str at = ddf_layout_uri(d.l, v->setting->entry, vm->name, v->setting->instance, &a);
            const struct sim_node *n = sim_find(&d, at);
            if (!n || !str_eq(n->value, v->wire)) {
                printf("%.*s is %.*s\n", STR_ARG(at), n ? (int)n->value.n : 4, n ? n->value.p : "none");
                ok = false;
            }
        }
    }
    arena_finish(&a);
    return ok;
}

static void report(uint64_t run, const char *what)
{
    printf("\nrun %llu: %s (refused %u, last %s; twice %u)\n", (unsigned long long)run, what, d.refused, d.refusal,
           d.twice);
    sim_print(&s);
}

/* MORE=20 makes it twenty times as long. */
static uint64_t runs(void)
{
    const char *more = getenv("MORE");
    return 40 * (uint64_t)(more && atoi(more) > 0 ? atoi(more) : 1);
}

static bool quiet(unsigned most)
{
    bool settled = sim_run(&s, most);
    return settled || only_explained_waits();
}

static bool one_run(uint64_t run, bool verbose)
{
    bool ok = true;
    seed = run;
    sim_device_init(&d, run + 1000);
    d.ticks = 1 + (int)dice(3);
    d.no_list = dice(4) == 0;
    d.no_atomic = dice(5) == 0;
    d.synchronous = dice(4) == 0;
    random_start();
    sim_shell_init(&s, &d);
    s.verbose = verbose;
    s.token = dice(2);
    if (dice(2)) s.kpi_due_ms = 1;
    sim_image(&s, "corp-android", "1", "img1");
    sim_image(&s, "corp-android", "2", "img2");
    for (unsigned round = 0; ok && round < 3; round++) {
        for (unsigned i = 0; i < 3; i++)
            if (dice(2)) random_policy(&s, vm_names[i]);
        if (!quiet(40)) {
            report(run, "does not settle");
            ok = false;
        } else if (!as_wanted()) {
            report(run, "is not as wanted");
            ok = false;
        }
        unsigned changes = d.changes;
        sim_session(&s); /* and then there is nothing to do */
        if (ok && (s.plan.n_steps || d.changes != changes)) {
            report(run, "goes on after it settled");
            ok = false;
        }
        if (s.token && dice(2)) { /* somebody changes something behind our back */
            for (unsigned i = 0; i < 3; i++)
                if (sim_find(&d, ddf_layout_owner_uri(d.l, DDF_VM, str_of(vm_names[i]), &d.a)))
                    sim_set(&d, DDF_VM, dice(2) ? "crash.maxRestarts" : "qos", str_of(vm_names[i]), "40");
        }
    }
    if (ok && (d.twice || d.refused)) {
        report(run, "something was refused or came twice");
        ok = false;
    }
    sim_shell_finish(&s);
    sim_device_finish(&d);
    return ok;
}

static void settles_from_anywhere(void)
{
    const char *one = getenv("RUN");
    unsigned bad = 0;
    if (one) {
        CU_ASSERT(one_run((uint64_t)atoll(one), true));
        return;
    }
    for (uint64_t run = 1; run <= runs() && bad < 3; run++) bad += !one_run(run, false);
    CU_ASSERT_EQUAL(bad, 0);
}

/* Now the device refuses and fails at random, and answers get lost; later it is well again. */
static bool rough_run(uint64_t run, bool verbose)
{
    bool ok = true;
    seed = run;
    sim_device_init(&d, run);
    d.ticks = 2;
    d.no_list = dice(4) == 0;
    d.synchronous = dice(3) == 0;
    random_start();
    sim_shell_init(&s, &d);
    s.verbose = verbose;
    s.token = true;
    sim_image(&s, "corp-android", "1", "img1");
    sim_image(&s, "corp-android", "2", "img2");
    for (unsigned i = 0; i < 3; i++) random_policy(&s, vm_names[i]);
    d.refuse_percent = 10;
    d.fail_percent = 20;
    s.lose_percent = 10;
    for (unsigned i = 0; ok && i < 10; i++) {
        if (sim_session(&s) >= 200) {
            report(run, "a session does not end");
            ok = false;
        }
        d.now_ms += 100000;
    }
    d.refuse_percent = d.fail_percent = s.lose_percent = 0;
    s.n_failures = 0; /* a person looked */
    if (ok && !quiet(60)) {
        report(run, "does not settle after the storm");
        ok = false;
    }
    if (ok && !as_wanted()) {
        report(run, "is not as wanted after the storm");
        ok = false;
    }
    if (d.twice) {
        report(run, "an operation came twice");
        ok = false;
    }
    sim_shell_finish(&s);
    sim_device_finish(&d);
    return ok;
}

static void survives_refusals_failures_and_lost_answers(void)
{
    const char *one = getenv("ROUGH");
    unsigned bad = 0;
    if (one) {
        CU_ASSERT(rough_run((uint64_t)atoll(one), true));
        return;
    }
    for (uint64_t run = 1; run <= runs() && bad < 3; run++) bad += !rough_run(run, false);
    CU_ASSERT_EQUAL(bad, 0);
}

TEST_MAIN("policy.converge", TEST(settles_from_anywhere), TEST(survives_refusals_failures_and_lost_answers))
