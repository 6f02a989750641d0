/* SPDX-License-Identifier: Apache-2.0 */
#include "server/dm/device_cache.h"
#include <stdlib.h>

struct device_cache *device_cache_create(void)
{
    struct device_cache *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    arena_init(&r->arena, RECALL_ARENA_BYTES);
    mirror_init(&r->m, &r->arena);
    return r;
}

void device_cache_free(struct device_cache *r)
{
    if (!r) return;
    arena_finish(&r->arena);
    free(r);
}
