/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http/http_header.h"
#include "server/http/http_int.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reading end and writing end of one stream; the lock protects all members. */
struct http_stream {
    pthread_mutex_t lock;
    unsigned refs; /* writer, reply */
    struct buf data;
    size_t at; /* bytes of data already passed to the connection */
    size_t max;
    bool ended, gone, idle;     /* idle: the connection is suspended until there is something to send */
    struct MHD_Connection *mhd; /* NULL before and after the reply is sent */
    struct http_listener *l;
    struct http_stream *next, **prev; /* in l->streams, under its lock */
};

struct http_stream *http_stream_create(size_t max_buffered)
{
    struct http_stream *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    pthread_mutex_init(&s->lock, NULL);
    buf_init(&s->data, 0);
    s->max = max_buffered;
    s->refs = 2;
    return s;
}

void http_stream_release(struct http_stream *s)
{
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    bool last = --s->refs == 0;
    pthread_mutex_unlock(&s->lock);
    if (!last) return;
    pthread_mutex_destroy(&s->lock);
    buf_finish(&s->data);
    free(s);
}

/* With the lock held. */
static void wake(struct http_stream *s)
{
    if (!s->idle) return;
    s->idle = false;
    MHD_resume_connection(s->mhd);
    http_wake(s->l);
}

bool http_stream_write(struct http_stream *s, struct str bytes)
{
    pthread_mutex_lock(&s->lock);
    if (!s->gone && !s->ended) {
        if (s->at) {
            memmove(s->data.p, s->data.p + s->at, s->data.n - s->at);
            buf_cut(&s->data, s->data.n - s->at);
            s->at = 0;
        }
        if (s->data.n + bytes.n > s->max)
            s->ended = true; /* too slow: the stream ends here */
        else
            buf_put(&s->data, bytes);
        wake(s);
    }
    bool ok = !s->gone && !s->ended && buf_ok(&s->data);
    pthread_mutex_unlock(&s->lock);
    return ok;
}

void http_stream_end(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    if (!s->gone) wake(s);
    pthread_mutex_unlock(&s->lock);
}

static ssize_t stream_read(void *ctx, uint64_t pos, char *to, size_t max)
{
    struct http_stream *s = ctx;
    ssize_t n = 0;
    (void)pos;

    pthread_mutex_lock(&s->lock);
    size_t left = s->data.n - s->at;
    if (left) {
        size_t take = left < max ? left : max;
        memcpy(to, s->data.p + s->at, take);
        s->at += take;
        n = (ssize_t)take;
    } else if (s->ended || !buf_ok(&s->data)) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        s->idle = true;
        MHD_suspend_connection(s->mhd);
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

static void stream_detach(void *ctx)
{
    struct http_stream *s = ctx;
    threads_lock(&s->l->threads);
    *s->prev = s->next;
    if (s->next) s->next->prev = s->prev;
    threads_unlock(&s->l->threads);
    pthread_mutex_lock(&s->lock);
    s->gone = true;
    s->idle = false;
    s->mhd = NULL;
    pthread_mutex_unlock(&s->lock);
    http_stream_release(s);
}

static struct MHD_Response *stream_response(struct http_req *q, struct http_stream *s)
{
    struct http_listener *l = q->l;
    threads_lock(&l->threads);
    pthread_mutex_lock(&s->lock);
    s->l = l;
    s->mhd = q->mhd;
    s->ended |= atomic_load(&l->stopping);
    pthread_mutex_unlock(&s->lock);
    s->next = l->streams;
    s->prev = &l->streams;
    if (s->next) s->next->prev = &s->next;
    l->streams = s;
    threads_unlock(&l->threads);
    struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, HTTP_STREAM_BLOCK, stream_read, s,
                                                               stream_detach);
    if (!r) stream_detach(s);
    return r;
}

void http_end_streams(struct http_listener *l)
{
    threads_lock(&l->threads);
    atomic_store(&l->stopping, true);
    for (struct http_stream *s = l->streams; s; s = s->next) http_stream_end(s);
    threads_unlock(&l->threads);
}

/* Files. */

static struct MHD_Response *empty_response(void)
{
    static const char nothing[] = "";
    union {
        const char *in;
        void *out;
    } p = { nothing };
    return MHD_create_response_from_buffer(0, p.out, MHD_RESPMEM_PERSISTENT);
}

