/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store/store.h"
#include "db/dm.h"
#include "ddf/uri.h"
#include "server/core/credentials.h"
#include <stdlib.h>
#include <string.h>

enum { STORE_BUSY_MS = 5000, STORE_SECRETS = 1024, STORE_OPERATIONS = 1000, STORE_FAILURES = 1000, STORE_ITEMS = 200 };

/* Opened credentials of a device, so that AES runs once and not for each message. A slot a device, the last one
 * wins. */
struct secret {
    int64_t device;
    uint8_t sealed[2][SECRET_HA1_BYTES];
    char ha1[2][SML_HA1_BYTES + 1];
};

/* Nodes of the device's object that are attributes. */
struct fact {
    struct str name, uri;
    uint64_t hash;
};
struct facts {
    const struct ddf_layout *layout;
    struct fact *row;
    size_t n;
    struct facts *next;
};

struct store {
    struct arena texts;
    struct facts *facts;
    const struct server *srv;
    struct sql *db;
    struct paths *paths;
    struct catalog *catalog;
    struct described *described;
    struct secret *secrets;
};

enum rc store_open(const struct server *srv, struct store **out, struct err *e)
{
    const struct sql_options o = { .durable = srv->config->durable,
                                   .busy_ms = STORE_BUSY_MS,
                                   .no_checkpoints = true,
                                   .health = server_database_health(srv),
                                   .statements = dm_sql,
                                   .n_statements = DM_STMT_COUNT };
    struct store *st = calloc(1, sizeof *st);
    if (!st) return err_set(e, RC_NOMEM, "no memory for the store");
    st->srv = srv;
    arena_init(&st->texts, 16 << 20);
    enum rc rc = sql_open(srv->config->database, &o, &st->db, e);
    if (!rc && (!(st->paths = paths_create(st->db)) || !(st->catalog = catalog_create(srv, st->db)) ||
                !(st->described = described_create(srv, st->db, st->catalog)) ||
                !(st->secrets = calloc(STORE_SECRETS, sizeof *st->secrets))))
        rc = err_set(e, RC_NOMEM, "no memory for the store");
    if (rc)
        store_close(st);
    else
        *out = st;
    return rc;
}

void store_close(struct store *st)
{
    if (!st) return;
    described_destroy(st->described);
    catalog_destroy(st->catalog);
    paths_destroy(st->paths);
    sql_close(st->db);
    arena_finish(&st->texts);
    free(st->secrets);
    free(st);
}

struct sql *store_sql(struct store *st)
{
    return st->db;
}
struct paths *store_paths(struct store *st)
{
    return st->paths;
}
struct catalog *store_catalog(struct store *st)
{
    return st->catalog;
}
const struct server *store_server(const struct store *st)
{
    return st->srv;
}

enum rc store_refresh(struct store *st, struct err *e)
{
    paths_trim(st->paths);
    described_refresh(st->described);
    return catalog_refresh(st->catalog, e);
}

/* ---- device ---- */

static enum rc open_secret(struct store *st, struct str device, struct secret *s, int which, struct str sealed,
                           struct err *e)
{
    if (sealed.n != SECRET_HA1_BYTES) return err_set(e, RC_INTERNAL, "sealed credentials have %zu octets", sealed.n);
    enum rc rc = secret_open_ha1(st->srv->secret_key, device, which ? "server" : "client", sealed, s->ha1[which], e);
    if (!rc) memcpy(s->sealed[which], sealed.p, sealed.n);
    return rc;
}

static bool holds(const struct secret *s, int64_t device, struct str client, struct str server)
{
    return s->device == device && client.n == SECRET_HA1_BYTES && server.n == SECRET_HA1_BYTES &&
           memcmp(s->sealed[0], client.p, client.n) == 0 && memcmp(s->sealed[1], server.p, server.n) == 0;
}

static enum rc read_account(struct store *st, struct sql_rows *r, int64_t now_ms, struct arena *a,
                            struct store_device *d, struct err *e)
{
    struct sml_account *acc = &d->account;
    struct secret *s = &st->secrets[(uint64_t)d->id % STORE_SECRETS];
    struct str client = sql_text(r, 14), server = sql_text(r, 16), auth = sql_text(r, 17);

