/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_HTTP_HTTP_H
#define SERVER_HTTP_HTTP_H
/* HTTP listeners. The only room that knows libmicrohttpd. Devices, administrators and downloads have separate
 * listeners: the DM endpoint (external epoll loop of the DM worker), the API with the console (own thread), image
 * downloads (own thread). */
#include "base/arena.h"
#include "base/buf.h"
#include "base/crypto.h"

struct certificate; /* server/http/certificate.h */
struct http_listener;

struct http_config {
    const char *address;               /* "127.0.0.1", "::", ... */
    uint16_t port;                     /* 0 = any free one (tests); http_port tells */
    const char *cert_file, *key_file;  /* PEM; NULL = no TLS */
    const char *client_ca_file;        /* request a certificate from devices; NULL = do not */
    enum crypto_name certificate_name; /* the field that holds the device's name */
    /* A TLS connection ended before a request; `why` is the peer's alert, if any. May be NULL */
    void (*no_request)(void *ctx, struct str remote, const char *why);
    /* The first request of a TLS connection has come: was its session resumed? May be NULL */
    void (*handshake)(void *ctx, bool resumed);
    /* At the limit, the connection that the server has waited for longest is closed; if there is none: 503. */
    unsigned max_connections;
    unsigned max_per_address; /* of these from one address (IPv6: one /64); past it 503; 0 = no limit */
    /* Networks in which many peers share one address (a load balancer, a NAT): no limit per address */
    const char *const *shared_networks;
    size_t n_shared_networks;
    size_t max_body_bytes;   /* past it 413, before the body is read */
    size_t max_bodies_bytes; /* bodies of all requests and replies together; past it 503; 0 = 64 MiB */
    unsigned idle_timeout_s; /* time without an octet from either side */
    /* Time for a request's whole head and for its whole body; past it 408. 0 = 20 s, 60 s. An upload may take longer
     * while it makes progress (64 KiB in each body timeout). */
    unsigned head_timeout_ms, body_timeout_ms;
    unsigned send_timeout_ms; /* the peer must read 64 KiB of a reply in this time; 0 = 60 s */
    /* libmicrohttpd's pool for each connection (head of the request and of the reply); 0 = 8 KiB */
    size_t connection_memory;
    bool reuse_port; /* several workers listen on the same port */
};

struct http_header {
    struct str name, value;
};

/* One request with its complete body (except uploads, see http_upload). Valid until the handler returns, or until
 * http_answer. */
struct http_request {
    struct str method, path; /* path percent-decoded, without query */
    struct str raw_path;     /* as sent: for routes whose names may contain an escaped '/' */
    struct str query;        /* raw */
    struct str body;
    struct str remote; /* peer address as text */
    int64_t principal; /* set by http_upload.wants; 0 = unknown */
    bool tls;
    const struct certificate *certificate; /* of the peer; NULL = the peer sent none */
    struct arena *arena;                   /* of this request */
    void *conn;                            /* private to http.c */
};
/** Check that a certificate chain (PEM) is valid at `now_s` and that the key belongs to it. @return RC_INVALID with a
 * sentence that names the file; RC_IO */
enum rc http_certificate_check(const char *cert_file, const char *key_file, int64_t now_s, struct err *e);
/** Header value or empty; case-insensitive. */
struct str http_header(const struct http_request *r, const char *name);
/** Decoded query parameter ('+' is a blank) or empty; *present may be NULL. */
struct str http_query(const struct http_request *r, const char *name, bool *present);
/** The same for a raw query text. *from = 0 finds the first occurrence; each call continues after the last one
 * (repeated parameters). A parameter with a broken escape counts as absent. */
struct str http_query_find(struct str query, const char *name, size_t *from, struct arena *a, bool *present);

enum { HTTP_REPLY_HEADERS = 12 };
struct http_reply {
    int status;
    struct http_header headers[HTTP_REPLY_HEADERS]; /* borrowed until the reply is queued */
    unsigned n_headers;
    struct buf body;            /* moved into the reply */
    const char *file;           /* or: send this file; http.c handles Range, ETag, HEAD and If-None-Match */
    struct str file_etag;       /* without quotes; empty = none */
    int64_t file_size;          /* expected size; 0 = any. Another size is answered with 500 */
    struct http_stream *stream; /* or: a stream (server-sent events); the reply takes ownership */
    bool later;                 /* the handler keeps the request and answers later with http_answer */
};
void http_reply_header(struct http_reply *r, const char *name, struct str value);

/* A stream that any thread may write to; the connection sends the buffered bytes and waits without a thread. */
struct http_stream;
/** Created with two references: the writer's and the reply's. A reader that falls more than max_buffered behind is
 * dropped. NULL = no memory */
struct http_stream *http_stream_create(size_t max_buffered);
/** @return false when the peer is gone or too slow: release the stream (http_stream_release) */
bool http_stream_write(struct http_stream *s, struct str bytes);
void http_stream_end(struct http_stream *s);
/** Release one reference: the writer after http_stream_end, and the creator for a stream that no reply took. */
void http_stream_release(struct http_stream *s);

typedef void http_handler(void *ctx, struct http_request *r, struct http_reply *reply);
/* Hooks that run before a body is read. `wants` is called when a head is complete: it may refuse the request (a status
 * in `refuse`). If it returns true, `piece` receives the body in pieces, and the handler is then called with an empty
 * body. */
struct http_upload {
    bool (*wants)(void *ctx, struct http_request *r, void **upload, struct http_reply *refuse);
    /* false stops the upload: the rest is read and discarded (a long rest closes the connection), then the handler
     * reports the reason */
    bool (*piece)(void *ctx, void *upload, struct str bytes);
    void (*drop)(void *ctx, void *upload); /* the connection ended early, or the handler is done */
};
/** The upload that `wants` created for this request, or NULL. */
void *http_request_upload(const struct http_request *r);
/** Unread Content-Length of the request, -1 when it has none. */
int64_t http_content_length(const struct http_request *r);

/** Own thread. @param upload may be NULL */
enum rc http_start(const struct http_config *c, http_handler *handler, const struct http_upload *upload, void *ctx,
                   struct http_listener **out, struct err *e);
/**
 * Driven by the caller's loop: http_fd is readable (or http_timeout_ms has passed) -> http_turn. http_turn calls
 * `handler` for each complete request; a handler that sets reply->later answers with http_answer (same thread) after
 * its commit.
 */
enum rc http_open(const struct http_config *c, http_handler *handler, const struct http_upload *upload, void *ctx,
                  struct http_listener **out, struct err *e);
/** Take over a connection that did not arrive through the port. The listener owns fd in any case. Only for http_open
 * listeners, on their thread. */
enum rc http_adopt(struct http_listener *l, int fd, struct err *e);
int http_fd(const struct http_listener *l);
int http_timeout_ms(const struct http_listener *l); /* -1 = none */
void http_turn(struct http_listener *l);
void http_answer(struct http_request *r, struct http_reply *reply);
/** As http_answer, from any thread, for a listener of http_start: its own thread sends the reply, which must stay valid
 * until then (in the request's arena). The answer may arrive before the handler that set reply->later returns. */
void http_answer_elsewhere(struct http_request *r, struct http_reply *reply);
uint16_t http_port(const struct http_listener *l);
unsigned http_connections(const struct http_listener *l);
/** Accept no new connections; open ones finish their current request. Only for http_open listeners, on their thread;
 * http_stop includes it. */
void http_quiesce(struct http_listener *l);
void http_stop(struct http_listener *l);

/* RFC 9457. */
void http_problem(struct http_reply *r, int status, const char *title, const char *pointer, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
#endif
