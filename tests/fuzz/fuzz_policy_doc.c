/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/policy/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct buf out;
    struct pol_policy *p;
    struct err e = { 0 };
    struct str text = { (const char *)data, size };

    arena_init(&a, 16 << 20);
    buf_init(&out, 1 << 20);
    pol_policy_parse(text, "fuzz", world_layout(), world_schema(), &a, &p, &out, &e);
    buf_reset(&out);
    pol_policy_canonical(text, "fuzz", &a, &out, NULL);
    buf_finish(&out);
    arena_finish(&a);
    return 0;
}
