#include "server/api/describe.h"

#include "ddf/uri.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct describe {
    struct {
        char key[DESCRIBE_KEY_BYTES];
        struct ddf_schema *schema;
        uint64_t used;
    } row[DESCRIBE_SCHEMAS];
    uint64_t clock;
};

enum rc describe_create(struct describe **out, struct err *e)
{
    *out = calloc(1, sizeof **out);
    return *out ? RC_OK : err_set(e, RC_NOMEM, "no memory for descriptions");
}

void describe_destroy(struct describe *d)
{
    for (size_t i = 0; d && i < DESCRIBE_SCHEMAS; i++) ddf_schema_destroy(d->row[i].schema);
    free(d);
}

/* ---- merging ---- */

static enum rc load_one(struct call *c, struct ddf_schema *s, int64_t id)
{
    struct sql_rows *r = NULL;
    enum rc rc = one_row(c, API_DESCRIPTION_DATA, SQL_ARGS({ "id", SQL_I(id) }), &r);
    if (!rc) rc = ddf_schema_load(s, sql_text(r, 1), arena_strz(c->a, sql_text(r, 0)), &c->e);
    sql_end(r);
    return rc;
}

static enum rc base_schema(struct call *c, struct ddf_schema **out)
{
    struct arena a;
    arena_init(&a, DESCRIBE_ARENA_BYTES);
    enum rc rc = server_schema(c->api->srv->config, &a, out, &c->e);
    arena_finish(&a);
    return rc;
}

/* "3,7,12,": which descriptions are for this device. */
static enum rc key_of(struct call *c, const struct device_row *d, char key[DESCRIBE_KEY_BYTES])
{
    struct sql_rows *r = NULL;
    size_t n = 0;
    key[0] = '\0';
    enum rc rc = sql_start(c->db, API_DESCRIPTIONS_FOR,
                           SQL_ARGS({ "authority", SQL_I(d->authority) }, { "device", SQL_I(d->id) }), &r, &c->e);
    while (!rc && (rc = sql_step(r, &c->e)) == RC_OK) {
        int k = snprintf(key + n, DESCRIBE_KEY_BYTES - n, "%" PRId64 ",", sql_int(r, 0));
        if (k < 0 || (size_t)k >= DESCRIBE_KEY_BYTES - n)
            rc = err_set(&c->e, RC_LIMIT, "too many descriptions are meant for one device");
        else
            n += (size_t)k;
    }
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc merge(struct call *c, const char *key, struct ddf_schema **out)
{
    struct str rest = str_of(key), one;
    struct ddf_schema *s = NULL;
    int64_t id;
    enum rc rc = base_schema(c, &s);
    while (!rc && str_cut(&rest, ',', &one))
        if (str_to_i64(one, &id)) rc = load_one(c, s, id);
    if (rc)
        ddf_schema_destroy(s);
    else
        *out = s;
    return rc;
}

enum rc describe_schema(struct call *c, const struct device_row *d, const struct ddf_schema **out)
{
    struct describe *all = c->api->describe;
    char key[DESCRIBE_KEY_BYTES];
    size_t oldest = 0;
    enum rc rc = key_of(c, d, key);
    *out = c->api->srv->schema;
    if (rc || !key[0]) return rc;
    for (size_t i = 0; i < DESCRIBE_SCHEMAS; i++) {
        if (all->row[i].schema && strcmp(all->row[i].key, key) == 0) {
            all->row[i].used = ++all->clock;
            *out = all->row[i].schema;
            return RC_OK;
        }
        if (all->row[i].used < all->row[oldest].used) oldest = i;
    }
    struct ddf_schema *s = NULL;
    rc = merge(c, key, &s);
    if (rc) return rc;
    ddf_schema_destroy(all->row[oldest].schema);
    all->row[oldest].schema = s;
    all->row[oldest].used = ++all->clock;
    memcpy(all->row[oldest].key, key, sizeof key);
    *out = s;
    return RC_OK;
}

enum rc describe_try(struct call *c, int64_t authority, struct str name, struct str text)
{
    struct sql_rows *r = NULL;
    struct ddf_schema *s = NULL;
    enum rc rc = base_schema(c, &s);
    if (!rc) rc = sql_start(c->db, API_DESCRIPTIONS_DATA, SQL_ARGS({ "authority", SQL_I(authority) }), &r, &c->e);
    while (!rc && (rc = sql_step(r, &c->e)) == RC_OK)
        if (!str_eq(sql_text(r, 0), name))
            rc = ddf_schema_load(s, sql_text(r, 1), arena_strz(c->a, sql_text(r, 0)), &c->e);
    sql_end(r);
    if (rc == RC_NOT_FOUND) rc = ddf_schema_load(s, text, arena_strz(c->a, name), &c->e);
    ddf_schema_destroy(s);
    return rc;
}

/* ---- form fields ---- */

static json_t *access_json(unsigned access)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {
        { DDF_GET, "get" },       { DDF_ADD, "add" },   { DDF_REPLACE, "replace" },
        { DDF_DELETE, "delete" }, { DDF_EXEC, "exec" }, { DDF_COPY, "copy" },
    };
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (access & names[i].bit) json_array_append_new(list, json_string(names[i].name));
    return list;
}

