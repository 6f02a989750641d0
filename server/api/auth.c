/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"
#include "db/token.h"
#include "server/core/health.h"
#include "server/http/http_header.h"

#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Console sessions. A login never ends another user's session: each token and each authority has its own share, and
     * some sessions are reserved for tokens of all authorities. */
    SESSIONS = 1024,
    SESSIONS_EACH = 16,
    SESSIONS_AUTHORITY = 64,
    SESSIONS_KEPT_BACK = 64,
    SESSION_S = 12 * 3600,
    USED_EVERY_MS = 60 * 1000,
    TOKEN_CHARACTERS = API_TOKEN_BYTES - 1 - 4 /* after "dmv_" */
};
#define COOKIE "dmvisor"

struct login {
    uint8_t hash[SHA256_BYTES];
    int64_t token, authority, expires_ms; /* token 0: free */
};
struct logins {
    pthread_mutex_t lock;
    struct login s[SESSIONS];
};

static const char *const role_names[] = {
    [ROLE_VIEWER] = "viewer", [ROLE_OPERATOR] = "operator", [ROLE_ADMIN] = "admin", [ROLE_AUDITOR] = "auditor"
};

static enum role role_of(struct str name)
{
    for (enum role r = ROLE_VIEWER; r <= ROLE_AUDITOR; r++)
        if (str_is(name, role_names[r])) return r;
    return ROLE_NONE;
}

static bool may(enum role has, enum role needs)
{
    switch (needs) {
    case ROLE_NONE: return true;
    case ROLE_VIEWER: return has != ROLE_NONE;
    case ROLE_OPERATOR: return has == ROLE_OPERATOR || has == ROLE_ADMIN;
    case ROLE_ADMIN: return has == ROLE_ADMIN;
    case ROLE_AUDITOR: return has == ROLE_AUDITOR || has == ROLE_ADMIN;
    }
    return false;
}

enum rc api_logins_create(struct logins **out, struct err *e)
{
    *out = calloc(1, sizeof **out);
    if (!*out) return err_set(e, RC_NOMEM, "no memory for console sessions");
    pthread_mutex_init(&(*out)->lock, NULL);
    return RC_OK;
}

void api_logins_destroy(struct logins *s)
{
    if (s) pthread_mutex_destroy(&s->lock);
    free(s);
}

static struct str bytes_of(const uint8_t *p, size_t n)
{
    return (struct str){ (const char *)p, n };
}

/* Call with the lock held. */
static struct login *session_at(struct logins *l, int64_t now_ms, const uint8_t hash[SHA256_BYTES])
{
    for (size_t i = 0; i < SESSIONS; i++)
        if (l->s[i].token && l->s[i].expires_ms > now_ms && l->s[i].hash[0] == hash[0] &&
            text_same_secret(bytes_of(l->s[i].hash, SHA256_BYTES), bytes_of(hash, SHA256_BYTES)))
            return &l->s[i];
    return NULL;
}

/* @return the token of the session; 0 = no such session */
static int64_t session_token(const struct api *api, int64_t now_ms, const uint8_t hash[SHA256_BYTES])
{
    struct logins *l = api->logins;
    pthread_mutex_lock(&l->lock);
    const struct login *s = session_at(l, now_ms, hash);
    int64_t token = s ? s->token : 0;
    pthread_mutex_unlock(&l->lock);
    return token;
}

static void session_end(struct call *c, const uint8_t hash[SHA256_BYTES])
{
    struct logins *l = c->api->logins;
    pthread_mutex_lock(&l->lock);
    struct login *s = session_at(l, c->w.now_ms, hash);
    if (s) *s = (struct login){ .token = 0 };
    pthread_mutex_unlock(&l->lock);
    if (s) events_look_again(c->api->srv->events);
}

/* Call with the lock held: find a slot for a new session of this token; past its share it replaces the token's oldest
 * session. */
