/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_RESOLVE_RESOLVE_DEFAULTS_H
#define POLICY_RESOLVE_RESOLVE_DEFAULTS_H
/* Values that policies set and no policy sets any more, and VMs that policies left. Part of resolve.c. Pure. */
#include "policy/resolve/desired.h"

struct candidate {
    const struct pol_policy *policy;
    bool unknown; /* its selector cannot be evaluated yet */
};

/**
 * Names of VMs that no policy mentions any more, but that facts do. @param name  gets the i-th; may repeat
 * @return false after the last one
 */
bool pol_defaults_vm_name(const struct pol_facts *f, size_t i, struct str *name);
/**
 * Fill the rest of d: back, left and leave of its VMs (with goal and lock where onLeave requires them), device_back,
 * charges, over. @return false when out of memory
 */
bool pol_defaults_resolve(const struct pol_facts *f, const struct candidate *holds, size_t n_holds, struct arena *a,
                          struct pol_desired *d);
#endif
