/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMVISORCTL_CTL_SSE_H
#define CLI_DMVISORCTL_CTL_SSE_H
/* Parses server-sent events. */
#include "base/buf.h"

enum { SSE_LINE_BYTES = 4 << 20, SSE_NAME_BYTES = 64 };

struct sse_event {
    const char *id, *type;
    struct str data;
}; /* type "message" when the server names none */

struct sse {
    struct buf line, data;
    char id[SSE_NAME_BYTES], type[SSE_NAME_BYTES]; /* id: the last one received, for Last-Event-ID */
    bool begun, after_cr, has_data;
    int64_t retry_ms; /* delay before a reconnect; -1 = not given */
};

void sse_init(struct sse *s);
void sse_finish(struct sse *s);
/** Start on a new connection: an incomplete event is dropped, the last id is kept. */
void sse_restart(struct sse *s);
/**
 * @param on  for each whole event; false stops
 * @return RC_OK; RC_LIMIT for a line or an event past SSE_LINE_BYTES; RC_NOMEM
 * @spec  HTML Living Standard, 9.2.6
 */
enum rc sse_feed(struct sse *s, struct str bytes, bool (*on)(void *ctx, const struct sse_event *e), void *ctx);
#endif
