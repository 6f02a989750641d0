/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_AGENT_DEVICE_FIXTURE_H
#define TESTS_AGENT_DEVICE_FIXTURE_H
/* A whole device over the hypervisor in memory, and a server made of the session machine and a list of steps, joined
 * by encoded messages in virtual time. */
#include "agent/device.h"
#include "base/log.h"
#include "syncml/session/server.h"
#include "tests/lib/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEVICE_FIXTURE_STEPS = 64, DEVICE_FIXTURE_ALERTS = 64 };

struct device_fixture_alert {
    char type[80], source[128], data[160], correlator[64], mark[32];
};

struct device_fixture {
    struct mo_shared *shared;
    struct device_config config;
    struct device *device;
    struct hv *hv;
    struct download *loader;
    struct state *state;
    char file[64];
    uint64_t seed;
    struct world w;
    /* server */
    const char *server_id;
    struct sml_account account;
    char ha1_client[SML_HA1_BYTES + 1], ha1_server[SML_HA1_BYTES + 1];
    char client_nonce[64], server_nonce[64];
    size_t n_client, n_server;
    struct sml_step steps[DEVICE_FIXTURE_STEPS];
    size_t n_steps;
    int code[DEVICE_FIXTURE_STEPS + 1];
    struct buf value[DEVICE_FIXTURE_STEPS + 1];
    struct device_fixture_alert alerts[DEVICE_FIXTURE_ALERTS];
    size_t n_alerts;
    uint64_t server_max; /* largest message the server takes */
    size_t longest;      /* largest that was sent to it */
    bool refuse_alerts, server_alert;
    unsigned posts;
    char last_error[ERR_TEXT_BYTES];
    enum session_next how;
};

static inline const char *device_fixture_path(const char *what)
{
    static char path[4][600];
    static int at;
    const char *root = getenv("DMVISOR_SOURCE");
    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/%s", root ? root : ".", what);
    return path[at];
}

static inline bool device_fixture_shared(struct device_fixture *p)
{
    struct err e = { 0 };
    char text[700];
    if (mo_shared_load(&(struct mo_places){ .objects = device_fixture_path("ddf"),
                                            .own = device_fixture_path("agent") },
                       &p->shared, &e) == RC_OK)
        return true;
    puts(err_format(&e, text, sizeof text));
    return false;
}

static inline bool device_fixture_start(struct device_fixture *p)
{
    struct err e = { 0 };
    char text[700];
    enum rc rc = RC_OK;
    if (p->file[0]) rc = persist_open(p->file, device_fixture_path("agent/schema"), &p->state, &e);
    if (!rc) rc = device_create(p->shared, &p->config, p->hv, p->loader, p->state, &p->w, &p->device, &e);
    if (rc) puts(err_format(&e, text, sizeof text));
    return !rc;
}

/* The agent ends without a word, as in a power cut; the hypervisor goes on. */
static inline void device_fixture_stop(struct device_fixture *p)
{
    device_destroy(p->device);
    p->device = NULL;
    persist_close(p->state);
    p->state = NULL;
}

static inline void device_fixture_open_as(struct device_fixture *p, bool keeps, enum sml_type encoding)
{
    memset(p, 0, sizeof *p);
    log_set_level(LOG_ERROR);
    p->server_max = 65536;
    p->seed = 11;
    p->w = world_fixed(1900000000000, &p->seed);
    p->config = (struct device_config){ .mo.id = "IMEI:001010000000017",
                                        .mo.manufacturer = "Acme",
                                        .mo.model = "Phone-1",
                                        .mo.version = "agent 0.1",
                                        .mo.language = "en-GB",
                                        .mo.type = "phone",
                                        .mo.oem = "Acme",
                                        .mo.firmware = "1",
                                        .mo.software = "2",
                                        .mo.hardware = "3",
                                        .mo.images_dir = "/nonexistent",
                                        .mo.vms_dir = "",
                                        .dm.max_msg_bytes = 16384,
                                        .dm.max_obj_bytes = 1 << 20,
                                        .dm.encoding = encoding };
    if (keeps) {
        snprintf(p->file, sizeof p->file, "/tmp/dmvisor-agent-XXXXXX");
        int fd = mkstemp(p->file);
        if (fd >= 0) close(fd);
    }
    p->hv = hv_sim_create(100, 5);
    p->loader = download_sim_create();
    hv_sim_advance(p->hv, p->w.now_ms);
    p->server_id = "dm.example.net";
    CU_ASSERT_FATAL(device_fixture_shared(p));
    CU_ASSERT_FATAL(device_fixture_start(p));
}

