/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SYNCML_SESSION_LIB_H
#define TESTS_SYNCML_SESSION_LIB_H
/* Both session machines in one process, joined by encoded messages, with a small device tree behind the client and a
 * database row behind the server. Time and randomness are fixed, so every run is the same. */
#include "base/text.h"
#include "base/world.h"
#include "syncml/session/client.h"
#include "syncml/record/replay.h"
#include "syncml/session/server.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINK_LEAVES = 64, LINK_STEPS = 400, LINK_POSTS_MAX = 9000 };

struct leaf_on_device {
    char uri[128], format[16];
    char *data;
    size_t n;
};

/* What became of one step, over all messages. */
struct step_seen {
    int code;
    unsigned outcomes;
    struct buf values;
    char last_uri[128], last_format[16];
};

struct account_row {
    char client_nonce[64], server_nonce[64];
    size_t n_client, n_server;
};

struct link;
typedef bool (*link_hook)(struct link *l, bool from_server, struct sml_msg *m, struct arena *a);

struct link {
    enum sml_type type;
    uint64_t seed, device_seed;
    struct world w, device_w;
    /* server */
    struct sml_server_config sc;
    struct sml_account acc;
    struct account_row row;
    bool unknown_device, tls, certificate;
    struct sml_server *server;
    struct sml_step steps[LINK_STEPS]; /* tag = index + 1 unless set */
    size_t n_steps, at;
    bool large_objects;
    struct step_seen seen[LINK_STEPS + 1];
    int alert_status; /* what the caller answers to alerts; 0 = leave it */
    unsigned n_alerts_in, n_devinfo, n_known, n_refused, n_unknown;
    bool first_seen, server_alert, aborted, ended;
    char refused[160], how[80], last_alert[256], last_alert_type[64], last_alert_data[64];
    /* device */
    struct sml_client_config cc;
    struct sml_client_account ca;
    struct account_row crow;
    struct sml_client *client;
    struct leaf_on_device leaf[LINK_LEAVES];
    size_t n_leaves;
    struct sml_alert_out *alerts; /* of package 1 */
    int start;                    /* 1200 or 1201 */
    const char *session_id;
    unsigned n_acked, n_executed;
    uint64_t acked[64];
    bool client_refused, client_aborted;
    char client_why[160];
    /* wire */
    link_hook hook; /* may change a message; false = lose it (the post is repeated) */
    void *ctx;
    unsigned posts, cuts_up, cuts_down, nexts_up, nexts_down;
    size_t longest_up, longest_down, session_bytes;
    bool too_long;                   /* a message was longer than its reader said */
    uint64_t server_max, client_max; /* as last announced */
    struct buf trace;
    struct buf *record; /* when set: the flight recorder */
};

static const struct sml_leaf link_devinfo[] = {
    { { "./DevInfo/DevId", 15 }, { 0 }, { 0 }, { "IMEI:001010000000017", 20 }, true },
    { { "./DevInfo/Man", 13 }, { 0 }, { 0 }, { "Acme", 4 }, true },
    { { "./DevInfo/Mod", 13 }, { 0 }, { 0 }, { "Router-9", 8 }, true },
    { { "./DevInfo/DmV", 13 }, { 0 }, { 0 }, { "agent 0.1", 9 }, true },
    { { "./DevInfo/Lang", 14 }, { 0 }, { 0 }, { "en-GB", 5 }, true },
};

static char link_ha1_client[SML_HA1_BYTES + 1], link_ha1_server[SML_HA1_BYTES + 1];

