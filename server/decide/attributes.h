/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_ATTRIBUTES_H
#define SERVER_DECIDE_ATTRIBUTES_H
/* The attributes of a device for selectors: identity, labels, reported device information, and the facts of its mirror.
 * */
#include "server/decide/device.h"
#include "server/decide/mirror.h"

/* A node of the management object that is an attribute. */
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

/** Is this entry an attribute of the device? */
bool attributes_is_node(const struct ddf_entry *en);

/* Computed once per layout. All zero except the arena is empty. */
struct attributes {
    struct arena texts;
    struct attribute_nodes *first;
};
void attributes_init(struct attributes *x);
void attributes_finish(struct attributes *x);
enum rc attributes_nodes(struct attributes *x, const struct ddf_layout *l, const struct attribute_nodes **out,
                         struct err *e);
/** Set f->attrs from these rows and from the mirror, sharing their texts. */
enum rc attributes_of_device(struct attributes *x, const struct dm_device *d, const struct pol_attribute *rows,
                             size_t n_rows, const struct mirror *m, struct arena *a, struct pol_facts *f,
                             struct err *e);
#endif