static struct login *session_place(struct call *c)
{
    struct logins *l = c->api->logins;
    struct login *unused = NULL, *oldest = NULL;
    unsigned mine = 0, authority = 0, others = 0;
    for (size_t i = 0; i < SESSIONS; i++) {
        struct login *s = &l->s[i];
        if (s->expires_ms <= c->w.now_ms) s->token = 0;
        if (!s->token) {
            unused = s;
            continue;
        }
        if (s->token == c->token) {
            mine++;
            if (!oldest || s->expires_ms < oldest->expires_ms) oldest = s;
        }
        authority += s->authority == c->token_authority;
        others += s->authority != 0;
    }
    if (mine >= SESSIONS_EACH) return oldest;
    if (c->token_authority && (authority >= SESSIONS_AUTHORITY || others >= SESSIONS - SESSIONS_KEPT_BACK))
        return oldest;
    return unused ? unused : oldest;
}

/* @return when it ends; 0 = no free slot */
static int64_t session_begin(struct call *c, const char *secret)
{
    struct logins *l = c->api->logins;
    int64_t expires = c->w.now_ms + SESSION_S * INT64_C(1000);
    pthread_mutex_lock(&l->lock);
    struct login *s = session_place(c);
    if (s) {
        *s = (struct login){ .token = c->token, .authority = c->token_authority, .expires_ms = expires };
        crypto_sha256(str_of(secret), s->hash);
    }
    pthread_mutex_unlock(&l->lock);
    return s ? expires : 0;
}

static struct str cookie_of(struct call *c)
{
    return http_cookie(http_header(c->r, "Cookie"), STR(COOKIE));
}

static enum rc nobody(struct call *c, const char *why)
{
    metrics_add(c->api->metrics, METRIC_API_LOGIN_FAILED, 1);
    log_event(LOG_WARN, "api.unauthorized", LOG_S("remote", c->r->remote), LOG_S("path", c->r->path),
              LOG_Z("why", why));
    api_refuse(c, 401, "Unauthorized", NULL, "%s", why);
    http_reply_header(c->reply, "WWW-Authenticate", STR("Bearer realm=\"dmvisor\""));
    return RC_DENIED;
}

/* Count a wrong token; after too many, further tokens from that address are refused for a while. */
static enum rc wrong(struct call *c, const char *why)
{
    token_brake_wrong(c->api->brake, c->r->remote, c->w.now_ms);
    return nobody(c, why);
}

static enum rc check_brake(struct call *c, const uint8_t hash[SHA256_BYTES])
{
    int retry_s = 0;
    if (token_brake_lets(c->api->brake, c->r->remote, hash, c->w.now_ms, &retry_s)) return RC_OK;
    metrics_add(c->api->metrics, METRIC_API_BRAKED, 1);
    log_event(LOG_WARN, "api.braked", LOG_S("remote", c->r->remote), LOG_S("path", c->r->path));
    api_refuse(c, 429, "Too many wrong tokens", NULL, "too many wrong tokens from your address: wait %d s", retry_s);
    api_answer_header(c, "Retry-After", "%d", retry_s);
    return RC_DENIED;
}

/* Set the caller's identity. */
static enum rc take_token(struct call *c, const struct db_token *t)
{
    if (t->expires_ms && t->expires_ms <= c->w.now_ms) return nobody(c, "this token has expired");
    c->token = t->id;
    c->token_authority = c->scope = t->authority;
    c->who = t->name;
    c->role = role_of(t->role);
    return RC_OK;
}

static void note_use(struct call *c, int64_t last_ms)
{
    struct err e = { 0 };
    if (c->is_front || c->w.now_ms - last_ms < USED_EVERY_MS) return;
    sql_patience(c->db, 0); /* a read must not wait for a writer: the last use is then stored another time */
    db_token_used(c->db, c->token, c->w.now_ms, &e);
    sql_patience(c->db, API_WORKER_BUSY_MS);
}

