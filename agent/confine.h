/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONFINE_H
#define AGENT_CONFINE_H
/* What the agent gives up before its threads begin (base/sandbox.h): as much as its hypervisor leaves. Emulators of an
 * embedded driver are its children, and inherit it. */
#include "agent/config.h"
#include "base/sandbox.h"

/** The data folder is there. @param file  the configuration's, NULL = none. @return as sandbox_enter; RC_NOMEM */
enum rc agent_confine(const struct agent_config *c, const char *file, struct sandbox_state *out, struct err *e);
#endif
