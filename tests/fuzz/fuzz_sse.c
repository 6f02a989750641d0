/* SPDX-License-Identifier: Apache-2.0 */
/* Events come out the same however the stream is cut, and nothing else than what went in. */
#include "cli/dmvisorctl/ctl_sse.h"

#include <stdlib.h>

struct fuzz_heard {
    size_t n;
    uint64_t hash;
};

static bool hear(void *ctx, const struct sse_event *e)
{
    struct fuzz_heard *h = ctx;
    h->n++;
    h->hash = h->hash * 31 + str_hash(e->data) + 7 * str_hash(str_of(e->type)) + 3 * str_hash(str_of(e->id));
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz_heard whole = { 0, 0 }, cut = { 0, 0 };
    struct sse s;
    struct str text = { (const char *)data, n };
    sse_init(&s);
    enum rc rc = sse_feed(&s, text, hear, &whole);
    sse_finish(&s);
    sse_init(&s);
    for (size_t at = 0, piece = 1; at < n; at += piece, piece = piece % 7 + 1)
        if (sse_feed(&s, str_slice(text, at, at + piece), hear, &cut)) break;
    sse_finish(&s);
    if (!rc && (whole.n != cut.n || whole.hash != cut.hash)) abort();
    return 0;
}
