/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/dm/post.h"
#include "base/fetch.h"
#include "base/thread.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POST_TRIES = 3, POST_REPLY_BYTES = 2 << 20, POST_TIMEOUT_S = 60 };

enum post_stage { IDLE, ASKED, DONE };

struct post {
    struct fetch *client;
    struct threads threads; /* one, which sends the requests */
    int fd;
    volatile int cancel; /* of the current POST */
    enum post_stage stage;
    char url[2048], mime[80], hmac[256];
    struct buf body;
    struct post_result result;
};

static void once(struct post *p, struct post_result *r)
{
    char type[128], accept[160], hmac[300];
    const char *headers[6] = { type, accept, "Accept-Charset: utf-8", "Cache-Control: no-store" };
    struct fetch_reply reply = { 0 };
    const struct fetch_request q = { .method = "POST",
                                     .url = p->url,
                                     .headers = headers,
                                     .body = buf_str(&p->body),
                                     .reply_limit = POST_REPLY_BYTES,
                                     .cancel = &p->cancel };

    snprintf(type, sizeof type, "Content-Type: %s", p->mime);
    snprintf(accept, sizeof accept, "Accept: %s", p->mime);
    snprintf(hmac, sizeof hmac, "x-syncml-hmac: %s", p->hmac);
    if (p->hmac[0]) headers[4] = hmac;
    memset(r, 0, sizeof *r);
    r->rc = fetch_do(p->client, &q, &reply, &r->err);
    r->status = reply.status;
    r->retry_after_s = reply.retry_after_s;
    snprintf(r->content_type, sizeof r->content_type, "%s", reply.content_type);
    snprintf(r->hmac, sizeof r->hmac, "%s", reply.hmac);
    r->body = reply.body; /* moved to this reply */
    reply.body = (struct buf){ 0 };
    fetch_reply_finish(&reply);
}

static void wait_a_moment(struct post *p, int s)
{
    threads_lock(&p->threads);
    threads_wait(&p->threads, s * 1000);
    threads_unlock(&p->threads);
}

static void *run(void *arg)
{
    struct post *p = arg;

    threads_lock(&p->threads);
    while (!p->threads.stop) {
        struct post_result r;
        if (p->stage != ASKED) {
            threads_wait(&p->threads, -1);
            continue;
        }
        threads_unlock(&p->threads);
        once(p, &r);
        for (int i = 1; i < POST_TRIES && !p->threads.stop && (r.rc == RC_IO || r.rc == RC_TIMEOUT); i++) {
            wait_a_moment(p, i);
            buf_finish(&r.body);
            once(p, &r);
        }
        threads_lock(&p->threads);
        p->result = r;
        p->stage = DONE;
        wake_raise(p->fd);
    }
    threads_unlock(&p->threads);
    return NULL;
}

enum rc post_create(const char *ca_file, bool insecure, struct post **out, struct err *e)
{
    const struct fetch_config c = { .ca_file = ca_file,
                                    .insecure = insecure,
                                    .total_timeout_s = POST_TIMEOUT_S,
                                    .user_agent = "dmvisor-agent/" DMVISOR_VERSION };
    struct post *p = calloc(1, sizeof *p);
    enum rc rc;

    if (!p) return err_set(e, RC_NOMEM, "no memory for the HTTP client");
    p->client = fetch_create(&c);
    p->fd = wake_open();
    threads_init(&p->threads);
    buf_init(&p->body, 0);
    rc = p->client && p->fd >= 0 ? threads_start(&p->threads, run, p, "the HTTP client", e)
                                 : err_set(e, RC_NOMEM, "cannot start the HTTP client");
    if (rc)
        post_destroy(p);
    else
        *out = p;
    return rc;
}

void post_destroy(struct post *p)
{
    if (!p) return;
    p->cancel = 1;
    threads_finish(&p->threads);
    if (p->stage == DONE) buf_finish(&p->result.body);
    buf_finish(&p->body);
    fetch_destroy(p->client);
    if (p->fd >= 0) close(p->fd);
    free(p);
}

int post_fd(const struct post *p)
{
    return p->fd;
}

enum rc post_send(struct post *p, struct str url, const char *mime, struct str hmac, struct str body, struct err *e)
{
    enum rc rc = RC_OK;

    threads_lock(&p->threads);
    buf_reset(&p->body);
    if (p->stage != IDLE)
        rc = err_set(e, RC_BUSY, "another message is in progress");
    else if (url.n >= sizeof p->url || hmac.n >= sizeof p->hmac)
        rc = err_set(e, RC_LIMIT, "the server's address is too long");
    if (!rc) {
        snprintf(p->url, sizeof p->url, "%.*s", STR_ARG(url));
        snprintf(p->hmac, sizeof p->hmac, "%.*s", STR_ARG(hmac));
        snprintf(p->mime, sizeof p->mime, "%s", mime);
        buf_put(&p->body, body);
        rc = buf_ok(&p->body) ? RC_OK : err_set(e, RC_NOMEM, "no memory for a message");
    }
    if (!rc) {
        p->stage = ASKED;
        threads_wake(&p->threads);
    }
    threads_unlock(&p->threads);
    return rc;
}

bool post_take(struct post *p, struct post_result *out)
{
    bool done;

    threads_lock(&p->threads);
    done = p->stage == DONE;
    if (done) {
        *out = p->result;
        p->stage = IDLE;
        wake_clear(p->fd);
    }
    threads_unlock(&p->threads);
    return done;
}
