/* SPDX-License-Identifier: Apache-2.0 */
#include "server/decide/facts_write.h"
#include "server/decide/facts_rows_int.h"
#include "ddf/uri.h"
#include "syncml/msg.h"
#include <stddef.h>
#include <string.h>

void facts_write_finish(struct facts_written *w)
{
    VEC_FREE(&w->policies);
}

static void begin(struct facts_writer *w, const char *what)
{
    json_out_object(&w->j, NULL);
    json_out_z(&w->j, "what", what);
}

static void end(struct facts_writer *w)
{
    json_out_end(&w->j);
}

static void put(struct facts_writer *w, const char *key, const struct fact_row *r, const void *x)
{
    json_out_object(&w->j, key);
    facts_rows_put(&w->j, r, x, NULL, w->a);
    json_out_end(&w->j);
}

/* @param uri_at  where in a row the address stands whose secrets it holds; SIZE_MAX: none */
static void put_list(struct facts_writer *w, const char *key, const struct fact_row *r, const void *rows, size_t n,
                     size_t uri_at)
{
    if (!n) return;
    json_out_array(&w->j, key);
    for (size_t i = 0; i < n; i++) {
        const char *x = (const char *)rows + i * r->size;
        json_out_object(&w->j, NULL);
        facts_rows_put(&w->j, r, x, uri_at == SIZE_MAX ? NULL : (const struct str *)(const void *)(x + uri_at), w->a);
        json_out_end(&w->j);
    }
    json_out_end(&w->j);
}

/* ---- the device ---- */

static void put_mirror(struct facts_writer *w, const struct mirror *m)
{
    json_out_array(&w->j, "mirror");
    for (size_t i = 0; i < m->n; i++) {
        const struct mirror_node *n = &m->nodes[i];
        const struct fact_node x = {
            .uri = n->uri, .row = { .format = n->format, .known = n->row_known, .value = n->value, .at_ms = n->row_ms }
        };
        json_out_object(&w->j, NULL);
        facts_rows_put(&w->j, &facts_rows_node, &x, &n->uri, w->a);
        json_out_end(&w->j);
    }
    json_out_end(&w->j);
}

static enum rc device(void *ctx, struct dm_device *d, struct device_cache *r, struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.device(w->of.ctx, d, r, e);
    if (rc) return rc;
    w->cache = r;
    begin(w, "device");
    put(w, "row", &facts_rows_device, d);
    put_mirror(w, &r->m);
    put_list(w, "failures", &facts_rows_failure, r->failures, r->n_failures, SIZE_MAX);
    put_list(w, "wishes", &facts_rows_wish, r->wishes, r->n_wishes, SIZE_MAX);
    end(w);
    return RC_OK;
}

static enum rc attributes(void *ctx, const struct dm_device *d, struct arena *a, struct pol_attribute **out, size_t *n,
                          struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.attributes(w->of.ctx, d, a, out, n, e);
    if (rc) return rc;
    begin(w, "attributes");
    put_list(w, "list", &facts_rows_attribute, *out, *n, SIZE_MAX);
    end(w);
    return RC_OK;
}

static enum rc described(void *ctx, const struct dm_device *d, bool *out, struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.described(w->of.ctx, d, out, e);
    if (rc || !*out) return rc;
    begin(w, "described");
    end(w);
    return RC_OK;
}

static enum rc schema(void *ctx, const struct dm_device *d, struct pol_facts *f, struct err *e)
{
    struct facts_writer *w = ctx;
    return w->of.schema(w->of.ctx, d, f, e);
}

/* ---- operations ---- */

static void put_operation(struct facts_writer *w, const struct pol_operation *op)
{
    facts_rows_put(&w->j, &facts_rows_operation, op, &op->tree_uri, w->a);
    put_list(w, "items", &facts_rows_item, op->items, op->n_items, offsetof(struct pol_item, uri));
}

static enum rc operations(void *ctx, const struct dm_device *d, struct arena *a, struct pol_operation **out, size_t *n,
                          struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.operations(w->of.ctx, d, a, out, n, e);
    if (rc) return rc;
    begin(w, "operations");
    json_out_array(&w->j, "list");
    for (size_t i = 0; i < *n; i++) {
        json_out_object(&w->j, NULL);
        put_operation(w, &(*out)[i]);
        json_out_end(&w->j);
    }
    json_out_end(&w->j);
    end(w);
    return RC_OK;
}

static enum rc failed(void *ctx, const struct dm_device *d, struct str correlator, struct arena *a,
                      struct facts_failed *out, struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.failed(w->of.ctx, d, correlator, a, out, e);
    if (rc) return rc;
    begin(w, "failed");
    json_out_str(&w->j, "of", correlator);
    put(w, "operation", &facts_rows_failed, out);
    end(w);
    return RC_OK;
}

