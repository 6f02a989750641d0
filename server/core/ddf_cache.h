/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_CORE_DDF_CACHE_H
#define SERVER_CORE_DDF_CACHE_H
/* Merged device descriptions, for all threads: each set of them is read once and kept while somebody uses it, and
 * afterwards as long as there is room. Which set holds for a device is not decided here (described.h). */
#include "ddf/schema.h"

enum {
    SCHEMAS_SETS = 256,
    SCHEMAS_BYTES = 256 << 20 /* what nobody uses at the moment goes when all together take more */
};

struct ddf_cache;
struct ddf_cache *ddf_cache_create(void); /* NULL when out of memory */
/** Nobody holds any of them any more. */
void ddf_cache_destroy(struct ddf_cache *s);

/* One set, read. */
struct schema_set {
    const char *key;
    const struct ddf_schema *schema;
};
/** The set of this key. When no thread has read it yet, `read` does, without a lock; others that want the same one
 * wait for it.
 * @return what `read` said; RC_NOMEM. On RC_OK ddf_cache_release gives it back */
enum rc ddf_cache_hold(struct ddf_cache *s, const char *key,
                       enum rc (*read)(void *ctx, struct ddf_schema **out, struct err *e), void *ctx,
                       const struct schema_set **out, struct err *e);
void ddf_cache_release(struct ddf_cache *s, const struct schema_set *set);
/** A description is no longer what it was: sets with this number in their key go as soon as nobody uses them. */
void ddf_cache_forget(struct ddf_cache *s, int64_t description);
/** Sets that are kept, and how many were ever read (tests, metrics). */
void ddf_cache_count(struct ddf_cache *s, size_t *kept, uint64_t *read);
#endif
