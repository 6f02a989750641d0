/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_AUDIT_H
#define DB_AUDIT_H
/* The audit log: who changed what. Each row is chained to the previous row by its hash. */
#include "db/sql/sql.h"

struct db_audit {
    int64_t id, authority;     /* authority 0 = no authority */
    struct str authority_name; /* only from db_audit_next; empty = none */
    int64_t at_ms;
    struct str who, action, target;
    struct str before, after; /* JSON, or empty */
    struct str hash;          /* SHA-256 over the previous row's hash and this row's fields */
};

/** The hash of the newest row. @param a  holds it. @return RC_NOT_FOUND when there is none */
enum rc db_audit_last_hash(struct sql *db, struct arena *a, struct str *out, struct err *e);
enum rc db_audit_add(struct sql *db, const struct db_audit *v, struct err *e);

struct db_audit_filter {
    int64_t authority;      /* 0 = all */
    int64_t from_ms, to_ms; /* from_ms <= at_ms < to_ms */
    int64_t cursor, limit;  /* rows with ids below the cursor, newest first */
};
/** Rows for db_audit_next. */
enum rc db_audit_list(struct sql *db, const struct db_audit_filter *f, struct sql_rows **rows, struct err *e);
/** Rows after this id, oldest first, for db_audit_next. */
enum rc db_audit_walk(struct sql *db, int64_t after, int64_t limit, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_audit_next(struct sql_rows *rows, struct db_audit *out, struct err *e);
#endif
