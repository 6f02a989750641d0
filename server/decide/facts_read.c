/* SPDX-License-Identifier: Apache-2.0 */
#include "server/decide/facts_read.h"
#include "server/decide/facts_rows_int.h"
#include "base/vec.h"
#include <stdio.h>
#include <string.h>

enum { FIRST_INVENTED = 1000000000 };

/* What may be asked for several times in one message, each with its place in the list. */
enum repeated { AT_OPERATION, AT_SESSION, AT_CORRELATOR, AT_FAILED, AT_CLOSED, AT_PERCENT, AT_BESIDE, AT_COUNT };
_Static_assert(AT_COUNT <= sizeof((struct facts_reader *)0)->next / sizeof(struct doc *), "a place for each");

void facts_read_init(struct facts_reader *x, const char *name, struct arena *kept, const struct ddf_schema *schema,
                     struct ddf_layout *const *layouts, size_t n_layouts)
{
    *x = (struct facts_reader){ .name = name,
                                .kept = kept,
                                .schema = schema,
                                .layouts = layouts,
                                .n_layouts = n_layouts,
                                .invented = FIRST_INVENTED };
    buf_init(&x->missing, 64 << 10);
}

void facts_read_finish(struct facts_reader *x)
{
    buf_finish(&x->missing);
}

static void miss(struct facts_reader *x, const char *what, struct str of)
{
    buf_printf(&x->missing, "%s%s%.*s\n", what, of.n ? " " : "", STR_ARG(of));
}

/* ---- finding an answer ---- */

static bool is_answer(const struct doc *d, const char *what, const char *key, struct str of)
{
    const struct doc *w = doc_get(d, "what"), *k = key ? doc_get(d, key) : NULL;
    return w && str_is(w->text, what) && (!key || (k && str_eq(k->text, of)));
}

static const struct doc *first_answer(const struct facts_reader *x, const char *what)
{
    const struct doc *d = x->list ? x->list->first : NULL;
    while (d && !is_answer(d, what, NULL, (struct str){ 0 })) d = d->next;
    return d;
}

/* The next one that was not taken yet. */
static const struct doc *next_answer(struct facts_reader *x, enum repeated which, const char *what)
{
    const struct doc *d = x->next[which] ? x->next[which]->next : x->list ? x->list->first : NULL;
    while (d && !is_answer(d, what, NULL, (struct str){ 0 })) d = d->next;
    if (d) x->next[which] = d;
    return d;
}

/* The last one of this key up to where the message is: the same may be asked for again, after it has changed. */
static const struct doc *keyed_answer(struct facts_reader *x, enum repeated which, const char *what, const char *key,
                                      struct str of)
{
    const struct doc *from = x->next[which] ? x->next[which]->next : x->list ? x->list->first : NULL, *d = from;
    while (d && !is_answer(d, what, key, of)) d = d->next;
    if (!d)
        for (d = x->list ? x->list->first : NULL; d && d != from && !is_answer(d, what, key, of);) d = d->next;
    if (d && !is_answer(d, what, key, of)) d = NULL;
    if (d) x->next[which] = d;
    return d;
}

static enum rc get_list(struct facts_reader *x, const struct doc *answer, const char *key, const struct fact_row *r,
                        struct arena *a, void *out, size_t *n, struct err *e)
{
    void *rows = NULL;
    enum rc rc = facts_rows_get_list(doc_get(answer, key), x->name, r, a, &rows, n, e);
    if (!rc) memcpy(out, &rows, sizeof rows);
    return rc;
}

/* ---- the message ---- */

static const struct ddf_layout *layout_of(const struct facts_reader *x, struct str mo)
{
    for (size_t i = 0; i < x->n_layouts; i++)
        if (str_eq(x->layouts[i]->mo, mo)) return x->layouts[i];
    return mo.n || !x->n_layouts ? NULL : x->layouts[0];
}

