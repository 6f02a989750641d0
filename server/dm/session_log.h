/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DM_SESSION_LOG_H
#define SERVER_DM_SESSION_LOG_H
/* Writes the end of sessions: a row in the history, an event, a recording. The end of a session that failed because the
 * database could not be written waits until writing works again. */
#include "server/dm/exchange.h"

enum { ENDING_FAILED_MAX = 32 }; /* waiting sessions; further ones are dropped */

/** Write an event outside of messages at once, in the open transaction. */
enum rc session_log_event(struct dm *dm, int64_t authority, const char *type, struct str device, struct str json,
                          int64_t now_ms, struct err *e);
/** Add its row to the history. Sessions without changes have no row, unless they are recorded. */
enum rc session_log_row(struct store *st, struct dm_changes *c, struct session *s, struct err *e);
/** Record the outcome of a session. */
enum rc session_log_keep(struct dm *dm, struct dm_changes *c, struct session *s, const char *outcome, const char *why,
                         int64_t now_ms, struct arena *a, struct err *e);
/** The session ends with unanswered commands: the next session sends few at a time, and a command that was sent alone
 * counts as failed (server/decide/device_status.c). */
enum rc session_log_unanswered(struct dm *dm, struct dm_changes *c, const struct session *s, struct arena *a,
                               struct err *e);
/** Count the outcome in the metrics. */
void session_log_count(struct dm *dm, const char *outcome);
/** Callback of sessions.c for a session that is given up; ctx is the dm. */
void session_log_left(void *ctx, struct session *s, const char *why);
/** The server could not continue the session and cannot write its end now. Takes the session. */
void session_log_failed(struct dm *dm, struct session *s, const char *why);
/** Write the waiting ends (in its own transaction); on failure they keep waiting. */
enum rc session_log_keep_failed(struct dm *dm, struct err *e);
void session_log_forget_failed(struct dm *dm);
#endif
