/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"
#include "db/idempotency.h"
#include "db/image.h"

#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "server/events/events.h"
#include "server/core/health.h"
#include "server/notify/notifier.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SEGMENTS = 12, KEY_BYTES = 200 };

const struct route *const api_routes[] = {
    routes_about,
    routes_auth,
    routes_devices,
    routes_device_changes,
    routes_vms,
    routes_operations,
    routes_policies,
    routes_preview,
    routes_images,
    routes_notifications,
    routes_audit,
    routes_live,
    routes_authorities,
    routes_recordings,
    routes_describe,
    routes_descriptions,
    routes_overview,
    routes_layouts,
    NULL,
};

/* Routing. */

struct request_path {
    struct str raw[SEGMENTS], name[SEGMENTS];
    unsigned n;
    bool bad;
};

static void cut_path(struct call *c, struct request_path *p)
{
    struct str rest = c->r->raw_path, part;
    *p = (struct request_path){ .n = 0 };
    rest = str_slice(rest, 1, rest.n); /* the leading slash */
    while (str_cut(&rest, '/', &part)) {
        if (p->n == SEGMENTS || text_url_decode(part, c->a, &p->name[p->n])) {
            p->bad = true;
            return;
        }
        p->raw[p->n++] = part;
    }
}

/* One segment: a literal, "{name}", or "{name}:verb". */
static bool segment_fits(struct str pattern, const struct request_path *p, unsigned i, struct call *c)
{
    size_t close = str_find(pattern, '}', 0);
    if (!pattern.n || pattern.p[0] != '{') return str_eq(pattern, p->name[i]);
    struct str verb = str_slice(pattern, close + 1, pattern.n);
    if (!p->name[i].n || c->n_params == API_PARAMS) return false;
    if (!verb.n) {
        c->param[c->n_params++] = p->name[i];
        return true;
    }
    if (p->raw[i].n <= verb.n || !str_ends(p->raw[i], verb)) return false;
    return text_url_decode(str_slice(p->raw[i], 0, p->raw[i].n - verb.n), c->a, &c->param[c->n_params++]) == RC_OK;
}

static bool path_fits(const char *pattern, const struct request_path *p, struct call *c)
{
    struct str rest = str_of(pattern + 1), part;
    unsigned i = 0;
    c->n_params = 0;
    for (; str_cut(&rest, '/', &part); i++)
        if (i >= p->n || !segment_fits(part, p, i, c)) return false;
    return i == p->n;
}

static const struct route *find(struct call *c, struct buf *allowed)
{
    struct request_path p;
    struct str method = str_is(c->r->method, "HEAD") ? STR("GET") : c->r->method;
    cut_path(c, &p);
    for (size_t l = 0; !p.bad && api_routes[l]; l++)
        for (const struct route *r = api_routes[l]; r->method; r++) {
            if (!path_fits(r->pattern, &p, c)) continue;
            if (str_is(method, r->method)) return r;
            buf_printf(allowed, "%s%s", allowed->n ? ", " : "", r->method);
        }
    return NULL;
}

static enum rc no_route(struct call *c, struct buf *allowed)
{
    if (!allowed->n)
        return api_refuse(c, 404, "Not found", NULL, "no resource at %.*s; /api/v1/openapi.yaml lists all",
                          STR_ARG(c->r->path));
    if (str_is(c->r->method, "OPTIONS"))
        api_answer_nothing(c);
    else
        api_refuse(c, 405, "Method not allowed", NULL, "allowed here: %s", buf_z(allowed));
    api_answer_header(c, "Allow", "%s", buf_z(allowed));
    return RC_DENIED;
}

/* Repeated requests: the answer is stored in the transaction of the work. */

