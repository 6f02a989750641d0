/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_MIRROR_H
#define SERVER_DECIDE_MIRROR_H
/* The mirror of one device's tree, in memory: loaded, updated from the device's reports, and written back where it
 * changed.
 *
 * In the database a stale interior node makes all nodes below it stale that were last written before it. An operation
 * that may have changed a whole VM, and reading that VM again, thus need one row each instead of one per leaf. */
#include "ddf/layout/layout.h"
#include "ddf/schema.h"
#include "policy/plan/plan.h"
#include "server/decide/dm_changes.h"

enum { MIRROR_NODES = 5000, MIRROR_BYTES = 2 << 20, MIRROR_VALUE_BYTES = 64 << 10, MIRROR_OURS_BYTES = 12 << 20 };

struct mirror_node {
    struct str uri, value; /* value of an interior node: its child list if the device reported one */
    uint64_t hash;
    int64_t path, at_ms; /* path 0: not looked up yet; at_ms: last report or acknowledgement */
    enum ddf_format format;
    enum pol_known known;
    uint32_t reported; /* number of the message in which it was last reported */
    bool stored, changed,
        gone; /* stored: the database has a row; changed: the row differs; gone: the node no longer exists */
    enum pol_known row_known; /* of the row, if stored */
    int64_t row_ms;
};

struct mirror {
    struct arena *a;
    struct mirror_node *nodes;
    size_t n, cap;
    uint32_t *slots;
    size_t mask; /* by uri, index + 1 */
    uint32_t *order, *scratch;
    size_t n_order; /* indices by uri: the first n_order nodes */
    size_t bytes;   /* of all copied values: replaced ones stay in the arena */
    uint32_t message;
    bool full;       /* a limit was reached: part of the device's report is not stored */
    bool changed;    /* in this message */
    bool keep_times; /* write a row also when a node is only reported again (otherwise only memory has the time) */
};

void mirror_init(struct mirror *m, struct arena *a);
/** Add a row of the database; call mirror_rows_end after the last one. @return false without memory */
bool mirror_add_row(struct mirror *m, struct str uri, uint64_t hash, const struct db_node *x);
/** Apply stale interior nodes to the nodes below them. */
void mirror_rows_end(struct mirror *m);
/** A new message begins. */
void mirror_next(struct mirror *m);
/** Add the changed rows to `c`; they then count as written. */
void mirror_changes(struct mirror *m, struct dm_changes *c);

/** As mirror_at with the uri's str_hash; also finds nodes marked gone. */
struct mirror_node *mirror_look(const struct mirror *m, struct str uri, uint64_t hash);
/** NULL when the node does not exist. */
struct mirror_node *mirror_at(const struct mirror *m, struct str uri);
/** Add or change. Texts are copied. @return NULL without space (m->full: a limit was reached); valid until the next
 * call */
struct mirror_node *mirror_put(struct mirror *m, struct str uri, enum ddf_format format, struct str value,
                               enum pol_known known, int64_t now_ms);
/** Mark a node and all nodes below it as gone. */
void mirror_drop(struct mirror *m, struct str uri);
/** Mark a node and all nodes below it as stale: they must be read again before use. */
void mirror_stale(struct mirror *m, struct str uri, int64_t now_ms);
/** Store the result of a Get on an interior node ("a/b/c") as its value; drop children that are not in the list, with
 * all nodes below them. */
struct mirror_node *mirror_children(struct mirror *m, struct str uri, struct str names, int64_t now_ms);
/** After a complete "?list=" of uri: drop readable nodes at or below it that were not reported (in this message, or
 * since first_ms). */
void mirror_sweep(struct mirror *m, struct str uri, int64_t first_ms, const struct ddf_schema *s);
/** The nodes for policy/, sorted by uri: the list in arena `a`, the texts borrowed from the mirror. */
enum rc mirror_nodes(struct mirror *m, struct arena *a, struct pol_mirror_node **out, size_t *n, struct err *e);
/** ddf_state_token of the mirror. */
enum rc mirror_token(struct mirror *m, struct arena *a, const struct ddf_schema *s, const struct ddf_layout *l,
                     struct str server_id, char hex[SHA256_HEX_BYTES], struct err *e);
#endif
