/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store/uri_table.h"
#include "db/path.h"
#include <stdlib.h>
#include <string.h>

struct uri_row {
    int64_t id;
    uint64_t hash;
    struct str uri;
};

/* Two open-addressing tables over the same entries, each at most half full. */
struct paths {
    struct sql *db;
    struct uri_row *all;
    uint32_t *by_id, *by_uri; /* index into all + 1, 0 = free */
    size_t n, cap, mask;
    struct arena texts;
    bool stale; /* memory contains addresses that the database has deleted */
};

enum { SWEEP_ROWS = 1000 };

struct paths *uri_table_create(struct sql *db)
{
    struct paths *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->db = db;
    arena_init(&p->texts, PATHS_BYTES);
    return p;
}

static void empty(struct paths *p)
{
    free(p->all);
    free(p->by_id);
    free(p->by_uri);
    arena_finish(&p->texts);
    *p = (struct paths){ .db = p->db };
    arena_init(&p->texts, PATHS_BYTES);
}

void uri_table_destroy(struct paths *p)
{
    if (!p) return;
    empty(p);
    arena_finish(&p->texts);
    free(p);
}

void uri_table_forget(struct paths *p)
{
    empty(p);
}

void uri_table_trim(struct paths *p)
{
    if (p->stale || p->n >= PATHS_MAX || p->texts.used > PATHS_BYTES / 4 * 3) empty(p);
}

static uint64_t hash_id(int64_t id)
{
    return (uint64_t)id * 0x9E3779B97F4A7C15u >> 20;
}

static void place(struct paths *p, size_t i)
{
    size_t at = hash_id(p->all[i].id) & p->mask;
    while (p->by_id[at]) at = (at + 1) & p->mask;
    p->by_id[at] = (uint32_t)i + 1;
    at = p->all[i].hash & p->mask;
    while (p->by_uri[at]) at = (at + 1) & p->mask;
    p->by_uri[at] = (uint32_t)i + 1;
}

static bool grow(struct paths *p)
{
    size_t cap = p->cap ? p->cap * 2 : 512;
    struct uri_row *all = realloc(p->all, cap * sizeof *all);
    if (all) p->all = all;
    uint32_t *by_id = calloc(cap * 2, sizeof *by_id), *by_uri = calloc(cap * 2, sizeof *by_uri);
    if (!all || !by_id || !by_uri) {
        free(by_id);
        free(by_uri);
        return false;
    }
    free(p->by_id);
    free(p->by_uri);
    p->by_id = by_id;
    p->by_uri = by_uri;
    p->cap = cap;
    p->mask = cap * 2 - 1;
    for (size_t i = 0; i < p->n; i++) place(p, i);
    return true;
}

/* @param uri  lives as long as the table */
static enum rc remember(struct paths *p, int64_t id, struct str uri, uint64_t hash, struct err *e)
{
    if (p->n == p->cap && !grow(p)) return err_set(e, RC_NOMEM, "no memory for the dictionary of addresses");
    p->all[p->n] = (struct uri_row){ id, hash, uri };
    place(p, p->n++);
    return RC_OK;
}

enum rc uri_table_uri(struct paths *p, int64_t id, struct str *uri, uint64_t *hash, struct err *e)
{
    for (size_t at = hash_id(id) & p->mask; p->n && p->by_id[at]; at = (at + 1) & p->mask)
        if (p->all[p->by_id[at] - 1].id == id) {
            *uri = p->all[p->by_id[at] - 1].uri;
            *hash = p->all[p->by_id[at] - 1].hash;
            return RC_OK;
        }
    enum rc rc = db_path_uri(p->db, id, &p->texts, uri, e);
    if (!rc) rc = remember(p, id, *uri, *hash = str_hash(*uri), e);
    return rc == RC_NOT_FOUND ? err_set(e, rc, "address %lld is not in the dictionary", (long long)id) : rc;
}

enum rc uri_table_id(struct paths *p, struct str uri, uint64_t hash, int64_t *id, struct err *e)
{
    for (size_t at = hash & p->mask; p->n && p->by_uri[at]; at = (at + 1) & p->mask) {
        const struct uri_row *x = &p->all[p->by_uri[at] - 1];
        if (x->hash == hash && str_eq(x->uri, uri)) {
            *id = x->id;
            return RC_OK;
        }
    }
    struct str copy;
    enum rc rc = db_path_id(p->db, uri, id, e);
    if (rc == RC_NOT_FOUND) rc = db_path_add(p->db, uri, id, e);
    if (!rc && !arena_str(&p->texts, uri, &copy))
        rc = err_set(e, RC_NOMEM, "no memory for the dictionary of addresses");
    return rc ? rc : remember(p, *id, copy, hash, e);
}

enum rc uri_table_drop(struct paths *p, int64_t id, struct err *e)
{
    bool gone = false;
    enum rc rc = db_path_release(p->db, id, &gone, e);
    p->stale |= gone;
    return rc;
}

enum rc uri_table_sweep(struct paths *p, int64_t *after, struct err *e)
{
    int64_t last = 0, gone = 0;
    enum rc rc = db_path_last(p->db, &last, e);
    if (!rc) rc = db_path_sweep(p->db, *after, *after + SWEEP_ROWS, &gone, e);
    if (rc) return rc;
    if (gone) empty(p);
    *after = *after + SWEEP_ROWS < last ? *after + SWEEP_ROWS : 0;
    return RC_OK;
}
