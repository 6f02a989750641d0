/* SPDX-License-Identifier: Apache-2.0 */
/* Resolves all policies for one device: for each setting the winner, the losers and the rule. */
#include "policy/resolve/desired.h"
#include "base/vec.h"
#include "policy/resolve/facts.h"
#include "policy/resolve/resolve_defaults.h"
#include "policy/resolve/device_rules.h"
#include <stdlib.h>
#include <string.h>

/* Rules that a description provides. */
static const char SAFER[] = "safer value", NEWER[] = "newer revision";

/* One policy's value for one setting. */
struct contender {
    const struct pol_policy *policy;
    bool unknown; /* its selector cannot be evaluated yet */
    struct str word, wire;
    const struct pol_setting *setting;
};

struct resolution {
    const struct pol_facts *f;
    struct arena *a;
    struct pol_desired *d;
    struct candidate *holds;
    size_t n_holds; /* selector true or unknown */
    size_t warnings_room;
    struct str in_force; /* settings that have an effect on the device, as it reports */
    bool no_memory;
};

static void *room(struct resolution *r, size_t n, size_t size)
{
    void *p = n ? arena_alloc(r->a, n * size) : arena_alloc(r->a, 1);
    if (!p) r->no_memory = true;
    return p;
}

static void warn(struct resolution *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void warn(struct resolution *r, const char *fmt, ...)
{
    va_list ap;
    struct pol_desired *d = r->d;
    struct str *text = VEC_ADD_APART_IN(r->a, d->warnings, d->n_warnings, r->warnings_room);
    if (!text) {
        r->no_memory = true;
        return;
    }
    va_start(ap, fmt);
    *text = arena_vprintf(r->a, fmt, ap);
    va_end(ap);
}

/* ---- policies that apply ---- */

static void select_policies(struct resolution *r)
{
    size_t n = 0;
    for (const struct pol_policy *p = r->f->policies; p; p = p->next) n++;
    r->holds = room(r, n, sizeof *r->holds);
    r->d->unknown = room(r, n, sizeof *r->d->unknown);
    if (r->no_memory) return;
    for (const struct pol_policy *p = r->f->policies; p; p = p->next) {
        struct str unknown = { 0 };
        if (p->authority.n && r->f->authority.n && !str_eq(p->authority, r->f->authority)) {
            warn(r, "policy %.*s is of %.*s and says nothing for devices of %.*s", STR_ARG(p->name),
                 STR_ARG(p->authority), STR_ARG(r->f->authority));
            continue;
        }
        enum pol_truth t = pol_selector_eval(p->selector, r->f->attrs, r->f->n_attrs, r->a, &unknown);
        if (t == POL_FALSE) continue;
        r->holds[r->n_holds++] = (struct candidate){ p, t == POL_UNKNOWN };
        if (t == POL_UNKNOWN) {
            r->d->unknown[r->d->n_unknown].policy = p;
            r->d->unknown[r->d->n_unknown++].why = arena_printf(r->a, "the device has not reported %.*s yet",
                                                                STR_ARG(unknown));
        }
    }
}

/* ---- conflicts ---- */

static bool older(const struct pol_policy *x, const struct pol_policy *y)
{
    if (x->created_ms != y->created_ms) return x->created_ms < y->created_ms;
    if (x->id != y->id) return x->id < y->id;
    return str_cmp(x->name, y->name) < 0;
}

/* The later revision; of revisions made at the same time, the younger policy's. */
static bool newer(const struct pol_policy *x, const struct pol_policy *y)
{
    return x->revised_ms != y->revised_ms ? x->revised_ms > y->revised_ms : older(y, x);
}

static const struct ddf_node *described(const struct resolution *r, const struct pol_setting *s, struct str owner)
{
    struct str uri = s ? ddf_layout_uri(r->f->layout, s->entry, owner, s->instance, r->a) : (struct str){ 0 };
    return uri.n && r->f->schema ? ddf_schema_find(r->f->schema, uri) : NULL;
}

/* <0: x is safer, >0: y is, 0: the description does not tell. */
static int safer(enum ddf_hint hint, struct str x, struct str y)
{
    int64_t a, b;
    if (str_is(x, "true") || str_is(x, "false"))
        a = str_is(x, "true");
    else if (!str_to_i64(x, &a))
        return 0;
    if (str_is(y, "true") || str_is(y, "false"))
        b = str_is(y, "true");
    else if (!str_to_i64(y, &b))
        return 0;
    bool zero_is_none = hint == DDF_HINT_LOWEST_SAFE_ZERO_IS_NONE || hint == DDF_HINT_HIGHEST_SAFE_ZERO_IS_NONE;
    if (zero_is_none && (a == 0) != (b == 0)) return a == 0 ? 1 : -1; /* no limit is never the safe side */
    if (a == b) return 0;
    bool lowest = hint == DDF_HINT_LOWEST_SAFE || hint == DDF_HINT_LOWEST_SAFE_ZERO_IS_NONE;
    return (a < b) == lowest ? -1 : 1;
}

static size_t rank(const struct ddf_entry *en, struct str wire)
{
    size_t i = 0;
    while (i < en->n_safest && !str_eq(en->safest[i], wire)) i++;
    return i;
}

/* <0: x is safer, >0: y is, 0: neither the layout nor the description tells. */
static int safer_of(const struct contender *x, const struct contender *y, enum ddf_hint hint)
{
    const struct ddf_entry *en = x->setting ? x->setting->entry : NULL;
    if (en && en->n_safest) return (int)rank(en, x->wire) - (int)rank(en, y->wire);
    return hint == DDF_HINT_NONE ? 0 : safer(hint, x->wire, y->wire);
}

/* Does `x` win against `y`, and by which rule? */
static bool beats(const struct contender *x, const struct contender *y, enum ddf_hint hint, const char **rule)
{
    if (x->policy->priority != y->policy->priority) {
        *rule = "higher priority";
        return x->policy->priority > y->policy->priority;
    }
    if (str_eq(x->wire, y->wire)) {
        *rule = "same value";
        return older(x->policy, y->policy);
    }
    if (hint == DDF_HINT_LAST_WRITE) {
        *rule = NEWER;
        return newer(x->policy, y->policy);
    }
    int c = safer_of(x, y, hint);
    if (c) {
        *rule = SAFER;
        return c < 0;
    }
    *rule = "older policy";
    return older(x->policy, y->policy);
}

/*
 * Find the winner among the values for one setting; each loser gets the rule by which it lost.
 * @return the index of the winner
 */
static size_t contest(struct resolution *r, const struct contender *w, size_t n, enum ddf_hint hint, const char *what,
                      struct str vm, struct str name, const char **rule, struct pol_loser **losers)
{
    size_t best = 0;
    const char *how = NULL;

    *rule = "only policy";
    if (losers) *losers = NULL;
    for (size_t i = 1; i < n; i++)
        if (beats(&w[i], &w[best], hint, &how)) best = i;
    for (size_t i = n; i-- > 0;) {
        if (i == best) continue;
        beats(&w[best], &w[i], hint, &how);
        struct pol_loser *l = losers ? room(r, 1, sizeof *l) : NULL;
        if (l) {
            *l = (struct pol_loser){ w[i].policy->name, w[i].word, how, *losers };
            *losers = l;
        }
        if (strcmp(*rule, "older policy") != 0 &&
            !(strcmp(how, "same value") == 0 && strcmp(*rule, "only policy") != 0))
            *rule = how; /* report the weakest rule */
        if (strcmp(how, "older policy") == 0)
            warn(r, "%s %.*s%s%.*s: policies %.*s (%.*s) and %.*s (%.*s) have the same priority; the older one decides",
                 what, STR_ARG(vm), name.n ? " " : "", STR_ARG(name), STR_ARG(w[best].policy->name),
                 STR_ARG(w[best].word), STR_ARG(w[i].policy->name), STR_ARG(w[i].word));
    }
    return best;
}

/* ---- settings ---- */

static const struct pol_image *find_image(const struct pol_facts *f, struct str word)
{
    for (size_t i = 0; i < f->n_images; i++) {
        const struct pol_image *m = &f->images[i];
        if (word.n == m->name.n + 1 + m->version.n && str_starts(word, m->name) && word.p[m->name.n] == ':' &&
            str_ends(word, m->version))
            return m;
    }
    return NULL;
}

static int by_setting(const void *a, const void *b)
{
    const struct contender *x = a, *y = b;
    int c = str_cmp(x->setting->name, y->setting->name);
    return c ? c : str_cmp(x->policy->name, y->policy->name);
}

/* Make values of all settings in `w`, except for those that an undecided policy would win. */
static struct pol_value *values(struct resolution *r, struct contender *w, size_t n, struct str vm, size_t *n_out)
{
    struct pol_value *out = room(r, n, sizeof *out);
    size_t count = 0;

    if (n) qsort(w, n, sizeof *w, by_setting);
    for (size_t i = 0, end; out && i < n; i = end) {
        struct pol_value *v = &out[count];
        for (end = i + 1; end < n && str_eq(w[end].setting->name, w[i].setting->name); end++)
            ;
        const struct ddf_node *node = end - i > 1 ? described(r, w[i].setting, vm) : NULL;
        enum ddf_hint hint = node ? node->hint : DDF_HINT_NONE;
        size_t best = i + contest(r, w + i, end - i, hint, vm.n ? "VM" : "device", vm, w[i].setting->name, &v->rule,
                                  &v->losers);
        if (r->no_memory || w[best].unknown) continue;
        v->described = node && (v->rule == SAFER || v->rule == NEWER) ? node->document : (struct str){ 0 };
        v->setting = w[best].setting;
        v->policy = w[best].policy;
        v->wire = w[best].wire;
        v->unsupported = !pol_rules_supported(r->in_force, v->setting->entry, v->wire);
        count++;
    }
    *n_out = count;
    return out;
}

static size_t settings_of(const struct resolution *r, struct str vm, enum ddf_scope scope, struct contender *out)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_holds; i++) {
        const struct pol_policy *p = r->holds[i].policy;
        if (scope == DDF_VM && !str_eq(p->vm, vm)) continue;
        for (size_t k = 0; k < p->n_settings; k++) {
            const struct pol_setting *s = &p->settings[k];
            if (s->entry->scope != scope) continue;
            if (out) out[n] = (struct contender){ p, r->holds[i].unknown, s->word, s->wire, s };
            n++;
        }
    }
    return n;
}

