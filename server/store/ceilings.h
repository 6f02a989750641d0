/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_CEILINGS_H
#define SERVER_STORE_CEILINGS_H
/* How many rows one device may leave behind, whatever it says and how often it calls: past that its oldest ones go. Looked
 * at when it adds rows, every so many rows of all devices, so that it costs next to nothing and whoever adds most is
 * looked at most. Age is server/jobs/retention.h's business. */
#include "db/sql/sql.h"
#include "server/core/server.h"

enum {
    CEILING_SESSIONS_EVERY = 16, /* rows between two looks: so many more there may be */
    CEILING_ROWS_EVERY = 256,    /* samples and events */
    CEILING_FAILURES = 1000,
    CEILING_STEPS = 500 /* of one operation; db_operation_step */
};

/** The device got a row of its history: sessions, and what comes with them (notifications, operations of policies, failures). */
enum rc ceilings_session(struct sql *db, const struct server *srv, int64_t device, int64_t row, struct err *e);
/** An event of the device was written. */
enum rc ceilings_event(struct sql *db, const struct server *srv, int64_t authority, struct str device, int64_t event,
                       struct err *e);
/** @param written  samples that were written since the server's start, with this one */
enum rc ceilings_sample(struct sql *db, const struct server *srv, int64_t device, uint64_t written, struct err *e);
/** Before a recording of so many bytes is kept. */
enum rc ceilings_recording(struct sql *db, const struct server *srv, int64_t device, int64_t bytes, struct err *e);
#endif
