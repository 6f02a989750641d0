/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups in a layout. Names and paths are hashed once; a '*' is tried only at the few positions where the layout
 * has one. */
#include "ddf/layout/layout.h"
#include "ddf/layout/layout_int.h"
#include <string.h>

enum { KEY_OPERATION = DDF_SCOPE_COUNT }; /* added to the scope: operations and entries have separate names */

#define FNV_BASIS 14695981039346656037u
#define FNV_PRIME 1099511628211u

static uint64_t hash_byte(uint64_t h, unsigned c)
{
    return (h ^ c) * FNV_PRIME;
}

static uint64_t hash_more(uint64_t h, struct str s)
{
    for (size_t i = 0; i < s.n; i++) h = hash_byte(h, (unsigned char)s.p[i]);
    return h;
}

static uint64_t hash_start(unsigned space)
{
    return hash_byte(FNV_BASIS, space);
}

/* The low bits choose the slot. FNV's low bits are weak for short keys, so the high ones are folded in. */
static size_t slot_of(const struct layout_table *t, uint64_t h)
{
    return (size_t)(h ^ h >> 29) & t->mask;
}

enum rc layout_table_init(struct layout_table *t, size_t n, struct arena *a)
{
    size_t size = 16;
    while (size < 2 * n) size *= 2;
    t->slots = ARENA_ARRAY(a, struct layout_slot, size);
    t->mask = size - 1;
    return t->slots ? RC_OK : RC_NOMEM;
}

static bool pattern_is(struct str pattern, struct str text, size_t from, size_t to);

/* The slot of this key: `text` with the bytes [from, to) read as '*' (from == to: unchanged). */
static struct layout_slot *find(const struct layout_table *t, unsigned space, struct str text, size_t from, size_t to)
{
    uint64_t h = hash_more(hash_start(space), str_slice(text, 0, from));
    if (from < to) h = hash_byte(h, '*');
    h = hash_more(h, str_slice(text, to, text.n));
    for (size_t i = slot_of(t, h);; i = (i + 1) & t->mask) {
        struct layout_slot *s = &t->slots[i];
        if (!s->used) return s;
        if (s->hash == h && s->space == space && pattern_is(s->key, text, from, to)) return s;
    }
}

static bool pattern_is(struct str pattern, struct str text, size_t from, size_t to)
{
    if (from == to) return str_eq(pattern, text);
    return pattern.n == text.n - (to - from) + 1 && pattern.p[from] == '*' &&
           str_eq(str_slice(pattern, 0, from), str_slice(text, 0, from)) &&
           str_eq(str_slice(pattern, from + 1, pattern.n), str_slice(text, to, text.n));
}

/* Record the segment of a key's '*', so that lookups try only those segments. */
static void note_star(struct layout_table *t, unsigned space, struct str key, char separator)
{
    unsigned segment = 0;
    for (size_t i = 0; i < key.n && segment < 32; i++) {
        if (key.p[i] == '*') t->stars[space] |= UINT32_C(1) << segment;
        segment += key.p[i] == separator;
    }
}

static bool put(struct layout_table *t, unsigned space, struct str key, char separator, struct layout_slot value)
{
    struct layout_slot *s = find(t, space, key, 0, 0);
    if (s->used) return false;
    *s = value;
    s->used = true;
    s->space = space;
    s->key = key;
    s->hash = hash_more(hash_start(space), key);
    note_star(t, space, key, separator);
    return true;
}

bool layout_put_name(struct ddf_layout_index *x, struct str name, const struct ddf_entry *en)
{
    return put(&x->names, en->scope, name, '.', (struct layout_slot){ .entry = en });
}

bool layout_put_path(struct ddf_layout_index *x, const struct ddf_entry *en)
{
    return put(&x->paths, en->scope, en->path, '/', (struct layout_slot){ .entry = en });
}

bool layout_put_operation(struct ddf_layout_index *x, const struct ddf_operation *op)
{
    struct layout_slot value = { .operation = op };
    return put(&x->names, op->scope + KEY_OPERATION, op->name, '.', value) &&
           (op->delete_node || put(&x->paths, op->scope, op->path, '/', value));
}

/* Find a key exactly, or with one segment replaced by '*'. */
static const struct layout_slot *find_instance(const struct layout_table *t, unsigned space, struct str text,
                                               char separator, struct str *instance)
{
    const struct layout_slot *s = find(t, space, text, 0, 0);
    size_t from = 0;
    *instance = (struct str){ 0 };
    if (s->used) return s;
    for (unsigned segment = 0; segment < DDF_LAYOUT_SEGMENTS && from < text.n; segment++) {
        size_t to = str_find(text, separator, from);
        if (from < to && t->stars[space] & UINT32_C(1) << segment) {
            s = find(t, space, text, from, to);
            if (s->used) {
                *instance = str_slice(text, from, to);
                return s;
            }
        }
        from = to + 1;
    }
    return NULL;
}

