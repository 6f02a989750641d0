/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_FACTS_H
#define POLICY_FACTS_H
/* Questions to what is known of a device: of plans, of what goes back and of what is shown alike. */
#include "policy/plan.h"

/** Place of the first node of the mirror whose address is not before `uri`. */
size_t facts_from(const struct pol_facts *f, struct str uri);
/** NULL = the mirror does not have it. */
const struct pol_mirror_node *facts_node(const struct pol_facts *f, struct str uri);
/** Does this operation lead a VM to the lock state, or to the state, `now`? */
bool facts_leads_to(const struct ddf_operation *o, bool lock, int now);
/** A person's operation that brought the VM to where it is now (`now`: its lock state or its state), against the policy's
 * older wish; NULL = there is none. */
const struct pol_hold *facts_hold(const struct pol_facts *f, struct str vm, bool lock, const struct pol_policy *policy,
                                  int now);
#endif
