/* SPDX-License-Identifier: Apache-2.0 */
#include "server/core/ddf_cache.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct set {
    struct schema_set pub;     /* first member, so that both share an address */
    struct ddf_schema *schema; /* NULL: being read */
    size_t bytes;
    unsigned users;
    bool forgotten; /* not given out any more */
    uint64_t used;
    struct set *next;
    char key[];
};

struct ddf_cache {
    pthread_mutex_t lock;
    pthread_cond_t read; /* signalled when a set has been read */
    struct set *first;
    size_t n, bytes;
    uint64_t clock, n_read;
};

struct ddf_cache *ddf_cache_create(void)
{
    struct ddf_cache *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->read, NULL);
    return s;
}

static void drop(struct ddf_cache *s, struct set *x)
{
    struct set **at = &s->first;
    while (*at != x) at = &(*at)->next;
    *at = x->next;
    s->n--;
    s->bytes -= x->bytes;
    ddf_schema_destroy(x->schema);
    free(x);
}

void ddf_cache_destroy(struct ddf_cache *s)
{
    if (!s) return;
    while (s->first) drop(s, s->first);
    pthread_cond_destroy(&s->read);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* Drop the least recently used sets that are not in use, until the total is within the limit. */
static void trim(struct ddf_cache *s)
{
    while (s->bytes > SCHEMAS_BYTES || s->n > SCHEMAS_SETS) {
        struct set *oldest = NULL;
        for (struct set *x = s->first; x; x = x->next)
            if (!x->users && (!oldest || x->used < oldest->used)) oldest = x;
        if (!oldest) return;
        drop(s, oldest);
    }
}

static struct set *find(const struct ddf_cache *s, const char *key)
{
    struct set *x = s->first;
    while (x && (x->forgotten || strcmp(x->key, key) != 0)) x = x->next;
    return x;
}

/* Add a set; the caller reads it. */
static struct set *add(struct ddf_cache *s, const char *key)
{
    const size_t n = strlen(key) + 1;
    struct set *x = calloc(1, sizeof *x + n);
    if (!x) return NULL;
    memcpy(x->key, key, n);
    x->pub.key = x->key;
    x->users = 1;
    x->next = s->first;
    s->first = x;
    s->n++;
    return x;
}

enum rc ddf_cache_hold(struct ddf_cache *s, const char *key,
                       enum rc (*read)(void *ctx, struct ddf_schema **out, struct err *e), void *ctx,
                       const struct schema_set **out, struct err *e)
{
    struct ddf_schema *schema = NULL;
    enum rc rc = RC_OK;
    pthread_mutex_lock(&s->lock);
    struct set *x = find(s, key);
    while (x && !x->schema) {
        pthread_cond_wait(&s->read, &s->lock);
        x = find(s, key);
    }
    if (x) {
        x->users++;
    } else if ((x = add(s, key)) == NULL) {
        rc = err_set(e, RC_NOMEM, "no memory for device descriptions");
    } else {
        pthread_mutex_unlock(&s->lock);
        rc = read(ctx, &schema, e);
        pthread_mutex_lock(&s->lock);
        s->n_read++;
        x->schema = schema;
        x->pub.schema = schema;
        if (rc) {
            drop(s, x);
        } else {
            x->bytes = ddf_schema_bytes(schema);
            s->bytes += x->bytes;
        }
        pthread_cond_broadcast(&s->read);
    }
    if (!rc) {
        x->used = ++s->clock;
        *out = &x->pub;
        trim(s);
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

void ddf_cache_release(struct ddf_cache *s, const struct schema_set *set)
{
    pthread_mutex_lock(&s->lock);
    for (struct set *x = s->first; x; x = x->next) {
        if (&x->pub != set) continue;
        if (!--x->users && x->forgotten) drop(s, x);
        break;
    }
    trim(s);
    pthread_mutex_unlock(&s->lock);
}

static bool names(const char *key, int64_t description)
{
    struct str all = str_of(key), rest = str_slice(all, 0, str_find(all, '|', 0)), one; /* addresses follow */
    int64_t id;
    while (str_cut(&rest, ',', &one))
        if (str_to_i64(one, &id) && id == description) return true;
    return false;
}

void ddf_cache_forget(struct ddf_cache *s, int64_t description)
{
    pthread_mutex_lock(&s->lock);
    for (struct set *x = s->first, *next; x; x = next) {
        next = x->next;
        if (!names(x->key, description)) continue;
        x->forgotten = true;
        if (!x->users) drop(s, x);
    }
    pthread_mutex_unlock(&s->lock);
}

void ddf_cache_count(struct ddf_cache *s, size_t *kept, uint64_t *n_read)
{
    pthread_mutex_lock(&s->lock);
    *kept = s->n;
    *n_read = s->n_read;
    pthread_mutex_unlock(&s->lock);
}
