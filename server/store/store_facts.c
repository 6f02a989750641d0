/* SPDX-License-Identifier: Apache-2.0 */
/* What the DM line decides on, from the database (server/decide/facts.h). */
#include "db/assignment.h"
#include "db/operation.h"
#include "db/vm.h"
#include "server/store/correlators.h"
#include "server/store/store.h"

static enum rc device(void *ctx, struct dm_device *d, struct device_cache *r, struct err *e)
{
    struct store *st = ctx;
    enum rc rc = store_load_rest(st, d, &r->arena, e);
    if (!rc) rc = store_load_mirror(&r->m, store_sql(st), store_paths(st), d->id, e);
    if (!rc) rc = store_load_failures(st, d, &r->arena, &r->failures, &r->n_failures, e);
    if (!rc) rc = store_load_wishes_before(st, d, &r->arena, &r->wishes, &r->n_wishes, e);
    return rc;
}

static enum rc attributes(void *ctx, const struct dm_device *d, struct arena *a, struct pol_attribute **out, size_t *n,
                          struct err *e)
{
    return store_load_attribute_rows(ctx, d->id, a, out, n, e);
}

static enum rc described(void *ctx, const struct dm_device *d, bool *out, struct err *e)
{
    return store_has_descriptions(ctx, d->au, out, e);
}

static enum rc schema(void *ctx, const struct dm_device *d, struct pol_facts *f, struct err *e)
{
    return store_load_schema(ctx, d, f, e);
}

static enum rc operations(void *ctx, const struct dm_device *d, struct arena *a, struct pol_operation **out, size_t *n,
                          struct err *e)
{
    return store_load_operations(ctx, d->id, a, out, n, e);
}

static enum rc wanted(void *ctx, const struct dm_device *d, const struct pol_attribute *attrs, size_t n_attrs,
                      int64_t now_ms, struct arena *a, struct pol_facts *f, struct err *e)
{
    (void)attrs;
    (void)n_attrs;
    return store_load_wishes(ctx, d, NULL, now_ms, a, f, e);
}

static enum rc holds(void *ctx, const struct dm_device *d, const struct dm_changes *c, struct arena *a,
                     struct pol_facts *f, struct err *e)
{
    return store_load_holds(ctx, d, c, a, f, e);
}

static enum rc sets(void *ctx, const struct dm_device *d, struct arena *a, struct pol_set **out, size_t *n,
                    struct err *e)
{
    return store_load_sets(ctx, d->id, a, out, n, e);
}

static enum rc charges(void *ctx, const struct dm_device *d, struct arena *a, struct pol_facts *f, struct err *e)
{
    return store_load_charges(ctx, d, NULL, a, f, e);
}

static enum rc failed(void *ctx, const struct dm_device *d, struct str correlator, struct arena *a,
                      struct facts_failed *out, struct err *e)
{
    struct db_operation_failed x = { 0 };
    enum rc rc = db_operation_failed(store_sql(ctx), d->id, correlator, a, &x, e);
    if (!rc) *out = (struct facts_failed){ .id = x.id, .code = x.code, .kind = x.kind, .reason = x.reason };
    return rc;
}

static enum rc closed(void *ctx, const struct dm_device *d, struct str correlator, struct arena *a,
                      struct pol_operation *out, struct err *e)
{
    struct db_operation row;
    enum rc rc = db_operation_by_correlator(store_sql(ctx), d->id, correlator, a, &row, e);
    if (rc) return rc;
    return store_read_operation(&row, a, out) ? RC_OK : err_set(e, RC_NOMEM, "no memory for an operation");
}

static enum rc percent(void *ctx, int64_t operation, int64_t *out, struct err *e)
{
    return db_operation_percent(store_sql(ctx), operation, out, e);
}

static bool copy_vm(struct arena *a, const struct db_vm *row, struct recall_vm *x)
{
    *x = (struct recall_vm){ .state = row->state,
                             .lock = row->lock,
                             .reason = row->reason,
                             .verified = row->verified,
                             .state_ms = row->state_ms,
                             .crashes = row->crashes,
                             .there = true };
    return arena_str(a, row->vm, &x->name) && arena_str(a, row->title, &x->title) &&
           arena_str(a, row->image, &x->image) && arena_str(a, row->summary, &x->summary) &&
           arena_str(a, row->why, &x->why) && arena_str(a, row->crash_time, &x->crash_time) &&
           arena_str(a, row->crash_why, &x->crash_why);
}

static enum rc vms(void *ctx, const struct dm_device *d, struct device_cache *k, struct err *e)
{
    struct sql_rows *r = NULL;
    struct db_vm row;
    enum rc rc = db_vm_list(store_sql(ctx), d->id, &r, e);
    while (!rc && k->n_vms < RECALL_VMS && (rc = db_vm_next(r, &row, e)) == RC_OK)
        if (!copy_vm(&k->arena, &row, &k->vms[k->n_vms++]))
            rc = err_set(e, RC_NOMEM, "no memory for the VMs of a device");
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc assignments(void *ctx, const struct dm_device *d, struct device_cache *k, struct err *e)
{
    struct sql_rows *r = NULL;
    struct db_assignment row;
    enum rc rc = db_assignment_list(store_sql(ctx), d->id, &r, e);
    while (!rc && k->n_assignments < RECALL_ASSIGNMENTS && (rc = db_assignment_next(r, &row, e)) == RC_OK) {
        struct recall_assignment *x = device_cache_assignment(k);
        if (x) *x = (struct recall_assignment){ .policy = row.policy, .revision = row.revision, .truth = row.truth };
        if (!x || !arena_str(&k->arena, row.state, &x->state) || !arena_str(&k->arena, row.why, &x->why))
            rc = err_set(e, RC_NOMEM, "no memory for the assignments of a device");
    }
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc beside(void *ctx, const struct dm_device *d, struct str vm, struct str image_id, struct arena *a,
                      struct facts_beside *out, struct err *e)
{
    struct db_vm row = { .crashes_seen = 0 };
    enum rc rc = db_vm_find(store_sql(ctx), d->id, vm, a, &row, e);
    if (rc && rc != RC_NOT_FOUND) return rc; /* it may be new */
    *out = (struct facts_beside){ .crashes_seen = row.crashes_seen };
    for (size_t i = 0; i < d->au->n_images && image_id.n; i++) {
        const struct pol_image *image = &d->au->images[i];
        if (!str_eq(image->id, image_id)) continue;
        out->image = arena_printf(a, "%.*s:%.*s", STR_ARG(image->name), STR_ARG(image->version));
        if (!out->image.n) return err_set(e, RC_NOMEM, "no memory for the name of an image");
    }
    return RC_OK;
}

static enum rc operation_number(void *ctx, int64_t *out, struct err *e)
{
    return store_operation_number(ctx, out, e);
}

static enum rc session_number(void *ctx, int64_t *out, struct err *e)
{
    return store_session_number(ctx, out, e);
}

static enum rc correlators(void *ctx, const struct dm_device *d, struct pol_step *steps, struct arena *a, struct err *e)
{
    return correlators_assign(ctx, d->id, d->generation, steps, a, e);
}

struct dm_facts store_facts(struct store *st)
{
    return (struct dm_facts){ .ctx = st,
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
