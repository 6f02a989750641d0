/* SPDX-License-Identifier: Apache-2.0 */
/* Where a device has its management objects: it says so by the identifier of their roots (Type) and by the Source of its
 * state token. Until then they are looked for where the layout has them. */
#include "ddf/uri.h"
#include "server/decide/message.h"

/* Each place costs a description of its own. */
enum { MOVES = 4 };

/* ---- a new place ---- */

/* As its file says it. */
static const struct ddf_layout *layout_of(const struct message_work *v)
{
    const struct message_settings *s = v->settings;
    for (size_t i = 0; i < s->n_layouts; i++)
        if (str_eq(s->layouts[i]->mo, v->d.layout_mo)) return s->layouts[i];
    return s->n_layouts ? s->layouts[0] : NULL;
}

static void leave(struct message_work *v, struct str from)
{
    mirror_drop(v->m, from);
    message_forget(v, arena_printf(v->a, "get %.*s", STR_ARG(from)));
    message_forget(v, arena_printf(v->a, "get %.*s?list=StructData", STR_ARG(from)));
}

/* Facts of the place before are no attributes any more. */
static void forget_facts(struct message_work *v)
{
    for (size_t i = 0; i < v->l->n_entries; i++)
        if (attributes_is_node(&v->l->entries[i])) message_attribute_gone(v, v->l->entries[i].name);
}

/* Not even the whole tree's structure: it knows no "?list=". */
static bool tells_no_structure(const struct message_work *v)
{
    for (size_t i = 0; i < v->r->n_failures; i++)
        if (str_is(v->r->failures[i].key, "get .?list=Struct")) return true;
    return false;
}

static void move_to(struct message_work *v, struct str root, struct str images)
{
    const struct ddf_layout *before = v->l, *model = layout_of(v);
    struct dm_device d = v->d;
    struct err why;
    if (v->rc || !model || v->s->moves >= MOVES) return;
    d.mo_root = str_eq(root, model->root) ? (struct str){ 0 } : root;
    d.mo_images = str_eq(images, model->images) ? (struct str){ 0 } : images;
    if (!arena_str(v->a, d.mo_root, &d.mo_root) || !arena_str(v->a, d.mo_images, &d.mo_images)) message_nomem(v);
    if (ddf_layout_at(model, d.mo_root, d.mo_images, v->a, &d.layout, &why)) return; /* no place for an object */
    v->s->moves++;
    const bool roots = !str_eq(before->root, d.layout->root), pictures = !str_eq(before->images, d.layout->images);
    if (roots) message_sets_move(v, before->root, d.layout->root);
    if (pictures) message_sets_move(v, before->images, d.layout->images);
    if (roots) leave(v, before->root);
    if (pictures) leave(v, before->images);
    if (roots) forget_facts(v);
    d.mirror_read = false;
    d.settled_token = (struct str){ 0 };
    if (d.lists == DM_LISTS_UNSUPPORTED && !tells_no_structure(v)) {
        d.lists = DM_LISTS_UNTRIED; /* it was asked for what is not there */
        d.list_unsupported = false;
    }
    v->d = d;
    v->l = d.layout;
    v->s->token_matches = v->s->read_root = v->s->read_images = false;
    message_schema_changes(v);
}

/* ---- what tells it ---- */

static bool stands(const struct message_work *v, struct str root)
{
    const struct mirror_node *n = mirror_at(v->m, root);
    return n && !n->gone && n->known == POL_REPORTED;
}

static void told_root(struct message_work *v, const struct ddf_layout *l, struct str uri)
{
    if (!str_eq(v->d.layout_mo, l->mo)) {
        v->d.layout_mo = l->mo;
        message_schema_changes(v);
    }
    if (!str_eq(uri, v->l->root) && !stands(v, v->l->root)) move_to(v, uri, v->l->images);
}

void message_object(struct message_work *v, struct str uri, struct str type)
{
    if (!type.n || v->rc) return;
    for (size_t i = 0; i < v->settings->n_layouts; i++) {
        const struct ddf_layout *l = v->settings->layouts[i];
        /* One within ours is a guest's own (virtualization-mo.md c.3.11). */
        if (str_eq(l->mo, type) && (str_eq(uri, v->l->root) || !ddf_uri_within(uri, v->l->root))) told_root(v, l, uri);
        if (str_eq(l->image_mo, type) && !str_eq(uri, v->l->images) && !ddf_uri_within(uri, v->l->vms) &&
            !stands(v, v->l->images))
            move_to(v, v->l->root, uri);
    }
}

/* Something else that a description speaks of is no place for the object: the token is of the object at its Source. */
static bool is_known(const struct message_work *v, struct str uri)
{
    struct str first = str_slice(uri, 0, str_find(uri, '/', 2));
    return ddf_schema_find(v->settings->schema, first) != NULL;
}

void message_token_source(struct message_work *v, const struct sml_alert_in *alerts)
{
    struct str uri, root = { 0 };
    for (const struct sml_alert_in *x = alerts; x && !v->rc; x = x->next) {
        if (!str_is(ddf_layout_alert_name(v->l, x->type), "state_token")) continue;
        if (!x->source.n || !message_uri(v, x->source, &uri) || str_eq(uri, v->l->root)) return;
        if (!root.n && uri.n > 2) root = uri;
    }
    const struct ddf_layout *model = layout_of(v);
    if (root.n && model && (str_eq(root, model->root) || !is_known(v, root))) move_to(v, root, v->l->images);
}

void message_node_gone(struct message_work *v, struct str uri)
{
    if (str_eq(uri, v->l->root) || str_eq(uri, v->l->images)) {
        v->d.mirror_read = false;
        v->d.settled_token = (struct str){ 0 };
        return;
    }
    if (!ddf_uri_within(uri, v->l->root) && !ddf_uri_within(uri, v->l->images)) return;
    const struct mirror_node *n = mirror_at(v->m, ddf_uri_parent(uri));
    if (n && !n->gone && n->known == POL_REPORTED && n->at_ms < v->s->started_ms)
        mirror_put(v->m, n->uri, n->format, n->value, POL_STALE, v->w->now_ms);
}

/* ---- its facts ---- */

void message_fact(struct message_work *v, const struct ddf_match *m, struct str value)
{
    if (v->l->model && m->scope == DDF_DEVICE && m->entry && attributes_is_node(m->entry))
        message_attribute(v, m->entry->name, value);
}

void message_facts_gone(struct message_work *v)
{
    for (size_t i = 0; v->l->model && !v->rc && i < v->l->n_entries; i++) {
        const struct ddf_entry *en = &v->l->entries[i];
        if (!attributes_is_node(en)) continue;
        struct str uri = ddf_layout_uri(v->l, en, (struct str){ 0 }, (struct str){ 0 }, v->a);
        const struct mirror_node *n = uri.n ? mirror_at(v->m, uri) : NULL;
        if (n && !n->gone) continue;
        message_attribute_gone(v, en->name);
    }
}
