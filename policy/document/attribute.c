/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/document/attribute.h"

/* Groups that every device has besides the facts of its layout. */
bool pol_attribute_known(const struct ddf_layout *l, struct str name, struct arena *a, struct suggestion *near)
{
    static const char *const groups[] = { "label.", "devdetail." }, *const fixed[] = { "device.id",   "devinfo.devid",
                                                                                       "devinfo.man", "devinfo.mod",
                                                                                       "devinfo.dmv", "devinfo.lang" };
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (str_starts(name, str_of(groups[i]))) return true;
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        if (str_is(name, fixed[i])) return true;
        suggest_try(near, str_of(fixed[i]));
    }
    for (size_t i = 0; i < l->n_entries; i++) {
        const struct ddf_entry *en = &l->entries[i];
        if (en->scope != DDF_DEVICE || en->instance || str_is(en->format, "node") || en->change != DDF_C_NEVER ||
            en->kpi)
            continue;
        if (str_eq(en->name, name)) return true;
        suggest_try(near, en->name);
    }
    struct str group = str_slice(name, 0, str_find(name, '.', 0)), rest = str_slice(name, group.n, name.n);
    struct suggestion g = suggest_for(group);
    static const char *const names[] = { "label", "devinfo", "devdetail" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) suggest_try(&g, str_of(names[i]));
    if (!near->best.n && g.best.n) near->best = arena_printf(a, "%.*s%.*s", STR_ARG(g.best), STR_ARG(rest));
    return false;
}
