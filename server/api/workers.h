/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_API_WORKERS_H
#define SERVER_API_WORKERS_H
/* The threads that answer API requests, each with its own database connections, so that a slow request delays no other.
 * Inside server/api/ only. */
#include "server/api/api.h"

struct api_workers;

/* The resources of one thread. */
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
    API_WORKERS_EXPRESS = 2,      /* additional threads for requests that are always quick (health, metrics) */
    API_WORKERS_WAITING = 512,    /* requests */
    API_WORKERS_WAITING_EACH = 64 /* waiting requests of one principal; it may use half of the threads */
};
/** @param n  threads, at least API_WORKERS_MIN. @param work  answers a request on a worker's thread */
enum rc api_workers_open(struct api *api, unsigned n,
                         void (*work)(struct api_worker *, struct http_request *, struct http_reply *),
                         struct api_workers **out, struct err *e);
/** Queue a request, on the listener's thread. It is answered later, or now in `reply` when too many wait (429, 503) or
 * the server is stopping. Requests of one r->principal (0 = unknown) share its part of threads and queue. */
void api_workers_take(struct api_workers *d, struct http_request *r, struct http_reply *reply, bool express);
/** Answer waiting requests with 503, finish running ones, and end the threads. Further requests are refused until
 * api_workers_close. */
void api_workers_stop(struct api_workers *d);
/** Accepts NULL. */
void api_workers_close(struct api_workers *d);
#endif
