/* SPDX-License-Identifier: Apache-2.0 */
#include "db/description.h"
#include "server/api/describe.h"
#include "server/store/replan.h"
#include "server/core/ddf_cache.h"

#include <inttypes.h>
#include <string.h>

/* Uploaded device descriptions (DDF), of any vendor. */

enum { NAME_BYTES = 100, MATCH_BYTES = 200, OBJECTS = 50, FILES = 1000 };

struct description_facts {
    int64_t nodes;
    unsigned n_objects;
    struct buf objects;
};

static json_t *row_json(const struct db_description *v)
{
    json_t *j = json_object(), *list = json_array();
    struct str rest = v->objects, one;
    json_put_str(j, "name", v->name);
    json_put_str(j, "authority", v->authority_name);
    json_put_str(j, "manufacturer", v->man);
    json_put_str(j, "model", v->mod);
    json_put_str(j, "object", v->mo);
    while (str_cut(&rest, '\n', &one))
        if (one.n) json_array_append_new(list, json_put_text(one));
    json_object_set_new(j, "objects", list);
    json_put_int(j, "nodes", v->nodes);
    json_put_int(j, "bytes", v->bytes);
    json_put_time(j, "created", v->created_ms);
    json_put_str(j, "createdBy", v->created_by);
    return j;
}

static enum rc list(struct call *c)
{
    struct page p;
    struct sql_rows *r = NULL;
    struct db_description v;
    enum rc rc = api_page_begin(c, 0, &p);
    if (rc) return rc;
    rc = db_description_list(c->db, c->scope, p.cursor, p.limit + 1, &r, &c->e);
    while (!rc && (rc = db_description_next(r, &v, &c->e)) == RC_OK) {
        if (!api_page_more(&p, v.id)) break;
        json_array_append_new(p.items, row_json(&v));
    }
    sql_end(r);
    return api_page_end(c, &p, rc);
}

static enum rc find(struct call *c, struct str name, int64_t scope, int64_t *id, int64_t *authority, json_t **out)
{
    struct db_description v;
    bool several = false;
    enum rc rc = db_description_find(c->db, scope, name, c->a, &v, &several, &c->e);
    if (rc) return rc;
    *id = v.id;
    *authority = v.authority;
    if (several)
        return api_refuse(c, 409, "Which authority?", NULL,
                          "several authorities have a description \"%.*s\": add ?authority=", STR_ARG(name));
    *out = row_json(&v);
    return RC_OK;
}

static enum rc get(struct call *c)
{
    json_t *j = NULL;
    int64_t id = 0, authority;
    struct sql_rows *r = NULL;
    bool document = str_starts(http_header(c->r, "Accept"), STR("application/xml"));
    enum rc rc = find(c, c->param[0], c->scope, &id, &authority, &j);
    if (rc == RC_NOT_FOUND) return api_missing(c, "description", c->param[0]);
    if (rc || !document) return rc ? rc : api_answer(c, 200, j);
    json_decref(j);
    struct db_description_text v;
    rc = db_description_text(c->db, id, &r, &c->e);
    if (!rc) rc = db_description_next_text(r, &v, &c->e);
    if (!rc) rc = api_answer_text(c, "application/xml", v.data);
    sql_end(r);
    return rc;
}

/* ---- upload ---- */

/* Walk the tree without recursion, by the nodes' parents. */
static void look(const struct ddf_node *root, struct description_facts *f)
{
    for (const struct ddf_node *n = root->first; n;) {
        f->nodes++;
        if (n->ddf_name.n && f->n_objects < OBJECTS) {
            f->n_objects++;
            buf_put(&f->objects, n->ddf_name);
            buf_byte(&f->objects, '\n');
        }
        if (n->first) {
            n = n->first;
            continue;
        }
        while (n != root && !n->next) n = n->parent;
        n = n == root ? NULL : n->next;
    }
}

