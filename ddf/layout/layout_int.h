/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DDF_LAYOUT_LAYOUT_INT_H
#define DDF_LAYOUT_LAYOUT_INT_H
/* Private to ddf/: the hash tables behind a layout, filled by layout_load.c and read by layout.c. */
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
#endif
