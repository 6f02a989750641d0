/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_EVENTS_EVENTS_H
#define SERVER_EVENTS_EVENTS_H
/* The live stream: rows of table `event` are written in the transaction of the change; after the commit, events_wake
 * signals the streaming thread, which sends new rows to each open stream in order. */
#include "base/crypto.h"
#include "server/http/http.h"
#include "server/core/server.h"

/** Start the thread, with its own read connection. */
enum rc events_create(struct server *srv, struct events **out, struct err *e);
/** End all streams. Accepts NULL. */
void events_destroy(struct events *ev);
/** Call after a commit, from any thread; cheap without open streams. Accepts NULL. */
void events_wake(struct events *ev);

/* Who reads a stream. */
struct events_reader {
    int64_t principal; /* 0 = no ceiling of its own */
    uint8_t session[SHA256_BYTES];
    /** Called by the streaming thread now and then with its connection: a stream ends once this says no. NULL = for ever. */
    bool (*may_read)(const void *ctx, struct sql *db, const struct events_reader *r);
    const void *ctx;
};

/** Somebody may not read any more: that is looked at before anything else is sent. From any thread. Accepts NULL. */
void events_look_again(struct events *ev);
/** A new stream: rows after `after` (0 = from now), only of these types (comma separated, empty = all), device and
 * authority (0 = all). Each is "id: n", "event: type" and "data: {...}", the row's object with `at` and `device`. If
 * rows after `after` were deleted, the stream begins with "event: reset": the reader should reload everything.
 * @param db  the caller's connection
 * @return RC_BUSY past the limit of streams, of all or of one principal */
enum rc events_stream(struct events *ev, struct sql *db, const struct events_reader *who, int64_t after,
                      struct str types, struct str device, int64_t authority, struct http_stream *stream,
                      struct err *e);
/** A stream of one operation in the form of GET /api/v1/operations/{n}: now, and after each change, until it ends. */
enum rc events_stream_operation(struct events *ev, struct sql *db, const struct events_reader *who, int64_t operation,
                                struct str device, struct http_stream *stream, struct err *e);
#endif
