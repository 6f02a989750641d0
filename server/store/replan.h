/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_REPLAN_H
#define SERVER_STORE_REPLAN_H
/* Replans the devices of a description or policy that was added, changed or deleted. The request only queues the job
 * (and processes the first slice of a policy itself); the notifier's thread stamps and notifies the devices, one slice
 * per transaction, and resumes after a restart. */
#include "server/store/device_ddf.h"

enum { REPLAN_DEVICES = 500 };

/** Queue a job, in the caller's transaction. Does nothing for an authority without policies. */
enum rc replan_ask(struct sql *db, int64_t authority, const struct device_kind *kind, struct str why, struct err *e);
/** Process the next slice, in its own transaction. @param more  another slice may follow: call again */
enum rc replan_slice(struct sql *db, const struct server *srv, int64_t now_ms, bool *more, struct err *e);
#endif