static inline void link_init(struct link *l, enum sml_type type)
{
    memset(l, 0, sizeof *l);
    sml_ha1(STR("dev-0001"), STR("s3cr3t-Pa55"), link_ha1_client);
    sml_ha1(STR("dm.example.net"), STR("Srv-Pa55"), link_ha1_server);
    l->type = type;
    l->seed = 7;
    l->device_seed = 1007;
    l->w = world_fixed(1900000000000, &l->seed);
    l->device_w = world_fixed(1900000000000, &l->device_seed);
    l->tls = true;
    l->large_objects = true;
    l->sc = (struct sml_server_config){ .server_id = STR("dm.example.net"),
                                        .url = STR("https://dm.example.net/dm"),
                                        .max_msg_bytes = 16384,
                                        .max_obj_bytes = 4 << 20,
                                        .max_messages = LINK_POSTS_MAX,
                                        .max_auth_tries = 3 };
    l->acc = (struct sml_account){ .client_name = STR("dev-0001"),
                                   .client_ha1 = str_of(link_ha1_client),
                                   .server_name = STR("dm.example.net"),
                                   .server_ha1 = str_of(link_ha1_server),
                                   .auth = SML_AUTH_MD5 };
    l->cc = (struct sml_client_config){ .device_id = STR("IMEI:001010000000017"),
                                        .user_agent = STR("test/1"),
                                        .max_msg_bytes = 16384,
                                        .max_obj_bytes = 4 << 20,
                                        .type = type,
                                        .max_messages = LINK_POSTS_MAX };
    l->ca = (struct sml_client_account){ .server_id = STR("dm.example.net"),
                                         .url = STR("https://dm.example.net/dm"),
                                         .client_name = STR("dev-0001"),
                                         .client_ha1 = str_of(link_ha1_client),
                                         .server_name = STR("dm.example.net"),
                                         .server_ha1 = str_of(link_ha1_server),
                                         .pref = SML_AUTH_MD5 };
    l->start = 1201;
    l->session_id = "2F";
    for (size_t i = 0; i <= LINK_STEPS; i++) l->seen[i].code = -1;
}

static inline void link_nonce(char *to, size_t *n, const char *text)
{
    *n = strlen(text);
    memcpy(to, text, *n);
}

/* Both sides hold the same nonces, as after an earlier session. */
static inline void link_share_nonces(struct link *l)
{
    link_nonce(l->row.client_nonce, &l->row.n_client, "client-nonce-001");
    link_nonce(l->crow.client_nonce, &l->crow.n_client, "client-nonce-001");
    link_nonce(l->row.server_nonce, &l->row.n_server, "server-nonce-001");
    link_nonce(l->crow.server_nonce, &l->crow.n_server, "server-nonce-001");
}

static inline void link_finish(struct link *l)
{
    sml_server_destroy(l->server);
    sml_client_destroy(l->client);
    for (size_t i = 0; i < l->n_leaves; i++) free(l->leaf[i].data);
    for (size_t i = 0; i <= LINK_STEPS; i++) buf_finish(&l->seen[i].values);
    buf_finish(&l->trace);
}

static inline struct sml_step *link_step(struct link *l, enum sml_cmd_kind kind, const char *uri)
{
    struct sml_step *p = &l->steps[l->n_steps++];
    *p = (struct sml_step){ .kind = kind, .uri = str_of(uri), .tag = l->n_steps };
    return p;
}

static inline struct sml_step *link_write(struct link *l, enum sml_cmd_kind kind, const char *uri, const char *format,
                                          struct str data)
{
    struct sml_step *p = link_step(l, kind, uri);
    p->format = str_of(format);
    p->data = data;
    p->has_data = true;
    return p;
}

/* ---- the device ---- */

static inline struct leaf_on_device *link_leaf(struct link *l, struct str uri)
{
    for (size_t i = 0; i < l->n_leaves; i++)
        if (str_is(uri, l->leaf[i].uri)) return &l->leaf[i];
    return NULL;
}

static inline bool link_set(struct link *l, struct str uri, struct str format, struct str data)
{
    struct leaf_on_device *p = link_leaf(l, uri);
    if (!p && l->n_leaves == LINK_LEAVES) return false;
    if (!p) {
        p = &l->leaf[l->n_leaves++];
        memset(p, 0, sizeof *p);
    }
    snprintf(p->uri, sizeof p->uri, "%.*s", STR_ARG(uri));
    snprintf(p->format, sizeof p->format, "%.*s", STR_ARG(format));
    free(p->data);
    p->n = data.n;
    p->data = malloc(data.n + 1);
    if (data.n) memcpy(p->data, data.p, data.n);
    return true;
}

static inline void link_delete(struct link *l, struct str uri)
{
    struct leaf_on_device *p = link_leaf(l, uri);
    if (!p) return;
    free(p->data);
    *p = l->leaf[--l->n_leaves];
}

static inline int link_do_item(struct link *l, const struct sml_cmd *c, const struct sml_item *it, struct arena *a,
                               struct sml_leaf *result)
{
    struct leaf_on_device *p = link_leaf(l, it->target);
    struct str format = it->meta.format.n ? it->meta.format : STR("chr"), data = it->data;
    switch (c->kind) {
    case SML_GET:
        if (!p) return 404;
        *result = (struct sml_leaf){
            .uri = it->target, .format = str_of(p->format), .type = STR("text/plain"), .has_data = true
        };
        arena_str(a, (struct str){ p->data, p->n }, &result->data);
        return 200;
    case SML_ADD:
    case SML_REPLACE:
        if ((c->kind == SML_ADD) == (p != NULL)) return p ? 418 : 404;
        if (str_is(format, "b64") && str_starts(it->target, STR("./Bin"))) text_b64_decode(it->data, a, &data);
        return link_set(l, it->target, format, data) ? 200 : 420;
    case SML_DELETE: link_delete(l, it->target); return p ? 200 : 404;
    case SML_COPY: {
        struct leaf_on_device *from = link_leaf(l, it->source);
        return from && link_set(l, it->target, str_of(from->format), (struct str){ from->data, from->n }) ? 200 : 404;
    }
    case SML_EXEC: return 202;
    default: return 406;
    }
}

