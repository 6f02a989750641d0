/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_REPLAN_H
#define SERVER_STORE_REPLAN_H
/* A description came or went, or a policy was changed: the devices that it is meant for are planned anew. The request
 * only says so (and serves the first slice of a policy itself); the notifier's thread stamps and calls the devices, a slice of them in a
 * transaction, and goes on where it was after a restart. */
#include "server/store/device_ddf.h"

enum { REPLAN_DEVICES = 500 };

/** In the caller's transaction. Nothing for an authority without policies. */
enum rc replan_ask(struct sql *db, int64_t authority, const struct device_kind *kind, struct str why, struct err *e);
/** The next slice, in a transaction of its own. @param more  there may be another one: call again */
enum rc replan_slice(struct sql *db, const struct server *srv, int64_t now_ms, bool *more, struct err *e);
#endif
