/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as YAML: parsed within the ceilings, and what comes out as JSON parses again to the same JSON. */
#include "base/doc.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum rc to_json(struct str text, struct arena *a, struct buf *json)
{
    struct doc *d;
    struct err e = { 0 };
    enum rc rc = doc_parse(text, "fuzz", a, &d, &e);
    if (rc ? e.rc != rc : e.rc != RC_OK) abort();
    if (!rc) doc_to_canonical_json(d, json);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { ARENA_BYTES = 64 << 20, JSON_BYTES = 2 << 20 };
    struct arena a;
    struct buf json, again;
    struct doc *many;
    arena_init(&a, ARENA_BYTES);
    buf_init(&json, JSON_BYTES);
    buf_init(&again, JSON_BYTES);
    struct str text = { (const char *)data, size };
    if (to_json(text, &a, &json) == RC_OK && buf_ok(&json)) {
        if (to_json(buf_str(&json), &a, &again) == RC_OK && !str_eq(buf_str(&json), buf_str(&again))) abort();
    }
    doc_parse_many(text, "fuzz", &a, &many, NULL);
    buf_finish(&again);
    buf_finish(&json);
    arena_finish(&a);
    return 0;
}
