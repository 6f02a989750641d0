/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/describe.h"

#include "db/description.h"
#include "db/device.h"
#include "ddf/uri.h"

#include <limits.h>

enum rc describe_schema(struct call *c, const struct device_row *d, const struct ddf_schema **out)
{
    struct db_device_kind v = { 0 };
    enum rc rc = db_device_kind(c->db, d->id, c->a, &v, &c->e);
    if (!rc) rc = store_refresh(c->store, &c->e);
    const struct authority *au = rc ? NULL : authorities_find_id(store_catalog(c->store), d->authority);
    if (!rc && !au) rc = err_set(&c->e, RC_INTERNAL, "the authority of a device is missing");
    const struct device_kind kind = { v.man, v.mod, v.mo, v.root, v.images };
    return rc ? rc : store_schema(c->store, au, &kind, out, &c->e);
}

static bool replaced(const struct description_file *files, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(files[i].name, name)) return true;
    return false;
}

enum rc describe_try(struct call *c, int64_t authority, const struct device_kind *kind,
                     const struct description_file *files, size_t n, size_t *wrong)
{
    struct sql_rows *r = NULL;
    struct db_description_text v;
    struct ddf_schema *s = NULL;
    struct arena a;
    arena_init(&a, DESCRIBE_ARENA_BYTES);
    enum rc rc = server_schema(c->api->srv->config, &a, &s, &c->e);
    if (!rc) rc = db_description_beside(c->db, authority, kind->man, kind->mod, kind->mo, &r, &c->e);
    while (!rc && (rc = db_description_next_text(r, &v, &c->e)) == RC_OK)
        if (!replaced(files, n, v.name)) rc = ddf_schema_load(s, v.data, arena_strz(c->a, v.name), &c->e);
    sql_end(r);
    if (rc == RC_NOT_FOUND) rc = RC_OK;
    for (size_t i = 0; !rc && i < n; i++) {
        *wrong = i;
        rc = ddf_schema_load(s, files[i].text, arena_strz(c->a, files[i].name), &c->e);
    }
    ddf_schema_destroy(s);
    arena_finish(&a);
    return rc;
}

/* ---- form fields ---- */

static json_t *access_json(unsigned access)
{
    static const struct {
        unsigned bit;
        enum dm_command command;
    } names[] = {
        { DDF_GET, DM_GET },       { DDF_ADD, DM_ADD },   { DDF_REPLACE, DM_REPLACE },
        { DDF_DELETE, DM_DELETE }, { DDF_EXEC, DM_EXEC }, { DDF_COPY, DM_COPY },
    };
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (access & names[i].bit) json_array_append_new(list, json_string(dm_command_word(names[i].command)));
    return list;
}

static json_t *allowed_json(const struct ddf_allowed *al)
{
    static const char *const kinds[] = {
        [DDF_ALLOW_ANY] = "any",       [DDF_ALLOW_ENUM] = "enum",   [DDF_ALLOW_RANGE] = "range",
        [DDF_ALLOW_REGEX] = "pattern", [DDF_ALLOW_OTHER] = "other", [DDF_ALLOW_FLAGS] = "flags"
    };
    json_t *j = json_object();
    json_put_str(j, "kind", str_of(kinds[al->kind]));
    if (al->is_list) json_put_bool(j, "list", true);
    json_put_strn(j, "delimiter", al->list_delimiter);
    if (al->kind == DDF_ALLOW_RANGE) {
        json_put_int(j, "min", al->min);
        json_put_int(j, "max", al->max);
    } else if (al->kind == DDF_ALLOW_REGEX && al->n) {
        json_put_str(j, "pattern", al->values[0]);
    } else if (al->kind == DDF_ALLOW_OTHER) {
        json_put_strn(j, "type", al->type);
        if (al->n) json_put_strn(j, "text", al->values[0]);
    } else if (al->kind == DDF_ALLOW_ENUM || al->kind == DDF_ALLOW_FLAGS) {
        json_t *list = json_array();
        for (size_t i = 0; i < al->n; i++) {
            json_t *one = json_object();
            json_put_str(one, "value", al->values[i]);
            json_put_str(one, "label", al->labels && al->labels[i].n ? al->labels[i] : al->values[i]);
            json_array_append_new(list, one);
        }
        json_object_set_new(j, "values", list);
    }
    return j;
}

