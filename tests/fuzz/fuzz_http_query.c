/* SPDX-License-Identifier: Apache-2.0 */
/* A raw query: first line is the name looked for, the rest the query. Every value found is a decoded text inside the
 * arena. */
#include "server/http/http.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct str all = { (const char *)data, size };
    size_t end = str_find(all, '\n', 0), from = 0;
    struct str query = str_slice(all, end + 1, all.n);
    char name[64];
    if (end >= sizeof name) return 0;
    memcpy(name, all.n ? all.p : "", end);
    name[end] = '\0';
    arena_init(&a, 1 << 20);
    for (bool present = true; present;) {
        size_t before = from;
        struct str v = http_query_find(query, name, &from, &a, &present);
        if (present && (from <= before || v.n > query.n)) abort();
        if (!present && v.n) abort();
    }
    arena_finish(&a);
    return 0;
}
