/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_VM_ADMISSION_H
#define AGENT_VM_ADMISSION_H
/* Decides whether a VM with these resources can be defined and run here. Resources that conflict or exceed the
 * device are refused before the hypervisor sees them, with the result codes of virtualization-mo.md c.6. Pure. */
#include "agent/hv/hv.h"

struct admission {
    int cpus;              /* cores online, 0 = unknown */
    int cores;             /* all cores, 0 = unknown */
    int max_vcpus;         /* of one VM, 0 = no limit */
    int64_t memory_kb;     /* of the host, 0 = not known */
    int64_t promised_kb;   /* to the other VMs that run */
    int64_t store_free_kb; /* free, and promised to no volume; < 0 = not known */
};

/**
 * @param new_kb  storage that the VM's files do not occupy yet, KiB
 * @param text    the reason, at least HV_TEXT_BYTES; written only when refused
 * @return 0, or 1421 (CPU), 1422 (memory), 1423 (storage)
 */
int admission_test(const struct hv_spec *s, const struct admission *room, int64_t new_kb, char text[HV_TEXT_BYTES]);
/** Only its memory; only its storage. */
int admission_memory(const struct hv_spec *s, const struct admission *room, char text[HV_TEXT_BYTES]);
int admission_storage(const struct admission *room, int64_t new_kb, char text[HV_TEXT_BYTES]);
#endif