static json_t *notes_json(const struct ddf_node *n)
{
    static const char *const names[] = {
        [DDF_NAME_UNIQUE] = "unique", [DDF_NAME_BY_DEVICE] = "byDevice", [DDF_NAME_BY_SERVER] = "byServer"
    };
    static const struct ddf_notes none = { .deprecated = false };
    const struct ddf_notes *own = n->notes ? n->notes : &none, *applies = ddf_node_applies(n);
    struct str rest = own->depends_on, one;
    json_t *j = json_object(), *depends = json_array();
    if (own->deprecated) json_put_bool(j, "deprecated", true);
    json_put_strn(j, "deprecatedSince", own->deprecated_since);
    if (applies) {
        json_put_strn(j, "osBuild", applies->os_build);
        json_put_strn(j, "version", applies->version);
        json_put_strn(j, "editions", applies->editions);
    }
    json_put_strn(j, "reboot", own->reboot);
    if (own->atomic_required) json_put_bool(j, "atomicRequired", true);
    json_put_strn(j, "groupPolicy", own->group_policy);
    while (str_cut(&rest, '\n', &one)) json_array_append_new(depends, json_put_text(one));
    if (json_array_size(depends)) json_object_set(j, "dependsOn", depends);
    json_decref(depends);
    if (own->naming) json_put_str(j, "names", str_of(names[own->naming]));
    json_put_strn(j, "namePattern", own->name_pattern);
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
    json_put_str(j, "name", n->name);
    json_put_str(j, "title", n->title);
    json_put_str(j, "description", n->description);
    json_put_str(j, "format", str_of(ddf_format_name(n->format)));
    json_put_strn(j, "mime", n->mime);
    json_object_set_new(j, "access", access_json(n->access));
    json_object_set_new(j, "allowed", allowed_json(&n->allowed));
    json_object_set_new(j, "default", n->has_default ? json_put_text(n->default_value) : json_null());
    json_put_bool(j, "permanent", n->permanent);
    json_put_bool(j, "ignoreCase", n->ignore_case);
    json_put_strn(j, "document", n->document);
    json_t *notes = notes_json(n);
    if (json_object_size(notes)) json_object_set(j, "notes", notes);
    json_decref(notes);
    json_put_int(j, "minOccurs", n->min_occurs);
    json_object_set_new(j, "maxOccurs", n->max_occurs == UINT_MAX ? json_null() : json_integer(n->max_occurs));
    json_put_strn(j, "object", n->ddf_name);
    json_put_strn(j, "safest", str_of(hints[n->hint]));
    return j;
}

static enum rc description(struct call *c)
{
    struct device_row d;
    const struct ddf_schema *s;
    struct str uri = api_query(c, "uri");
    enum rc rc = api_device_find(c, c->param[0], &d);
    if (!rc && ddf_uri_canonical(uri.n ? uri : STR("."), c->a, &uri, &c->e))
        rc = api_refuse(c, 400, "Bad request", NULL, "query parameter uri: %s", c->e.text);
    if (!rc) rc = describe_schema(c, &d, &s);
    if (rc) return rc;
    const struct ddf_node *n = ddf_schema_find(s, uri);
    if (!n)
        return api_refuse(c, 404, "Not described", NULL,
                          "no description covers %.*s; upload the vendor's with POST /api/v1/descriptions",
                          STR_ARG(uri));
    json_t *j = node_json(n), *list = json_array();
    json_put_str(j, "uri", uri);
    for (const struct ddf_node *k = n->first; k; k = k->next) json_array_append_new(list, node_json(k));
    json_object_set_new(j, "children", list);
    return api_answer(c, 200, j);
}

const struct route routes_describe[] = {
    { "GET", "/api/v1/devices/{id}/tree/description", ROLE_VIEWER, description },
    { NULL, NULL, ROLE_NONE, NULL },
};
