/* SPDX-License-Identifier: Apache-2.0 */
#include "server/decide/device_cache.h"
#include "base/vec.h"
#include <stdlib.h>

struct device_cache *device_cache_create(void)
{
    struct device_cache *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    arena_init(&r->arena, RECALL_ARENA_BYTES);
    mirror_init(&r->m, &r->arena);
    return r;
}

struct recall_assignment *device_cache_assignment(struct device_cache *r)
{
    struct recall_assignment *x = VEC_ADD_APART_IN(&r->arena, r->assignments, r->n_assignments, r->assignments_cap);
    if (x) x->gone = true;
    return x;
}

void device_cache_free(struct device_cache *r)
{
    if (!r) return;
    arena_finish(&r->arena);
    free(r);
}
