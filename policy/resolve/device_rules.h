/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_RESOLVE_DEVICE_RULES_H
#define POLICY_RESOLVE_DEVICE_RULES_H
/* Checks desired settings against the layout's rules and against what the device reports: settings that conflict,
 * exceed the device's capacity, or have no effect there. Pure. */
#include "policy/resolve/desired.h"

/**
 * Does this setting have an effect on the device? The layout's fact `hypervisor.cap.settings` lists such settings:
 * addresses below a VM's node, and below the object's root for settings of the device, comma separated, '*' for any
 * instance, "=a|b" where only these values have one. Without that fact the answer is true, and so it is for the
 * device's own settings in a folder of which the list has none.
 */
bool pol_rules_supported(struct str settings, const struct ddf_entry *en, struct str wire);
/** That fact, or empty. */
struct str pol_rules_settings(const struct pol_facts *f);

/**
 * Fill problem and problem_code of a resolved VM where a rule is violated, or where a fail-closed setting has no effect
 * on this device. Values must be marked `unsupported` already. @return false when out of memory
 */
bool pol_rules_judge(const struct pol_facts *f, struct arena *a, struct pol_vm *vm);
#endif