static enum rc by_secret(struct call *c, struct str token)
{
    uint8_t hash[SHA256_BYTES];
    struct db_token t;

    crypto_sha256(token, hash);
    enum rc rc = check_brake(c, hash);
    if (rc) return rc;
    rc = db_token_by_hash(c->db, bytes_of(hash, sizeof hash), c->a, &t, &c->e);
    if (!rc && !text_same_secret(t.hash, bytes_of(hash, sizeof hash))) rc = RC_NOT_FOUND;
    if (rc == RC_NOT_FOUND)
        rc = wrong(c, "unknown token");
    else if (!rc)
        rc = take_token(c, &t);
    if (!rc) token_brake_right(c->api->brake, c->r->remote, hash);
    if (!rc) note_use(c, t.used_ms);
    return rc;
}

static bool https(const struct call *c)
{
    const char *url = c->api->srv->config->api_url;
    return c->r->tls || (url && strncmp(url, "https:", 6) == 0);
}

/* A page of another site must not use the session cookie: SameSite=Strict prevents it, and this check covers browsers
 * without SameSite. */
static bool same_origin(struct call *c)
{
    struct str site = http_header(c->r, "Sec-Fetch-Site"), origin = http_header(c->r, "Origin"),
               host = http_header(c->r, "Host");
    if (site.n) return str_is(site, "same-origin") || str_is(site, "none");
    if (!origin.n) return true;
    const struct str scheme = str_of(https(c) ? "https://" : "http"); /* before a proxy nobody knows which it has */
    size_t at = str_find(origin, '/', 0) + 2;
    return str_eq_fold(str_slice(origin, 0, scheme.n), scheme) && str_eq_fold(str_slice(origin, at, origin.n), host);
}

static enum rc by_cookie(struct call *c, struct str secret)
{
    uint8_t hash[SHA256_BYTES];
    struct db_token t;
    bool reads = str_is(c->r->method, "GET") || str_is(c->r->method, "HEAD");

    crypto_sha256(secret, hash);
    enum rc rc = check_brake(c, hash);
    if (rc) return rc;
    int64_t token = session_token(c->api, c->w.now_ms, hash);
    if (!token) return wrong(c, "you are not logged in, or your session has ended");
    if (!reads && !same_origin(c)) return api_refuse(c, 403, "Forbidden", NULL, "this request comes from another site");
    rc = db_token_by_id(c->db, token, c->a, &t, &c->e);
    if (rc == RC_NOT_FOUND) {
        session_end(c, hash);
        rc = nobody(c, "the token of your session was deleted");
    } else if (!rc) {
        rc = take_token(c, &t);
    }
    if (!rc) token_brake_right(c->api->brake, c->r->remote, hash);
    c->by_cookie = true;
    c->cookie = secret;
    return rc;
}

/* A stream lasts no longer than the token, and the login to the console, that it was opened with. When the database does not
 * say, it ends: its reader comes back. */
static bool may_read(const void *ctx, struct sql *db, const struct events_reader *r)
{
    enum { TOKEN_ARENA_BYTES = 8192 };
    static const uint8_t no_session[SHA256_BYTES];
    const struct api *api = ctx;
    const int64_t now_ms = health_now_ms(api->srv->health, api->now().now_ms);
    struct arena a;
    struct db_token t;
    struct err e = { 0 };
    if (memcmp(r->session, no_session, sizeof no_session) != 0 &&
        session_token(api, now_ms, r->session) != r->principal)
        return false;
    arena_init(&a, TOKEN_ARENA_BYTES);
    enum rc rc = db_token_by_id(db, r->principal, &a, &t, &e);
    arena_finish(&a);
    return !rc && (!t.expires_ms || t.expires_ms > now_ms);
}

struct events_reader api_reader(const struct call *c)
{
    struct events_reader r = { .principal = c->token, .may_read = may_read, .ctx = c->api };
    if (c->by_cookie) crypto_sha256(c->cookie, r.session);
    return r;
}

