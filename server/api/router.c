#include "server/api/call.h"

#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "server/events.h"
#include "server/notifier.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SEGMENTS = 12, BUSY_MS = 5000, KEY_BYTES = 200 };

const struct route *const api_routes[] = {
    routes_about,       routes_auth,       routes_devices,  routes_device_changes, routes_vms,      routes_operations,
    routes_policies,    routes_preview,    routes_images,   routes_triggers,       routes_audit,    routes_live,
    routes_authorities, routes_recordings, routes_describe, routes_descriptions,   routes_overview, NULL,
};

/* Which route. */

struct path {
    struct str raw[SEGMENTS], name[SEGMENTS];
    unsigned n;
    bool bad;
};

static void cut_path(struct call *c, struct path *p)
{
    struct str rest = c->r->raw_path, part;
    *p = (struct path){ .n = 0 };
    rest = str_slice(rest, 1, rest.n); /* the slash in front */
    while (str_cut(&rest, '/', &part)) {
        if (p->n == SEGMENTS || text_url_decode(part, c->a, &p->name[p->n])) {
            p->bad = true;
            return;
        }
        p->raw[p->n++] = part;
    }
}

/* One segment: a literal, "{name}", or "{name}:verb". */
static bool segment_fits(struct str pattern, const struct path *p, unsigned i, struct call *c)
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

static bool path_fits(const char *pattern, const struct path *p, struct call *c)
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
    struct path p;
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
        return refuse(c, 404, "Not found", NULL, "there is nothing at %.*s; /api/v1/openapi.yaml lists what there is",
                      STR_ARG(c->r->path));
    if (str_is(c->r->method, "OPTIONS"))
        answer_nothing(c);
    else
        refuse(c, 405, "Method not allowed", NULL, "possible here: %s", buf_z(allowed));
    answer_header(c, "Allow", "%s", buf_z(allowed));
    return RC_DENIED;
}

/* Repeated requests: the answer is kept in the transaction that did the work. */

static enum rc repeat_begin(struct call *c, bool *done)
{
    struct str key = http_header(c->r, "Idempotency-Key");
    uint8_t hash[SHA256_BYTES];
    char hex[SHA256_HEX_BYTES];
    struct sql_rows *r = NULL;

    *done = false;
    if (!key.n || strcmp(c->route->method, "GET") == 0 || !c->token) return RC_OK;
    if (key.n > KEY_BYTES)
        return refuse(c, 400, "Bad request", NULL, "Idempotency-Key has at most %d bytes", KEY_BYTES);
    crypto_sha256(c->r->body, hash);
    text_hex(hash, sizeof hash, hex);
    c->repeat_key = key;
    c->repeat_of = arena_printf(c->a, "%.*s %.*s?%.*s %s", STR_ARG(c->r->method), STR_ARG(c->r->raw_path),
                                STR_ARG(c->r->query), hex);
    enum rc rc = write_begin(c);
    if (rc) return rc;
    rc = one_row(c, API_IDEMPOTENCY_GET,
                 SQL_ARGS({ "token", SQL_I(c->token) }, { "key", SQL_T(key) },
                          { "after_ms", SQL_I(c->w.now_ms - API_IDEMPOTENCY_MS) }),
                 &r);
    if (!rc && !str_eq(sql_text(r, 0), c->repeat_of)) {
        rc = refuse(c, 422, "Key was used", NULL,
                    "this Idempotency-Key came with another request before: use a new one");
    } else if (!rc && sql_int(r, 1) == 0) {
        rc = refuse(c, 409, "Done already", NULL,
                    "this request was done already; its answer held a secret, which is not kept");
    } else if (!rc) {
        *done = true;
        c->reply->status = (int)sql_int(r, 1);
        buf_put(&c->reply->body, sql_text(r, 2));
        if (c->reply->body.n) http_reply_header(c->reply, "Content-Type", STR("application/json"));
        http_reply_header(c->reply, "Idempotency-Replayed", STR("true"));
    }
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc finish_write(struct call *c)
{
    enum rc rc = RC_OK;
    if (c->repeat_key.n)
        rc = sql_run(c->db, API_IDEMPOTENCY_PUT,
                     SQL_ARGS({ "token", SQL_I(c->token) }, { "key", SQL_T(c->repeat_key) },
                              { "request", SQL_T(c->repeat_of) }, { "status", SQL_I(c->secret ? 0 : c->reply->status) },
                              { "reply", SQL_T(c->secret ? (struct str){ 0 } : buf_str(&c->reply->body)) },
                              { "now_ms", SQL_I(c->w.now_ms) }),
                     NULL, &c->e);
    if (!rc) rc = sql_commit(c->db, &c->e);
    if (!rc) {
        c->api->full_told = false;
        events_wake(c->api->srv->events);
        notifier_wake(c->api->srv->notifier);
        if (c->remove_image.n) images_remove(c->api->images, c->remove_image);
    }
    return rc;
}

static enum rc run(struct call *c)
{
    bool done = false;
    enum rc rc = authenticate(c);
    if (!rc) rc = repeat_begin(c, &done);
    if (!rc && !done) rc = c->route->run(c);
    if (!rc && !done && sql_in_transaction(c->db)) rc = finish_write(c);
    sql_rollback(c->db);
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
        rc = console_serve(c);
    } else {
        rc = no_route(c, &allowed);
    }
    if (rc && c->reply->status < 400 && !(c->reply->status == 204 && allowed.n)) {
        c->reply->n_headers = 0;
        problem_of(c, rc);
    }
    security_headers(c, console);
    buf_finish(&allowed);
}

