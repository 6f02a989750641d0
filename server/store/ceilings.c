/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store/ceilings.h"
#include "db/event.h"
#include "db/failure.h"
#include "db/notification.h"
#include "db/operation.h"
#include "db/recording.h"
#include "db/sample.h"
#include "db/session.h"
#include "server/core/metrics.h"

enum { RECORDINGS_AT_A_TIME = 4 };

static enum rc trim(struct sql *db, const struct server *srv,
                    enum rc (*some)(struct sql *, int64_t, int64_t, int64_t *, struct err *), int64_t device,
                    uint64_t keep, struct err *e)
{
    int64_t gone = 0;
    enum rc rc = some(db, device, (int64_t)keep, &gone, e);
    if (!rc && gone) metrics_add(srv->metrics, METRIC_CEILING_ROWS, (uint64_t)gone);
    return rc;
}

enum rc ceilings_session(struct sql *db, const struct server *srv, int64_t device, int64_t row, struct err *e)
{
    const struct server_config *c = srv->config;
    if (row % CEILING_SESSIONS_EVERY) return RC_OK;
    enum rc rc = trim(db, srv, db_session_trim, device, c->keep_device_sessions, e);
    if (!rc) rc = trim(db, srv, db_notification_trim, device, c->keep_device_sessions, e);
    if (!rc) rc = trim(db, srv, db_operation_trim, device, c->keep_device_operations, e);
    return rc ? rc : trim(db, srv, db_failure_trim, device, CEILING_FAILURES, e);
}

enum rc ceilings_event(struct sql *db, const struct server *srv, int64_t authority, struct str device, int64_t event,
                       struct err *e)
{
    int64_t gone = 0;
    if (!device.n || event % CEILING_ROWS_EVERY) return RC_OK;
    enum rc rc = db_event_trim(db, authority, device, (int64_t)srv->config->keep_device_events, &gone, e);
    if (!rc && gone) metrics_add(srv->metrics, METRIC_CEILING_ROWS, (uint64_t)gone);
    return rc;
}

enum rc ceilings_sample(struct sql *db, const struct server *srv, int64_t device, uint64_t written, struct err *e)
{
    if (written % CEILING_ROWS_EVERY) return RC_OK;
    return trim(db, srv, db_sample_trim, device, srv->config->keep_device_samples, e);
}

enum rc ceilings_recording(struct sql *db, const struct server *srv, int64_t device, int64_t bytes, struct err *e)
{
    const int64_t most = (int64_t)srv->config->recorder_device_bytes;
    for (;;) {
        int64_t kept = 0, gone = 0;
        enum rc rc = db_recording_bytes_of(db, device, &kept, e);
        if (rc || !kept || kept + bytes <= most) return rc;
        rc = db_recording_trim_of(db, device, RECORDINGS_AT_A_TIME, &gone, e);
        if (rc || !gone) return rc;
        metrics_add(srv->metrics, METRIC_CEILING_ROWS, (uint64_t)gone);
    }
}
