/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/vm/vm_int.h"
#include <stdio.h>

/*
 * The lease (c.3.9): what happens to a VM whose owners had no contact for a time. It needs no session. Each stage
 * happens once between two contacts, in order; a lock stays until an owner lifts it. A wipe with a time not after the
 * lock's is not done, because the settings cannot be intended.
 *
 * Only the clock decides, also after the device was off. A clock that is behind the last contact has no effect.
 */

enum { LEASE_AGAIN_MS = 60000 };

/* Seconds without contact until the stage; 0 = never. */
static int64_t after_s(const struct vm *vm, enum vm_lease stage)
{
    const struct vm_policy *p = &vm->pub.policy;

    switch (stage) {
    case VM_LEASE_MISSED: return p->check_in_s;
    case VM_LEASE_LOCKED: return p->lock_after_s;
    case VM_LEASE_WIPED: return p->wipe_after_s > p->lock_after_s ? p->wipe_after_s : 0;
    default: return 0;
    }
}

/* The next stage that has a time, and that time. */
static enum vm_lease next(const struct vm *vm, int64_t *at_ms)
{
    for (enum vm_lease s = vm->pub.lease + 1; s <= VM_LEASE_WIPED; s++) {
        if (after_s(vm, s) <= 0) continue;
        *at_ms = vm->pub.contact_ms + after_s(vm, s) * 1000;
        return s;
    }
    return VM_LEASE_KEPT;
}

static bool has_lease(const struct vm *vm)
{
    return vm->pub.contact_ms > 0 && vm->pub.state != VM_DEFINED && vm->pub.state != VM_PROVISIONING &&
           vm->pub.state != VM_DELETING;
}

int64_t vm_lease_next_ms(const struct vm *vm)
{
    int64_t at_ms;

    if (!has_lease(vm) || vm->priv.operation.kind || !next(vm, &at_ms)) return INT64_MAX;
    return at_ms > vm->priv.lease_again_ms ? at_ms : vm->priv.lease_again_ms;
}

void vm_lease_done(struct vm *vm, struct vm_world *w, enum vm_lease stage)
{
    vm->pub.lease = stage;
    if (stage == VM_LEASE_WIPED) vm_set_lock(vm, w, VM_LOCKED, VM_R_LEASE); /* c.5.2 row 40 */
    vm->priv.lease_again_ms = 0;                                            /* the next stage has its own time */
    w->sink->save(w->sink->ctx, vm);
    w->sink->event(w->sink->ctx, vm, &(struct vm_event){ .kind = VM_EV_LEASE, .lease = stage });
}

void vm_lease_tick(struct vm *vm, struct vm_world *w)
{
    int64_t at_ms;
    enum vm_lease stage;

    if (vm_lease_next_ms(vm) > w->now_ms) return;
    stage = next(vm, &at_ms);
    if (stage == VM_LEASE_MISSED || (stage == VM_LEASE_LOCKED && vm->pub.lock == VM_LOCKED)) {
        vm_lease_done(vm, w, stage);
        return;
    }
    vm->priv.lease_again_ms = w->now_ms + LEASE_AGAIN_MS; /* when it fails */
    vm_begin_internal(vm, w, stage == VM_LEASE_WIPED ? "wipe" : "lock", VM_R_LEASE,
                      stage == VM_LEASE_WIPED ? "no contact with an owner for too long: the device wipes the VM"
                                              : "no contact with an owner for too long: the device locks the VM",
                      stage);
}

void vm_contact(struct vm *vm, struct vm_world *w)
{
    vm->pub.contact_ms = w->now_ms;
    vm->pub.lease = VM_LEASE_KEPT;
    vm->priv.lease_again_ms = 0;
    w->sink->save(w->sink->ctx, vm);
}
