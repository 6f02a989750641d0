/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMVISORCTL_CTL_PLAN_H
#define CLI_DMVISORCTL_CTL_PLAN_H
/* Desired state and plans for people. */
#include "cli/dmvisorctl/ctl.h"

/** What a device shall be: each value with its policy and the rule that decided. */
void plan_show_desired(struct ctl *c, const json_t *desired);
/** Steps with their reasons, waits, and the next message as it goes over the wire. */
void plan_show(struct ctl *c, const json_t *plan);
#endif
