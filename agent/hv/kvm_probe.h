/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_KVM_PROBE_H
#define AGENT_HV_KVM_PROBE_H
/* Does /dev/kvm run a guest's instructions on the processor? On some hosts it opens and a guest runs, each instruction
 * emulated a thousand times slower than the processor's own: a kernel does not come up in minutes. */
#include <stdint.h>

enum kvm_speed {
    KVM_SPEED_ABSENT, /* it does not open, or runs nothing */
    KVM_SPEED_SLOW,   /* a loop of a millisecond did not end within KVM_PROBE_MS */
    KVM_SPEED_NATIVE, /* it did; whether a whole guest comes up is for its first start to show */
    KVM_SPEED_UNKNOWN /* no such loop is known for this architecture */
};
enum { KVM_PROBE_MS = 500 };

/** Runs a short loop in a guest of its own, in a process that ends with the probe. Blocks for at most KVM_PROBE_MS. */
enum kvm_speed kvm_probe(void);
#endif