/* ---- a VM ---- */

static void image_of(struct resolution *r, struct pol_vm *vm)
{
    for (size_t i = 0; i < vm->n_values; i++) {
        struct pol_value *v = &vm->values[i];
        if (v->setting->entry->kind != DDF_K_IMAGE) continue;
        vm->image_value = v;
        vm->image = find_image(r->f, v->wire);
        if (vm->image)
            v->wire = vm->image->id;
        else
            vm->problem = arena_printf(r->a, "image %.*s is not in the store: upload it, or correct policy %.*s",
                                       STR_ARG(v->setting->word), STR_ARG(v->policy->name));
    }
}

static void goal_of(struct resolution *r, struct pol_vm *vm, struct contender *w)
{
    const char *rule;
    size_t n = 0;
    for (size_t i = 0; i < r->n_holds; i++) {
        const struct pol_policy *p = r->holds[i].policy;
        if (str_eq(p->vm, vm->name) && p->goal.n)
            w[n++] = (struct contender){ p, r->holds[i].unknown, p->goal, p->goal, NULL };
    }
    if (!n) return;
    size_t best = contest(r, w, n, DDF_HINT_NONE, "VM", vm->name, STR("state"), &rule, NULL);
    if (w[best].unknown) return;
    vm->goal_policy = w[best].policy;
    vm->goal = ddf_layout_goal(r->f->layout, w[best].wire);
}

