/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_CEILINGS_H
#define SERVER_STORE_CEILINGS_H
/* Limits on the rows of one device, whatever it reports and however often it connects; past a limit its oldest rows are
 * deleted. The limit is checked for the device that adds every n-th row, counted over all devices: this costs little,
 * and checks the busiest devices most often. server/jobs/retention.h deletes by age. */
#include "db/sql/sql.h"
#include "server/core/server.h"

enum {
    CEILING_SESSIONS_EVERY = 16, /* rows between two checks; a limit may be exceeded by this many */
    CEILING_ROWS_EVERY = 256,    /* samples and events */
    CEILING_FAILURES = 1000,
    CEILING_STEPS = 500 /* of one operation; db_operation_step */
};

/** The device has a new session row. Covers sessions, notifications, operations of policies and failures. */
enum rc ceilings_session(struct sql *db, const struct server *srv, int64_t device, int64_t row, struct err *e);
/** The device has a new event row. */
enum rc ceilings_event(struct sql *db, const struct server *srv, int64_t authority, struct str device, int64_t event,
                       struct err *e);
/** @param written  samples written since the server's start, including this one */
enum rc ceilings_sample(struct sql *db, const struct server *srv, int64_t device, uint64_t written, struct err *e);
/** Call before a recording of this size is stored. */
enum rc ceilings_recording(struct sql *db, const struct server *srv, int64_t device, int64_t bytes, struct err *e);
#endif
