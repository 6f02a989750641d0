/* SPDX-License-Identifier: Apache-2.0 */
/* The DM endpoint over real sockets: HTTP binding and TLS (protocol.md 15). */
#include "base/crypto.h"
#include "server/dm/worker.h"
#include "tests/lib/test.h"
#include "tests/server/dm_fixture.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define BODY                                                                                                                            \
    "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>1</MsgID>" \
    "<Target><LocURI>x</LocURI></Target><Source><LocURI>IMEI:9</LocURI></Source></SyncHdr><SyncBody><Alert><CmdID>1</CmdID>"            \
    "<Data>1201</Data></Alert><Final/></SyncBody></SyncML>"

static int dial(uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval five = { 5, 0 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &five, sizeof five);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* The answer to one request on a connection of its own. */
static const char *ask(uint16_t port, const char *request)
{
    static char answer[20000];
    size_t n = 0;
    ssize_t got;
    int fd = dial(port);
    CU_ASSERT_EQUAL(send(fd, request, strlen(request), 0), (ssize_t)strlen(request));
    while (n + 1 < sizeof answer && (got = recv(fd, answer + n, sizeof answer - 1 - n, 0)) > 0) n += (size_t)got;
    answer[n] = '\0';
    close(fd);
    return answer;
}

static struct worker *open_endpoint(struct dm_fixture *l)
{
    struct worker *w = NULL;
    struct err e = { 0 };
    l->config.dm_address = "127.0.0.1";
    l->config.dm_max_connections = 50;
    enum rc rc = worker_start(&l->srv, &w, &e);
    if (rc) fprintf(stderr, "%s\n", e.text);
    CU_ASSERT_EQUAL_FATAL(rc, RC_OK);
    return w;
}

#define HEAD            "Host: 127.0.0.1\r\nConnection: close\r\n"
#define HAS(text, part) CU_ASSERT_PTR_NOT_NULL(strstr(text, part))

static void s_603_post_only_and_200_for_every_message(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct worker *w = open_endpoint(l);
    char text[2000];
    HAS(ask(worker_port(w), "GET /dm HTTP/1.1\r\n" HEAD "\r\n"), "HTTP/1.1 405");
    HAS(ask(worker_port(w), "PUT /dm HTTP/1.1\r\n" HEAD "Content-Length: 0\r\n\r\n"), "HTTP/1.1 405");
    snprintf(text, sizeof text,
             "POST /dm HTTP/1.1\r\n" HEAD
             "Content-Type: application/vnd.syncml.dm+xml\r\nContent-Length: %zu\r\n\r\n" BODY,
             strlen(BODY));
    const char *a = ask(worker_port(w), text);
    HAS(a, "HTTP/1.1 200"); /* a device nobody knows: refused in SyncML, not in HTTP */
    HAS(a, "<Data>407</Data>");
    HAS(a, "Content-Type: application/vnd.syncml.dm+xml");
    worker_stop(w);
    dm_fixture_end(l);
}

static void s_604_chunked_requests_and_no_store(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct worker *w = open_endpoint(l);
    char text[3000];
    size_t half = strlen(BODY) / 2;
    snprintf(text, sizeof text,
             "POST /dm HTTP/1.1\r\n" HEAD
             "Content-Type: application/vnd.syncml.dm+xml; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
             "%zx\r\n%.*s\r\n%zx\r\n%s\r\n0\r\n\r\n",
             half, (int)half, BODY, strlen(BODY) - half, &BODY[half]);
    const char *a = ask(worker_port(w), text);
    HAS(a, "HTTP/1.1 200");
    HAS(a, "<Data>407</Data>");
    HAS(a, "Cache-Control: no-store");
    HAS(a, "Content-Length:"); /* some clients refuse a chunked answer */
    CU_ASSERT_PTR_NULL(strstr(a, "Transfer-Encoding"));
    worker_stop(w);
    dm_fixture_end(l);
}

static uint16_t endpoint;
static unsigned other_types; /* answers in another type than the device's own */

/* As the test client of libdmclient does: an old media type, and no Accept. */
static void post_with_the_old_type(struct fixture_device *p, const struct exchange_request *rq,
                                   struct exchange_reply *rp)
{
    char head[400], answer[64 << 10];
    const char *type = p->type == SML_XML ? "xml" : "wbxml";
    size_t n = 0;
    ssize_t got;
    int fd = dial(endpoint), len;
    len = snprintf(head, sizeof head,
                   "POST /dm?s=%.*s HTTP/1.1\r\n" HEAD
                   "Content-Type: application/vnd.syncml+%s\r\nContent-Length: %zu\r\n\r\n",
                   STR_ARG(rq->token), type, rq->body.n);
    CU_ASSERT_EQUAL(send(fd, head, (size_t)len, 0), len);
    CU_ASSERT_EQUAL(send(fd, rq->body.p, rq->body.n, 0), (ssize_t)rq->body.n);
    while (n + 1 < sizeof answer && (got = recv(fd, answer + n, sizeof answer - 1 - n, 0)) > 0) n += (size_t)got;
    answer[n] = '\0';
    close(fd);
    const char *body = strstr(answer, "\r\n\r\n");
    *rp = (struct exchange_reply){ .status = atoi(answer + 9), .type = p->type };
    buf_init(&rp->body, 0);
    snprintf(head, sizeof head, "Content-Type: application/vnd.syncml.dm+%s\r\n", type);
    other_types += !strstr(answer, head);
    if (body) buf_put(&rp->body, (struct str){ body + 4, n - (size_t)(body + 4 - answer) });
}

static void trap_09_the_old_media_type_and_no_accept(void)
{
    for (int type = 0; type < 2; type++) {
        struct dm_fixture *l = dm_fixture_begin();
        struct worker *w = open_endpoint(l);
        struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
        endpoint = worker_port(w);
        other_types = 0;
        p->type = (enum sml_type)type;
        p->post = post_with_the_old_type;
        for (int i = 0; i < 2; i++) {
            CU_ASSERT(fixture_device_call(p, 1201, i ? "2" : "1"));
            CU_ASSERT(p->posts < 10);
        }
        CU_ASSERT_EQUAL(other_types, 0);
        CU_ASSERT_STRING_EQUAL(dm_fixture_text(l, "SELECT value FROM attribute_row WHERE name = 'devinfo.man'"),
                               "Acme");
        CU_ASSERT_EQUAL(dm_fixture_int(l, "SELECT count(*) FROM session WHERE outcome <> 'done'"), 0);
        CU_ASSERT(dm_fixture_int(l, "SELECT count(*) FROM node") > 10);
        worker_stop(w);
        fixture_device_end(p);
        dm_fixture_end(l);
    }
}

/* A handshake with these protocol versions. @param asked  was a certificate of ours asked for? */
static int shake(uint16_t port, const char *priorities, bool *asked)
{
    gnutls_session_t s;
    gnutls_certificate_credentials_t cred;
    int fd = dial(port), rc = gnutls_init(&s, GNUTLS_CLIENT);
    gnutls_certificate_allocate_credentials(&cred);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    rc = gnutls_priority_set_direct(s, priorities, NULL);
    if (rc == 0) {
        gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, cred);
        gnutls_transport_set_int(s, fd);
        do rc = gnutls_handshake(s);
        while (rc < 0 && !gnutls_error_is_fatal(rc));
    }
    *asked = rc == 0 && gnutls_certificate_client_get_request_status(s) != 0;
    gnutls_deinit(s);
    gnutls_certificate_free_credentials(cred);
    close(fd);
    return rc;
}

