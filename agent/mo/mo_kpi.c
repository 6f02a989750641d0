/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's KPIs (virtualization-mo.md c.3.12): counters of the last reading, percentages from the last two. A figure
 * that the hypervisor does not report is missing, where the description allows that. */
#include "agent/mo/mo.h"
#include <stdio.h>
#include <string.h>

static const struct vm_view *vm_at(struct mo_env *env, const struct tree_at *at)
{
    const struct mo_vm *v = at->n_names ? mo_find_vm(env, at->names[0]) : NULL;

    return v ? v->is : NULL;
}

static bool sampled(const struct vm_view *vm)
{
    return vm && vm->stats.at_ms > 0;
}

#define K(member) offsetof(struct hv_stats, member)
static const struct mo_field counters[] = {
    { "kpi.cpu.timeMs", MO_I64, K(cpu_ms), true },
    { "kpi.cpu.userMs", MO_I64, K(user_ms), true },
    { "kpi.cpu.sysMs", MO_I64, K(sys_ms), true },
    { "kpi.cpu.stealMs", MO_I64, K(steal_ms), true },
    { "kpi.cpu.waitMs", MO_I64, K(wait_ms), true },
    { "kpi.memory.balloonKB", MO_I64, K(balloon_kb), true },
    { "kpi.memory.usedKB", MO_I64, K(used_kb), true },
    { "kpi.memory.usableKB", MO_I64, K(usable_kb), true },
    { "kpi.memory.rssKB", MO_I64, K(rss_kb), true },
    { "kpi.memory.swapInKB", MO_I64, K(swap_in_kb), true },
    { "kpi.memory.swapOutKB", MO_I64, K(swap_out_kb), true },
    { "kpi.memory.majFaults", MO_I64, K(maj_faults), true },
    { "kpi.memory.ageS", MO_I64, K(mem_age_s), true },
};

#define D(member) offsetof(struct hv_disk_stats, member)
static const struct mo_field disks[] = {
    { "kpi.disk.*.rdOps", MO_I64, D(rd_ops), true },    { "kpi.disk.*.rdKB", MO_I64, D(rd_kb), true },
    { "kpi.disk.*.rdMs", MO_I64, D(rd_ms), true },      { "kpi.disk.*.wrOps", MO_I64, D(wr_ops), true },
    { "kpi.disk.*.wrKB", MO_I64, D(wr_kb), true },      { "kpi.disk.*.wrMs", MO_I64, D(wr_ms), true },
    { "kpi.disk.*.flushes", MO_I64, D(flushes), true }, { "kpi.disk.*.allocKB", MO_I64, D(alloc_kb), true },
};

#define N(member) offsetof(struct hv_net_stats, member)
static const struct mo_field nets[] = {
    { "kpi.net.*.rxKB", MO_I64, N(rx_kb), true },       { "kpi.net.*.txKB", MO_I64, N(tx_kb), true },
    { "kpi.net.*.rxPkts", MO_I64, N(rx_pkts), true },   { "kpi.net.*.txPkts", MO_I64, N(tx_pkts), true },
    { "kpi.net.*.rxErrs", MO_I64, N(rx_errs), true },   { "kpi.net.*.txErrs", MO_I64, N(tx_errs), true },
    { "kpi.net.*.rxDrops", MO_I64, N(rx_drops), true }, { "kpi.net.*.txDrops", MO_I64, N(tx_drops), true },
};

#define C(member) offsetof(struct hv_vcpu_stats, member)
static const struct mo_field vcpus[] = {
    { "kpi.cpu.vcpu.*.state", MO_INT, C(state), false },
    { "kpi.cpu.vcpu.*.timeMs", MO_I64, C(time_ms), true },
    { "kpi.cpu.vcpu.*.stealMs", MO_I64, C(steal_ms), true },
};

static bool get_counter(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct vm_view *vm = vm_at(ctx, at);

    return sampled(vm) && mo_text(at->row->arg, &vm->stats, a, out);
}

/* Index of the instance in the reading, by its name; -1 = not in it. */
static int disk_of(const struct vm_view *vm, struct str name)
{
    for (int i = 0; i < vm->stats.n_disks && i < HV_VOLUMES; i++)
        if (str_is(name, vm->stats.disk[i].name)) return i;
    return -1;
}

