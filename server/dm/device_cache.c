/* SPDX-License-Identifier: Apache-2.0 */
#include "server/dm/device_cache.h"
#include <stdlib.h>

struct recall *recall_create(void)
{
    struct recall *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    arena_init(&r->arena, RECALL_ARENA_BYTES);
    mirror_init(&r->m, &r->arena);
    return r;
}

void recall_free(struct recall *r)
{
    if (!r) return;
    arena_finish(&r->arena);
    free(r);
}
