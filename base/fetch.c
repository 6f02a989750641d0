/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fetch.h"
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { REPLY_BYTES = 16 << 20, CONNECT_S = 10, TOTAL_S = 60, STALL_S = 60 };

struct fetch {
    CURL *curl;
    char *ca_file, *client_cert, *client_key, *user_agent;
    bool insecure;
    long connect_timeout_s, total_timeout_s;
};

/* One transfer, as libcurl's callbacks see it. */
struct fetch_transfer {
    struct fetch *f;
    const struct fetch_request *r;
    struct fetch_reply *reply;
    bool stopped_by_sink, saw_retry_after;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_lib(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT); /* curl_easy_init reports a failure */
}

/* Copy a text. @return false only when there is no memory */
static bool copy(const char *z, char **out)
{
    return !z || (*out = strdup(z)) != NULL;
}

struct fetch *fetch_create(const struct fetch_config *c)
{
    pthread_once(&once, open_lib);
    struct fetch *f = calloc(1, sizeof *f);
    if (!f) return NULL;
    f->insecure = c->insecure;
    f->connect_timeout_s = c->connect_timeout_s ? c->connect_timeout_s : CONNECT_S;
    f->total_timeout_s = c->total_timeout_s ? c->total_timeout_s : TOTAL_S;
    f->curl = curl_easy_init();
    if (!f->curl || !copy(c->ca_file, &f->ca_file) || !copy(c->client_cert, &f->client_cert) ||
        !copy(c->client_key, &f->client_key) || !copy(c->user_agent, &f->user_agent)) {
        fetch_destroy(f);
        return NULL;
    }
    return f;
}

void fetch_destroy(struct fetch *f)
{
    if (!f) return;
    curl_easy_cleanup(f->curl);
    free(f->ca_file);
    free(f->client_cert);
    free(f->client_key);
    free(f->user_agent);
    free(f);
}

void fetch_reply_finish(struct fetch_reply *r)
{
    buf_finish(&r->body);
}

/* --- callbacks ------------------------------------------------------------------------------------------------ */

static size_t on_body(char *p, size_t one, size_t n, void *ctx)
{
    struct fetch_transfer *t = ctx;
    struct str bytes = { p, one * n };
    long status = 0;
    curl_easy_getinfo(t->f->curl, CURLINFO_RESPONSE_CODE, &status);
    if (t->r->sink && status < 300) { /* the body of a redirect or an error is not part of the content */
        t->stopped_by_sink = !t->r->sink(t->r->ctx, bytes);
        return t->stopped_by_sink ? 0 : bytes.n;
    }
    buf_put(&t->reply->body, bytes);
    return buf_ok(&t->reply->body) ? bytes.n : 0;
}

/* A header too long to keep counts as absent: half an address is worse than none. */
static void keep(char *out, size_t size, struct str value)
{
    snprintf(out, size, "%.*s", value.n < size ? (int)value.n : 0, value.n ? value.p : "");
}

static size_t on_header(char *p, size_t one, size_t n, void *ctx)
{
    struct fetch_transfer *t = ctx;
    struct fetch_reply *r = t->reply;
    struct str line = { p, one * n }, name = { 0 }, value = line;
    const struct {
        const char *name;
        char *out;
        size_t size;
    } row[] = {
        { "content-type", r->content_type, sizeof r->content_type },
        { "etag", r->etag, sizeof r->etag },
        { "location", r->location, sizeof r->location },
        { "x-syncml-hmac", r->hmac, sizeof r->hmac },
    };
    bool new_answer = str_starts(line, STR("HTTP/")); /* the headers before belonged to "100 Continue" */
    str_cut(&value, ':', &name);
    t->saw_retry_after = !new_answer && (t->saw_retry_after || str_eq_fold(name, STR("retry-after")));
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        if (new_answer)
            *row[i].out = '\0';
        else if (str_eq_fold(name, str_of(row[i].name)))
            keep(row[i].out, row[i].size, str_trim(value));
    return line.n;
}

