/* SPDX-License-Identifier: Apache-2.0 */
#include "db/device.h"
#include "db/policy.h"
#include "server/api/describe.h"
#include "server/api/leaving.h"
#include "server/store/correlators.h"
#include "server/core/credentials.h"
#include "syncml/msg.h"

#include <inttypes.h>
#include <string.h>

/* Previews call the same functions as enforcement, so they show what will be done. */

enum rc api_preview_resolve(struct call *c, const struct device_row *d, struct pol_policy *extra, struct preview *out)
{
    memset(out, 0, sizeof *out);
    enum rc rc = store_load_device_id(c->store, d->id, c->w.now_ms, c->a, &out->device, &c->e);
    if (!rc) rc = store_load_facts(c->store, &out->device, extra, c->w.now_ms, c->a, &out->facts, &c->e);
    if (!rc) rc = pol_resolve(&out->facts, c->a, &out->desired, &c->e);
    return rc;
}

static const char *purpose_name(enum pol_purpose p)
{
    static const char *const name[] = {
        [POL_FOR_DISCOVER] = "discover",   [POL_FOR_CHANGE] = "change",   [POL_FOR_VERIFY] = "verify",
        [POL_FOR_OPERATION] = "operation", [POL_FOR_INQUIRY] = "inquiry", [POL_FOR_KPI] = "kpi"
    };
    return name[p];
}

static bool is_secret(const struct call *c, const struct ddf_schema *own, const struct pol_step *s)
{
    const struct sml_item item = { .target = s->uri, .data = s->data, .meta.type = s->type };
    return s->uri.n && credentials_item(c->api->srv->schema, own, &item);
}