/* Add a file's mistake to `errors`. @param pointer  which of several files, or empty */
static void add_error(const struct err *e, struct str pointer, json_t *errors)
{
    json_t *one = json_object();
    if (e->line) json_put_int(one, "line", e->line);
    if (e->column) json_put_int(one, "column", e->column);
    json_put_str(one, "detail", str_of(e->text));
    json_put_strn(one, "pointer", pointer);
    json_array_append_new(errors, one);
}

/* Answer with the list of errors; the first one also becomes the answer's detail. Takes errors. */
static enum rc no_description(struct call *c, json_t *errors)
{
    const json_t *first = json_array_get(errors, 0);
    json_t *j = json_object();
    json_put_str(j, "type", STR("about:blank"));
    json_put_str(j, "title", STR("Not a device description"));
    json_put_int(j, "status", 422);
    json_object_set(j, "detail", json_object_get(first, "detail"));
    if (json_object_get(first, "pointer")) json_object_set(j, "pointer", json_object_get(first, "pointer"));
    json_object_set_new(j, "errors", errors);
    api_answer(c, 422, j);
    c->reply->n_headers = 0;
    http_reply_header(c->reply, "Content-Type", STR("application/problem+json"));
    return RC_DENIED;
}

struct uploaded {
    struct description_file *files;
    struct description_facts *facts;
    size_t n;
    bool several;
};

static bool is_of_file(enum rc rc)
{
    return rc == RC_PARSE || rc == RC_INVALID || rc == RC_LIMIT || rc == RC_UNSUPPORTED;
}

static struct str pointer_of(struct call *c, const struct uploaded *u, size_t i)
{
    return u->several ? arena_printf(c->a, "/descriptions/%zu/document", i) : (struct str){ 0 };
}

/* Check each text alone, to report all mistakes at once. */
static enum rc check_each(struct call *c, struct uploaded *u, json_t *errors)
{
    for (size_t i = 0; i < u->n; i++) {
        struct err e = { 0 };
        struct ddf_schema *s = ddf_schema_create();
        enum rc rc = s ? ddf_schema_load(s, u->files[i].text, arena_strz(c->a, u->files[i].name), &e) : RC_NOMEM;
        if (!rc) look(ddf_schema_find(s, STR(".")), &u->facts[i]);
        ddf_schema_destroy(s);
        if (rc && !is_of_file(rc)) return err_set(&c->e, rc, "%s", e.text);
        if (rc) add_error(&e, pointer_of(c, u, i), errors);
    }
    return RC_OK;
}

/* Check each text alone, then all of them merged with the related descriptions. */
static enum rc check(struct call *c, int64_t authority, const struct device_kind *kind, struct uploaded *u)
{
    size_t wrong = 0;
    json_t *errors = json_array();
    enum rc rc = check_each(c, u, errors);
    if (!rc && !json_array_size(errors)) {
        rc = describe_try(c, authority, kind, u->files, u->n, &wrong);
        if (is_of_file(rc)) {
            add_error(&c->e, pointer_of(c, u, wrong), errors);
            rc = RC_OK;
        }
    }
    if (!rc && json_array_size(errors)) return no_description(c, errors);
    json_decref(errors);
    return rc;
}

static struct str text_of(const json_t *j, const char *key)
{
    return str_of(json_string_value(json_object_get(j, key)));
}

/* Replan the devices to which the description applies or applied, and drop merged sets that contain the old one. */
static enum rc plan_anew(struct call *c, int64_t authority, int64_t id, const json_t *j, const char *what)
{
    const struct device_kind kind = { .man = text_of(j, "manufacturer"),
                                      .mod = text_of(j, "model"),
                                      .mo = text_of(j, "object") };
    struct str why = arena_printf(c->a, "description %.*s %s", STR_ARG(text_of(j, "name")), what);
    ddf_cache_forget(c->api->srv->schemas, id);
    return replan_ask(c->db, authority, &kind, why, &c->e);
}

