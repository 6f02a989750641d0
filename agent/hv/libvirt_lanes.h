/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_LIBVIRT_LANES_H
#define AGENT_HV_LIBVIRT_LANES_H
/* Requests to the hypervisor, with a lane for each VM: requests of different VMs run in parallel, those of one VM in
 * order, each with a time limit. A call that does not return ends its request and makes its VM's lane silent: later
 * requests are refused at once, except for those that power the VM off, which run past the hanging call. */
#include "agent/hv/hv.h"

struct virt_lanes;
struct virt_request {
    enum hv_call call;
    uint64_t cookie;
    struct hv_spec spec;
    bool by_force; /* a call to this VM hangs: kill its emulator instead of asking it */
};
struct virt_lanes_class {
    /** Execute it, however long it takes; in a thread of the lane. Fills rc, code, text and the results of the call. */
    void (*serve)(void *ctx, const struct virt_request *r, struct hv_event *ev, struct hv_stats **stats);
    /** Report an event to the agent; takes `stats` and `in_force`. */
    void (*tell)(void *ctx, const struct hv_event *ev, struct hv_stats *stats);
};

enum rc libvirt_lanes_create(const struct virt_lanes_class *class, void *ctx, struct virt_lanes **out, struct err *e);
/**
 * Returns when running requests have ended, or after `wait_ms`. @return false: a call still hangs; then nothing that it
 * or `serve` uses may be freed
 */
bool libvirt_lanes_destroy(struct virt_lanes *l, int64_t wait_ms);
/** @return RC_LIMIT when too many wait */
enum rc libvirt_lanes_put(struct virt_lanes *l, enum hv_call call, const struct hv_spec *spec, uint64_t cookie,
                          struct err *e);
/** Check the clock: end requests past their limits. Called several times a second; quick. */
void libvirt_lanes_tick(struct virt_lanes *l, int64_t now_ms);
#endif