static enum rc narrow(struct call *c)
{
    struct str name = api_query(c, "authority"), found, server_id;
    return name.n ? api_authority_for(c, name, NULL, &c->scope, &found, &server_id) : RC_OK;
}

enum rc api_authenticate(struct call *c)
{
    struct str header, cookie;
    enum rc rc;

    if (c->route->role == ROLE_NONE) return RC_OK;
    header = http_header(c->r, "Authorization");
    cookie = cookie_of(c);
    if (header.n > 7 && str_eq_fold(str_slice(header, 0, 7), STR("bearer ")))
        rc = by_secret(c, str_trim(str_slice(header, 7, header.n)));
    else if (header.n)
        rc = nobody(c, "the Authorization header must be: Bearer <token>");
    else if (cookie.n)
        rc = by_cookie(c, cookie);
    else
        rc = nobody(c, "send a token: Authorization: Bearer <token>");
    if (!rc && !may(c->role, c->route->role))
        rc = api_refuse(c, 403, "Forbidden", NULL, "this requires the role %s; \"%.*s\" has %s",
                        role_names[c->route->role], STR_ARG(c->who), role_names[c->role]);
    return rc ? rc : narrow(c);
}

/* The console's login. */

static json_t *who_json(struct call *c)
{
    json_t *j = json_object();
    struct db_authority a;
    json_put_str(j, "name", c->who);
    json_put_str(j, "role", str_of(role_names[c->role]));
    json_object_set_new(j, "authority", json_null());
    if (c->token_authority && db_authority_by_id(c->db, c->token_authority, c->a, &a, &c->e) == RC_OK)
        json_put_str(j, "authority", a.name);
    return j;
}

/* A form of another site cannot send Content-Type: application/json, and its browser sends its Origin. */
static enum rc from_ourselves(struct call *c)
{
    struct str type = http_header(c->r, "Content-Type");
    type = str_trim(str_slice(type, 0, str_find(type, ';', 0)));
    if (!same_origin(c)) return api_refuse(c, 403, "Forbidden", NULL, "this request comes from another site");
    return str_eq_fold(type, STR("application/json"))
               ? RC_OK
               : api_refuse(c, 415, "Unsupported media type", NULL, "Content-Type must be application/json");
}

static enum rc login(struct call *c)
{
    struct str token = { 0 };
    json_t *body = NULL;
    const struct field fields[] = { { "token", FIELD_TEXT, true, 200, &token, NULL } };
    char secret[TOKEN_CHARACTERS + 1];

    enum rc rc = from_ourselves(c);
    if (!rc) rc = json_read(c->r->body, &body, &c->e);
    if (!rc) rc = json_fields(body, "", fields, 1, &c->e);
    if (!rc) rc = by_secret(c, str_trim(token));
    json_decref(body);
    if (rc) return rc;
    crypto_random_text(&c->w, secret, TOKEN_CHARACTERS);
    int64_t expires = session_begin(c, secret);
    if (!expires) {
        api_refuse(c, 503, "Too many logins", NULL,
                   "too many sessions are open: try again when another user has logged out");
        http_reply_header(c->reply, "Retry-After", STR("60"));
        return RC_DENIED;
    }
    api_answer_header(c, "Set-Cookie", COOKIE "=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%s", secret, SESSION_S,
                      https(c) ? "; Secure" : "");
    log_event(LOG_INFO, "api.login", LOG_S("who", c->who), LOG_S("remote", c->r->remote));
    json_t *j = who_json(c);
    json_put_time(j, "expires", expires);
    return api_answer(c, 200, j);
}

static enum rc logout(struct call *c)
{
    struct str secret = cookie_of(c);
    uint8_t hash[SHA256_BYTES];
    crypto_sha256(secret, hash);
    if (secret.n && session_token(c->api, c->w.now_ms, hash) && !same_origin(c))
        return api_refuse(c, 403, "Forbidden", NULL, "this request comes from another site");
    if (secret.n) session_end(c, hash);
    api_answer_header(c, "Set-Cookie", COOKIE "=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict%s",
                      https(c) ? "; Secure" : "");
    return api_answer_nothing(c);
}

