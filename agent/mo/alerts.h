/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_ALERTS_H
#define AGENT_MO_ALERTS_H
/* Alerts on their way to a server: kept until it acknowledges them, also across restarts (virtualization-mo.md c.7).
 * When too many wait, old Progress and Threshold alerts go first, then other unimportant ones; some are never
 * dropped. */
#include "agent/mo/persist.h"
#include "ddf/layout/layout.h"
#include "syncml/session/client.h"

enum { ALERTS_KEPT = 256 };

struct alerts;
struct alert_new {
    struct str server_id, name, source, format, mark, data, correlator;
}; /* name as in the layout; empty mark = informational */

/** @param s  borrowed, may be NULL; what is in it is loaded */
enum rc alerts_create(struct state *s, const struct ddf_layout *layout, struct alerts **out, struct err *e);
void alerts_destroy(struct alerts *al);
/** A Progress alert that was not sent yet is replaced by a newer one from the same source. */
enum rc alerts_add(struct alerts *al, const struct alert_new *n, int64_t now_ms, struct err *e);
/** How many wait for this server, and since when (raised_ms of the oldest; INT64_MAX when none). */
size_t alerts_waiting(const struct alerts *al, struct str server_id, int64_t *since_ms);
/** Those not sent in this session yet, oldest first, as at most `max` messages' worth of items; they count as sent
 * now. */
enum rc alerts_take(struct alerts *al, struct str server_id, size_t max, struct arena *a, struct sml_alert_out **out,
                    struct err *e);
/** The server acknowledged it. */
enum rc alerts_acked(struct alerts *al, uint64_t tag, struct err *e);
/** The session is over: what was sent and not acknowledged is sent again in the next one. */
void alerts_session_over(struct alerts *al, struct str server_id);
/** The account is gone. */
enum rc alerts_forget(struct alerts *al, struct str server_id, struct err *e);
size_t alerts_count(const struct alerts *al);
#endif