static enum rc get_device(struct facts_reader *x, const struct doc *d, struct arena *a, struct dm_device *out,
                          struct err *e)
{
    enum rc rc = facts_rows_get(d, x->name, &facts_rows_device, a, out, e);
    if (rc) return rc;
    if ((unsigned)out->lists > DM_LISTS_UNSUPPORTED) out->lists = DM_LISTS_UNTRIED;
    out->layout = layout_of(x, out->layout_mo);
    return out->layout
               ? ddf_layout_at(out->layout, out->mo_root, out->mo_images, a, &out->layout, e)
               : doc_error(d, x->name, RC_UNSUPPORTED, e, "no layout for the device's object %.*s is here (--layout)",
                           STR_ARG(out->layout_mo));
}

static int64_t number(const struct doc *d, const char *key)
{
    int64_t n = 0;
    return doc_i64(doc_get(d, key), &n) ? n : 0;
}

enum rc facts_read_message(struct facts_reader *x, const struct doc *list, struct arena *a, struct dm_device *device,
                           int64_t *notification, struct message_settings *settings, struct err *e)
{
    x->list = list;
    memset(x->next, 0, sizeof x->next);
    buf_reset(&x->missing);
    const struct doc *m = first_answer(x, "message");
    if (list->kind != DOC_LIST || !m) return doc_error(list, x->name, RC_INVALID, e, "these are no facts of a message");
    *notification = number(m, "notification");
    settings->max_object_bytes = (uint64_t)number(m, "maxObject") & ((1u << 30) - 1);
    settings->alerts_per_hour = number(m, "alertsPerHour") & INT32_MAX;
    settings->kpi_interval_s = number(m, "kpiInterval") & INT32_MAX;
    return get_device(x, doc_get(m, "device"), a, device, e);
}

bool facts_read_has_device(const struct facts_reader *x)
{
    return first_answer(x, "device") != NULL;
}

/* ---- the device ---- */

static enum rc get_mirror(struct facts_reader *x, const struct doc *d, struct mirror *m, struct err *e)
{
    struct fact_node *rows = NULL;
    size_t n = 0;
    enum rc rc = get_list(x, d, "mirror", &facts_rows_node, m->a, &rows, &n, e);
    for (size_t i = 0; i < n && !rc; i++)
        if (!mirror_add_row(m, rows[i].uri, str_hash(rows[i].uri), &rows[i].row))
            rc = err_set(e, RC_NOMEM, "no memory for the mirror of a device");
    if (!rc) mirror_rows_end(m);
    return rc;
}

static enum rc device(void *ctx, struct dm_device *d, struct device_cache *r, struct err *e)
{
    struct facts_reader *x = ctx;
    const struct doc *answer = first_answer(x, "device");
    struct dm_device row = { 0 };
    if (!answer) {
        miss(x, "the device's tree", (struct str){ 0 });
        return RC_OK;
    }
    enum rc rc = get_device(x, doc_get(answer, "row"), &r->arena, &row, e);
    if (rc) return rc;
    d->mirror_read = row.mirror_read;
    d->lists = row.lists;
    d->list_unsupported = row.list_unsupported;
    d->large_objects = row.large_objects;
    d->summary = row.summary;
    d->summary_why = row.summary_why;
    d->summary_ms = row.summary_ms;
    d->title = row.title;
    d->created_ms = row.created_ms;
    d->planned_generation = row.planned_generation;
    d->careful = row.careful;
    rc = get_mirror(x, answer, &r->m, e);
    if (!rc) rc = get_list(x, answer, "failures", &facts_rows_failure, &r->arena, &r->failures, &r->n_failures, e);
    if (!rc) rc = get_list(x, answer, "wishes", &facts_rows_wish, &r->arena, &r->wishes, &r->n_wishes, e);
    return rc;
}

static enum rc attributes(void *ctx, const struct dm_device *d, struct arena *a, struct pol_attribute **out, size_t *n,
                          struct err *e)
{
    struct facts_reader *x = ctx;
    const struct doc *answer = first_answer(x, "attributes");
    (void)d;
    if (!answer) miss(x, "the device's labels and what it says of itself", (struct str){ 0 });
    return get_list(x, answer, "list", &facts_rows_attribute, a, out, n, e);
}