    if (!holds(s, d->id, client, server)) {
        s->device = 0;
        enum rc rc = open_secret(st, d->name, s, 0, client, e);
        if (!rc) rc = open_secret(st, d->name, s, 1, server, e);
        if (rc) return rc;
        s->device = d->id;
    }
    acc->auth = str_is(auth, "basic") ? SML_AUTH_BASIC : str_is(auth, "mac") ? SML_AUTH_MAC : SML_AUTH_MD5;
    acc->resync = sql_int(r, 10) > now_ms && !sql_int(r, 8);
    acc->challenges_used = sql_int(r, 23);
    if (!arena_str(a, sql_text(r, 7), &acc->client_nonce) || !arena_str(a, sql_text(r, 9), &acc->server_nonce) ||
        !arena_str(a, sql_text(r, 13), &acc->client_name) || !arena_str(a, sql_text(r, 15), &acc->server_name) ||
        !arena_str(a, (struct str){ s->ha1[0], SML_HA1_BYTES }, &acc->client_ha1) ||
        !arena_str(a, (struct str){ s->ha1[1], SML_HA1_BYTES }, &acc->server_ha1))
        return err_set(e, RC_NOMEM, "no memory for an account");
    return RC_OK;
}

static enum rc read_device(struct store *st, struct sql_rows *r, const struct authority *au, struct str name,
                           int64_t now_ms, struct arena *a, struct store_device *d, struct err *e)
{
    *d = (struct store_device){ .id = sql_int(r, 0),
                                .want_stamp = sql_int(r, 1),
                                .have_stamp = sql_int(r, 2),
                                .devinfo_hash = sql_int(r, 5),
                                .next_kpi_ms = sql_int(r, 6),
                                .certificate_until_ms = sql_int(r, 24),
                                .authority = au->id,
                                .au = au,
                                .authority_name = au->name,
                                .server_id = au->server_id,
                                .record = sql_is_null(r, 18) ? -1 : sql_int(r, 18) != 0,
                                .booked_ms = sql_int(r, 20),
                                .alerts_left = sql_is_null(r, 21) ? -1 : sql_int(r, 21),
                                .alerts_ms = sql_int(r, 22) };
    if (!arena_str(a, name, &d->name) || !arena_str(a, sql_text(r, 3), &d->settled_token) ||
        !arena_str(a, sql_text(r, 4), &d->layout_mo) || !arena_str(a, sql_text(r, 11), &d->user_agent) ||
        !arena_str(a, sql_text(r, 12), &d->remote) || !arena_str(a, sql_text(r, 19), &d->booked))
        return err_set(e, RC_NOMEM, "no memory for a device");
    d->layout = server_layout(st->srv, d->layout_mo);
    return read_account(st, r, now_ms, a, d, e);
}

enum rc store_find_device(struct store *st, const struct authority *au, struct str name, int64_t now_ms,
                          struct arena *a, struct store_device *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_start(st->db, DM_STMT(DEVICE_BY_NAME),
                           SQL_ARGS({ "authority_id", SQL_I(au->id) }, { "name", SQL_T(name) }), &r, e);
    if (!rc) rc = sql_step(r, e);
    if (!rc) rc = read_device(st, r, au, name, now_ms, a, out, e);
    sql_end(r);
    return rc;
}

enum rc store_load_rest(struct store *st, struct store_device *d, struct arena *a, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_start(st->db, DM_STMT(DEVICE_REST), SQL_ARGS({ "device_id", SQL_I(d->id) }), &r, e);
    if (!rc) rc = sql_step(r, e);
    if (!rc) {
        d->mirror_read = sql_int(r, 0) != 0;
        d->lists = (enum store_lists)sql_int(r, 1);
        d->list_unsupported = d->lists == STORE_LISTS_UNSUPPORTED;
        d->large_objects = sql_int(r, 2) != 0;
        d->summary_ms = sql_int(r, 5);
        d->created_ms = sql_int(r, 7);
        d->planned_stamp = sql_int(r, 8);
        d->careful = sql_int(r, 9) != 0;
        if (!arena_str(a, sql_text(r, 3), &d->summary) || !arena_str(a, sql_text(r, 4), &d->summary_why) ||
            !arena_str(a, sql_text(r, 6), &d->title))
            rc = err_set(e, RC_NOMEM, "no memory for a device");
    }
    sql_end(r);
    return rc;
}

