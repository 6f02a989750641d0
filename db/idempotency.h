/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_IDEMPOTENCY_H
#define DB_IDEMPOTENCY_H
/* Stored answers of REST requests, so that a repeated request acts once. */
#include "db/sql/sql.h"

struct db_idempotency {
    int64_t token; /* the API token that used the key */
    struct str key;
    struct str request; /* method, path and SHA-256 of the body */
    int64_t status;     /* 0 = the answer contained a secret and is not stored */
    struct str reply;
    int64_t at_ms;
};

/** @param a  holds the texts of `out`. @return RC_NOT_FOUND: no answer newer than `after_ms` */
enum rc db_idempotency_find(struct sql *db, int64_t token, struct str key, int64_t after_ms, struct arena *a,
                            struct db_idempotency *out, struct err *e);
/** Store an answer; replaces an older answer with the same key. */
enum rc db_idempotency_put(struct sql *db, const struct db_idempotency *v, struct err *e);
/** Delete answers older than this time, at most `limit`. @param removed  may be NULL */
enum rc db_idempotency_expire(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed, struct err *e);
#endif
