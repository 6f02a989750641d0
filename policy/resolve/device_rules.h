/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_RESOLVE_DEVICE_RULES_H
#define POLICY_RESOLVE_DEVICE_RULES_H
/* What the layout's rules and the device's own word say of wished settings: what does not go together on this device, what it
 * has no room for, and what has no effect there. Pure. */
#include "policy/resolve/desired.h"

/**
 * Does this setting have an effect on the device? It says so by the layout's fact `hypervisor.cap.settings`: addresses
 * below a VM's node, and below the object's root for settings of the device, comma separated, '*' for any instance,
 * "=a|b" where only these values have one. A device without that fact leaves it open, and one that lists nothing of a
 * folder of its own settings leaves those open: true.
 */
bool pol_rules_supported(struct str settings, const struct ddf_entry *en, struct str wire);
/** That fact, or empty. */
struct str pol_rules_settings(const struct pol_facts *f);

/** Fills problem and problem_code of a resolved VM where a rule does not hold, or where a wish that fails closed has no
 * effect on this device. Values must be marked `unsupported` already. @return false when out of memory */
bool pol_rules_judge(const struct pol_facts *f, struct arena *a, struct pol_vm *vm);
#endif
