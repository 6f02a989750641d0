/* SPDX-License-Identifier: Apache-2.0 */
/* DevInfo (protocol.md 13.1, OMA-TS-DM_StdObj-V1_2_1 5.3.2): the identity of this device. */
#include "agent/mo/mo.h"

#define C(member) offsetof(struct mo_config, member)
static const struct mo_field fields[] = {
    { "devinfo.id", MO_POINTER, C(id), false },
    { "devinfo.manufacturer", MO_POINTER, C(manufacturer), false },
    { "devinfo.model", MO_POINTER, C(model), false },
    { "devinfo.version", MO_POINTER, C(version), false },
    { "devinfo.language", MO_POINTER, C(language), false },
};

static bool get(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_env *env = ctx;

    return mo_text(at->row->arg, &env->config, a, out);
}

enum rc mo_devinfo_rows(struct mo_shared *s, struct err *e)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < MO_COUNT(fields); i++) {
        rc = mo_standard_row(s, fields[i].name, &(struct tree_row){ .get = get, .arg = &fields[i] }, e);
        s->devinfo[i] = objects_uri(&s->objects, fields[i].name);
    }
    return rc;
}

void mo_devinfo_leaves(const struct mo_env *env, struct sml_leaf out[DEVINFO_LEAVES])
{
    _Static_assert(MO_COUNT(fields) == DEVINFO_LEAVES, "package 1 tells all of DevInfo");
    for (size_t i = 0; i < DEVINFO_LEAVES; i++) {
        out[i] = (struct sml_leaf){ .uri = env->shared->devinfo[i], .has_data = true };
        mo_text(&fields[i], &env->config, NULL, &out[i].data);
    }
}