static void lock_of(struct resolution *r, struct pol_vm *vm, struct contender *w)
{
    const char *rule;
    size_t n = 0;
    for (size_t i = 0; i < r->n_holds; i++) {
        const struct pol_policy *p = r->holds[i].policy;
        struct str word = p->locked ? STR("true") : STR("false");
        if (str_eq(p->vm, vm->name) && p->has_locked)
            w[n++] = (struct contender){ p, r->holds[i].unknown, word, word, NULL };
    }
    if (!n) return;
    size_t best = contest(r, w, n, DDF_HINT_HIGHEST_SAFE, "VM", vm->name, STR("locked"), &rule, NULL);
    if (w[best].unknown) return;
    vm->has_locked = true;
    vm->locked = w[best].policy->locked;
    vm->locked_policy = w[best].policy;
}

static void window_of(struct resolution *r, struct pol_vm *vm)
{
    const struct candidate *best = NULL;
    for (size_t i = 0; i < r->n_holds; i++) {
        const struct pol_policy *p = r->holds[i].policy;
        if (!str_eq(p->vm, vm->name) || !p->has_window) continue;
        if (!best || p->priority > best->policy->priority ||
            (p->priority == best->policy->priority && older(p, best->policy)))
            best = &r->holds[i];
    }
    if (best && !best->unknown) {
        vm->window = &best->policy->window;
        vm->window_policy = best->policy;
    }
}

static int by_vm(const void *a, const void *b)
{
    const struct pol_vm *x = a, *y = b;
    return str_cmp(x->name, y->name);
}

/* Room for it was reserved. */
static struct pol_vm *vm_named(struct pol_desired *d, struct str name)
{
    size_t k = 0;
    while (k < d->n_vms && !str_eq(d->vms[k].name, name)) k++;
    if (k == d->n_vms) d->vms[d->n_vms++].name = name;
    return &d->vms[k];
}