static inline void link_do(struct link *l, struct sml_cmd *c, struct arena *a, struct sml_answer *out)
{
    size_t n = 0, i = 0;
    l->n_executed++;
    if (c->kind == SML_ALERT) {
        struct sml_item *it = ARENA_NEW(a, struct sml_item);
        *it = (struct sml_item){ .data = STR("2"), .has_data = true };
        out->code = 200;
        out->items = str_is(c->data, "1103") ? it : NULL;
        return;
    }
    for (struct sml_cmd *k = c->children; k; k = k->next) n++;
    if (n) {
        out->code = 200;
        out->children = ARENA_ARRAY(a, struct sml_answer, n);
        for (struct sml_cmd *k = c->children; k; k = k->next) link_do(l, k, a, &out->children[i++]);
        return;
    }
    for (struct sml_item *it = c->items; it; it = it->next) n++;
    int *codes = ARENA_ARRAY(a, int, n ? n : 1);
    out->results = ARENA_ARRAY(a, struct sml_leaf, n ? n : 1);
    for (struct sml_item *it = c->items; it; it = it->next) {
        codes[i] = link_do_item(l, c, it, a, &out->results[out->n_results]);
        out->n_results += c->kind == SML_GET && codes[i] == 200;
        i++;
    }
    out->item_codes = codes;
}

/* ---- the server's shell ---- */

static inline struct sml_account *link_account(struct link *l)
{
    l->acc.client_nonce = (struct str){ l->row.client_nonce, l->row.n_client };
    l->acc.server_nonce = (struct str){ l->row.server_nonce, l->row.n_server };
    return l->unknown_device ? NULL : &l->acc;
}

static inline void link_keep(struct link *l, const struct sml_keep *k)
{
    struct account_row *r = &l->row;
    if (k->client_nonce_next.n) {
        r->n_client = k->client_nonce_next.n;
        memcpy(r->client_nonce, k->client_nonce_next.p, r->n_client);
    }
    if (k->server_nonce.n) {
        r->n_server = k->server_nonce.n;
        memcpy(r->server_nonce, k->server_nonce.p, r->n_server);
    }
}

static inline void link_outcomes(struct link *l, const struct sml_outcome *o)
{
    for (; o; o = o->next) {
        struct step_seen *p = &l->seen[o->tag <= LINK_STEPS ? o->tag : 0];
        p->code = o->code;
        p->outcomes++;
        for (const struct sml_value *v = o->values; v; v = v->next) {
            buf_put(&p->values, v->data);
            snprintf(p->last_uri, sizeof p->last_uri, "%.*s", STR_ARG(v->uri));
            snprintf(p->last_format, sizeof p->last_format, "%.*s", STR_ARG(v->format));
        }
    }
}

static inline void link_news(struct link *l, struct sml_news *news)
{
    l->n_known += news->who == SML_WHO_KNOWN;
    l->n_refused += news->who == SML_WHO_REFUSED;
    l->n_unknown += news->who == SML_WHO_UNKNOWN;
    l->first_seen |= news->first;
    l->server_alert |= news->server_alert;
    l->aborted |= news->aborted;
    if (news->refused) snprintf(l->refused, sizeof l->refused, "%s", news->refused);
    if (news->first && news->how) snprintf(l->how, sizeof l->how, "%s", news->how);
    for (const struct sml_value *v = news->devinfo; v; v = v->next) l->n_devinfo++;
    for (struct sml_alert_in *p = news->alerts; p; p = p->next) {
        l->n_alerts_in++;
        snprintf(l->last_alert, sizeof l->last_alert, "%d %.*s %.*s %.*s", p->code, STR_ARG(p->source),
                 STR_ARG(p->mark), STR_ARG(p->correlator));
        snprintf(l->last_alert_type, sizeof l->last_alert_type, "%.*s", STR_ARG(p->type));
        snprintf(l->last_alert_data, sizeof l->last_alert_data, "%.*s", STR_ARG(p->data));
        if (l->alert_status) p->status = l->alert_status;
    }
    link_outcomes(l, news->outcomes);
}

