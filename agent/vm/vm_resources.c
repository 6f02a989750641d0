/* SPDX-License-Identifier: Apache-2.0 */
/* What a VM's resources are wanted to be, and what is in force: the same unless some of it only comes with the next start. */
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

/* Volumes that are wanted and in force are as wanted, the others as they run: also those that nobody wants any more. */
static void volumes_in_force(const struct hv_spec *want, uint32_t waits, struct hv_spec *now)
{
    const struct hv_spec was = *now;
    now->n_volumes = 0;
    for (int i = 0; i < want->n_volumes; i++) {
        const struct hv_volume *v = waits & HV_PART_VOLUME(i) ? NULL : &want->volumes[i];
        for (int k = 0; !v && k < was.n_volumes; k++)
            if (strcmp(was.volumes[k].name, want->volumes[i].name) == 0) v = &was.volumes[k];
        if (v) now->volumes[now->n_volumes++] = *v;
    }
    for (int k = 0; k < was.n_volumes && now->n_volumes < HV_VOLUMES; k++) {
        bool wanted = false;
        for (int i = 0; i < want->n_volumes; i++) wanted |= strcmp(was.volumes[k].name, want->volumes[i].name) == 0;
        if (!wanted) now->volumes[now->n_volumes++] = was.volumes[k];
    }
}

static void nets_in_force(const struct hv_spec *want, uint32_t waits, struct hv_spec *now)
{
    const struct hv_spec was = *now;
    now->n_nets = 0;
    for (int i = 0; i < want->n_nets; i++) {
        const struct hv_net *n = waits & HV_PART_NET(i) ? NULL : &want->nets[i];
        for (int k = 0; !n && k < was.n_nets; k++)
            if (strcmp(was.nets[k].name, want->nets[i].name) == 0) n = &was.nets[k];
        if (n) now->nets[now->n_nets++] = *n;
    }
    for (int k = 0; k < was.n_nets && now->n_nets < HV_NETS; k++) {
        bool wanted = false;
        for (int i = 0; i < want->n_nets; i++) wanted |= strcmp(was.nets[k].name, want->nets[i].name) == 0;
        if (!wanted) now->nets[now->n_nets++] = was.nets[k];
    }
}

void vm_tell_pending(struct vm *vm, struct vm_world *w)
{
    const bool waits = vm->pub.pending && !vm->priv.set_dirty && !vm->priv.set_cookie;
    if (waits && !vm->priv.told_pending) vm_tell_state(vm, w, VM_R_POLICY);
    vm->priv.told_pending = waits;
}

void vm_resources_told(struct vm *vm, struct vm_world *w, const struct hv_event *ev)
{
    struct hv_spec now = vm->pub.want;
    const struct hv_spec *was = &vm->pub.effective;
    if (!ev->rc && !vm->priv.set_dirty) { /* else something else is wanted meanwhile, and comes next */
        if (ev->pending & HV_PART_VCPUS) now.vcpus = was->vcpus, now.max_vcpus = was->max_vcpus;
        if (ev->pending & HV_PART_MEMORY)
            now.mem_kb = was->mem_kb, now.mem_max_kb = was->mem_max_kb, now.mem_min_kb = was->mem_min_kb;
        if (ev->pending & HV_PART_WEIGHT) now.shares = was->shares, now.limit_pct = was->limit_pct;
        if (ev->pending & HV_PART_AFFINITY) memcpy(now.affinity, was->affinity, sizeof now.affinity);
        if (ev->pending & HV_PART_GUARDS) now.detect_panic = was->detect_panic, now.watchdog_s = was->watchdog_s;
        memcpy(now.volumes, was->volumes, sizeof now.volumes);
        memcpy(now.nets, was->nets, sizeof now.nets);
        now.n_volumes = was->n_volumes;
        now.n_nets = was->n_nets;
        volumes_in_force(&vm->pub.want, ev->pending, &now);
        nets_in_force(&vm->pub.want, ev->pending, &now);
        vm->pub.effective = now;
    }
    vm->pub.pending = !vm_same_resources(&vm->pub.want, &vm->pub.effective);
    vm_tell_pending(vm, w);
}

void vm_resources_changed(struct vm *vm, struct vm_world *w)
{
    const bool on = vm->pub.state == VM_RUNNING || vm->pub.state == VM_PAUSED || vm->pub.state == VM_STARTING;
    if (!on && vm->pub.state != VM_SUSPENDED) {
        if (vm_has_files(w)) vm_files_drop_volumes(vm);
        vm->pub.effective = vm->pub.want; /* nothing runs with other values; Start hands them over */
    }
    vm->pub.pending = !vm_same_resources(&vm->pub.want, &vm->pub.effective);
    vm->priv.set_dirty = vm->pub.pending && vm->pub.state == VM_RUNNING;
    w->sink->save(w->sink->ctx, vm);
    vm_tell_pending(vm, w);
}