static int net_of(const struct vm_view *vm, struct str name)
{
    for (int i = 0; i < vm->stats.n_nets && i < HV_NETS; i++)
        if (str_is(name, vm->stats.net[i].name)) return i;
    return -1;
}

static bool get_disk(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct vm_view *vm = vm_at(ctx, at);
    int i = sampled(vm) ? disk_of(vm, at->names[1]) : -1;

    return i >= 0 && mo_text(at->row->arg, &vm->stats.disk[i], a, out);
}

static bool get_net(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct vm_view *vm = vm_at(ctx, at);
    int i = sampled(vm) ? net_of(vm, at->names[1]) : -1;

    return i >= 0 && mo_text(at->row->arg, &vm->stats.net[i], a, out);
}

static bool get_vcpu(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct vm_view *vm = vm_at(ctx, at);
    int64_t i;

    return sampled(vm) && str_to_i64(at->names[1], &i) && i >= 0 && i < vm->stats.n_vcpus && i < HV_VCPUS &&
           mo_text(at->row->arg, &vm->stats.vcpu[i], a, out);
}

static void list_disks(void *ctx, const struct tree_at *parent, struct tree_names *out)
{
    const struct vm_view *vm = vm_at(ctx, parent);

    for (int i = 0; sampled(vm) && i < vm->stats.n_disks && i < HV_VOLUMES; i++)
        tree_name(out, str_of(vm->stats.disk[i].name));
}

static void list_nets(void *ctx, const struct tree_at *parent, struct tree_names *out)
{
    const struct vm_view *vm = vm_at(ctx, parent);

    for (int i = 0; sampled(vm) && i < vm->stats.n_nets && i < HV_NETS; i++)
        tree_name(out, str_of(vm->stats.net[i].name));
}

static void list_vcpus(void *ctx, const struct tree_at *parent, struct tree_names *out)
{
    const struct vm_view *vm = vm_at(ctx, parent);
    char name[16];

    for (int i = 0; sampled(vm) && i < vm->stats.n_vcpus && i < HV_VCPUS; i++) {
        snprintf(name, sizeof name, "%d", i);
        tree_name(out, str_of(name));
    }
}

static bool get_time(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct vm_view *vm = vm_at(ctx, at);

    if (!sampled(vm)) return false;
    *out = mo_time(ctx, vm->stats.at_ms, a);
    return true;
}

/* Milliseconds between the two readings of a percentage; 0 without two readings of the same run of the guest: a
 * counter that decreased means a restart, and such an interval is dropped. */
static int64_t window(const struct vm_view *vm)
{
    if (!sampled(vm) || vm->stats_before.at_ms <= 0 || vm->stats.cpu_ms < vm->stats_before.cpu_ms) return 0;
    return vm->stats.at_ms > vm->stats_before.at_ms ? vm->stats.at_ms - vm->stats_before.at_ms : 0;
}

static int64_t percent(int64_t now, int64_t before, int64_t whole)
{
    int64_t p;

    if (now < 0 || before < 0 || now < before || whole <= 0) return 0;
    p = ((now - before) * 100 + whole / 2) / whole;
    return p > 100 ? 100 : p;
}

static bool get_window(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct vm_view *vm = vm_at(ctx, at);

    if (!sampled(vm)) return false;
    *out = mo_number(a, (window(vm) + 500) / 1000);
    return true;
}

static bool get_usage(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct vm_view *vm = vm_at(ctx, at);

    if (!sampled(vm)) return false;
    *out = mo_number(a, percent(vm->stats.cpu_ms, vm->stats_before.cpu_ms,
                                window(vm) * (vm->stats.n_vcpus > 0 ? vm->stats.n_vcpus : 1)));
    return true;
}

static bool get_host(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_env *env = ctx;
    const struct vm_view *vm = vm_at(ctx, at);

    if (!sampled(vm) || env->host.facts.cpu_total <= 0) return false;
    *out = mo_number(a, percent(vm->stats.cpu_ms, vm->stats_before.cpu_ms, window(vm) * env->host.facts.cpu_total));
    return true;
}

