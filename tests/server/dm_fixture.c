/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700 /* nftw */
#include "tests/server/dm_fixture.h"
#include "base/crypto.h"
#include "base/log.h"
#include "ddf/layout/token.h"
#include "server/store/generation.h"
#include "server/dm/session_log.h"
#include "server/store/uri_table.h"
#include "server/dm/refusals.h"
#include "server/core/credentials.h"
#include "server/decide/decide_replay.h"
#include "tests/policy/world.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what, const struct err *e)
{
    fprintf(stderr, "lab: %s: %s %s\n", what, e ? e->where : "", e ? e->text : "");
    exit(99);
}

static void configure(struct dm_fixture *l)
{
    const char *root = getenv("DMVISOR_SOURCE");
    snprintf(l->dir, sizeof l->dir, "/tmp/dmvisor-lab-XXXXXX");
    if (!mkdtemp(l->dir)) die("mkdtemp", NULL);
    snprintf(l->database, sizeof l->database, "sqlite:%s/db", l->dir);
    snprintf(l->key, sizeof l->key, "%s/key", l->dir);
    snprintf(l->images_dir, sizeof l->images_dir, "%s/images", l->dir);
    snprintf(l->schema_dir, sizeof l->schema_dir, "%s/db/schema", root ? root : ".");
    snprintf(l->ddf_dir, sizeof l->ddf_dir, "%s/ddf", root ? root : ".");
    l->config = (struct server_config){
        .dm_url = "https://dm.example.net:8443/dm",
        .dm_max_message_bytes = 65536,
        .dm_max_object_bytes = 4 << 20,
        .dm_max_messages = 60,
        .dm_alerts_per_hour = 1000000,
        .dm_max_sessions = 100,
        .dm_session_timeout_s = 120,
        .dm_session_lifetime_s = 3600,
        .dm_turn_ms = 5,
        .recorder_max_bytes = 64 << 20,
        .recorder_session_bytes = 1 << 20,
        .recorder_device_bytes = 64 << 20,
        .keep_device_samples = 100000,
        .keep_device_events = 1000000,
        .keep_device_sessions = 100000,
        .keep_device_operations = 100000,
        .images_dir = l->images_dir,
        .images_url = "http://127.0.0.1:9/images",
        .images_max_bytes = 1 << 20,
        .database = l->database,
        .schema_dir = l->schema_dir,
        .secret_key_file = l->key,
        .ddf_dir = l->ddf_dir,
        .kpi_interval_s = 3600,
        .poll_s = 3600,
        .authority = "acme-it",
        .server_id = "com.acme.dm",
        .demo = true,
    };
}

struct dm_fixture *dm_fixture_begin(void)
{
    struct dm_fixture *l = calloc(1, sizeof *l);
    struct err e = { 0 };
    const struct sql_options o = { .busy_ms = 5000 };
    if (!l) die("memory", NULL);
    log_open(LOG_ERROR, LOG_LOGFMT, 2);
    configure(l);
    if (getenv("DM_FIXTURE_REPLAY")) l->config.recorder_sample = 1;
    l->seed = 42;
    l->world = world_fixed(1893456000000, &l->seed);
    arena_init(&l->arena, 64 << 20);
    if (server_load(&l->srv, &l->config, &l->arena, &e)) die("load", &e);
    if (server_prepare_database(&l->config, true, l->world.now_ms, &e)) die("database", &e);
    if (sql_open(l->database, &o, &l->db, &e)) die("open", &e);
    if (dm_open(&l->srv, &l->dm, &e)) die("dm", &e);
    return l;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return remove(path);
}

/* With DM_FIXTURE_REPLAY every session of a test is recorded, and decided once more from its facts, without this database.
 * DM_FIXTURE_REPLAY=FOLDER keeps the recordings there. */