static void vms(struct resolution *r)
{
    struct pol_desired *d = r->d;
    struct str name;
    d->vms = room(r, r->n_holds + r->f->n_charges + r->f->n_sets, sizeof *d->vms);
    if (r->no_memory) return;
    for (size_t i = 0; i < r->n_holds; i++) vm_named(d, r->holds[i].policy->vm)->spoken = true;
    for (size_t i = 0; pol_defaults_vm_name(r->f, i, &name); i++)
        if (name.n) vm_named(d, name);
    if (d->n_vms) qsort(d->vms, d->n_vms, sizeof *d->vms, by_vm);
    for (size_t i = 0; i < d->n_vms; i++) {
        struct pol_vm *vm = &d->vms[i];
        size_t n = settings_of(r, vm->name, DDF_VM, NULL);
        struct contender *w = room(r, n > r->n_holds ? n : r->n_holds, sizeof *w);
        if (!w) return;
        goal_of(r, vm, w);
        lock_of(r, vm, w);
        window_of(r, vm);
        settings_of(r, vm->name, DDF_VM, w);
        vm->values = values(r, w, n, vm->name, &vm->n_values);
        image_of(r, vm);
        if (!pol_rules_judge(r->f, r->a, vm)) r->no_memory = true;
    }
}

/* ---- the hash ---- */

static void hash_line(struct buf *b, struct str vm, struct str name, struct str value)
{
    buf_put(b, vm);
    buf_byte(b, '\t');
    buf_put(b, name);
    buf_byte(b, '\t');
    buf_put(b, value);
    buf_byte(b, '\n');
}

static enum rc hash(struct resolution *r, struct err *e)
{
    struct pol_desired *d = r->d;
    struct buf b;
    uint8_t digest[SHA256_BYTES];

    buf_init(&b, 0);
    for (size_t i = 0; i < d->n_vms; i++) {
        const struct pol_vm *vm = &d->vms[i];
        hash_line(&b, vm->name, STR("="), vm->goal ? vm->goal->name : (struct str){ 0 });
        hash_line(&b, vm->name, STR("lock"), !vm->has_locked ? (struct str){ 0 } : vm->locked ? STR("1") : STR("0"));
        for (size_t k = 0; k < vm->n_values; k++)
            hash_line(&b, vm->name, vm->values[k].setting->name, vm->values[k].wire);
        if (vm->window)
            buf_printf(&b, "%.*s\twindow\t%u %d %d %d %d\n", STR_ARG(vm->name), vm->window->days, vm->window->from_min,
                       vm->window->to_min, vm->window->device_zone, vm->window->offset_min);
    }
    for (size_t k = 0; k < d->n_device_values; k++)
        hash_line(&b, (struct str){ 0 }, d->device_values[k].setting->name, d->device_values[k].wire);
    for (size_t i = 0; i < d->n_vms; i++)
        for (size_t k = 0; k < d->vms[i].n_back; k++)
            hash_line(&b, STR("<"), d->vms[i].back[k].uri, d->vms[i].back[k].wire);
    for (size_t k = 0; k < d->n_device_back; k++)
        hash_line(&b, STR("<"), d->device_back[k].uri, d->device_back[k].wire);
    bool ok = buf_ok(&b);
    if (ok) crypto_sha256(buf_str(&b), digest);
    buf_finish(&b);
    if (!ok) return err_set(e, RC_NOMEM, "out of memory for the desired state's hash");
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        d->hash[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        d->hash[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    d->hash[2 * SHA256_BYTES] = '\0';
    return RC_OK;
}

enum rc pol_resolve(const struct pol_facts *f, struct arena *a, struct pol_desired *out, struct err *e)
{
    struct pol_desired d = { 0 };
    struct resolution r = { .f = f, .a = a, .d = &d, .in_force = pol_rules_settings(f) };

    select_policies(&r);
    if (!r.no_memory) vms(&r);
    if (!r.no_memory) {
        size_t n = settings_of(&r, (struct str){ 0 }, DDF_DEVICE, NULL);
        struct contender *w = room(&r, n, sizeof *w);
        if (w) {
            settings_of(&r, (struct str){ 0 }, DDF_DEVICE, w);
            d.device_values = values(&r, w, n, (struct str){ 0 }, &d.n_device_values);
        }
    }
    if (!r.no_memory) r.no_memory = !pol_defaults_resolve(f, r.holds, r.n_holds, a, &d);
    if (r.no_memory) return err_set(e, RC_NOMEM, "out of memory for the desired state");
    enum rc rc = hash(&r, e);
    if (!rc) *out = d;
    return rc;
}
