/* SPDX-License-Identifier: Apache-2.0 */
#include "server/decide/attributes.h"

enum { ATTRIBUTES_BYTES = 16 << 20 };

void attributes_init(struct attributes *x)
{
    *x = (struct attributes){ .first = NULL };
    arena_init(&x->texts, ATTRIBUTES_BYTES);
}

void attributes_finish(struct attributes *x)
{
    arena_finish(&x->texts);
}

bool attributes_is_node(const struct ddf_entry *en)
{
    return en->scope == DDF_DEVICE && en->kind == DDF_K_NONE && !en->instance && !en->kpi &&
           !str_is(en->format, "node") && !str_is(en->format, "null");
}

static enum rc no_memory(struct err *e)
{
    return err_set(e, RC_NOMEM, "no memory for the attributes of a device");
}

enum rc attributes_nodes(struct attributes *x, const struct ddf_layout *l, const struct attribute_nodes **out,
                         struct err *e)
{
    for (const struct attribute_nodes *f = x->first; f; f = f->next)
        if (f->layout == l) {
            *out = f;
            return RC_OK;
        }
    struct attribute_nodes *f = ARENA_NEW(&x->texts, struct attribute_nodes);
    if (f) f->row = ARENA_ARRAY(&x->texts, struct attribute_node, l->n_entries + 1);
    if (!f || !f->row) return no_memory(e);
    for (size_t i = 0; i < l->n_entries; i++) {
        const struct ddf_entry *en = &l->entries[i];
        if (!attributes_is_node(en)) continue;
        struct str uri = ddf_layout_uri(l, en, (struct str){ 0 }, (struct str){ 0 }, &x->texts);
        if (!uri.n) return no_memory(e);
        f->row[f->n++] = (struct attribute_node){ en->name, uri, str_hash(uri) };
    }
    f->layout = l;
    f->next = x->first;
    x->first = f;
    *out = f;
    return RC_OK;
}

enum rc attributes_of_device(struct attributes *x, const struct dm_device *d, const struct pol_attribute *rows,
                             size_t n_rows, const struct mirror *m, struct arena *a, struct pol_facts *f, struct err *e)
{
    const struct attribute_nodes *nodes = NULL;
    enum rc rc = attributes_nodes(x, ddf_layout_model(d->layout), &nodes, e);
    if (rc) return rc;
    struct pol_attribute *list = ARENA_ARRAY(a, struct pol_attribute, 1 + n_rows + nodes->n);
    size_t n = 1;
    if (!list || !arena_str(a, d->name, &list[0].value)) return no_memory(e);
    list[0].name = STR("device.id");
    for (size_t i = 0; i < n_rows; i++) list[n++] = (struct pol_attribute){ rows[i].name, rows[i].value, false };
    /* Of a device with roots of its own they are rows (server/decide/objects.c). */
    for (size_t i = 0; !d->layout->model && i < nodes->n; i++) {
        const struct mirror_node *node = mirror_look(m, nodes->row[i].uri, nodes->row[i].hash);
        if (node && !node->gone) list[n++] = (struct pol_attribute){ nodes->row[i].name, node->value, false };
    }
    f->attrs = list;
    f->n_attrs = n;
    return RC_OK;
}
