/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DM_WORKER_H
#define SERVER_DM_WORKER_H
/* The DM worker: one thread with its own listener and database connection. One turn of its loop takes every message
 * that is ready through the whole line, commits once, and only then lets the replies go (architecture.md 6.1). */
#include "server/core/server.h"

struct worker;
/** Opens the store and the listener of dm.address, then starts the thread. */
enum rc worker_start(struct server *srv, struct worker **out, struct err *e);
/** No new connections; what was taken in is answered; the thread ends. Open sessions are lost (devices begin new
 * ones). Accepts NULL. */
void worker_stop(struct worker *w);
uint16_t worker_port(const struct worker *w);
#endif
