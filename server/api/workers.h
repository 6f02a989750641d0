/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_API_WORKERS_H
#define SERVER_API_WORKERS_H
/* The threads that answer API requests, each with database connections of its own: a request that takes its time holds
 * up nobody else. Inside server/api/ only. */
#include "server/api/api.h"

struct api_workers;

/* What one thread works with. */
struct api_worker {
    struct api *api;
    struct sql *db;
    struct store *store; /* previews */
};
enum rc api_worker_open(struct api *api, struct api_worker *d, struct err *e);
void api_worker_close(struct api_worker *d);

enum {
    API_WORKER_BUSY_MS = 5000, /* how long a change waits for another writer */
    API_WORKERS_MIN = 2,
    API_WORKERS_EXPRESS = 2,      /* besides: for what is always quick (health, metrics) */
    API_WORKERS_WAITING = 512,    /* requests */
    API_WORKERS_WAITING_EACH = 64 /* requests of one principal; running: half of the threads */
};
/** @param n  threads; at least API_WORKERS_MIN are made. @param work  answers a request at a desk, on its thread */
enum rc api_workers_open(struct api *api, unsigned n,
                         void (*work)(struct api_worker *, struct http_request *, struct http_reply *),
                         struct api_workers **out, struct err *e);
/** The request is answered later; or now in `reply`, when too many wait (429, 503) or this is the end. Of the listener's
 * thread. Requests of one r->principal (0 = of nobody known) share its threads and its places in the line. */
void api_workers_take(struct api_workers *d, struct http_request *r, struct http_reply *reply, bool express);
/** Those that wait are answered with 503, those under way end; the threads end. Until api_workers_close requests are refused. */
void api_workers_stop(struct api_workers *d);
/** Accepts NULL. */
void api_workers_close(struct api_workers *d);
#endif
