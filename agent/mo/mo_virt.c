/* SPDX-License-Identifier: Apache-2.0 */
/* The virtualization object's device-wide part: facts of the hypervisor, settings, operations over all VMs
 * (virtualization-mo.md c.2). */
#include "agent/mo/mo.h"
#include <string.h>

enum { FACTS_FRESH_MS = 5000 };

#define H(member) offsetof(struct hv_facts, member)
static const struct mo_field facts[] = {
    { "hypervisor.name", MO_TEXT, H(name), false },
    { "hypervisor.vendor", MO_TEXT, H(vendor), true },
    { "hypervisor.version", MO_TEXT, H(version), false },
    { "hypervisor.type", MO_INT, H(type), false },
    { "hypervisor.arch", MO_TEXT, H(arch), false },
    { "hypervisor.upTimeS", MO_I64, H(uptime_s), false },
    { "hypervisor.maxVms", MO_INT, H(max_vms), false },
    { "hypervisor.maxVcpus", MO_INT, H(max_vcpus), false },
    { "hypervisor.guestTypes", MO_TEXT, H(guest_types), false },
    { "hypervisor.imageFormats", MO_TEXT, H(image_formats), false },
    { "hypervisor.cpu.total", MO_INT, H(cpu_total), false },
    { "hypervisor.cpu.online", MO_INT, H(cpu_online), false },
    { "hypervisor.memory.totalKB", MO_I64, H(mem_total_kb), false },
    { "hypervisor.memory.freeKB", MO_I64, H(mem_free_kb), false },
    { "hypervisor.storage.totalKB", MO_I64, H(store_total_kb), false },
    { "hypervisor.storage.freeKB", MO_I64, H(store_free_kb), false },
    { "hypervisor.cap.pause", MO_BOOL, H(pause), false },
    { "hypervisor.cap.suspend", MO_BOOL, H(suspend), false },
    { "hypervisor.cap.balloon", MO_BOOL, H(balloon), false },
    { "hypervisor.cap.cpuHotplug", MO_BOOL, H(cpu_hotplug), false },
    { "hypervisor.cap.rtSched", MO_BOOL, H(rt_sched), false },
    { "hypervisor.cap.watchdog", MO_BOOL, H(watchdog), false },
    { "kpi.cpuPct", MO_INT, H(cpu_pct), false },
    { "kpi.memUsedKB", MO_I64, H(mem_used_kb), false },
    { "kpi.tempC", MO_INT, H(temp_c), true },
};

static bool get_fact(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_env *env = ctx;

    return env->host.known && mo_text(at->row->arg, &env->host.facts, a, out);
}

static bool get_version(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    (void)ctx, (void)at, (void)a;
    *out = STR("1.0");
    return true;
}

/* 10 operational, 20 degraded: see the hypervisor's name; 40 failed: the hypervisor does not answer */
static bool get_state(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_env *env = ctx;

    (void)at, (void)a;
    *out = !env->host.known ? STR("40") : env->host.facts.degraded ? STR("20") : STR("10");
    return true;
}

static bool get_committed(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_env *env = ctx;
    int64_t sum = 0;

    (void)at;
    for (size_t i = 0; i < env->vms.n; i++)
        if (env->vms.at[i].is->state == VM_RUNNING || env->vms.at[i].is->state == VM_PAUSED)
            sum += env->vms.at[i].is->effective.vcpus;
    *out = mo_number(a, sum);
    return true;
}

static bool count_state(struct mo_env *env, enum vm_state state, struct arena *a, struct str *out)
{
    int64_t n = 0;

    for (size_t i = 0; i < env->vms.n; i++) n += env->vms.at[i].is->state == state;
    *out = mo_number(a, n);
    return true;
}

static bool get_running(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    (void)at;
    return count_state(ctx, VM_RUNNING, a, out);
}

static bool get_crashed(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    (void)at;
    return count_state(ctx, VM_CRASHED, a, out);
}

static bool get_sample_time(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_env *env = ctx;

    (void)at;
    *out = mo_time(env, env->host.at_ms, a);
    return true;
}

void mo_virt_facts(struct mo_env *env, bool now)
{
    struct hv_facts f = { 0 };

    if (!now && env->host.known && env->w->now_ms - env->host.at_ms < FACTS_FRESH_MS) return;
    env->host.known = !env->hv->class->facts(env->hv, &f, NULL);
    if (!env->host.known) return;
    env->host.facts = f;
    env->host.at_ms = env->w->now_ms;
}

/* Settings that the agent applies; the tree stores the values. */
#define S(member) offsetof(struct mo_settings, member)
static const struct mo_field settings[] = {
    { "kpi.interval", MO_I64, S(kpi_interval_s), false },
    { "config.progressStep", MO_I64, S(progress_step), false },
    { "config.progressGap", MO_I64, S(progress_gap_s), false },
    { "config.stateAlerts", MO_I64, S(state_alerts), false },
    { "config.coalesce", MO_I64, S(coalesce_s), false },
};

void mo_virt_settings(struct mo_env *env)
{
    struct arena a;
    struct str v;

    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < MO_COUNT(settings); i++)
        if (mo_kept(env, DDF_DEVICE, settings[i].name, (struct str){ 0 }, (struct str){ 0 }, &a, &v))
            mo_set(&settings[i], &env->settings, v);
    arena_finish(&a);
    if (env->settings.kpi_interval_s <= 0)
        env->sample_ms = INT64_MAX;
    else if (env->w &&
             (env->sample_ms == INT64_MAX || env->sample_ms > env->w->now_ms + env->settings.kpi_interval_s * 1000))
        env->sample_ms = env->w->now_ms + env->settings.kpi_interval_s * 1000;
}