static struct MHD_Response *file_response(struct http_req *q, struct http_reply *reply, unsigned *status)
{
    struct stat st;
    char text[96];
    int fd = open(reply->file, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        (reply->file_size > 0 && st.st_size != reply->file_size)) {
        bool there = fd >= 0;
        if (fd >= 0) close(fd);
        reply->file = NULL;
        reply->n_headers = 0;
        http_problem(reply, there ? 500 : 404, there ? "File is damaged" : "Not found", NULL,
                     there ? "the stored file does not have its original size" : "there is no such file");
        return http_make_response(q, reply, status);
    }
    struct str etag = reply->file_etag, known = http_header(&q->pub, "If-None-Match"),
               only = http_header(&q->pub, "If-Range");
    struct http_range r = { false, false, 0, (uint64_t)st.st_size };
    if (!only.n || http_etag_listed(only, etag)) r = http_range_of(http_header(&q->pub, "Range"), (uint64_t)st.st_size);

    struct MHD_Response *resp = NULL;
    if (known.n && etag.n && http_etag_listed(known, etag)) {
        *status = 304;
        resp = empty_response();
    } else if (r.bad) {
        *status = 416;
        resp = empty_response();
    } else {
        if (r.asked) *status = 206;
        resp = MHD_create_response_from_fd_at_offset64(r.n, fd, r.from);
        if (resp) fd = -1;
    }
    if (fd >= 0) close(fd);
    if (!resp) return NULL;
    if (etag.n && snprintf(text, sizeof text, "\"%.*s\"", STR_ARG(etag)) < (int)sizeof text)
        MHD_add_response_header(resp, "ETag", text);
    MHD_add_response_header(resp, "Accept-Ranges", "bytes");
    if (*status == 206)
        snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, r.from, r.from + r.n - 1,
                 (uint64_t)st.st_size);
    else
        snprintf(text, sizeof text, "bytes */%" PRIu64, (uint64_t)st.st_size);
    if (*status == 206 || *status == 416) MHD_add_response_header(resp, "Content-Range", text);
    return resp;
}

/* Replies. */

void http_reply_header(struct http_reply *r, const char *name, struct str value)
{
    if (r->n_headers < HTTP_REPLY_HEADERS) r->headers[r->n_headers++] = (struct http_header){ str_of(name), value };
}

static struct MHD_Response *body_response(struct http_reply *reply)
{
    struct MHD_Response *r;
    if (!reply->body.n) {
        buf_finish(&reply->body);
        return empty_response();
    }
    r = MHD_create_response_from_buffer(reply->body.n, reply->body.p, MHD_RESPMEM_MUST_FREE);
    if (r) reply->body = (struct buf){ 0 };
    return r;
}

/* Add a header with zero-terminated name and value. Line breaks cannot occur: the library rejects a value that contains
 * one. */
static void add_header(struct http_req *q, struct MHD_Response *resp, const struct http_header *h)
{
    char small[512];
    const char *value = NULL;
    if (h->value.n < sizeof small) {
        memcpy(small, h->value.n ? h->value.p : "", h->value.n);
        small[h->value.n] = '\0';
        value = small;
    } else {
        value = arena_strz(&q->arena, h->value);
    }
    if (value) MHD_add_response_header(resp, h->name.p, value);
}

struct MHD_Response *http_make_response(struct http_req *q, struct http_reply *reply, unsigned *status)
{
    struct MHD_Response *resp = NULL;

    if (!buf_ok(&reply->body)) {
        buf_finish(&reply->body);
        reply->n_headers = 0;
        http_problem(reply, 500, "Out of memory", NULL, "there is not enough memory for the answer");
    }
    *status = reply->status ? (unsigned)reply->status : 200;
    if (reply->stream)
        resp = stream_response(q, reply->stream);
    else if (reply->file)
        resp = file_response(q, reply, status);
    else
        resp = body_response(reply);
    buf_finish(&reply->body);
    for (unsigned i = 0; resp && i < reply->n_headers; i++) add_header(q, resp, &reply->headers[i]);
    return resp;
}

void http_problem(struct http_reply *r, int status, const char *title, const char *pointer, const char *fmt, ...)
{
    char detail[ERR_TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    r->status = status;
    r->file = NULL;
    buf_finish(&r->body);
    buf_init(&r->body, 0);
    buf_putz(&r->body, "{\"type\":\"about:blank\",\"title\":\"");
    buf_json(&r->body, str_of(title));
    buf_printf(&r->body, "\",\"status\":%d,\"detail\":\"", status);
    buf_json(&r->body, str_of(detail));
    if (pointer) {
        buf_putz(&r->body, "\",\"pointer\":\"");
        buf_json(&r->body, str_of(pointer));
    }
    buf_putz(&r->body, "\"}\n");
    http_reply_header(r, "Content-Type", STR("application/problem+json"));
}
