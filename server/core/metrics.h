/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_CORE_METRICS_H
#define SERVER_CORE_METRICS_H
/* Counters of the running server, for /metrics (OpenMetrics). All functions are safe from any thread and accept NULL.
 * */
#include "base/buf.h"
#include <stdint.h>

/* name, label (without braces) or "", help for the first row of a name */
#define METRICS(X)                                                                                                     \
    X(DM_MESSAGES, "dmvisor_dm_messages", "", "Messages received from devices")                                        \
    X(DM_BYTES_IN, "dmvisor_dm_received_bytes", "", "Bytes of messages received from devices")                         \
    X(DM_BYTES_OUT, "dmvisor_dm_sent_bytes", "", "Bytes of messages sent to devices")                                  \
    X(DM_COMMITS, "dmvisor_dm_commits", "", "Transactions of the DM worker")                                           \
    X(ALERTS_REPEATED, "dmvisor_dm_alerts_repeated", "",                                                               \
      "Alerts repeated after a lost answer, and not recorded again")                                                   \
    X(ALERTS_REFUSED, "dmvisor_dm_alerts_refused", "",                                                                 \
      "Alerts refused because their device sent too many (dm.alertsPerHour)")                                          \
    X(ATTRIBUTES_REFUSED, "dmvisor_dm_attributes_refused", "",                                                         \
      "Reported device attributes that were refused as too many or too long")                                          \
    X(CEILING_ROWS, "dmvisor_dm_ceiling_rows", "",                                                                     \
      "Old rows deleted because a device exceeded its share (keep.*PerDevice)")                                        \
    X(TREES_FULL, "dmvisor_dm_trees_full", "", "Sessions in which a device reported more nodes than the mirror keeps") \
    X(UNPROVEN_NONE, "dmvisor_dm_unproven", "what=\"nothing\"",                                                        \
      "Messages that were not authenticated, by the credentials they carried")                                         \
    X(UNPROVEN_CREDENTIALS, "dmvisor_dm_unproven", "what=\"credentials\"", "")                                         \
    X(UNPROVEN_TOKEN, "dmvisor_dm_unproven", "what=\"token\"", "")                                                     \
    X(UNPROVEN_SESSION, "dmvisor_dm_unproven", "what=\"session\"", "")                                                 \
    X(UNPROVEN_CERTIFICATE, "dmvisor_dm_unproven", "what=\"certificate\"", "")                                         \
    X(BRAKED, "dmvisor_dm_braked", "", "Messages whose answer was delayed after too many wrong credentials")           \
    X(CONTESTS, "dmvisor_dm_contests", "", "Sessions that resumed after another session had ended them")               \
    X(NO_REQUEST, "dmvisor_dm_tls_without_request", "",                                                                \
      "TLS connections of devices that ended before a request, for example after a failed handshake")                  \
    X(TLS_FULL, "dmvisor_dm_tls_handshakes", "resumed=\"no\"",                                                         \
      "TLS connections of devices with a request, by handshake")                                                       \
    X(TLS_RESUMED, "dmvisor_dm_tls_handshakes", "resumed=\"yes\"", "")                                                 \
    X(SESSIONS_STARTED, "dmvisor_dm_sessions_started", "", "Sessions started by devices")                              \
    X(SESSIONS_DONE, "dmvisor_dm_sessions", "outcome=\"done\"", "Sessions ended, by outcome")                          \
    X(SESSIONS_ABORTED, "dmvisor_dm_sessions", "outcome=\"aborted\"", "")                                              \
    X(SESSIONS_LOST, "dmvisor_dm_sessions", "outcome=\"lost\"", "")                                                    \
    X(NOTIFICATIONS_SENT, "dmvisor_notifications", "state=\"sent\"", "Notifications, by outcome")                      \
    X(NOTIFICATIONS_ANSWERED, "dmvisor_notifications", "state=\"answered\"", "")                                       \
    X(NOTIFICATIONS_FAILED, "dmvisor_notifications", "state=\"failed\"", "")                                           \
    X(API_2XX, "dmvisor_api_requests", "class=\"2xx\"", "Requests to the API and console, by status class")            \
    X(API_3XX, "dmvisor_api_requests", "class=\"3xx\"", "")                                                            \
    X(API_4XX, "dmvisor_api_requests", "class=\"4xx\"", "")                                                            \
    X(API_5XX, "dmvisor_api_requests", "class=\"5xx\"", "")                                                            \
    X(API_LOGIN_FAILED, "dmvisor_api_logins_refused", "", "Requests with a wrong or missing token")                    \
    X(API_BRAKED, "dmvisor_api_braked", "", "Tokens not checked, after too many wrong ones from an address")

/* Values that go up and down. */
#define GAUGES(X)                                                                                                      \
    X(SESSIONS_OPEN, "dmvisor_dm_sessions_open", "Sessions in memory")                                                 \
    X(STREAMS_OPEN, "dmvisor_event_streams_open", "Open live streams")                                                 \
    X(IMAGES_ASIDE, "dmvisor_images_aside_bytes",                                                                      \
      "Octets of image files that no image has since an older backup was restored (keep.imagesAside)")

#define HISTOGRAMS(X)                                                                                                  \
    X(DM_LATENCY, "dmvisor_dm_message_seconds", "Time from a complete message to its answer")                          \
    X(NOTIFICATION_LATENCY, "dmvisor_notification_to_session_seconds",                                                 \
      "Time from a notification to the session that answers it")                                                       \
    X(API_LATENCY, "dmvisor_api_request_seconds", "Time an API request took")

enum metric {
#define X(id, name, label, help) METRIC_##id,
    METRICS(X)
#undef X
        METRIC_COUNT
};
enum gauge {
#define X(id, name, help) GAUGE_##id,
    GAUGES(X)
#undef X
        GAUGE_COUNT
};
enum histogram {
#define X(id, name, help) HISTOGRAM_##id,
    HISTOGRAMS(X)
#undef X
        HISTOGRAM_COUNT
};

struct metrics;
struct metrics *metrics_create(void); /* NULL when out of memory */
void metrics_destroy(struct metrics *m);
void metrics_add(struct metrics *m, enum metric which, uint64_t n);
void metrics_gauge(struct metrics *m, enum gauge which, int64_t value);
void metrics_time(struct metrics *m, enum histogram which, uint64_t microseconds);
/** Write all metrics as OpenMetrics text, without the closing "# EOF". */
void metrics_write(const struct metrics *m, struct buf *out);
#endif
