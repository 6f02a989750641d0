/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_MO_VM_SUPPORT_H
#define AGENT_MO_MO_VM_SUPPORT_H
/* Which settings of a VM, and of the device, have an effect here, with this hypervisor: the tree says so in
 * Hypervisor/Cap/Settings, and refuses (406) what has none, so that no value is kept as if it were obeyed. */
#include "agent/mo/mo.h"

/** Has this value of this setting an effect here? Entries of other scopes: true. */
bool mo_vm_supported(const struct mo_env *env, const struct ddf_entry *en, struct str value);
/** Rows for the settings that no other row serves, with this check; and the row of the fact. */
enum rc mo_vm_support_rows(struct mo_shared *s, const struct tree_row *setting, struct err *e);
#endif
