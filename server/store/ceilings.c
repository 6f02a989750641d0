/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store/ceilings.h"
#include "db/dm.h"
#include "server/core/metrics.h"

static enum rc trim(struct sql *db, const struct server *srv, int statement, int64_t device, uint64_t keep,
                    struct err *e)
{
    int64_t gone = 0;
    enum rc rc = sql_run(db, statement, SQL_ARGS({ "device_id", SQL_I(device) }, { "keep", SQL_I((int64_t)keep) }),
                         &gone, e);
    if (!rc && gone) metrics_add(srv->metrics, METRIC_CEILING_ROWS, (uint64_t)gone);
    return rc;
}

enum rc ceiling_session(struct sql *db, const struct server *srv, int64_t device, int64_t row, struct err *e)
{
    const struct server_config *c = srv->config;
    if (row % CEILING_SESSIONS_EVERY) return RC_OK;
    enum rc rc = trim(db, srv, DM_STMT(SESSIONS_TRIM), device, c->keep_device_sessions, e);
    if (!rc) rc = trim(db, srv, DM_STMT(TRIGGERS_TRIM), device, c->keep_device_sessions, e);
    if (!rc) rc = trim(db, srv, DM_STMT(OPERATIONS_TRIM), device, c->keep_device_operations, e);
    return rc ? rc : trim(db, srv, DM_STMT(FAILURES_TRIM), device, CEILING_FAILURES, e);
}

enum rc ceiling_event(struct sql *db, const struct server *srv, int64_t authority, struct str device, int64_t event,
                      struct err *e)
{
    int64_t gone = 0;
    if (!device.n || event % CEILING_ROWS_EVERY) return RC_OK;
    enum rc rc = sql_run(db, DM_STMT(EVENTS_TRIM),
                         SQL_ARGS({ "authority_id", SQL_I(authority) }, { "device", SQL_T(device) },
                                  { "keep", SQL_I((int64_t)srv->config->keep_device_events) }),
                         &gone, e);
    if (!rc && gone) metrics_add(srv->metrics, METRIC_CEILING_ROWS, (uint64_t)gone);
    return rc;
}

enum rc ceiling_sample(struct sql *db, const struct server *srv, int64_t device, uint64_t written, struct err *e)
{
    if (written % CEILING_ROWS_EVERY) return RC_OK;
    return trim(db, srv, DM_STMT(SAMPLES_TRIM), device, srv->config->keep_device_samples, e);
}

enum rc ceiling_recording(struct sql *db, const struct server *srv, int64_t device, int64_t bytes, struct err *e)
{
    const int64_t most = (int64_t)srv->config->recorder_device_bytes;
    for (;;) {
        struct sql_rows *r = NULL;
        int64_t kept = 0, gone = 0;
        enum rc rc = sql_start(db, DM_STMT(RECORDINGS_OF_DEVICE), SQL_ARGS({ "device_id", SQL_I(device) }), &r, e);
        if (!rc && (rc = sql_step(r, e)) == RC_OK) kept = sql_int(r, 0);
        sql_end(r);
        if (rc || !kept || kept + bytes <= most) return rc;
        rc = sql_run(db, DM_STMT(RECORDINGS_DEVICE_TRIM), SQL_ARGS({ "device_id", SQL_I(device) }), &gone, e);
        if (rc || !gone) return rc;
        metrics_add(srv->metrics, METRIC_CEILING_ROWS, (uint64_t)gone);
    }
}