static void keep_recording(const char *folder, struct str text)
{
    static int n;
    char name[4096];
    FILE *f = NULL;
    if (folder[0] == '/' && snprintf(name, sizeof name, "%s/%d.yaml", folder, n++) < (int)sizeof name)
        f = fopen(name, "w");
    if (!f) return;
    fwrite(text.p, 1, text.n, f);
    fclose(f);
}

static void decide_again(struct dm_fixture *l)
{
    const struct decide_objects objects = { .schema = l->srv.schema,
                                            .layouts = l->srv.layouts,
                                            .n_layouts = l->srv.n_layouts };
    struct sql_rows *r = NULL;
    enum rc rc = sql_start_text(l->db, STR("SELECT data FROM recording"), NULL, 0, &r, NULL);
    while (!rc && (rc = sql_step(r, NULL)) == RC_OK) {
        struct sml_replay out = { 0 };
        struct err e = { 0 };
        keep_recording(getenv("DM_FIXTURE_REPLAY"), sql_text(r, 0));
        if (decide_replay(sql_text(r, 0), "recording", &objects, NULL, &out, &e)) die("decide again", &e);
        if (!out.same) fprintf(stderr, "%.*s\n%s\n", STR_ARG(sql_text(r, 0)), buf_z(&out.difference));
        if (!out.same) die("decided otherwise", NULL);
        buf_finish(&out.difference);
    }
    sql_end(r);
}

