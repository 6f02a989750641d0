/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DM_SESSION_LOG_H
#define SERVER_DM_SESSION_LOG_H
/* What sessions leave behind: a row in the history, an event, a recording. Also of those that end because this server
 * could not go on: their ends wait until something can be written again. */
#include "server/dm/exchange.h"

enum { ENDING_FAILED_MAX = 32 }; /* that wait; past it they are forgotten */

/** An event outside of messages: written at once, in the open transaction. */
enum rc session_log_event(struct dm *dm, int64_t authority, const char *type, struct str device, struct str json,
                          int64_t now_ms, struct err *e);
/** Its row in the history. Sessions in which nothing happened have none, unless somebody wants to look at them. */
enum rc session_log_row(struct store *st, struct dm_changes *c, struct session *s, struct err *e);
/** It ends like this. */
enum rc session_log_keep(struct dm *dm, struct dm_changes *c, struct session *s, const char *outcome, const char *why,
                         int64_t now_ms, struct arena *a, struct err *e);
/** It ends with commands on their way: its device is treated with care, and what went alone has failed (server/decide/device_status.c). */
enum rc session_log_unanswered(struct dm *dm, struct dm_changes *c, const struct session *s, struct arena *a,
                               struct err *e);
/** For the metrics. */
void session_log_count(struct dm *dm, const char *outcome);
/** sessions.c gives one up; ctx is the dm. */
void session_log_left(void *ctx, struct session *s, const char *why);
/** We could not go on with it, and cannot write that now. Takes the session. */
void session_log_failed(struct dm *dm, struct session *s, const char *why);
/** Write those that wait (in a transaction of its own). When that fails they wait on. */
enum rc session_log_keep_failed(struct dm *dm, struct err *e);
void session_log_forget_failed(struct dm *dm);
#endif
