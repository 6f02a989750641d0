/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/resolve/facts.h"

size_t pol_facts_from(const struct pol_facts *f, struct str uri)
{
    size_t lo = 0, hi = f->n_mirror;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(f->mirror[mid].uri, uri) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct pol_mirror_node *pol_facts_node(const struct pol_facts *f, struct str uri)
{
    size_t i = pol_facts_from(f, uri);
    return i < f->n_mirror && str_eq(f->mirror[i].uri, uri) ? &f->mirror[i] : NULL;
}

bool pol_facts_leads_to(const struct ddf_operation *o, bool lock, int now)
{
    return o && (lock ? o->lock_to : o->lock_to < 0 ? o->to : -1) == now;
}

const struct pol_hold *pol_facts_hold(const struct pol_facts *f, struct str vm, bool lock,
                                      const struct pol_policy *policy, int now)
{
    for (size_t i = 0; i < f->n_holds; i++) {
        const struct pol_hold *h = &f->holds[i];
        if (str_eq(h->vm, vm) && pol_facts_leads_to(ddf_layout_operation(f->layout, DDF_VM, h->kind), lock, now) &&
            h->at_ms > policy->revised_ms)
            return h;
    }
    return NULL;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Line breaks in base64 are ignored. */
static bool same_b64(struct str x, struct str y)
{
    size_t i = 0, k = 0;
    for (;; i++, k++) {
        while (i < x.n && is_space(x.p[i])) i++;
        while (k < y.n && is_space(y.p[k])) k++;
        if (i == x.n || k == y.n) return i == x.n && k == y.n;
        if (x.p[i] != y.p[k]) return false;
    }
}

bool pol_read_back_differs(const struct pol_mirror_node *before, struct str reported)
{
    int64_t x, y;
    if (before->known != POL_ACKNOWLEDGED || str_is(before->format, "node") || str_eq(before->value, reported))
        return false;
    if (str_is(before->format, "bool")) {
        bool a = str_is(before->value, "true") || str_is(before->value, "1"),
             b = str_is(reported, "true") || str_is(reported, "1");
        return a != b;
    }
    if (str_is(before->format, "bin") || str_is(before->format, "b64")) return !same_b64(before->value, reported);
    return !(str_is(before->format, "int") && str_to_i64(before->value, &x) && str_to_i64(reported, &y) && x == y);
}
