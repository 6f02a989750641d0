/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_MIRROR_H
#define SERVER_DECIDE_MIRROR_H
/* One device's tree as we know it, in memory: loaded, corrected by what the device says, written back where it changed.
 *
 * In the database an interior node that is stale makes everything below it stale that was last written before it: so
 * that an operation which may have changed a whole VM, and reading that VM again, take one row each and not one for
 * every leaf. */
#include "ddf/layout/layout.h"
#include "ddf/schema.h"
#include "policy/plan/plan.h"
#include "server/decide/dm_changes.h"

enum { MIRROR_NODES = 5000, MIRROR_BYTES = 2 << 20, MIRROR_VALUE_BYTES = 64 << 10, MIRROR_OURS_BYTES = 12 << 20 };

struct mirror_node {
    struct str uri, value; /* value of an interior node: its child list when the device gave one */
    uint64_t hash;
    int64_t path, at_ms; /* path 0: not looked up yet; when last reported or acknowledged */
    enum ddf_format format;
    enum pol_known known;
    uint32_t reported;          /* number of the message in which it was last reported */
    bool stored, changed, gone; /* the database has a row; it says something else in any case; not there any more */
    enum pol_known row_known;   /* of the row, when it is stored */
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
    size_t bytes;   /* of values ever copied: what was replaced stays in the arena */
    uint32_t message;
    bool full;       /* a ceiling was met: something the device told is not kept */
    bool changed;    /* in this message */
    bool keep_times; /* that something was reported again is worth a row (else only memory knows) */
};

void mirror_init(struct mirror *m, struct arena *a);
/** A row as the database has it; after the last one mirror_rows_end. @return false without memory */
bool mirror_add_row(struct mirror *m, struct str uri, uint64_t hash, const struct db_node *x);
/** What stale interior nodes say of those below them is so from here on. */
void mirror_rows_end(struct mirror *m);
/** A new message begins. */
void mirror_next(struct mirror *m);
/** Rows that changed; they count as written from now on. */
void mirror_changes(struct mirror *m, struct dm_changes *c);

/** As mirror_at with the uri's str_hash; what is gone is still found. */
struct mirror_node *mirror_look(const struct mirror *m, struct str uri, uint64_t hash);
/** NULL when it is not there. */
struct mirror_node *mirror_at(const struct mirror *m, struct str uri);
/** Add or change. Texts are copied. @return NULL without room (m->full says whether it was a ceiling); good until the
 * next one */
struct mirror_node *mirror_put(struct mirror *m, struct str uri, enum ddf_format format, struct str value,
                               enum pol_known known, int64_t now_ms);
/** It and all below it: not there any more. */
void mirror_drop(struct mirror *m, struct str uri);
/** It and all below it: to be read again before it is believed. */
void mirror_stale(struct mirror *m, struct str uri, int64_t now_ms);
/** What a plain Get of an interior node gave ("a/b/c"): its value; children that are not in it go, with all below
 * them. */
struct mirror_node *mirror_children(struct mirror *m, struct str uri, struct str names, int64_t now_ms);
/** After a complete "?list=" of uri: what is at or below it, could have been reported and was not (in this message,
 * or since first_ms), goes. */
void mirror_sweep(struct mirror *m, struct str uri, int64_t first_ms, const struct ddf_schema *s);
/** For policy: sorted by uri, the list in arena `a`, its texts the mirror's. */
enum rc mirror_nodes(struct mirror *m, struct arena *a, struct pol_mirror_node **out, size_t *n, struct err *e);
/** ddf_state_token over it. */
enum rc mirror_token(struct mirror *m, struct arena *a, const struct ddf_schema *s, const struct ddf_layout *l,
                     struct str server_id, char hex[SHA256_HEX_BYTES], struct err *e);
#endif