static enum rc described(void *ctx, const struct dm_device *d, bool *out, struct err *e)
{
    struct facts_reader *x = ctx;
    (void)d;
    (void)e;
    *out = false;
    x->other_descriptions |= first_answer(x, "described") != NULL;
    return RC_OK;
}

static enum rc schema(void *ctx, const struct dm_device *d, struct pol_facts *f, struct err *e)
{
    struct facts_reader *x = ctx;
    (void)d;
    (void)e;
    f->schema = x->schema;
    return RC_OK;
}

/* ---- operations ---- */

static enum rc get_operation(struct facts_reader *x, const struct doc *d, struct arena *a, struct pol_operation *op,
                             struct err *e)
{
    enum rc rc = facts_rows_get(d, x->name, &facts_rows_operation, a, op, e);
    if (!rc) rc = get_list(x, d, "items", &facts_rows_item, a, &op->items, &op->n_items, e);
    if (!rc && ((unsigned)op->state >= POL_OP_STATE_COUNT || (unsigned)op->scope >= DDF_SCOPE_COUNT))
        rc = doc_error(d, x->name, RC_INVALID, e, "an operation has no such state or scope");
    return rc;
}

static enum rc operations(void *ctx, const struct dm_device *d, struct arena *a, struct pol_operation **out, size_t *n,
                          struct err *e)
{
    struct facts_reader *x = ctx;
    const struct doc *answer = first_answer(x, "operations"), *list = doc_get(answer, "list");
    struct pol_operation *ops = NULL;
    size_t k = 0, room = 0;
    (void)d;
    if (!answer) miss(x, "operations", (struct str){ 0 });
    for (const struct doc *v = list ? list->first : NULL; v; v = v->next) {
        struct pol_operation *op = VEC_ADD_APART_IN(a, ops, k, room);
        enum rc rc = op ? get_operation(x, v, a, op, e) : err_set(e, RC_NOMEM, "no memory for operations");
        if (rc) return rc;
    }
    *out = ops;
    *n = k;
    return RC_OK;
}

static enum rc failed(void *ctx, const struct dm_device *d, struct str correlator, struct arena *a,
                      struct facts_failed *out, struct err *e)
{
    struct facts_reader *x = ctx;
    const struct doc *answer = keyed_answer(x, AT_FAILED, "failed", "of", correlator);
    (void)d;
    *out = (struct facts_failed){ 0 };
    return answer ? facts_rows_get(doc_get(answer, "operation"), x->name, &facts_rows_failed, a, out, e) : RC_NOT_FOUND;
}

static enum rc closed(void *ctx, const struct dm_device *d, struct str correlator, struct arena *a,
                      struct pol_operation *out, struct err *e)
{
    struct facts_reader *x = ctx;
    const struct doc *answer = keyed_answer(x, AT_CLOSED, "closed", "of", correlator);
    (void)d;
    return answer ? get_operation(x, doc_get(answer, "operation"), a, out, e) : RC_NOT_FOUND;
}

/* ---- what is wanted ---- */

/* @param l  NULL: of any layout */
static struct pol_policy *known_policy(const struct facts_reader *x, const struct doc *d, const struct ddf_layout *l)
{
    const int64_t id = number(d, "id"), revision = number(d, "revision");
    const struct facts_read_policy *p = x->policies;
    while (p && !(p->parsed->id == id && p->parsed->revision == revision && (!l || p->layout == l))) p = p->next;
    return p ? p->parsed : NULL;
}

/* Its document stands with the first message that needs it. */
static struct str document_of(const struct facts_reader *x, const struct doc *d)
{
    const struct doc *text = doc_get(d, "document");
    const struct pol_policy *before = text ? NULL : known_policy(x, d, NULL);
    return text ? text->text : before ? before->text : (struct str){ 0 };
}

