/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_CLOCK_H
#define DB_CLOCK_H
/* The last time at which the clock was trusted: one row. */
#include "db/sql/sql.h"

struct db_clock {
    int64_t trusted_ms;
    int64_t waited_ms; /* how long the server has run since it stopped trusting the clock */
    int64_t leapt_ms;  /* how far the clock went on its own, ahead and back, less what the server has run since */
};

/** @return RC_NOT_FOUND before the first db_clock_put */
enum rc db_clock_get(struct sql *db, struct db_clock *out, struct err *e);
enum rc db_clock_put(struct sql *db, const struct db_clock *v, struct err *e);
/** Test whether the database accepts a write. */
enum rc db_clock_probe(struct sql *db, int64_t now_ms, struct err *e);
#endif
