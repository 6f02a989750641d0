/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_JOBS_RETENTION_H
#define SERVER_JOBS_RETENTION_H
/* Deletes rows older than the configuration's keep.*: samples, events, history of sessions and notifications, and
 * stored answers of repeated requests. A thread wakes once an hour and uses small transactions.
 *
 * Deletion is final, so the clock is not trusted blindly: a machine that starts with a wrong clock would delete the
 * whole history. The trusted time follows the clock as long as the clock continues from the newest entry. A leap,
 * forward or back, or several smaller ones that add up to CLOCK_LEAPS_MS, is reported (log, /readyz, console). The new time is trusted once the server has run for
 * RETENTION_WAIT_MS with it, or after `dmvisord --trust-clock`. Until then the trusted time continues with the server's
 * running time, for everything that depends on time (health_now_ms): nothing expires early, and nothing expired becomes
 * valid again. */
#include "server/core/server.h"

enum { RETENTION_WAIT_MS = 86400 * 1000 }; /* running time after which a leap (server/core/health.h) is trusted */

struct retention;
enum rc retention_create(struct server *srv, struct retention **out, struct err *e);
void retention_destroy(struct retention *r);
/** Test writing, and report warnings for the administrator. Tries a tiny write on the thread's connection, unless one
 * was tried within the last second. @param r  NULL = no checks, RC_OK. @param warning  "" = none
 * @return RC_IO: writing fails; `e` says why */
enum rc retention_probe(struct retention *r, char warning[256], struct err *e);

/** One sweep at this time, on the caller's thread (tests). */
enum rc retention_sweep(struct sql *db, const struct server_config *c, int64_t now_ms, struct err *e);
/** Opens a connection with the statements that retention_sweep runs. */
enum rc retention_open(const struct server_config *c, struct sql_health *health, struct sql **out, struct err *e);
/** Compute the trusted time. @param ran_ms  running time since the last call. @param ahead_ms  how far the clock is
 * ahead of the trusted time, negative = behind; 0 = the clock is trusted */
enum rc retention_time(struct sql *db, int64_t now_ms, int64_t ran_ms, int64_t *time_ms, int64_t *ahead_ms,
                       struct err *e);
/** Trust the clock's current time. */
enum rc retention_trust(struct sql *db, int64_t now_ms, struct err *e);
#endif
