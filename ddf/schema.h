/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DDF_SCHEMA_H
#define DDF_SCHEMA_H
/* What a management tree may contain: device description files (ddf-tnds.md), merged into one described tree, and
 * the check of a command against it. */
#include "base/arena.h"
#include "base/rc.h"

enum ddf_access { DDF_ADD = 1, DDF_COPY = 2, DDF_DELETE = 4, DDF_EXEC = 8, DDF_GET = 16, DDF_REPLACE = 32 };

/* clang-format off */
#define DDF_FORMATS(X)                                                                  \
    X(CHR, "chr") X(INT, "int") X(BOOL, "bool") X(NODE, "node") X(NULL, "null") X(BIN, "bin")   \
    X(B64, "b64") X(XML, "xml") X(DATE, "date") X(TIME, "time") X(FLOAT, "float")
/* clang-format on */
enum ddf_format {
#define X(id, name) DDF_##id,
    DDF_FORMATS(X)
#undef X
        DDF_FORMAT_COUNT
};
const char *ddf_format_name(enum ddf_format f);
/** Any case, blanks around (trap 10). @return false for none of them */
bool ddf_format_of(struct str name, enum ddf_format *out);

/* Which side of a setting is safer when two authorities or policies want different values (MSFT:ConflictResolution,
 * ddf-tnds.md 3). */
enum ddf_hint {
    DDF_HINT_NONE,
    DDF_HINT_LOWEST_SAFE,
    DDF_HINT_HIGHEST_SAFE,
    DDF_HINT_LOWEST_SAFE_ZERO_IS_NONE,
    DDF_HINT_HIGHEST_SAFE_ZERO_IS_NONE,
    DDF_HINT_LAST_WRITE
};

/* FLAGS: the values are bit masks that may be combined. OTHER: a restriction that is not evaluated; `type` names it
 * (ADMX, XSD, JSON, SDDL ...). */
enum ddf_allowed_kind {
    DDF_ALLOW_ANY,
    DDF_ALLOW_ENUM,
    DDF_ALLOW_RANGE,
    DDF_ALLOW_REGEX,
    DDF_ALLOW_OTHER,
    DDF_ALLOW_FLAGS
};
enum { DDF_DELIMITER_BYTES = 16 };
struct ddf_allowed {
    enum ddf_allowed_kind kind;
    struct str *values, *labels; /* ENUM, FLAGS: n of them; REGEX, OTHER: at most one text, no label */
    size_t n;
    int64_t min, max;          /* RANGE: of several, the lowest and the highest bound */
    struct str list_delimiter; /* value is a list; empty = single; at most DDF_DELIMITER_BYTES */
    bool is_list;              /* also set when the delimiter is unknown */
    struct str type;           /* OTHER: in the document's own word */
};

/* Who chooses the name of an un-named node (MSFT:DynamicNodeNaming). */
enum ddf_naming { DDF_NAME_ANY, DDF_NAME_UNIQUE, DDF_NAME_BY_DEVICE, DDF_NAME_BY_SERVER };

/* Additional information of some vendors (ddf-tnds.md 3). It is displayed; only name_pattern is checked. Empty: not
 * given. */
struct ddf_notes {
    bool deprecated, atomic_required;
    struct str deprecated_since, os_build, version, editions; /* os_build, version: for all below */
    struct str reboot;                                        /* "Automatic", "ServerInitiated" */
    struct str group_policy, depends_on;                      /* depends_on: lines like "DependsOn ./A/B" */
    enum ddf_naming naming;
    struct str name_pattern; /* DDF_NAME_UNIQUE: the regular expression of names */
};

struct ddf_node {
    struct str name; /* "" = un-named: any name */
    unsigned access; /* enum ddf_access bits */
    enum ddf_format format;
    unsigned min_occurs; /* 0 or 1 */
    unsigned max_occurs; /* UINT_MAX = no limit */
    bool permanent, ignore_case;
    bool secret; /* attribute Secret="true" of its Node or DFProperties element: only the device may know the value */
    bool has_default;
    struct str default_value, title, description, ddf_name; /* ddf_name: MO identifier */
    struct str mime;                                        /* of a leaf; several are separated by blanks */
    struct ddf_allowed allowed;
    enum ddf_hint hint;
    const struct ddf_notes *notes; /* NULL: none */
    struct str document;           /* the document that describes it */
    const struct ddf_node *parent, *first, *next;
};

/* Ceilings of a document, and of all documents of a schema together (nodes). */
enum { DDF_BYTES = 16 << 20, DDF_DEPTH = 64, DDF_NODES = 200000, DDF_CHILDREN = 4096, DDF_NODE_NAME_BYTES = 255 };

struct ddf_schema;
struct ddf_schema *ddf_schema_create(void); /* NULL when out of memory */
void ddf_schema_destroy(struct ddf_schema *s);
/**
 * Merge one DDF document (any vendor's, DTD 1.2; tolerant as ddf-tnds.md 3 and 5 say). The description of a node that
 * is described already is replaced; children are united. A failure changes nothing.
 * @param name  for errors, and for ddf_node.document
 * @return RC_PARSE (line), RC_INVALID (names the node), RC_LIMIT, RC_NOMEM
 */
enum rc ddf_schema_load(struct ddf_schema *s, struct str text, const char *name, struct err *e);
/** Load a file. Its document has the file's name, without folder and extension. */
enum rc ddf_schema_load_file(struct ddf_schema *s, const char *file, struct err *e);
/** What is described at `from` is described at `to` instead, and unites with what is there already, over it: a device
 * has an object where its maker put it. Nodes between that nobody describes are interior ones to look at. Nothing happens
 * where nothing is described at `from`.
 * @param from, to  canonical addresses, neither within the other @return RC_INVALID, RC_LIMIT, RC_NOMEM */
enum rc ddf_schema_move(struct ddf_schema *s, struct str from, struct str to, struct err *e);
/** Memory of all its documents in bytes. */
size_t ddf_schema_bytes(const struct ddf_schema *s);
/**
 * The description of an address: exact names first, then un-named ones. NULL when no document describes it. "." is
 * always described.
 */
const struct ddf_node *ddf_schema_find(const struct ddf_schema *s, struct str uri);
const struct ddf_node *ddf_node_child(const struct ddf_node *n, struct str name);
/**
 * The notes that limit where this node applies (os_build, version, editions): its own or those of the nearest node
 * above that has any; NULL when there are none.
 */
const struct ddf_notes *ddf_node_applies(const struct ddf_node *n);

/**
 * Is this command valid? `format`, `type` and `data` as they would be in the message (format empty = chr).
 * @param status  predicted SyncML status (200 when valid; 404 405 414 415 400), with the reason in e
 * @return RC_OK when valid, RC_INVALID otherwise; an address that no DDF describes is valid (status 200) unless
 * `strict`
 */
enum rc ddf_check(const struct ddf_schema *s, enum ddf_access command, struct str uri, struct str format,
                  struct str type, struct str data, bool has_data, bool strict, int *status, struct err *e);
/**
 * Check only the value: syntax of the format, allowed values. @return RC_INVALID with a sentence that lists the allowed
 * values
 */
enum rc ddf_check_value(const struct ddf_node *n, struct str data, struct err *e);
#endif
