/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_CONFINE_H
#define SERVER_CONFINE_H
/* Sandbox of the server: the files it may use, and no other programs. Entered before threads start (base/sandbox.h). */
#include "base/sandbox.h"
#include "server/core/config.h"

/** @param file  the configuration's. @return as sandbox_enter; RC_NOMEM */
enum rc server_confine(const struct server_config *c, const char *file, struct sandbox_state *out, struct err *e);
#endif