static enum rc whoami(struct call *c)
{
    return api_answer(c, 200, who_json(c));
}

/* Tokens. */

static enum rc tokens(struct call *c)
{
    struct page p;
    struct sql_rows *r = NULL;
    struct db_token t;
    enum rc rc = api_page_begin(c, 0, &p);
    if (rc) return rc;
    rc = db_token_list(c->db, c->scope, p.cursor, p.limit + 1, &r, &c->e);
    while (!rc && (rc = db_token_next(r, &t, &c->e)) == RC_OK) {
        if (!api_page_more(&p, t.id)) break;
        json_t *j = json_object();
        json_put_int(j, "id", t.id);
        json_put_str(j, "name", t.name);
        json_put_str(j, "role", t.role);
        json_object_set_new(j, "authority", t.authority_name.n ? json_put_text(t.authority_name) : json_null());
        json_put_time(j, "created", t.created_ms);
        json_put_time(j, "expires", t.expires_ms);
        json_put_time(j, "used", t.used_ms);
        json_array_append_new(p.items, j);
    }
    sql_end(r);
    return api_page_end(c, &p, rc);
}

/* @param t  its hash is ignored; the new token is written to `out`. @param id  may be NULL */
static enum rc insert_token(struct sql *db, struct db_token t, const struct world *w, char out[API_TOKEN_BYTES],
                            int64_t *id, struct err *e)
{
    uint8_t hash[SHA256_BYTES];
    memcpy(out, "dmv_", 4);
    crypto_random_text(w, out + 4, TOKEN_CHARACTERS);
    crypto_sha256(str_of(out), hash);
    t.hash = bytes_of(hash, sizeof hash);
    t.created_ms = w->now_ms;
    return db_token_add(db, &t, id, e);
}

enum rc api_token_add(struct sql *db, struct str authority, struct str name, struct str role, int64_t expires_ms,
                      const struct world *w, char out[API_TOKEN_BYTES], struct err *e)
{
    enum { AUTHORITY_ARENA_BYTES = 4096 };
    struct arena a;
    struct db_authority of = { 0 };
    enum rc rc = RC_OK;
    if (!role_of(role))
        return err_set(e, RC_INVALID, "unknown role \"%.*s\"; known roles: viewer, operator, admin, auditor",
                       STR_ARG(role));
    arena_init(&a, AUTHORITY_ARENA_BYTES);
    if (authority.n) rc = db_authority_by_name(db, authority, &a, &of, e);
    arena_finish(&a);
    if (rc == RC_NOT_FOUND) return err_set(e, RC_NOT_FOUND, "authority \"%.*s\" not found", STR_ARG(authority));
    const struct db_token t = { .authority = of.id, .name = name, .role = role, .expires_ms = expires_ms };
    return rc ? rc : insert_token(db, t, w, out, NULL, e);
}