enum rc store_load_device(struct store *st, struct str authority, struct str name, int64_t now_ms, struct arena *a,
                          struct store_device *out, struct err *e)
{
    enum rc rc = store_refresh(st, e);
    if (rc) return rc;
    const struct authority *au = catalog_authority(st->catalog, authority);
    rc = au ? store_find_device(st, au, name, now_ms, a, out, e) : RC_NOT_FOUND;
    return rc ? rc : store_load_rest(st, out, a, e);
}

enum rc store_load_device_id(struct store *st, int64_t id, int64_t now_ms, struct arena *a, struct store_device *out,
                             struct err *e)
{
    struct sql_rows *r = NULL;
    const struct authority *au = NULL;
    struct str name = { 0 };
    enum rc rc = store_refresh(st, e);
    if (!rc) rc = sql_start(st->db, DM_STMT(DEVICE_BY_ID), SQL_ARGS({ "device_id", SQL_I(id) }), &r, e);
    if (!rc) rc = sql_step(r, e);
    if (!rc && !(au = catalog_authority_id(st->catalog, sql_int(r, 0))))
        rc = err_set(e, RC_INTERNAL, "a device without its authority");
    if (!rc && !arena_str(a, sql_text(r, 1), &name)) rc = err_set(e, RC_NOMEM, "no memory for a device");
    sql_end(r);
    if (!rc) rc = store_find_device(st, au, name, now_ms, a, out, e);
    return rc ? rc : store_load_rest(st, out, a, e);
}

/* ---- facts ---- */

/* The standard object that selectors and large values want to know about (protocol.md 13.2). */
static const struct str also_read[] = { { "./DevDetail", 11 } };

void *store_more(struct arena *a, void *list, size_t n, size_t size)
{
    if (n & (n - 1) || (n && n < 8)) return list; /* room for 8, then doubled at each power of two */
    void *bigger = arena_alloc(a, (n ? n * 2 : 8) * size);
    if (bigger && n) memcpy(bigger, list, n * size);
    return bigger;
}

static bool is_fact(const struct ddf_entry *en)
{
    return en->scope == DDF_DEVICE && en->kind == DDF_K_NONE && !en->instance && !en->kpi &&
           !str_is(en->format, "node") && !str_is(en->format, "null");
}

/* The layout's facts with their addresses, worked out once. */
static enum rc facts_of(struct store *st, const struct ddf_layout *l, const struct facts **out, struct err *e)
{
    for (const struct facts *f = st->facts; f; f = f->next)
        if (f->layout == l) {
            *out = f;
            return RC_OK;
        }
    struct facts *f = ARENA_NEW(&st->texts, struct facts);
    if (f) f->row = ARENA_ARRAY(&st->texts, struct fact, l->n_entries + 1);
    if (!f || !f->row) return err_set(e, RC_NOMEM, "no memory for the facts of a layout");
    for (size_t i = 0; i < l->n_entries; i++) {
        const struct ddf_entry *en = &l->entries[i];
        if (!is_fact(en)) continue;
        struct str uri = ddf_layout_uri(l, en, (struct str){ 0 }, (struct str){ 0 }, &st->texts);
        if (!uri.n) return err_set(e, RC_NOMEM, "no memory for the facts of a layout");
        f->row[f->n++] = (struct fact){ en->name, uri, str_hash(uri) };
    }
    f->layout = l;
    f->next = st->facts;
    st->facts = f;
    *out = f;
    return RC_OK;
}

