/* SPDX-License-Identifier: Apache-2.0 */
/* Serialised trees, both encodings: what one encoding can hold comes back from it the same. */
#include "tests/ddf/tnds_lib.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct ddf_tnds *t, bool wbxml, struct arena *a)
{
    struct buf out;
    struct ddf_tnds back;
    buf_init(&out, 0);
    if ((wbxml ? ddf_tnds_write_wbxml : ddf_tnds_write_xml)(t, DDF_TNDS_ALL, &out, NULL) == RC_OK) {
        enum rc rc = (wbxml ? ddf_tnds_parse_wbxml : ddf_tnds_parse_xml)(buf_str(&out), a, &back, NULL);
        if (rc != RC_NOMEM && (rc || !tnds_same(t, &back))) abort();
    }
    buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ddf_tnds t;
    struct ddf_tnds_item *items;
    struct arena a;
    struct err e = { 0 };
    size_t n;
    arena_init(&a, 64 << 20);
    if (ddf_tnds_parse(STR(DDF_TNDS_XML), (struct str){ (const char *)data, size }, &a, &t, &e) == RC_OK) {
        round_trip(&t, false, &a);
        round_trip(&t, true, &a);
        ddf_tnds_flatten(&t, STR("./A/B"), DDF_TNDS_AUTO, true, &a, &items, &n, NULL);
    }
    arena_finish(&a);
    return 0;
}
