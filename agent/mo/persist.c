/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mo/persist.h"
#include "base/log.h"
#include "db/sql/sql.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define STATEMENTS(X)                                                                                                     \
    X(META_GET, "SELECT value FROM meta WHERE name = :name")                                                              \
    X(META_SET, "INSERT INTO meta(name, value) VALUES(:name, :value) ON CONFLICT(name) DO UPDATE SET value = :value")     \
    X(ACCOUNT_PUT,                                                                                                        \
      "INSERT INTO account(server_id, place, node, url, title, client_name, client_ha1, client_password, server_name,"    \
      " server_ha1, auth, client_nonce, server_nonce, poll_s) VALUES(:server_id, :place, :node, :url, :title,"            \
      " :client_name, :client_ha1, :client_password, :server_name, :server_ha1, :auth, :client_nonce, :server_nonce,"     \
      " :poll_s) ON CONFLICT(server_id) DO UPDATE SET place = :place, node = :node, url = :url, title = :title,"          \
      " client_name = :client_name, client_ha1 = :client_ha1, client_password = :client_password,"                        \
      " server_name = :server_name, server_ha1 = :server_ha1, auth = :auth, client_nonce = :client_nonce,"                \
      " server_nonce = :server_nonce, poll_s = :poll_s")                                                                  \
    X(ACCOUNT_ALL,                                                                                                        \
      "SELECT server_id, place, node, url, title, client_name, client_ha1, client_password, server_name, server_ha1,"     \
      " auth, client_nonce, server_nonce, poll_s FROM account ORDER BY place")                                            \
    X(ACCOUNT_DELETE, "DELETE FROM account WHERE server_id = :server_id")                                                 \
    X(NODE_PUT,                                                                                                           \
      "INSERT INTO node(uri, added, value, acl, title, type, made_ms, changed_ms, version) VALUES(:uri, :added, :value,"  \
      " :acl, :title, :type, :made_ms, :changed_ms, :version) ON CONFLICT(uri) DO UPDATE SET added = :added,"             \
      " value = :value, acl = :acl, title = :title, type = :type, made_ms = :made_ms, changed_ms = :changed_ms,"          \
      " version = :version")                                                                                              \
    X(NODE_DELETE, "DELETE FROM node WHERE uri = :uri")                                                                   \
    X(NODE_ALL, "SELECT uri, added, value, acl, title, type, made_ms, changed_ms, version FROM node")                     \
    X(VM_PUT, "INSERT INTO vm(id, record) VALUES(:id, :record) ON CONFLICT(id) DO UPDATE SET record = :record")           \
    X(VM_DELETE, "DELETE FROM vm WHERE id = :id")                                                                         \
    X(VM_ALL, "SELECT id, record FROM vm ORDER BY id")                                                                    \
    X(IMAGE_PUT,                                                                                                          \
      "INSERT INTO image(id, owner, status, result, done_kb) VALUES(:id, :owner, :status, :result, :done_kb)"             \
      " ON CONFLICT(id) DO UPDATE SET status = :status, result = :result, done_kb = :done_kb")                            \
    X(IMAGE_DELETE, "DELETE FROM image WHERE id = :id")                                                                   \
    X(IMAGE_ALL, "SELECT id, status, result, done_kb, owner FROM image ORDER BY id")                                      \
    X(JOB_PUT,                                                                                                            \
      "INSERT INTO job(id, op, owner, uri, correlator, server_id, waiting, result, started_ms) VALUES(:id, :op, :owner,"  \
      " :uri, :correlator, :server_id, :waiting, :result, :started_ms) ON CONFLICT(id) DO UPDATE SET waiting = :waiting," \
      " result = :result")                                                                                                \
    X(JOB_DELETE, "DELETE FROM job WHERE id = :id")                                                                       \
    X(JOB_ALL, "SELECT id, op, owner, uri, correlator, server_id, waiting, result, started_ms FROM job ORDER BY id")      \
    X(ALERT_PUT,                                                                                                          \
      "INSERT INTO alert(id, server_id, name, source, format, mark, data, correlator, raised_ms) VALUES(:id, :server_id," \
      " :name, :source, :format, :mark, :data, :correlator, :raised_ms) ON CONFLICT(id) DO UPDATE SET data = :data,"      \
      " mark = :mark, raised_ms = :raised_ms")                                                                            \
    X(PUSH_PUT, "INSERT INTO push_seen(digest, seen_ms) VALUES(:digest, :seen_ms)"                                        \
                " ON CONFLICT(digest) DO UPDATE SET seen_ms = :seen_ms")                                                  \
    X(PUSH_TRIM, "DELETE FROM push_seen WHERE digest NOT IN"                                                              \
                 " (SELECT digest FROM push_seen ORDER BY seen_ms DESC LIMIT :keep)")                                     \
    X(PUSH_ALL, "SELECT digest FROM push_seen ORDER BY seen_ms")                                                          \
    X(ALERT_DELETE, "DELETE FROM alert WHERE id = :id")                                                                   \
    X(ALERT_ALL, "SELECT id, server_id, name, source, format, mark, data, correlator, raised_ms FROM alert ORDER BY id")

