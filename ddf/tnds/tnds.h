/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DDF_TNDS_TNDS_H
#define DDF_TNDS_TNDS_H
/* A serialised part of a management tree (ddf-tnds.md 4), read and written as XML and as WBXML; both give the same
 * tree. */
#include "base/arena.h"
#include "base/buf.h"
#include "ddf/schema.h"

enum { DDF_TNDS_BYTES = 4 << 20, DDF_TNDS_DEPTH = 32, DDF_TNDS_NODES = 20000, DDF_TNDS_CHILDREN = 2000 };

#define DDF_TNDS_XML   "application/vnd.syncml.dmtnds+xml"
#define DDF_TNDS_WBXML "application/vnd.syncml.dmtnds+wbxml"

/* Properties of a node in a document, besides its name; Name and Size are never serialised. */
enum ddf_tnds_property {
    DDF_TNDS_ACL = 1,
    DDF_TNDS_FORMAT = 2,
    DDF_TNDS_TITLE = 4,
    DDF_TNDS_TSTAMP = 8,
    DDF_TNDS_TYPE = 16,
    DDF_TNDS_VERNO = 32,
    DDF_TNDS_VALUE = 64,
    DDF_TNDS_ALL = 127
};

struct ddf_tnds_node {
    struct str name; /* empty only in a document's first node: the target's last segment */
    struct str path; /* of the parent, below the target; usually only in root nodes */
    struct str acl, title, tstamp, verno;
    struct str type;        /* MIME type of a leaf, MO identifier of an interior node or empty */
    struct str value;       /* octets; of Format bin: decoded */
    enum ddf_format format; /* without a Format in the document: node with children or without a value, else chr */
    unsigned has;           /* properties that are present: enum ddf_tnds_property bits */
    unsigned n_children;
    struct ddf_tnds_node *parent, *first, *last, *next;
};

struct ddf_tnds {
    struct str man, mod;
    struct ddf_tnds_node *first, *last; /* root nodes; a document that was read has at least one */
};

/**
 * Read a document into the arena. A node has a value or children; siblings have different names.
 * @return RC_PARSE with a place, RC_INVALID, RC_LIMIT, RC_NOMEM
 */
enum rc ddf_tnds_parse_xml(struct str text, struct arena *a, struct ddf_tnds *out, struct err *e);
enum rc ddf_tnds_parse_wbxml(struct str octets, struct arena *a, struct ddf_tnds *out, struct err *e);
/**
 * Read by media type ("...dmtnds+wbxml"; case and parameters are ignored) and, because peers mislabel documents, by the
 * first octet.
 * @return RC_UNSUPPORTED for another type (415)
 */
enum rc ddf_tnds_parse(struct str type, struct str data, struct arena *a, struct ddf_tnds *out, struct err *e);

/** @param properties  enum ddf_tnds_property bits to write; RTProperties itself is always written
 *  @return RC_INVALID for what the encoding cannot hold (XML: control characters), RC_LIMIT past DDF_TNDS_DEPTH, RC_NOMEM */
enum rc ddf_tnds_write_xml(const struct ddf_tnds *t, unsigned properties, struct buf *out, struct err *e);
enum rc ddf_tnds_write_wbxml(const struct ddf_tnds *t, unsigned properties, struct buf *out, struct err *e);

/**
 * True for the media type of a serialised tree, also of one that cannot be read here
 * ("application/vnd.syncml.dmtnds+...").
 */
bool ddf_tnds_is(struct str type);

/** "+Value+ACL", "-Format-Type", "" (all) from "?list=TNDS...": bits. @return RC_PARSE when mixed or unknown (406) */
enum rc ddf_tnds_select(struct str arg, unsigned *properties, struct err *e);

/**
 * Append a last child (parent NULL: a root node of t) with Format node and no properties; NULL without room. Nothing is
 * checked.
 */
struct ddf_tnds_node *ddf_tnds_append(struct ddf_tnds *t, struct ddf_tnds_node *parent, struct str name,
                                      struct arena *a);
struct ddf_tnds_node *ddf_tnds_child(const struct ddf_tnds_node *parent, struct str name);

/* Which address the Target of the command means (ddf-tnds.md 4.2; both readings are in the field). */
enum ddf_tnds_reading {
    DDF_TNDS_AUTO, /* AT when the root's name is the target's last segment and the target's parent exists; else BELOW */
    DDF_TNDS_BELOW, /* the parent's: the root node is a child of the target. Used for sending */
    DDF_TNDS_AT     /* the root node's own */
};
struct ddf_tnds_item {
    struct str uri;
    const struct ddf_tnds_node *node;
};
/**
 * List every node with its canonical address, parents before children. A first node without a name is at the target
 * itself.
 * @param parent_exists  does the parent of the target exist? used by AUTO only
 * @return RC_PARSE, RC_LIMIT for an address that is invalid or too long, RC_NOMEM
 */
enum rc ddf_tnds_flatten(const struct ddf_tnds *t, struct str target, enum ddf_tnds_reading reading, bool parent_exists,
                         struct arena *a, struct ddf_tnds_item **out, size_t *n, struct err *e);
#endif
