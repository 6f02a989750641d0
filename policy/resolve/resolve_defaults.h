/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_RESOLVE_RESOLVE_DEFAULTS_H
#define POLICY_RESOLVE_RESOLVE_DEFAULTS_H
/* What policies set and none says any more, and VMs that they left: the end of a wish. Part of resolve.c. Pure. */
#include "policy/resolve/desired.h"

struct candidate {
    const struct pol_policy *policy;
    bool unknown; /* its selector cannot be decided yet */
};

/** Names of VMs that no policy speaks of any more, but that facts do. @param name  gets the i-th; may repeat
 * @return false behind the last one */
bool pol_defaults_vm_name(const struct pol_facts *f, size_t i, struct str *name);
/** Fills the rest of d: back, left and leave of its VMs (with goal and lock where onLeave says so), device_back,
 * charges, over. @return false when out of memory */
bool pol_defaults_resolve(const struct pol_facts *f, const struct candidate *holds, size_t n_holds, struct arena *a,
                          struct pol_desired *d);
#endif