/* Runs inside the transaction. */
static enum rc put(struct call *c, int64_t authority, struct str authority_name, const struct device_kind *kind,
                   const struct description_file *d, const struct description_facts *f, json_t **out, bool *fresh)
{
    json_t *before = NULL;
    int64_t old = 0, at;
    enum rc rc = find(c, d->name, authority, &old, &at, &before);
    *fresh = rc == RC_NOT_FOUND;
    if (!rc) rc = plan_anew(c, authority, old, before, "replaced");
    if (!rc)
        rc = db_description_delete(c->db, old, &c->e);
    else if (*fresh)
        rc = RC_OK;
    const struct db_description v = { .authority = authority,
                                      .name = d->name,
                                      .man = kind->man,
                                      .mod = kind->mod,
                                      .mo = kind->mo,
                                      .objects = buf_str(&f->objects),
                                      .nodes = f->nodes,
                                      .bytes = (int64_t)d->text.n,
                                      .data = d->text,
                                      .created_ms = c->w.now_ms,
                                      .created_by = c->who };
    if (!rc) rc = db_description_add(c->db, &v, &c->e);
    if (!rc) rc = find(c, d->name, authority, &old, &at, out);
    if (!rc)
        rc = api_audit(c, authority, "description.put",
                       arena_printf(c->a, "descriptions/%.*s/%.*s", STR_ARG(authority_name), STR_ARG(d->name)), before,
                       *out);
    json_decref(before);
    return rc;
}

/* Store all of them or none, and replan the devices once. */
static enum rc put_all(struct call *c, int64_t authority, struct str authority_name, const struct device_kind *kind,
                       const struct uploaded *u, json_t *items, bool *fresh)
{
    enum rc rc = api_write_begin(c);
    *fresh = false;
    for (size_t i = 0; !rc && i < u->n; i++) {
        json_t *j = NULL;
        bool one = false;
        rc = put(c, authority, authority_name, kind, &u->files[i], &u->facts[i], &j, &one);
        *fresh |= one;
        if (j) json_array_append_new(items, j);
    }
    return rc ? rc : plan_anew(c, authority, 0, json_array_get(items, 0), *fresh ? "uploaded" : "replaced");
}

static enum rc check_name(struct call *c, struct str name, const char *pointer, const char *what)
{
    if (name.n && name.n <= NAME_BYTES && str_find(name, '/', 0) == name.n) return RC_OK;
    return api_refuse(c, 400, "Bad request", pointer, "%s: 1 to %d bytes without '/'", what, NAME_BYTES);
}

static enum rc upload_all(struct call *c, struct uploaded *u, json_t *items, bool *fresh)
{
    const struct device_kind kind = { .man = api_query(c, "manufacturer"),
                                      .mod = api_query(c, "model"),
                                      .mo = api_query(c, "object") };
    struct str found, server_id;
    int64_t authority = 0;
    if (kind.man.n > MATCH_BYTES || kind.mod.n > MATCH_BYTES || kind.mo.n > MATCH_BYTES)
        return api_refuse(c, 400, "Bad request", NULL, "manufacturer, model and object have at most %d bytes",
                          MATCH_BYTES);
    if (!(u->facts = ARENA_ARRAY(c->a, struct description_facts, u->n))) return err_set(&c->e, RC_NOMEM, "no memory");
    for (size_t i = 0; i < u->n; i++) buf_init(&u->facts[i].objects, 64 << 10);
    enum rc rc = api_authority_for(c, (struct str){ 0 }, NULL, &authority, &found, &server_id);
    if (!rc) rc = check(c, authority, &kind, u);
    if (!rc) rc = put_all(c, authority, found, &kind, u, items, fresh);
    for (size_t i = 0; i < u->n; i++) buf_finish(&u->facts[i].objects);
    return rc;
}

static enum rc upload(struct call *c)
{
    struct description_file file = { api_query(c, "name"), c->r->body };
    struct uploaded u = { .files = &file, .n = 1 };
    json_t *items = json_array();
    bool fresh = false;
    enum rc rc = check_name(c, file.name, "/name", "query parameter name");
    if (!rc) rc = upload_all(c, &u, items, &fresh);
    if (!rc) rc = api_answer(c, fresh ? 201 : 200, json_incref(json_array_get(items, 0)));
    json_decref(items);
    return rc;
}

