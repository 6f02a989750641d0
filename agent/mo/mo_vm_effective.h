/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_MO_VM_EFFECTIVE_H
#define AGENT_MO_MO_VM_EFFECTIVE_H
/* Compares a VM's effective resources with its settings: Resources/Pending, and the differences in
 * Resources/Effective. */
#include "agent/mo/mo.h"

/* Settings that the tree stores, with the members that they become: of struct vm_settings, of a volume, of an
 * interface. */
struct mo_vm_tables {
    const struct mo_field *vm;
    size_t n_vm;
    const struct mo_field *volume;
    size_t n_volume;
    const struct mo_field *net;
    size_t n_net;
};
extern const struct mo_vm_tables mo_vm_tables; /* in mo_vm.c */

enum rc mo_vm_effective_rows(struct mo_shared *s, struct err *e);
#endif
