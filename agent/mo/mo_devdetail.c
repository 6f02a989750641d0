/* SPDX-License-Identifier: Apache-2.0 */
/* DevDetail (protocol.md 13.2, OMA-TS-DM_StdObj-V1_2_1 5.3.3): the limits of this device. */
#include "agent/mo/mo.h"

#define C(member) offsetof(struct mo_config, member)
static const struct mo_field fields[] = {
    { "devdetail.type", MO_POINTER, C(type), false },         { "devdetail.oem", MO_POINTER, C(oem), false },
    { "devdetail.firmware", MO_POINTER, C(firmware), false }, { "devdetail.software", MO_POINTER, C(software), false },
    { "devdetail.hardware", MO_POINTER, C(hardware), false },
};

/* C-112: the limits of the tree. */
static const struct {
    const char *name, *value;
    int number;
} fixed[] = {
    { "devdetail.depth", NULL, TREE_URI_NAMES },
    { "devdetail.length", NULL, TREE_URI_BYTES },
    { "devdetail.segment", NULL, TREE_NAME_BYTES },
    { "devdetail.largeObjects", "true", 0 },
};

static bool get(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_env *env = ctx;

    return mo_text(at->row->arg, &env->config, a, out);
}

static bool get_fixed(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    size_t i = (size_t)((const char *)at->row->arg - (const char *)fixed) / sizeof fixed[0];

    (void)ctx;
    *out = fixed[i].value ? str_of(fixed[i].value) : mo_number(a, fixed[i].number);
    return true;
}

enum rc mo_devdetail_rows(struct mo_shared *s, struct err *e)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < MO_COUNT(fields); i++)
        rc = mo_standard_row(s, fields[i].name, &(struct tree_row){ .get = get, .arg = &fields[i] }, e);
    for (size_t i = 0; !rc && i < MO_COUNT(fixed); i++)
        rc = mo_standard_row(s, fixed[i].name, &(struct tree_row){ .get = get_fixed, .arg = &fixed[i] }, e);
    return rc;
}
