/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON value, written as YAML, is read back as the same value. */
#include "base/doc.h"
#include "cli/dmvisorctl/ctl_yaml.h"

#include <stdlib.h>

/* Numbers that doc_to_json writes as they stood; NaN has no JSON. Texts with U+0000 are refused by both ends. */
static void same(const json_t *j, struct str yaml)
{
    struct arena a;
    struct doc *d;
    struct buf back;
    struct err e = { 0 };
    json_error_t je;
    arena_init(&a, 64 << 20);
    enum rc rc = doc_parse(yaml, "fuzz", &a, &d, &e);
    if (rc == RC_PARSE || rc == RC_UNSUPPORTED) abort();
    if (!rc) {
        buf_init(&back, 0);
        doc_to_json(d, &back);
        json_t *again = json_loadb(back.p, back.n, JSON_DECODE_ANY, &je);
        if (!again || !json_equal(j, again)) abort();
        json_decref(again);
        buf_finish(&back);
    }
    arena_finish(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    json_error_t e;
    struct buf b;
    json_t *j = n <= 4096 ? json_loadb((const char *)data, n, JSON_REJECT_DUPLICATES, &e) : NULL;
    if (!j) return 0;
    buf_init(&b, 0);
    yaml_write(j, &b);
    if (buf_ok(&b)) same(j, buf_str(&b));
    buf_finish(&b);
    json_decref(j);
    return 0;
}