static int on_progress(void *ctx, curl_off_t dl_total, curl_off_t dl, curl_off_t ul_total, curl_off_t ul)
{
    const struct fetch_transfer *t = ctx;
    (void)dl_total, (void)dl, (void)ul_total, (void)ul;
    return t->r->cancel && *t->r->cancel;
}

/* --- a request ------------------------------------------------------------------------------------------------ */

/* curl_easy_setopt takes any type; these functions fix the type of the value. */
static bool set_text(CURL *c, CURLoption o, const char *z)
{
    return !z || !curl_easy_setopt(c, o, z);
}
static bool set_long(CURL *c, CURLoption o, long v)
{
    return !curl_easy_setopt(c, o, v);
}

static bool set_body(CURL *c, const struct fetch_request *r, FILE *file)
{
    bool post = strcmp(r->method, "POST") == 0;
    if (file) {
        if (fseeko(file, 0, SEEK_END) || ftello(file) < 0) return false;
        off_t size = ftello(file);
        rewind(file);
        return set_long(c, CURLOPT_UPLOAD, 1) && !curl_easy_setopt(c, CURLOPT_READDATA, (void *)file) &&
               !curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size) &&
               set_text(c, CURLOPT_CUSTOMREQUEST, r->method);
    }
    if (r->body.p || post)
        return set_long(c, CURLOPT_POST, 1) &&
               !curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n) &&
               !curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body.n ? r->body.p : "") &&
               (post || set_text(c, CURLOPT_CUSTOMREQUEST, r->method));
    return strcmp(r->method, "GET") == 0 || set_text(c, CURLOPT_CUSTOMREQUEST, r->method);
}

static bool set_up(const struct fetch *f, struct fetch_transfer *t, struct curl_slist *headers, FILE *file, char *why)
{
    CURL *c = f->curl;
    const struct fetch_request *r = t->r;
    long stall_s = r->stall_s ? r->stall_s : STALL_S;
    curl_easy_reset(c); /* keeps the connections */
    return set_text(c, CURLOPT_ERRORBUFFER, why) && set_text(c, CURLOPT_URL, r->url) &&
           set_long(c, CURLOPT_FOLLOWLOCATION, 0) && set_text(c, CURLOPT_PROTOCOLS_STR, "http,https") &&
           set_text(c, CURLOPT_USERAGENT, f->user_agent) && set_long(c, CURLOPT_NOSIGNAL, 1) &&
           set_long(c, CURLOPT_CONNECTTIMEOUT, f->connect_timeout_s) &&
           set_long(c, CURLOPT_TIMEOUT, r->no_total_timeout ? 0 : f->total_timeout_s) &&
           set_long(c, CURLOPT_LOW_SPEED_LIMIT, 1) && set_long(c, CURLOPT_LOW_SPEED_TIME, stall_s) &&
           set_long(c, CURLOPT_SSL_VERIFYPEER, !f->insecure) &&
           set_long(c, CURLOPT_SSL_VERIFYHOST, f->insecure ? 0 : 2) &&
           (!f->ca_file || (set_text(c, CURLOPT_CAINFO, f->ca_file) && !curl_easy_setopt(c, CURLOPT_CAPATH, NULL))) &&
           set_text(c, CURLOPT_SSLCERT, f->client_cert) && set_text(c, CURLOPT_SSLKEY, f->client_key) &&
           !curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers) &&
           !curl_easy_setopt(c, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)r->resume_from) &&
           !curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) && !curl_easy_setopt(c, CURLOPT_WRITEDATA, t) &&
           !curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) && !curl_easy_setopt(c, CURLOPT_HEADERDATA, t) &&
           !curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress) &&
           !curl_easy_setopt(c, CURLOPT_XFERINFODATA, t) && set_long(c, CURLOPT_NOPROGRESS, 0) && set_body(c, r, file);
}

