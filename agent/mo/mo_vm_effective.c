/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mo/mo_vm_effective.h"
#include <string.h>

enum { LIST_BYTES = 8192 };

struct name_list {
    struct mo_env *env;
    struct arena *a;
    struct buf *b;
    struct str id;
};

/* "CPU/VCPUs=1": the address below the VM's node. */
static void put(const struct name_list *l, const char *name, struct str instance, struct str value)
{
    const struct str uri = mo_uri(l->env, DDF_VM, name, l->id, instance, l->a), vm = mo_vm_uri(l->env, l->id, l->a);

    if (uri.n <= vm.n) return;
    buf_printf(l->b, "%s%.*s=%.*s", l->b->n ? "," : "", STR_ARG(str_slice(uri, vm.n + 1, uri.n)), STR_ARG(value));
}

static void compare(const struct name_list *l, const struct mo_field *f, struct str instance, const void *want,
                    const void *have)
{
    struct str w = { 0 }, h = { 0 };

    if (!mo_text(f, want, l->a, &w) || !mo_text(f, have, l->a, &h) || str_eq(w, h)) return;
    put(l, f->name, instance, h);
}

/* Offsets of settings into `want` are offsets into a struct hv_spec: they apply to both specs of the view. */
static void compare_vm(const struct name_list *l, const struct vm_view *vm)
{
    _Static_assert(offsetof(struct vm_settings, want) == 0, "a setting's offset is one into what is wanted");
    for (size_t i = 0; i < mo_vm_tables.n_vm; i++) {
        const struct mo_field *f = &mo_vm_tables.vm[i];
        if (f->offset < sizeof(struct hv_spec)) compare(l, f, (struct str){ 0 }, &vm->want, &vm->effective);
    }
    if (strcmp(vm->want.affinity, vm->effective.affinity) != 0)
        put(l, "resources.cpu.affinity", (struct str){ 0 }, str_of(vm->effective.affinity));
}

/* Compare members of two lists of the same kind, found by name; one that is in only one of them was added or
 * removed. */
static void compare_instances(const struct name_list *l, const char *node, const struct mo_field *f, size_t n_f,
                              size_t size, const char *want, int n_want, const char *have, int n_have)
{
    for (int i = 0; i < n_want; i++) {
        const char *w = want + (size_t)i * size, *h = NULL; /* struct hv_volume and hv_net both begin with the name */
        for (int k = 0; k < n_have; k++)
            if (strcmp(have + (size_t)k * size, w) == 0) h = have + (size_t)k * size;
        if (!h) put(l, node, str_of(w), (struct str){ 0 });
        for (size_t k = 0; h && k < n_f; k++) compare(l, &f[k], str_of(w), w, h);
    }
    for (int k = 0; k < n_have; k++) {
        const char *h = have + (size_t)k * size;
        bool wanted = false;
        for (int i = 0; i < n_want; i++) wanted |= strcmp(want + (size_t)i * size, h) == 0;
        if (!wanted) put(l, node, str_of(h), STR("1"));
    }
}

/* Includes what the current message has written so far: no server may read "all in effect" before it was checked. */
static struct mo_vm *settled(struct mo_env *env, const struct tree_at *at)
{
    struct mo_vm *v = mo_vm_at(env, at);

    if (v) mo_settle_vm(env, v);
    return v;
}

static bool get_pending(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_vm *v = settled(ctx, at);

    (void)a;
    *out = v && v->is->pending ? STR("true") : STR("false");
    return v != NULL;
}

static bool get_effective(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    struct mo_env *env = ctx;
    const struct mo_vm *v = settled(env, at);
    struct buf b;

    if (!v) return false;
    const struct vm_view *vm = v->is;
    const struct name_list l = { env, a, &b, at->names[0] };
    buf_init(&b, LIST_BYTES);
    if (vm->pending) {
        compare_vm(&l, vm);
        compare_instances(&l, "resources.storage.*.node", mo_vm_tables.volume, mo_vm_tables.n_volume,
                          sizeof vm->want.volumes[0], vm->want.volumes[0].name, vm->want.n_volumes,
                          vm->effective.volumes[0].name, vm->effective.n_volumes);
        compare_instances(&l, "resources.net.*.node", mo_vm_tables.net, mo_vm_tables.n_net, sizeof vm->want.nets[0],
                          vm->want.nets[0].name, vm->want.n_nets, vm->effective.nets[0].name, vm->effective.n_nets);
    }
    const bool good = buf_ok(&b) && arena_str(a, buf_str(&b), out);
    buf_finish(&b);
    return good;
}

enum rc mo_vm_effective_rows(struct mo_shared *s, struct err *e)
{
    enum rc rc = mo_row(s, DDF_VM, "resources.pending", &(struct tree_row){ .get = get_pending }, e);
    if (!rc) rc = mo_row(s, DDF_VM, "resources.effective", &(struct tree_row){ .get = get_effective }, e);
    return rc;
}
