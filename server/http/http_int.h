/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_HTTP_HTTP_INT_H
#define SERVER_HTTP_HTTP_INT_H
/* Shared by http.c (listeners, requests), http_send.c (replies, files, streams), http_time.c (how long a peer may
 * take) and http_tls.c (certificates, session tickets): the only files that know libmicrohttpd. */
#include "base/thread.h"
#include "server/http/certificate.h"
#include "server/http/http.h"

#include "server/http/http_address.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>

enum {
    HTTP_CONNECTION_MEMORY = 8 << 10,
    HTTP_QUERY_INLINE = 256,       /* queries up to here need no allocation */
    HTTP_REQUEST_ARENA = 32 << 20, /* a ceiling: nothing is allocated before it is asked for */
    HTTP_BODY_KEPT = 64 << 10,     /* a request's buffer up to here is kept for the next request */
    HTTP_SPARE_REQUESTS = 64,
    HTTP_PASSED_OVER = 4 << 20, /* bytes read and forgotten after a refusal, so that the peer can read why */
    HTTP_STREAM_BLOCK = 4 << 10,
    HTTP_UNSENT_BYTES = 128 << 10,
    HTTP_HEAD_MS = 20000,
    HTTP_BODY_MS = 60000,
    HTTP_SEND_MS = 60000,
    HTTP_BODIES_BYTES = 64 << 20,
    HTTP_REFUSED_AT_ONCE = 8, /* past its limit an address is told so; so many more, and it is not even that */
    HTTP_UPLOAD_STEP =
        64 << 10 /* of an upload so much has to come in the time that a body may take, of a reply be read */
};

/* What is expected of a peer. */
enum http_wait {
    HTTP_W_NONE, /* nothing: it is our turn */
    HTTP_W_HEAD, /* its first request */
    HTTP_W_KEPT, /* another request on the same connection, some time */
    HTTP_W_BODY,
    HTTP_W_SEND,    /* that it reads */
    HTTP_W_REFUSED, /* a head that will be refused: not for long */
    HTTP_WAITS
};

struct http_line {
    struct http_conn *first, *last;
};

struct http_listener {
    struct MHD_Daemon *daemon;
    struct http_config config;
    struct http_tls *tls; /* NULL = none */
    http_handler *handler;
    const struct http_upload *upload;
    void *ctx;
    uint16_t port;
    bool quiet;
    struct threads threads; /* one, with http_start; the lock is of streams and of what is done */
    int epoll, wake;        /* the thread's */
    int64_t now_ms;         /* monotonic, of this turn */
    struct http_line lines[HTTP_WAITS];
    int64_t limit_ms[HTTP_WAITS];
    struct http_peers *peers;
    struct http_network *shared;
    size_t n_shared;
    size_t held; /* bytes of bodies, of requests and replies */
    atomic_uint connections;
    struct http_req *spare; /* a listener has one thread: no lock */
    unsigned n_spare;
    struct http_req *later; /* those the handler has kept */
    struct http_req *live;  /* all that are not spare */
    struct http_stream *streams;
    struct http_req *done; /* answered by another thread, under lock */
    atomic_bool stopping;  /* no stream begins, no request is handled */
};

/* Past a ceiling: gets 503 and goes. */
enum http_over { HTTP_O_NOT, HTTP_O_ALL, HTTP_O_ADDRESS };

/* One TCP connection. */
struct http_conn {
    struct MHD_Connection *mhd;
    struct http_req *head; /* its head is on the way: nobody else has it yet */
    enum http_wait wait;
    int64_t since_ms;
    size_t progress; /* octets of an upload since then */
    uint64_t acked;  /* octets that the peer had read when it was looked at last */
    struct http_peer *peer;
    bool uploads; /* was let in with what it sends: it does not make room for others */
    struct http_conn *next, *prev;
    bool looked; /* is in the line of its wait, not with the new ones */
    enum http_over over;
    char remote[INET6_ADDRSTRLEN];
    bool asked;                      /* a request came */
    struct certificate *certificate; /* the peer's, malloc'ed; NULL = none */
};

enum http_phase {
    HTTP_P_HEAD,  /* nothing but the head is there */
    HTTP_P_BODY,  /* body is coming */
    HTTP_P_PASS,  /* body is passed over, refusal waits */
    HTTP_P_LATER, /* handler has it and answers later */
    HTTP_P_READY, /* response is made, to be queued */
    HTTP_P_DONE
};

struct http_req {
    struct http_request pub; /* pub.conn points back here */
    struct http_listener *l;
    struct MHD_Connection *mhd;
    struct http_conn *conn;
    enum http_phase phase;
    bool is_suspended, gone;
    struct arena arena;
    struct buf body;
    size_t held;    /* its part of the listener's */
    bool ended;     /* all of it has come */
    size_t crowded; /* the ceiling below which its body found no room; 0 = it fits in */
    size_t passed;  /* bytes passed over */
    void *upload;
    struct MHD_Response *response;
    unsigned status;
    struct http_req *next, **prev; /* spare or later list */
    struct http_req *live_next, **live_prev;
    struct http_reply *answer; /* of another thread */
    struct http_req *next_done;
    char query[HTTP_QUERY_INLINE];
};

/** What the reply says as a response of libmicrohttpd; takes the body, file and stream of `reply`. NULL = out of
 * memory. */
struct MHD_Response *http_make_response(struct http_req *q, struct http_reply *reply, unsigned *status);
/** Something was resumed by another thread: the listener's own shall look. */
void http_wake(struct http_listener *l);
/** Ends all streams of a listener that stops. */
void http_end_streams(struct http_listener *l);

enum { HTTP_TLS_OPTIONS = 5 };
/** The files of the configuration, checked. @return RC_IO, RC_INVALID with the file's name */
enum rc http_tls_open(const struct http_config *c, struct http_tls **out, struct err *e);
/** What the daemon needs; borrowed from t until it is closed. */
void http_tls_options(const struct http_tls *t, struct MHD_OptionItem out[HTTP_TLS_OPTIONS]);
/** Accepts NULL. Key material is overwritten. */
void http_tls_close(struct http_tls *t);
/** Before the handshake: offer session tickets (RFC 5077, RFC 8446 4.6.1), without early data. */
void http_tls_begin(const struct http_tls *t, struct MHD_Connection *mhd);
/** After the handshake. The peer's certificate is verified anew, also when the session was resumed. */
void http_tls_first_request(struct http_listener *l, struct http_conn *c);
/** The alert that the peer sent last; NULL = none. */
const char *http_tls_alert(struct http_conn *c);

void http_time_begin(struct http_listener *l);
/** From now on this is expected of it; what was before is forgotten. */
void http_wait(struct http_listener *l, struct http_conn *c, enum http_wait wait);
/** So much of an upload has come. Enough of it begins the time anew. */
void http_progress(struct http_listener *l, struct http_conn *c, size_t bytes);
/** At the ceiling: whoever has kept us waiting longest is cut off. @return false when nobody has for any time */
bool http_time_make_room(struct http_listener *l);
/** Whose time is over is told so and cut off. */
void http_time_run(struct http_listener *l);
/** Milliseconds until http_time_run has something to do; -1 = nothing waits. */
int http_time_left(const struct http_listener *l);
#endif
