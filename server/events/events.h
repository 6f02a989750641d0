/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_EVENTS_EVENTS_H
#define SERVER_EVENTS_EVENTS_H
/* The live stream: rows of table `event` are written in the transaction of whatever changed; after the commit
 * events_wake tells the streaming thread, which sends what is new to each open stream in order. */
#include "server/http/http.h"
#include "server/core/server.h"

/** Starts its thread with a read connection of its own. */
enum rc events_create(struct server *srv, struct events **out, struct err *e);
/** Ends the streams. Accepts NULL. */
void events_destroy(struct events *ev);
/** Something was committed. From any thread; cheap when nobody listens. Accepts NULL. */
void events_wake(struct events *ev);
/** A new stream: rows after `after` (0 = from now), only of these types (comma separated, empty = all), device and
 * authority (0 = all). Each is "id: n", "event: type" and "data: {...}", the row's object with `at` and `device`. An
 * `after` whose successors are forgotten begins with "event: reset": the reader should look at everything anew.
 * @param db  the caller's connection @param principal  0 = no ceiling of its own
 * @return RC_BUSY past the ceiling of streams, of all or of one principal */
enum rc events_stream(struct events *ev, struct sql *db, int64_t principal, int64_t after, struct str types,
                      struct str device, int64_t authority, struct http_stream *stream, struct err *e);
/** A stream of one operation as GET /api/v1/operations/{n} shows it: now, and whenever it changes, until it is over. */
enum rc events_stream_operation(struct events *ev, struct sql *db, int64_t principal, int64_t operation,
                                struct str device, struct http_stream *stream, struct err *e);
#endif
