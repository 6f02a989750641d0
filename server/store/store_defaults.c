/* SPDX-License-Identifier: Apache-2.0 */
/* Loads the values that policies set on a device and the VMs that they placed there (policy/resolve/resolve_defaults.c
 * decides what happens to them). */
#include "db/policy.h"
#include "server/store/store.h"
#include "db/policy_set.h"
#include "db/policy_vm.h"

enum { STORE_SETS = 5000, STORE_CHARGES = 1000 };

enum rc store_load_sets(struct store *st, int64_t device, struct arena *a, struct pol_set **out, size_t *n,
                        struct err *e)
{
    struct pol_set *list = NULL;
    struct sql_rows *r = NULL;
    size_t k = 0;
    struct db_policy_set x;
    enum rc rc = db_policy_set_list(store_sql(st), device, &r, e);
    while (!rc && k < STORE_SETS && (rc = db_policy_set_next(r, &x, e)) == RC_OK) {
        if (!(list = store_more(a, list, k, sizeof *list)) || !arena_str(a, x.uri, &list[k].uri) ||
            !arena_str(a, x.value, &list[k].value) || !arena_str(a, x.earlier, &list[k].earlier)) {
            rc = err_set(e, RC_NOMEM, "no memory for the values that policies set");
        } else {
            list[k].row = x.row;
            list[k++].has_earlier = x.has_earlier;
        }
    }
    sql_end(r);
    if (rc && rc != RC_NOT_FOUND) return rc;
    *out = list;
    *n = k;
    return RC_OK;
}

/* Read the last revision of a policy that is no longer in force. */
static enum rc last_word(struct store *st, const struct dm_device *d, int64_t revision, struct arena *a,
                         struct pol_charge *c, struct err *e)
{
    struct pol_policy *doc = NULL;
    struct db_policy_revision last;
    enum rc rc = db_policy_revision(store_sql(st), c->policy, revision, a, &last, e);
    if (!rc) {
        rc = pol_policy_load(last.document, "policy", d->layout, NULL, a, &doc, NULL);
        if (!rc) c->leave = doc->leave;
        if (rc == RC_PARSE || rc == RC_INVALID || rc == RC_LIMIT) rc = RC_OK; /* unreadable: the VM stays */
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static const struct pol_policy *with_id(const struct pol_policy *p, int64_t id)
{
    while (p && p->id != id) p = p->next;
    return p;
}

static const struct pol_policy *as_if_deleted(const struct pol_policy *p, struct str name)
{
    while (p && !(p->deleted && str_eq(p->name, name))) p = p->next;
    return p;
}

enum rc store_load_charges(struct store *st, const struct dm_device *d, const struct pol_policy *extra, struct arena *a,
                           struct pol_facts *f, struct err *e)
{
    struct pol_charge *list = NULL;
    struct sql_rows *r = NULL;
    size_t k = 0;
    struct db_policy_vm x;
    enum rc rc = db_policy_vm_list(store_sql(st), d->id, &r, e);
    while (!rc && k < STORE_CHARGES && (rc = db_policy_vm_next(r, &x, e)) == RC_OK) {
        struct pol_charge *c = NULL;
        if ((list = store_more(a, list, k, sizeof *list))) c = &list[k++];
        if (!c || !arena_str(a, x.vm, &c->vm) || !arena_str(a, x.name, &c->name)) {
            rc = err_set(e, RC_NOMEM, "no memory for the VMs of policies");
            break;
        }
        c->policy = x.policy;
        c->left_ms = x.left_ms;
        c->goal = x.goal;
        if (with_id(f->policies, c->policy)) continue;
        c->unreadable = !x.deleted && !as_if_deleted(extra, c->name);
        if (!c->unreadable) rc = last_word(st, d, x.revision, a, c, e);
    }
    sql_end(r);
    if (rc && rc != RC_NOT_FOUND) return rc;
    f->charges = list;
    f->n_charges = k;
    return RC_OK;
}
