/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BENCH_HTTP_LOOP_H
#define TESTS_BENCH_HTTP_LOOP_H
/* The HTTP side of echo and floor: a libmicrohttpd daemon with the same flags and the same kind of loop as
 * dmvisord's DM listener, and nothing besides. */
#include "base/buf.h"
#include <microhttpd.h>

struct loop_request {
    struct buf body;
    enum { LOOP_BODY, LOOP_WAITS, LOOP_READY } phase;
    struct MHD_Response *response;
    struct loop_request *next;
};

/** A request is complete; it is answered after the turn with q->response. */
typedef void loop_take(void *ctx, struct loop_request *q, struct MHD_Connection *mhd);
/** All that came in a turn have been taken. */
typedef void loop_commit(void *ctx);
/** Serve until SIGTERM. `commit` may be NULL. Prints the port. */
int loop_run(loop_take *take, loop_commit *commit, void *ctx);
#endif
