/* SPDX-License-Identifier: Apache-2.0 */
/* The DM worker over real sockets. */
#define _XOPEN_SOURCE 700 /* RLIMIT_FSIZE */
#include "tests/lib/test.h"
#include "base/fetch.h"
#include "base/log.h"
#include "server/dm/worker.h"
#include "tests/server/dm_fixture.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static const char hello[] =
    "<SyncML "
    "xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>%d</SessionID><MsgID>1</MsgID>"
    "<Target><LocURI>x</LocURI></Target><Source><LocURI>%s</LocURI></Source></SyncHdr><SyncBody><Alert><CmdID>1</CmdID><Data>1201</Data></Alert>"
    "<Final/></SyncBody></SyncML>";

static struct worker *begin(struct dm_fixture **l)
{
    struct worker *w = NULL;
    struct err e = { 0 };
    *l = dm_fixture_begin();
    (*l)->config.dm_address = "127.0.0.1";
    (*l)->config.dm_max_connections = 20;
    CU_ASSERT_EQUAL_FATAL(worker_start(&(*l)->srv, &w, &e), RC_OK);
    return w;
}

/* One request. @return HTTP status; the answer's body in *text */
static long send(struct fetch *f, const struct worker *w, const char *method, const char *path, const char *type,
                 struct str body, char text[4096], struct fetch_reply *keep)
{
    char url[256], content[128];
    const char *headers[] = { content, NULL };
    struct fetch_reply reply = { 0 };
    struct err e = { 0 };
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", worker_port(w), path);
    snprintf(content, sizeof content, "Content-Type: %s", type);
    const struct fetch_request r = { .method = method, .url = url, .headers = headers, .body = body };
    enum rc rc = fetch_do(f, &r, &reply, &e);
    if (rc) printf("%s\n", e.text);
    long status = rc ? -1 : reply.status;
    snprintf(text, 4096, "%s", rc ? "" : buf_z(&reply.body));
    if (keep)
        *keep = reply;
    else
        fetch_reply_finish(&reply);
    return status;
}

static void answers_in_the_words_of_http(void)
{
    struct dm_fixture *l;
    struct worker *w = begin(&l);
    const struct fetch_config fc = { .total_timeout_s = 10 };
    struct fetch *f = fetch_create(&fc);
    struct fetch_reply reply;
    char text[4096], body[1024];
    static char big[70000];
    const char *const xml = SML_MIME_XML;

    snprintf(body, sizeof body, hello, 1, "IMEI:1");
    CU_ASSERT_EQUAL(send(f, w, "POST", "/dm", xml, str_of(body), text, NULL), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "<Data>407</Data>"));
    CU_ASSERT_PTR_NULL(strstr(text, "RespURI")); /* no session, no address of one */
    snprintf(body, sizeof body, hello, 2, "IMEI:1");
    CU_ASSERT_EQUAL(send(f, w, "POST", "/dm/acme-it?mode=Maintenance&s=stale",
                         "application/vnd.syncml+xml; charset=utf-8", str_of(body), text, NULL),
                    200);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "<Data>407</Data>"));
    CU_ASSERT_EQUAL(send(f, w, "POST", "/dm/nobody", xml, str_of(body), text, NULL), 404);
    CU_ASSERT_EQUAL(send(f, w, "POST", "/elsewhere", xml, str_of(body), text, NULL), 404);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "/dm"));
    CU_ASSERT_EQUAL(send(f, w, "POST", "/dm", "text/html", str_of(body), text, NULL), 415);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, SML_MIME_WBXML));
    CU_ASSERT_EQUAL(send(f, w, "PUT", "/dm", xml, str_of(body), text, NULL), 405);
    CU_ASSERT_EQUAL(send(f, w, "POST", "/dm", xml, STR("<no"), text, NULL), 400);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "not a SyncML message"));
    CU_ASSERT_EQUAL(send(f, w, "POST", "/dm", xml, ((struct str){ big, sizeof big }), text, NULL), 413);
    l->config.dm_max_sessions = 1;
    CU_ASSERT_EQUAL(send(f, w, "POST", "/dm", xml, str_of(body), text, &reply), 200);
    CU_ASSERT_STRING_EQUAL(reply.content_type, xml);
    fetch_reply_finish(&reply);
    fetch_destroy(f);
    worker_stop(w);
    dm_fixture_end(l);
}

