/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_API_LEAVING_H
#define SERVER_API_LEAVING_H
/* The devices whose VMs a change of a policy would leave, and the onLeave action for them. Inside server/api/ only. */
#include "server/api/call.h"

/** {policy, vm, onLeave, count, devices}: devices with one of the policy's VMs that no other policy gives a state.
 * @param after  the new document; NULL = the policy would be deleted
 * @param vm     of the current document
 * @return RC_OK with *out = NULL when there are none, and the policy is not deleted */
enum rc leaving_json(struct call *c, int64_t policy, struct str name, int64_t authority, const struct pol_policy *after,
                     struct str vm, enum pol_leave leave, json_t **out);
/** The same as a warning text, for a document that is about to be applied. */
enum rc leaving_warn(struct call *c, int64_t policy, int64_t authority, const struct pol_policy *after,
                     json_t *warnings);
#endif