/* If the request was done before, answer with the stored answer. */
static enum rc repeat_look(struct call *c, bool *done)
{
    struct db_idempotency v;
    enum rc rc = db_idempotency_find(c->db, c->token, c->repeat_key, c->w.now_ms - API_IDEMPOTENCY_MS, c->a, &v, &c->e);
    *done = false;
    if (!rc && !str_eq(v.request, c->repeat_of)) {
        rc = api_refuse(c, 422, "Key already used", NULL,
                        "this Idempotency-Key was used with another request: use a new one");
    } else if (!rc && v.status == 0) {
        rc = api_refuse(c, 409, "Already done", NULL,
                        "this request was already done; its answer contained a secret and was not stored");
    } else if (!rc) {
        *done = true;
        buf_reset(&c->reply->body);
        c->reply->n_headers = 0;
        c->reply->status = (int)v.status;
        buf_put(&c->reply->body, v.reply);
        if (c->reply->body.n) http_reply_header(c->reply, "Content-Type", STR("application/json"));
        http_reply_header(c->reply, "Idempotency-Replayed", STR("true"));
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* No lock is held during the work: two threads with the same key are noticed when the second stores its answer. */
static enum rc repeat_begin(struct call *c, bool *done)
{
    struct str key = http_header(c->r, "Idempotency-Key");
    uint8_t hash[SHA256_BYTES];
    char hex[SHA256_HEX_BYTES];

    *done = false;
    if (!key.n || strcmp(c->route->method, "GET") == 0 || !c->token) return RC_OK;
    if (key.n > KEY_BYTES)
        return api_refuse(c, 400, "Bad request", NULL, "Idempotency-Key has at most %d bytes", KEY_BYTES);
    crypto_sha256(c->r->body, hash);
    text_hex(hash, sizeof hash, hex);
    c->repeat_key = key;
    c->repeat_of = arena_printf(c->a, "%.*s %.*s?%.*s %s", STR_ARG(c->r->method), STR_ARG(c->r->raw_path),
                                STR_ARG(c->r->query), hex);
    return repeat_look(c, done);
}

static enum rc finish_write(struct call *c)
{
    enum rc rc = RC_OK;
    bool done = false;
    if (c->repeat_key.n) rc = repeat_look(c, &done);
    if (rc || done) return rc; /* the same request finished first: this one is rolled back */
    const struct db_idempotency v = { .token = c->token,
                                      .key = c->repeat_key,
                                      .request = c->repeat_of,
                                      .status = c->secret ? 0 : c->reply->status,
                                      .reply = c->secret ? (struct str){ 0 } : buf_str(&c->reply->body),
                                      .at_ms = c->w.now_ms };
    if (c->repeat_key.n) rc = db_idempotency_put(c->db, &v, &c->e);
    if (!rc) rc = sql_commit(c->db, &c->e);
    if (!rc) {
        c->api->full_told = false;
        (c->ends_logins ? events_look_again : events_wake)(c->api->srv->events);
        notifier_wake(c->api->srv->notifier);
        c->kept = true;
    }
    return rc;
}

/* After the commit, remove an image file that no row names, unless an upload of it is in progress. */
static void settle_images(struct call *c)
{
    struct images *im = c->api->images;
    struct str sha256 = c->kept ? c->remove_image : c->held_image; /* a refused upload leaves no file */
    if (c->held_image.n) images_release(im, c->held_image);
    if (!sha256.n || !images_remove_begin(im, sha256)) return;
    struct err e = { 0 };
    int64_t n = 0;
    const enum rc rc = db_image_count_file(c->db, sha256, &n, &e);
    images_remove_end(im, sha256, !rc && n == 0);
}

static enum rc run(struct call *c)
{
    bool done = false;
    sql_deadline(c->db, (int64_t)c->api->srv->config->api_request_timeout_s * 1000);
    enum rc rc = api_authenticate(c);
    if (!rc) rc = api_parameters_check(c);
    if (!rc) rc = repeat_begin(c, &done);
    if (!rc && !done) rc = c->route->run(c);
    if (!rc && !done && sql_in_transaction(c->db)) rc = finish_write(c);
    sql_deadline(c->db, 0);
    sql_rollback(c->db);
    settle_images(c);
    return rc;
}

static void dispatch(struct call *c)
{
    struct str path = c->r->path;
    struct buf allowed;
    enum rc rc;
    bool console = !str_starts(path, STR("/api/")) && !str_is(path, "/api");

    buf_init(&allowed, 256);
    c->route = find(c, &allowed);
    if (c->route) {
        rc = run(c);
        console = false;
    } else if (console && !allowed.n) {
        rc = api_console_serve(c);
    } else {
        rc = no_route(c, &allowed);
    }
    if (rc && c->reply->status < 400 && !(c->reply->status == 204 && allowed.n)) {
        c->reply->n_headers = 0;
        api_problem_of(c, rc);
    }
    api_security_headers(c, console);
    buf_finish(&allowed);
}

static void call_init(struct call *c, struct api_worker *d, struct http_request *r, struct http_reply *reply)
{
    *c = (struct call){ .api = d->api,
                        .db = d->db,
                        .store = d->store,
                        .is_front = d == &d->api->front,
                        .r = r,
                        .reply = reply,
                        .a = r->arena,
                        .w = d->api->now() };
    c->w.now_ms = health_now_ms(d->api->srv->health, c->w.now_ms);
}

static uint64_t monotonic_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void count(struct api *api, int status)
{
    static const enum metric classes[] = { METRIC_API_2XX, METRIC_API_3XX, METRIC_API_4XX, METRIC_API_5XX };
    metrics_add(api->metrics, classes[status >= 500 ? 3 : status >= 400 ? 2 : status >= 300 ? 1 : 0], 1);
}

static void serve(struct api_worker *d, struct http_request *r, struct http_reply *reply)
{
    struct api *api = d->api;
    struct call c;
    uint64_t begun = monotonic_us();

    call_init(&c, d, r, reply);
    dispatch(&c);
    metrics_time(api->metrics, HISTOGRAM_API_LATENCY, monotonic_us() - begun);
    count(api, reply->status);
    log_event(LOG_DEBUG, "api.request", LOG_S("method", r->method), LOG_S("path", r->path),
              LOG_N("status", reply->status), LOG_S("who", c.who), LOG_S("remote", r->remote));
}

/* Requests that are always quick, also when others are slow: a supervisor must not mistake a busy server for a dead
 * one. */
static bool is_express(struct str path)
{
    return str_is(path, "/healthz") || str_is(path, "/readyz") || str_is(path, "/metrics");
}

void api_handle(void *ctx, struct http_request *r, struct http_reply *reply)
{
    struct api *api = ctx;
    api_workers_take(api->desks, r, reply, is_express(r->path));
}

/* Authentication and authorisation run before the first byte of a body is read. */

static bool brings_body(const struct http_request *r)
{
    return http_content_length(r) > 0 || http_header(r, "Transfer-Encoding").n > 0;
}

static enum rc start_upload(struct call *c, void **upload)
{
    struct image_upload *up = NULL;
    enum rc rc = api_upload_check(c);
    if (!rc) rc = images_upload_begin(c->api->images, &up, &c->e);
    struct upload *mine = rc ? NULL : calloc(1, sizeof *mine);
    if (!rc && !mine) rc = err_set(&c->e, RC_NOMEM, "no memory for an upload");
    if (rc) {
        images_upload_drop(up);
        return rc;
    }
    mine->up = up;
    *upload = mine;
    return RC_OK;
}

/* A request without a token (a login) has a small body limit. */
static enum rc check_stranger(struct call *c)
{
    enum { STRANGER_BYTES = 4096 };
    int64_t n = http_content_length(c->r);
    c->r->principal = -1 - (int64_t)(str_hash(c->r->remote) >> 1);
    if (!brings_body(c->r)) return RC_OK;
    if (n < 0) return api_refuse(c, 411, "Length required", NULL, "send Content-Length");
    return n <= STRANGER_BYTES
               ? RC_OK
               : api_refuse(c, 413, "Body too large", NULL, "at most %d bytes are accepted here", STRANGER_BYTES);
}

static bool look_at_head(void *ctx, struct http_request *r, void **upload, struct http_reply *reply)
{
    struct api *api = ctx;
    struct call c;
    struct buf allowed;
    enum rc rc = RC_OK;
    if (is_express(r->path)) return false;
    buf_init(&allowed, 256);
    call_init(&c, &api->front, r, reply);
    c.route = find(&c, &allowed);
    if (c.route && c.route->role != ROLE_NONE)
        rc = api_authenticate(&c);
    else if (c.route || !brings_body(r))
        rc = check_stranger(&c);
    else
        rc = no_route(&c, &allowed);
    buf_finish(&allowed);
    if (c.token) r->principal = c.token;
    if (!rc && c.route && str_is(r->method, "POST") && str_is(r->path, "/api/v1/images")) rc = start_upload(&c, upload);
    if (rc) {
        if (reply->status < 400) api_problem_of(&c, rc);
        api_security_headers(&c, false);
        count(api, reply->status);
    }
    return *upload != NULL;
}

static bool upload_piece(void *ctx, void *upload, struct str bytes)
{
    struct upload *u = upload;
    (void)ctx;
    u->rc = images_upload_write(u->up, bytes, &u->e);
    return u->rc == RC_OK;
}

static void upload_drop(void *ctx, void *upload)
{
    struct upload *u = upload;
    (void)ctx;
    images_upload_drop(u->up);
    free(u);
}

const struct http_upload api_uploads = { look_at_head, upload_piece, upload_drop };

/* Creation and destruction. */

enum rc api_create(const struct server *srv, struct images *images, struct api **out, struct err *e)
{
    struct api *api = calloc(1, sizeof *api);
    if (!api) return err_set(e, RC_NOMEM, "no memory for the API");
    api->srv = srv;
    api->images = images;
    api->metrics = srv->metrics;
    api->now = world_real;
    pthread_mutex_init(&api->lock, NULL);
    enum rc rc = api_worker_open(api, &api->front, e);
    if (!rc) rc = api_logins_create(&api->logins, e);
    if (!rc) rc = api_parameters_open(api, e);
    if (!rc) rc = token_brake_create(&api->brake, e);
    if (!rc) rc = api_workers_open(api, srv->config->api_threads, serve, &api->desks, e);
    if (rc) {
        api_destroy(api);
        return rc;
    }
    *out = api;
    return RC_OK;
}

void api_stop(struct api *api)
{
    if (api) api_workers_stop(api->desks);
}

void api_destroy(struct api *api)
{
    if (!api) return;
    api_workers_close(api->desks);
    token_brake_destroy(api->brake);
    api_logins_destroy(api->logins);
    api_worker_close(&api->front);
    pthread_mutex_destroy(&api->lock);
    buf_finish(&api->openapi_json);
    api_parameters_close(api);
    free(api);
}

void api_set_world(struct api *api, struct world (*now)(void))
{
    api->now = now;
}
