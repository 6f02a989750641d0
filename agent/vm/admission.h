/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_VM_ADMISSION_H
#define AGENT_VM_ADMISSION_H
/* May a VM with these resources be defined and run here? What does not fit together or has no room is refused before the
 * hypervisor sees it, with the result codes of virtualization-mo.md c.6. Pure. */
#include "agent/hv/hv.h"

struct admission {
    int cpus;              /* cores on line, 0 = not known */
    int cores;             /* all there are, 0 = not known */
    int max_vcpus;         /* of one VM, 0 = no limit */
    int64_t memory_kb;     /* of the host, 0 = not known */
    int64_t promised_kb;   /* to the other VMs that run */
    int64_t store_free_kb; /* < 0 = not known */
};

/**
 * @param new_kb  storage that the VM's files do not hold yet, KiB
 * @param text    why, at least HV_TEXT_BYTES; written only when refused
 * @return 0, or 1421 (CPU), 1422 (memory), 1423 (storage)
 */
int admission_test(const struct hv_spec *s, const struct admission *room, int64_t new_kb, char text[HV_TEXT_BYTES]);
#endif