static inline void link_count(struct link *l, bool from_server, const struct sml_msg *m)
{
    for (const struct sml_cmd *c = m->cmds; c; c = c->next) {
        bool next = c->kind == SML_ALERT && str_is(c->data, "1222");
        *(from_server ? &l->nexts_down : &l->nexts_up) += next;
        for (const struct sml_item *it = c->items; it; it = it->next)
            *(from_server ? &l->cuts_down : &l->cuts_up) += it->more_data;
    }
    if (m->meta.has_max_msg) *(from_server ? &l->server_max : &l->client_max) = m->meta.max_msg_bytes;
    buf_printf(&l->trace, from_server ? "<<< server %u\n" : ">>> device %u\n", l->posts);
    if (l->trace.n < (1 << 20)) sml_print(m, &l->trace);
}

/* Encoded, measured, and given to the other side as bytes. */
static inline bool link_wire(struct link *l, bool from_server, struct sml_msg *m, struct arena *a, struct buf *out)
{
    struct err e = { 0 };
    uint64_t max = from_server ? l->client_max : l->server_max;
    if (l->hook && !l->hook(l, from_server, m, a)) return false;
    link_count(l, from_server, m);
    buf_reset(out);
    CU_ASSERT_EQUAL(sml_encode(l->type, m, out, &e), RC_OK);
    if (e.text[0]) fprintf(stderr, "encode: %s\n", e.text);
    size_t *longest = from_server ? &l->longest_down : &l->longest_up;
    *longest = out->n > *longest ? out->n : *longest;
    if (max && out->n > max) l->too_long = true;
    return true;
}

