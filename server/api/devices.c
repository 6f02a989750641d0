/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"
#include "db/attribute.h"
#include "db/device.h"
#include "db/tree.h"

#include "base/crypto.h"
#include "base/text.h"
#include "ddf/uri.h"
#include "policy/document/attribute.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct db_condition api_condition_now(const struct call *c)
{
    return (struct db_condition){ c->w.now_ms, (int64_t)c->api->srv->config->poll_s * 1000 };
}

struct db_selector api_db_selector_of(const struct pol_sql *sql)
{
    return (struct db_selector){ sql->text, sql->params, sql->n_params };
}

/* @param v  its texts must live as long as the request */
static void device_row_of(struct call *c, const struct db_device *v, struct device_row *out)
{
    *out = (struct device_row){
        .id = v->id,
        .authority = v->authority,
        .authority_name = v->authority_name,
        .name = v->name,
        .title = v->title,
        .created_ms = v->created_ms,
        .seen_ms = v->seen_ms,
        .user_agent = v->user_agent,
        .remote = v->remote,
        .channel = v->push_channel,
        .address = v->push_address,
        .found = v->summary,
        .layout = server_layout(c->api->srv, v->layout_mo),
        .generation = v->generation,
        .observed_generation = v->observed_generation,
        .record = v->record,
        .poll_ms = v->poll_ms < 0 ? (int64_t)c->api->srv->config->poll_s * 1000 : v->poll_ms,
        .refused = { .at_ms = v->refused_ms,
                     .times = v->refused_times,
                     .remote = v->refused_remote,
                     .why = v->refused_why },
    };
    struct pol_device_facts f = { .now_ms = c->w.now_ms,
                                  .seen_ms = out->seen_ms,
                                  .poll_ms = out->poll_ms,
                                  .unreachable_ms = v->unreachable_ms,
                                  .want = out->generation,
                                  .planned = v->planned_generation,
                                  .have = out->observed_generation,
                                  .refused_ms = out->refused.at_ms,
                                  .refused_why = out->refused.why,
                                  .found = out->found,
                                  .found_why = v->summary_why };
    out->condition = pol_device_condition(&f);
}

enum rc api_device_find(struct call *c, struct str name, struct device_row *out)
{
    struct db_device v;
    bool several = false;
    enum rc rc = db_device_find(c->db, c->scope, name, c->a, &v, &several, &c->e);
    if (rc == RC_NOT_FOUND) return api_missing(c, "device", name);
    if (rc) return rc;
    device_row_of(c, &v, out);
    return several ? api_refuse(c, 409, "Which authority?", NULL,
                                "several authorities have a device \"%.*s\": add ?authority=", STR_ARG(name))
                   : RC_OK;
}

static enum rc add_attributes(struct call *c, const struct device_row *d, bool whole, json_t *out)
{
    json_t *labels = json_object(), *facts = whole ? json_object() : NULL;
    struct sql_rows *r = NULL;
    struct db_attribute v;
    enum rc rc = db_attribute_list(c->db, d->id, &r, &c->e);
    while (!rc && (rc = db_attribute_next(r, &v, &c->e)) == RC_OK) {
        bool label = str_starts(v.name, STR("label."));
        if (!label && !whole) continue;
        struct str key = label ? str_slice(v.name, 6, v.name.n) : v.name;
        json_object_set_new(label ? labels : facts, arena_strz(c->a, key), json_put_text(v.value));
    }
    sql_end(r);
    json_object_set_new(out, "labels", labels);
    if (whole) json_object_set_new(out, "facts", facts);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc add_policies(struct call *c, const struct device_row *d, json_t *out)
{
    static const char *const truth[] = { [POL_FALSE] = "false", [POL_TRUE] = "true", [POL_UNKNOWN] = "unknown" };
    json_t *list = json_array();
    struct sql_rows *r = NULL;
    struct db_device_policy v;
    enum rc rc = db_device_policies(c->db, d->id, &r, &c->e);
    while (!rc && (rc = db_device_next_policy(r, &v, &c->e)) == RC_OK) {
        json_t *j = json_object();
        int64_t t = v.truth;
        json_put_str(j, "name", v.name);
        json_put_int(j, "revision", v.revision);
        json_put_str(j, "selected",
                     str_of(truth[t == POL_TRUE      ? POL_TRUE
                                  : t == POL_UNKNOWN ? POL_UNKNOWN
                                                     : POL_FALSE]));
        struct pol_assignment_facts f = {
            .device = d->condition, .revision = v.in_force, .judged = v.revision, .state = v.state, .why = v.why
        };
        struct pol_condition now = pol_assignment_condition(&f);
        json_put_str(j, "state", now.word);
        json_put_str(j, "why", now.why);
        json_put_time(j, "at", v.at_ms);
        json_array_append_new(list, j);
    }
    sql_end(r);
    json_object_set_new(out, "policies", list);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static bool has_policy(const json_t *list, struct str name)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_is(name, json_string_value(json_object_get(json_array_get(list, i), "name")))) return true;
    return false;
}