enum {
#define X(name, sql) STMT_##name,
    STATEMENTS(X)
#undef X
        STMT_COUNT
};
static const char *const stmt_sql[STMT_COUNT] = {
#define X(name, sql) sql,
    STATEMENTS(X)
#undef X
};

struct state {
    struct sql *sql;
    char dir[1024], reserve[1024]; /* "" = nothing is reserved: in memory */
};

/* --- room that is kept for what is kept --- */

enum { RESERVE_BYTES = 4 << 20 };

static int64_t free_bytes(const struct state *s)
{
    struct statvfs disk;

    return statvfs(s->dir, &disk) == 0 ? (int64_t)disk.f_bavail * (int64_t)disk.f_frsize : -1;
}

void persist_reserve(struct state *s)
{
    if (!s || !s->reserve[0] || access(s->reserve, F_OK) == 0 || free_bytes(s) < 4 * (int64_t)RESERVE_BYTES) return;
    int fd = open(s->reserve, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 && posix_fallocate(fd, 0, RESERVE_BYTES) != 0) unlink(s->reserve);
    if (fd >= 0) close(fd);
}

/* Who has filled the device does not keep its owners from locking and wiping: what comes next has the reserve. */
static void use_reserve(struct state *s)
{
    const int64_t room = s->reserve[0] ? free_bytes(s) : -1;

    if (room >= 0 && room < RESERVE_BYTES / 4 && unlink(s->reserve) == 0)
        log_event(LOG_WARN, "device.full",
                  LOG_Z("why", "no room is left; what was reserved for the state is used now"));
}

static enum rc migrate(const char *target, const char *schema, struct err *e)
{
    struct sql_options o = { .durable = true, .busy_ms = 2000 };
    struct sql *sql;
    enum rc rc = sql_open(target, &o, &sql, e);

    if (rc) return rc;
    rc = sql_migrate(sql, schema, e);
    sql_close(sql);
    return rc;
}

static void place_reserve(struct state *s, const char *file)
{
    const char *end = strrchr(file, '/');

    if (!end || (size_t)(end - file) + 10 > sizeof s->reserve) return;
    snprintf(s->dir, sizeof s->dir, "%.*s", (int)(end - file), file);
    snprintf(s->reserve, sizeof s->reserve, "%.*s/reserve", (int)(end - file), file);
}

enum rc persist_open(const char *file, const char *schema, struct state **out, struct err *e)
{
    struct sql_options o = { .durable = true, .busy_ms = 2000, .statements = stmt_sql, .n_statements = STMT_COUNT };
    struct state *s = calloc(1, sizeof *s);
    char target[1024];
    enum rc rc;

    if (!s) return err_set(e, RC_NOMEM, "no memory for the state");
    snprintf(target, sizeof target, "sqlite:%s", file);
    rc = migrate(target, schema, e);
    if (!rc) rc = sql_open(target, &o, &s->sql, e);
    if (rc) {
        free(s);
        return rc;
    }
    place_reserve(s, file);
    persist_reserve(s);
    *out = s;
    return RC_OK;
}

void persist_close(struct state *s)
{
    if (!s) return;
    persist_rollback(s);
    sql_close(s->sql);
    free(s);
}

enum rc persist_commit(struct state *s, struct err *e)
{
    enum rc rc = s && sql_in_transaction(s->sql) ? sql_commit(s->sql, e) : RC_OK;