static void setting_changed(void *ctx, const struct tree_at *at, enum tree_what what, struct str old)
{
    (void)at, (void)what, (void)old;
    mo_virt_settings(ctx);
}

/* --- operations over all VMs --- */

/* c.10: a server locks the VMs of its own domain only. */
static bool owned(struct mo_env *env, const struct vm *vm, struct str server)
{
    return !server.n || mo_owns(env, vm_view(vm)->id, server);
}

/* One part of the job in every VM of the caller; those that end at once are counted at once. */
static int over_all(struct mo_env *env, const struct tree_at *at, const struct tree_call *call, const char *op,
                    const char *part)
{
    struct job *j = jobs_begin(env, op, (struct str){ 0 }, at->uri, call);
    struct vm_world w = mo_vm_world(env);
    char correlator[VM_CORRELATOR_BYTES];
    int worst = 1200;

    if (!j) return 1444;
    jobs_part_name(j, correlator, sizeof correlator);
    mo_settle(env);
    j->waiting = 1; /* for this loop: parts that end inside it do not end the job */
    for (size_t i = 0; i < env->vms.n; i++) {
        struct vm *vm = env->vms.at[i].vm;
        int result;
        if (vm_view(vm)->state == VM_DEFINED || !owned(env, vm, call->server)) continue;
        j->waiting++;
        result = vm_operation(vm, &w, part, call->args, correlator, j->server_id);
        if (result == 202) continue;
        j->waiting--;
        if (result > worst && result >= 1400) worst = result;
    }
    if (--j->waiting == 0) return jobs_end_now(env, j, j->result > worst ? j->result : worst);
    if (worst > j->result) j->result = worst;
    jobs_save(env, j);
    return 202;
}

static int lock_all(struct mo_env *env, const struct tree_at *at, const struct tree_call *call)
{
    return over_all(env, at, call, "lockAll", "lock");
}

static int unlock_all(struct mo_env *env, const struct tree_at *at, const struct tree_call *call)
{
    return over_all(env, at, call, "unlockAll", "unlock");
}

static int refresh(struct mo_env *env, const struct tree_at *at, const struct tree_call *call)
{
    struct job *j = jobs_begin(env, "refresh", (struct str){ 0 }, at->uri, call);

    struct vm_world w = mo_vm_world(env);

    if (!j) return 1444;
    mo_virt_facts(env, true);
    mo_compare(env, &w);
    env->changes++;
    return jobs_end_now(env, j, env->host.known ? 1200 : 1511);
}

static int collect_all(struct mo_env *env, const struct tree_at *at, const struct tree_call *call)
{
    struct job *j = jobs_begin(env, "collectAll", (struct str){ 0 }, at->uri, call);
    struct vm_world w = mo_vm_world(env);

    if (!j) return 1444;
    mo_virt_facts(env, true);
    for (size_t i = 0; i < env->vms.n; i++)
        if (env->vms.at[i].is->state == VM_RUNNING) {
            j->waiting++;
            vm_collect(env->vms.at[i].vm, &w);
        }
    if (!j->waiting) return jobs_end_now(env, j, 1200);
    jobs_save(env, j);
    return 202;
}

static const struct {
    const char *name;
    int (*run)(struct mo_env *env, const struct tree_at *at, const struct tree_call *call);
} operations[] = {
    { "refresh", refresh },
    { "lockAll", lock_all },
    { "unlockAll", unlock_all },
    { "collectAll", collect_all },
};

static int run(void *ctx, const struct tree_at *at, const struct tree_call *call)
{
    const struct ddf_operation *op = at->row->arg;
    struct mo_env *env = ctx;
    int known = jobs_known(env, at->uri, call);

    if (known) return known;
    for (size_t i = 0; i < MO_COUNT(operations); i++)
        if (str_is(op->name, operations[i].name)) return operations[i].run(env, at, call);
    return 1411;
}

static enum rc operation_rows(struct mo_shared *s, struct err *e)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < MO_COUNT(operations); i++) {
        const struct ddf_operation *op = ddf_layout_operation(s->layout, DDF_DEVICE, str_of(operations[i].name));
        if (op) rc = mo_operation_row(s, op, &(struct tree_row){ .exec = run, .arg = op }, e);
    }
    return rc;
}

enum rc mo_virt_rows(struct mo_shared *s, struct err *e)
{
    const struct {
        const char *name;
        struct tree_row row;
    } rows[] = {
        { "hypervisor.apiVersion", { .get = get_version } },
        { "hypervisor.state", { .get = get_state } },
        { "hypervisor.cpu.committed", { .get = get_committed } },
        { "kpi.node", { .arg = NULL } },
        { "kpi.sampleTime", { .get = get_sample_time } },
        { "kpi.vmsRunning", { .get = get_running } },
        { "kpi.vmsCrashed", { .get = get_crashed } },
    };
    enum rc rc = operation_rows(s, e);

    for (size_t i = 0; !rc && i < MO_COUNT(rows); i++) rc = mo_row(s, DDF_DEVICE, rows[i].name, &rows[i].row, e);
    for (size_t i = 0; !rc && i < MO_COUNT(facts); i++)
        rc = mo_row(s, DDF_DEVICE, facts[i].name, &(struct tree_row){ .get = get_fact, .arg = &facts[i] }, e);
    for (size_t i = 0; !rc && i < MO_COUNT(settings); i++)
        rc = mo_row(s, DDF_DEVICE, settings[i].name,
                    &(struct tree_row){ .changed = setting_changed, .arg = &settings[i] }, e);
    return rc;
}