enum rc store_publish_facts(struct store *st, struct err *e)
{
    const struct facts *f = NULL;
    enum rc rc = sql_run(st->db, DM_STMT(FACTS_DROP), NULL, 0, NULL, e);
    for (size_t i = 0; !rc && i < st->srv->n_layouts; i++) {
        rc = facts_of(st, st->srv->layouts[i], &f, e);
        for (size_t k = 0; !rc && k < f->n; k++) {
            int64_t path = 0;
            rc = paths_id(st->paths, f->row[k].uri, f->row[k].hash, &path, e);
            if (!rc)
                rc = sql_run(st->db, DM_STMT(FACT_ADD),
                             SQL_ARGS({ "path_id", SQL_I(path) }, { "name", SQL_T(f->row[k].name) }), NULL, e);
        }
    }
    return rc;
}

enum rc store_load_attributes(struct store *st, const struct store_device *d, const struct mirror *m, struct arena *a,
                              struct pol_facts *f, struct err *e)
{
    struct pol_attribute *list = store_more(a, NULL, 0, sizeof *list);
    const struct facts *facts = NULL;
    struct sql_rows *r = NULL;
    size_t n = 0;
    enum rc rc = sql_start(st->db, DM_STMT(ATTRIBUTES), SQL_ARGS({ "device_id", SQL_I(d->id) }), &r, e);
    if (list && arena_str(a, d->name, &list[0].value)) list[n++].name = STR("device.id");
    while (!rc && (rc = sql_step(r, e)) == RC_OK)
        if (!(list = store_more(a, list, n, sizeof *list)) || !arena_str(a, sql_text(r, 0), &list[n].name) ||
            !arena_str(a, sql_text(r, 1), &list[n++].value))
            rc = err_set(e, RC_NOMEM, "no memory for attributes");
    sql_end(r);
    if (rc == RC_NOT_FOUND) rc = facts_of(st, d->layout, &facts, e);
    for (size_t i = 0; !rc && i < facts->n; i++) {
        const struct mirror_node *x = mirror_look(m, facts->row[i].uri, facts->row[i].hash);
        if (!x || x->gone) continue;
        if (!(list = store_more(a, list, n, sizeof *list)))
            rc = err_set(e, RC_NOMEM, "no memory for attributes");
        else
            list[n++] = (struct pol_attribute){ facts->row[i].name, x->value, false };
    }
    if (rc) return rc;
    f->attrs = list;
    f->n_attrs = n;
    return RC_OK;
}

/* ---- description ---- */

enum rc store_schema(struct store *st, const struct authority *au, const struct device_kind *kind,
                     const struct ddf_schema **out, struct err *e)
{
    return described_find(st->described, au, kind, out, e);
}

enum rc store_has_descriptions(struct store *st, const struct authority *au, bool *out, struct err *e)
{
    return described_any(st->described, au, out, e);
}

static struct str attribute(const struct pol_facts *f, const char *name)
{
    for (size_t i = 0; i < f->n_attrs; i++)
        if (str_is(f->attrs[i].name, name)) return f->attrs[i].value;
    return (struct str){ 0 };
}

enum rc store_load_schema(struct store *st, const struct store_device *d, struct pol_facts *f, struct err *e)
{
    const struct device_kind kind = { attribute(f, "devinfo.man"), attribute(f, "devinfo.mod"), d->layout_mo };
    return store_schema(st, d->au, &kind, &f->schema, e);
}

/* Where an operation leads, so that the plan knows what stands against a policy. */
static bool by_hand_matters(const struct ddf_layout *l, const struct pol_hold *holds, size_t n, struct str vm,
                            struct str kind)
{
    const struct ddf_operation *op = ddf_layout_operation(l, DDF_VM, kind);
    if (!op || (op->to < 0 && op->lock_to < 0)) return false;
    for (size_t i = 0; i < n; i++) {
        const struct ddf_operation *later = ddf_layout_operation(l, DDF_VM, holds[i].kind);
        if (str_eq(holds[i].vm, vm) && ((op->to >= 0) == (later->to >= 0)) &&
            ((op->lock_to >= 0) == (later->lock_to >= 0)))
            return false;
    }
    return true;
}

