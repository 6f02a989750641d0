/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONFINE_H
#define AGENT_CONFINE_H
/* The rights that the agent drops before its threads begin (base/sandbox.h): as many as its hypervisor allows.
 * Emulators of an embedded driver are its children and inherit the restrictions. */
#include "agent/config.h"
#include "base/sandbox.h"

/** The data folder must exist. @param file  the configuration file, NULL = none. @return as sandbox_enter; RC_NOMEM */
enum rc agent_confine(const struct agent_config *c, const char *file, struct sandbox_state *out, struct err *e);
#endif