/* Add policies that select the device and that it has not fetched yet (it was registered or labelled later), and the
 * operations of its tree. */
static enum rc add_wishes(struct call *c, const struct device_row *d, json_t *out)
{
    json_t *list = json_object_get(out, "policies");
    struct preview p;
    enum rc rc = api_preview_resolve(c, d, NULL, &p);
    for (const struct pol_policy *x = rc ? NULL : p.facts.policies; x; x = x->next) {
        struct str unknown = { 0 };
        enum pol_truth t = pol_selector_eval(x->selector, p.facts.attrs, p.facts.n_attrs, c->a, &unknown);
        if (t == POL_FALSE || has_policy(list, x->name)) continue;
        json_t *j = json_object();
        json_put_str(j, "name", x->name);
        json_put_int(j, "revision", x->revision);
        json_put_str(j, "selected", t == POL_TRUE ? STR("true") : STR("unknown"));
        json_put_str(j, "state", STR("pending"));
        json_put_str(j, "why", STR("waiting for the device to connect"));
        json_put_time(j, "at", x->revised_ms);
        json_array_append_new(list, j);
    }
    if (!rc) json_put_str(out, "layout", p.facts.layout->mo);
    json_t *can = rc ? NULL : api_operations_there(c, &p, DDF_DEVICE, (struct str){ 0 });
    if (can) json_object_set_new(out, "operations", can);
    return rc;
}

static void add_refusal(const struct device_row *d, json_t *j)
{
    json_t *o = json_object();
    json_put_time(o, "at", d->refused.at_ms);
    json_put_str(o, "remote", d->refused.remote);
    json_put_str(o, "why", d->refused.why);
    json_put_int(o, "times", d->refused.times);
    json_object_set_new(j, "refused", o);
}

static const int64_t certificate_soon_ms = (int64_t)30 * 24 * 3600 * 1000;

static json_t *refusal_json(const struct db_device_contact *v)
{
    json_t *j = json_object();
    json_put_time(j, "at", v->refused_ms);
    json_put_time(j, "since", v->refused_since_ms);
    json_put_int(j, "times", v->refused_times);
    json_put_str(j, "remote", v->refused_remote);
    json_put_str(j, "why", v->refused_why);
    json_put_bool(j, "letInSince", v->seen_ms >= v->refused_ms);
    return j;
}

static json_t *contest_json(const struct db_device_contact *v)
{
    json_t *j = json_object(), *both = json_array();
    json_put_time(j, "at", v->contested_ms);
    json_put_time(j, "since", v->contested_since_ms);
    json_put_int(j, "times", v->contested_times);
    json_array_append_new(both, json_put_text(v->contested_remote));
    json_array_append_new(both, json_put_text(v->contested_other));
    json_object_set_new(j, "addresses", both);
    return j;
}

