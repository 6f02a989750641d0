/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_LIBVIRT_LANES_H
#define AGENT_HV_LIBVIRT_LANES_H
/* Requests to the hypervisor, a lane for each VM: different VMs' requests run at the same time, those of one VM in
 * order, each with a time limit. A call that does not come back ends its request and makes its VM's lane silent: what
 * comes next is refused at once, but for what takes the VM's power away, which goes past the call that hangs. */
#include "agent/hv/hv.h"

struct virt_lanes;
struct virt_request {
    enum hv_call call;
    uint64_t cookie;
    struct hv_spec spec;
    bool by_force; /* a call to this VM hangs: do not ask its emulator, kill it */
};
struct virt_lanes_class {
    /** Carry it out, however long it takes; in a thread of the lane. Fills rc, code, text and what the call gives. */
    void (*serve)(void *ctx, const struct virt_request *r, struct hv_event *ev, struct hv_stats **stats);
    /** An event for the agent; takes `stats` and what it has in force. */
    void (*tell)(void *ctx, const struct hv_event *ev, struct hv_stats *stats);
};

enum rc libvirt_lanes_create(const struct virt_lanes_class *class, void *ctx, struct virt_lanes **out, struct err *e);
/** Ends when what runs has ended, or after `wait_ms`. @return false: a call still hangs; then nothing of it, nor of
 * what `serve` uses, may be given back */
bool libvirt_lanes_destroy(struct virt_lanes *l, int64_t wait_ms);
/** @return RC_LIMIT when too many wait */
enum rc libvirt_lanes_put(struct virt_lanes *l, enum hv_call call, const struct hv_spec *spec, uint64_t cookie,
                          struct err *e);
/** Look at the clock: end what took too long. To be called several times a second; quick. */
void libvirt_lanes_tick(struct virt_lanes *l, int64_t now_ms);
#endif
