/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DDF_SHIPPED_H
#define TESTS_DDF_SHIPPED_H
/* The layout and the descriptions that we ship, for tests; they end the test when they cannot be loaded. */
#include "ddf/layout/layout.h"
#include "ddf/schema.h"
#include "tests/lib/test.h"
#include <stdio.h>
#include <stdlib.h>

static inline const char *shipped_path(const char *file, char path[512])
{
    const char *source = getenv("DMVISOR_SOURCE");
    snprintf(path, 512, "%s/ddf/%s", source ? source : ".", file);
    return path;
}

static inline struct ddf_layout *shipped_layout(struct arena *a)
{
    struct ddf_layout *l = NULL;
    struct err e = { 0 };
    char path[512], text[1024];
    arena_init(a, 64 << 20);
    if (ddf_layout_load(shipped_path("layout/x-virmo-1.0.yaml", path), a, &l, &e))
        fprintf(stderr, "%s\n", err_format(&e, text, sizeof text));
    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    return l;
}

static inline struct ddf_schema *shipped_schema(void)
{
    static const char *const files[] = { "mo/devinfo.ddf", "mo/devdetail.ddf",   "mo/dmacc.ddf",
                                         "mo/inbox.ddf",   "mo/x-virmo-1.0.ddf", "mo/x-vmimgmo-1.0.ddf" };
    struct ddf_schema *s = ddf_schema_create();
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct err e = { 0 };
        char path[512], text[1024];
        enum rc rc = ddf_schema_load_file(s, shipped_path(files[i], path), &e);
        if (rc) fprintf(stderr, "%s\n", err_format(&e, text, sizeof text));
        CU_ASSERT_EQUAL_FATAL(rc, RC_OK);
    }
    return s;
}
#endif