static enum rc closed(void *ctx, const struct dm_device *d, struct str correlator, struct arena *a,
                      struct pol_operation *out, struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.closed(w->of.ctx, d, correlator, a, out, e);
    if (rc) return rc;
    begin(w, "closed");
    json_out_str(&w->j, "of", correlator);
    json_out_object(&w->j, "operation");
    put_operation(w, out);
    json_out_end(&w->j);
    end(w);
    return RC_OK;
}

/* ---- what is wanted ---- */

static bool is_written(struct facts_writer *w, const struct pol_policy *p)
{
    for (size_t i = 0; i < w->written->policies.n; i++)
        if (w->written->policies.at[i].id == p->id && w->written->policies.at[i].revision == p->revision) return true;
    struct facts_written_policy *x = VEC_ADD(&w->written->policies);
    if (x) *x = (struct facts_written_policy){ p->id, p->revision };
    return false;
}

/* Covers every place where `word` stands. @return false: it stands nowhere in this form */
static bool cover(char *text, size_t n, struct str word)
{
    bool found = false;
    for (size_t i = 0; word.n && i + word.n <= n; i++) {
        if (memcmp(text + i, word.p, word.n) != 0) continue;
        memset(text + i, 'A', word.n);
        found = true;
    }
    return found;
}

/* The document without its secrets; empty: they cannot be found in it. */
static struct str harmless(struct facts_writer *w, const struct pol_policy *p, const struct ddf_layout *l)
{
    char *text = NULL;
    for (size_t i = 0; i < p->n_settings; i++) {
        const struct pol_setting *s = &p->settings[i];
        if (!s->word.n || !sml_uri_is_secret(ddf_layout_uri(l, s->entry, p->vm, s->instance, w->a))) continue;
        if (!text && !(text = arena_strz(w->a, p->text))) return (struct str){ 0 };
        if (!cover(text, p->text.n, s->word)) return (struct str){ 0 };
    }
    return text ? (struct str){ text, p->text.n } : p->text;
}

static void put_policy(struct facts_writer *w, const struct pol_policy *p, const struct ddf_layout *l)
{
    json_out_object(&w->j, NULL);
    json_out_i64(&w->j, "id", p->id);
    json_out_i64(&w->j, "revision", p->revision);
    if (!is_written(w, p)) {
        json_out_str(&w->j, "name", p->name);
        json_out_i64(&w->j, "created", p->created_ms);
        json_out_i64(&w->j, "revised", p->revised_ms);
        json_out_str(&w->j, "document", harmless(w, p, l));
    }
    json_out_end(&w->j);
}

/* One whose selector says no decides nothing. */
static bool may_hold(const struct pol_policy *p, const struct pol_attribute *attrs, size_t n_attrs, struct arena *a)
{
    struct str unknown = { 0 };
    return pol_selector_eval(p->selector, attrs, n_attrs, a, &unknown) != POL_FALSE;
}

static bool policy_names(const struct pol_policy *list, struct str image)
{
    for (const struct pol_policy *p = list; p; p = p->next)
        for (size_t i = 0; i < p->n_settings; i++)
            if (p->settings[i].entry->kind == DDF_K_IMAGE && str_starts(p->settings[i].word, image)) return true;
    return false;
}

static bool tree_names(const struct mirror *m, const struct ddf_layout *l, struct str id)
{
    for (size_t i = 0; m && i < m->n; i++)
        if (str_eq(m->nodes[i].value, id) ||
            (str_eq(ddf_uri_parent(m->nodes[i].uri), l->images) && str_eq(ddf_uri_name(m->nodes[i].uri), id)))
            return true;
    return false;
}

static enum rc wanted(void *ctx, const struct dm_device *d, const struct pol_attribute *attrs, size_t n_attrs,
                      int64_t now_ms, struct arena *a, struct pol_facts *f, struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.wanted(w->of.ctx, d, attrs, n_attrs, now_ms, a, f, e);
    if (rc) return rc;
    begin(w, "wanted");
    json_out_i64(&w->j, "owner", f->owner);
    json_out_array(&w->j, "policies");
    for (const struct pol_policy *p = f->policies; p; p = p->next)
        if (may_hold(p, attrs, n_attrs, w->a)) put_policy(w, p, f->layout);
    json_out_end(&w->j);
    json_out_array(&w->j, "images");
    for (size_t i = 0; i < f->n_images; i++) {
        const struct pol_image *x = &f->images[i];
        if (policy_names(f->policies, x->name) || tree_names(w->cache ? &w->cache->m : NULL, f->layout, x->id))
            put(w, NULL, &facts_rows_image, x);
    }
    json_out_end(&w->j);
    end(w);
    return RC_OK;
}

static enum rc holds(void *ctx, const struct dm_device *d, const struct dm_changes *c, struct arena *a,
                     struct pol_facts *f, struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.holds(w->of.ctx, d, c, a, f, e);
    if (rc) return rc;
    begin(w, "holds");
    put_list(w, "list", &facts_rows_hold, f->holds, f->n_holds, SIZE_MAX);
    end(w);
    return RC_OK;
}

