/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/vm/vm_int.h"
#include <stdio.h>

/* Changes of a VM from outside: a local user starts, stops, pauses, resumes or resizes it with the hypervisor's own
 * tools, or its emulator stops answering. The change is accepted and reported, and a lock is enforced again. */

void vm_look(struct vm *vm, struct vm_world *w)
{
    if (vm->pub.state == VM_DEFINED || vm->pub.state == VM_PROVISIONING || vm->priv.operation.kind) return;
    (void)w->hv->class->request(w->hv, HV_LOOK, &vm->pub.want, ++vm->priv.last_cookie, NULL); /* read again */
}

void vm_outside_doubt(struct vm *vm, struct vm_world *w, const struct hv_event *ev)
{
    /* An event may be older than the agent's last request; a new read is not. */
    if ((ev->state == HV_RUNNING && vm->pub.state != VM_RUNNING) ||
        (ev->state == HV_PAUSED && vm->pub.state != VM_PAUSED) ||
        (ev->state == HV_SAVED && vm->pub.state != VM_SUSPENDED))
        vm_look(vm, w);
}

/* A locked VM stays stopped, whoever started or resumed it. */
static void enforce_lock(struct vm *vm, struct vm_world *w)
{
    if (vm->pub.lock != VM_LOCKED || vm->pub.policy.lock_action == VM_LA_HIDE || vm->pub.state != VM_RUNNING) return;
    (void)vm_begin_internal(vm, w, vm->pub.policy.lock_action == VM_LA_SHUTDOWN ? "stop" : "pause", VM_R_LOCK,
                            "the VM is locked; it was started at the device", VM_LEASE_KEPT);
}

static void believe_resources(struct vm *vm, struct vm_world *w, const struct hv_event *ev)
{
    const struct hv_spec was = vm->pub.effective;
    if (ev->state != HV_RUNNING || !ev->in_force || vm->priv.set_cookie || vm->priv.set_dirty) return;
    vm_resources_seen(vm, w, ev->in_force);
    if (!vm_same_resources(&was, &vm->pub.effective)) w->sink->save(w->sink->ctx, vm);
}

static enum vm_state seen_as(const struct vm *vm, enum hv_state seen)
{
    switch (seen) {
    case HV_RUNNING: return VM_RUNNING;
    case HV_PAUSED: return VM_PAUSED;
    case HV_SAVED: return VM_SUSPENDED;
    case HV_CRASHED: return VM_CRASHED;
    case HV_OFF:
    case HV_GONE: return vm->pub.state == VM_CRASHED || vm->pub.state == VM_FAILED ? vm->pub.state : VM_STOPPED;
    default: return vm->pub.state;
    }
}

static void believe(struct vm *vm, struct vm_world *w, const struct hv_event *ev)
{
    const enum vm_state now = seen_as(vm, ev->state);
    const bool alive = vm->pub.state == VM_RUNNING || vm->pub.state == VM_PAUSED;
    const bool killed = ev->state == HV_OFF && ev->cause == HV_C_KILLED;
    if ((killed || (now == VM_CRASHED && vm->pub.state != VM_CRASHED)) && alive) {
        vm_crashed(vm, w, killed ? VM_CR_HYPERVISOR : VM_CR_UNKNOWN, "the guest crashed unobserved");
        return;
    }
    if (ev->cause == HV_C_STORAGE && vm->pub.state != now)
        snprintf(vm->pub.progress.text, sizeof vm->pub.progress.text,
                 "the guest stands still: what it writes to its disks has no room, or fails");
    vm_set_state(vm, w, now, ev->cause == HV_C_STORAGE ? VM_R_SHORTAGE : VM_R_LOCAL);
    believe_resources(vm, w, ev);
    enforce_lock(vm, w);
}

/* The VM itself is unchanged; only its state is unknown. */
static void tell_silence(struct vm *vm, struct vm_world *w, const struct hv_event *ev)
{
    const bool silent = ev->kind == HV_EV_SILENT;
    if (silent == vm->pub.silent) return;
    vm->pub.silent = silent;
    if (silent || vm->pub.reason == VM_R_TIMEOUT) vm->pub.reason = silent ? VM_R_TIMEOUT : VM_R_UNKNOWN;
    if (silent && !vm->priv.operation.kind)
        snprintf(vm->pub.progress.text, sizeof vm->pub.progress.text, "%s", ev->text);
    w->sink->save(w->sink->ctx, vm);
    vm_tell_state(vm, w, vm->pub.reason);
    if (!silent) vm_look(vm, w);
}

bool vm_outside_event(struct vm *vm, struct vm_world *w, const struct hv_event *ev)
{
    if (ev->kind == HV_EV_SILENT || ev->kind == HV_EV_ANSWERS) {
        tell_silence(vm, w, ev);
        return true;
    }
    if (ev->kind == HV_EV_CHANGED) {
        vm_look(vm, w);
        return true;
    }
    if (ev->kind != HV_EV_DONE || ev->call != HV_LOOK) return false;
    if (!ev->rc && !vm->priv.operation.kind && vm->pub.state != VM_DEFINED) believe(vm, w, ev);
    return true;
}
