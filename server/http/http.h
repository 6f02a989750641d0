/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_HTTP_HTTP_H
#define SERVER_HTTP_HTTP_H
/* HTTP listeners. The only file that knows libmicrohttpd. Three listeners, so that devices, admins and downloads
 * never share one: the DM endpoint (external epoll loop of the DM worker), the API with the console (own thread),
 * image downloads (own thread). */
#include "base/arena.h"
#include "base/buf.h"
#include "base/crypto.h"

struct certificate; /* server/http/certificate.h */
struct http_listener;

struct http_config {
    const char *address;               /* "127.0.0.1", "::", ... */
    uint16_t port;                     /* 0 = any free one (tests); http_port tells */
    const char *cert_file, *key_file;  /* PEM; NULL = no TLS */
    const char *client_ca_file;        /* ask devices for a certificate, NULL = do not */
    enum crypto_name certificate_name; /* where in it the device's name stands */
    /* A TLS connection ended before a request: `why` is what the peer said about it, if anything. May be NULL */
    void (*no_request)(void *ctx, struct str remote, const char *why);
    /* The first request of a TLS connection has come: was its session resumed? May be NULL */
    void (*handshake)(void *ctx, bool resumed);
    unsigned max_connections; /* at the ceiling whoever keeps us waiting longest makes room; else 503 */
    unsigned max_per_address; /* of these from one address (IPv6: from one /64): 503 past it; 0 = no limit */
    /* Networks behind which many peers have one address (a balancer, a NAT): without limit by address */
    const char *const *shared_networks;
    size_t n_shared_networks;
    size_t max_body_bytes;   /* past it: 413 before the body is read */
    size_t max_bodies_bytes; /* bodies of all requests and replies together: 503 past it; 0 = 64 MiB */
    unsigned idle_timeout_s; /* without an octet from either side */
    /* A request's head and body, each as a whole: 408 past it. 0 = 20 s, 60 s. Uploads may take as long as they need
     * while they get on (64 KiB in the time of a body). */
    unsigned head_timeout_ms, body_timeout_ms;
    unsigned send_timeout_ms; /* of a reply so much has to be read in this time as of an upload has to come; 0 = 60 s */
    /* libmicrohttpd's pool for each connection (head of the request and of the reply); 0 = 8 KiB */
    size_t connection_memory;
    bool reuse_port; /* several workers listen on the same port */
};

struct http_header {
    struct str name, value;
};

/* One request, complete with its body (but for uploads, see http_upload). Good until the handler returns, or until
 * http_answer. */
struct http_request {
    struct str method, path; /* path percent-decoded, without query */
    struct str raw_path;     /* as it was sent: for routes whose names may hold an escaped '/' */
    struct str query;        /* raw */
    struct str body;
    struct str remote; /* peer address as text */
    int64_t principal; /* whoever http_upload.wants takes it for; 0 = not said */
    bool tls;
    const struct certificate *certificate; /* of the peer; NULL = none was shown */
    struct arena *arena;                   /* of this request */
    void *conn;                            /* http.c's own */
};
/** Is this certificate chain (PEM) good at `now_s`, and is this its key? @return RC_INVALID with a sentence that names the file;
 * RC_IO */
enum rc http_certificate_check(const char *cert_file, const char *key_file, int64_t now_s, struct err *e);
/** Header value or empty; case-insensitive. */
struct str http_header(const struct http_request *r, const char *name);
/** Decoded query parameter ('+' is a blank) or empty; *present may be NULL. */
struct str http_query(const struct http_request *r, const char *name, bool *present);
/** The same for a raw query text. *from = 0 finds the first, goes on after it with each call (repeated parameters). A
 * broken escape reads as not present. */
struct str http_query_find(struct str query, const char *name, size_t *from, struct arena *a, bool *present);

