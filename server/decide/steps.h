/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_STEPS_H
#define SERVER_DECIDE_STEPS_H
/* Plan steps as session steps. Maps policy/'s commands to SyncML commands: policy/ and syncml/ do not know each other.
 * */
#include "policy/plan/plan.h"
#include "syncml/session/server.h"

/** The SyncML command of a plan command. */
enum sml_cmd_kind steps_kind_of(enum dm_command c);
/** Convert in order. Tags are indices into the flat list of the plan's steps (a group, then its children). */
enum rc steps_of_plan(const struct pol_plan *p, struct arena *a, struct sml_step **out, struct err *e);
#endif
