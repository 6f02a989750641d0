/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store/store.h"
#include "db/account.h"
#include "db/attribute.h"
#include "db/device_state.h"
#include "db/failure.h"
#include "db/node.h"
#include "db/operation.h"
#include "db/operation_item.h"
#include "db/session.h"
#include "db/wish.h"
#include "ddf/uri.h"
#include "server/core/credentials.h"
#include "server/decide/message.h"
#include <stdlib.h>
#include <string.h>

enum { STORE_BUSY_MS = 5000, STORE_SECRETS = 1024, STORE_OPERATIONS = 1000, STORE_FAILURES = 1000, STORE_ITEMS = 200 };

/* Cache of decrypted credentials, so that AES runs once and not for each message. A slot can hold one device, the last
 * one used. */
struct secret {
    int64_t device;
    uint8_t sealed[2][SECRET_HA1_BYTES];
    char ha1[2][SML_HA1_BYTES + 1];
};

struct store {
    struct attributes attributes;
    const struct server *srv;
    struct sql *db;
    struct paths *paths;
    struct authorities *catalog;
    struct device_ddf *described;
    struct secret *secrets;
    int64_t next_operation, next_session; /* of this transaction; 0 = not read yet */
};

enum rc store_open(const struct server *srv, struct store **out, struct err *e)
{
    const struct sql_options o = { .durable = srv->config->durable,
                                   .busy_ms = STORE_BUSY_MS,
                                   .no_checkpoints = true,
                                   .health = server_database_health(srv) };
    struct store *st = calloc(1, sizeof *st);
    if (!st) return err_set(e, RC_NOMEM, "no memory for the store");
    st->srv = srv;
    attributes_init(&st->attributes);
    enum rc rc = sql_open(srv->config->database, &o, &st->db, e);
    if (!rc && (!(st->paths = uri_table_create(st->db)) || !(st->catalog = authorities_create(srv, st->db)) ||
                !(st->described = device_ddf_create(srv, st->db, st->catalog)) ||
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
    device_ddf_destroy(st->described);
    authorities_destroy(st->catalog);
    uri_table_destroy(st->paths);
    sql_close(st->db);
    attributes_finish(&st->attributes);
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
struct authorities *store_catalog(struct store *st)
{
    return st->catalog;
}
struct attributes *store_attributes(struct store *st)
{
    return &st->attributes;
}
const struct server *store_server(const struct store *st)
{
    return st->srv;
}

enum rc store_refresh(struct store *st, struct err *e)
{
    uri_table_trim(st->paths);
    device_ddf_refresh(st->described);
    return authorities_refresh(st->catalog, e);
}

enum rc store_begin(struct store *st, struct err *e)
{
    if (sql_in_transaction(st->db)) return RC_OK;
    st->next_operation = st->next_session = 0;
    enum rc rc = sql_begin(st->db, true, e);
    return rc ? rc : store_refresh(st, e);
}

enum rc store_operation_number(struct store *st, int64_t *id, struct err *e)
{
    enum rc rc = st->next_operation ? RC_OK : db_operation_number(st->db, &st->next_operation, e);
    if (!rc) *id = st->next_operation++;
    return rc;
}

enum rc store_session_number(struct store *st, int64_t *row, struct err *e)
{
    enum rc rc = st->next_session ? RC_OK : db_session_number(st->db, &st->next_session, e);
    if (!rc) *row = st->next_session++;
    return rc;
}

/* ---- device ---- */

static enum rc open_secret(struct store *st, struct str device, struct secret *s, int which, struct str sealed,
                           struct err *e)
{
    if (sealed.n != SECRET_HA1_BYTES) return err_set(e, RC_INTERNAL, "sealed credentials have %zu octets", sealed.n);
    enum rc rc = credentials_open_ha1(st->srv->secret_key, device, which ? "server" : "client", sealed, s->ha1[which],
                                      e);
    if (!rc) memcpy(s->sealed[which], sealed.p, sealed.n);
    return rc;
}

static bool holds(const struct secret *s, int64_t device, struct str client, struct str server)
{
    return s->device == device && client.n == SECRET_HA1_BYTES && server.n == SECRET_HA1_BYTES &&
           memcmp(s->sealed[0], client.p, client.n) == 0 && memcmp(s->sealed[1], server.p, server.n) == 0;
}

/* @param x  its texts must live as long as d */
static enum rc take_account(struct store *st, const struct db_account *x, int64_t now_ms, struct arena *a,
                            struct dm_device *d, struct err *e)
{
    struct sml_account *acc = &d->account;
    struct secret *s = &st->secrets[(uint64_t)d->id % STORE_SECRETS];

    if (!holds(s, d->id, x->client_ha1, x->server_ha1)) {
        s->device = 0;
        enum rc rc = open_secret(st, d->name, s, 0, x->client_ha1, e);
        if (!rc) rc = open_secret(st, d->name, s, 1, x->server_ha1, e);
        if (rc) return rc;
        s->device = d->id;
    }
    acc->auth = str_is(x->auth, "basic") ? SML_AUTH_BASIC : str_is(x->auth, "mac") ? SML_AUTH_MAC : SML_AUTH_MD5;
    acc->resync = x->resync_until_ms > now_ms && !x->resynchronised;
    acc->challenges_used = x->challenges_used;
    acc->client_nonce = x->client_nonce;
    acc->server_nonce = x->server_nonce;
    acc->client_name = x->client_name;
    acc->server_name = x->server_name;
    if (!arena_str(a, (struct str){ s->ha1[0], SML_HA1_BYTES }, &acc->client_ha1) ||
        !arena_str(a, (struct str){ s->ha1[1], SML_HA1_BYTES }, &acc->server_ha1))
        return err_set(e, RC_NOMEM, "no memory for an account");
    return RC_OK;
}

enum rc store_place(const struct store *st, struct dm_device *d, struct arena *a, struct err *e)
{
    const struct ddf_layout *model = server_layout(st->srv, d->layout_mo);
    enum rc rc = RC_OK;
    d->layout = model;
    if (model && (d->mo_root.n || d->mo_images.n))
        rc = ddf_layout_at(model, d->mo_root, d->mo_images, a, &d->layout, e);
    if (rc != RC_INVALID) return rc;
    d->mo_root = d->mo_images = (struct str){ 0 };
    return RC_OK;
}

enum rc store_find_device(struct store *st, const struct authority *au, struct str name, int64_t now_ms,
                          struct arena *a, struct dm_device *out, struct err *e)
{
    struct db_account x;
    enum rc rc = db_account_find(st->db, au->id, name, a, &x, e);
    if (rc) return rc;
    *out = (struct dm_device){ .id = x.device,
                               .generation = x.generation,
                               .observed_generation = x.observed_generation,
                               .settled_token = x.settled_token,
                               .layout_mo = x.layout_mo,
                               .mo_root = x.mo_root,
                               .mo_images = x.mo_images,
                               .devinfo_hash = x.devinfo_hash,
                               .next_kpi_ms = x.next_kpi_ms,
                               .user_agent = x.user_agent,
                               .remote = x.remote,
                               .certificate_until_ms = x.certificate_until_ms,
                               .authority = au->id,
                               .au = au,
                               .authority_name = au->name,
                               .server_id = au->server_id,
                               .record = x.record,
                               .booked = x.booked,
                               .booked_ms = x.booked_ms,
                               .alerts_left = x.alerts_left,
                               .alerts_ms = x.alerts_ms };
    if (!arena_str(a, name, &out->name)) return err_set(e, RC_NOMEM, "no memory for a device");
    rc = store_place(st, out, a, e);
    return rc ? rc : take_account(st, &x, now_ms, a, out, e);
}

enum rc store_load_rest(struct store *st, struct dm_device *d, struct arena *a, struct err *e)
{
    struct db_device_state x;
    enum rc rc = db_device_state_find(st->db, d->id, a, &x, e);
    if (rc) return rc;
    d->mirror_read = x.mirror_read;
    d->lists = (enum dm_lists)x.lists;
    d->list_unsupported = d->lists == DM_LISTS_UNSUPPORTED;
    d->large_objects = x.large_objects;
    d->summary = x.summary;
    d->summary_why = x.summary_why;
    d->summary_ms = x.summary_ms;
    d->title = x.title;
    d->created_ms = x.created_ms;
    d->planned_generation = x.planned_generation;
    d->careful = x.careful;
    return RC_OK;
}

enum rc store_load_device(struct store *st, struct str authority, struct str name, int64_t now_ms, struct arena *a,
                          struct dm_device *out, struct err *e)
{
    enum rc rc = store_refresh(st, e);
    if (rc) return rc;
    const struct authority *au = authorities_find(st->catalog, authority);
    rc = au ? store_find_device(st, au, name, now_ms, a, out, e) : RC_NOT_FOUND;
    return rc ? rc : store_load_rest(st, out, a, e);
}

enum rc store_load_device_id(struct store *st, int64_t id, int64_t now_ms, struct arena *a, struct dm_device *out,
                             struct err *e)
{
    const struct authority *au = NULL;
    struct str name = { 0 };
    int64_t authority = 0;
    enum rc rc = store_refresh(st, e);
    if (!rc) rc = db_device_state_name(st->db, id, a, &authority, &name, e);
    if (!rc && !(au = authorities_find_id(st->catalog, authority)))
        rc = err_set(e, RC_INTERNAL, "the authority of a device is missing");
    if (!rc) rc = store_find_device(st, au, name, now_ms, a, out, e);
    return rc ? rc : store_load_rest(st, out, a, e);
}

/* ---- facts ---- */

void *store_more(struct arena *a, void *list, size_t n, size_t size)
{
    if (n & (n - 1) || (n && n < 8)) return list; /* capacity 8, then doubled at each power of two */
    void *bigger = arena_alloc(a, (n ? n * 2 : 8) * size);
    if (bigger && n) memcpy(bigger, list, n * size);
    return bigger;
}

enum rc store_publish_facts(struct store *st, struct err *e)
{
    const struct attribute_nodes *f = NULL;
    enum rc rc = db_fact_clear(st->db, e);
    for (size_t i = 0; !rc && i < st->srv->n_layouts; i++) {
        rc = attributes_nodes(&st->attributes, st->srv->layouts[i], &f, e);
        for (size_t k = 0; !rc && k < f->n; k++) {
            int64_t path = 0;
            rc = uri_table_id(st->paths, f->row[k].uri, f->row[k].hash, &path, e);
            if (!rc) rc = db_fact_put(st->db, path, f->row[k].name, e);
        }
    }
    return rc;
}

enum rc store_load_attribute_rows(struct store *st, int64_t device, struct arena *a, struct pol_attribute **out,
                                  size_t *n, struct err *e)
{
    struct pol_attribute *list = NULL;
    struct sql_rows *r = NULL;
    size_t k = 0;
    struct db_attribute x;
    enum rc rc = db_attribute_list_own(st->db, device, &r, e);
    while (!rc && (rc = db_attribute_next(r, &x, e)) == RC_OK)
        if (!(list = store_more(a, list, k, sizeof *list)) || !arena_str(a, x.name, &list[k].name) ||
            !arena_str(a, x.value, &list[k++].value))
            rc = err_set(e, RC_NOMEM, "no memory for attributes");
    sql_end(r);
    if (rc != RC_NOT_FOUND) return rc;
    *out = list;
    *n = k;
    return RC_OK;
}

/* ---- description ---- */

enum rc store_schema(struct store *st, const struct authority *au, const struct device_kind *kind,
                     const struct ddf_schema **out, struct err *e)
{
    return device_ddf_find(st->described, au, kind, out, e);
}

enum rc store_has_descriptions(struct store *st, const struct authority *au, bool *out, struct err *e)
{
    return device_ddf_any(st->described, au, out, e);
}

static struct str attribute(const struct pol_facts *f, const char *name)
{
    for (size_t i = 0; i < f->n_attrs; i++)
        if (str_is(f->attrs[i].name, name)) return f->attrs[i].value;
    return (struct str){ 0 };
}

enum rc store_load_schema(struct store *st, const struct dm_device *d, struct pol_facts *f, struct err *e)
{
    const struct device_kind kind = { attribute(f, "devinfo.man"), attribute(f, "devinfo.mod"), d->layout_mo,
                                      d->mo_root, d->mo_images };
    return store_schema(st, d->au, &kind, &f->schema, e);
}

/* Whether an operation's target state matters to the plan, because it may conflict with a policy. */
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

/* Candidates for user operations, newest first. */
struct by_hand {
    struct db_operation_by_hand *row;
    size_t n;
};

static enum rc put_by_hand(struct by_hand *l, const struct db_operation_by_hand *x, struct arena *a, struct err *e)
{
    size_t at = l->n;
    struct db_operation_by_hand row = *x;
    if (!(l->row = store_more(a, l->row, l->n, sizeof *l->row)) || !arena_str(a, x->owner, &row.owner) ||
        !arena_str(a, x->kind, &row.kind) || !arena_str(a, x->created_by, &row.created_by))
        return err_set(e, RC_NOMEM, "no memory for operations");
    for (; at && l->row[at - 1].id < x->id; at--) l->row[at] = l->row[at - 1];
    l->row[at] = row;
    l->n++;
    return RC_OK;
}

/* Operations that these changes verify. */
static enum rc verified_now(struct store *st, const struct dm_changes *c, struct by_hand *l, struct arena *a,
                            struct err *e)
{
    enum rc rc = RC_OK;
    for (const struct dm_operation *op = c ? c->operations.first : NULL; op && !rc; op = op->next) {
        struct db_operation_by_hand x;
        if (op->what != DM_OPERATION_MOVE || dm_changes_of_operation(c, op->move.id) != &op->move ||
            !str_is(op->move.state, "verified"))
            continue;
        rc = db_operation_by_hand_find(st->db, op->move.id, a, &x, e);
        if (!rc)
            rc = put_by_hand(l, &x, a, e);
        else if (rc == RC_NOT_FOUND) /* a policy's operation, or not on a VM */
            rc = RC_OK;
    }
    return rc;
}

enum rc store_load_holds(struct store *st, const struct dm_device *d, const struct dm_changes *c, struct arena *a,
                         struct pol_facts *f, struct err *e)
{
    struct by_hand all = { 0 };
    struct pol_hold *list = NULL;
    struct sql_rows *r = NULL;
    struct db_operation_by_hand x;
    size_t n = 0;
    enum rc rc = db_operation_by_hand(st->db, d->id, &r, e);
    while (!rc && (rc = db_operation_by_hand_next(r, &x, e)) == RC_OK)
        if (!c || !dm_changes_of_operation(c, x.id)) rc = put_by_hand(&all, &x, a, e);
    sql_end(r);
    if (rc == RC_NOT_FOUND) rc = verified_now(st, c, &all, a, e);
    if (rc) return rc;
    for (size_t i = 0; i < all.n; i++) {
        const struct db_operation_by_hand *o = &all.row[i];
        if (!by_hand_matters(d->layout, list, n, o->owner, o->kind)) continue;
        if (!(list = store_more(a, list, n, sizeof *list))) return err_set(e, RC_NOMEM, "no memory for operations");
        list[n++] = (struct pol_hold){
            .vm = o->owner, .kind = o->kind, .by = o->created_by, .operation = o->id, .at_ms = o->created_ms
        };
    }
    f->holds = list;
    f->n_holds = n;
    return RC_OK;
}

static const struct pol_policy *named(const struct pol_policy *list, struct str name)
{
    while (list && !str_eq(list->name, name)) list = list->next;
    return list;
}

/* For a preview: `extra` (a document file may contain several policies) as if applied now, then the stored policies
 * that it does not replace. */
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

enum rc store_load_wishes(struct store *st, const struct dm_device *d, struct pol_policy *extra, int64_t now_ms,
                          struct arena *a, struct pol_facts *out, struct err *e)
{
    message_facts(out, d, st->srv->schema, d->au->owner, now_ms);
    out->images = d->au->images;
    out->n_images = d->au->n_images;
    enum rc rc = authorities_policies(st->catalog, d->au, d->layout, &out->policies, e);
    if (!rc && extra) rc = with_extra(out->policies, extra, now_ms, a, &out->policies, e);
    return rc;
}

/* Its decrypted value. */
static enum rc open_value(const struct store *st, const struct pol_operation *op, int which, struct arena *a,
                          struct str *data, struct err *e)
{
    return credentials_open_text(st->srv->secret_key, op->correlator, which, *data, a, data, e);
}

bool store_read_operation(const struct db_operation *x, struct arena *a, struct pol_operation *out)
{
    *out = (struct pol_operation){ .id = x->id,
                                   .by_policy = x->by_policy,
                                   .scope = x->scope >= 0 && x->scope < DDF_SCOPE_COUNT ? (enum ddf_scope)x->scope
                                                                                        : DDF_DEVICE,
                                   .secret = x->secret == 1,
                                   .has_data = x->has_data,
                                   .tries = (int)x->tries,
                                   .not_before_ms = x->not_before_ms,
                                   .expires_ms = x->expires_ms,
                                   .updated_ms = x->updated_ms,
                                   .created_ms = x->created_ms };
    return pol_op_state_of(x->state, &out->state) && arena_str(a, x->kind, &out->kind) &&
           arena_str(a, x->owner, &out->owner) && arena_str(a, x->args, &out->args) &&
           arena_str(a, x->correlator, &out->correlator) && arena_str(a, x->tree_command, &out->tree_command) &&
           arena_str(a, x->tree_uri, &out->tree_uri) && arena_str(a, x->tree_format, &out->tree_format) &&
           arena_str(a, x->tree_data, &out->tree_data) && arena_str(a, x->tree_type, &out->tree_type);
}

/* The commands of an operation that has several; of one that has gone out, also what was looked at for it. */
static enum rc load_items(struct store *st, struct pol_operation *op, struct arena *a, struct err *e)
{
    struct sql_rows *r = NULL;
    bool looked_after = str_is(op->kind, "tree") && op->tries > 0;
    if (!pol_is_group(op) && !str_is(op->tree_command, "acl") && !looked_after) return RC_OK;
    struct db_operation_item x;
    enum rc rc = db_operation_item_list(st->db, op->id, &r, e);
    while (!rc && op->n_items < STORE_ITEMS && (rc = db_operation_item_next(r, &x, e)) == RC_OK) {
        struct pol_item *it = NULL;
        if ((op->items = store_more(a, op->items, op->n_items, sizeof *op->items)) != NULL)
            it = &op->items[op->n_items++];
        if (it)
            *it = (struct pol_item){ .secret = x.secret == 1,
                                     .has_data = x.has_data,
                                     .code = (int)x.code,
                                     .seen_code = (int)x.seen_code,
                                     .seen_ms = x.seen_ms,
                                     .changed = x.changed,
                                     .changed_by = x.changed_by };
        if (!it || !arena_str(a, x.command, &it->command) || !arena_str(a, x.uri, &it->uri) ||
            !arena_str(a, x.format, &it->format) || !arena_str(a, x.type, &it->type) ||
            !arena_str(a, x.data, &it->data) || !arena_str(a, x.seen, &it->seen))
            rc = err_set(e, RC_NOMEM, "no memory for the commands of an operation");
        else if (it->secret)
            rc = open_value(st, op, (int)op->n_items, a, &it->data, e);
    }
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc store_load_mirror(struct mirror *m, struct sql *db, struct paths *paths, int64_t device, struct err *e)
{
    struct sql_rows *r = NULL;
    struct db_node x;
    enum rc rc = db_node_list(db, device, &r, e);
    while (!rc && (rc = db_node_next(r, &x, e)) == RC_OK) {
        struct str uri;
        uint64_t hash = 0;
        rc = uri_table_uri(paths, x.path, &uri, &hash, e);
        if (rc == RC_NOT_FOUND) rc = RC_INTERNAL;
        if (!rc && !mirror_add_row(m, uri, hash, &x)) rc = err_set(e, RC_NOMEM, "no memory for the mirror of a device");
    }
    sql_end(r);
    if (rc != RC_NOT_FOUND) return rc;
    mirror_rows_end(m);
    return RC_OK;
}

enum rc store_load_operations(struct store *st, int64_t device, struct arena *a, struct pol_operation **out, size_t *n,
                              struct err *e)
{
    struct pol_operation *list = NULL;
    struct sql_rows *r = NULL;
    size_t k = 0;
    struct db_operation x;
    enum rc rc = db_operation_open(st->db, device, &r, e);
    while (!rc && k < STORE_OPERATIONS && (rc = db_operation_next(r, &x, e)) == RC_OK)
        if (!(list = store_more(a, list, k, sizeof *list)) || !store_read_operation(&x, a, &list[k++]))
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

enum rc store_load_failures(struct store *st, const struct dm_device *d, struct arena *a, struct pol_failure **out,
                            size_t *n, struct err *e)
{
    struct pol_failure *list = NULL;
    struct sql_rows *r = NULL;
    size_t k = 0;
    struct db_failure x;
    enum rc rc = db_failure_list(st->db, d->id, &r, e);
    while (!rc && k < STORE_FAILURES && (rc = db_failure_next(r, &x, e)) == RC_OK) {
        if (!(list = store_more(a, list, k, sizeof *list)) || !arena_str(a, x.key, &list[k].key)) {
            rc = err_set(e, RC_NOMEM, "no memory for failures");
        } else {
            list[k].code = (int)x.code;
            list[k].tries = (int)x.tries;
            list[k].at_ms = x.at_ms;
            list[k++].retry_ms = x.retry_ms;
        }
    }
    sql_end(r);
    if (rc && rc != RC_NOT_FOUND) return rc;
    *out = list;
    *n = k;
    return RC_OK;
}

enum rc store_load_wishes_before(struct store *st, const struct dm_device *d, struct arena *a, struct pol_wish **out,
                                 size_t *n, struct err *e)
{
    struct pol_wish *list = NULL;
    struct sql_rows *r = NULL;
    size_t k = 0;
    struct db_wish x;
    enum rc rc = db_wish_list(st->db, d->id, &r, e);
    while (!rc && (rc = db_wish_next(r, &x, e)) == RC_OK) {
        if ((list = store_more(a, list, k, sizeof *list)) && arena_str(a, x.uri, &list[k].uri) &&
            arena_str(a, x.hash, &list[k].hash))
            list[k++].since_ms = x.since_ms;
        else
            rc = err_set(e, RC_NOMEM, "no memory for the former desired state");
    }
    sql_end(r);
    if (rc && rc != RC_NOT_FOUND) return rc;
    *out = list;
    *n = k;
    return RC_OK;
}

enum rc store_load_facts(struct store *st, const struct dm_device *d, struct pol_policy *extra, int64_t now_ms,
                         struct arena *a, struct pol_facts *out, struct err *e)
{
    struct pol_mirror_node *nodes = NULL;
    struct pol_operation *operations = NULL;
    struct pol_failure *failures = NULL;
    struct mirror m;
    struct pol_wish *wishes = NULL;
    struct pol_set *sets = NULL;
    struct pol_attribute *rows = NULL;
    size_t n_rows = 0, n_nodes = 0, n_operations = 0, n_failures = 0;

    mirror_init(&m, a);
    enum rc rc = store_load_wishes(st, d, extra, now_ms, a, out, e);
    if (!rc) rc = store_load_holds(st, d, NULL, a, out, e);
    if (!rc) rc = store_load_mirror(&m, st->db, st->paths, d->id, e);
    if (!rc) rc = store_load_attribute_rows(st, d->id, a, &rows, &n_rows, e);
    if (!rc) rc = attributes_of_device(&st->attributes, d, rows, n_rows, &m, a, out, e);
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
