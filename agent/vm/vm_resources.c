/* SPDX-License-Identifier: Apache-2.0 */
/* The requested and the effective resources of a VM: equal, except for changes that wait for the next start. */
#include "agent/vm/vm_int.h"
#include <string.h>

bool vm_same_resources(const struct hv_spec *a, const struct hv_spec *b)
{
    bool same = a->vcpus == b->vcpus && a->max_vcpus == b->max_vcpus && a->shares == b->shares &&
                a->limit_pct == b->limit_pct && a->sched == b->sched && a->rt_prio == b->rt_prio &&
                strcmp(a->affinity, b->affinity) == 0 && a->mem_kb == b->mem_kb && a->mem_max_kb == b->mem_max_kb &&
                a->mem_min_kb == b->mem_min_kb && a->detect_panic == b->detect_panic &&
                a->watchdog_s == b->watchdog_s && a->n_volumes == b->n_volumes && a->n_nets == b->n_nets;
    for (int i = 0; same && i < a->n_volumes; i++)
        same = strcmp(a->volumes[i].name, b->volumes[i].name) == 0 &&
               a->volumes[i].quota_kb == b->volumes[i].quota_kb && a->volumes[i].read_only == b->volumes[i].read_only &&
               a->volumes[i].iops == b->volumes[i].iops && a->volumes[i].kbps == b->volumes[i].kbps;
    for (int i = 0; same && i < a->n_nets; i++)
        same = strcmp(a->nets[i].name, b->nets[i].name) == 0 && a->nets[i].mode == b->nets[i].mode &&
               a->nets[i].up_kbps == b->nets[i].up_kbps && a->nets[i].down_kbps == b->nets[i].down_kbps;
    return same;
}

/* The requested volumes with their effective values, then the volumes that are no longer requested and are removed
 * at the next start. */
static void volumes_in_force(const struct hv_spec *want, const struct hv_in_force *is, struct hv_spec *now)
{
    const struct hv_spec was = *now;
    now->n_volumes = 0;
    for (int i = 0; i < want->n_volumes; i++) {
        if (!is->volume[i].there) continue;
        struct hv_volume *v = &now->volumes[now->n_volumes++];
        *v = want->volumes[i];
        v->quota_kb = is->volume[i].quota_kb;
        v->read_only = is->volume[i].read_only;
        v->iops = is->volume[i].iops;
        v->kbps = is->volume[i].kbps;
    }
    for (int k = 0; k < was.n_volumes && now->n_volumes < HV_VOLUMES; k++) {
        bool wanted = false;
        for (int i = 0; i < want->n_volumes; i++) wanted |= strcmp(was.volumes[k].name, want->volumes[i].name) == 0;
        if (!wanted) now->volumes[now->n_volumes++] = was.volumes[k];
    }
}

/* An interface that is disabled and does not exist is as requested. */
static void nets_in_force(const struct hv_spec *want, const struct hv_in_force *is, struct hv_spec *now)
{
    const struct hv_spec was = *now;
    now->n_nets = 0;
    for (int i = 0; i < want->n_nets; i++) {
        const struct hv_net *n = is->net[i] == (want->nets[i].mode != 0) ? &want->nets[i] : NULL;
        for (int k = 0; !n && k < was.n_nets; k++)
            if (strcmp(was.nets[k].name, want->nets[i].name) == 0 && is->net[i] == (was.nets[k].mode != 0))
                n = &was.nets[k];
        if (n) now->nets[now->n_nets++] = *n;
    }
    for (int k = 0; k < was.n_nets && now->n_nets < HV_NETS; k++) {
        bool wanted = false;
        for (int i = 0; i < want->n_nets; i++) wanted |= strcmp(was.nets[k].name, want->nets[i].name) == 0;
        if (!wanted) now->nets[now->n_nets++] = was.nets[k];
    }
}

static void believe(struct vm *vm, const struct hv_in_force *is)
{
    const struct hv_spec *want = &vm->pub.want;
    struct hv_spec *now = &vm->pub.effective;
    struct hv_spec next = *want;
    next.vcpus = is->vcpus;
    next.max_vcpus = is->max_vcpus;
    next.shares = is->shares;
    next.limit_pct = is->limit_pct;
    memcpy(next.affinity, is->affinity, sizeof next.affinity);
    next.mem_kb = is->mem_kb;
    next.mem_max_kb = is->mem_max_kb;
    next.detect_panic = is->detect_panic;
    next.watchdog_s = is->watchdog_s;
    memcpy(next.volumes, now->volumes, sizeof next.volumes);
    memcpy(next.nets, now->nets, sizeof next.nets);
    next.n_volumes = now->n_volumes;
    next.n_nets = now->n_nets;
    volumes_in_force(want, is, &next);
    nets_in_force(want, is, &next);
    *now = next;
}

void vm_tell_pending(struct vm *vm, struct vm_world *w)
{
    const bool waits = vm->pub.pending && !vm->priv.set_dirty && !vm->priv.set_cookie;
    const bool over = vm->priv.told_pending && !vm->pub.pending && !vm->priv.operation.kind;
    if ((waits && !vm->priv.told_pending) || over) vm_tell_state(vm, w, VM_R_POLICY);
    vm->priv.told_pending = waits;
}

void vm_resources_seen(struct vm *vm, struct vm_world *w, const struct hv_in_force *is)
{
    /* Otherwise a newer request follows. */
    if (is && !vm->priv.set_dirty) believe(vm, is);
    vm->pub.pending = !vm_same_resources(&vm->pub.want, &vm->pub.effective);
    vm_tell_pending(vm, w);
}

bool vm_needs_start(const struct vm *vm)
{
    struct hv_spec now = vm->pub.effective;
    now.mem_kb =
        vm->pub.want.mem_kb; /* whether memory is returned depends on the guest's driver, in this run as in the next */
    return now.mem_max_kb != vm->pub.want.mem_max_kb || !vm_same_resources(&vm->pub.want, &now);
}

void vm_resources_changed(struct vm *vm, struct vm_world *w)
{
    const bool on = vm->pub.state == VM_RUNNING || vm->pub.state == VM_PAUSED || vm->pub.state == VM_STARTING;
    if (!on && vm->pub.state != VM_SUSPENDED) {
        if (vm_has_files(w)) vm_files_drop_volumes(vm);
        vm->pub.effective = vm->pub.want; /* nothing runs with other values; the next start uses them */
    }
    vm->pub.pending = !vm_same_resources(&vm->pub.want, &vm->pub.effective);
    vm->priv.set_dirty = vm->pub.pending && vm->pub.state == VM_RUNNING;
    w->sink->save(w->sink->ctx, vm);
    vm_tell_pending(vm, w);
}
