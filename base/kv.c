/* SPDX-License-Identifier: Apache-2.0 */
#include "base/kv.h"

bool kv_next(struct str *rest, char separator, struct kv *out)
{
    struct str one;

    while (str_cut(rest, separator, &one)) {
        const size_t eq = str_find(one, '=', 0);
        if (!str_trim(one).n) continue;
        *out = (struct kv){ str_trim(str_slice(one, 0, eq)), str_trim(str_slice(one, eq + 1, one.n)), eq < one.n };
        return true;
    }
    return false;
}

bool kv_get(struct str text, char separator, const char *key, struct str *value)
{
    struct kv pair;

    while (kv_next(&text, separator, &pair))
        if (str_is(pair.key, key)) {
            *value = pair.value;
            return true;
        }
    return false;
}

bool kv_get_i64(struct str text, char separator, const char *key, int64_t *value)
{
    struct str v;

    return kv_get(text, separator, key, &v) && str_to_i64(v, value);
}
