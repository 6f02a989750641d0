/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TREE_TREE_STORE_H
#define AGENT_TREE_TREE_STORE_H
/* What a device's tree holds beside its description: nodes that were added, values that differ from the default,
 * ACLs. Sparse and sorted by address, so that a device costs what it differs. Every change can be taken back until
 * it is kept. */
#include "base/rc.h"
#include "base/str.h"

enum { RECORDS_MAX = 4096, RECORD_VALUE_BYTES = 1 << 20 };

struct record {
    struct str uri; /* canonical */
    bool node;      /* an interior node or an optional leaf that somebody added */
    bool has_value;
    struct str value, acl, title, type;
    int64_t made_ms;    /* when it was added; 0 = it was not, or nobody knows */
    int64_t changed_ms; /* when its value changed last; 0 = never */
    uint16_t version;   /* how often */
};

struct records;
struct records *records_create(void); /* NULL when out of memory */
void records_destroy(struct records *r);
size_t records_count(const struct records *r);
const struct record *records_get(const struct records *r, struct str uri);
/** Index of the first record whose address is not below `uri`; records_count when there is none. */
size_t records_from(const struct records *r, struct str uri);
const struct record *records_at(const struct records *r, size_t i);

/** Put or replace; texts are copied. @return RC_LIMIT past RECORDS_MAX, RC_NOMEM */
enum rc records_set(struct records *r, const struct record *rec);
enum rc records_remove(struct records *r, struct str uri);
/** The node itself and everything below. */
enum rc records_remove_within(struct records *r, struct str uri);

/* Taking back: everything since the mark. */
size_t records_mark(const struct records *r);
void records_rollback(struct records *r, size_t mark);
/** Tell `fn` each changed address once with what is there now (NULL = removed), and forget how it was. When fn fails
 * nothing is forgotten, so that the caller may try again. */
enum rc records_keep(struct records *r,
                     enum rc (*fn)(void *ctx, struct str uri, const struct record *now, struct err *e), void *ctx,
                     struct err *e);
/** As records_keep without telling anybody. */
void records_forget(struct records *r);
#endif
