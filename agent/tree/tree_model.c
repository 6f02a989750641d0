/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/tree/tree.h"
#include <stdlib.h>
#include <string.h>

struct tree_slot {
    const struct ddf_node *node;
    struct tree_row row;
};
struct tree_model {
    const struct ddf_schema *schema;
    const struct ddf_layout *layout;
    struct tree_slot *slots;
    size_t n, cap; /* open addressing by the node's address; cap is a power of two */
};

struct tree_model *tree_model_create(const struct ddf_schema *schema, const struct ddf_layout *layout)
{
    struct tree_model *m = calloc(1, sizeof *m);

    if (!m) return NULL;
    m->schema = schema;
    m->layout = layout;
    m->cap = 1024;
    m->slots = calloc(m->cap, sizeof *m->slots);
    if (!m->slots) {
        free(m);
        return NULL;
    }
    return m;
}

void tree_model_destroy(struct tree_model *m)
{
    if (!m) return;
    free(m->slots);
    free(m);
}

const struct ddf_layout *tree_model_layout(const struct tree_model *m)
{
    return m->layout;
}

const struct ddf_schema *tree_model_schema(const struct tree_model *m)
{
    return m->schema;
}

static size_t place(const struct tree_model *m, const struct ddf_node *n)
{
    size_t h = (size_t)((uintptr_t)n >> 4) * (size_t)0x9E3779B97F4A7C15u;
    size_t i = (h >> 20) & (m->cap - 1);

    while (m->slots[i].node && m->slots[i].node != n) i = (i + 1) & (m->cap - 1);
    return i;
}

const struct tree_row *tree_model_row_of(const struct tree_model *m, const struct ddf_node *n)
{
    size_t i = place(m, n);

    return m->slots[i].node ? &m->slots[i].row : NULL;
}

enum rc tree_model_row(struct tree_model *m, struct str uri, const struct tree_row *row, struct err *e)
{
    const struct ddf_node *n = ddf_schema_find(m->schema, uri);
    size_t i;

    if (!n) return err_set(e, RC_NOT_FOUND, "no description has the node %.*s", STR_ARG(uri));
    if (m->n * 2 >= m->cap) return err_set(e, RC_LIMIT, "more than %zu nodes have rows", m->n);
    i = place(m, n);
    if (m->slots[i].node) return err_set(e, RC_EXISTS, "two objects serve the node %.*s", STR_ARG(uri));
    m->slots[i].node = n;
    m->slots[i].row = *row;
    m->n++;
    return RC_OK;
}
