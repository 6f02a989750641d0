/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/whole.h"

#include "base/text.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *source(const char *what)
{
    static char path[2][600];
    static int at;
    const char *root = getenv("DMVISOR_SOURCE");
    at ^= 1;
    snprintf(path[at], sizeof path[at], "%s/%s", root ? root : ".", what);
    return path[at];
}

static void add_account(struct whole *w)
{
    char json[900], client[64], server[64];
    struct account acc;
    struct err e = { 0 };
    text_b64(w->registered->client_nonce, w->registered->n_client_nonce, client);
    text_b64(w->registered->server_nonce, w->registered->n_server_nonce, server);
    snprintf(
        json, sizeof json,
        "{\"serverId\":\"com.acme.dm\",\"url\":\"https://dm.example.net:8443/dm\",\"clientName\":\"%s\",\"clientPassword\":\"%s\","
        "\"serverName\":\"com.acme.dm\",\"serverPassword\":\"%s\",\"clientNonce\":\"%s\",\"serverNonce\":\"%s\",\"auth\":\"md5\",\"pollS\":60}",
        w->registered->name, w->registered->password, w->registered->server_password, client, server);
    CU_ASSERT_EQUAL_FATAL(account_parse(str_of(json), "account", &acc, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(device_add_account(w->device, &acc, &w->w, &e), RC_OK);
}

void whole_open(struct whole *w, enum sml_type encoding)
{
    struct err e = { 0 };
    memset(w, 0, sizeof *w);
    w->l = dm_fixture_begin();
    w->registered = fixture_device_begin(w->l, "IMEI:001");
    w->seed = 11;
    w->w = world_fixed(w->l->world.now_ms, &w->seed);
    w->hv = hv_sim_create(100, 5);
    w->loader = download_sim_create();
    hv_sim_advance(w->hv, w->w.now_ms);
    w->config = (struct device_config){ .mo.id = "IMEI:001",
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
    CU_ASSERT_EQUAL_FATAL(
        mo_shared_load(&(struct mo_places){ .objects = source("ddf"), .own = source("agent") }, &w->shared, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(device_create(w->shared, &w->config, w->hv, w->loader, NULL, &w->w, &w->device, &e), RC_OK);
    add_account(w);
}

void whole_close(struct whole *w)
{
    device_destroy(w->device);
    w->hv->class->destroy(w->hv);
    download_destroy(w->loader);
    mo_shared_destroy(w->shared);
    fixture_device_end(w->registered);
    dm_fixture_end(w->l);
}

/* "?s=..." of the address a message goes to */
static struct str token_of(struct str url)
{
    size_t at = str_find(url, '=', 0);
    return at < url.n ? str_slice(url, at + 1, url.n) : (struct str){ 0 };
}

bool whole_session(struct whole *w)
{
    struct dm_session *s = NULL;
    struct session_post post;
    struct exchange_reply rp = { 0 };
    struct err e = { 0 };
    const struct session_start st = { .server_id = STR("com.acme.dm") };
    enum session_next next = SESSION_POST;
    if (session_create(device_client(w->device), &st, &w->w, &s, &post, &e)) next = SESSION_FAILED;
    for (w->posts = 0; next == SESSION_POST && w->posts < 60; w->posts++) {
        if (w->lose_post && w->posts + 1 == w->lose_post) break;
        const struct exchange_request rq = { .token = token_of(post.url),
                                             .resp_base = STR("https://dm.example.net:8443/dm"),
                                             .body = post.body,
                                             .user_agent = STR("agent"),
                                             .remote = STR("192.0.2.7"),
                                             .hmac = post.hmac,
                                             .type = w->config.dm.encoding,
                                             .answer = w->config.dm.encoding,
                                             .tls = true };
        exchange(w->l->dm, &w->l->world, &rq, &rp, &e);
        CU_ASSERT_EQUAL(dm_commit(w->l->dm, &e), RC_OK);
        next = session_reply(s, &w->w, rp.status, sml_mime(rp.type), str_of(rp.hmac), buf_str(&rp.body), &post, &e);
        exchange_reply_finish(&rp);
        memset(&rp, 0, sizeof rp);
    }
    if (next != SESSION_OVER) fprintf(stderr, "session: %s\n", e.text);
    session_destroy(s);
    return next == SESSION_OVER;
}

void whole_want(struct whole *w)
{
    dm_fixture_sql(
        w->l, "UPDATE authority SET stamp = stamp + 1; UPDATE device SET generation = (SELECT stamp FROM authority)");
    dm_fixture_wait(w->l, 1000);
    w->w.now_ms += 1000;
}

const char *whole_tree(struct whole *w, const char *command, const char *uri, const char *format, const char *data)
{
    static char out[8192];
    char text[6000];
    snprintf(
        text, sizeof text,
        "INSERT INTO operation (device_id, kind, by_policy, scope, owner, args, tree_command, tree_uri, tree_format, tree_data,"
        " correlator, state, created_by, created_ms, updated_ms) VALUES (1, 'tree', 0, 0, '', '', '%s', '%s', '%s', %s%s%s,"
        " 'w-' || (SELECT count(*) FROM operation), 'queued', 'test', 1, 1)",
        command, uri, format, data ? "'" : "", data ? data : "NULL", data ? "'" : "");
    dm_fixture_sql(w->l, text);
    whole_want(w);
    for (int i = 0; i < 3; i++) CU_ASSERT(whole_session(w));
    snprintf(out, sizeof out, "%s",
             dm_fixture_text(
                 w->l, "SELECT state || ' ' || COALESCE(code, '') || ' ' || COALESCE(tree_result, '') FROM operation"
                       " ORDER BY operation_id DESC LIMIT 1"));
    return out;
}

bool whole_has(const char *text, const char *part)
{
    bool there = text && strstr(text, part);
    if (!there) printf("\nno %s in %s\n", part, text ? text : "nothing");
    return there;
}
