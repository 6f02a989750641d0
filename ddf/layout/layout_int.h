/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DDF_LAYOUT_LAYOUT_INT_H
#define DDF_LAYOUT_LAYOUT_INT_H
/* Private to ddf/layout/: a layout's hash tables, filled by layout_load.c and read by layout.c; and its roles. */
#include "base/buf.h"
#include "ddf/layout/layout.h"

struct layout_slot {
    uint64_t hash;
    struct str key;
    unsigned space; /* scope, or scope + DDF_SCOPE_COUNT for an operation's name */
    bool used;
    const struct ddf_entry *entry;
    const struct ddf_operation *operation;
};

struct layout_table {
    struct layout_slot *slots; /* open addressing, at most half full */
    size_t mask;
    uint32_t stars[2 * DDF_SCOPE_COUNT]; /* bit i: some key of this space has its '*' in segment i */
};

struct ddf_layout_index {
    struct layout_table names, paths;
};

enum rc layout_table_init(struct layout_table *t, size_t n, struct arena *a);
/* false: the key is taken */
bool layout_put_name(struct ddf_layout_index *x, struct str name, const struct ddf_entry *en);
bool layout_put_path(struct ddf_layout_index *x, const struct ddf_entry *en);
bool layout_put_operation(struct ddf_layout_index *x, const struct ddf_operation *op);

/* ---- roles (layout_role.c) ---- */

enum layout_player { LAYOUT_ENTRY, LAYOUT_OPERATION, LAYOUT_STATE, LAYOUT_WORD, LAYOUT_ARG };
/* Is there a role of this name for this kind of player? `list` receives the existing names, each with a blank before
 * it. */
bool layout_role(enum layout_player kind, enum ddf_scope scope, struct str name, struct buf *list);
/* DDF_ALERT_OTHER when no alert has this name. */
enum ddf_alert_kind layout_alert_kind(struct str name, struct buf *list);

/* A role that the file lists as absent from its object. */
struct layout_lack {
    struct str name;
    unsigned scope; /* DDF_SCOPE_COUNT: a state or a reason */
    bool used;
};
/* Find what plays each role. `lack` lists the roles that the file declares absent. @return RC_INVALID with the
 * missing role in words; *scope is the section of the file that lacks it, or DDF_SCOPE_COUNT */
enum rc layout_roles(struct ddf_layout *l, struct layout_lack *lack, size_t n_lack, unsigned *scope, struct err *why);
#endif
