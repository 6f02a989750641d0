/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TREE_TREE_H
#define AGENT_TREE_TREE_H
/*
 * The management tree of one device: its nodes (from the description, from Adds, and from the objects), their values,
 * properties and ACLs (protocol.md 10 to 12). The tree stores values and rights. A management object provides a row for
 * each described node that it serves: the source of the value, the writes that are allowed, the effects of a change.
 *
 * Which nodes exist: a required node (Occurrence One, OneOrMore) exists with its parent; an optional one when an object
 * serves it or it was added; an un-named one when it was added or its row lists it. So a device stores only its
 * differences (tree_store.h), and adding a VM creates all its required children with the defaults of the description
 * (virtualization-mo.md c.1).
 *
 * Changes are data until tree_done, which informs the rows once and in order. tree_rollback undoes everything since the
 * mark.
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
    const struct tree_row *row;   /* NULL: no object serves it */
    struct str names[TREE_NAMES]; /* names of the un-named nodes on the path, including its own: the VM, its volume */
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

/* Limits of this device: bytes of an address, names in it, bytes of a name (DevDetail/URI, C-112). */
enum { TREE_URI_BYTES = 255, TREE_URI_NAMES = 16, TREE_NAME_BYTES = 64 };

/* An object's functions for one described node. Any of them may be missing. ctx is the tree's. */
struct tree_row {
    /**
     * The current value, in the arena or long-lived. false = the node does not exist, or, for a required node, the
     * stored value is used.
     */
    bool (*get)(void *ctx, const struct tree_at *at, struct arena *a, struct str *out);
    /** Names of un-named children that exist without having been added; at = the parent. */
    void (*list)(void *ctx, const struct tree_at *parent, struct tree_names *out);
    /**
     * Is the change allowed? DDF_ADD, DDF_REPLACE (value; or the new name of an un-named node), DDF_DELETE. @return 200
     * or the status that refuses it
     */
    int (*check)(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value);
    /**
     * The change has been made. The object is informed of the adding, deletion and renaming of un-named nodes (old =
     * the previous name).
     */
    void (*changed)(void *ctx, const struct tree_at *at, enum tree_what what, struct str old);
    int (*exec)(void *ctx, const struct tree_at *at, const struct tree_call *call);
    /** Is an Add of a child that was created with the node treated as a Replace (c.1)? */
    bool (*fresh)(void *ctx, const struct tree_at *at);
    const void *arg; /* for the row's functions */
};

/* Shared by all trees of a process: the description and the rows. */
struct tree_model;
struct tree_model *tree_model_create(const struct ddf_schema *schema,
                                     const struct ddf_layout *layout); /* both borrowed; NULL: out of memory */
void tree_model_destroy(struct tree_model *m);
const struct ddf_layout *tree_model_layout(const struct tree_model *m);
const struct ddf_schema *tree_model_schema(const struct tree_model *m);
/**
 * Serve a described node with a row; '*' in the address matches any name. @return RC_NOT_FOUND when no DDF describes it
 */
enum rc tree_model_row(struct tree_model *m, struct str uri, const struct tree_row *row, struct err *e);
const struct tree_row *tree_model_row_of(const struct tree_model *m, const struct ddf_node *n);

struct tree;
/** @param born_ms  when the device's tree was created */
struct tree *tree_create(const struct tree_model *m, void *ctx, int64_t born_ms);
void tree_destroy(struct tree *t);
const struct tree_model *tree_model(const struct tree *t);
struct tree_store *tree_records(struct tree *t);
/** Set the time of the changes that follow. */
void tree_set_time(struct tree *t, int64_t now_ms);
/** Changes with every change of a record: results computed from the tree are valid as long as it is equal. */
uint64_t tree_generation(const struct tree *t);

/* Values in their form on the wire. */
struct tree_leaf {
    struct str uri;
    enum ddf_format format;
    struct str type, data;
    bool has_data;
};

/* Commands of a server (its ServerID; empty = the device itself, without ACLs). All return a SyncML status, or a
 * result code of a row. */
/** `uri` may have ?prop= or ?list=. @param out in the arena; written only with 200 */
int tree_get(struct tree *t, struct str server, struct str uri, struct arena *a, struct tree_leaf **out, size_t *n);
/** `format` and `type` as received, possibly empty. */
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
/** Inform the rows of the changes since the last call. Call it before the next mark. */
void tree_done(struct tree *t);

/* For the objects: without access rights and checks. */
/** @return false when the node does not exist */
bool tree_find(struct tree *t, struct str uri, struct arena *a, struct tree_at *out);
/** The value that a Get returns. */
bool tree_value(struct tree *t, struct str uri, struct arena *a, struct str *out);
/** The stored value, else the description's default; the row's `get` is not called. */
bool tree_kept(struct tree *t, const struct tree_at *at, struct str *out);
enum rc tree_put(struct tree *t, struct str uri, struct str value);
/** Add an un-named node. */
enum rc tree_make(struct tree *t, struct str uri);
enum rc tree_drop(struct tree *t, struct str uri); /* with everything below it; rows are not informed */
enum rc tree_set_acl(struct tree *t, struct str uri, struct str acl);
struct str tree_acl(struct tree *t, struct str uri); /* its own, "" = inherited */
/** The names of the children. */
bool tree_children(struct tree *t, const struct tree_at *at, struct tree_names *out);
void tree_name(struct tree_names *out, struct str name); /* for a row's `list` */
/** Every leaf at or below uri that `server` may read, sorted by address. */
bool tree_leaves(struct tree *t, struct str server, struct str uri, struct arena *a, struct tree_leaf **out, size_t *n);
#endif