/* The host alone: the rest of a URL may hold a token. */
static void host_of(const char *url, char *out, size_t n)
{
    char *host = NULL;
    CURLU *u = curl_url();
    if (u && !curl_url_set(u, CURLUPART_URL, url, 0)) curl_url_get(u, CURLUPART_HOST, &host, 0);
    snprintf(out, n, "%s", host ? host : "bad URL");
    curl_free(host);
    curl_url_cleanup(u);
}

static enum rc explain(const struct fetch_transfer *t, CURLcode code, const char *why, struct err *e)
{
    static const struct {
        CURLcode code;
        enum rc rc;
    } row[] = {
        { CURLE_OPERATION_TIMEDOUT, RC_TIMEOUT }, { CURLE_PEER_FAILED_VERIFICATION, RC_DENIED },
        { CURLE_SSL_CERTPROBLEM, RC_DENIED },     { CURLE_SSL_CACERT_BADFILE, RC_DENIED },
        { CURLE_SSL_ISSUER_ERROR, RC_DENIED },    { CURLE_SSL_INVALIDCERTSTATUS, RC_DENIED },
        { CURLE_RANGE_ERROR, RC_UNSUPPORTED },    { CURLE_OUT_OF_MEMORY, RC_NOMEM },
    };
    char host[160];
    enum rc rc = RC_IO;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        if (row[i].code == code) rc = row[i].rc;
    if (code == CURLE_ABORTED_BY_CALLBACK)
        why = "cancelled";
    else if (t->stopped_by_sink)
        why = "the receiver stopped the transfer";
    else if (!buf_ok(&t->reply->body)) {
        rc = t->reply->body.failed;
        why = "the answer is too long";
    } else if (!*why)
        why = curl_easy_strerror(code);
    host_of(t->r->url, host, sizeof host);
    return err_at(e, rc, host, 0, 0, "%s", why);
}

/* Record the facts of an answer that has arrived. */
static void note_answer(const struct fetch_transfer *t)
{
    curl_off_t length = -1, retry_s = 0;
    curl_easy_getinfo(t->f->curl, CURLINFO_RESPONSE_CODE, &t->reply->status);
    curl_easy_getinfo(t->f->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    curl_easy_getinfo(t->f->curl, CURLINFO_RETRY_AFTER, &retry_s);
    t->reply->content_length = length;
    t->reply->retry_after_s = t->saw_retry_after ? retry_s : -1;
}

enum rc fetch_do(struct fetch *f, const struct fetch_request *r, struct fetch_reply *reply, struct err *e)
{
    struct fetch_transfer t = { f, r, reply, false, false };
    struct curl_slist *headers = NULL;
    FILE *file = NULL;
    char why[CURL_ERROR_SIZE] = "";
    CURLcode code = CURLE_OUT_OF_MEMORY;
    enum rc rc = RC_OK;

    *reply = (struct fetch_reply){ .content_length = -1, .retry_after_s = -1 };
    buf_init(&reply->body, r->reply_limit ? r->reply_limit : REPLY_BYTES);
    if (r->body_file && !(file = fopen(r->body_file, "rb"))) {
        rc = err_at(e, RC_IO, r->body_file, 0, 0, "cannot be read");
        goto out;
    }
    for (const char *const *h = r->headers; h && *h; h++) {
        struct curl_slist *more = curl_slist_append(headers, *h);
        if (!more) goto explain;
        headers = more;
    }
    if (set_up(f, &t, headers, file, why)) code = curl_easy_perform(f->curl);
    if (code == CURLE_OK) note_answer(&t);
explain:
    if (code != CURLE_OK) rc = explain(&t, code, why, e);
out:
    if (rc) buf_finish(&reply->body);
    curl_easy_reset(f->curl); /* they point into this stack frame */
    curl_slist_free_all(headers);
    if (file) fclose(file);
    return rc;
}
