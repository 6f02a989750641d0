/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SAMPLE_H
#define DB_SAMPLE_H
/* Readings of the VMs' KPIs. */
#include "db/sql/sql.h"

struct db_sample {
    int64_t at_ms;
    struct str data; /* JSON object: the layout's KPI name -> number or text */
};

/** @param a  holds the text of `out`. @return RC_NOT_FOUND when there is none */
enum rc db_sample_last(struct sql *db, int64_t device, struct str vm, struct arena *a, struct db_sample *out,
                       struct err *e);
/** Samples with from_ms <= at_ms < to_ms, and the one before them, oldest first: rows for db_sample_next. */
enum rc db_sample_range(struct sql *db, int64_t device, struct str vm, int64_t from_ms, int64_t to_ms, int64_t limit,
                        struct sql_rows **rows, struct err *e);
/** @param out  the text is good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_sample_next(struct sql_rows *rows, struct db_sample *out, struct err *e);
/** Store a sample; replaces one of the same time. */
enum rc db_sample_put(struct sql *db, int64_t device, struct str vm, const struct db_sample *v, struct err *e);
/** Delete a device's samples, except the newest `keep`. @param gone  may be NULL */
enum rc db_sample_trim(struct sql *db, int64_t device, int64_t keep, int64_t *gone, struct err *e);
/** Delete a device's samples older than this time, at most `limit`. @param removed  may be NULL */
enum rc db_sample_expire(struct sql *db, int64_t device, int64_t before_ms, int64_t limit, int64_t *removed,
                         struct err *e);
#endif
