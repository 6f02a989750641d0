#ifndef SERVER_RETENTION_H
#define SERVER_RETENTION_H
/* Forgets what is older than the configuration's keep.*: samples, events, history of sessions and triggers, answers
 * kept for repeated requests. A thread that wakes once an hour; small transactions. */
#include "server/server.h"

struct retention;
enum rc retention_create(struct server *srv, struct retention **out, struct err *e);
void retention_destroy(struct retention *r);
/** One sweep at this time, on the caller's thread (tests). */
enum rc retention_sweep(struct sql *db, const struct server_config *c, int64_t now_ms, struct err *e);
/** Opens a connection with the statements that retention_sweep runs. */
enum rc retention_open(const struct server_config *c, struct sql **out, struct err *e);
#endif
