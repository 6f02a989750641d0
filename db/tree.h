/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_TREE_H
#define DB_TREE_H
/* The mirror as the API shows it: a part of a device's tree, by address. */
#include "db/sql/sql.h"

struct db_tree_node {
    struct str uri;
    int64_t format, known; /* enum ddf_format, enum pol_known */
    bool has_value;
    struct str value; /* an interior node's value is its child list */
    int64_t at_ms;    /* time of the last report or acknowledgement */
};
struct db_tree_filter {
    int64_t device;
    struct str uri;    /* root of the part, "." = the whole tree */
    int64_t slashes;   /* maximum number of slashes in an address; -1 = no limit */
    struct str cursor; /* only addresses after this one */
    int64_t limit;
};
/** By address: rows for db_tree_next. */
enum rc db_tree_list(struct sql *db, const struct db_tree_filter *f, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_tree_next(struct sql_rows *rows, struct db_tree_node *out, struct err *e);
#endif
