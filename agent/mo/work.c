/* SPDX-License-Identifier: Apache-2.0 */
/* Work that is due: passes events of the hypervisor and the downloads to their VMs and images, checks time limits,
 * samples KPIs (env.h). */
#include "agent/mo/mo.h"

enum { COMPARE_MS = 120000 };

static void hypervisor_events(struct mo_env *env)
{
    struct vm_world w = mo_vm_world(env);
    struct hv_event ev;

    while (env->hv->class->next(env->hv, &ev)) {
        if (ev.kind == HV_EV_LOST || ev.kind == HV_EV_BACK) mo_virt_facts(env, true);
        if (ev.kind == HV_EV_BACK) env->compare_ms = 0;
        env->changes++;
        for (size_t i = 0; i < env->vms.n; i++) {
            struct vm *vm = env->vms.at[i].vm;
            bool mine = vm_hv_event(vm, &w, &ev);
            if (mine && ev.kind == HV_EV_DONE && ev.call == HV_STATS) {
                if (!ev.rc && ev.stats) mo_threshold_sampled(env, &env->vms.at[i]);
                jobs_sampled(env, str_of(vm_view(vm)->id), ev.rc == RC_OK);
            }
            if (mine && ev.kind != HV_EV_LOST && ev.kind != HV_EV_BACK) break;
        }
        mo_settle(env);
    }
}

static void loader_events(struct mo_env *env)
{
    struct vm_world w = mo_vm_world(env);
    struct download_event ev;

    while (env->loader && download_next(env->loader, &ev)) {
        bool taken = false;
        for (size_t i = 0; !taken && i < env->vms.n; i++) taken = vm_loader_event(env->vms.at[i].vm, &w, &ev);
        if (!taken) mo_images_event(env, &ev);
    }
}

static void sample(struct mo_env *env)
{
    struct vm_world w = mo_vm_world(env);

    if (env->w->now_ms < env->sample_ms) return;
    env->sample_ms = env->w->now_ms + env->settings.kpi_interval_s * 1000;
    mo_virt_facts(env, false);
    for (size_t i = 0; i < env->vms.n; i++)
        if (env->vms.at[i].is->state == VM_RUNNING) vm_collect(env->vms.at[i].vm, &w);
}

/* Compare with the hypervisor: at the start, after a lost connection, every few minutes. */
static void compare(struct mo_env *env)
{
    struct vm_world w = mo_vm_world(env);

    if (env->w->now_ms < env->compare_ms || env->hv->class->fd(env->hv) < 0)
        return; /* a simulated one is changed by the agent only */
    env->compare_ms = env->w->now_ms + COMPARE_MS;
    mo_compare(env, &w);
}

enum rc mo_work(struct mo_env *env, const struct world *w, struct err *e)
{
    struct vm_world vw;

    mo_enter(env, w, (struct str){ 0 });
    vw = mo_vm_world(env);
    if (env->sweeps) { /* the removal is durable since the call before */
        env->sweeps = false;
        mo_images_sweep(env);
    }
    hypervisor_events(env);
    loader_events(env);
    for (size_t i = 0; i < env->vms.n; i++)
        if (vm_next_ms(env->vms.at[i].vm) <= w->now_ms) vm_tick(env->vms.at[i].vm, &vw);
    jobs_tick(env);
    sample(env);
    compare(env);
    return mo_leave(env, e);
}

int64_t mo_next_ms(const struct mo_env *env)
{
    int64_t next = env->vms.n ? env->sample_ms : INT64_MAX, jobs = jobs_next_ms(env);

    if (env->vms.n && env->hv->class->fd(env->hv) >= 0 && env->compare_ms < next) next = env->compare_ms;

    if (jobs < next) next = jobs;
    for (size_t i = 0; i < env->vms.n; i++)
        if (vm_next_ms(env->vms.at[i].vm) < next) next = vm_next_ms(env->vms.at[i].vm);
    return next;
}

bool mo_busy(const struct mo_env *env)
{
    for (size_t i = 0; i < env->vms.n; i++)
        if (env->vms.at[i].is->progress.op[0] && !env->vms.at[i].is->progress.result) return true;
    return jobs_busy(env);
}

void mo_contact(struct mo_env *env, const char *server_id)
{
    struct vm_world w = mo_vm_world(env);

    for (size_t i = 0; i < env->vms.n; i++)
        if (!env->vms.at[i].gone && mo_owns(env, env->vms.at[i].is->id, str_of(server_id)))
            vm_contact(env->vms.at[i].vm, &w);
}

int64_t mo_poll_s(struct mo_env *env, const struct account *acc)
{
    int64_t poll_s = acc->poll_s;

    for (size_t i = 0; i < env->vms.n; i++) {
        const struct vm *vm = env->vms.at[i].vm;
        int64_t lease_s = vm_view(vm)->policy.check_in_s;
        if (lease_s <= 0 || !mo_owns(env, vm_view(vm)->id, str_of(acc->server_id))) continue;
        lease_s -= lease_s / 10; /* early, so that a session with a delay still counts */
        if (poll_s <= 0 || lease_s < poll_s) poll_s = lease_s;
    }
    return poll_s;
}
