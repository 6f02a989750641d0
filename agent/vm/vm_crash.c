/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/vm/vm_int.h"
#include <stdio.h>
#include <string.h>

/* The reaction to a crash, without any session (c.3.6, c.5.2 rows 18 to 24). */

enum { DELAY_MAX_TIMES = 10 };

enum vm_crash_reason vm_crash_reason(enum hv_cause cause)
{
    switch (cause) {
    case HV_C_PANIC: return VM_CR_PANIC;
    case HV_C_WATCHDOG: return VM_CR_WATCHDOG;
    case HV_C_KILLED: return VM_CR_HYPERVISOR;
    case HV_C_NO_MEMORY: return VM_CR_NO_MEMORY;
    case HV_C_START_FAILED: return VM_CR_START;
    default: return VM_CR_UNKNOWN;
    }
}

/* Drop crashes outside the window, and add this one. @return crashes in the window before this one */
static int note(struct vm *vm, int64_t now_ms)
{
    int n = 0;
    for (int i = 0; i < vm->pub.n_crash_ms; i++)
        if (vm->pub.crash_ms[i] > now_ms - (int64_t)vm->pub.policy.window_s * 1000)
            vm->pub.crash_ms[n++] = vm->pub.crash_ms[i];
    if (n == VM_CRASHES_KEPT) memmove(vm->pub.crash_ms, vm->pub.crash_ms + 1, (size_t)--n * sizeof vm->pub.crash_ms[0]);
    vm->pub.crash_ms[n] = now_ms;
    vm->pub.n_crash_ms = n + 1;
    return n;
}

/* The delay doubles with each restart in the window, up to ten times its value. */
static int64_t delay_ms(const struct vm *vm, int before)
{
    int64_t times = before < 4 ? (int64_t)1 << before : DELAY_MAX_TIMES;
    return (int64_t)vm->pub.policy.restart_delay_s * 1000 * (times < DELAY_MAX_TIMES ? times : DELAY_MAX_TIMES);
}

static void say_restart(const struct vm *vm, char out[128])
{
    snprintf(out, 128, "the device restarts the VM after a crash, restart %d of %d within %d s", vm->pub.n_crash_ms,
             vm->pub.policy.max_restarts, vm->pub.policy.window_s);
}

/* Until the restart servers cannot start the VM, and Progress reports why. */
static void restart_later(struct vm *vm, struct vm_world *w, int before)
{
    struct vm_progress *p = &vm->pub.progress;
    char why[128];
    vm->priv.restart_ms = w->now_ms + delay_ms(vm, before);
    say_restart(vm, why);
    *p = (struct vm_progress){ .phase = VM_P_WAITING, .start_ms = w->now_ms, .update_ms = w->now_ms };
    snprintf(p->op, sizeof p->op, "reset");
    snprintf(p->text, sizeof p->text, "%s: waits %lld s", why, (long long)(delay_ms(vm, before) / 1000));
}

bool vm_crash_pending(const struct vm *vm)
{
    return vm->priv.restart_ms && vm->pub.state == VM_CRASHED;
}

static void act(struct vm *vm, struct vm_world *w, int action, int before)
{
    switch (action) {
    case VM_CA_STOP:
    case VM_CA_DUMP_STOP:
        vm_begin_internal(vm, w, "stop", VM_R_CRASH_ACTION, "the device stops the VM after a crash", VM_LEASE_KEPT);
        break;
    case VM_CA_RESTART:
    case VM_CA_DUMP_RESTART: restart_later(vm, w, before); break;
    case VM_CA_LOCK:
        vm_begin_internal(vm, w, "stop", VM_R_CRASH_ACTION, "the device stops and locks the VM after a crash",
                          VM_LEASE_KEPT);
        vm_set_lock(vm, w, VM_LOCKED, VM_R_CRASH_ACTION);
        break;
    default:
        break; /* alert only; for an action that this device does not support (revert, roll back, reboot) the VM
                * stays crashed for an operator */
    }
}

/* The guest's last console line, when it panicked and there is a console. */
static void add_last_words(struct vm *vm, const struct vm_world *w)
{
    char words[160];
    const size_t n = strlen(vm->pub.crash_info);
    if (vm->pub.crash_reason == VM_CR_PANIC && vm_has_files(w) && vm_files_panic(vm, words))
        snprintf(vm->pub.crash_info + n, sizeof vm->pub.crash_info - n, "; the guest's last message: %s", words);
}

void vm_crashed(struct vm *vm, struct vm_world *w, enum vm_crash_reason why, const char *info)
{
    const int before = note(vm, w->now_ms);
    const bool loop = before >= vm->pub.policy.max_restarts;
    const int action = loop ? vm->pub.policy.escalation : vm->pub.policy.crash_action;
    vm->pub.crash_count++;
    vm->pub.crash_reason = (int)why;
    snprintf(vm->pub.crash_info, sizeof vm->pub.crash_info, "%.300s", info);
    add_last_words(vm, w);
    vm_set_state(vm, w, VM_CRASHED, VM_R_UNKNOWN);
    w->sink->event(w->sink->ctx, vm, &(struct vm_event){ .kind = VM_EV_CRASH, .action = action });
    if (loop) w->sink->event(w->sink->ctx, vm, &(struct vm_event){ .kind = VM_EV_CRASH_LOOP, .before = before });
    act(vm, w, action, before);
    w->sink->save(w->sink->ctx, vm);
}

void vm_crash_tick(struct vm *vm, struct vm_world *w)
{
    char why[128];
    if (!vm->priv.restart_ms || vm->priv.restart_ms > w->now_ms || vm->priv.operation.kind) return;
    vm->priv.restart_ms = 0;
    if (vm->pub.state != VM_CRASHED) return;
    if (vm->pub.lock == VM_LOCKED) { /* unchanged */
        vm->pub.progress.result = VM_CANCELLED;
        vm->pub.progress.phase = VM_P_CANCELLED;
        w->sink->save(w->sink->ctx, vm);
        return;
    }
    say_restart(vm, why);
    vm_begin_internal(vm, w, "reset", VM_R_CRASH_ACTION, why, VM_LEASE_KEPT);
}
