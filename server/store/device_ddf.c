/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store/device_ddf.h"
#include "base/vec.h"
#include "base/log.h"
#include "db/description.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 1 << 20 };

struct device_ddf {
    const struct server *srv;
    struct sql *db;
    struct authorities *catalog;
    VEC(const struct schema_set *) held; /* in use since the last refresh */
};

struct device_ddf *device_ddf_create(const struct server *srv, struct sql *db, struct authorities *c)
{
    struct device_ddf *d = calloc(1, sizeof *d);
    if (d) *d = (struct device_ddf){ .srv = srv, .db = db, .catalog = c };
    return d;
}

void device_ddf_refresh(struct device_ddf *d)
{
    while (d->held.n) ddf_cache_release(d->srv->schemas, d->held.at[--d->held.n]);
}

void device_ddf_destroy(struct device_ddf *d)
{
    if (!d) return;
    device_ddf_refresh(d);
    VEC_FREE(&d->held);
    free(d);
}

enum rc device_ddf_any(struct device_ddf *d, const struct authority *au, bool *out, struct err *e)
{
    const struct description *list;
    size_t n;
    enum rc rc = authorities_descriptions(d->catalog, au, &list, &n, e);
    *out = n > 0;
    return rc;
}

/* ---- selection ---- */

static bool meant(struct str wanted, struct str is)
{
    return !wanted.n || str_eq(wanted, is);
}

/* "3,7,12,|mo|root|images": empty for the shipped ones alone, where they have their objects. */
static enum rc key_of(const struct description *list, size_t n, const struct device_kind *k, struct buf *key,
                      struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (!meant(list[i].man, k->man) || !meant(list[i].mod, k->mod) || !meant(list[i].mo, k->mo)) continue;
        buf_printf(key, "%" PRId64 ",", list[i].id);
    }
    if (k->root.n || k->images.n)
        buf_printf(key, "|%.*s|%.*s|%.*s", STR_ARG(k->mo), STR_ARG(k->root), STR_ARG(k->images));
    return buf_ok(key) ? RC_OK : err_set(e, RC_NOMEM, "no memory for device descriptions");
}

/* ---- reading ---- */

struct ddf_reading {
    struct device_ddf *d;
    const char *key;
    const struct device_kind *kind;
};

static enum rc load(struct device_ddf *d, struct ddf_schema *s, int64_t id, struct arena *a, struct err *e)
{
    struct sql_rows *r = NULL;
    struct db_description_text v;
    enum rc rc = db_description_text(d->db, id, &r, e);
    if (!rc) rc = db_description_next_text(r, &v, e);
    const char *name = rc ? NULL : arena_strz(a, v.name);
    if (!rc) rc = name ? ddf_schema_load(s, v.data, name, e) : RC_NOMEM;
    sql_end(r);
    return rc;
}

/* The description was valid at its upload, as checked by another version of this program. */
static enum rc leave_out(int64_t id, enum rc rc, const struct err *why)
{
    char line[ERR_TEXT_BYTES + 200];
    if (rc != RC_PARSE && rc != RC_INVALID && rc != RC_LIMIT && rc != RC_UNSUPPORTED && rc != RC_NOT_FOUND) return rc;
    log_event(LOG_ERROR, "description_unusable", LOG_N("description", id),
              LOG_Z("error", rc == RC_NOT_FOUND ? "it was deleted meanwhile" : err_format(why, line, sizeof line)));
    return RC_OK;
}

/* The descriptions speak of where the layout has its objects: for this device they lie elsewhere. */
static enum rc put_in_place(struct device_ddf *d, struct ddf_schema *s, const struct device_kind *k, struct err *e)
{
    const struct ddf_layout *l = server_layout(d->srv, k->mo);
    enum rc rc = RC_OK;
    if (l && k->root.n) rc = ddf_schema_move(s, l->root, k->root, e);
    if (!rc && l && k->images.n) rc = ddf_schema_move(s, l->images, k->images, e);
    return rc;
}

static enum rc read_set(void *ctx, struct ddf_schema **out, struct err *e)
{
    const struct ddf_reading *x = ctx;
    struct str all = str_of(x->key), rest = str_slice(all, 0, str_find(all, '|', 0)), one;
    struct ddf_schema *s = NULL;
    struct arena a;
    int64_t id;
    arena_init(&a, ARENA_BYTES);
    enum rc rc = server_schema(x->d->srv->config, &a, &s, e);
    if (!rc) rc = put_in_place(x->d, s, x->kind, e); /* what the maker says of that very place holds over it */
    while (!rc && str_cut(&rest, ',', &one)) {
        struct err why = { 0 };
        if (!str_to_i64(one, &id)) continue;
        rc = load(x->d, s, id, &a, &why);
        if (rc && (rc = leave_out(id, rc, &why)) && e) *e = why;
    }
    if (!rc) rc = put_in_place(x->d, s, x->kind, e);
    arena_finish(&a);
    if (rc)
        ddf_schema_destroy(s);
    else
        *out = s;
    return rc;
}

/* ---- the decision ---- */

static bool remember(struct device_ddf *d, const struct schema_set *set)
{
    const struct schema_set **at = VEC_ADD(&d->held);
    if (at) *at = set;
    return at != NULL;
}

static enum rc find_set(struct device_ddf *d, const char *key, const struct device_kind *kind,
                        const struct ddf_schema **out, struct err *e)
{
    const struct schema_set *set = NULL;
    enum rc rc;
    if (!key[0]) {
        *out = d->srv->schema;
        return RC_OK;
    }
    for (size_t i = 0; i < d->held.n && !set; i++)
        if (strcmp(d->held.at[i]->key, key) == 0) set = d->held.at[i];
    if (!set) {
        struct ddf_reading x = { d, key, kind };
        rc = ddf_cache_hold(d->srv->schemas, key, read_set, &x, &set, e);
        if (rc) return rc;
        if (!remember(d, set)) {
            ddf_cache_release(d->srv->schemas, set);
            return err_set(e, RC_NOMEM, "no memory for device descriptions");
        }
    }
    *out = set->schema;
    return RC_OK;
}

enum rc device_ddf_find(struct device_ddf *d, const struct authority *au, const struct device_kind *kind,
                        const struct ddf_schema **out, struct err *e)
{
    const struct description *list;
    struct buf key;
    size_t n;
    buf_init(&key, 0);
    enum rc rc = authorities_descriptions(d->catalog, au, &list, &n, e);
    if (!rc) rc = key_of(list, n, kind, &key, e);
    if (!rc) rc = find_set(d, buf_z(&key), kind, out, e);
    buf_finish(&key);
    return rc;
}