/* {"descriptions": [{"name", "document"}]} */
static enum rc read_files(struct call *c, const json_t *list, struct uploaded *u)
{
    u->n = json_array_size(list);
    u->several = true;
    if (!u->n || u->n > FILES)
        return api_refuse(c, 400, "Bad request", "/descriptions", "1 to %d descriptions at once", FILES);
    if (!(u->files = ARENA_ARRAY(c->a, struct description_file, u->n))) return err_set(&c->e, RC_NOMEM, "no memory");
    for (size_t i = 0; i < u->n; i++) {
        struct description_file *d = &u->files[i];
        const struct field fields[] = { { "name", FIELD_TEXT, true, NAME_BYTES, &d->name, NULL },
                                        { "document", FIELD_TEXT, true, DDF_BYTES, &d->text, NULL } };
        const struct str base = arena_printf(c->a, "/descriptions/%zu", i);
        const struct str pointer = arena_printf(c->a, "%.*s/name", STR_ARG(base));
        if (!json_is_object(json_array_get(list, i)))
            return api_refuse(c, 400, "Bad request", base.p, "must be an object with name and document");
        enum rc rc = json_fields(json_array_get(list, i), base.p, fields, sizeof fields / sizeof fields[0], &c->e);
        if (!rc) rc = check_name(c, d->name, pointer.p, "name");
        for (size_t k = 0; !rc && k < i; k++)
            if (str_eq(u->files[k].name, d->name))
                rc = api_refuse(c, 400, "Bad request", pointer.p, "duplicate description name \"%.*s\"",
                                STR_ARG(d->name));
        if (rc) return rc;
    }
    return RC_OK;
}

static enum rc upload_batch(struct call *c)
{
    json_t *body = NULL, *list = NULL, *items = json_array(), *out = json_object();
    const struct field fields[] = { { "descriptions", FIELD_LIST, true, 0, &list, NULL } };
    struct uploaded u = { .n = 0 };
    bool fresh = false;
    enum rc rc = json_read(c->r->body, &body, &c->e);
    if (!rc) rc = json_fields(body, "", fields, sizeof fields / sizeof fields[0], &c->e);
    if (!rc) rc = read_files(c, list, &u);
    if (!rc) rc = upload_all(c, &u, items, &fresh);
    json_object_set(out, "items", items);
    if (!rc) rc = api_answer(c, fresh ? 201 : 200, json_incref(out));
    json_decref(out);
    json_decref(items);
    json_decref(body);
    return rc;
}

static enum rc drop(struct call *c)
{
    json_t *j = NULL;
    int64_t id = 0, authority = 0;
    enum rc rc = api_write_begin(c);
    if (!rc) rc = find(c, c->param[0], c->scope, &id, &authority, &j);
    if (rc == RC_NOT_FOUND) return api_missing(c, "description", c->param[0]);
    if (!rc) rc = db_description_delete(c->db, id, &c->e);
    if (!rc) rc = plan_anew(c, authority, id, j, "deleted");
    if (!rc)
        rc = api_audit(c, authority, "description.delete",
                       arena_printf(c->a, "descriptions/%.*s", STR_ARG(c->param[0])), j, NULL);
    json_decref(j);
    return rc ? rc : api_answer_nothing(c);
}

const struct route routes_descriptions[] = {
    { "GET", "/api/v1/descriptions", ROLE_VIEWER, list },
    { "POST", "/api/v1/descriptions", ROLE_ADMIN, upload },
    { "POST", "/api/v1/descriptions:batch", ROLE_ADMIN, upload_batch },
    { "GET", "/api/v1/descriptions/{name}", ROLE_VIEWER, get },
    { "DELETE", "/api/v1/descriptions/{name}", ROLE_ADMIN, drop },
    { NULL, NULL, ROLE_NONE, NULL },
};