static json_t *steps_json(const struct call *c, const struct ddf_schema *own, const struct pol_step *s)
{
    json_t *list = json_array();
    for (; s; s = s->next) {
        json_t *j = json_object();
        json_put_str(j, "verb", str_of(dm_command_word(s->verb)));
        json_put_str(j, "for", str_of(purpose_name(s->purpose)));
        json_put_strn(j, "uri", s->uri);
        json_put_strn(j, "format", s->format);
        if (s->has_data) json_put_str(j, "data", is_secret(c, own, s) ? STR("***") : s->data);
        json_put_strn(j, "why", s->why);
        if (s->operation) json_put_int(j, "operation", s->operation);
        json_put_strn(j, "correlator", s->correlator);
        if (s->children) json_object_set_new(j, "children", steps_json(c, own, s->children));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *waits_json(const struct pol_wait *w)
{
    json_t *list = json_array();
    for (; w; w = w->next) {
        json_t *j = json_object();
        json_put_str(j, "vm", w->vm);
        json_put_str(j, "state", w->state);
        json_put_str(j, "why", w->why);
        json_put_int(j, "code", w->code);
        json_put_time(j, "until", w->until_ms);
        json_array_append_new(list, j);
    }
    return list;
}

enum rc api_preview_plan(struct call *c, struct preview *p, json_t *out)
{
    struct pol_plan plan;
    struct sml_step *steps = NULL;
    struct store_message about = { 0 };
    struct buf xml;
    buf_init(&xml, 4 << 20);
    enum rc rc = pol_make_plan(&p->facts, &p->desired, c->a, &plan, &c->e);
    if (!rc) rc = correlators_assign(c->store, p->device.id, p->device.generation, plan.steps, c->a, &c->e);
    if (!rc) rc = steps_of_plan(&plan, c->a, &steps, &c->e);
    if (!rc) rc = store_preview_syncml(c->api->srv, &p->device, p->facts.schema, steps, c->a, &xml, &about, &c->e);
    if (!rc) {
        json_put_bool(out, "settled", plan.settled);
        json_object_set_new(out, "steps", steps_json(c, p->facts.schema, plan.steps));
        json_object_set_new(out, "waits", waits_json(plan.waits));
        json_put_int(out, "message", 1);
        json_put_int(out, "messages", (int64_t)about.messages);
        json_put_int(out, "stepsInMessage", (int64_t)about.steps);
        json_put_str(out, "syncml", buf_str(&xml));
    }
    buf_finish(&xml);
    return rc;
}

enum rc api_desired_json(struct call *c, const struct preview *p, json_t **out)
{
    struct buf b;
    json_error_t why;
    buf_init(&b, 8 << 20);
    enum rc rc = pol_desired_json(&p->desired, &p->facts, &b);
    if (!rc && !buf_ok(&b)) rc = b.failed;
    *out = rc ? NULL : json_loadb(b.p, b.n, 0, &why);
    if (!rc && !*out) rc = err_set(&c->e, RC_INTERNAL, "desired state is not JSON: %s", why.text);
    buf_finish(&b);
    return rc;
}

static enum rc desired(struct call *c)
{
    struct device_row d;
    struct preview p;
    json_t *j = NULL;
    enum rc rc = api_device_find(c, c->param[0], &d);
    if (!rc) rc = api_preview_resolve(c, &d, NULL, &p);
    if (!rc) rc = api_desired_json(c, &p, &j);
    return rc ? rc : api_answer(c, 200, j);
}

static enum rc preview(struct call *c)
{
    struct device_row d;
    struct preview p;
    enum rc rc = api_device_find(c, c->param[0], &d);
    if (!rc) rc = api_preview_resolve(c, &d, NULL, &p);
    if (rc) return rc;
    json_t *j = json_object();
    rc = api_preview_plan(c, &p, j);
    if (rc) {
        json_decref(j);
        return rc;
    }
    return api_answer(c, 200, j);
}

/* The devices that a document would concern. */

struct reach {
    int64_t affected, unknown;
};

static enum rc count_devices(struct call *c, const struct pol_policy *doc, int64_t authority, struct reach *reach,
                             json_t *names)
{
    enum { NAMES = 20 };
    struct pol_sql sql;
    struct sql_rows *r = NULL;
    struct str name;
    int64_t affected = 0, unknown = 0;
    enum rc rc = pol_selector_sql(doc->selector, c->a, &sql, &c->e);
    if (rc) return rc;
    const struct db_selector selector = api_db_selector_of(&sql);
    rc = db_device_count_selected(c->db, authority, &selector, &affected, &unknown, &c->e);
    if (rc) return rc;
    reach->affected += affected;
    reach->unknown += unknown;
    rc = db_device_selected(c->db, authority, &selector, NAMES, &r, &c->e);
    while (!rc && (rc = db_device_next_name(r, &name, &c->e)) == RC_OK)
        if (json_array_size(names) < NAMES) json_array_append_new(names, json_put_text(name));
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* @param text  of the document, parsed with the device's own layout; empty: use `doc` */
static enum rc preview_device(struct call *c, struct str name, struct str text, struct pol_policy *doc, json_t *out)
{
    struct device_row d;
    struct preview p;
    json_t *j = json_object(), *want = NULL;
    enum rc rc = api_device_find(c, name, &d);
    if (!rc && text.n) rc = pol_policy_load(text, "body", d.layout, c->api->srv->schema, c->a, &doc, &c->e);
    if (!rc) rc = api_preview_resolve(c, &d, doc, &p);
    if (!rc) rc = api_desired_json(c, &p, &want);
    if (!rc) {
        json_put_str(j, "id", d.name);
        json_object_set_new(j, "desired", want);
        rc = api_preview_plan(c, &p, j);
    }
    if (rc)
        json_decref(j);
    else
        json_object_set_new(out, "device", j);
    return rc;
}

/* The devices whose VMs the policy would leave. */
static enum rc preview_leaving(struct call *c, const struct pol_policy *doc, int64_t authority, json_t *list)
{
    struct db_policy p;
    json_t *j = NULL;
    bool several = false;
    enum rc rc = db_policy_find(c->db, authority, doc->name, c->a, &p, &several, &c->e);
    if (rc == RC_NOT_FOUND) return RC_OK;
    if (!rc) rc = leaving_json(c, p.id, doc->name, authority, doc, doc->vm, doc->leave, &j);
    if (j) json_array_append_new(list, j);
    return rc;
}

/* Preview of deleting a policy. */
static enum rc policy_deletion(struct call *c)
{
    struct pol_policy *doc = NULL, unread = { 0 };
    struct str device = api_query(c, "device");
    int64_t policy = 0, authority = 0;
    json_t *j = NULL;
    enum rc rc = api_policy_stored(c, c->param[0], &policy, &authority, &doc);
    if (rc) return rc;
    if (!doc) doc = &unread;
    rc = leaving_json(c, policy, c->param[0], authority, NULL, doc->vm, doc->leave, &j);
    if (!rc && device.n) {
        doc->name = c->param[0];
        doc->deleted = true;
        rc = preview_device(c, device, (struct str){ 0 }, doc, j);
    }
    if (rc) {
        json_decref(j);
        return rc;
    }
    return api_answer(c, 200, j);
}

static enum rc policies_preview(struct call *c)
{
    struct documents *docs = NULL;
    struct reach reach = { 0, 0 };
    struct str device = api_query(c, "device");
    enum rc rc = api_documents_read(c, &docs);
    if (!rc && device.n && docs->next)
        rc = api_refuse(c, 400, "Bad request", NULL, "for one device, preview one document at a time");
    if (rc) return rc;
    json_t *j = json_object(), *names = json_array(), *warnings = json_array(), *leaving = json_array();
    for (const struct documents *d = docs; !rc && d; d = d->next) {
        int64_t authority = 0;
        struct str found, server_id;
        rc = api_authority_for(c, d->policy->authority, "/metadata/authority", &authority, &found, &server_id);
        if (!rc) rc = count_devices(c, d->policy, authority, &reach, names);
        if (!rc && docs == d && !d->next)
            rc = api_policy_would_be(c, d, authority, reach.affected, reach.unknown, j, warnings);
        if (!rc) rc = preview_leaving(c, d->policy, authority, leaving);
        if (!rc) rc = describe_objections(c, d->policy, authority, warnings);
    }
    json_put_int(j, "affected", reach.affected);
    json_put_int(j, "unknown", reach.unknown);
    json_object_set_new(j, "devices", names);
    json_object_set_new(j, "leaving", leaving);
    json_object_set_new(j, "warnings", warnings);
    if (!rc && device.n) rc = preview_device(c, device, docs->text, docs->policy, j);
    if (rc) {
        json_decref(j);
        return rc;
    }
    return api_answer(c, 200, j);
}

const struct route routes_preview[] = {
    { "GET", "/api/v1/devices/{id}/desired", ROLE_VIEWER, desired },
    { "GET", "/api/v1/devices/{id}/preview", ROLE_VIEWER, preview },
    { "GET", "/api/v1/policies/{name}/deletion", ROLE_VIEWER, policy_deletion },
    { "POST", "/api/v1/policies:preview", ROLE_VIEWER, policies_preview },
    { NULL, NULL, ROLE_NONE, NULL },
};
