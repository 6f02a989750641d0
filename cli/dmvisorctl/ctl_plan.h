/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMVISORCTL_CTL_PLAN_H
#define CLI_DMVISORCTL_CTL_PLAN_H
/* Displays desired states and plans. */
#include "cli/dmvisorctl/ctl.h"

/** Show the desired state: each value with its policy and the rule that decided. */
void plan_show_desired(struct ctl *c, const json_t *desired);
/** Show the steps with their reasons, the waits, and the next message as on the wire. */
void plan_show(struct ctl *c, const json_t *plan);
#endif