/* One POST: the device's bytes in, the server's out. @return false when there is no answer */
static inline bool link_post(struct link *l, struct str in, struct str mac, struct buf *out, char *mac_out)
{
    struct arena a;
    struct sml_msg m = { 0 }, reply;
    struct sml_news news;
    struct sml_keep keep;
    struct err e = { 0 };
    size_t sent = 0;
    arena_init(&a, SML_MSG_ARENA_BYTES);
    struct sml_transport t = { .tls = l->tls, .raw = in };
    if (l->certificate) t.client_cert_subject = STR("CN=IMEI:001010000000017");
    if (mac.n) CU_ASSERT_EQUAL(sml_hmac_parse(mac, &a, &t.hmac, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(sml_decode(l->type, in, &a, &m, &e), RC_OK);
    if (!l->server) {
        l->server = sml_server_create(&l->sc, m.session_id, m.source, l->sc.url, STR("9b0c41f2"));
        if (l->record)
            sml_record_begin(l->record, &l->sc, m.session_id, m.source, l->sc.url, STR("9b0c41f2"), link_account(l),
                             NULL);
    }
    bool good = sml_server_take(l->server, &m, &t, link_account(l), &l->w, &a, &news, &e) == RC_OK;
    if (good) {
        link_news(l, &news);
        for (size_t i = l->at; i + 1 < l->n_steps; i++) l->steps[i].next = &l->steps[i + 1];
        struct sml_step *offer = l->at < l->n_steps ? &l->steps[l->at] : NULL;
        CU_ASSERT_EQUAL(sml_server_answer(l->server, offer, l->large_objects, l->type, link_account(l), &l->w, &a,
                                          &reply, &sent, &keep, &e),
                        RC_OK);
        CU_ASSERT(news.package_done || sent == 0);
        l->at += sent;
        link_outcomes(l, keep.unsent);
        good = link_wire(l, true, &reply, &a, out);
        if (l->record) {
            struct sml_record rec = { .s = l->server,
                                      .type = l->type,
                                      .in = in,
                                      .out = buf_str(out),
                                      .m = &m,
                                      .reply = &reply,
                                      .t = &t,
                                      .news = &news,
                                      .steps = offer,
                                      .n_sent = sent,
                                      .large_objects = l->large_objects,
                                      .now_ms = l->w.now_ms,
                                      .token = STR("9b0c41f2") };
            sml_record_message(l->record, &rec);
        }
        struct str h = sml_server_mac(l->server, &l->acc, buf_str(out), &a);
        snprintf(mac_out, 256, "%.*s", STR_ARG(h));
        link_keep(l, &keep);
        size_t bytes = sml_server_bytes(l->server);
        l->session_bytes = bytes > l->session_bytes ? bytes : l->session_bytes;
    }
    l->ended = sml_server_over(l->server);
    arena_finish(&a);
    return good;
}

/* ---- a whole session ---- */

static inline void link_client_keep(struct link *l, const struct sml_client_keep *k)
{
    if (k->client_nonce.n) {
        memcpy(l->crow.client_nonce, k->client_nonce.p, k->client_nonce.n);
        l->crow.n_client = k->client_nonce.n;
    }
    if (k->server_nonce.n) {
        memcpy(l->crow.server_nonce, k->server_nonce.p, k->server_nonce.n);
        l->crow.n_server = k->server_nonce.n;
    }
}

/* The device takes the server's bytes and makes its next message. @return false at the end */
static inline bool link_turn(struct link *l, struct str in, const char *mac, struct buf *out, char *mac_out)
{
    struct arena a;
    struct sml_msg m = { 0 }, next;
    struct sml_client_news news;
    struct sml_client_keep keep;
    struct sml_hmac hmac = { 0 };
    struct err e = { 0 };
    bool over = true;
    arena_init(&a, SML_MSG_ARENA_BYTES);
    CU_ASSERT_EQUAL_FATAL(sml_decode(l->type, in, &a, &m, &e), RC_OK);
    if (mac[0]) CU_ASSERT_EQUAL(sml_hmac_parse(str_of(mac), &a, &hmac, &e), RC_OK);
    if (sml_client_take(l->client, &m, &hmac, in, &l->device_w, &a, &news, &keep, &e) == RC_OK) {
        link_client_keep(l, &keep);
        l->client_refused |= news.refused;
        l->client_aborted |= news.aborted;
        if (news.why) snprintf(l->client_why, sizeof l->client_why, "%s", news.why);
        for (size_t i = 0; i < news.n_acked && l->n_acked < 64; i++) l->acked[l->n_acked++] = news.acked[i];
        struct sml_answer *answers = ARENA_ARRAY(&a, struct sml_answer, news.n_cmds + 1);
        for (size_t i = 0; i < news.n_cmds; i++) link_do(l, &news.cmds[i], &a, &answers[i]);
        if (!news.over) {
            CU_ASSERT_EQUAL(sml_client_answer(l->client, answers, NULL, &l->device_w, &a, &next, &over, &keep, &e),
                            RC_OK);
            link_client_keep(l, &keep);
        }
        if (!over) {
            while (!link_wire(l, false, &next, &a, out)) l->posts++;
            snprintf(mac_out, 256, "%.*s", STR_ARG(sml_client_mac(l->client, buf_str(out), &a)));
        }
    } else {
        fprintf(stderr, "client: %s\n", e.text);
    }
    arena_finish(&a);
    return !over;
}

static inline void link_begin(struct link *l, struct buf *out, char *mac)
{
    struct arena a;
    struct sml_msg m;
    arena_init(&a, SML_MSG_ARENA_BYTES);
    sml_client_destroy(l->client);
    sml_server_destroy(l->server);
    l->server = NULL;
    l->server_max = l->client_max = 0;
    l->ca.client_nonce = (struct str){ l->crow.client_nonce, l->crow.n_client };
    l->ca.server_nonce = (struct str){ l->crow.server_nonce, l->crow.n_server };
    l->client = sml_client_create(&l->cc, &l->ca, str_of(l->session_id));
    CU_ASSERT_EQUAL_FATAL(sml_client_first(l->client, l->start, link_devinfo, 5, l->alerts, &l->device_w, &a, &m, NULL),
                          RC_OK);
    while (!link_wire(l, false, &m, &a, out)) l->posts++;
    snprintf(mac, 256, "%.*s", STR_ARG(sml_client_mac(l->client, buf_str(out), &a)));
    arena_finish(&a);
}

static inline void link_run(struct link *l)
{
    struct buf up, down;
    char mac_up[256] = "", mac_down[256] = "";
    buf_init(&up, 0);
    buf_init(&down, 0);
    l->posts = l->n_acked = 0;
    link_begin(l, &up, mac_up);
    for (bool more = true; more && l->posts < LINK_POSTS_MAX;) {
        l->posts++;
        if (!link_post(l, buf_str(&up), str_of(mac_up), &down, mac_down)) break;
        more = link_turn(l, buf_str(&down), mac_down, &up, mac_up);
    }
    CU_ASSERT(l->posts < LINK_POSTS_MAX);
    buf_finish(&up);
    buf_finish(&down);
}

static inline void link_show(struct link *l)
{
    printf("\n%s\n", buf_z(&l->trace));
}
#endif
