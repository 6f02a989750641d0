/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store/authorities.h"
#include "base/log.h"
#include "db/authority.h"
#include "db/description.h"
#include "db/image.h"
#include "db/policy.h"
#include "server/images/images.h"
#include <stdlib.h>
#include <string.h>

/* One parsed document. */
struct policy_in_force {
    int64_t policy, revision;
    const struct ddf_layout *layout;
    struct arena arena;
    struct pol_policy *parsed; /* NULL: does not parse */
    bool used;
    struct policy_in_force *next;
};

/* The policies in force, parsed for one layout. Each parsed document belongs to one list, which links them by `next`.
 * */
struct policy_list {
    const struct ddf_layout *layout;
    uint64_t seen;
    struct pol_policy *first;
    struct policy_list *next;
};

struct authority_private {
    struct authority au;
    struct arena images;
    struct policy_in_force *documents;
    uint64_t images_seen; /* authorities.version when images were read */
    struct policy_list *lists;
    struct arena texts; /* of descriptions */
    struct description *descriptions;
    size_t n_descriptions;
    uint64_t descriptions_seen;
};

struct authorities {
    const struct server *srv;
    struct sql *db;
    struct authority *first;
    struct arena texts; /* of authorities: never more than a few */
    uint64_t version;   /* incremented when something may have changed */
    int64_t data_version;
    bool distrust;
};

struct authorities *authorities_create(const struct server *srv, struct sql *db)
{
    struct authorities *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->srv = srv;
    c->db = db;
    c->data_version = -1;
    arena_init(&c->texts, 4 << 20);
    return c;
}

static void document_free(struct policy_in_force *d)
{
    arena_finish(&d->arena);
    free(d);
}

void authorities_destroy(struct authorities *c)
{
    if (!c) return;
    for (struct authority *au = c->first, *next; au; au = next) {
        next = au->next;
        for (struct policy_in_force *d = au->own->documents, *after; d; d = after) {
            after = d->next;
            document_free(d);
        }
        arena_finish(&au->own->images);
        arena_finish(&au->own->texts);
        free(au->own);
    }
    arena_finish(&c->texts);
    free(c);
}

void authorities_distrust(struct authorities *c)
{
    c->distrust = true;
}

const struct authority *authorities_find(const struct authorities *c, struct str name)
{
    const struct authority *only = c->first;
    if (!name.n) return only && !only->next ? only : NULL;
    for (const struct authority *au = c->first; au; au = au->next)
        if (str_eq(au->name, name)) return au;
    return NULL;
}

const struct authority *authorities_find_id(const struct authorities *c, int64_t id)
{
    for (const struct authority *au = c->first; au; au = au->next)
        if (au->id == id) return au;
    return NULL;
}

static enum rc add_authority(struct authorities *c, const struct db_authority *v, struct err *e)
{
    const struct server_config *cf = c->srv->config;
    struct authority_private *p = calloc(1, sizeof *p);
    struct authority **tail = &c->first;
    if (!p || !arena_str(&c->texts, v->name, &p->au.name) || !arena_str(&c->texts, v->server_id, &p->au.server_id)) {
        free(p);
        return err_set(e, RC_NOMEM, "no memory for authorities");
    }
    arena_init(&p->images, 64 << 20);
    arena_init(&p->texts, 64 << 20);
    p->au.own = p;
    p->au.id = v->id;
    p->au.stamp = v->stamp;
    p->au.owner = (int)v->owner;
    p->au.record = v->record;
    p->au.sml = (struct sml_server_config){
        .server_id = p->au.server_id,
        .url = str_of(cf->dm_url),
        .max_msg_bytes = cf->dm_max_message_bytes,
        .max_obj_bytes = cf->dm_max_object_bytes,
        .allow_basic = cf->allow_basic,
        .max_messages = cf->dm_max_messages,
        .max_auth_tries = 3,
    };
    while (*tail) tail = &(*tail)->next;
    *tail = &p->au;
    return RC_OK;
}

