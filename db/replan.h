/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_REPLAN_H
#define DB_REPLAN_H
/* Queue of changed descriptions and policies, whose devices have to be planned again. */
#include "db/sql/sql.h"

struct db_replan {
    int64_t id, authority;
    struct str man, mod, mo; /* of the concerned devices, as in a description: empty = any */
    int64_t stamp;           /* the authority's stamp at the change */
    struct str why;
    int64_t after;            /* devices up to this id are done */
    int64_t policy, revision; /* policy 0: a description changed; revision 0: the policy was deleted */
};

enum rc db_replan_add(struct sql *db, const struct db_replan *v, struct err *e);
/** The oldest entry. @param a  holds the texts of `out`. @return RC_NOT_FOUND when there is none */
enum rc db_replan_first(struct sql *db, struct arena *a, struct db_replan *out, struct err *e);
/** Of the next `limit` devices after `after`: the last id, and how many there are. */
enum rc db_replan_slice(struct sql *db, int64_t after, int64_t limit, int64_t *last, int64_t *n, struct err *e);
/** Stamp the concerned devices after `after` up to `last`: they have changes to fetch. */
enum rc db_replan_stamp(struct sql *db, const struct db_replan *v, int64_t last, struct err *e);
/** Record that devices up to `after` are done. */
enum rc db_replan_move(struct sql *db, int64_t id, int64_t after, struct err *e);
enum rc db_replan_delete(struct sql *db, int64_t id, struct err *e);
#endif