    if (rc) use_reserve(s);
    return rc;
}

void persist_rollback(struct state *s)
{
    if (s && sql_in_transaction(s->sql)) sql_rollback(s->sql);
}

/* Every change is part of the open transaction, or opens one. */
static enum rc change(struct state *s, int statement, const struct sql_arg *args, size_t n, struct err *e)
{
    enum rc rc = RC_OK;

    if (!s) return RC_OK;
    if (!sql_in_transaction(s->sql)) rc = sql_begin(s->sql, true, e);
    return rc ? rc : sql_run(s->sql, statement, args, n, NULL, e);
}

static enum rc ended(enum rc rc)
{
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static void fill(char *out, size_t n, struct str s)
{
    if (s.n >= n) s.n = n - 1;
    if (s.n) memcpy(out, s.p, s.n);
    out[s.n] = 0;
}
#define FILL(member, s) fill((member), sizeof(member), (s))

enum rc persist_get(struct state *s, const char *name, struct arena *a, struct str *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc;

    if (!s) return RC_NOT_FOUND;
    rc = sql_start(s->sql, STMT_META_GET, SQL_ARGS({ "name", SQL_T(str_of(name)) }), &r, e);
    if (!rc) rc = sql_step(r, e);
    if (!rc && !arena_str(a, sql_text(r, 0), out)) rc = err_set(e, RC_NOMEM, "no memory for %s", name);
    sql_end(r);
    return rc;
}

enum rc persist_set(struct state *s, const char *name, struct str value, struct err *e)
{
    return change(s, STMT_META_SET, SQL_ARGS({ "name", SQL_T(str_of(name)) }, { "value", SQL_T(value) }), e);
}

enum rc persist_put_account(struct state *s, const struct account *c, struct err *e)
{
    return change(
        s, STMT_ACCOUNT_PUT,
        SQL_ARGS({ "server_id", SQL_T(str_of(c->server_id)) }, { "place", SQL_I(c->place) },
                 { "node", SQL_T(str_of(c->node)) }, { "url", SQL_T(str_of(c->url)) },
                 { "title", SQL_T(str_of(c->title)) }, { "client_name", SQL_T(str_of(c->client_name)) },
                 { "client_ha1", SQL_T(str_of(c->client_ha1)) },
                 { "client_password", SQL_TN(str_of(c->client_password)) },
                 { "server_name", SQL_T(str_of(c->server_name)) }, { "server_ha1", SQL_T(str_of(c->server_ha1)) },
                 { "auth", SQL_T(str_of(sml_auth_name(c->auth))) }, { "client_nonce", SQL_B(account_client_nonce(c)) },
                 { "server_nonce", SQL_B(account_server_nonce(c)) }, { "poll_s", SQL_I(c->poll_s) }),
        e);
}

static void read_account(struct sql_rows *r, struct account *c)
{
    memset(c, 0, sizeof *c);
    FILL(c->server_id, sql_text(r, 0));
    c->place = (int)sql_int(r, 1);
    FILL(c->node, sql_text(r, 2));
    FILL(c->url, sql_text(r, 3));
    FILL(c->title, sql_text(r, 4));
    FILL(c->client_name, sql_text(r, 5));
    FILL(c->client_ha1, sql_text(r, 6));
    FILL(c->client_password, sql_text(r, 7));
    FILL(c->server_name, sql_text(r, 8));
    FILL(c->server_ha1, sql_text(r, 9));
    c->auth = sml_auth_of_name(sql_text(r, 10));
    account_set_nonce(sql_text(r, 11), c->client_nonce, &c->n_client_nonce);
    account_set_nonce(sql_text(r, 12), c->server_nonce, &c->n_server_nonce);
    c->poll_s = sql_int(r, 13);
}

enum rc persist_load_accounts(struct state *s, struct account *out, size_t max, size_t *n, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc;

    *n = 0;
    if (!s) return RC_OK;
    rc = sql_start(s->sql, STMT_ACCOUNT_ALL, NULL, 0, &r, e);
    while (!rc && *n < max && !(rc = sql_step(r, e))) read_account(r, &out[(*n)++]);
    sql_end(r);
    return ended(rc);
}

enum rc persist_remove_account(struct state *s, const char *server_id, struct err *e)
{
    return change(s, STMT_ACCOUNT_DELETE, SQL_ARGS({ "server_id", SQL_T(str_of(server_id)) }), e);
}

enum rc persist_put_node(struct state *s, struct str uri, const struct record *now, struct err *e)
{
    if (!now) return change(s, STMT_NODE_DELETE, SQL_ARGS({ "uri", SQL_T(uri) }), e);
    return change(s, STMT_NODE_PUT,
                  SQL_ARGS({ "uri", SQL_T(uri) }, { "added", SQL_I(now->node) },
                           { "value", now->has_value ? SQL_B(now->value) : SQL_N }, { "acl", SQL_TN(now->acl) },
                           { "title", SQL_TN(now->title) }, { "type", SQL_TN(now->type) },
                           { "made_ms", SQL_I(now->made_ms) }, { "changed_ms", SQL_I(now->changed_ms) },
                           { "version", SQL_I(now->version) }),
                  e);
}

enum rc persist_load_nodes(struct state *s, struct tree_store *into, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc;

    if (!s) return RC_OK;
    rc = sql_start(s->sql, STMT_NODE_ALL, NULL, 0, &r, e);
    while (!rc && !(rc = sql_step(r, e))) {
        struct record rec = { .uri = sql_text(r, 0),
                              .node = sql_int(r, 1),
                              .has_value = !sql_is_null(r, 2),
                              .value = sql_text(r, 2),
                              .acl = sql_text(r, 3),
                              .title = sql_text(r, 4),
                              .type = sql_text(r, 5),
                              .made_ms = sql_int(r, 6),
                              .changed_ms = sql_int(r, 7),
                              .version = (uint16_t)sql_int(r, 8) };
        rc = tree_store_set(into, &rec);
    }
    sql_end(r);
    rc = ended(rc);
    if (!rc) tree_store_forget(into);
    return rc;
}

enum rc persist_put_vm(struct state *s, const char *id, struct str json, struct err *e)
{
    return change(s, STMT_VM_PUT, SQL_ARGS({ "id", SQL_T(str_of(id)) }, { "record", SQL_T(json) }), e);
}

enum rc persist_remove_vm(struct state *s, const char *id, struct err *e)
{
    return change(s, STMT_VM_DELETE, SQL_ARGS({ "id", SQL_T(str_of(id)) }), e);
}

enum rc persist_load_vms(struct state *s, enum rc (*fn)(void *ctx, struct str id, struct str json, struct err *e),
                         void *ctx, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc;

    if (!s) return RC_OK;
    rc = sql_start(s->sql, STMT_VM_ALL, NULL, 0, &r, e);
    while (!rc && !(rc = sql_step(r, e))) rc = fn(ctx, sql_text(r, 0), sql_text(r, 1), e);
    sql_end(r);
    return ended(rc);
}

enum rc persist_put_image(struct state *s, const struct state_image *i, struct err *e)
{
    return change(s, STMT_IMAGE_PUT,
                  SQL_ARGS({ "id", SQL_T(str_of(i->id)) }, { "owner", SQL_T(str_of(i->owner)) },
                           { "status", SQL_I(i->status) }, { "result", SQL_I(i->result) },
                           { "done_kb", SQL_I(i->done_kb) }),
                  e);
}

enum rc persist_remove_image(struct state *s, const char *id, struct err *e)
{
    return change(s, STMT_IMAGE_DELETE, SQL_ARGS({ "id", SQL_T(str_of(id)) }), e);
}

enum rc persist_load_images(struct state *s, void (*fn)(void *ctx, const struct state_image *i), void *ctx,
                            struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc;

    if (!s) return RC_OK;
    rc = sql_start(s->sql, STMT_IMAGE_ALL, NULL, 0, &r, e);
    while (!rc && !(rc = sql_step(r, e))) {
        struct state_image i = { .status = (int)sql_int(r, 1), .result = (int)sql_int(r, 2), .done_kb = sql_int(r, 3) };
        FILL(i.id, sql_text(r, 0));
        FILL(i.owner, sql_text(r, 4));
        fn(ctx, &i);
    }
    sql_end(r);
    return ended(rc);
}

enum rc persist_put_job(struct state *s, const struct job *j, struct err *e)
{
    return change(s, STMT_JOB_PUT,
                  SQL_ARGS({ "id", SQL_I(j->id) }, { "op", SQL_T(str_of(j->op)) }, { "owner", SQL_T(str_of(j->owner)) },
                           { "uri", SQL_T(str_of(j->uri)) }, { "correlator", SQL_T(str_of(j->correlator)) },
                           { "server_id", SQL_T(str_of(j->server_id)) }, { "waiting", SQL_I(j->waiting) },
                           { "result", SQL_I(j->result) }, { "started_ms", SQL_I(j->started_ms) }),
                  e);
}

enum rc persist_remove_job(struct state *s, uint64_t id, struct err *e)
{
    return change(s, STMT_JOB_DELETE, SQL_ARGS({ "id", SQL_I(id) }), e);
}

enum rc persist_load_jobs(struct state *s, void (*fn)(void *ctx, const struct job *j), void *ctx, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc;

    if (!s) return RC_OK;
    rc = sql_start(s->sql, STMT_JOB_ALL, NULL, 0, &r, e);
    while (!rc && !(rc = sql_step(r, e))) {
        struct job j = { .id = (uint64_t)sql_int(r, 0),
                         .waiting = (int)sql_int(r, 6),
                         .result = (int)sql_int(r, 7),
                         .started_ms = sql_int(r, 8) };
        FILL(j.op, sql_text(r, 1));
        FILL(j.owner, sql_text(r, 2));
        FILL(j.uri, sql_text(r, 3));
        FILL(j.correlator, sql_text(r, 4));
        FILL(j.server_id, sql_text(r, 5));
        fn(ctx, &j);
    }
    sql_end(r);
    return ended(rc);
}

enum rc persist_put_alert(struct state *s, const struct state_alert *al, struct err *e)
{
    return change(s, STMT_ALERT_PUT,
                  SQL_ARGS({ "id", SQL_I(al->id) }, { "server_id", SQL_T(al->server_id) }, { "name", SQL_T(al->name) },
                           { "source", SQL_T(al->source) }, { "format", SQL_T(al->format) },
                           { "mark", SQL_T(al->mark) }, { "data", SQL_T(al->data) },
                           { "correlator", SQL_T(al->correlator) }, { "raised_ms", SQL_I(al->raised_ms) }),
                  e);
}

enum rc persist_remove_alert(struct state *s, uint64_t id, struct err *e)
{
    return change(s, STMT_ALERT_DELETE, SQL_ARGS({ "id", SQL_I(id) }), e);
}

enum rc persist_load_alerts(struct state *s, enum rc (*fn)(void *ctx, const struct state_alert *al), void *ctx,
                            struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc;

    if (!s) return RC_OK;
    rc = sql_start(s->sql, STMT_ALERT_ALL, NULL, 0, &r, e);
    while (!rc && !(rc = sql_step(r, e))) {
        struct state_alert al = { (uint64_t)sql_int(r, 0), sql_text(r, 1), sql_text(r, 2),
                                  sql_text(r, 3),          sql_text(r, 4), sql_text(r, 5),
                                  sql_text(r, 6),          sql_text(r, 7), sql_int(r, 8) };
        rc = fn(ctx, &al);
    }
    sql_end(r);
    return ended(rc);
}

enum rc persist_put_push(struct state *s, struct str digest, int64_t now_ms, size_t keep, struct err *e)
{
    enum rc rc = change(s, STMT_PUSH_PUT, SQL_ARGS({ "digest", SQL_B(digest) }, { "seen_ms", SQL_I(now_ms) }), e);

    return rc ? rc : change(s, STMT_PUSH_TRIM, SQL_ARGS({ "keep", SQL_I(keep) }), e);
}

enum rc persist_load_pushes(struct state *s, void (*fn)(void *ctx, struct str digest), void *ctx, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc;

    if (!s) return RC_OK;
    rc = sql_start(s->sql, STMT_PUSH_ALL, NULL, 0, &r, e);
    while (!rc && !(rc = sql_step(r, e))) fn(ctx, sql_text(r, 0));
    sql_end(r);
    return ended(rc);
}
