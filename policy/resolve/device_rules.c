/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/resolve/device_rules.h"
#include "base/kv.h"
#include "policy/document/rules.h"

static struct str attribute(const struct pol_facts *f, struct str name)
{
    for (size_t i = 0; i < f->n_attrs; i++)
        if (str_eq(f->attrs[i].name, name) && !f->attrs[i].unknown) return f->attrs[i].value;
    return (struct str){ 0 };
}

struct str pol_rules_settings(const struct pol_facts *f)
{
    const struct ddf_entry *en = f->layout->entry[DDF_ROLE_HYPERVISOR_SETTINGS];
    return en ? attribute(f, en->name) : (struct str){ 0 };
}

/* Does the device list any settings of this folder? A device that lists none of its own settings leaves them open. */
static bool lists_folder(struct str list, struct str path)
{
    size_t end = path.n;
    struct str one;
    while (end && path.p[end - 1] != '/') end--;
    while (end && str_cut(&list, ',', &one))
        if (str_starts(str_trim(one), str_slice(path, 0, end))) return true;
    return false;
}

bool pol_rules_supported(struct str list, const struct ddf_entry *en, struct str wire)
{
    struct str rest = list;
    struct kv one;
    if (!list.n || en->scope == DDF_IMAGE || en->change == DDF_C_NEVER) return true;
    while (kv_next(&rest, ',', &one))
        if (str_eq(one.key, en->path)) return !one.has_value || pol_rules_among(one.value, '|', wire);
    return en->scope == DDF_DEVICE && !lists_folder(list, en->path);
}

static const struct pol_value *value_of(const struct pol_vm *vm, const struct ddf_entry *en, struct str instance)
{
    for (size_t i = 0; i < vm->n_values; i++)
        if (vm->values[i].setting->entry == en && str_eq(vm->values[i].setting->instance, instance))
            return &vm->values[i];
    return NULL;
}

static bool applies_to(const struct pol_vm *vm, const struct ddf_rule *r, struct str instance)
{
    const struct pol_value *when = r->when ? value_of(vm, r->when, instance) : NULL;
    return pol_rules_apply(r, when ? when->wire : (struct str){ 0 });
}

static struct str image_text(const struct ddf_layout *l, const struct pol_image *m, const struct ddf_entry *en)
{
    return en == l->entry[DDF_ROLE_IMAGE_ARCH]         ? m->arch
           : en == l->entry[DDF_ROLE_IMAGE_FORMAT]     ? m->format
           : en == l->entry[DDF_ROLE_IMAGE_GUEST_TYPE] ? m->guest_type
                                                       : (struct str){ 0 };
}

static void object(struct arena *a, struct pol_vm *vm, const struct ddf_rule *r, struct str what, struct str word,
                   struct str right, const struct pol_policy *policy)
{
    vm->problem_code = r->code;
    vm->problem = arena_printf(a, "%.*s %.*s %s %.*s%s%.*s%s (policy %.*s)", STR_ARG(what), STR_ARG(word),
                               pol_rules_words(r), STR_ARG(r->right->label.n ? r->right->label : r->right->name),
                               r->right->scope == DDF_DEVICE ? " of this device, " : ", ", STR_ARG(right), "",
                               STR_ARG(policy->name));
}

/* The sum over all instances of a setting. @return false when there is none */
static const struct pol_value *sum_of(const struct pol_vm *vm, const struct ddf_entry *en, int64_t *sum)
{
    const struct pol_value *last = NULL;
    int64_t n;
    *sum = 0;
    for (size_t i = 0; i < vm->n_values; i++)
        if (vm->values[i].setting->entry == en && str_to_i64(vm->values[i].wire, &n) &&
            !__builtin_add_overflow(*sum, n, sum))
            last = &vm->values[i];
    return last;
}

static void judge_settings(const struct pol_facts *f, struct arena *a, struct pol_vm *vm, const struct ddf_rule *r)
{
    struct str fact = r->right->scope == DDF_DEVICE ? attribute(f, r->right->name) : (struct str){ 0 };
    int64_t sum;
    const struct pol_value *last = r->sum ? sum_of(vm, r->left, &sum) : NULL;
    struct str number = last ? arena_printf(a, "%lld", (long long)sum) : (struct str){ 0 };
    if (last && !pol_rules_hold(r, number, fact)) {
        struct str all = arena_printf(a, "%.*s in all", STR_ARG(number));
        object(a, vm, r, last->setting->name, all, fact, last->policy);
    }
    for (size_t i = 0; !r->sum && i < vm->n_values && !vm->problem.n; i++) {
        const struct pol_value *v = &vm->values[i], *other = NULL;
        if (v->setting->entry != r->left || !applies_to(vm, r, v->setting->instance)) continue;
        if (r->right->scope == DDF_VM) other = value_of(vm, r->right, v->setting->instance);
        struct str right = r->right->scope == DDF_DEVICE ? fact : other ? other->wire : (struct str){ 0 };
        if (!pol_rules_hold(r, v->wire, right)) object(a, vm, r, v->setting->name, v->setting->word, right, v->policy);
    }
}

static void judge_image(const struct pol_facts *f, struct arena *a, struct pol_vm *vm, const struct ddf_rule *r)
{
    struct str fact = attribute(f, r->right->name);
    if (!vm->image || pol_rules_hold(r, image_text(f->layout, vm->image, r->left), fact)) return;
    struct str what = arena_printf(a, "image %.*s:%.*s:", STR_ARG(vm->image->name), STR_ARG(vm->image->version));
    object(a, vm, r, what, image_text(f->layout, vm->image, r->left), fact, vm->image_value->policy);
}

bool pol_rules_judge(const struct pol_facts *f, struct arena *a, struct pol_vm *vm)
{
    for (size_t i = 0; i < vm->n_values && !vm->problem.n; i++) {
        const struct pol_value *v = &vm->values[i];
        if (!v->unsupported || !v->setting->entry->fail_closed) continue;
        vm->problem_code = 406;
        vm->problem = arena_printf(a,
                                   "%.*s %.*s is not supported by this device, and the VM must not run without it"
                                   " (policy %.*s)",
                                   STR_ARG(v->setting->name), STR_ARG(v->setting->word), STR_ARG(v->policy->name));
    }
    for (size_t k = 0; k < f->layout->n_rules && !vm->problem.n; k++) {
        const struct ddf_rule *r = &f->layout->rules[k];
        if (r->left->scope == DDF_IMAGE)
            judge_image(f, a, vm, r);
        else
            judge_settings(f, a, vm, r);
    }
    return !vm->problem_code || vm->problem.n;
}