const struct ddf_entry *ddf_layout_entry(const struct ddf_layout *l, enum ddf_scope scope, struct str name)
{
    const struct layout_slot *s = find(&l->index->names, scope, name, 0, 0);
    return s->used ? s->entry : NULL;
}

const struct ddf_entry *ddf_layout_resolve(const struct ddf_layout *l, enum ddf_scope scope, struct str name,
                                           struct str *instance)
{
    const struct layout_slot *s = find_instance(&l->index->names, scope, name, '.', instance);
    return s ? s->entry : NULL;
}

const struct ddf_operation *ddf_layout_operation(const struct ddf_layout *l, enum ddf_scope scope, struct str name)
{
    const struct layout_slot *s = find(&l->index->names, scope + KEY_OPERATION, name, 0, 0);
    return s->used ? s->operation : NULL;
}

const struct ddf_state *ddf_layout_state(const struct ddf_layout *l, int value)
{
    for (size_t i = 0; i < l->n_states; i++)
        if (l->states[i].value == value) return &l->states[i];
    return NULL;
}

const struct ddf_goal *ddf_layout_goal(const struct ddf_layout *l, struct str name)
{
    for (size_t i = 0; i < l->n_goals; i++)
        if (str_eq(l->goals[i].name, name)) return &l->goals[i];
    return NULL;
}

bool ddf_layout_state_is(const struct ddf_layout *l, int value, enum ddf_state_role role)
{
    return l->state[role] && l->state[role]->value == value;
}

bool ddf_operation_is(const struct ddf_operation *op, enum ddf_operation_role role)
{
    return op && op->plays == role;
}

bool ddf_operation_removes(const struct ddf_operation *op)
{
    return op && op->removes;
}

/* A code of its own takes precedence over the range that contains it. */
static struct str code_text(const struct ddf_code *codes, size_t n, int code, struct str unknown)
{
    for (size_t i = 0; i < n; i++)
        if (codes[i].code == code && codes[i].last == code) return codes[i].text;
    for (size_t i = 0; i < n; i++)
        if (codes[i].code <= code && code <= codes[i].last) return codes[i].text;
    return unknown;
}

bool ddf_layout_result_ok(const struct ddf_layout *l, int code)
{
    return l->ok_first <= code && code <= l->ok_last;
}

struct str ddf_layout_result_text(const struct ddf_layout *l, int code)
{
    return code_text(l->results, l->n_results, code, STR("unknown result code"));
}

struct str ddf_layout_reason_text(const struct ddf_layout *l, int code)
{
    return code_text(l->reasons, l->n_reasons, code, STR("unknown cause"));
}

struct str ddf_layout_phase_text(const struct ddf_layout *l, int code)
{
    return code_text(l->phases, l->n_phases, code, STR("unknown phase"));
}

static const struct ddf_alert *alert_of(const struct ddf_layout *l, struct str type)
{
    for (size_t i = 0; i < l->n_alerts; i++)
        if (str_eq(l->alerts[i].type, type)) return &l->alerts[i];
    return NULL;
}

enum ddf_alert_kind ddf_layout_alert(const struct ddf_layout *l, struct str type)
{
    const struct ddf_alert *al = alert_of(l, type);
    return al ? al->kind : DDF_ALERT_OTHER;
}

struct str ddf_layout_alert_name(const struct ddf_layout *l, struct str type)
{
    const struct ddf_alert *al = alert_of(l, type);
    return al ? al->name : (struct str){ 0 };
}

struct str ddf_layout_alert_type(const struct ddf_layout *l, struct str name)
{
    for (size_t i = 0; i < l->n_alerts; i++)
        if (str_eq(l->alerts[i].name, name)) return l->alerts[i].type;
    return (struct str){ 0 };
}

static char *append(char *at, struct str s)
{
    if (s.n) memcpy(at, s.p, s.n);
    return at + s.n;
}

/* "<base>[/<owner>][/<path with the instance's name for its '*'>]" */
static struct str build(const struct ddf_layout *l, enum ddf_scope scope, struct str owner, struct str path,
                        struct str instance, struct arena *a)
{
    struct str base = scope == DDF_VM ? l->vms : scope == DDF_IMAGE ? l->images : l->root;
    size_t star = str_find(path, '*', 0);
    char *p, *at;
    if (scope == DDF_DEVICE) owner = (struct str){ 0 };
    if ((scope != DDF_DEVICE && !owner.n) || (star < path.n && !instance.n)) return (struct str){ 0 };
    at = p = arena_bytes(a, base.n + owner.n + path.n + instance.n + 3);
    if (!p) return (struct str){ 0 };
    at = append(at, base);
    if (owner.n) at = append(append(at, STR("/")), owner);
    if (path.n) at = append(append(at, STR("/")), str_slice(path, 0, star));
    if (star < path.n) at = append(append(at, instance), str_slice(path, star + 1, path.n));
    *at = '\0';
    return (struct str){ p, (size_t)(at - p) };
}

