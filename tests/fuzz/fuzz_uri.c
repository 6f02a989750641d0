/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: whatever parses has a canonical text that parses to the same names. */
#include "ddf/uri.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size }, base, arg, canonical;
    enum ddf_query query;
    struct ddf_uri u, again;
    struct arena a;
    struct err e = { 0 };
    if (ddf_uri_split_query(text, &base, &query, &arg, &e)) base = text;
    arena_init(&a, 4096);
    if (ddf_uri_parse(base, &u, NULL) == RC_OK) {
        if (ddf_uri_canonical(base, &a, &canonical, NULL) || ddf_uri_parse(canonical, &again, NULL) ||
            again.depth != u.depth)
            abort();
        for (unsigned i = 0; i < u.depth; i++)
            if (!str_eq(u.name[i], again.name[i])) abort();
        if (!ddf_uri_within(canonical, ddf_uri_parent(canonical).n ? ddf_uri_parent(canonical) : STR("."))) abort();
        if (u.depth && !str_eq(ddf_uri_name(canonical), u.name[u.depth - 1])) abort();
    }
    arena_finish(&a);
    return 0;
}
