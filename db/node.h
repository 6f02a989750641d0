/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_NODE_H
#define DB_NODE_H
/* The mirror: the last known tree of a device (table node), and which of its nodes are attributes (table fact). */
#include "db/sql/sql.h"

struct db_node {
    int64_t path;          /* db/path.h */
    int64_t format, known; /* enum ddf_format, enum pol_known */
    struct str value;
    bool has_value; /* an interior node has one when the device reported its child list */
    int64_t at_ms;  /* time of the last report or acknowledgement */
};

/** A device's nodes, in no particular order: rows for db_node_next. */
enum rc db_node_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_node_next(struct sql_rows *rows, struct db_node *out, struct err *e);
enum rc db_node_add(struct sql *db, int64_t device, const struct db_node *n, struct err *e);
/** Update an existing node. */
enum rc db_node_set(struct sql *db, int64_t device, const struct db_node *n, struct err *e);
enum rc db_node_remove(struct sql *db, int64_t device, int64_t path, struct err *e);

enum rc db_fact_clear(struct sql *db, struct err *e);
enum rc db_fact_put(struct sql *db, int64_t path, struct str name, struct err *e);
#endif
