/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DDF_SCHEMA_INT_H
#define DDF_SCHEMA_INT_H
/* Private to ddf/: the described tree while it is made. */
#include "ddf/schema.h"

struct schema_node {
    struct ddf_node pub; /* first, so that both share an address; its links are kept beside ours */
    struct schema_node *parent, *first, *last, *next;
    unsigned n_children, index_mask;
    struct schema_node **index; /* children by name, open addressing; NULL: they are few */
    bool described;             /* false: only known as a part of somebody's Path */
};

/* One document, read: a tree from "." on and the arena that everything of it lives in. */
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

/** Make `n` the last child of `parent`; a sibling of the same name takes over what n describes, and n's children.
 * @param a  for indices of many children: it lives at least as long as parent does
 * @return the node that is now there; NULL when the parent has DDF_CHILDREN already */
struct schema_node *schema_attach(struct arena *a, struct schema_node *parent, struct schema_node *n);
/** The child of exactly this name. */
struct schema_node *schema_child(struct schema_node *parent, struct str name);

/** Read a document into doc: a zeroed one with its arena initialised; the caller finishes that, whatever happens.
 * @param name  for errors @param document  what its nodes say they are from */
enum rc schema_read(struct str text, const char *name, struct str document, struct schema_doc *doc, struct err *e);
#endif
