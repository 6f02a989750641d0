/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TREE_TREE_STORE_H
#define AGENT_TREE_TREE_STORE_H
/* What a device's tree holds besides its description: nodes that were added, values that differ from the default,
 * ACLs. It is sparse and sorted by address, so a device needs memory only for its differences. Every change can be
 * undone until it is persisted. */
#include "base/rc.h"
#include "base/str.h"

enum { RECORDS_MAX = 4096, RECORD_VALUE_BYTES = 1 << 20 };

struct record {
    struct str uri; /* canonical */
    bool node;      /* an interior node or an optional leaf that was added */
    bool has_value;
    struct str value, acl, title, type;
    int64_t made_ms;    /* when it was added; 0 = never, or unknown */
    int64_t changed_ms; /* when its value last changed; 0 = never */
    uint16_t version;   /* number of changes */
};

struct tree_store;
struct tree_store *tree_store_create(void); /* NULL when out of memory */
void tree_store_destroy(struct tree_store *r);
size_t tree_store_count(const struct tree_store *r);
const struct record *tree_store_get(const struct tree_store *r, struct str uri);
/** Index of the first record whose address is not less than `uri`; tree_store_count when there is none. */
size_t tree_store_from(const struct tree_store *r, struct str uri);
const struct record *tree_store_at(const struct tree_store *r, size_t i);

/** Add or replace; texts are copied. @return RC_LIMIT past RECORDS_MAX, RC_NOMEM */
enum rc tree_store_set(struct tree_store *r, const struct record *rec);
enum rc tree_store_remove(struct tree_store *r, struct str uri);
/** The node itself and everything below it. */
enum rc tree_store_remove_within(struct tree_store *r, struct str uri);

/* Undo everything since the mark. */
size_t tree_store_mark(const struct tree_store *r);
void tree_store_rollback(struct tree_store *r, size_t mark);
/**
 * Call `fn` once for each changed address with its current record (NULL = removed), and clear the journal. When fn
 * fails, the journal is kept, so that the caller may try again.
 */
enum rc tree_store_keep(struct tree_store *r,
                        enum rc (*fn)(void *ctx, struct str uri, const struct record *now, struct err *e), void *ctx,
                        struct err *e);
/** Clear the journal without a report. */
void tree_store_forget(struct tree_store *r);
#endif
