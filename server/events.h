#ifndef SERVER_EVENTS_H
#define SERVER_EVENTS_H
/* The live stream: rows of table `event` are written in the transaction of whatever changed; after the commit events_wake tells the
 * streaming thread, which sends what is new to each open stream in order. */
#include "server/http.h"
#include "server/server.h"

/** Starts its thread with a read connection of its own. */
enum rc events_create(struct server *srv, struct events **out, struct err *e);
void events_destroy(struct events *ev);
/** Something was committed. From any thread; cheap when nobody listens. Accepts NULL. */
void events_wake(struct events *ev);
/** A new stream: rows after `after` (0 = from now), only of these types (comma separated, empty = all), device and authority (0 = all). */
enum rc events_stream(struct events *ev, int64_t after, struct str types, struct str device, int64_t authority,
                      struct http_stream *stream, struct err *e);
#endif
