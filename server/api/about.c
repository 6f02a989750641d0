/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"
#include "db/device.h"

#include "base/doc.h"
#include "base/world.h"
#include "server/api/openapi.h"
#include "server/jobs/retention.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Description of the API, and health of the server. */

static enum rc root(struct call *c)
{
    static const char *const links[] = { "authorities", "devices",       "operations",  "policies", "images",
                                         "layouts",     "notifications", "tokens",      "audit",    "events",
                                         "whoami",      "openapi.yaml",  "openapi.json" };
    json_t *j = json_object(), *list = json_array(), *l = json_object();
    enum rc rc = api_authorities_json(c, list, true);
    json_put_str(j, "version", STR(DMVISOR_VERSION));
    json_object_set_new(j, "authorities", list);
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        json_put_str(l, links[i], arena_printf(c->a, "/api/v1/%s", links[i]));
    json_object_set_new(j, "links", l);
    if (rc) {
        json_decref(j);
        return rc;
    }
    return api_answer(c, 200, j);
}

static enum rc openapi_yaml(struct call *c)
{
    return api_answer_text(c, "application/yaml", (struct str){ (const char *)api_openapi, api_openapi_bytes });
}

static enum rc openapi_json(struct call *c)
{
    struct buf *made = &c->api->openapi_json;
    struct doc *d;
    enum rc rc = RC_OK;
    pthread_mutex_lock(&c->api->lock);
    if (!made->n)
        rc = doc_parse((struct str){ (const char *)api_openapi, api_openapi_bytes }, "openapi.yaml", c->a, &d, &c->e);
    if (!rc && !made->n) doc_to_json(d, made);
    if (!rc) rc = api_answer_text(c, "application/json", buf_str(made));
    pthread_mutex_unlock(&c->api->lock);
    return rc;
}

/* Liveness: the process runs and answers. */
static enum rc healthz(struct call *c)
{
    json_t *j = json_object();
    json_put_str(j, "status", STR("ok"));
    return api_answer(c, 200, j);
}

/* Readiness: the database answers and stores writes. */
static enum rc readyz(struct call *c)
{
    struct err e = { 0 };
    char warning[256] = "";
    json_t *j = json_object();
    int64_t n = 0;
    enum rc rc = db_authority_count(c->db, &n, &e);
    if (!rc) rc = retention_probe(c->api->srv->retention, warning, &e);
    if (!rc && warning[0]) json_put_str(j, "warning", str_of(warning));
    json_put_str(j, "status", rc ? STR("not ready") : STR("ready"));
    json_put_str(j, "database", rc ? str_of(e.text) : STR("ok"));
    json_put_str(j, "version", STR(DMVISOR_VERSION));
    return api_answer(c, rc ? 503 : 200, j);
}

/* Devices by state come from the database, but never more of its time than a hundredth: of a small fleet the figures are those
 * that REST tells at the same moment. */
static void count_devices(struct call *c)
{
    enum { LEAST_MS = 500, SHARE = 100 };
    struct api *api = c->api;
    int64_t now = world_monotonic_ms();
    struct sql_rows *r = NULL;
    struct db_device_count v;
    const struct db_condition condition = api_condition_now(c);
    struct err e = { 0 };
    struct buf b;

    pthread_mutex_lock(&api->lock);
    bool due = !api->devices_counting &&
               (!api->devices_ms || now - api->devices_ms >= LEAST_MS + SHARE * api->devices_cost_ms);
    if (due) api->devices_counting = true;
    pthread_mutex_unlock(&api->lock);
    if (!due) return;
    buf_init(&b, sizeof api->devices_text - 1);
    buf_putz(&b, "# TYPE dmvisor_devices gauge\n# HELP dmvisor_devices Devices, by condition\n");
    enum rc rc = db_device_states(c->db, &condition, &r, &e);
    while (!rc && (rc = db_device_next_count(r, &v, &e)) == RC_OK)
        buf_printf(&b, "dmvisor_devices{state=\"%.*s\"} %" PRId64 "\n", STR_ARG(v.state), v.n);
    sql_end(r);
    pthread_mutex_lock(&api->lock);
    if (buf_ok(&b)) memcpy(api->devices_text, buf_z(&b), b.n + 1);
    api->devices_ms = now ? now : 1;
    api->devices_cost_ms = world_monotonic_ms() - now;
    api->devices_counting = false;
    pthread_mutex_unlock(&api->lock);
    buf_finish(&b);
}

static enum rc metrics(struct call *c)
{
    count_devices(c);
    c->reply->status = 200;
    metrics_write(c->api->metrics, &c->reply->body);
    pthread_mutex_lock(&c->api->lock);
    buf_putz(&c->reply->body, c->api->devices_text);
    pthread_mutex_unlock(&c->api->lock);
    buf_printf(&c->reply->body,
               "# TYPE dmvisor_build info\n# HELP dmvisor_build Version of the running "
               "server\ndmvisor_build_info{version=\"%s\"} 1\n# EOF\n",
               DMVISOR_VERSION);
    http_reply_header(c->reply, "Content-Type", STR("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    return RC_OK;
}

const struct route routes_about[] = {
    { "GET", "/api/v1", ROLE_VIEWER, root },
    { "GET", "/api/v1/openapi.yaml", ROLE_NONE, openapi_yaml },
    { "GET", "/api/v1/openapi.json", ROLE_NONE, openapi_json },
    { "GET", "/healthz", ROLE_NONE, healthz },
    { "GET", "/readyz", ROLE_NONE, readyz },
    { "GET", "/metrics", ROLE_NONE, metrics },
    { NULL, NULL, ROLE_NONE, NULL },
};