static bool get_steal(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct vm_view *vm = vm_at(ctx, at);

    if (!sampled(vm)) return false;
    *out = mo_number(a, percent(vm->stats.steal_ms, vm->stats_before.steal_ms,
                                window(vm) * (vm->stats.n_vcpus > 0 ? vm->stats.n_vcpus : 1)));
    return true;
}

static bool get_up(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_env *env = ctx;
    const struct vm_view *vm = vm_at(ctx, at);
    bool up = vm && (vm->state == VM_RUNNING || vm->state == VM_PAUSED) && vm->started_ms > 0 && env->w &&
              env->w->now_ms > vm->started_ms;

    *out = mo_number(a, up ? (env->w->now_ms - vm->started_ms) / 1000 : 0);
    return true;
}

static bool get_boot_time(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct vm_view *vm = vm_at(ctx, at);

    *out = mo_number(a, vm && vm->boot_time_ms > 0 ? vm->boot_time_ms : -1);
    return true;
}

static bool get_boots(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct vm_view *vm = vm_at(ctx, at);

    *out = mo_number(a, vm ? vm->boot_count : 0);
    return true;
}

static bool get_crashes(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct vm_view *vm = vm_at(ctx, at);

    *out = mo_number(a, vm ? vm->crash_count : 0);
    return true;
}

/* Exec Collect: done when the reading has arrived. */
static int collect(void *ctx, const struct tree_at *at, const struct tree_call *call)
{
    struct mo_env *env = ctx;
    struct mo_vm *v = mo_find_vm(env, at->names[0]);
    struct vm_world w = mo_vm_world(env);
    int known = jobs_known(env, at->uri, call);
    struct job *j;

    if (known) return known;
    if (!v) return 404;
    if (v->is->state != VM_RUNNING && v->is->state != VM_PAUSED) return 1410;
    j = jobs_begin(env, "kpi.collect", at->names[0], at->uri, call);
    if (!j) return 1444;
    j->waiting = 1;
    jobs_save(env, j);
    vm_collect(v->vm, &w);
    return 202;
}

static enum rc table(struct mo_shared *s, const struct mo_field *f, size_t n,
                     bool (*get)(void *ctx, const struct tree_at *at, struct arena *a, struct str *out), struct err *e)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < n; i++)
        rc = mo_row(s, DDF_VM, f[i].name, &(struct tree_row){ .get = get, .arg = &f[i] }, e);
    return rc;
}

enum rc mo_kpi_rows(struct mo_shared *s, struct err *e)
{
    const struct {
        const char *name;
        struct tree_row row;
    } rows[] = {
        { "kpi.sampleTime", { .get = get_time } },
        { "kpi.windowS", { .get = get_window } },
        { "kpi.upTimeS", { .get = get_up } },
        { "kpi.bootTimeMs", { .get = get_boot_time } },
        { "kpi.bootCount", { .get = get_boots } },
        { "kpi.crashCount", { .get = get_crashes } },
        { "kpi.cpu.usagePct", { .get = get_usage } },
        { "kpi.cpu.hostPct", { .get = get_host } },
        { "kpi.cpu.stealPct", { .get = get_steal } },
        { "kpi.cpu.vcpu.node", { .arg = NULL } },
        { "kpi.cpu.vcpu.*.node", { .list = list_vcpus } },
        { "kpi.disk.*.node", { .list = list_disks } },
        { "kpi.net.*.node", { .list = list_nets } },
    };
    const struct ddf_operation *op = ddf_layout_operation(s->layout, DDF_VM, STR("kpi.collect"));
    enum rc rc = op ? mo_operation_row(s, op, &(struct tree_row){ .exec = collect, .arg = op }, e) : RC_OK;

    for (size_t i = 0; !rc && i < MO_COUNT(rows); i++) rc = mo_row(s, DDF_VM, rows[i].name, &rows[i].row, e);
    if (!rc) rc = table(s, counters, MO_COUNT(counters), get_counter, e);
    if (!rc) rc = table(s, disks, MO_COUNT(disks), get_disk, e);
    if (!rc) rc = table(s, nets, MO_COUNT(nets), get_net, e);
    if (!rc) rc = table(s, vcpus, MO_COUNT(vcpus), get_vcpu, e);
    return rc;
}
