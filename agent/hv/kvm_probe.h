/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_HV_KVM_PROBE_H
#define AGENT_HV_KVM_PROBE_H
/* Does /dev/kvm execute a guest's instructions on the processor? On some hosts it opens and a guest runs, but each
 * instruction is emulated a thousand times more slowly: a kernel does not boot in minutes. */
#include <stdint.h>

enum kvm_speed {
    KVM_SPEED_ABSENT, /* it does not open, or executes nothing */
    KVM_SPEED_SLOW,   /* a loop of one millisecond did not end within KVM_PROBE_MS */
    KVM_SPEED_NATIVE, /* it did; whether a whole guest boots is shown by its first start */
    KVM_SPEED_UNKNOWN /* there is no such loop for this architecture */
};
enum { KVM_PROBE_MS = 500 };

/** Run a short loop in a guest of its own, in a process that ends with the probe. Blocks for at most KVM_PROBE_MS. */
enum kvm_speed kvm_probe(void);
#endif
