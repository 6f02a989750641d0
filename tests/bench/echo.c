/* SPDX-License-Identifier: Apache-2.0 */
/* The first baseline: an HTTP server that says back what it was told, and does nothing else. What libmicrohttpd and
 * the kernel cost. */
#include "tests/bench/http_loop.h"

static void take(void *ctx, struct loop_request *q, struct MHD_Connection *mhd)
{
    (void)ctx, (void)mhd;
    q->response = MHD_create_response_from_buffer(q->body.n, q->body.p, MHD_RESPMEM_PERSISTENT);
}

int main(void)
{
    return loop_run(take, NULL, NULL);
}
