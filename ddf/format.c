/* SPDX-License-Identifier: Apache-2.0 */
#include "ddf/schema.h"

static const char *const format_names[DDF_FORMAT_COUNT] = {
#define X(id, name) [DDF_##id] = name,
    DDF_FORMATS(X)
#undef X
};

const char *ddf_format_name(enum ddf_format f)
{
    return (unsigned)f < DDF_FORMAT_COUNT ? format_names[f] : "?";
}

bool ddf_format_of(struct str name, enum ddf_format *out)
{
    struct str s = str_trim(name);
    for (int i = 0; i < DDF_FORMAT_COUNT; i++) {
        if (str_eq_fold(s, str_of(format_names[i]))) {
            *out = (enum ddf_format)i;
            return true;
        }
    }
    return false;
}
