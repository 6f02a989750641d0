/* SPDX-License-Identifier: Apache-2.0 */
/* What VMs tell (vm.h: struct vm_sink): it is kept, logged, and told the servers as alerts (virtualization-mo.md c.7). */
#include "agent/mo/mo.h"
#include "base/log.h"
#include <stdio.h>

void mo_vm_keep(struct mo_env *env, struct vm *vm)
{
    struct buf b;

    env->changes++;
    if (!env->state) return;
    buf_init(&b, 1 << 20);
    mo_note(env, vm_save(vm, &b), "VM");
    if (buf_ok(&b)) mo_note(env, state_put_vm(env->state, vm->id, buf_str(&b), &env->trouble), "VM");
    buf_finish(&b);
}

/* "reason=4" in "old=50;new=110;reason=4;lock=30" */
static int64_t in_data(const char *data, const char *key)
{
    struct str rest = str_of(data), part;
    int64_t n;

    while (str_cut(&rest, ';', &part)) {
        size_t at = str_find(part, '=', 0);
        if (str_is(str_slice(part, 0, at), key) && str_to_i64(str_slice(part, at + 1, part.n), &n)) return n;
    }
    return -1;
}

static void complete(struct mo_env *env, struct vm *vm, const char *op, const char *correlator, const char *data,
                     struct arena *a)
{
    const struct ddf_operation *o = ddf_layout_operation(mo_layout(env), DDF_VM, str_of(op));
    uint64_t job = jobs_of_part(str_of(correlator));
    int64_t result = 1412;

    str_to_i64(str_of(data), &result);
    log_event(result < 1400 ? LOG_INFO : LOG_WARN, "operation", LOG_Z("vm", vm->id), LOG_Z("op", op),
              LOG_Z("correlator", correlator), LOG_N("result", result),
              LOG_S("meaning", ddf_layout_result_text(mo_layout(env), (int)result)),
              LOG_Z("detail", vm->progress.text));
    if (job)
        jobs_part(env, job, (int)result);
    else if (o)
        mo_alert(env, vm->progress.server_id, "operation_complete",
                 ddf_layout_operation_uri(mo_layout(env), o, str_of(vm->id), a), "int", mo_mark((int)result), data,
                 correlator);
}

/* c.7: every n percent, not too often. */
static void progress(struct mo_env *env, struct vm *vm, const char *data, struct arena *a)
{
    struct mo_vm *v = mo_find_vm(env, str_of(vm->id));
    int64_t step = env->settings.progress_step, gap = env->settings.progress_gap_s * 1000, now = env->w->now_ms;

    if (!v || step <= 0 || !vm->progress.server_id[0]) return;
    if (v->progress_ms && v->progress_ms >= vm->progress.start_ms &&
        (now - v->progress_ms < gap || vm->progress.pct < v->progress_pct + step))
        return;
    v->progress_ms = now;
    v->progress_pct = vm->progress.pct;
    mo_alert(env, vm->progress.server_id, "progress",
             mo_uri(env, DDF_VM, "progress.node", str_of(vm->id), (struct str){ 0 }, a), "chr", "informational", data,
             "");
}

/* Config/StateAlerts: 0 none, 1 what no server asked for, 2 all. */
static void state_change(struct mo_env *env, struct vm *vm, const char *data, struct arena *a)
{
    struct mo_vm *v = mo_find_vm(env, str_of(vm->id));
    int64_t reason = in_data(data, "reason");
    bool expected = reason == 1 || reason == 8; /* an operation of a server; what its lock does */

    if (v && vm->state != VM_RUNNING && vm->state != VM_PAUSED) mo_threshold_stopped(env, v);
    log_event(expected ? LOG_INFO : LOG_WARN, "vm", LOG_Z("vm", vm->id), LOG_N("state", vm->state),
              LOG_N("lock", vm->lock), LOG_S("because", ddf_layout_reason_text(mo_layout(env), (int)reason)));
    if (env->settings.state_alerts <= 0 || (env->settings.state_alerts == 1 && expected)) return;
    mo_alert_owners(env, str_of(vm->id), "state_change",
                    mo_uri(env, DDF_VM, "state", str_of(vm->id), (struct str){ 0 }, a), "chr",
                    env->settings.state_alerts == 1 ? "warning" : "informational", data);
}

static void alert(void *ctx, struct vm *vm, enum vm_alert kind, const char *op, const char *correlator,
                  const char *data)
{
    struct mo_env *env = ctx;
    struct arena a;

    arena_init(&a, 1 << 20);
    env->changes++;
    switch (kind) {
    case VM_ALERT_COMPLETE: complete(env, vm, op, correlator, data, &a); break;
    case VM_ALERT_PROGRESS: progress(env, vm, data, &a); break;
    case VM_ALERT_STATE: state_change(env, vm, data, &a); break;
    case VM_ALERT_CRASH:
    case VM_ALERT_CRASH_LOOP:
        log_event(LOG_WARN, kind == VM_ALERT_CRASH ? "crash" : "crash_loop", LOG_Z("vm", vm->id), LOG_Z("data", data));
        mo_alert_owners(env, str_of(vm->id), kind == VM_ALERT_CRASH ? "crash" : "crash_loop",
                        mo_uri(env, DDF_VM, "crash.node", str_of(vm->id), (struct str){ 0 }, &a),
                        kind == VM_ALERT_CRASH ? "chr" : "int", kind == VM_ALERT_CRASH ? "critical" : "fatal", data);
        break;
    case VM_ALERT_LEASE:
        log_event(LOG_WARN, "lease", LOG_Z("vm", vm->id), LOG_Z("stage", data));
        mo_alert_owners(env, str_of(vm->id), "lease_event",
                        mo_uri(env, DDF_VM, "lease.node", str_of(vm->id), (struct str){ 0 }, &a), "int",
                        vm->lease == VM_LEASE_WIPED ? "critical" : "warning", data);
        break;
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
    struct mo_vm *v = mo_find_vm(env, str_of(vm->id));

    if (v) v->gone = true;
}

struct vm_sink mo_vm_sink(struct mo_env *env)
{
    return (struct vm_sink){ env, save, alert, gone };
}
