/* SPDX-License-Identifier: Apache-2.0 */
/* Hypervisor/Periph: the peripherals of this machine (virtualization-mo.md c.2) at the agent's start. The reference
 * hypervisor cannot assign a peripheral to a VM, so Modes allows only: denied. */
#include "agent/mo/mo.h"
#include <string.h>

static const struct periph *periph_at(const struct mo_env *env, const struct tree_at *at)
{
    for (size_t i = 0; at->n_names && i < env->host.facts.n_periphs; i++)
        if (str_is(at->names[0], env->host.facts.periphs[i].id)) return &env->host.facts.periphs[i];
    return NULL;
}

static void list_all(void *ctx, const struct tree_at *parent, struct tree_names *out)
{
    const struct mo_env *env = ctx;

    (void)parent;
    for (size_t i = 0; i < env->host.facts.n_periphs; i++) tree_name(out, str_of(env->host.facts.periphs[i].id));
}

#define P(member) offsetof(struct periph, member)
static const struct mo_field fields[] = {
    { "hypervisor.periph.*.id", MO_TEXT, P(id), false },
    { "hypervisor.periph.*.class", MO_POINTER, P(kind), false },
    { "hypervisor.periph.*.group", MO_POINTER, P(group), false },
    { "hypervisor.periph.*.description", MO_TEXT, P(description), true },
};

static bool get(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct periph *p = periph_at(ctx, at);

    return p && mo_text(at->row->arg, p, a, out);
}

static bool get_modes(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    (void)a;
    *out = STR("0");
    return periph_at(ctx, at) != NULL;
}

enum rc mo_periph_rows(struct mo_shared *s, struct err *e)
{
    enum rc rc = mo_row(s, DDF_DEVICE, "hypervisor.periph.*.node", &(struct tree_row){ .list = list_all }, e);

    for (size_t i = 0; !rc && i < MO_COUNT(fields); i++)
        rc = mo_row(s, DDF_DEVICE, fields[i].name, &(struct tree_row){ .get = get, .arg = &fields[i] }, e);
    if (!rc) rc = mo_row(s, DDF_DEVICE, "hypervisor.periph.*.modes", &(struct tree_row){ .get = get_modes }, e);
    return rc;
}
