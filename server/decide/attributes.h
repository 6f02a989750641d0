/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_ATTRIBUTES_H
#define SERVER_DECIDE_ATTRIBUTES_H
/* What selectors know of a device: its identity, labels, what it said of itself, and the facts in its mirror. */
#include "server/decide/device.h"
#include "server/decide/mirror.h"

/* A node of the device's object that is an attribute. */
struct attribute_node {
    struct str name, uri;
    uint64_t hash;
};
struct attribute_nodes {
    const struct ddf_layout *layout;
    struct attribute_node *row;
    size_t n;
    struct attribute_nodes *next;
};

/* Worked out once for each layout. All zero, but for the arena, is an empty one. */
struct attributes {
    struct arena texts;
    struct attribute_nodes *first;
};
void attributes_init(struct attributes *x);
void attributes_finish(struct attributes *x);
enum rc attributes_nodes(struct attributes *x, const struct ddf_layout *l, const struct attribute_nodes **out,
                         struct err *e);
/** f->attrs of these rows and of the mirror, whose texts they share. */
enum rc attributes_of_device(struct attributes *x, const struct dm_device *d, const struct pol_attribute *rows,
                             size_t n_rows, const struct mirror *m, struct arena *a, struct pol_facts *f,
                             struct err *e);
#endif
