/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/selector/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct pol_attribute attrs[] = {
        { STR_INIT("label.a"), STR_INIT("4.2.0"), false },
        { STR_INIT("devinfo.man"), STR_INIT("s\xc3\xa9"), false },
        { STR_INIT("devinfo.mod"), { 0 }, true },
    };
    struct arena a;
    struct pol_selector *s;
    struct pol_sql sql;
    struct str unknown, *names;
    size_t n;

    arena_init(&a, 4 << 20);
    if (pol_selector_parse((struct str){ (const char *)data, size }, &a, &s, NULL) == RC_OK) {
        pol_selector_eval(s, attrs, 3, &a, &unknown);
        pol_selector_attributes(s, &a, &names, &n);
        pol_selector_sql(s, &a, &sql, NULL);
    }
    arena_finish(&a);
    return 0;
}