static json_t *allowed_json(const struct ddf_allowed *al)
{
    static const char *const kinds[] = {
        [DDF_ALLOW_ANY] = "any",       [DDF_ALLOW_ENUM] = "enum",   [DDF_ALLOW_RANGE] = "range",
        [DDF_ALLOW_REGEX] = "pattern", [DDF_ALLOW_OTHER] = "other", [DDF_ALLOW_FLAGS] = "flags"
    };
    json_t *j = json_object();
    j_str(j, "kind", str_of(kinds[al->kind]));
    j_strn(j, "delimiter", al->list_delimiter);
    if (al->kind == DDF_ALLOW_RANGE) {
        j_int(j, "min", al->min);
        j_int(j, "max", al->max);
    } else if (al->kind == DDF_ALLOW_REGEX && al->n) {
        j_str(j, "pattern", al->values[0]);
    } else if (al->kind == DDF_ALLOW_ENUM || al->kind == DDF_ALLOW_FLAGS) {
        json_t *list = json_array();
        for (size_t i = 0; i < al->n; i++) {
            json_t *one = json_object();
            j_str(one, "value", al->values[i]);
            j_str(one, "label", al->labels && al->labels[i].n ? al->labels[i] : al->values[i]);
            json_array_append_new(list, one);
        }
        json_object_set_new(j, "values", list);
    }
    return j;
}

static json_t *node_json(const struct ddf_node *n)
{
    static const char *const hints[] = { [DDF_HINT_NONE] = "",
                                         [DDF_HINT_LOWEST_SAFE] = "lowest",
                                         [DDF_HINT_HIGHEST_SAFE] = "highest",
                                         [DDF_HINT_LOWEST_SAFE_ZERO_IS_NONE] = "lowest, 0 is none",
                                         [DDF_HINT_HIGHEST_SAFE_ZERO_IS_NONE] = "highest, 0 is none",
                                         [DDF_HINT_LAST_WRITE] = "last write" };
    json_t *j = json_object();
    j_str(j, "name", n->name);
    j_str(j, "title", n->title);
    j_str(j, "description", n->description);
    j_str(j, "format", str_of(ddf_format_name(n->format)));
    j_strn(j, "mime", n->mime);
    json_object_set_new(j, "access", access_json(n->access));
    json_object_set_new(j, "allowed", allowed_json(&n->allowed));
    json_object_set_new(j, "default", n->has_default ? j_text(n->default_value) : json_null());
    j_bool(j, "permanent", n->permanent);
    j_int(j, "minOccurs", n->min_occurs);
    json_object_set_new(j, "maxOccurs", n->max_occurs == UINT_MAX ? json_null() : json_integer(n->max_occurs));
    j_strn(j, "object", n->ddf_name);
    j_strn(j, "safest", str_of(hints[n->hint]));
    return j;
}

static enum rc description(struct call *c)
{
    struct device_row d;
    const struct ddf_schema *s;
    struct str uri = query(c, "uri");
    enum rc rc = device_find(c, c->param[0], &d);
    if (!rc && ddf_uri_canonical(uri.n ? uri : STR("."), c->a, &uri, &c->e))
        rc = refuse(c, 400, "Bad request", NULL, "query parameter uri: %s", c->e.text);
    if (!rc) rc = describe_schema(c, &d, &s);
    if (rc) return rc;
    const struct ddf_node *n = ddf_schema_find(s, uri);
    if (!n)
        return refuse(c, 404, "Not described", NULL,
                      "no description speaks of %.*s; POST /api/v1/descriptions takes the vendor's", STR_ARG(uri));
    json_t *j = node_json(n), *list = json_array();
    j_str(j, "uri", uri);
    for (const struct ddf_node *k = n->first; k; k = k->next) json_array_append_new(list, node_json(k));
    json_object_set_new(j, "children", list);
    return answer(c, 200, j);
}

const struct route routes_describe[] = {
    { "GET", "/api/v1/devices/{id}/tree/description", ROLE_VIEWER, description },
    { NULL, NULL, ROLE_NONE, NULL },
};