enum rc store_load_holds(struct store *st, const struct store_device *d, struct arena *a, struct pol_facts *f,
                         struct err *e)
{
    struct pol_hold *list = NULL;
    struct sql_rows *r = NULL;
    size_t n = 0;
    enum rc rc = sql_start(st->db, DM_STMT(OPERATIONS_BY_HAND), SQL_ARGS({ "device_id", SQL_I(d->id) }), &r, e);
    while (!rc && (rc = sql_step(r, e)) == RC_OK) {
        if (!by_hand_matters(d->layout, list, n, sql_text(r, 1), sql_text(r, 2))) continue;
        if (!(list = store_more(a, list, n, sizeof *list)) || !arena_str(a, sql_text(r, 1), &list[n].vm) ||
            !arena_str(a, sql_text(r, 2), &list[n].kind) || !arena_str(a, sql_text(r, 4), &list[n].by)) {
            rc = err_set(e, RC_NOMEM, "no memory for operations");
        } else {
            list[n].operation = sql_int(r, 0);
            list[n++].at_ms = sql_int(r, 3);
        }
    }
    sql_end(r);
    if (rc != RC_NOT_FOUND) return rc;
    f->holds = list;
    f->n_holds = n;
    return RC_OK;
}

static const struct pol_policy *named(const struct pol_policy *list, struct str name)
{
    while (list && !str_eq(list->name, name)) list = list->next;
    return list;
}

/* For a preview: `extra` (a document file may hold several), as if it were applied now, then the stored policies that
 * it does not replace. */
static enum rc with_extra(const struct pol_policy *stored, struct pol_policy *extra, int64_t now_ms, struct arena *a,
                          const struct pol_policy **out, struct err *e)
{
    struct pol_policy *list = NULL;
    for (const struct pol_policy *p = stored; p; p = p->next) {
        if (named(extra, p->name)) continue;
        struct pol_policy *copy = ARENA_NEW(a, struct pol_policy);
        if (!copy) return err_set(e, RC_NOMEM, "no memory for policies");
        *copy = *p;
        copy->next = list;
        list = copy;
    }
    for (const struct pol_policy *x = extra; x; x = x->next) {
        if (x->deleted) continue;
        struct pol_policy *copy = ARENA_NEW(a, struct pol_policy);
        if (!copy) return err_set(e, RC_NOMEM, "no memory for policies");
        const struct pol_policy *before = named(stored, x->name);
        *copy = *x;
        copy->id = before ? before->id : INT64_MAX;
        copy->created_ms = before ? before->created_ms : now_ms;
        copy->revised_ms = now_ms;
        copy->next = list;
        list = copy;
    }
    *out = list;
    return RC_OK;
}

enum rc store_load_wishes(struct store *st, const struct store_device *d, struct pol_policy *extra, int64_t now_ms,
                          struct arena *a, struct pol_facts *out, struct err *e)
{
    *out = (struct pol_facts){ .layout = d->layout,
                               .schema = st->srv->schema,
                               .device = d->name,
                               .authority = d->authority_name,
                               .server_id = d->server_id,
                               .owner = d->au->owner,
                               .images = d->au->images,
                               .n_images = d->au->n_images,
                               .mirror_read = d->mirror_read,
                               .list_unsupported = d->list_unsupported,
                               .now_ms = now_ms,
                               .also_read = also_read,
                               .n_also_read = sizeof also_read / sizeof also_read[0] };
    enum rc rc = catalog_policies(st->catalog, d->au, d->layout, &out->policies, e);
    if (!rc && extra) rc = with_extra(out->policies, extra, now_ms, a, &out->policies, e);
    return rc;
}

/* Its value, opened. */
static enum rc open_value(const struct store *st, const struct pol_operation *op, int which, struct arena *a,
                          struct str *data, struct err *e)
{
    return secret_open_text(st->srv->secret_key, op->correlator, which, *data, a, data, e);
}

