/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DDF_TNDS_LIB_H
#define TESTS_DDF_TNDS_LIB_H
/* Comparing serialised trees. */
#include "ddf/tnds/tnds.h"

static inline bool tnds_same_node(const struct ddf_tnds_node *a, const struct ddf_tnds_node *b)
{
    for (; a && b; a = a->next, b = b->next) {
        if (!str_eq(a->name, b->name) || !str_eq(a->path, b->path) || !str_eq(a->acl, b->acl) ||
            !str_eq(a->title, b->title) || !str_eq(a->tstamp, b->tstamp) || !str_eq(a->verno, b->verno) ||
            !str_eq(a->type, b->type) || !str_eq(a->value, b->value) || a->format != b->format || a->has != b->has ||
            a->n_children != b->n_children || !tnds_same_node(a->first, b->first))
            return false;
    }
    return !a && !b;
}

static inline bool tnds_same(const struct ddf_tnds *a, const struct ddf_tnds *b)
{
    return str_eq(a->man, b->man) && str_eq(a->mod, b->mod) && tnds_same_node(a->first, b->first);
}
#endif