static inline void device_fixture_open(struct device_fixture *p, bool keeps)
{
    device_fixture_open_as(p, keeps, SML_WBXML);
}

static inline void device_fixture_forget(struct device_fixture *p)
{
    p->n_steps = p->n_alerts = 0;
    for (size_t i = 0; i <= DEVICE_FIXTURE_STEPS; i++) {
        p->code[i] = -1;
        buf_finish(&p->value[i]);
        memset(&p->value[i], 0, sizeof p->value[i]);
    }
}

static inline void device_fixture_close(struct device_fixture *p)
{
    char more[80];
    device_fixture_forget(p);
    device_fixture_stop(p);
    p->hv->class->destroy(p->hv);
    download_destroy(p->loader);
    mo_shared_destroy(p->shared);
    if (!p->file[0]) return;
    unlink(p->file);
    snprintf(more, sizeof more, "%s-wal", p->file);
    unlink(more);
    snprintf(more, sizeof more, "%s-shm", p->file);
    unlink(more);
}

/* Registers at a server; its end knows the same secrets. */
static inline bool device_fixture_register(struct device_fixture *p, const char *server_id)
{
    char json[600];
    struct account acc;
    struct err e = { 0 };
    snprintf(json, sizeof json,
             "{\"serverId\":\"%s\",\"url\":\"https://%s/dm\",\"clientName\":\"phone\",\"clientPassword\":\"client-pw\","
             "\"serverName\":\"%s\",\"serverPassword\":\"server-pw\",\"clientNonce\":\"Y2xpZW50LW5vbmNlLTAwMQ==\","
             "\"serverNonce\":\"c2VydmVyLW5vbmNlLTAwMQ==\",\"auth\":\"md5\",\"pollS\":60}",
             server_id, server_id, server_id);
    if (account_parse(str_of(json), "account", &acc, &e)) return false;
    p->server_id = server_id;
    sml_ha1(STR("phone"), STR("client-pw"), p->ha1_client);
    sml_ha1(str_of(server_id), STR("server-pw"), p->ha1_server);
    p->n_client = (size_t)snprintf(p->client_nonce, sizeof p->client_nonce, "client-nonce-001");
    p->n_server = (size_t)snprintf(p->server_nonce, sizeof p->server_nonce, "server-nonce-001");
    return device_add_account(p->device, &acc, &p->w, &e) == RC_OK;
}

static inline struct sml_step *device_fixture_step(struct device_fixture *p, enum sml_cmd_kind kind, const char *uri)
{
    struct sml_step *s = &p->steps[p->n_steps++];
    *s = (struct sml_step){ .kind = kind, .uri = str_of(uri), .tag = p->n_steps };
    return s;
}

static inline size_t device_fixture_write(struct device_fixture *p, enum sml_cmd_kind kind, const char *uri,
                                          const char *format, const char *data)
{
    struct sml_step *s = device_fixture_step(p, kind, uri);
    s->format = str_of(format);
    s->data = str_of(data);
    s->has_data = data != NULL;
    return s->tag;
}

static inline size_t device_fixture_exec(struct device_fixture *p, const char *uri, const char *args,
                                         const char *correlator)
{
    struct sml_step *s = device_fixture_step(p, SML_EXEC, uri);
    s->correlator = str_of(correlator);
    s->data = str_of(args);
    s->has_data = args && args[0];
    if (s->has_data) s->format = STR("chr");
    return s->tag;
}