static void wbxml_is_answered_with_wbxml(void)
{
    struct dm_fixture *l;
    struct worker *w = begin(&l);
    const struct fetch_config fc = { .total_timeout_s = 10 };
    struct fetch *f = fetch_create(&fc);
    struct fetch_reply reply = { 0 };
    struct arena a;
    struct sml_msg m;
    struct buf bytes;
    struct err e = { 0 };
    char text[4096], body[1024];

    arena_init(&a, 1 << 20);
    buf_init(&bytes, 0);
    snprintf(body, sizeof body, hello, 1, "IMEI:1");
    CU_ASSERT_EQUAL(sml_decode(SML_XML, str_of(body), &a, &m, &e), RC_OK);
    CU_ASSERT_EQUAL(sml_encode(SML_WBXML, &m, &bytes, &e), RC_OK);
    CU_ASSERT_EQUAL(send(f, w, "POST", "/dm", SML_MIME_WBXML, buf_str(&bytes), text, &reply), 200);
    CU_ASSERT_STRING_EQUAL(reply.content_type, SML_MIME_WBXML);
    CU_ASSERT_EQUAL(sml_decode(SML_WBXML, buf_str(&reply.body), &a, &m, &e), RC_OK);
    CU_ASSERT(str_is(m.target, "IMEI:1"));
    fetch_reply_finish(&reply);
    buf_finish(&bytes);
    arena_finish(&a);
    fetch_destroy(f);
    worker_stop(w);
    dm_fixture_end(l);
}

struct caller {
    struct worker *w;
    pthread_t thread;
    int first, good;
};

static void *call(void *arg)
{
    struct caller *c = arg;
    const struct fetch_config fc = { .total_timeout_s = 20 };
    struct fetch *f = fetch_create(&fc);
    char text[4096], body[1024];
    for (int i = 0; i < 50; i++) {
        snprintf(body, sizeof body, hello, c->first + i, "IMEI:1");
        c->good += send(f, c->w, "POST", "/dm", SML_MIME_XML, str_of(body), text, NULL) == 200 &&
                   strstr(text, "<Data>407</Data>");
    }
    fetch_destroy(f);
    return NULL;
}