static enum rc read_authorities(struct authorities *c, struct err *e)
{
    struct sql_rows *r = NULL;
    struct db_authority v;
    enum rc rc = db_authority_list(c->db, 0, &r, e);
    while (!rc && (rc = db_authority_next(r, &v, e)) == RC_OK) {
        struct authority *au = c->first;
        while (au && au->id != v.id) au = au->next;
        if (au) {
            au->stamp = v.stamp;
            au->record = v.record;
        } else
            rc = add_authority(c, &v, e);
    }
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc read_images(struct authorities *c, struct authority *au, struct err *e)
{
    struct arena *a = &au->own->images;
    struct sql_rows *r = NULL;
    struct db_image v;
    struct pol_image *list = NULL;
    size_t n = 0, cap = 0;

    arena_reset(a);
    au->images = NULL;
    au->n_images = 0;
    enum rc rc = db_image_list(c->db, au->id, 0, INT64_MAX, &r, e);
    while (!rc && (rc = db_image_next(r, &v, e)) == RC_OK) {
        if (n == cap) {
            struct pol_image *more = ARENA_ARRAY(a, struct pol_image, cap = cap ? cap * 2 : 16);
            if (more && n) memcpy(more, list, n * sizeof *list);
            list = more;
        }
        struct pol_image *im = list ? &list[n++] : NULL;
        if (!im || n > CATALOG_IMAGES || !arena_str(a, v.name, &im->name) || !arena_str(a, v.version, &im->version) ||
            !arena_str(a, v.guest_type, &im->guest_type) || !arena_str(a, v.arch, &im->arch) ||
            !arena_str(a, v.format, &im->format) || !arena_str(a, v.sha256, &im->sha256) ||
            !arena_str(a, v.node_name, &im->id) || !(im->url = images_url(c->srv, im->sha256, a)).n) {
            rc = err_set(e, RC_NOMEM, "no memory for the list of images");
            break;
        }
        im->size_bytes = (uint64_t)v.size_bytes;
    }
    sql_end(r);
    if (rc != RC_NOT_FOUND) return rc;
    au->images = list;
    au->n_images = n;
    au->own->images_seen = c->version;
    return RC_OK;
}

static enum rc look(struct authorities *c, struct err *e)
{
    int64_t version = 0;
    enum rc rc = sql_data_version(c->db, &version, e);
    if (!rc && (c->distrust || version != c->data_version)) {
        c->data_version = version;
        c->version++;
    }
    return rc;
}

enum rc authorities_refresh(struct authorities *c, struct err *e)
{
    uint64_t before = c->version;
    enum rc rc = look(c, e);
    if (rc || c->version == before) return rc;
    rc = read_authorities(c, e);
    for (struct authority *au = c->first; !rc && au; au = au->next) rc = read_images(c, au, e);
    if (rc) c->data_version = -1; /* try again at the next use */
    return rc;
}

static void parse(struct authorities *c, struct policy_in_force *d, const struct authority *au, struct str name,
                  struct str text)
{
    struct err why = { 0 };
    char *label = arena_strz(&d->arena, name);
    enum rc rc = !label ? RC_NOMEM
                        : pol_policy_load(text, label, d->layout, c->srv->schema, &d->arena, &d->parsed, &why);
    if (!rc && d->parsed->attention.n)
        log_event(LOG_WARN, "policy_needs_attention", LOG_S("authority", au->name), LOG_S("policy", name),
                  LOG_N("revision", d->revision), LOG_S("refused", d->parsed->attention));
    if (!rc) return;
    d->parsed = NULL;
    char line[ERR_TEXT_BYTES + 200];
    log_event(LOG_ERROR, "policy_unusable", LOG_S("authority", au->name), LOG_S("policy", name),
              LOG_N("revision", d->revision), LOG_Z("error", err_format(&why, line, sizeof line)));
}

static enum rc load_document(struct authorities *c, const struct authority *au, const struct ddf_layout *l,
                             const struct db_policy *v, struct err *e)
{
    struct db_policy_revision text;
    struct arena a;
    struct policy_in_force *d = calloc(1, sizeof *d);
    if (!d) return err_set(e, RC_NOMEM, "no memory for policies");
    *d = (struct policy_in_force){ .policy = v->id, .revision = v->revision, .layout = l, .used = true };
    arena_init(&d->arena, CATALOG_POLICY_BYTES);
    arena_init(&a, CATALOG_POLICY_BYTES);
    enum rc rc = db_policy_revision(c->db, d->policy, d->revision, &a, &text, e);
    if (!rc) parse(c, d, au, v->name, text.document);
    if (!rc && d->parsed && !arena_str(&d->arena, text.document, &d->parsed->text))
        rc = err_set(e, RC_NOMEM, "no memory for policies");
    arena_finish(&a);
    if (rc) {
        document_free(d);
        return rc == RC_NOT_FOUND ? err_set(e, RC_INTERNAL, "policy without its document") : rc;
    }
    if (d->parsed) {
        d->parsed->id = d->policy;
        d->parsed->revision = d->revision;
        d->parsed->created_ms = v->created_ms;
        d->parsed->revised_ms = v->revised_ms;
    }
    d->next = au->own->documents;
    au->own->documents = d;
    return RC_OK;
}

/* Parse new documents, drop those no longer in force. */
static enum rc read_policies(struct authorities *c, const struct authority *au, const struct ddf_layout *l,
                             struct err *e)
{
    struct sql_rows *r = NULL;
    struct db_policy v;
    int n = 0;
    for (struct policy_in_force *d = au->own->documents; d; d = d->next) d->used = d->layout != l;
    enum rc rc = db_policy_in_force(c->db, au->id, &r, e);
    while (!rc && (rc = db_policy_next(r, &v, e)) == RC_OK) {
        struct policy_in_force *d = au->own->documents;
        if (++n > CATALOG_POLICIES) rc = err_set(e, RC_LIMIT, "more than %d policies", (int)CATALOG_POLICIES);
        while (d && !(d->policy == v.id && d->revision == v.revision && d->layout == l)) d = d->next;
        if (d)
            d->used = true;
        else if (!rc)
            rc = load_document(c, au, l, &v, e);
    }
    sql_end(r);
    if (rc != RC_NOT_FOUND) return rc;
    for (struct policy_in_force **at = &au->own->documents; *at;) {
        struct policy_in_force *d = *at;
        if (d->used) {
            at = &d->next;
            continue;
        }
        *at = d->next;
        document_free(d);
    }
    return RC_OK;
}

static struct policy_list *list_for(struct authorities *c, struct authority_private *p, const struct ddf_layout *l)
{
    struct policy_list *x = p->lists;
    while (x && x->layout != l) x = x->next;
    if (x || !(x = ARENA_NEW(&c->texts, struct policy_list))) return x;
    x->layout = l;
    x->next = p->lists;
    p->lists = x;
    return x;
}

enum rc authorities_policies(struct authorities *c, const struct authority *au, const struct ddf_layout *l,
                             const struct pol_policy **out, struct err *e)
{
    struct policy_list *x = list_for(c, au->own, l);
    if (!x) return err_set(e, RC_NOMEM, "no memory for policies");
    if (x->seen != c->version) {
        enum rc rc = read_policies(c, au, l, e);
        if (rc) return rc;
        x->first = NULL;
        for (struct policy_in_force *d = au->own->documents; d; d = d->next)
            if (d->layout == l && d->parsed) {
                d->parsed->next = x->first;
                x->first = d->parsed;
            }
        x->seen = c->version;
    }
    *out = x->first;
    return RC_OK;
}

static bool room_for_description(struct authority_private *p, size_t n, size_t *room)
{
    if (n < *room) return true;
    const size_t more = *room ? 2 * *room : 64;
    struct description *list = ARENA_ARRAY(&p->texts, struct description, more);
    if (!list) return false;
    if (n) memcpy(list, p->descriptions, n * sizeof *list);
    p->descriptions = list;
    *room = more;
    return true;
}

static enum rc read_descriptions(struct authorities *c, struct authority_private *p, struct err *e)
{
    struct sql_rows *r = NULL;
    struct db_description v;
    size_t n = 0, room = 0;
    arena_reset(&p->texts);
    p->descriptions = NULL;
    p->n_descriptions = 0;
    enum rc rc = db_description_by_kind(c->db, p->au.id, &r, e);
    while (!rc && (rc = db_description_next(r, &v, e)) == RC_OK) {
        struct description *d;
        if (!room_for_description(p, n, &room)) break;
        d = &p->descriptions[n++];
        d->id = v.id;
        if (!arena_str(&p->texts, v.name, &d->name) || !arena_str(&p->texts, v.man, &d->man) ||
            !arena_str(&p->texts, v.mod, &d->mod) || !arena_str(&p->texts, v.mo, &d->mo))
            break;
    }
    sql_end(r);
    if (rc == RC_OK) return err_set(e, RC_NOMEM, "no memory for the list of descriptions");
    if (rc != RC_NOT_FOUND) return rc;
    p->n_descriptions = n;
    p->descriptions_seen = c->version;
    return RC_OK;
}

enum rc authorities_descriptions(struct authorities *c, const struct authority *au, const struct description **out,
                                 size_t *n, struct err *e)
{
    struct authority_private *p = au->own;
    enum rc rc = p->descriptions_seen == c->version ? RC_OK : read_descriptions(c, p, e);
    *out = rc ? NULL : p->descriptions;
    *n = rc ? 0 : p->n_descriptions;
    return rc;
}
