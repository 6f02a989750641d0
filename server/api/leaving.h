/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_API_LEAVING_H
#define SERVER_API_LEAVING_H
/* Which devices' VMs a policy would leave behind, and what its onLeave says of them. Inside server/api/ only. */
#include "server/api/call.h"

/** {policy, vm, onLeave, count, devices}: devices that have one of the policy's VMs and keep it from no other policy.
 * @param after  the document that would be in force; NULL = none, it would be deleted
 * @param vm     of the present document
 * @return RC_OK with *out = NULL when there are none, and the policy is not deleted */
enum rc leaving_json(struct call *c, int64_t policy, struct str name, int64_t authority, const struct pol_policy *after,
                     struct str vm, enum pol_leave leave, json_t **out);
/** The same for a document that is about to be applied, in words: a warning, if there are any. */
enum rc leaving_warn(struct call *c, int64_t policy, int64_t authority, const struct pol_policy *after,
                     json_t *warnings);
#endif