enum rc api_token_any(struct sql *db, bool *any, struct err *e)
{
    struct sql_rows *r = NULL;
    struct db_token t;
    enum rc rc = db_token_list(db, 0, 0, 1, &r, e);
    if (!rc) rc = db_token_next(r, &t, e);
    sql_end(r);
    *any = rc == RC_OK;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc token_add(struct call *c)
{
    struct str name = { 0 }, role = { 0 }, authority = { 0 }, found = { 0 }, server_id;
    int64_t expires = 0, authority_id = c->scope, id = 0;
    json_t *body = NULL, *j = NULL;
    char token[API_TOKEN_BYTES];
    const struct field fields[] = {
        { "name", FIELD_TEXT, true, API_TITLE_BYTES, &name, NULL },
        { "role", FIELD_TEXT, true, 20, &role, NULL },
        { "authority", FIELD_NULL_OR_TEXT, false, 64, &authority, NULL },
        { "expires", FIELD_TIME, false, 0, &expires, NULL },
    };
    enum rc rc = json_read(c->r->body, &body, &c->e);
    if (!rc) rc = json_fields(body, "", fields, 4, &c->e);
    if (!rc && !name.n) rc = api_refuse(c, 400, "Bad request", "/name", "name the owner or the purpose of the token");
    if (!rc && !role_of(role)) rc = api_refuse_word(c, "/role", "role", role, STR("viewer, operator, admin, auditor"));
    if (!rc && expires && expires <= c->w.now_ms)
        rc = api_refuse(c, 400, "Bad request", "/expires", "this time is in the past");
    if (!rc && authority.n) rc = api_authority_for(c, authority, "/authority", &authority_id, &found, &server_id);
    if (!rc) rc = api_write_begin(c);
    const struct db_token t = { .authority = authority_id, .name = name, .role = role, .expires_ms = expires };
    if (!rc) rc = insert_token(c->db, t, &c->w, token, &id, &c->e);
    if (!rc) {
        j = json_object();
        json_put_int(j, "id", id);
        json_put_str(j, "name", name);
        json_put_str(j, "role", role);
        json_object_set_new(j, "authority", found.n ? json_put_text(found) : json_null());
        json_put_time(j, "created", c->w.now_ms);
        json_put_time(j, "expires", expires);
        json_object_set_new(j, "used", json_null());
        rc = api_audit(c, authority_id, "token.create",
                       arena_printf(c->a, "tokens/%" JSON_INTEGER_FORMAT, (json_int_t)id), NULL, j);
    }
    json_decref(body);
    if (rc) {
        json_decref(j);
        return rc;
    }
    json_put_str(j, "token", str_of(token));
    c->secret = true;
    return api_answer(c, 201, j);
}

static enum rc token_delete(struct call *c)
{
    int64_t id = 0, admins = 0;
    struct db_token t;
    bool last = false;
    if (!str_to_i64(c->param[0], &id)) return api_missing(c, "token", c->param[0]);
    enum rc rc = api_write_begin(c);
    if (!rc) rc = db_token_count_admins(c->db, c->w.now_ms, &admins, &c->e);
    json_t *was = json_object();
    if (!rc) rc = db_token_by_id(c->db, id, c->a, &t, &c->e);
    if (!rc) {
        json_put_str(was, "name", t.name);
        json_put_str(was, "role", t.role);
        last = admins == 1 && str_is(t.role, "admin") && !t.authority && (!t.expires_ms || t.expires_ms > c->w.now_ms);
    }
    if (!rc && last)
        rc = api_refuse(c, 409, "Last admin", NULL,
                        "this is the last admin token for all authorities: create another one first");
    if (!rc) rc = db_token_delete(c->db, c->scope, id, &c->e);
    c->ends_logins = true;
    if (rc == RC_NOT_FOUND) rc = api_missing(c, "token", c->param[0]);
    if (!rc)
        rc = api_audit(c, c->scope, "token.delete", arena_printf(c->a, "tokens/%.*s", STR_ARG(c->param[0])), was, NULL);
    json_decref(was);
    return rc ? rc : api_answer_nothing(c);
}

const struct route routes_auth[] = {
    { "POST", "/api/v1/login", ROLE_NONE, login },
    { "POST", "/api/v1/logout", ROLE_NONE, logout },
    { "GET", "/api/v1/whoami", ROLE_VIEWER, whoami },
    { "GET", "/api/v1/tokens", ROLE_ADMIN, tokens },
    { "POST", "/api/v1/tokens", ROLE_ADMIN, token_add },
    { "DELETE", "/api/v1/tokens/{id}", ROLE_ADMIN, token_delete },
    { NULL, NULL, ROLE_NONE, NULL },
};
