/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FETCH_H
#define BASE_FETCH_H
/* HTTP(S) client. The only file that knows libcurl; a library of its own, so that pure rooms do not link it. */
#include "base/buf.h"

struct fetch; /* one client with kept-alive connections; one thread at a time */

struct fetch_config {
    const char *ca_file;                     /* trust only these PEM certificates; NULL = the system's */
    const char *client_cert, *client_key;    /* PEM files or NULL */
    bool insecure;                           /* no certificate check: for demonstrations only; the caller logs a
                                              * warning */
    long connect_timeout_s, total_timeout_s; /* 0 = 10 s and 60 s */
    const char *user_agent;
};

struct fetch_request {
    const char *method; /* "GET", "POST", "PUT", "PATCH", "DELETE" */
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated list, or NULL */
    struct str body;            /* sent when .p is not NULL */
    const char *body_file;      /* or stream this file (PUT or POST) */
    uint64_t resume_from;       /* Range: bytes=N-; RC_UNSUPPORTED when the answer begins elsewhere */
    size_t reply_limit;         /* bytes kept in reply->body, RC_LIMIT past that; 0 = 16 MiB */
    /* When set, body bytes go to this function and not into reply->body; false stops the transfer (RC_IO). Not
     * called for status >= 300. */
    bool (*sink)(void *ctx, struct str bytes);
    void *ctx;
    const volatile int *cancel; /* non-zero stops the transfer (checked at least once a second), or NULL */
    long stall_s;               /* give up after this time without a byte (plus up to 5 s); 0 = 60 s */
    bool no_total_timeout;      /* long downloads and event streams */
};

struct fetch_reply {
    long status;                                                  /* HTTP status, 0 when there was none */
    struct buf body;                                              /* fetch_reply_finish frees it */
    char content_type[128], etag[128], location[1024], hmac[256]; /* hmac: value of x-syncml-hmac */
    int64_t content_length;                                       /* -1 unknown */
    int64_t retry_after_s;                                        /* -1 absent */
};

struct fetch *fetch_create(const struct fetch_config *c); /* NULL when out of memory */
void fetch_destroy(struct fetch *f);
/**
 * Send one request. Redirects are not followed: `location` holds the target. `reply` is filled in any case and may
 * always be finished.
 *
 * @return RC_OK for any HTTP answer (see status); RC_TIMEOUT; RC_DENIED for a certificate problem; RC_LIMIT and
 * RC_UNSUPPORTED as above; RC_NOMEM; RC_IO otherwise, also when sink or cancel stopped it; e names the host and the
 * reason, never a header's value
 */
enum rc fetch_do(struct fetch *f, const struct fetch_request *r, struct fetch_reply *reply, struct err *e);
void fetch_reply_finish(struct fetch_reply *r);
#endif
