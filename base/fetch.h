/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FETCH_H
#define BASE_FETCH_H
/* HTTP(S) client. The only file that knows libcurl; a library of its own, so that pure folders do not link it. */
#include "base/buf.h"

struct fetch; /* one client with kept-alive connections; not for two threads at once */

struct fetch_config {
    const char *ca_file;                     /* trust only these PEM certificates; NULL = the system's */
    const char *client_cert, *client_key;    /* PEM files or NULL */
    bool insecure;                           /* no certificate check: demo only, the caller warns */
    long connect_timeout_s, total_timeout_s; /* 0 = 10 and 60 */
    const char *user_agent;
};

struct fetch_request {
    const char *method; /* "GET", "POST", "PUT", "PATCH", "DELETE" */
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated list, or NULL */
    struct str body;            /* sent when .p is not NULL */
    const char *body_file;      /* or stream this file (PUT or POST) */
    uint64_t resume_from;       /* Range: bytes=N-; RC_UNSUPPORTED when the answer does not begin there */
    size_t reply_limit;         /* bytes kept in reply->body, RC_LIMIT past that; 0 = 16 MiB */
    /* When set, body bytes go here instead of into reply->body; return false to stop (RC_IO). Not called for status
     * >= 400. */
    bool (*sink)(void *ctx, struct str bytes);
    void *ctx;
    const volatile int *cancel; /* non-zero stops the transfer (checked at least once a second), or NULL */
    long stall_s;               /* give up after so long without a byte (and up to 5 s more); 0 = 60 */
    bool no_total_timeout;      /* long downloads and event streams */
};

struct fetch_reply {
    long status;                                                  /* HTTP status, 0 when there was none */
    struct buf body;                                              /* fetch_reply_finish frees it */
    char content_type[128], etag[128], location[1024], hmac[256]; /* hmac: x-syncml-hmac */
    int64_t content_length;                                       /* -1 unknown */
    int64_t retry_after_s;                                        /* -1 absent */
};

struct fetch *fetch_create(const struct fetch_config *c); /* NULL when out of memory */
void fetch_destroy(struct fetch *f);
/** Redirects are not followed: `location` says where. `reply` is filled in any case and may always be finished.
 *  @return RC_OK for any HTTP answer (look at status); RC_TIMEOUT; RC_DENIED for a certificate problem; RC_LIMIT and
 *  RC_UNSUPPORTED as above; RC_NOMEM; RC_IO otherwise, also when stopped by sink or cancel;
 *  e says which host and why, never a header's value */
enum rc fetch_do(struct fetch *f, const struct fetch_request *r, struct fetch_reply *reply, struct err *e);
void fetch_reply_finish(struct fetch_reply *r);
#endif