static inline void device_fixture_news(struct device_fixture *p, struct sml_news *news)
{
    p->server_alert |= news->server_alert;
    for (struct sml_alert_in *a = news->alerts; a; a = a->next) {
        struct device_fixture_alert *x = p->n_alerts < DEVICE_FIXTURE_ALERTS ? &p->alerts[p->n_alerts++]
                                                                             : &p->alerts[DEVICE_FIXTURE_ALERTS - 1];
        snprintf(x->type, sizeof x->type, "%.*s", STR_ARG(a->type));
        snprintf(x->source, sizeof x->source, "%.*s", STR_ARG(a->source));
        snprintf(x->data, sizeof x->data, "%.*s", STR_ARG(a->data));
        snprintf(x->correlator, sizeof x->correlator, "%.*s", STR_ARG(a->correlator));
        snprintf(x->mark, sizeof x->mark, "%.*s", STR_ARG(a->mark));
        if (p->refuse_alerts) a->status = 500;
    }
    for (const struct sml_outcome *o = news->outcomes; o; o = o->next) {
        size_t tag = o->tag <= DEVICE_FIXTURE_STEPS ? o->tag : 0;
        p->code[tag] = o->code;
        for (const struct sml_value *v = o->values; v; v = v->next) {
            if (p->value[tag].n) buf_byte(&p->value[tag], '\n');
            if (o->values->next) buf_printf(&p->value[tag], "%.*s=", STR_ARG(v->uri));
            buf_put(&p->value[tag], v->data);
        }
    }
}

static inline bool device_fixture_exchange(struct device_fixture *p, struct sml_server **srv,
                                           const struct sml_server_config *sc, size_t *at,
                                           const struct session_post *post, struct str id, struct buf *out,
                                           char hmac[256])
{
    struct sml_transport tr = { .tls = true, .raw = post->body };
    struct sml_news news = { 0 };
    struct sml_keep keep = { 0 };
    struct sml_msg m, reply;
    struct arena a;
    size_t sent = 0;
    struct err e = { 0 };
    enum rc rc;
    arena_init(&a, 32 << 20);
    p->account.client_nonce = (struct str){ p->client_nonce, p->n_client };
    p->account.server_nonce = (struct str){ p->server_nonce, p->n_server };
    if (!*srv)
        *srv = sml_server_create(sc, id, str_of(p->config.mo.id), STR("https://dm.example.net/dm"), STR("token"));
    rc = sml_decode(p->config.dm.encoding, post->body, &a, &m, &e);
    if (!rc && post->hmac.n) rc = sml_hmac_parse(post->hmac, &a, &tr.hmac, &e);
    if (!rc) rc = sml_server_take(*srv, &m, &tr, &p->account, &p->w, &a, &news, &e);
    if (!rc) device_fixture_news(p, &news);
    for (size_t i = *at; i + 1 < p->n_steps; i++) p->steps[i].next = &p->steps[i + 1];
    if (!rc)
        rc = sml_server_answer(*srv, *at < p->n_steps ? &p->steps[*at] : NULL, true, p->config.dm.encoding, &p->account,
                               &p->w, &a, &reply, &sent, &keep, &e);
    *at += sent;
    if (!rc) rc = sml_encode(p->config.dm.encoding, &reply, out, &e);
    if (!rc) snprintf(hmac, 256, "%.*s", STR_ARG(sml_server_mac(*srv, &p->account, buf_str(out), &a)));
    if (keep.client_nonce_next.n) {
        p->n_client = keep.client_nonce_next.n;
        memcpy(p->client_nonce, keep.client_nonce_next.p, p->n_client);
    }
    if (keep.server_nonce.n) {
        p->n_server = keep.server_nonce.n;
        memcpy(p->server_nonce, keep.server_nonce.p, p->n_server);
    }
    if (rc) snprintf(p->last_error, sizeof p->last_error, "server: %.480s", e.text);
    arena_finish(&a);
    return !rc;
}