static void many_at_once_all_get_their_answers(void)
{
    struct dm_fixture *l;
    struct worker *w;
    struct caller c[8];
    l = dm_fixture_begin();
    l->config.dm_address = "127.0.0.1";
    l->config.dm_max_connections = 20;
    l->config.dm_max_sessions = 1000;
    CU_ASSERT_EQUAL_FATAL(worker_start(&l->srv, &w, NULL), RC_OK);
    for (int i = 0; i < 8; i++) {
        c[i] = (struct caller){ .w = w, .first = i * 100 };
        CU_ASSERT_EQUAL_FATAL(pthread_create(&c[i].thread, NULL, call, &c[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(c[i].thread, NULL);
        CU_ASSERT_EQUAL(c[i].good, 50);
    }
    worker_stop(w);
    dm_fixture_end(l);
}

/* A message that changes something: package 1 with good credentials. */
static void package_1(struct fixture_device *p, struct buf *out)
{
    const struct sml_leaf devinfo = {
        .uri = STR("./DevInfo/DevId"), .format = STR("chr"), .data = str_of(p->name), .has_data = true
    };
    const struct sml_client_account acc = { .server_id = STR("com.acme.dm"),
                                            .url = str_of(p->lab->config.dm_url),
                                            .client_name = str_of(p->name),
                                            .client_ha1 = str_of(p->client_ha1),
                                            .server_name = STR("com.acme.dm"),
                                            .server_ha1 = str_of(p->server_ha1),
                                            .client_nonce = { (const char *)p->client_nonce, p->n_client_nonce },
                                            .server_nonce = { (const char *)p->server_nonce, p->n_server_nonce },
                                            .pref = SML_AUTH_MD5 };
    const struct sml_client_config cc = {
        .device_id = str_of(p->name), .max_msg_bytes = 65536, .type = SML_XML, .max_messages = 9
    };
    struct sml_client *c = sml_client_create(&cc, &acc, STR("7"));
    struct arena a;
    struct sml_msg m;
    arena_init(&a, 1 << 20);
    CU_ASSERT_EQUAL(sml_client_first(c, 1201, &devinfo, 1, NULL, &p->lab->world, &a, &m, NULL), RC_OK);
    CU_ASSERT_EQUAL(sml_encode(SML_XML, &m, out, NULL), RC_OK);
    arena_finish(&a);
    sml_client_destroy(c);
}

static void without_a_commit_there_is_no_answer(void)
{
    struct dm_fixture *l;
    struct worker *w = begin(&l);
    struct fixture_device *p = fixture_device_begin(l, "IMEI:1");
    const struct fetch_config fc = { .total_timeout_s = 10 };
    struct fetch *f = fetch_create(&fc);
    struct fetch_reply reply = { 0 };
    struct rlimit before, none;
    struct buf body;
    char text[4096];

    buf_init(&body, 0);
    package_1(p, &body);
    log_set_level(LOG_ERROR);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    none = before;
    none.rlim_cur = 1; /* no file can grow: as good as a full disk */
    setrlimit(RLIMIT_FSIZE, &none);
    long status = send(f, w, "POST", "/dm", SML_MIME_XML, buf_str(&body), text, &reply);
    setrlimit(RLIMIT_FSIZE, &before);
    CU_ASSERT_EQUAL(status, 503);
    CU_ASSERT_EQUAL(reply.retry_after_s, EXCHANGE_RETRY_S);
    fetch_reply_finish(&reply);
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM contact WHERE seen_ms IS NOT NULL"), 0);
    /* When there is room again the same message is taken. */
    CU_ASSERT_EQUAL(send(f, w, "POST", "/dm", SML_MIME_XML, buf_str(&body), text, NULL), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "<Data>212</Data>"));
    CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM contact WHERE seen_ms IS NOT NULL"), 1);
    buf_finish(&body);
    fixture_device_end(p);
    fetch_destroy(f);
    worker_stop(w);
    dm_fixture_end(l);
}

static void stops_at_once_and_can_start_again(void)
{
    struct dm_fixture *l;
    struct worker *w = begin(&l);
    int64_t before = world_monotonic_ms();
    worker_stop(w);
    CU_ASSERT(world_monotonic_ms() - before < 2000);
    CU_ASSERT_EQUAL(worker_start(&l->srv, &w, NULL), RC_OK);
    worker_stop(w);
    worker_stop(NULL);
    dm_fixture_end(l);
}

static void what_does_not_work_is_told(void)
{
    struct dm_fixture *l;
    struct worker *w = begin(&l), *second = NULL;
    struct err e = { 0 };
    l->config.database = "sqlite:/nonexistent/x";
    CU_ASSERT_NOT_EQUAL(worker_start(&l->srv, &second, &e), RC_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "/nonexistent/x"));
    l->config.database = l->database;
    l->config.dm_address = "203.0.113.1";
    err_clear(&e);
    CU_ASSERT_NOT_EQUAL(worker_start(&l->srv, &second, &e), RC_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "203.0.113.1"));
    CU_ASSERT_PTR_NULL(second);
    worker_stop(w);
    dm_fixture_end(l);
}

TEST_MAIN("server.worker", TEST(answers_in_the_words_of_http), TEST(wbxml_is_answered_with_wbxml),
          TEST(many_at_once_all_get_their_answers), TEST(without_a_commit_there_is_no_answer),
          TEST(stops_at_once_and_can_start_again), TEST(what_does_not_work_is_told))
