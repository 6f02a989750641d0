/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DDF_SCHEMA_INT_H
#define DDF_SCHEMA_INT_H
/* Private to ddf/: the described tree under construction. */
#include "ddf/schema.h"

struct schema_node {
    struct ddf_node pub; /* first, so that both share an address; its links are kept in step with those below */
    struct schema_node *parent, *first, *last, *next;
    unsigned n_children, index_mask;
    struct schema_node **index; /* children by name, open addressing; NULL while there are few */
    bool described;             /* false: known only as a part of a Path */
};

/* One document that was read: a tree from "." on, and the arena that owns all of it. */
struct schema_doc {
    struct arena a;
    struct schema_node *root;
    size_t n_nodes;
    struct schema_doc *next;
};

struct ddf_schema {
    struct schema_node root;
    struct schema_doc *docs;
    size_t n_nodes;
};

/**
 * Make `n` the last child of `parent`. A sibling of the same name takes over n's description and children.
 * @param a  for indices of many children: it must live at least as long as `parent`
 * @return the node in the tree; NULL when the parent has DDF_CHILDREN already
 */
struct schema_node *schema_attach(struct arena *a, struct schema_node *parent, struct schema_node *n);
/** The child of exactly this name. */
struct schema_node *schema_child(struct schema_node *parent, struct str name);

/**
 * Read a document into doc: a zeroed one with its arena initialised; the caller finishes the arena in any case.
 * @param name  for errors @param document  the document's name in its nodes
 */
enum rc schema_read(struct str text, const char *name, struct str document, struct schema_doc *doc, struct err *e);
#endif