/* One session with what is queued. @param lose  the answer to this message (1 = first) gets lost and the session with it; 0 = none */
static inline bool device_fixture_session(struct device_fixture *p, const struct push_call *push, unsigned lose)
{
    const struct sml_server_config sc = { .server_id = str_of(p->server_id),
                                          .url = STR("https://dm.example.net/dm"),
                                          .max_msg_bytes = p->server_max,
                                          .max_obj_bytes = 1 << 20,
                                          .max_messages = 500,
                                          .max_auth_tries = 3 };
    const struct session_start st = { .server_id = str_of(p->server_id), .push = push };
    struct sml_server *srv = NULL;
    struct session_post post;
    struct dm_session *s = NULL;
    struct err e = { 0 };
    size_t at = 0;
    p->account = (struct sml_account){ .client_name = STR("phone"),
                                       .client_ha1 = str_of(p->ha1_client),
                                       .server_name = str_of(p->server_id),
                                       .server_ha1 = str_of(p->ha1_server),
                                       .auth = SML_AUTH_MD5,
                                       .resync = push && push->n_resync };
    for (size_t i = 0; i <= DEVICE_FIXTURE_STEPS; i++) p->code[i] = -1;
    p->posts = 0;
    p->how = session_create(device_client(p->device), &st, &p->w, &s, &post, &e) ? SESSION_FAILED : SESSION_POST;
    while (p->how == SESSION_POST && p->posts < 100) {
        struct buf out = { 0 };
        char hmac[256];
        if (post.body.n > p->longest) p->longest = post.body.n;
        bool fine = device_fixture_exchange(p, &srv, &sc, &at, &post, session_id(s), &out, hmac);
        p->posts++;
        if (!fine || p->posts == lose)
            p->how = SESSION_FAILED;
        else
            p->how = session_reply(s, &p->w, 200, sml_mime(p->config.dm.encoding), str_of(hmac), buf_str(&out), &post,
                                   &e);
        buf_finish(&out);
    }
    if (e.rc) snprintf(p->last_error, sizeof p->last_error, "%s", e.text);
    session_destroy(s);
    sml_server_destroy(srv);
    if (p->how != SESSION_OVER && !lose) printf("session failed: %s\n", p->last_error);
    return p->how == SESSION_OVER;
}

/* Time goes by, in small steps. */
static inline void device_fixture_wait(struct device_fixture *p, int64_t ms)
{
    struct err e = { 0 };
    for (int64_t until = p->w.now_ms + ms; p->w.now_ms < until;) {
        p->w.now_ms += 100;
        hv_sim_advance(p->hv, p->w.now_ms);
        CU_ASSERT_EQUAL(device_work(p->device, &p->w, &e), RC_OK);
        if (e.rc) printf("work: %s\n", e.text);
    }
}

/* The device's own view of a leaf. */
static inline const char *device_fixture_value(struct device_fixture *p, const char *uri)
{
    static char out[4096];
    struct arena a;
    struct str v;
    arena_init(&a, 1 << 20);
    device_env(p->device)->w = &p->w;
    snprintf(out, sizeof out, "%s", "(not there)");
    if (tree_value(device_tree(p->device), str_of(uri), &a, &v)) snprintf(out, sizeof out, "%.*s", STR_ARG(v));
    arena_finish(&a);
    return out;
}

static inline int device_fixture_find_alert(const struct device_fixture *p, const char *type, const char *correlator)
{
    for (size_t i = 0; i < p->n_alerts; i++)
        if (strstr(p->alerts[i].type, type) && (!correlator || !strcmp(p->alerts[i].correlator, correlator)))
            return (int)i;
    return -1;
}
#define DEVICE_FIXTURE_IS(p, uri, expected)                                                                            \
    do {                                                                                                               \
        const char *is_ = device_fixture_value((p), (uri));                                                            \
        CU_ASSERT_STRING_EQUAL(is_, (expected));                                                                       \
        if (strcmp(is_, (expected))) printf("%s: %s instead of %s\n", (uri), is_, (expected));                         \
    } while (0)
#define DEVICE_FIXTURE_CODE(p, tag, expected)                                                                          \
    do {                                                                                                               \
        CU_ASSERT_EQUAL((p)->code[tag], (expected));                                                                   \
        if ((p)->code[tag] != (expected))                                                                              \
            printf("step %zu: %d instead of %d\n", (size_t)(tag), (p)->code[tag], (expected));                         \
    } while (0)
#endif
