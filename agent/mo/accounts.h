/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_ACCOUNTS_H
#define AGENT_MO_ACCOUNTS_H
/* Adds and removes accounts, with the rights and alerts of their servers. Each call is a complete one (mo_enter,
 * mo_leave). */
#include "agent/mo/env.h"

/**
 * Add an account; the first one owns the device-wide settings. @return RC_EXISTS when there is one at this server
 * (nothing is changed), RC_LIMIT past ACCOUNTS_MAX
 */
enum rc mo_add_account(struct mo_env *env, const struct account *acc, const struct world *w, struct err *e);
/** Remove an account with its alerts and its rights (C-117). */
enum rc mo_remove_account(struct mo_env *env, const char *server_id, const struct world *w, struct err *e);
#endif