static enum rc parse_policy(struct facts_reader *x, const struct doc *d, const struct ddf_layout *l,
                            struct pol_policy **out, struct err *e)
{
    const struct str text = document_of(x, d);
    const struct pol_policy *before = known_policy(x, d, NULL);
    struct facts_read_policy *p = ARENA_NEW(x->kept, struct facts_read_policy);
    struct err why = { 0 };
    if (!p) return err_set(e, RC_NOMEM, "no memory for policies");
    if (!text.n)
        return doc_error(d, x->name, RC_UNSUPPORTED, e,
                         "the policy's document is not in the recording: it holds secrets");
    enum rc rc = pol_policy_load(text, "policy", l, x->schema, x->kept, &p->parsed, &why);
    if (rc == RC_NOMEM) return err_set(e, rc, "no memory for policies");
    if (rc) return doc_error(d, x->name, RC_INVALID, e, "the policy cannot be read: %s", why.text);
    p->layout = l;
    p->parsed->text = text;
    p->parsed->id = number(d, "id");
    p->parsed->revision = number(d, "revision");
    p->parsed->created_ms = before ? before->created_ms : number(d, "created");
    p->parsed->revised_ms = before ? before->revised_ms : number(d, "revised");
    p->next = x->policies;
    x->policies = p;
    *out = p->parsed;
    return RC_OK;
}

static enum rc get_policies(struct facts_reader *x, const struct doc *list, const struct ddf_layout *l,
                            const struct pol_policy **out, struct err *e)
{
    struct pol_policy *first = NULL, **tail = &first;
    for (const struct doc *d = list ? list->first : NULL; d; d = d->next) {
        struct pol_policy *p = known_policy(x, d, l);
        enum rc rc = p ? RC_OK : parse_policy(x, d, l, &p, e);
        if (rc) return rc;
        for (const struct pol_policy *q = first; q; q = q->next)
            if (q == p) return doc_error(d, x->name, RC_INVALID, e, "the policy is in the list already");
        p->next = NULL;
        *tail = p;
        tail = &p->next;
    }
    *out = first;
    return RC_OK;
}

static enum rc wanted(void *ctx, const struct dm_device *d, const struct pol_attribute *attrs, size_t n_attrs,
                      int64_t now_ms, struct arena *a, struct pol_facts *f, struct err *e)
{
    (void)attrs;
    (void)n_attrs;
    struct facts_reader *x = ctx;
    const struct doc *answer = first_answer(x, "wanted");
    struct pol_image *images = NULL;
    if (!answer) miss(x, "policies", (struct str){ 0 });
    message_facts(f, d, x->schema, (int)(number(answer, "owner") & INT32_MAX), now_ms);
    enum rc rc = get_policies(x, doc_get(answer, "policies"), d->layout, &f->policies, e);
    if (!rc) rc = get_list(x, answer, "images", &facts_rows_image, a, &images, &f->n_images, e);
    f->images = images;
    return rc;
}

static enum rc holds(void *ctx, const struct dm_device *d, const struct dm_changes *c, struct arena *a,
                     struct pol_facts *f, struct err *e)
{
    struct facts_reader *x = ctx;
    const struct doc *answer = first_answer(x, "holds");
    struct pol_hold *list = NULL;
    (void)d;
    (void)c;
    if (!answer) miss(x, "what was done by hand", (struct str){ 0 });
    enum rc rc = get_list(x, answer, "list", &facts_rows_hold, a, &list, &f->n_holds, e);
    f->holds = list;
    return rc;
}

static enum rc sets(void *ctx, const struct dm_device *d, struct arena *a, struct pol_set **out, size_t *n,
                    struct err *e)
{
    struct facts_reader *x = ctx;
    const struct doc *answer = first_answer(x, "sets");
    (void)d;
    if (!answer) miss(x, "what policies have set", (struct str){ 0 });
    return get_list(x, answer, "list", &facts_rows_set, a, out, n, e);
}

static enum rc charges(void *ctx, const struct dm_device *d, struct arena *a, struct pol_facts *f, struct err *e)
{
    struct facts_reader *x = ctx;
    const struct doc *answer = first_answer(x, "charges");
    struct pol_charge *list = NULL;
    (void)d;
    if (!answer) miss(x, "the VMs that policies gave", (struct str){ 0 });
    enum rc rc = get_list(x, answer, "list", &facts_rows_charge, a, &list, &f->n_charges, e);
    for (size_t i = 0; i < f->n_charges && !rc; i++)
        if ((unsigned)list[i].leave >= POL_LEAVE_COUNT) list[i].leave = POL_LEAVE_KEEP;
    f->charges = list;
    return rc;
}

