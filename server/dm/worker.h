/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DM_WORKER_H
#define SERVER_DM_WORKER_H
/* The DM worker: one thread with its own listener and database connection. One turn of its loop processes every message
 * that is ready, commits once, and only then sends the replies (architecture.md 6.1). */
#include "server/core/server.h"

struct worker;
/** Open the store and the listener of dm.address, then start the thread. */
enum rc worker_start(struct server *srv, struct worker **out, struct err *e);
/** Accept no new connections, answer the accepted requests, and end the thread. Open sessions are lost (devices begin
 * new ones). Accepts NULL. */
void worker_stop(struct worker *w);
uint16_t worker_port(const struct worker *w);
#endif