static enum rc sets(void *ctx, const struct dm_device *d, struct arena *a, struct pol_set **out, size_t *n,
                    struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.sets(w->of.ctx, d, a, out, n, e);
    if (rc) return rc;
    begin(w, "sets");
    put_list(w, "list", &facts_rows_set, *out, *n, offsetof(struct pol_set, uri));
    end(w);
    return RC_OK;
}

static enum rc charges(void *ctx, const struct dm_device *d, struct arena *a, struct pol_facts *f, struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.charges(w->of.ctx, d, a, f, e);
    if (rc) return rc;
    begin(w, "charges");
    put_list(w, "list", &facts_rows_charge, f->charges, f->n_charges, SIZE_MAX);
    end(w);
    return RC_OK;
}

/* ---- rows that lists show ---- */

static enum rc percent(void *ctx, int64_t operation, int64_t *out, struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.percent(w->of.ctx, operation, out, e);
    if (rc) return rc;
    begin(w, "percent");
    json_out_i64(&w->j, "operation", operation);
    json_out_i64(&w->j, "value", *out);
    end(w);
    return RC_OK;
}

static enum rc vms(void *ctx, const struct dm_device *d, struct device_cache *r, struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.vms(w->of.ctx, d, r, e);
    if (rc) return rc;
    begin(w, "vms");
    put_list(w, "list", &facts_rows_vm, r->vms, r->n_vms, SIZE_MAX);
    end(w);
    return RC_OK;
}

static enum rc assignments(void *ctx, const struct dm_device *d, struct device_cache *r, struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.assignments(w->of.ctx, d, r, e);
    if (rc) return rc;
    begin(w, "assignments");
    put_list(w, "list", &facts_rows_assignment, r->assignments, r->n_assignments, SIZE_MAX);
    end(w);
    return RC_OK;
}

static enum rc beside(void *ctx, const struct dm_device *d, struct str vm, struct str image_id, struct arena *a,
                      struct facts_beside *out, struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.beside(w->of.ctx, d, vm, image_id, a, out, e);
    if (rc) return rc;
    begin(w, "beside");
    json_out_str(&w->j, "of", vm);
    put(w, "row", &facts_rows_beside, out);
    end(w);
    return RC_OK;
}

/* ---- numbers ---- */

static void put_number(struct facts_writer *w, const char *what, int64_t n)
{
    begin(w, what);
    json_out_i64(&w->j, "value", n);
    end(w);
}

static enum rc operation_number(void *ctx, int64_t *out, struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.operation_number(w->of.ctx, out, e);
    if (!rc) put_number(w, "operationNumber", *out);
    return rc;
}

static enum rc session_number(void *ctx, int64_t *out, struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.session_number(w->of.ctx, out, e);
    if (!rc) put_number(w, "sessionNumber", *out);
    return rc;
}

static enum rc correlators(void *ctx, const struct dm_device *d, struct pol_step *steps, struct arena *a, struct err *e)
{
    struct facts_writer *w = ctx;
    enum rc rc = w->of.correlators(w->of.ctx, d, steps, a, e);
    if (rc) return rc;
    for (const struct pol_step *s = steps; s; s = s->next) {
        if (s->operation || !s->op_kind.n) continue;
        begin(w, "correlator");
        json_out_str(&w->j, "kind", s->op_kind);
        json_out_str(&w->j, "owner", s->op_owner);
        json_out_str(&w->j, "value", s->correlator);
        end(w);
    }
    return RC_OK;
}

struct dm_facts facts_write_begin(struct facts_writer *w, const struct dm_facts *of, struct facts_written *written,
                                  const struct message_settings *settings, const struct dm_device *d,
                                  int64_t notification, struct arena *a, struct buf *out)
{
    *w = (struct facts_writer){ .of = *of, .written = written, .out = out, .a = a };
    json_out_begin(&w->j, out);
    json_out_array(&w->j, NULL);
    begin(w, "message");
    json_out_i64(&w->j, "maxObject", (int64_t)settings->max_object_bytes);
    json_out_i64(&w->j, "alertsPerHour", settings->alerts_per_hour);
    json_out_i64(&w->j, "kpiInterval", settings->kpi_interval_s);
    json_out_i64(&w->j, "notification", notification);
    put(w, "device", &facts_rows_device, d);
    end(w);
    return (struct dm_facts){ .ctx = w,
                              .device = device,
                              .attributes = attributes,
                              .described = described,
                              .schema = schema,
                              .operations = operations,
                              .wanted = wanted,
                              .holds = holds,
                              .sets = sets,
                              .charges = charges,
                              .failed = failed,
                              .closed = closed,
                              .percent = percent,
                              .vms = vms,
                              .assignments = assignments,
                              .beside = beside,
                              .operation_number = operation_number,
                              .session_number = session_number,
                              .correlators = correlators };
}

void facts_write_end(struct facts_writer *w)
{
    while (w->j.depth) json_out_end(&w->j);
}