bool store_read_operation(struct sql_rows *r, struct arena *a, struct pol_operation *out)
{
    int64_t scope = sql_int(r, 4);
    *out = (struct pol_operation){ .id = sql_int(r, 0),
                                   .by_policy = sql_int(r, 1) != 0,
                                   .scope = scope >= 0 && scope < DDF_SCOPE_COUNT ? (enum ddf_scope)scope : DDF_DEVICE,
                                   .secret = sql_int(r, 17) == 1,
                                   .has_data = !sql_is_null(r, 11),
                                   .tries = (int)sql_int(r, 12),
                                   .not_before_ms = sql_int(r, 13),
                                   .expires_ms = sql_int(r, 14),
                                   .updated_ms = sql_int(r, 15),
                                   .created_ms = sql_int(r, 18) };
    return pol_op_state_of(sql_text(r, 2), &out->state) && arena_str(a, sql_text(r, 3), &out->kind) &&
           arena_str(a, sql_text(r, 5), &out->owner) && arena_str(a, sql_text(r, 6), &out->args) &&
           arena_str(a, sql_text(r, 7), &out->correlator) && arena_str(a, sql_text(r, 8), &out->tree_command) &&
           arena_str(a, sql_text(r, 9), &out->tree_uri) && arena_str(a, sql_text(r, 10), &out->tree_format) &&
           arena_str(a, sql_text(r, 11), &out->tree_data) && arena_str(a, sql_text(r, 16), &out->tree_type);
}

/* The commands of an operation that has several. */
static enum rc load_items(struct store *st, struct pol_operation *op, struct arena *a, struct err *e)
{
    struct sql_rows *r = NULL;
    bool looked_after = str_is(op->kind, "tree") && op->tries >= POL_MAX_TRIES;
    if (!pol_is_group(op) && !str_is(op->tree_command, "acl") && !looked_after) return RC_OK;
    enum rc rc = sql_start(st->db, DM_STMT(OPERATION_ITEMS), SQL_ARGS({ "operation_id", SQL_I(op->id) }), &r, e);
    while (!rc && op->n_items < STORE_ITEMS && (rc = sql_step(r, e)) == RC_OK) {
        struct pol_item *it = NULL;
        if ((op->items = store_more(a, op->items, op->n_items, sizeof *op->items)) != NULL)
            it = &op->items[op->n_items++];
        if (it)
            *it = (struct pol_item){ .secret = sql_int(r, 9) == 1,
                                     .has_data = !sql_is_null(r, 4),
                                     .code = (int)sql_int(r, 5),
                                     .seen_code = (int)sql_int(r, 6),
                                     .seen_ms = sql_int(r, 8),
                                     .changed = !sql_is_null(r, 10),
                                     .changed_by = sql_int(r, 10) };
        if (!it || !arena_str(a, sql_text(r, 0), &it->command) || !arena_str(a, sql_text(r, 1), &it->uri) ||
            !arena_str(a, sql_text(r, 2), &it->format) || !arena_str(a, sql_text(r, 3), &it->type) ||
            !arena_str(a, sql_text(r, 4), &it->data) || !arena_str(a, sql_text(r, 7), &it->seen))
            rc = err_set(e, RC_NOMEM, "no memory for the commands of an operation");
        else if (it->secret)
            rc = open_value(st, op, (int)op->n_items, a, &it->data, e);
    }
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc store_load_operations(struct store *st, int64_t device, struct arena *a, struct pol_operation **out, size_t *n,
                              struct err *e)
{
    struct pol_operation *list = NULL;
    struct sql_rows *r = NULL;
    size_t k = 0;
    enum rc rc = sql_start(st->db, DM_STMT(OPERATIONS_OPEN), SQL_ARGS({ "device_id", SQL_I(device) }), &r, e);
    while (!rc && k < STORE_OPERATIONS && (rc = sql_step(r, e)) == RC_OK)
        if (!(list = store_more(a, list, k, sizeof *list)) || !store_read_operation(r, a, &list[k++]))
            rc = err_set(e, RC_NOMEM, "no memory for operations");
    sql_end(r);
    rc = rc == RC_NOT_FOUND ? RC_OK : rc;
    for (size_t i = 0; !rc && i < k; i++) {
        rc = list[i].secret ? open_value(st, &list[i], 0, a, &list[i].tree_data, e) : RC_OK;
        if (!rc) rc = load_items(st, &list[i], a, e);
    }
    if (rc) return rc;
    *out = list;
    *n = k;
    return RC_OK;
}

enum rc store_load_failures(struct store *st, const struct store_device *d, struct arena *a, struct pol_failure **out,
                            size_t *n, struct err *e)
{
    struct pol_failure *list = NULL;
    struct sql_rows *r = NULL;
    size_t k = 0;
    enum rc rc = sql_start(st->db, DM_STMT(FAILURES), SQL_ARGS({ "device_id", SQL_I(d->id) }), &r, e);
    while (!rc && k < STORE_FAILURES && (rc = sql_step(r, e)) == RC_OK) {
        if (!(list = store_more(a, list, k, sizeof *list)) || !arena_str(a, sql_text(r, 0), &list[k].key)) {
            rc = err_set(e, RC_NOMEM, "no memory for failures");
        } else {
            list[k].code = (int)sql_int(r, 1);
            list[k].tries = (int)sql_int(r, 2);
            list[k].at_ms = sql_int(r, 4);
            list[k++].retry_ms = sql_int(r, 3);
        }
    }
    sql_end(r);
    if (rc && rc != RC_NOT_FOUND) return rc;
    *out = list;
    *n = k;
    return RC_OK;
}

enum rc store_load_wishes_before(struct store *st, const struct store_device *d, struct arena *a, struct pol_wish **out,
                                 size_t *n, struct err *e)
{
    struct pol_wish *list = NULL;
    struct sql_rows *r = NULL;
    size_t k = 0;
    enum rc rc = sql_start(st->db, DM_STMT(WISHES), SQL_ARGS({ "device_id", SQL_I(d->id) }), &r, e);
    while (!rc && (rc = sql_step(r, e)) == RC_OK) {
        if ((list = store_more(a, list, k, sizeof *list)) && arena_str(a, sql_text(r, 0), &list[k].uri) &&
            arena_str(a, sql_text(r, 1), &list[k].hash))
            list[k++].since_ms = sql_int(r, 2);
        else
            rc = err_set(e, RC_NOMEM, "no memory for what was wished before");
    }
    sql_end(r);
    if (rc && rc != RC_NOT_FOUND) return rc;
    *out = list;
    *n = k;
    return RC_OK;
}

enum rc store_load_facts(struct store *st, const struct store_device *d, struct pol_policy *extra, int64_t now_ms,
                         struct arena *a, struct pol_facts *out, struct err *e)
{
    struct pol_mirror_node *nodes = NULL;
    struct pol_operation *operations = NULL;
    struct pol_failure *failures = NULL;
    struct mirror m;
    struct pol_wish *wishes = NULL;
    struct pol_set *sets = NULL;
    size_t n_nodes = 0, n_operations = 0, n_failures = 0;