enum { HTTP_REPLY_HEADERS = 12 };
struct http_reply {
    int status;
    struct http_header headers[HTTP_REPLY_HEADERS]; /* borrowed until the reply is queued */
    unsigned n_headers;
    struct buf body;            /* moved into the reply */
    const char *file;           /* or: send this file; Range, ETag, HEAD, If-None-Match are dealt with in http.c */
    struct str file_etag;       /* without quotes; empty = none */
    int64_t file_size;          /* what it must be; 0 = any. Another size is answered with 500 */
    struct http_stream *stream; /* or: a stream (server-sent events), owned by the reply from now on */
    bool later;                 /* the handler keeps the request and answers with http_answer */
};
void http_reply_header(struct http_reply *r, const char *name, struct str value);

/* A stream the server writes to from any thread; the connection sends what is there and waits without a thread. */
struct http_stream;
/** With two references: the writer's and that of the reply it is put into. A reader slower than max_buffered is
 * dropped. NULL = no memory */
struct http_stream *http_stream_create(size_t max_buffered);
/** @return false when the peer is gone or too slow: forget the stream (http_stream_release) */
bool http_stream_write(struct http_stream *s, struct str bytes);
void http_stream_end(struct http_stream *s);
/** Give one reference back: the writer when it is done (after http_stream_end), and whoever made a stream that no
 * reply took. */
void http_stream_release(struct http_stream *s);

typedef void http_handler(void *ctx, struct http_request *r, struct http_reply *reply);
/* What is done before a body is read. `wants` is called when a head is complete: it may refuse the request (a status in
 * `refuse`), and for a path for which it says yes the body goes piece by piece to `piece`; then the handler is called with
 * an empty body. */
struct http_upload {
    bool (*wants)(void *ctx, struct http_request *r, void **upload, struct http_reply *refuse);
    /* false stops taking in: what is left is passed over (a long rest cuts the connection), then the handler says
     * why */
    bool (*piece)(void *ctx, void *upload, struct str bytes);
    void (*drop)(void *ctx, void *upload); /* connection went away before the end, or after the handler */
};
/** What `wants` made for this request, or NULL. */
void *http_request_upload(const struct http_request *r);
/** Unread Content-Length of the request, -1 when it has none. */
int64_t http_content_length(const struct http_request *r);

/** Own thread. @param upload may be NULL */
enum rc http_start(const struct http_config *c, http_handler *handler, const struct http_upload *upload, void *ctx,
                   struct http_listener **out, struct err *e);
/**
 * Driven by the caller's loop: http_fd is readable (or http_timeout_ms is over) -> http_turn. Requests that are
 * complete come to `handler` during http_turn; a handler that sets reply->later answers with http_answer (same thread)
 * after its commit.
 */
enum rc http_open(const struct http_config *c, http_handler *handler, const struct http_upload *upload, void *ctx,
                  struct http_listener **out, struct err *e);
/** Take over a connection that came another way than through the port; fd is the listener's from now on, whatever comes
 * of it. Only of http_open, by its thread. */
enum rc http_adopt(struct http_listener *l, int fd, struct err *e);
int http_fd(const struct http_listener *l);
int http_timeout_ms(const struct http_listener *l); /* -1 = none */
void http_turn(struct http_listener *l);
void http_answer(struct http_request *r, struct http_reply *reply);
/** As http_answer, from any thread, for a listener of http_start: its own thread sends the reply, which stays where it is
 * until then (in the request's arena). A handler that sets reply->later there may have it answered at once. */
void http_answer_elsewhere(struct http_request *r, struct http_reply *reply);
uint16_t http_port(const struct http_listener *l);
unsigned http_connections(const struct http_listener *l);
/** No new connections; open ones finish what they are at. Only of http_open, by its thread; http_stop does it, too. */
void http_quiesce(struct http_listener *l);
void http_stop(struct http_listener *l);

/* RFC 9457. */
void http_problem(struct http_reply *r, int status, const char *title, const char *pointer, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
#endif
