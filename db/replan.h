/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_REPLAN_H
#define DB_REPLAN_H
/* Devices that shall be planned anew because a description or a policy that concerns them came, changed or went. */
#include "db/sql/sql.h"

struct db_replan {
    int64_t id, authority;
    struct str man, mod, mo; /* of the devices, as in a description: empty = any */
    int64_t stamp;           /* the authority's stamp of the change */
    struct str why;
    int64_t after;            /* device up to which it is done */
    int64_t policy, revision; /* policy 0: of a description; revision 0: the policy was deleted */
};

enum rc db_replan_add(struct sql *db, const struct db_replan *v, struct err *e);
/** The oldest one. @param a  holds the texts of `out`. @return RC_NOT_FOUND when there is none */
enum rc db_replan_first(struct sql *db, struct arena *a, struct db_replan *out, struct err *e);
/** The last one and the number of the next `limit` devices after `after`. */
enum rc db_replan_slice(struct sql *db, int64_t after, int64_t limit, int64_t *last, int64_t *n, struct err *e);
/** The devices that it concerns, after `after` up to `last`, have something new to fetch. */
enum rc db_replan_stamp(struct sql *db, const struct db_replan *v, int64_t last, struct err *e);
/** It is done up to this device. */
enum rc db_replan_move(struct sql *db, int64_t id, int64_t after, struct err *e);
enum rc db_replan_delete(struct sql *db, int64_t id, struct err *e);
#endif