    mirror_init(&m, a);
    enum rc rc = store_load_wishes(st, d, extra, now_ms, a, out, e);
    if (!rc) rc = store_load_holds(st, d, a, out, e);
    if (!rc) rc = mirror_load(&m, st->db, st->paths, d->id, e);
    if (!rc) rc = store_load_attributes(st, d, &m, a, out, e);
    if (!rc) rc = store_load_schema(st, d, out, e);
    if (!rc) rc = mirror_nodes(&m, a, &nodes, &n_nodes, e);
    if (!rc) rc = store_load_operations(st, d->id, a, &operations, &n_operations, e);
    if (!rc) rc = store_load_failures(st, d, a, &failures, &n_failures, e);
    if (!rc) rc = store_load_wishes_before(st, d, a, &wishes, &out->n_wishes, e);
    if (!rc) rc = store_load_sets(st, d->id, a, &sets, &out->n_sets, e);
    if (!rc) rc = store_load_charges(st, d, extra, a, out, e);
    out->sets = sets;
    out->mirror = nodes;
    out->n_mirror = n_nodes;
    out->operations = operations;
    out->n_operations = n_operations;
    out->failures = failures;
    out->n_failures = n_failures;
    out->wishes = wishes;
    out->mirror_matches_token = true;
    return rc;
}