struct str ddf_layout_uri(const struct ddf_layout *l, const struct ddf_entry *en, struct str owner, struct str instance,
                          struct arena *a)
{
    return build(l, en->scope, owner, en->path, instance, a);
}

struct str ddf_layout_operation_uri(const struct ddf_layout *l, const struct ddf_operation *op, struct str owner,
                                    struct arena *a)
{
    return build(l, op->scope, owner, op->path, (struct str){ 0 }, a);
}

struct str ddf_layout_instance_operation_uri(const struct ddf_layout *l, const struct ddf_operation *op,
                                             struct str owner, struct str instance, struct arena *a)
{
    return build(l, op->scope, owner, op->path, instance, a);
}

struct str ddf_layout_owner_uri(const struct ddf_layout *l, enum ddf_scope scope, struct str owner, struct arena *a)
{
    return build(l, scope, owner, (struct str){ 0 }, (struct str){ 0 }, a);
}

/* The part of `uri` below `base` ("" for base itself); false when it is elsewhere. */
static bool below(struct str uri, struct str base, struct str *rest)
{
    if (!str_starts(uri, base) || (uri.n > base.n && uri.p[base.n] != '/')) return false;
    *rest = str_slice(uri, base.n + 1, uri.n);
    return true;
}

/* One is above the other. */
static bool crosses(struct str x, struct str y)
{
    struct str rest;
    return !str_eq(x, y) && (below(x, y, &rest) || below(y, x, &rest));
}

const struct ddf_layout *ddf_layout_model(const struct ddf_layout *l)
{
    return l->model ? l->model : l;
}

enum rc ddf_layout_at(const struct ddf_layout *l, struct str root, struct str images, struct arena *a,
                      const struct ddf_layout **out, struct err *e)
{
    const struct ddf_layout *model = ddf_layout_model(l);
    struct str rest, new_root = root.n ? root : model->root, new_images = images.n ? images : model->images;
    if (!str_starts(new_root, STR("./")) || !str_starts(new_images, STR("./")))
        return err_set(e, RC_INVALID, "a management object lies below ., at an address like ./A/B");
    if (crosses(new_root, model->root) || crosses(new_images, model->images) || below(new_root, model->images, &rest) ||
        (below(new_images, model->root, &rest) && !str_eq(new_root, model->root)))
        return err_set(e, RC_INVALID, "a management object cannot lie within the place where its layout has one");
    if (below(new_root, new_images, &rest))
        return err_set(e, RC_INVALID, "%.*s is the images' root, and the other object cannot lie there too",
                       STR_ARG(new_images));
    if (str_eq(new_root, model->root) && str_eq(new_images, model->images)) {
        *out = model;
        return RC_OK;
    }
    struct ddf_layout *moved = ARENA_NEW(a, struct ddf_layout);
    if (!moved) return err_set(e, RC_NOMEM, "no memory for a layout");
    *moved = *model;
    moved->model = model;
    moved->root = new_root;
    moved->images = new_images;
    if (below(model->vms, model->root, &rest)) {
        moved->vms = rest.n ? arena_printf(a, "%.*s/%.*s", STR_ARG(new_root), STR_ARG(rest)) : new_root;
        if (!moved->vms.n) return err_set(e, RC_NOMEM, "no memory for a layout");
    }
    *out = moved;
    return RC_OK;
}

bool ddf_layout_match(const struct ddf_layout *l, struct str uri, struct ddf_match *out)
{
    const struct layout_slot *s;
    struct str rest;
    *out = (struct ddf_match){ .scope = DDF_DEVICE };
    if (below(uri, l->vms, &rest) && rest.n) {
        out->scope = DDF_VM;
    } else if (below(uri, l->images, &rest)) {
        out->scope = DDF_IMAGE;
    } else if (!below(uri, l->root, &rest)) {
        return false;
    }
    if (out->scope != DDF_DEVICE) str_cut(&rest, '/', &out->owner);
    if (!rest.n) return true;
    s = find_instance(&l->index->paths, out->scope, rest, '/', &out->instance);
    if (s) {
        out->entry = s->entry;
        out->operation = s->operation;
    }
    return true;
}
