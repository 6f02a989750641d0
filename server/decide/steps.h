/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_STEPS_H
#define SERVER_DECIDE_STEPS_H
/* Plan steps as session steps. policy/ and syncml/ do not know each other: what each command is in a message is said here. */
#include "policy/plan/plan.h"
#include "syncml/session/server.h"

/** What a command is in a message. */
enum sml_cmd_kind steps_kind_of(enum dm_command c);
/** In their order. Tags are indices into the flat list of the plan's steps (a group, then its children). */
enum rc steps_of_plan(const struct pol_plan *p, struct arena *a, struct sml_step **out, struct err *e);
#endif
