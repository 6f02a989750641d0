/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_AUTHORITY_H
#define DB_AUTHORITY_H
/* Organisations that manage devices. */
#include "db/sql/sql.h"

struct db_authority {
    int64_t id;
    struct str name, server_id, title;
    int64_t stamp; /* incremented by every change that may concern its devices */
    int64_t owner; /* Domain/Owner on devices (virtualization-mo.md c.3.1) */
    int record;    /* flight recorder: 1, 0, -1 the configured default */
    int64_t created_ms;
};

/** One authority, or all of them by id (0): rows for db_authority_next. */
enum rc db_authority_list(struct sql *db, int64_t authority, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_authority_next(struct sql_rows *rows, struct db_authority *out, struct err *e);
/** @param a  holds the texts of `out`. @return RC_NOT_FOUND */
enum rc db_authority_by_id(struct sql *db, int64_t id, struct arena *a, struct db_authority *out, struct err *e);
enum rc db_authority_by_name(struct sql *db, struct str name, struct arena *a, struct db_authority *out, struct err *e);
/** The authority with this name, or else with this ServerID. @return RC_NOT_FOUND when both are free */
enum rc db_authority_taken(struct sql *db, struct str name, struct str server_id, struct arena *a,
                           struct db_authority *out, struct err *e);
enum rc db_authority_count(struct sql *db, int64_t *out, struct err *e);

/** @param v   name, server_id, title, owner, created_ms. @param id  may be NULL */
enum rc db_authority_add(struct sql *db, const struct db_authority *v, int64_t *id, struct err *e);
/** Store title and record. */
enum rc db_authority_change(struct sql *db, const struct db_authority *v, struct err *e);
/** Increment the stamp and return its new value. @return RC_NOT_FOUND */
enum rc db_authority_stamp(struct sql *db, int64_t id, int64_t *stamp, struct err *e);
#endif