/* Add what the server noticed about connections with this device's identity. */
static enum rc add_door(struct call *c, const struct device_row *d, json_t *out)
{
    struct db_device_contact v;
    enum rc rc = db_device_contact(c->db, d->id, c->a, &v, &c->e);
    if (!rc) {
        json_t *certificate = v.certificate_until_ms ? json_object() : json_null();
        if (v.certificate_until_ms) {
            json_put_time(certificate, "until", v.certificate_until_ms);
            json_put_bool(certificate, "endsSoon", v.certificate_until_ms < c->w.now_ms + certificate_soon_ms);
        }
        json_object_set_new(out, "refusal", v.refused_ms ? refusal_json(&v) : json_null());
        json_object_set_new(out, "contested", v.contested_ms ? contest_json(&v) : json_null());
        json_object_set_new(out, "certificate", certificate);
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc api_device_json(struct call *c, const struct device_row *d, bool whole, json_t **out)
{
    json_t *j = json_object(), *push = json_object();
    json_put_str(j, "id", d->name);
    json_put_str(j, "title", d->title);
    json_put_str(j, "authority", d->authority_name);
    json_put_time(j, "created", d->created_ms);
    json_put_time(j, "seen", d->seen_ms);
    json_put_str(j, "userAgent", d->user_agent);
    json_put_str(j, "remote", d->remote);
    json_put_str(push, "channel", d->channel);
    json_put_str(push, "address", d->address);
    json_object_set_new(j, "push", push);
    json_put_str(j, "summary", d->condition.word);
    json_put_str(j, "why", d->condition.why);
    json_put_time(j, "since", d->condition.since_ms);
    if (d->refused.at_ms > d->seen_ms) add_refusal(d, j);
    json_put_int(j, "pollS", d->poll_ms / 1000);
    json_put_maybe(j, "record", d->record);
    json_put_int(j, "generation", d->generation);
    json_put_int(j, "observedGeneration", d->observed_generation);
    enum rc rc = add_attributes(c, d, whole, j);
    json_t *vms = json_array();
    json_object_set_new(j, "vms", vms);
    if (!rc) rc = api_vms_json(c, d, vms);
    if (!rc && whole) rc = add_policies(c, d, j);
    if (!rc && whole) rc = add_door(c, d, j);
    if (rc)
        json_decref(j);
    else
        *out = j;
    return rc;
}

enum rc api_device_version(struct call *c, const struct device_row *d, char out[33])
{
    struct crypto_sha256_ctx *h = crypto_sha256_create();
    char hex[SHA256_HEX_BYTES];
    struct sql_rows *r = NULL;
    struct db_attribute v;
    const struct str part[] = { d->name, d->title, d->channel, d->address,
                                str_of(d->record < 0 ? ""
                                       : d->record   ? "1"
                                                     : "0") };
    if (!h) return err_set(&c->e, RC_NOMEM, "no memory");
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) {
        crypto_sha256_update(h, part[i]);
        crypto_sha256_update(h, STR("\n"));
    }
    enum rc rc = db_attribute_list(c->db, d->id, &r, &c->e);
    while (!rc && (rc = db_attribute_next(r, &v, &c->e)) == RC_OK)
        if (str_starts(v.name, STR("label."))) {
            crypto_sha256_update(h, v.name);
            crypto_sha256_update(h, STR("="));
            crypto_sha256_update(h, v.value);
            crypto_sha256_update(h, STR("\n"));
        }
    sql_end(r);
    crypto_sha256_final(h, hex);
    crypto_sha256_destroy(h);
    memcpy(out, hex, 32);
    out[32] = '\0';
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* ?q= as a LIKE pattern: a text that identity, title or a label contains. */
static struct str like_of(struct call *c)
{
    struct str q = api_query(c, "q"), out = { 0 };
    struct buf b;
    if (!q.n) return STR("");
    buf_init(&b, 4096);
    buf_byte(&b, '%');
    for (size_t i = 0; i < q.n; i++) {
        char ch = q.p[i];
        if (ch == '%' || ch == '_' || ch == '!') buf_byte(&b, '!');
        buf_byte(&b, (uint8_t)(ch >= 'A' && ch <= 'Z' ? ch | 0x20 : ch));
    }
    buf_byte(&b, '%');
    arena_str(c->a, buf_str(&b), &out);
    buf_finish(&b);
    return out;
}

/* Refuse an attribute that no layout has: otherwise the list would just be empty. */
static enum rc check_attributes(struct call *c, const struct pol_selector *s)
{
    const struct server *srv = c->api->srv;
    struct str *names = NULL;
    size_t n = 0;
    enum rc rc = pol_selector_attributes(s, c->a, &names, &n);
    for (size_t i = 0; i < n && !rc; i++) {
        struct suggestion near = suggest_for(names[i]);
        bool known = false;
        for (size_t k = 0; k < srv->n_layouts && !known; k++)
            known = pol_attribute_known(srv->layouts[k], names[i], c->a, &near);
        if (known) continue;
        struct str best = suggest_best(&near);
        rc = api_refuse(c, 400, "Bad filter", NULL, "filter: unknown attribute %.*s%s%.*s%s", STR_ARG(names[i]),
                        best.n ? ", did you mean \""
                               : " (known: label.*, devinfo.*, devdetail.*, hypervisor.*, device.id)",
                        STR_ARG(best), best.n ? "\"?" : "");
    }
    return rc;
}

/* Parse the selector of ?filter=. */
static enum rc read_filter(struct call *c, struct str filter, struct db_selector *out)
{
    enum { PARAMS = 60 };
    struct pol_selector *s;
    struct pol_sql sql;
    enum rc rc = pol_selector_parse(filter, c->a, &s, &c->e);
    if (!rc) rc = check_attributes(c, s);
    if (rc && c->reply->status) return rc;
    if (!rc) rc = pol_selector_sql(s, c->a, &sql, &c->e);
    if (!rc && sql.n_params > PARAMS)
        rc = err_set(&c->e, RC_LIMIT, "at most %d values are allowed in a filter", PARAMS);
    if (rc)
        return api_refuse(c, 400, "Bad filter", NULL, "filter: column %u: %s", c->e.column ? c->e.column : 1,
                          c->e.text);
    *out = api_db_selector_of(&sql);
    return RC_OK;
}

static enum rc devices(struct call *c)
{
    struct page p;
    struct sql_rows *r = NULL;
    struct str filter = api_query(c, "filter");
    enum rc rc = api_page_begin(c, 0, &p);
    if (rc) return rc;
    struct db_device_filter f = { .authority = c->scope,
                                  .cursor = p.cursor,
                                  .limit = p.limit + 1,
                                  .summary = api_query(c, "summary"),
                                  .why = api_query(c, "why"),
                                  .like = like_of(c),
                                  .now = api_condition_now(c) };
    if (filter.n) rc = read_filter(c, filter, &f.selector);
    if (!rc) rc = db_device_list(c->db, &f, &r, &c->e);
    struct db_device v;
    while (!rc && (rc = db_device_next(r, &v, &c->e)) == RC_OK) {
        struct device_row d;
        json_t *j = NULL;
        if (!api_page_more(&p, v.id)) break;
        rc = db_device_keep(&v, c->a, &c->e);
        if (rc) break;
        device_row_of(c, &v, &d);
        rc = api_device_json(c, &d, false, &j);
        if (!rc) json_array_append_new(p.items, j);
    }
    sql_end(r);
    return api_page_end(c, &p, rc);
}

static enum rc device(struct call *c)
{
    struct device_row d;
    char version[33];
    json_t *j = NULL;
    enum rc rc = api_device_find(c, c->param[0], &d);
    if (!rc) rc = api_device_version(c, &d, version);
    if (!rc) rc = api_device_json(c, &d, true, &j);
    if (!rc) rc = add_wishes(c, &d, j);
    if (rc) {
        json_decref(j);
        return rc;
    }
    api_answer_header(c, "ETag", "\"%s\"", version);
    return api_answer(c, 200, j);
}

/* The mirror or a part of it. */

static int64_t slashes(struct str uri)
{
    int64_t n = 0;
    for (size_t i = 0; i < uri.n; i++) n += uri.p[i] == '/';
    return n;
}

static enum rc tree(struct call *c)
{
    static const char *const known[] = {
        [POL_REPORTED] = "reported", [POL_ACKNOWLEDGED] = "acknowledged", [POL_STALE] = "stale"
    };
    struct device_row d;
    struct page p;
    struct sql_rows *r = NULL;
    struct str uri = api_query(c, "uri"), depth = api_query(c, "depth");
    int64_t levels = -1;
    enum rc rc = api_device_find(c, c->param[0], &d);
    if (!rc && ddf_uri_canonical(uri.n ? uri : STR("."), c->a, &uri, &c->e))
        rc = api_refuse(c, 400, "Bad node address", NULL, "uri: %s", c->e.text);
    if (!rc && depth.n && (!str_to_i64(depth, &levels) || levels < 0 || levels > DDF_URI_NAMES))
        rc = api_refuse(c, 400, "Bad request", NULL, "depth is a number from 0 to %d", DDF_URI_NAMES);
    if (!rc) rc = api_page_begin(c, -1, &p);
    if (rc) return rc;
    const struct db_tree_filter f = { .device = d.id,
                                      .uri = uri,
                                      .slashes = levels < 0 ? -1 : slashes(uri) + levels,
                                      .cursor = p.cursor_text,
                                      .limit = p.limit + 1 };
    struct db_tree_node v;
    rc = db_tree_list(c->db, &f, &r, &c->e);
    while (!rc && (rc = db_tree_next(r, &v, &c->e)) == RC_OK) {
        if (!api_page_more(&p, 0)) break;
        json_t *j = json_object();
        int64_t format = v.format, k = v.known;
        p.last_text = api_keep(c, v.uri);
        json_put_str(j, "uri", p.last_text);
        json_put_str(j, "format",
                     str_of(format >= 0 && format < DDF_FORMAT_COUNT ? ddf_format_name((enum ddf_format)format) : ""));
        json_object_set_new(j, "value", v.has_value ? json_put_text(v.value) : json_null());
        if (format == DDF_BIN || format == DDF_B64) json_put_str(j, "encoding", STR("base64"));
        json_put_str(j, "known", str_of(k >= 0 && k <= POL_STALE ? known[k] : ""));
        json_put_time(j, "at", v.at_ms);
        json_array_append_new(p.items, j);
    }
    sql_end(r);
    return api_page_end(c, &p, rc);
}

const struct route routes_devices[] = {
    { "GET", "/api/v1/devices", ROLE_VIEWER, devices },
    { "GET", "/api/v1/devices/{id}", ROLE_VIEWER, device },
    { "GET", "/api/v1/devices/{id}/tree", ROLE_VIEWER, tree },
    { NULL, NULL, ROLE_NONE, NULL },
};
