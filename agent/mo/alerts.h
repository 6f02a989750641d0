/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_ALERTS_H
#define AGENT_MO_ALERTS_H
/* Outgoing alerts: kept until a server acknowledges them, also across restarts (virtualization-mo.md c.7). When too
 * many wait, old Progress and Threshold alerts are dropped first, then other unimportant ones; some are never
 * dropped. */
#include "agent/mo/persist.h"
#include "ddf/layout/layout.h"
#include "syncml/session/client.h"

enum { ALERTS_KEPT = 256 };

struct alerts;
struct alert_new {
    struct str server_id, name, source, format, mark, data, correlator;
}; /* name as in the layout; empty mark = informational */

/** @param s  borrowed, may be NULL; its alerts are loaded */
enum rc alerts_create(struct state *s, const struct ddf_layout *layout, struct alerts **out, struct err *e);
void alerts_destroy(struct alerts *al);
/** Add an alert. A newer Progress alert replaces an unsent one of the same source. */
enum rc alerts_add(struct alerts *al, const struct alert_new *n, int64_t now_ms, struct err *e);
/** Number of alerts that wait for this server, and the time of the oldest (raised_ms; INT64_MAX when there is none). */
size_t alerts_waiting(const struct alerts *al, struct str server_id, int64_t *since_ms);
/**
 * Alerts that were not sent in this session, oldest first, limited to `max` messages' worth of items; they count as
 * sent from now on.
 */
enum rc alerts_take(struct alerts *al, struct str server_id, size_t max, struct arena *a, struct sml_alert_out **out,
                    struct err *e);
/** The server acknowledged it. */
enum rc alerts_acked(struct alerts *al, uint64_t tag, struct err *e);
/** The session has ended: alerts without an acknowledgement are sent again in the next one. */
void alerts_session_over(struct alerts *al, struct str server_id);
/** The account was removed. */
enum rc alerts_forget(struct alerts *al, struct str server_id, struct err *e);
size_t alerts_count(const struct alerts *al);
#endif
