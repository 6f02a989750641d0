/* SPDX-License-Identifier: Apache-2.0 */
#include "db/device.h"
#include "server/api/describe.h"

#include <inttypes.h>

/* Checks a policy against the devices' descriptions before it is applied: the selected devices are counted by kind, and
 * each setting is checked against the description of that kind. */

enum { KINDS = 200, OBJECTIONS = 20 };

/* One objection of a description, for all kinds of devices to which the description applies. */
struct objection {
    const struct pol_setting *setting;
    struct str words;
    int64_t devices;
};

struct objections {
    struct objection row[OBJECTIONS];
    size_t n;
};

static void add(struct objections *o, const struct pol_setting *s, struct str words, int64_t devices)
{
    size_t i = 0;
    while (i < o->n && !(o->row[i].setting == s && str_eq(o->row[i].words, words))) i++;
    if (i == OBJECTIONS || !words.n) return;
    if (i == o->n) o->row[o->n++] = (struct objection){ s, words, 0 };
    o->row[i].devices += devices;
}

/* Check as the plan will write: it adds optional nodes and replaces the others. */
static void check(struct call *c, const struct ddf_schema *schema, const struct pol_policy *p,
                  const struct ddf_layout *l, const struct pol_setting *s, int64_t devices, struct objections *o)
{
    struct str instance, wire = { 0 }, vm = s->entry->scope == DDF_VM ? p->vm : (struct str){ 0 };
    const struct ddf_entry *en = ddf_layout_resolve(l, s->entry->scope, s->name, &instance);
    struct str uri = en ? ddf_layout_uri(l, en, vm, instance, c->a) : (struct str){ 0 };
    const struct ddf_node *n = uri.n ? ddf_schema_find(schema, uri) : NULL;
    struct err why = { 0 }, other = { 0 };
    int status;
    if (!n || en->kind == DDF_K_IMAGE || ddf_entry_to_wire(en, s->word, c->a, &wire, NULL)) return;
    if (!ddf_check(schema, DDF_REPLACE, uri, en->format, n->mime, wire, true, false, &status, &why)) return;
    if (status == 405 && !ddf_check(schema, DDF_ADD, uri, en->format, n->mime, wire, true, false, &status, &other))
        return;
    add(o, s, api_keep(c, str_of(why.text)), devices);
}

static enum rc check_kinds(struct call *c, const struct pol_policy *p, const struct authority *au, struct sql_rows *r,
                           struct objections *o)
{
    enum rc rc = RC_OK;
    struct db_device_kind v;
    while (!rc && (rc = db_device_next_kind(r, &v, &c->e)) == RC_OK) {
        const struct device_kind kind = { v.man, v.mod, v.mo, v.root, v.images };
        const struct ddf_schema *schema = NULL;
        const struct ddf_layout *l = NULL;
        rc = store_schema(c->store, au, &kind, &schema, &c->e);
        if (!rc) rc = ddf_layout_at(server_layout(c->api->srv, kind.mo), kind.root, kind.images, c->a, &l, &c->e);
        if (rc || schema == c->api->srv->schema)
            continue; /* parsing the document has checked the shipped description */
        for (size_t i = 0; i < p->n_settings; i++) check(c, schema, p, l, &p->settings[i], v.n, o);
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static void tell(struct call *c, const struct pol_policy *p, const struct objections *o, json_t *warnings)
{
    for (size_t i = 0; i < o->n; i++)
        json_array_append_new(warnings, json_put_text(arena_printf(
                                            c->a, "policy %.*s: %.*s = %.*s will not be sent to %" PRId64 " %s: %.*s",
                                            STR_ARG(p->name), STR_ARG(o->row[i].setting->name),
                                            STR_ARG(str_slice(o->row[i].setting->word, 0, 60)), o->row[i].devices,
                                            o->row[i].devices == 1 ? "device" : "devices", STR_ARG(o->row[i].words))));
}

enum rc describe_objections(struct call *c, const struct pol_policy *p, int64_t authority, json_t *warnings)
{
    struct objections o = { .n = 0 };
    struct pol_sql sql;
    struct sql_rows *r = NULL;
    bool any = false;
    enum rc rc = store_refresh(c->store, &c->e);
    const struct authority *au = rc ? NULL : authorities_find_id(store_catalog(c->store), authority);
    if (!rc && au) rc = store_has_descriptions(c->store, au, &any, &c->e);
    if (rc || !any) return rc;
    rc = pol_selector_sql(p->selector, c->a, &sql, &c->e);
    if (rc) return rc;
    const struct db_selector selector = api_db_selector_of(&sql);
    rc = db_device_kinds(c->db, authority, &selector, KINDS, &r, &c->e);
    if (!rc) rc = check_kinds(c, p, au, r, &o);
    sql_end(r);
    if (!rc) tell(c, p, &o, warnings);
    return rc;
}
