/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_POLICY_WORLD_H
#define TESTS_POLICY_WORLD_H
/* The shipped layout and descriptions, loaded once for the tests of policy/. */
#include "ddf/layout/layout.h"
#include "ddf/schema.h"
#include "policy/document/document.h"
#include <stdio.h>
#include <stdlib.h>

static inline const char *world_file(const char *name, char out[512])
{
    const char *root = getenv("DMVISOR_SOURCE");
    snprintf(out, 512, "%s/ddf/%s", root ? root : ".", name);
    return out;
}

static inline const struct ddf_layout *world_layout(void)
{
    static struct arena a;
    static struct ddf_layout *l;
    char file[512];
    struct err e = { 0 };
    if (!l) {
        arena_init(&a, 64 << 20);
        if (ddf_layout_load(world_file("layout/x-virmo-1.0.yaml", file), &a, &l, &e)) {
            printf("%s: %s\n", file, e.text);
            exit(99);
        }
    }
    return l;
}

static inline const struct ddf_schema *world_schema(void)
{
    static struct ddf_schema *s;
    static const char *const files[] = { "mo/x-virmo-1.0.ddf", "mo/x-vmimgmo-1.0.ddf", "mo/devinfo.ddf" };
    char file[512];
    struct err e = { 0 };
    if (!s && (s = ddf_schema_create()) != NULL)
        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
            if (ddf_schema_load_file(s, world_file(files[i], file), &e)) {
                printf("%s: %s\n", file, e.text);
                exit(99);
            }
    return s;
}
#endif
