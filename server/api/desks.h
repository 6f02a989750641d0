/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_API_DESKS_H
#define SERVER_API_DESKS_H
/* The threads that answer API requests, each with database connections of its own: a request that takes its time holds
 * up nobody else. Inside server/api/ only. */
#include "server/api/api.h"

struct desks;

/* What one thread works with. */
struct desk {
    struct api *api;
    struct sql *db;
    struct store *store; /* previews */
};
enum rc desk_open(struct api *api, struct desk *d, struct err *e);
void desk_close(struct desk *d);

enum {
    DESK_BUSY_MS = 5000, /* how long a change waits for another writer */
    DESKS_MIN = 2,
    DESKS_EXPRESS = 2,      /* besides: for what is always quick (health, metrics) */
    DESKS_WAITING = 512,    /* requests */
    DESKS_WAITING_EACH = 64 /* requests of one principal; running: half of the threads */
};
/** @param n  threads; at least DESKS_MIN are made. @param work  answers a request at a desk, on its thread */
enum rc desks_open(struct api *api, unsigned n, void (*work)(struct desk *, struct http_request *, struct http_reply *),
                   struct desks **out, struct err *e);
/** The request is answered later; or now in `reply`, when too many wait (429, 503) or this is the end. Of the listener's
 * thread. Requests of one r->principal (0 = of nobody known) share its threads and its places in the line. */
void desks_take(struct desks *d, struct http_request *r, struct http_reply *reply, bool express);
/** Those that wait are answered with 503, those under way end; the threads end. Until desks_close requests are refused. */
void desks_stop(struct desks *d);
/** Accepts NULL. */
void desks_close(struct desks *d);
#endif
