/* SPDX-License-Identifier: Apache-2.0 */
/* A recording with facts through the server's decisions: never a crash, never a hang, and twice the same. */
#include "server/decide/decide_replay.h"
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LAYOUTS = 16 };

static struct decide_objects objects;

/* The shipped objects, once for all inputs. */
static void begin(void)
{
    static struct ddf_layout *layouts[LAYOUTS];
    static struct arena a;
    const char *source = getenv("DMVISOR_SOURCE");
    struct ddf_schema *schema = ddf_schema_create();
    struct err e = { 0 };
    char path[4096];
    glob_t found;
    arena_init(&a, 64 << 20);
    snprintf(path, sizeof path, "%s/ddf/mo/*.ddf", source ? source : ".");
    if (!schema || glob(path, 0, NULL, &found) != 0) abort();
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (ddf_schema_load_file(schema, found.gl_pathv[i], &e)) abort();
    globfree(&found);
    snprintf(path, sizeof path, "%s/ddf/layout/*.yaml", source ? source : ".");
    if (glob(path, 0, NULL, &found) != 0) abort();
    for (size_t i = 0; i < found.gl_pathc && i < LAYOUTS; i++)
        if (ddf_layout_load(found.gl_pathv[i], &a, &layouts[objects.n_layouts++], &e)) abort();
    globfree(&found);
    objects.schema = schema;
    objects.layouts = layouts;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sml_replay out[2];
    struct buf story[2];
    if (!objects.schema) begin();
    for (int i = 0; i < 2; i++) {
        buf_init(&story[i], 1 << 20);
        decide_replay((struct str){ (const char *)data, size }, "fuzz", &objects, &story[i], &out[i], NULL);
    }
    if (out[0].same != out[1].same || !str_eq(buf_str(&story[0]), buf_str(&story[1])) ||
        !str_eq(buf_str(&out[0].difference), buf_str(&out[1].difference)))
        abort();
    for (int i = 0; i < 2; i++) {
        buf_finish(&story[i]);
        buf_finish(&out[i].difference);
    }
    return 0;
}
