/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_MO_VM_SUPPORT_H
#define AGENT_MO_MO_VM_SUPPORT_H
/* The settings of a VM and of the device that have an effect here, with this hypervisor. The tree lists them in
 * Hypervisor/Cap/Settings and refuses the others with 406, so that no value is stored without an effect. */
#include "agent/mo/mo.h"

/** Does this value of this setting have an effect here? Entries of other scopes: true. */
bool mo_vm_supported(const struct mo_env *env, const struct ddf_entry *en, struct str value);
/** Rows for the settings that no other row serves, with this check; and the row of the fact. */
enum rc mo_vm_support_rows(struct mo_shared *s, const struct tree_row *setting, struct err *e);
#endif
