/* SPDX-License-Identifier: Apache-2.0 */
/* Layout files: whatever loads can be looked up in, both ways. */
#include "ddf/layout/layout.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct ddf_layout *l;
    arena_init(&a, 16 << 20);
    if (size <= 65536 && ddf_layout_parse((struct str){ (const char *)data, size }, "fuzz", &a, &l, NULL) == RC_OK) {
        for (size_t i = 0; i < l->n_entries; i++) {
            const struct ddf_entry *en = &l->entries[i];
            struct str uri = ddf_layout_uri(l, en, STR("o"), STR("i"), &a), wire;
            struct ddf_match m;
            if (ddf_layout_entry(l, en->scope, en->name) != en) abort();
            if (uri.n) ddf_layout_match(l, uri, &m);
            ddf_entry_to_wire(en, STR("10"), &a, &wire, NULL);
            ddf_entry_to_word(en, STR("10"), &a);
        }
        for (size_t i = 0; i < l->n_operations; i++)
            if (ddf_layout_operation(l, l->operations[i].scope, l->operations[i].name) != &l->operations[i]) abort();
    }
    arena_finish(&a);
    return 0;
}
