/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_CORE_DDF_CACHE_H
#define SERVER_CORE_DDF_CACHE_H
/* Merged device descriptions, for all threads: each set is read once and cached while it is in use, and afterwards as
 * long as there is space. store/device_ddf.h decides which set applies to a device. */
#include "ddf/schema.h"

enum {
    SCHEMAS_SETS = 256,
    SCHEMAS_BYTES = 256 << 20 /* unused sets are dropped when all together exceed this */
};

struct ddf_cache;
struct ddf_cache *ddf_cache_create(void); /* NULL when out of memory */
/** No set may be in use any more. */
void ddf_cache_destroy(struct ddf_cache *s);

/* One parsed set. */
struct schema_set {
    const char *key;
    const struct ddf_schema *schema;
};
/** The set of this key. If it is not cached, `read` parses it without holding the lock; other threads that want the
 * same set wait. @return the outcome of `read`; RC_NOMEM. After RC_OK, ddf_cache_release releases it */
enum rc ddf_cache_hold(struct ddf_cache *s, const char *key,
                       enum rc (*read)(void *ctx, struct ddf_schema **out, struct err *e), void *ctx,
                       const struct schema_set **out, struct err *e);
void ddf_cache_release(struct ddf_cache *s, const struct schema_set *set);
/** A description changed: sets with this number in their key (before its first '|') are dropped as soon as they are
 * unused. */
void ddf_cache_forget(struct ddf_cache *s, int64_t description);
/** The number of cached sets, and how many were ever read (tests, metrics). */
void ddf_cache_count(struct ddf_cache *s, size_t *kept, uint64_t *read);
#endif