static void call_init(struct call *c, struct api *api, struct http_request *r, struct http_reply *reply)
{
    *c = (struct call){ .api = api, .db = api->db, .r = r, .reply = reply, .a = r->arena, .w = api->now() };
}

static uint64_t monotonic_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void api_handle(void *ctx, struct http_request *r, struct http_reply *reply)
{
    struct api *api = ctx;
    struct call c;
    uint64_t begun = monotonic_us();

    call_init(&c, api, r, reply);
    dispatch(&c);
    metrics_time(api->metrics, HISTOGRAM_API_LATENCY, monotonic_us() - begun);
    int kind = reply->status / 100;
    metrics_add(api->metrics,
                kind == 5   ? METRIC_API_5XX
                : kind == 4 ? METRIC_API_4XX
                : kind == 3 ? METRIC_API_3XX
                            : METRIC_API_2XX,
                1);
    log_event(LOG_DEBUG, "api.request", LOG_S("method", r->method), LOG_S("path", r->path),
              LOG_N("status", reply->status), LOG_S("who", c.who), LOG_S("remote", r->remote));
}

/* Uploads: who asks and what for is looked at before the first byte is taken. */

static bool upload_wants(void *ctx, const struct http_request *r, void **upload, struct http_reply *refuse_with)
{
    struct api *api = ctx;
    struct call c;
    union {
        const struct http_request *in;
        struct http_request *out;
    } u = { r };
    enum rc rc = RC_OK;

    if (!str_is(r->method, "POST") || !str_is(r->path, "/api/v1/images")) return false;
    call_init(&c, api, u.out, refuse_with);
    struct buf allowed;
    buf_init(&allowed, 256);
    c.route = find(&c, &allowed);
    buf_finish(&allowed);
    if (!c.route) return false;
    rc = authenticate(&c);
    if (!rc) rc = upload_check(&c);
    struct image_upload *up = NULL;
    if (!rc) rc = image_upload_begin(api->images, &up, &c.e);
    struct upload *mine = rc ? NULL : calloc(1, sizeof *mine);
    if (!rc && !mine) rc = err_set(&c.e, RC_NOMEM, "no memory for an upload");
    if (rc) {
        image_upload_drop(up);
        if (refuse_with->status < 400) problem_of(&c, rc);
        security_headers(&c, false);
        return false;
    }
    mine->up = up;
    *upload = mine;
    return true;
}

static bool upload_piece(void *ctx, void *upload, struct str bytes)
{
    struct upload *u = upload;
    (void)ctx;
    u->rc = image_upload_write(u->up, bytes, &u->e);
    return u->rc == RC_OK;
}

static void upload_drop(void *ctx, void *upload)
{
    struct upload *u = upload;
    (void)ctx;
    image_upload_drop(u->up);
    free(u);
}

const struct http_upload api_uploads = { upload_wants, upload_piece, upload_drop };

/* Beginning and end. */

enum rc api_create(const struct server *srv, struct images *images, struct api **out, struct err *e)
{
    struct api *api = calloc(1, sizeof *api);
    struct sql_options o = { .durable = srv->config->durable,
                             .busy_ms = BUSY_MS,
                             .health = server_database_health(srv),
                             .statements = api_statements,
                             .n_statements = API_STATEMENT_COUNT };
    if (!api) return err_set(e, RC_NOMEM, "no memory for the API");
    api->srv = srv;
    api->images = images;
    api->metrics = srv->metrics;
    api->now = world_real;
    enum rc rc = sql_open(srv->config->database, &o, &api->db, e);
    if (!rc) rc = store_open(srv, &api->store, e);
    if (!rc) rc = logins_create(&api->logins, e);
    if (rc) {
        api_destroy(api);
        return rc;
    }
    *out = api;
    return RC_OK;
}

void api_destroy(struct api *api)
{
    if (!api) return;
    logins_destroy(api->logins);
    store_close(api->store);
    sql_close(api->db);
    buf_finish(&api->openapi_json);
    free(api);
}

void api_set_world(struct api *api, struct world (*now)(void))
{
    api->now = now;
}
