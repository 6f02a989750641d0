/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TREE_TREE_H
#define AGENT_TREE_TREE_H
/*
 * The management tree of one device: which nodes there are (the description, what was added, what the objects say), their values,
 * properties and ACLs (protocol.md 10 to 12). The tree keeps values and rights; a management object lays a row under each described
 * node that it serves: where the value comes from, what may be written when, what follows from a change.
 *
 * What is there:  a node that must be (Occurrence One, OneOrMore) is there with its parent; an optional one when an object serves it or
 * somebody added it; an un-named one when it was added, or its row lists it. So a device stores only how it differs (records.h), and
 * adding a VM makes all its required children with the defaults of the description (virtualization-mo.md c.1).
 *
 * Changes are data until tree_done: then the rows are told, once and in order. tree_rollback takes back everything since the mark.
 */
#include "agent/tree/tree_store.h"
#include "base/arena.h"
#include "ddf/acl.h"
#include "ddf/layout/layout.h"
#include "ddf/schema.h"
#include "ddf/uri.h"

enum { TREE_NAMES = 4, TREE_CHILDREN = 4096 };

struct tree_row;

/* One node of the tree. */
struct tree_at {
    struct str uri; /* canonical */
    const struct ddf_node *node;
    const struct tree_row *row;   /* NULL: nobody serves it */
    struct str names[TREE_NAMES]; /* of the un-named nodes on the way and itself: the VM, its volume */
    unsigned n_names;
};

struct tree_call {
    struct str server, args, correlator;
};
enum tree_what { TREE_ADDED, TREE_CHANGED, TREE_DELETED, TREE_RENAMED };
struct tree_names {
    struct arena *a;
    struct str *list;
    size_t n;
    bool full;
};

/* Bytes of an address, names in it, bytes of a name that this device takes (DevDetail/URI, C-112). */
enum { TREE_URI_BYTES = 255, TREE_URI_NAMES = 16, TREE_NAME_BYTES = 64 };

/* What an object does about one described node. Every function may be missing. ctx is the tree's. */
struct tree_row {
    /** The value now, in the arena or long-lived; false = the node is not there, or (for a node that must be there)
     * the kept value counts. */
    bool (*get)(void *ctx, const struct tree_at *at, struct arena *a, struct str *out);
    /** Names of un-named children that are there without having been added; at = the parent. */
    void (*list)(void *ctx, const struct tree_at *parent, struct tree_names *out);
    /** May it be? DDF_ADD, DDF_REPLACE (value; or the new name of an un-named node), DDF_DELETE. @return 200 or the
     * status that refuses */
    int (*check)(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value);
    /** It has been. Un-named nodes are told of their own adding, deleting and renaming (old = the name before). */
    void (*changed)(void *ctx, const struct tree_at *at, enum tree_what what, struct str old);
    int (*exec)(void *ctx, const struct tree_at *at, const struct tree_call *call);
    /** Is an Add of a child that came with the node to be taken as a Replace (c.1)? */
    bool (*fresh)(void *ctx, const struct tree_at *at);
    const void *arg; /* the row's own */
};

/* Shared by all trees of a process: the description and the rows. */
struct tree_model;
struct tree_model *tree_model_create(const struct ddf_schema *schema,
                                     const struct ddf_layout *layout); /* both borrowed; NULL: no memory */
void tree_model_destroy(struct tree_model *m);
const struct ddf_layout *tree_model_layout(const struct tree_model *m);
const struct ddf_schema *tree_model_schema(const struct tree_model *m);
/** Lay a row under a described node; '*' in the address stands for any name. @return RC_NOT_FOUND when no DDF
 * describes it */
enum rc tree_model_row(struct tree_model *m, struct str uri, const struct tree_row *row, struct err *e);
const struct tree_row *tree_model_row_of(const struct tree_model *m, const struct ddf_node *n);

struct tree;
/** @param born_ms  when the device began to have this tree */
struct tree *tree_create(const struct tree_model *m, void *ctx, int64_t born_ms);
void tree_destroy(struct tree *t);
const struct tree_model *tree_model(const struct tree *t);
struct tree_store *tree_records(struct tree *t);
/** From here on it is this late: what is changed now, changed then. */
void tree_set_time(struct tree *t, int64_t now_ms);
/** Grows with every change of a record: what was computed from the tree may be kept as long as it stays the same. */
uint64_t tree_generation(const struct tree *t);

/* Values as they travel. */
struct tree_leaf {
    struct str uri;
    enum ddf_format format;
    struct str type, data;
    bool has_data;
};

/* Commands of a server (its ServerID; empty = the device itself, no ACLs). All give a SyncML status, or a result
 * code of a row. */
/** `uri` may carry ?prop= or ?list=. @param out in the arena; written only with 200 */
int tree_get(struct tree *t, struct str server, struct str uri, struct arena *a, struct tree_leaf **out, size_t *n);
/** `format` and `type` as they came, may be empty. */
int tree_add(struct tree *t, struct str server, struct str uri, struct str format, struct str type, struct str data,
             bool has_data, struct arena *a);
int tree_replace(struct tree *t, struct str server, struct str uri, struct str format, struct str type, struct str data,
                 bool has_data, struct arena *a);
int tree_delete(struct tree *t, struct str server, struct str uri, struct arena *a);
int tree_copy(struct tree *t, struct str server, struct str from, struct str to, struct arena *a);
int tree_exec(struct tree *t, struct str uri, const struct tree_call *call, struct arena *a);
/** Does the effective ACL of this address give `server` the command? */
bool tree_allowed(struct tree *t, struct str server, enum ddf_access command, struct str uri);

size_t tree_mark(const struct tree *t);
void tree_rollback(struct tree *t, size_t mark);
/** Tell the rows what changed since the last time. Call it before the next mark. */
void tree_done(struct tree *t);

/* For the objects: no rights, no checks. */
/** @return false when the node is not there */
bool tree_find(struct tree *t, struct str uri, struct arena *a, struct tree_at *out);
/** The value as a Get would give it. */
bool tree_value(struct tree *t, struct str uri, struct arena *a, struct str *out);
/** The kept value, else the default of the description; never the row's `get`. */
bool tree_kept(struct tree *t, const struct tree_at *at, struct str *out);
enum rc tree_put(struct tree *t, struct str uri, struct str value);
/** An added un-named node. */
enum rc tree_make(struct tree *t, struct str uri);
enum rc tree_drop(struct tree *t, struct str uri); /* with everything below; rows are not told */
enum rc tree_set_acl(struct tree *t, struct str uri, struct str acl);
struct str tree_acl(struct tree *t, struct str uri); /* own, "" = inherited */
/** Names of the children. */
bool tree_children(struct tree *t, const struct tree_at *at, struct tree_names *out);
void tree_name(struct tree_names *out, struct str name); /* for rows' `list` */
/** Every leaf at and below uri that `server` may read, sorted by address. */
bool tree_leaves(struct tree *t, struct str server, struct str uri, struct arena *a, struct tree_leaf **out, size_t *n);
#endif
