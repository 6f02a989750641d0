/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_JOBS_RETENTION_H
#define SERVER_JOBS_RETENTION_H
/* Forgets what is older than the configuration's keep.*: samples, events, history of sessions and notifications, answers kept for
 * repeated requests. A thread that wakes once an hour; small transactions.
 *
 * What is deleted does not come back, so the clock is not simply believed: a machine that starts with a wrong one would
 * delete the whole history. The time that counts here goes on with the clock as long as the clock goes on from where the
 * newest entry is. A leap, ahead or back, is told (log, /readyz, console) and believed once the server has run for
 * RETENTION_WAIT_MS with it, or when somebody says so (`dmvisord --trust-clock`); until then the time goes on as the server
 * runs, for everything that is decided by time (health_now_ms): what has an end does not end early and does not come back. */
#include "server/core/server.h"

enum { RETENTION_WAIT_MS = 86400 * 1000 }; /* running time after which a leap (server/core/health.h) is believed */

struct retention;
enum rc retention_create(struct server *srv, struct retention **out, struct err *e);
void retention_destroy(struct retention *r);
/** Does writing work, and what else must a person know? Tries a tiny write, on the thread's connection, if none was tried
 * within a second. @param r  NULL = nobody knows, so all is well. @param warning  "" = none
 * @return RC_IO: no; `e` says why */
enum rc retention_probe(struct retention *r, char warning[256], struct err *e);

/** One sweep at this time, on the caller's thread (tests). */
enum rc retention_sweep(struct sql *db, const struct server_config *c, int64_t now_ms, struct err *e);
/** Opens a connection with the statements that retention_sweep runs. */
enum rc retention_open(const struct server_config *c, struct sql_health *health, struct sql **out, struct err *e);
/** The time that counts. @param ran_ms  how long the server has run since the last call; @param ahead_ms  how much later the
 *  clock stands, less than 0: earlier; 0 = it is believed */
enum rc retention_time(struct sql *db, int64_t now_ms, int64_t ran_ms, int64_t *time_ms, int64_t *ahead_ms,
                       struct err *e);
/** The clock is right. */
enum rc retention_trust(struct sql *db, int64_t now_ms, struct err *e);
#endif