static void tls_is_that_of_today_and_asks_for_a_certificate(void)
{
    static const struct {
        const char *versions;
        bool good;
    } row[] = {
        { "NORMAL:-VERS-ALL:+VERS-TLS1.3", true },
        { "NORMAL:-VERS-ALL:+VERS-TLS1.2", true },
        { "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT", false },
        { "NORMAL:-VERS-ALL:+VERS-TLS1.0:%COMPAT", false },
        { "NORMAL:-VERS-ALL:+VERS-SSL3.0:+CIPHER-ALL:+ARCFOUR-128:+MD5:+RSA:%COMPAT", false },
    };
    struct dm_fixture *l = dm_fixture_begin();
    struct err e = { 0 };
    char cert[100], key[100];
    const char *hosts[] = { "127.0.0.1" };
    snprintf(cert, sizeof cert, "%s/cert.pem", l->dir);
    snprintf(key, sizeof key, "%s/key.pem", l->dir);
    CU_ASSERT_EQUAL_FATAL(crypto_make_certificate(cert, key, hosts, 1, 2, &e), RC_OK);
    l->config.dm_cert = cert;
    l->config.dm_key = key;
    l->config.dm_client_ca = cert;
    struct worker *w = open_endpoint(l);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        bool asked = false;
        int rc = shake(worker_port(w), row[i].versions, &asked);
        CU_ASSERT_EQUAL(rc == 0, row[i].good);
        if ((rc == 0) != row[i].good) fprintf(stderr, "%s: %s\n", row[i].versions, gnutls_strerror(rc));
        CU_ASSERT_EQUAL(asked, row[i].good); /* S-605, S-120 */
    }
    worker_stop(w);
    dm_fixture_end(l);
}

TEST_MAIN("conformance.endpoint", TEST(trap_09_the_old_media_type_and_no_accept),
          TEST(s_603_post_only_and_200_for_every_message), TEST(s_604_chunked_requests_and_no_store),
          TEST_OF("S-120 S-605 S-606", tls_is_that_of_today_and_asks_for_a_certificate))
