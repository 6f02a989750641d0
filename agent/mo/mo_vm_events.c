/* SPDX-License-Identifier: Apache-2.0 */
/* Handles the reports of VMs (vm.h: struct vm_sink): they are persisted, logged, and sent to the servers as alerts
 * (virtualization-mo.md c.7). */
#include "agent/mo/mo.h"
#include "base/log.h"
#include <string.h>

void mo_vm_keep(struct mo_env *env, struct vm *vm)
{
    struct buf b;

    env->changes++;
    if (!env->state) return;
    buf_init(&b, 1 << 20);
    mo_note(env, vm_save(vm, &b), "VM");
    if (buf_ok(&b)) mo_note(env, persist_put_vm(env->state, vm_view(vm)->id, buf_str(&b), &env->trouble), "VM");
    buf_finish(&b);
}

/* The VM that reports, with the texts for its alerts (c.7). */
struct told {
    struct mo_env *env;
    const struct vm_view *vm;
    struct mo_vm *v; /* NULL: its node no longer exists */
    struct arena *a;
};

static struct str leaf_uri(const struct told *t, const char *name)
{
    return mo_uri(t->env, DDF_VM, name, str_of(t->vm->id), (struct str){ 0 }, t->a);
}

static void tell_owners(const struct told *t, const char *alert, const char *leaf, const char *format, const char *mark,
                        struct str data)
{
    mo_alert_owners(t->env, str_of(t->vm->id), alert, leaf_uri(t, leaf), format, mark, data.p ? data.p : "");
}

static void complete(const struct told *t, int result)
{
    const struct vm_progress *p = &t->vm->progress;
    const struct ddf_operation *o = ddf_layout_operation(mo_layout(t->env), DDF_VM, str_of(p->op));
    uint64_t job = jobs_of_part(str_of(p->correlator));

    log_event(result < 1400 ? LOG_INFO : LOG_WARN, "operation", LOG_Z("vm", t->vm->id), LOG_Z("op", p->op),
              LOG_Z("correlator", p->correlator), LOG_N("result", result),
              LOG_S("meaning", ddf_layout_result_text(mo_layout(t->env), result)), LOG_Z("detail", p->text));
    if (job)
        jobs_part(t->env, job, result);
    else if (o)
        mo_alert(t->env, p->server_id, "operation_complete",
                 ddf_layout_operation_uri(mo_layout(t->env), o, str_of(t->vm->id), t->a), "int", mo_mark(result),
                 mo_number(t->a, result).p, p->correlator);
}

/* c.7: every n percent, with a minimum interval. */
static void progress(const struct told *t)
{
    const struct vm_progress *p = &t->vm->progress;
    const struct mo_settings *s = &t->env->settings;
    const int64_t gap = s->progress_gap_s * 1000, now = t->env->w->now_ms;
    struct mo_vm *v = t->v;

    if (!v || s->progress_step <= 0 || !p->server_id[0]) return;
    if (v->progress_ms && v->progress_ms >= p->start_ms &&
        (now - v->progress_ms < gap || p->pct < v->progress_pct + s->progress_step))
        return;
    v->progress_ms = now;
    v->progress_pct = p->pct;
    const struct str data = arena_printf(t->a, "op=%s;phase=%d;pct=%d;done=%lld;total=%lld;eta=-1", p->op, p->phase,
                                         p->pct, (long long)p->done_kb, (long long)p->total_kb);
    mo_alert(t->env, p->server_id, "progress", leaf_uri(t, "progress.node"), "chr", "informational",
             data.p ? data.p : "", "");
}

/* Config/StateAlerts: 0 none, 1 changes that no server requested, 2 all. */
static void state_change(const struct told *t, enum vm_state old, int reason)
{
    const struct vm_view *vm = t->vm;
    const int64_t which = t->env->settings.state_alerts;
    const bool expected = reason == VM_R_SERVER ||
                          reason == VM_R_LOCK; /* an operation of a server; the action of its lock */

    if (t->v && vm->state != VM_RUNNING && vm->state != VM_PAUSED) mo_threshold_stopped(t->env, t->v);
    log_event(expected ? LOG_INFO : LOG_WARN, "vm", LOG_Z("vm", vm->id), LOG_N("state", vm->state),
              LOG_N("lock", vm->lock), LOG_S("because", ddf_layout_reason_text(mo_layout(t->env), reason)));
    if (which <= 0 || (which == 1 && expected)) return;
    tell_owners(t, "state_change", "state", "chr", which == 1 ? "warning" : "informational",
                arena_printf(t->a, "old=%d;new=%d;reason=%d;lock=%d", (int)old, (int)vm->state, reason, (int)vm->lock));
}

/* "reason=1;count=2;action=2;dump=;info=..."; the text comes last, and contains no ';'. */
static void crash(const struct told *t, int action)
{
    const struct vm_view *vm = t->vm;
    char info[sizeof vm->crash_info];

    memcpy(info, vm->crash_info, sizeof info);
    for (char *p = info; *p; p++)
        if (*p == ';' || (unsigned char)*p < 0x20) *p = *p == ';' ? ',' : ' ';
    const struct str data = arena_printf(t->a, "reason=%d;count=%d;action=%d;dump=;info=%s", vm->crash_reason,
                                         vm->crash_count, action, info);
    log_event(LOG_WARN, "crash", LOG_Z("vm", vm->id), LOG_S("data", data));
    tell_owners(t, "crash", "crash.node", "chr", "critical", data);
}

static void crash_loop(const struct told *t, int before)
{
    const struct str data = mo_number(t->a, before);

    log_event(LOG_WARN, "crash_loop", LOG_Z("vm", t->vm->id), LOG_S("data", data));
    tell_owners(t, "crash_loop", "crash.node", "int", "fatal", data);
}

static void lease(const struct told *t, enum vm_lease stage)
{
    const struct str data = mo_number(t->a, (int64_t)stage);

    log_event(LOG_WARN, "lease", LOG_Z("vm", t->vm->id), LOG_S("stage", data));
    tell_owners(t, "lease_event", "lease.node", "int", stage == VM_LEASE_WIPED ? "critical" : "warning", data);
}

static void event(void *ctx, struct vm *vm, const struct vm_event *ev)
{
    struct mo_env *env = ctx;
    struct arena a;

    arena_init(&a, 1 << 20);
    const struct told t = { env, vm_view(vm), mo_find_vm(env, str_of(vm_view(vm)->id)), &a };
    env->changes++;
    switch (ev->kind) {
    case VM_EV_COMPLETE: complete(&t, ev->result); break;
    case VM_EV_PROGRESS: progress(&t); break;
    case VM_EV_STATE: state_change(&t, ev->state.old, ev->state.reason); break;
    case VM_EV_CRASH: crash(&t, ev->action); break;
    case VM_EV_CRASH_LOOP: crash_loop(&t, ev->before); break;
    case VM_EV_LEASE: lease(&t, ev->lease); break;
    }
    arena_finish(&a);
}

static void save(void *ctx, struct vm *vm)
{
    mo_vm_keep(ctx, vm);
}

static void gone(void *ctx, struct vm *vm)
{
    struct mo_env *env = ctx;
    struct mo_vm *v = mo_find_vm(env, str_of(vm_view(vm)->id));

    if (v) v->gone = true;
}

struct vm_sink mo_vm_sink(struct mo_env *env)
{
    return (struct vm_sink){ env, save, event, gone };
}