/* ---- rows that lists show ---- */

static enum rc percent(void *ctx, int64_t operation, int64_t *out, struct err *e)
{
    struct facts_reader *x = ctx;
    char digits[24];
    const int n = snprintf(digits, sizeof digits, "%lld", (long long)operation);
    const struct doc *answer = keyed_answer(x, AT_PERCENT, "percent", "operation", (struct str){ digits, (size_t)n });
    (void)e;
    if (!answer) miss(x, "how far the operation is:", (struct str){ digits, (size_t)n });
    *out = number(answer, "value");
    return RC_OK;
}

static enum rc vms(void *ctx, const struct dm_device *d, struct device_cache *r, struct err *e)
{
    struct facts_reader *x = ctx;
    const struct doc *answer = first_answer(x, "vms");
    struct recall_vm *list = NULL;
    size_t n = 0;
    (void)d;
    if (!answer) miss(x, "the rows of VMs", (struct str){ 0 });
    enum rc rc = get_list(x, answer, "list", &facts_rows_vm, &r->arena, &list, &n, e);
    if (rc) return rc;
    r->n_vms = n < RECALL_VMS ? n : RECALL_VMS;
    if (r->n_vms) memcpy(r->vms, list, r->n_vms * sizeof *list);
    return RC_OK;
}

static enum rc assignments(void *ctx, const struct dm_device *d, struct device_cache *r, struct err *e)
{
    struct facts_reader *x = ctx;
    const struct doc *answer = first_answer(x, "assignments");
    (void)d;
    if (!answer) miss(x, "how far policies were", (struct str){ 0 });
    enum rc rc = get_list(x, answer, "list", &facts_rows_assignment, &r->arena, &r->assignments, &r->n_assignments, e);
    r->assignments_cap = r->n_assignments;
    return rc;
}

static enum rc beside(void *ctx, const struct dm_device *d, struct str vm, struct str image_id, struct arena *a,
                      struct facts_beside *out, struct err *e)
{
    struct facts_reader *x = ctx;
    const struct doc *answer = keyed_answer(x, AT_BESIDE, "beside", "of", vm);
    (void)d;
    (void)image_id;
    *out = (struct facts_beside){ 0 };
    if (!answer) {
        miss(x, "what stands beside VM", vm);
        return RC_OK;
    }
    return facts_rows_get(doc_get(answer, "row"), x->name, &facts_rows_beside, a, out, e);
}

/* ---- numbers ---- */

static enum rc take_number(struct facts_reader *x, enum repeated which, const char *what, int64_t *out)
{
    const struct doc *answer = next_answer(x, which, what);
    if (!answer) miss(x, "one more", str_of(what));
    *out = answer ? number(answer, "value") : ++x->invented;
    return RC_OK;
}

static enum rc operation_number(void *ctx, int64_t *out, struct err *e)
{
    (void)e;
    return take_number(ctx, AT_OPERATION, "operationNumber", out);
}

static enum rc session_number(void *ctx, int64_t *out, struct err *e)
{
    (void)e;
    return take_number(ctx, AT_SESSION, "sessionNumber", out);
}

static enum rc correlators(void *ctx, const struct dm_device *d, struct pol_step *steps, struct arena *a, struct err *e)
{
    struct facts_reader *x = ctx;
    (void)d;
    for (struct pol_step *s = steps; s; s = s->next) {
        if (s->operation || !s->op_kind.n) continue;
        const struct doc *answer = next_answer(x, AT_CORRELATOR, "correlator"), *value = doc_get(answer, "value");
        if (!answer) miss(x, "the Correlator of", s->op_kind);
        s->correlator = value ? value->text : arena_printf(a, "%010llX", (long long)++x->invented);
        if (!s->correlator.p) return err_set(e, RC_NOMEM, "no memory for a Correlator");
    }
    return RC_OK;
}

struct dm_facts facts_read_facts(struct facts_reader *x)
{
    return (struct dm_facts){ .ctx = x,
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
