/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TREE_TREE_INT_H
#define AGENT_TREE_TREE_INT_H
/* Shared by tree.c, tree_read.c, tree_tnds.c and tree_write.c. */
#include "agent/tree/tree.h"

struct tree_change {
    struct tree_change *next;
    enum tree_what what;
    char *uri, *old;
};

struct tree {
    const struct tree_model *model;
    void *ctx;
    struct tree_store *records;
    struct tree_change *changes, **changes_end; /* changes that tree_done reports */
    size_t n_changes;
    uint64_t generation;
    int64_t born_ms, now_ms;
};

/* An address split into names: every prefix is a slice of the canonical text. */
struct tree_path {
    struct ddf_uri names;
    struct str text;
    size_t end[TREE_URI_NAMES + 1];
};

/** Cut an address into names. @return 200, 400, 414 */
int tree_uri_parse(struct str uri, struct ddf_uri *out);
/** @return 200, 400, 414 or 500 (no memory) */
int tree_path(struct str uri, struct arena *a, struct tree_path *out);
static inline struct str tree_prefix(const struct tree_path *p, unsigned depth)
{
    return (struct str){ p->text.p, p->end[depth] };
}
/**
 * Walk down as far as nodes exist. @param depth  number of names found; p->names.depth = all. `at` is the last node
 * found.
 */
void tree_walk(struct tree *t, const struct tree_path *p, struct arena *a, struct tree_at *at, unsigned *depth);
/** One step down by name; the child may not exist. @return false when the description has no such child */
bool tree_step(struct tree *t, const struct tree_at *parent, struct str name, struct str uri, struct tree_at *out);
bool tree_there(struct tree *t, const struct tree_at *at, struct arena *a);
struct str tree_value_of(struct tree *t, const struct tree_at *at, struct arena *a);
struct str tree_type_of(struct tree *t, const struct tree_at *at);
/** Note a change for tree_done. @return false when out of memory */
bool tree_note(struct tree *t, enum tree_what what, struct str uri, struct str old);
static inline bool tree_is_leaf(const struct ddf_node *n)
{
    return n->format != DDF_NODE;
}
/** Record that this record's value changes now. */
void tree_stamp(const struct tree *t, struct record *rec);
/** Record that a child of this node is added, removed or renamed now. No effect for "" (above the root). */
enum rc tree_stamp_list(struct tree *t, struct str parent);
/* TStamp and VerNo in their form on the wire. */
struct tree_version {
    struct str tstamp, verno;
};
/** @return 200, 406 when the node has none (its value is volatile), 500 */
int tree_version(struct tree *t, const struct tree_at *at, struct arena *a, struct tree_version *out);
/** ?list=TNDS with the rest of the query: one leaf with the document as its value. @return 200, 406, 413, 500 */
int tree_get_document(struct tree *t, struct str server, const struct tree_at *at, struct str arg, struct arena *a,
                      struct tree_leaf *out);
/**
 * Add or Replace a document: all of it, or nothing and the status of the node that failed (415 for a type that is not a
 * document's).
 */
int tree_put_document(struct tree *t, struct str server, struct str uri, struct str type, struct str format,
                      struct str data, bool replace, struct arena *a);
/** The effective ACL of an address: its own, or that of the nearest node above that has one. */
struct str tree_effective_acl(struct tree *t, struct str uri);
#endif
