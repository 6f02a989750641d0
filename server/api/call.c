/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"
#include "db/audit.h"

#include "base/crypto.h"
#include "base/suggest.h"
#include "base/text.h"
#include "server/events/events.h"
#include "server/core/health.h"
#include "server/notify/notifier.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Problem answers. */

enum rc api_refuse(struct call *c, int status, const char *title, const char *pointer, const char *fmt, ...)
{
    char detail[ERR_TEXT_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    http_problem(c->reply, status, title, pointer, "%s", detail);
    return RC_DENIED;
}

enum rc api_refuse_word(struct call *c, const char *pointer, const char *what, struct str word, struct str list)
{
    struct str more = suggest_among(word, list, c->a);
    return api_refuse(c, 400, "Bad request", pointer, "unknown %s \"%.*s\"%.*s", what, STR_ARG(str_slice(word, 0, 100)),
                      STR_ARG(more));
}

enum rc api_missing(struct call *c, const char *what, struct str name)
{
    return api_refuse(c, 404, "Not found", NULL, "%s \"%.*s\" not found", what, STR_ARG(name));
}

void api_problem_of(struct call *c, enum rc rc)
{
    static const struct {
        enum rc rc;
        int status;
        const char *title;
    } row[] = {
        { RC_NOT_FOUND, 404, "Not found" }, { RC_EXISTS, 409, "Conflict" },     { RC_CONFLICT, 409, "Conflict" },
        { RC_PARSE, 400, "Bad request" },   { RC_INVALID, 400, "Bad request" }, { RC_UNSUPPORTED, 400, "Bad request" },
        { RC_LIMIT, 400, "Over a limit" },  { RC_DENIED, 403, "Forbidden" },    { RC_BUSY, 503, "Busy" },
        { RC_TIMEOUT, 503, "Busy" },        { RC_NOMEM, 503, "Out of memory" }, { RC_IO, 500, "Storage failed" },
    };
    const bool full = c->api->srv->health && c->api->srv->health->database.full;
    int status = 500;
    const char *title = "Internal error";
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        if (row[i].rc == rc) {
            status = row[i].status;
            title = row[i].title;
        }
    const bool moved = c->api->srv->health && c->api->srv->health->database.moved;
    if (moved && rc == RC_IO) {
        status = 503;
        title = "Database moved";
    } else if (full && rc == RC_IO) {
        status = 507;
        title = "Disk full";
    }
    if (status >= 500) {
        if ((status != 507 && !moved) || !c->api->full_told)
            log_event(LOG_ERROR, "api.failed", LOG_S("method", c->r->method), LOG_S("path", c->r->path),
                      LOG_Z("why", c->e.text));
        c->api->full_told = full || moved;
        const bool sql = strncmp(c->e.text, "database: ", 10) == 0 &&
                         !moved; /* the answer does not name the SQL statement */
        const bool damaged = c->api->srv->health && c->api->srv->health->database.damaged;
        if (sql && rc == RC_IO)
            http_problem(c->reply, status, title, NULL, "%s; the server's log says more",
                         full      ? "the disk is full; nothing was changed"
                         : damaged ? "the database is damaged: restore a backup"
                                   : "the database failed");
        else if (rc == RC_INTERNAL || !c->e.text[0])
            http_problem(c->reply, status, title, NULL, "the server's log says more");
        else
            http_problem(c->reply, status, title, NULL, "%s%s", c->e.text, status == 503 ? "; try again" : "");
        if (status == 503) http_reply_header(c->reply, "Retry-After", STR("1"));
        return;
    }
    const char *text = c->e.text[0] ? c->e.text : rc_text(rc);
    if (c->e.line)
        http_problem(c->reply, status, title, NULL, "%s:%u:%u: %s", c->e.where, c->e.line, c->e.column, text);
    else
        http_problem(c->reply, status, title, c->e.where[0] == '/' ? c->e.where : NULL, "%s", text);
}

/* Answers. */

enum rc api_answer(struct call *c, int status, json_t *j)
{
    if (!j) return err_set(&c->e, RC_NOMEM, "no memory for the answer");
    c->reply->status = status;
    json_write(j, &c->reply->body);
    buf_byte(&c->reply->body, '\n');
    json_decref(j);
    http_reply_header(c->reply, "Content-Type", STR("application/json"));
    return RC_OK;
}

enum rc api_answer_nothing(struct call *c)
{
    c->reply->status = 204;
    return RC_OK;
}

enum rc api_answer_text(struct call *c, const char *type, struct str text)
{
    c->reply->status = 200;
    buf_put(&c->reply->body, text);
    http_reply_header(c->reply, "Content-Type", str_of(type));
    return RC_OK;
}

void api_answer_header(struct call *c, const char *name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str v = arena_vprintf(c->a, fmt, ap);
    va_end(ap);
    http_reply_header(c->reply, name, v);
}

/* Collections. */

struct str api_query(struct call *c, const char *name)
{
    return http_query(c->r, name, NULL);
}

static enum rc query_number(struct call *c, const char *name, int64_t least, int64_t most, int64_t *out)
{
    struct str s = api_query(c, name);
    int64_t v;
    if (!s.n) return RC_OK;
    if (!str_to_i64(s, &v) || v < least || v > most)
        return api_refuse(c, 400, "Bad request", NULL,
                          "query parameter %s is \"%.*s\"; expected a number from %" PRId64 " to %" PRId64
                          " is expected",
                          name, STR_ARG(s), least, most);
    *out = v;
    return RC_OK;
}

enum rc api_page_begin(struct call *c, int64_t start, struct page *p)
{
    *p = (struct page){ .cursor = start, .limit = API_PAGE };
    enum rc rc = query_number(c, "limit", 1, API_PAGE_MAX, &p->limit);
    if (start < 0)
        p->cursor_text = api_query(c, "cursor");
    else if (!rc)
        rc = query_number(c, "cursor", 0, INT64_MAX, &p->cursor);
    if (!rc) p->items = json_array();
    return rc;
}

bool api_page_more(struct page *p, int64_t id)
{
    if (++p->n > p->limit) return false;
    p->last = id;
    return true;
}

enum rc api_page_end(struct call *c, struct page *p, enum rc rc)
{
    if (rc && rc != RC_NOT_FOUND) {
        json_decref(p->items);
        return rc;
    }
    json_t *j = json_object();
    json_object_set_new(j, "items", p->items);
    if (p->n > p->limit && p->last_text.n) {
        json_put_str(j, "next", p->last_text);
    } else if (p->n > p->limit) {
        char text[24];
        snprintf(text, sizeof text, "%" PRId64, p->last);
        json_object_set_new(j, "next", json_string(text));
    } else {
        json_object_set_new(j, "next", json_null());
    }
    return api_answer(c, 200, j);
}

/* Changes. */

enum rc api_write_begin(struct call *c)
{
    c->wrote = true;
    return sql_in_transaction(c->db) ? RC_OK : sql_begin(c->db, true, &c->e);
}

/* The hash before the first row. */
static const uint8_t no_bytes[SHA256_BYTES];
static const struct str no_hash = { (const char *)no_bytes, sizeof no_bytes };

/* Each field is preceded by its length, so that different rows never give the same bytes. */
static void hash_field(struct crypto_sha256_ctx *h, struct str s, bool null)
{
    char n[24];
    snprintf(n, sizeof n, null ? "-:" : "%zu:", s.n);
    crypto_sha256_update(h, str_of(n));
    if (!null) crypto_sha256_update(h, s);
}

static enum rc audit_hash(struct str before_hash, const struct db_audit *v, uint8_t out[SHA256_BYTES], struct err *e)
{
    struct crypto_sha256_ctx *h = crypto_sha256_create();
    char hex[SHA256_HEX_BYTES], number[24];
    if (!h) return err_set(e, RC_NOMEM, "no memory for the audit");
    hash_field(h, before_hash, false);
    snprintf(number, sizeof number, "%" PRId64, v->authority);
    hash_field(h, str_of(number), v->authority == 0);
    snprintf(number, sizeof number, "%" PRId64, v->at_ms);
    hash_field(h, str_of(number), false);
    hash_field(h, v->who, false);
    hash_field(h, v->action, false);
    hash_field(h, v->target, false);
    hash_field(h, v->before, v->before.n == 0);
    hash_field(h, v->after, v->after.n == 0);
    crypto_sha256_final(h, hex);
    crypto_sha256_destroy(h);
    text_hex_decode(str_of(hex), out, SHA256_BYTES);
    return RC_OK;
}

enum rc api_audit(struct call *c, int64_t authority, const char *action, struct str target, const json_t *before,
                  const json_t *after)
{
    struct buf was, is;
    uint8_t hash[SHA256_BYTES];
    struct str last = { 0 };

    buf_init(&was, 0);
    buf_init(&is, 0);
    if (before) json_write(before, &was);
    if (after) json_write(after, &is);
    const struct db_audit v = { .authority = authority,
                                .at_ms = c->w.now_ms,
                                .who = c->who,
                                .action = str_of(action),
                                .target = target,
                                .before = buf_str(&was),
                                .after = buf_str(&is),
                                .hash = { (const char *)hash, sizeof hash } };
    enum rc rc = db_audit_last_hash(c->db, c->a, &last, &c->e);
    if (rc == RC_NOT_FOUND) rc = RC_OK;
    if (!rc) rc = audit_hash(last.n == sizeof hash ? last : no_hash, &v, hash, &c->e);
    if (!rc) rc = db_audit_add(c->db, &v, &c->e);
    buf_finish(&was);
    buf_finish(&is);
    return rc;
}

enum rc api_audit_check(struct sql *db, int64_t *rows, int64_t *broken, struct err *e)
{
    enum { AT_A_TIME = 1000 };
    uint8_t last[SHA256_BYTES] = { 0 }, hash[SHA256_BYTES];
    int64_t after = 0, n = 0;
    *broken = 0;
    for (bool more = true; more;) {
        struct sql_rows *r = NULL;
        struct db_audit v;
        enum rc rc = db_audit_walk(db, after, AT_A_TIME, &r, e);
        int in_page = 0;
        while (!rc && (rc = db_audit_next(r, &v, e)) == RC_OK) {
            after = v.id;
            rc = audit_hash((struct str){ (const char *)last, sizeof last }, &v, hash, e);
            if (!rc && !*broken && !str_eq(v.hash, (struct str){ (const char *)hash, sizeof hash })) *broken = after;
            memcpy(last, hash, sizeof last);
            n++;
            in_page++;
        }
        sql_end(r);
        if (rc != RC_NOT_FOUND) return rc;
        more = in_page == AT_A_TIME;
    }
    *rows = n;
    return RC_OK;
}

enum rc api_event(struct call *c, int64_t authority, const char *type, struct str device, json_t *j)
{
    struct buf b;
    buf_init(&b, 0);
    json_write(j, &b);
    json_decref(j);
    const struct db_event v = {
        .authority = authority, .at_ms = c->w.now_ms, .type = str_of(type), .device = device, .data = buf_str(&b)
    };
    enum rc rc = b.failed ? err_set(&c->e, RC_NOMEM, "no memory for an event") : db_event_add(c->db, &v, NULL, &c->e);
    buf_finish(&b);
    return rc;
}

enum rc api_if_match(struct call *c, const char *version)
{
    struct str want = http_header(c->r, "If-Match"), one;
    char quoted[80];
    if (!want.n) return RC_OK;
    snprintf(quoted, sizeof quoted, "\"%s\"", version);
    for (struct str rest = want; str_cut(&rest, ',', &one);) {
        one = str_trim(one);
        if (str_is(one, "*") || str_is(one, quoted)) return RC_OK;
    }
    return api_refuse(c, 412, "Precondition failed", NULL,
                      "it has changed since you read it (its ETag is now %s): read it again before you change it",
                      quoted);
}

enum rc api_touch(struct call *c, int64_t authority, int64_t device, struct str why)
{
    int64_t stamp = 0;
    enum rc rc = generation_stamp(c->db, authority, &stamp, &c->e);
    return rc ? rc : generation_touch_device(c->db, device, stamp, why, c->w.now_ms, &c->e);
}

/* Small helpers. */

struct str api_dm_url(struct call *c, struct str authority)
{
    struct buf b;
    buf_init(&b, 4096);
    buf_putz(&b, c->api->srv->config->dm_url);
    buf_byte(&b, '/');
    text_url_put(&b, authority);
    struct str url = api_keep(c, buf_str(&b));
    buf_finish(&b);
    return url;
}

struct str api_keep(struct call *c, struct str s)
{
    const char *p = arena_strz(c->a, s);
    return p ? (struct str){ p, s.n } : (struct str){ 0 };
}

enum rc api_authority_for(struct call *c, struct str name, const char *pointer, int64_t *id, struct str *found,
                          struct str *server_id)
{
    struct sql_rows *r = NULL;
    struct db_authority of;
    int64_t n = 0;
    bool all = name.n == 0;
    enum rc rc = db_authority_list(c->db, c->scope, &r, &c->e);
    while (!rc && (rc = db_authority_next(r, &of, &c->e)) == RC_OK) {
        if (!all && !str_eq(of.name, name)) continue;
        *id = of.id;
        *found = api_keep(c, of.name);
        *server_id = api_keep(c, of.server_id);
        n++;
    }
    sql_end(r);
    if (rc != RC_NOT_FOUND) return rc;
    if (n == 1) return RC_OK;
    if (n == 0 && all) return api_refuse(c, 409, "No authority", pointer, "no authority exists yet");
    if (n == 0) return api_refuse(c, 404, "Not found", pointer, "this token has no authority \"%.*s\"", STR_ARG(name));
    return api_refuse(c, 400, "Which authority?", pointer, "there are several authorities: name one (authority)");
}

enum rc api_query_time(struct call *c, const char *name, int64_t otherwise, int64_t *out)
{
    struct str s = api_query(c, name);
    int64_t ago;
    *out = otherwise;
    if (!s.n) return RC_OK;
    if (str_is(s, "now")) {
        *out = c->w.now_ms;
        return RC_OK;
    }
    if (s.p[0] == '-' && text_duration_parse(str_slice(s, 1, s.n), &ago)) {
        *out = c->w.now_ms - ago;
        return RC_OK;
    }
    if (text_time_parse(s, out)) return RC_OK;
    return api_refuse(c, 400, "Bad request", NULL,
                      "query parameter %s is \"%.*s\"; expected a time such as 2031-01-31T12:00:00Z, -15m or now", name,
                      STR_ARG(s));
}