void dm_fixture_end(struct dm_fixture *l)
{
    if (getenv("DM_FIXTURE_REPLAY")) decide_again(l);
    dm_close(l->dm);
    sql_close(l->db);
    server_unload(&l->srv);
    arena_finish(&l->arena);
    nftw(l->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(l);
}

void dm_fixture_forsake(struct dm_fixture *l)
{
    nftw(l->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void dm_fixture_crash(struct dm_fixture *l)
{
    struct err e = { 0 };
    sql_rollback(
        store_sql(l->dm->st)); /* what was not committed is gone, and so is what it would have written at its end */
    for (struct session *s; (s = sessions_of_turn(l->dm->sessions, l->dm->turn)) != NULL;)
        sessions_drop(l->dm->sessions, s);
    turn_forget(l->dm);
    struct sessions *ss = l->dm->sessions;
    l->dm->sessions = NULL;
    sql_close(l->db);
    sessions_forget(ss); /* before the recorder that their recordings are counted by */
    dm_close(l->dm);
    const struct sql_options o = { .busy_ms = 5000 };
    if (sql_open(l->database, &o, &l->db, &e)) die("open", &e);
    if (dm_open(&l->srv, &l->dm, &e)) die("dm", &e);
}

void dm_fixture_undo(struct dm_fixture *l)
{
    struct dm *dm = l->dm;
    const struct sessions_config sc = { .max = l->config.dm_max_sessions,
                                        .idle_ms = (int64_t)l->config.dm_session_timeout_s * 1000,
                                        .lifetime_ms = (int64_t)l->config.dm_session_lifetime_s * 1000 };
    sql_rollback(store_sql(dm->st));
    uri_table_forget(store_paths(dm->st));
    session_log_forget_failed(dm);
    sessions_forget(dm->sessions);
    refusals_destroy(dm->refusals);
    dm->sessions = sessions_create(&sc, session_log_left, dm);
    dm->refusals = refusals_create();
    if (!dm->sessions || !dm->refusals) die("memory", NULL);
    dm->recorder.kept_bytes = -1;
    dm->dirty = dm->events = false;
    turn_forget(dm);
}

void dm_fixture_wait(struct dm_fixture *l, int64_t ms)
{
    l->world.now_ms += ms;
}

void dm_fixture_sql(struct dm_fixture *l, const char *text)
{
    struct err e = { 0 };
    if (sql_exec(l->db, text, &e)) die(text, &e);
}

const char *dm_fixture_text(struct dm_fixture *l, const char *text)
{
    static char out[8192];
    struct sql_rows *r = NULL;
    struct err e = { 0 };
    enum rc rc = sql_start_text(l->db, str_of(text), NULL, 0, &r, &e);
    if (!rc) rc = sql_step(r, &e);
    if (rc && rc != RC_NOT_FOUND) die(text, &e);
    snprintf(out, sizeof out, "%.*s", rc ? 0 : (int)sql_text(r, 0).n, rc ? "" : sql_text(r, 0).p);
    sql_end(r);
    return out;
}

int64_t dm_fixture_int(struct dm_fixture *l, const char *text)
{
    int64_t n = -1;
    const char *t = dm_fixture_text(l, text);
    return str_to_i64(str_of(t), &n) ? n : -1;
}

static void insert(struct dm_fixture *l, const char *sql, const struct sql_arg *args, size_t n)
{
    struct sql_rows *r = NULL;
    struct err e = { 0 };
    enum rc rc = sql_start_text(l->db, str_of(sql), args, n, &r, &e);
    while (!rc) rc = sql_step(r, &e);
    sql_end(r);
    if (rc != RC_NOT_FOUND) die(sql, &e);
}

void dm_fixture_policy(struct dm_fixture *l, const char *yaml)
{
    struct arena a;
    struct pol_policy *p = NULL;
    struct pol_sql where;
    struct buf errors;
    struct err e = { 0 };
    int64_t policy = 0, revision = 0;
    char text[200];

    arena_init(&a, 16 << 20);
    buf_init(&errors, 0);
    if (pol_policy_parse(str_of(yaml), "policy", l->srv.layouts[0], l->srv.schema, &a, &p, &errors, &e))
        die(buf_z(&errors), &e);
    if (pol_selector_sql(p->selector, &a, &where, &e)) die("selector", &e);
    if (sql_begin(l->db, true, &e)) die("begin", &e);
    insert(l,
           "INSERT INTO policy (authority_id, name, revision, created_ms) VALUES (1, :name, 1, :now)"
           " ON CONFLICT (authority_id, name) DO UPDATE SET revision = revision + 1, deleted_ms = NULL",
           SQL_ARGS({ "name", SQL_T(p->name) }, { "now", SQL_I(l->world.now_ms) }));
    snprintf(text, sizeof text, "SELECT policy_id FROM policy WHERE name = '%.*s'", STR_ARG(p->name));
    policy = dm_fixture_int(l, text);
    snprintf(text, sizeof text, "SELECT revision FROM policy WHERE name = '%.*s'", STR_ARG(p->name));
    revision = dm_fixture_int(l, text);
    insert(
        l,
        "INSERT INTO policy_revision (policy_id, revision, document, hash, created_ms, created_by) VALUES (:policy, :revision,"
        " :document, '', :now, 'test')",
        SQL_ARGS({ "policy", SQL_I(policy) }, { "revision", SQL_I(revision) }, { "document", SQL_T(str_of(yaml)) },
                 { "now", SQL_I(l->world.now_ms) }));
    if (generation_policy(l->db, 1, policy, revision, &where, STR("test"), l->world.now_ms, &e)) die("change", &e);
    if (sql_commit(l->db, &e)) die("commit", &e);
    buf_finish(&errors);
    arena_finish(&a);
}

void dm_fixture_image(struct dm_fixture *l, const char *name, const char *version)
{
    insert(
        l,
        "INSERT INTO image (authority_id, name, version, guest_type, arch, format, sha256, size_bytes, node_name, secret, created_ms,"
        " created_by) VALUES (1, :name, :version, 'linux', 'aarch64', 'qcow2', :sha, 1048576, :node, 'x', 1, 'test')",
        SQL_ARGS({ "name", SQL_T(str_of(name)) }, { "version", SQL_T(str_of(version)) },
                 { "sha", SQL_T(STR("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")) },
                 { "node", SQL_T(str_of(name)) }));
}

int64_t dm_fixture_operation(struct dm_fixture *l, const char *device, const char *vm, const char *kind,
                             const char *args)
{
    struct err e = { 0 };
    char text[256];
    int64_t id = 0, stamp = 0;
    snprintf(text, sizeof text, "SELECT device_id FROM device WHERE name = '%s'", device);
    id = dm_fixture_int(l, text);
    if (sql_begin(l->db, true, &e)) die("begin", &e);
    insert(
        l,
        "INSERT INTO operation (device_id, kind, by_policy, scope, owner, args, correlator, state, created_by, created_ms, updated_ms)"
        " VALUES (:device, :kind, 0, 1, :vm, :args, 'op-' || (SELECT count(*) FROM operation), 'queued', 'test', :now, :now)",
        SQL_ARGS({ "device", SQL_I(id) }, { "kind", SQL_T(str_of(kind)) }, { "vm", SQL_T(str_of(vm)) },
                 { "args", SQL_T(str_of(args)) }, { "now", SQL_I(l->world.now_ms) }));
    int64_t operation = sql_last_id(l->db);
    if (generation_stamp(l->db, 1, &stamp, &e) ||
        generation_touch_device(l->db, id, stamp, STR("operation"), l->world.now_ms, &e))
        die("touch", &e);
    if (sql_commit(l->db, &e)) die("commit", &e);
    return operation;
}

/* ---- the phone ---- */

static void seal(struct dm_fixture *l, const char *device, const char *direction, const char *ha1,
                 uint8_t out[SECRET_HA1_BYTES])
{
    struct err e = { 0 };
    if (credentials_seal_ha1(l->srv.secret_key, str_of(device), direction, ha1, out, &e)) die("seal", &e);
}

struct fixture_device *fixture_device_begin(struct dm_fixture *l, const char *name)
{
    struct fixture_device *p = calloc(1, sizeof *p);
    uint8_t client[SECRET_HA1_BYTES], server[SECRET_HA1_BYTES];
    if (!p || !(p->sim = calloc(1, sizeof *p->sim))) die("memory", NULL);
    p->lab = l;
    p->pref = SML_AUTH_MD5;
    snprintf(p->name, sizeof p->name, "%s", name);
    snprintf(p->password, sizeof p->password, "secret of %.12s", name);
    snprintf(p->server_password, sizeof p->server_password, "server for %.12s", name);
    sml_ha1(str_of(name), str_of(p->password), p->client_ha1);
    sml_ha1(str_of("com.acme.dm"), str_of(p->server_password), p->server_ha1);
    seal(l, name, "client", p->client_ha1, client);
    seal(l, name, "server", p->server_ha1, server);
    memcpy(p->client_nonce, "client-nonce-0001", p->n_client_nonce = 17);
    memcpy(p->server_nonce, "server-nonce-0001", p->n_server_nonce = 17);
    insert(l,
           "INSERT INTO device (authority_id, name, created_ms, push_channel, push_address)"
           " VALUES (1, :name, 1, 'udp', '127.0.0.1:9')",
           SQL_ARGS({ "name", SQL_T(str_of(name)) }));
    insert(l,
           "INSERT INTO contact (device_id, client_nonce, server_nonce)"
           " VALUES (:id, CAST('client-nonce-0001' AS BLOB), CAST('server-nonce-0001' AS BLOB))",
           SQL_ARGS({ "id", SQL_I(sql_last_id(l->db)) }));
    insert(l,
           "INSERT INTO account (device_id, client_name, client_ha1, server_name, server_ha1)"
           " VALUES (:id, :name, :client, 'com.acme.dm', :server)",
           SQL_ARGS({ "id", SQL_I(sql_last_id(l->db)) }, { "name", SQL_T(str_of(name)) },
                    { "client", SQL_B(((struct str){ (const char *)client, sizeof client })) },
                    { "server", SQL_B(((struct str){ (const char *)server, sizeof server })) }));
    sim_device_init(p->sim, 7);
    p->sim->server = "com.acme.dm";
    buf_init(&p->log, 0);
    return p;
}

void fixture_device_end(struct fixture_device *p)
{
    sim_device_finish(p->sim);
    buf_finish(&p->log);
    free(p->sim);
    free(p);
}

void fixture_device_alert(struct fixture_device *p, const char *uri, const char *type, const char *data,
                          const char *correlator)
{
    for (int i = 0; i < DM_FIXTURE_ALERTS; i++) {
        if (p->alert[i].used) continue;
        snprintf(p->alert[i].uri, sizeof p->alert[i].uri, "%s", uri);
        snprintf(p->alert[i].type, sizeof p->alert[i].type, "%s", type);
        snprintf(p->alert[i].data, sizeof p->alert[i].data, "%s", data);
        snprintf(p->alert[i].correlator, sizeof p->alert[i].correlator, "%s", correlator);
        p->alert[i].tag = ++p->next_tag;
        p->alert[i].used = true;
        return;
    }
    die("too many alerts", NULL);
}

void fixture_device_tick(struct fixture_device *p)
{
    size_t n = 0;
    struct sim_alert *al = sim_tick(p->sim, &n);
    char uri[160], correlator[64], data[16], type[120];
    for (size_t i = 0; i < n; i++) {
        snprintf(uri, sizeof uri, "%.*s", STR_ARG(al[i].uri));
        snprintf(correlator, sizeof correlator, "%.*s", STR_ARG(al[i].correlator));
        snprintf(data, sizeof data, "%d", al[i].result);
        snprintf(type, sizeof type, "%.*s", STR_ARG(ddf_layout_alert_type(p->sim->l, STR("operation_complete"))));
        fixture_device_alert(p, uri, type, data, correlator);
    }
}

static const enum dm_command verb_of[SML_CMD_KINDS] = {
    [SML_GET] = DM_GET, [SML_ADD] = DM_ADD, [SML_REPLACE] = DM_REPLACE, [SML_DELETE] = DM_DELETE, [SML_EXEC] = DM_EXEC,
};

static int run(struct fixture_device *p, const struct sml_cmd *c, struct sml_answer *out, struct arena *a)
{
    static struct sim_node values[SIM_NODES];
    const struct sml_item *it = c->items;
    struct str format = it && it->meta.format.n ? it->meta.format : c->meta.format;
    struct pol_step s = { .verb = verb_of[c->kind],
                          .uri = it ? it->target : (struct str){ 0 },
                          .format = format,
                          .correlator = c->correlator };
    size_t n = 0;
    if (it) {
        s.data = it->data;
        s.has_data = it->has_data;
    }
    p->commands++;
    out->code = sim_command(p->sim, &s, values, &n);
    p->unsupported += out->code == 406;
    if (p->mute) n = 0;
    out->results = ARENA_ARRAY(a, struct sml_leaf, n + 1);
    for (size_t i = 0; i < n && out->results; i++)
        out->results[out->n_results++] = (struct sml_leaf){ .uri = values[i].uri,
                                                            .format = values[i].format,
                                                            .data = values[i].value,
                                                            .has_data = !str_is(values[i].format, "node") ||
                                                                        values[i].value.n };
    return out->code;
}

static void run_atomic(struct fixture_device *p, const struct sml_cmd *c, struct sml_answer *out, struct arena *a)
{
    static struct sim_node before[SIM_NODES];
    size_t n_before = p->sim->n, n = 0, bad = SIZE_MAX, i = 0;
    for (const struct sml_cmd *k = c->children; k; k = k->next) n++;
    out->children = ARENA_ARRAY(a, struct sml_answer, n + 1);
    if (p->sim->no_atomic) {
        out->code = 406;
        for (i = 0; i < n; i++) out->children[i].code = 215;
        return;
    }
    memcpy(before, p->sim->node, n_before * sizeof before[0]);
    for (const struct sml_cmd *k = c->children; k; k = k->next, i++) {
        if (bad != SIZE_MAX)
            out->children[i].code = 215;
        else if (run(p, k, &out->children[i], a) >= 300)
            bad = i;
    }
    out->code = bad == SIZE_MAX ? 200 : 507;
    if (bad == SIZE_MAX) return;
    memcpy(p->sim->node, before, n_before * sizeof before[0]);
    p->sim->n = n_before;
    for (i = 0; i < bad; i++) out->children[i].code = 216;
}

static struct sml_answer *obey(struct fixture_device *p, const struct sml_client_news *news, struct arena *a)
{
    struct sml_answer *out = ARENA_ARRAY(a, struct sml_answer, news->n_cmds + 1);
    size_t i = 0;
    for (const struct sml_cmd *c = news->cmds; c && i < news->n_cmds; c = c->next, i++) {
        if (c->kind == SML_ATOMIC)
            run_atomic(p, c, &out[i], a);
        else
            run(p, c, &out[i], a);
    }
    return out;
}

static struct sml_alert_out *alerts_out(struct fixture_device *p, struct arena *a, bool first)
{
    struct sml_alert_out *list = NULL, **tail = &list;
    char hex[SHA256_HEX_BYTES];
    struct err e = { 0 };
    if (first && !p->no_token) {
        struct ddf_leaf *leaves = ARENA_ARRAY(a, struct ddf_leaf, p->sim->n);
        size_t n = 0;
        for (size_t i = 0; i < p->sim->n; i++)
            if (!str_is(p->sim->node[i].format, "node"))
                leaves[n++] = (struct ddf_leaf){ p->sim->node[i].uri, p->sim->node[i].value };
        if (ddf_state_token(p->sim->s, p->sim->l, STR("com.acme.dm"), leaves, n, hex, &e)) die("token", &e);
        *tail = ARENA_NEW(a, struct sml_alert_out);
        **tail = (struct sml_alert_out){ .code = 1226,
                                         .source = p->sim->l->root,
                                         .format = STR("chr"),
                                         .type = ddf_layout_alert_type(p->sim->l, STR("state_token")) };
        arena_str(a, str_of(hex), &(*tail)->data);
        tail = &(*tail)->next;
    }
    for (int i = 0; first && i < DM_FIXTURE_ALERTS; i++) {
        if (!p->alert[i].used) continue;
        *tail = ARENA_NEW(a, struct sml_alert_out);
        **tail = (struct sml_alert_out){ .tag = p->alert[i].tag,
                                         .code = 1226,
                                         .source = str_of(p->alert[i].uri),
                                         .format = STR("chr"),
                                         .type = str_of(p->alert[i].type),
                                         .data = str_of(p->alert[i].data),
                                         .correlator = str_of(p->alert[i].correlator) };
        tail = &(*tail)->next;
    }
    return list;
}

static void keep_nonces(struct fixture_device *p, const struct sml_client_keep *k)
{
    if (k->client_nonce.n) memcpy(p->client_nonce, k->client_nonce.p, p->n_client_nonce = k->client_nonce.n);
    if (k->server_nonce.n && !p->no_nonces)
        memcpy(p->server_nonce, k->server_nonce.p, p->n_server_nonce = k->server_nonce.n);
}

static void say(struct fixture_device *p, const char *who, const struct sml_msg *m)
{
    if (!p->talk) return;
    buf_printf(&p->log, "%s %s\n", who, p->name);
    sml_print(m, &p->log);
}

/* One message to the server and its answer. @return the answer's bytes, empty when there is none */
static struct str post(struct fixture_device *p, struct sml_client *c, struct str body, struct exchange_reply *rp,
                       struct arena *a)
{
    struct str url = sml_client_url(c), query = str_slice(url, str_find(url, '?', 0) + 1, url.n), token = { 0 }, part;
    struct err e = { 0 };
    while (str_cut(&query, '&', &part))
        if (str_starts(part, STR("s="))) token = str_slice(part, 2, part.n);
    const struct exchange_request rq = { .token = token,
                                         .resp_base = str_of(p->lab->config.dm_url),
                                         .body = body,
                                         .user_agent = STR("phone/1"),
                                         .remote = STR("192.0.2.7"),
                                         .type = p->type,
                                         .answer = p->type,
                                         .tls = true };
    enum rc rc = RC_OK;
    if (p->post)
        p->post(p, &rq, rp);
    else
        rc = exchange(p->lab->dm, &p->lab->world, &rq, rp, &e);
    if (rc && p->talk) buf_printf(&p->log, "server: %s\n", e.text);
    if (rc == RC_INTERNAL || rc == RC_IO) fprintf(stderr, "exchange: %s\n", e.text);
    p->status = rp->status;
    p->posts++;
    struct str kept = { 0 }; /* what is said next borrows from it */
    if (rp->status == 200 && !arena_str(a, buf_str(&rp->body), &kept)) die("memory", NULL);
    return kept;
}

static bool commit(struct fixture_device *p)
{
    struct err e = { 0 };
    if (p->lab->hold) return true;
    enum rc rc = dm_commit(p->lab->dm, &e);
    if (rc) fprintf(stderr, "commit: %s\n", e.text);
    return rc == RC_OK;
}

static void drop_nonces(struct sml_msg *m)
{
    for (struct sml_cmd *c = m->cmds; c; c = c->next) c->chal.meta.next_nonce = c->meta.next_nonce = STR("");
}

static void drop_child_statuses(struct sml_msg *m)
{
    for (struct sml_cmd **at = &m->cmds; *at;) {
        bool child = (*at)->kind == SML_STATUS && (str_is((*at)->cmd, "Add") || str_is((*at)->cmd, "Replace"));
        if (child)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
}

/* Send, take, obey, answer. @return false when the session is over */
static bool round_trip(struct fixture_device *p, struct sml_client *c, struct sml_msg *m, int n, struct arena *a,
                       struct sml_msg *next)
{
    struct buf bytes;
    struct exchange_reply rp = { 0 }, second = { 0 };
    struct err e = { 0 };
    struct sml_msg reply;
    struct sml_client_news news;
    struct sml_client_keep keep = { 0 };
    bool on = false, over = false;

    buf_init(&bytes, 0);
    if (p->no_child_statuses) drop_child_statuses(m);
    if (p->no_nonces) drop_nonces(m);
    if (p->bend) p->bend(m, a);
    say(p, ">", m);
    if (sml_encode(p->type, m, &bytes, &e)) die("encode", &e);
    if (p->bend_octets) p->bend_octets(&bytes);
    struct str body = post(p, c, buf_str(&bytes), &rp, a);
    if (p->lose_answer == n) body = (struct str){ 0 };
    if (p->lose_commit == n) {
        sql_rollback(store_sql(p->lab->dm->st));
        p->lab->dm->dirty = true;
    }
    if (!commit(p)) body = (struct str){ 0 };
    if (p->repeat == n) {
        struct str again = post(p, c, buf_str(&bytes), &second, a);
        p->twice_same = str_eq(again, body) && body.n;
        commit(p);
        exchange_reply_finish(&second);
    }
    if (p->before_answer) p->before_answer(p, n);
    if (body.n && p->vanish != n) {
        if (sml_decode(p->type, body, a, &reply, &e)) die("answer", &e);
        say(p, "<", &reply);
        if (p->see) p->see(&reply);
        if (sml_client_take(c, &reply, NULL, body, &p->lab->world, a, &news, &keep, &e)) die("take", &e);
        keep_nonces(p, &keep);
        p->refused = news.refused ? news.why : NULL;
        p->aborted = news.aborted;
        for (size_t i = 0; i < news.n_acked; i++)
            for (int k = 0; k < DM_FIXTURE_ALERTS; k++)
                if (p->alert[k].tag == news.acked[i]) p->alert[k].used = false;
        if (!news.over && !news.refused) {
            struct sml_answer *answers = obey(p, &news, a);
            keep = (struct sml_client_keep){ 0 };
            if (sml_client_answer(c, news.n_cmds ? answers : NULL, NULL, &p->lab->world, a, next, &over, &keep, &e))
                die("client", &e);
            keep_nonces(p, &keep);
            on = !over;
        }
        p->over = !on && !news.refused && !news.aborted;
    }
    exchange_reply_finish(&rp);
    buf_finish(&bytes);
    return on;
}

bool fixture_device_call(struct fixture_device *p, int alert, const char *session_id)
{
    const struct sml_leaf devinfo[] = {
        { .uri = STR("./DevInfo/DevId"), .format = STR("chr"), .data = str_of(p->name), .has_data = true },
        { .uri = STR("./DevInfo/Man"), .format = STR("chr"), .data = STR("Acme"), .has_data = true },
        { .uri = STR("./DevInfo/Mod"),
          .format = STR("chr"),
          .data = str_of(p->model ? p->model : "One"),
          .has_data = true },
        { .uri = STR("./DevInfo/DmV"), .format = STR("chr"), .data = STR("1.2"), .has_data = true },
        { .uri = STR("./DevInfo/Lang"), .format = STR("chr"), .data = STR("en"), .has_data = true },
    };
    const struct sml_client_account acc = {
        .server_id = STR("com.acme.dm"),
        .url = str_of(p->lab->config.dm_url),
        .client_name = str_of(p->name),
        .client_ha1 = str_of(p->client_ha1),
        .server_name = STR("com.acme.dm"),
        .server_ha1 = str_of(p->server_ha1),
        .client_nonce = { (const char *)p->client_nonce, p->n_client_nonce },
        .server_nonce = { (const char *)p->server_nonce, p->n_server_nonce },
        .pref = p->pref,
    };
    const struct sml_client_config cc = { .device_id = str_of(p->name),
                                          .user_agent = STR("phone/1"),
                                          .max_msg_bytes = 65536,
                                          .max_obj_bytes = 1 << 20,
                                          .type = p->type,
                                          .max_messages = 200 };
    struct sml_client *c = sml_client_create(&cc, &acc, str_of(p->always_id ? p->always_id : session_id));
    struct arena a;
    struct sml_msg m, next;
    struct err e = { 0 };
    int n = 1;

    if (!c) die("client", NULL);
    dm_fixture_wait(p->lab, 1000);
    p->posts = p->commands = p->unsupported = 0;
    p->over = p->aborted = p->twice_same = false;
    p->refused = NULL;
    p->sim->now_ms = p->lab->world.now_ms;
    arena_init(&a, 256 << 20);
    if (sml_client_first(c, alert, devinfo, sizeof devinfo / sizeof devinfo[0], alerts_out(p, &a, true), &p->lab->world,
                         &a, &m, &e))
        die("package 1", &e);
    while (round_trip(p, c, &m, n, &a, &next)) {
        m = next;
        n++;
        p->lab->world.now_ms += 20; /* a network lies between them */
    }
    arena_finish(&a);
    sml_client_destroy(c);
    p->lose_answer = p->lose_commit = p->repeat = p->vanish = 0;
    return p->over;
}

unsigned fixture_device_settle(struct fixture_device *p, unsigned n)
{
    static const char quiet[] =
        "SELECT summary IN ('settled', 'waiting') AND NOT EXISTS (SELECT 1 FROM operation WHERE state IN"
        " ('queued', 'notified', 'sent', 'accepted', 'acknowledged')) FROM device";
    for (unsigned i = 1; i <= n; i++) {
        char id[8];
        snprintf(id, sizeof id, "%X", 0x100 + i);
        fixture_device_call(p, 1201, id);
        if (p->posts == 1 && p->over && !p->no_token && dm_fixture_int(p->lab, quiet)) return i;
        if (p->posts <= 2 && p->over && p->no_token && dm_fixture_int(p->lab, quiet)) return i;
        fixture_device_tick(p);
        dm_fixture_wait(p->lab, 6000);
    }
    return n + 1;
}
