/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_HTTP_HTTP_INT_H
#define SERVER_HTTP_HTTP_INT_H
/* Shared by http.c (listeners, requests), http_send.c (replies, files, streams), http_time.c (timeouts of peers) and
 * http_tls.c (certificates, session tickets): the only files that know libmicrohttpd. */
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
    HTTP_REQUEST_ARENA = 32 << 20, /* a maximum: memory is allocated on demand */
    HTTP_BODY_KEPT = 64 << 10,     /* a buffer up to this size is reused for the next request */
    HTTP_SPARE_REQUESTS = 64,
    HTTP_PASSED_OVER = 4 << 20, /* bytes read and discarded after a refusal, so that the peer can read the answer */
    HTTP_STREAM_BLOCK = 4 << 10,
    HTTP_UNSENT_BYTES = 128 << 10,
    HTTP_HEAD_MS = 20000,
    HTTP_BODY_MS = 60000,
    HTTP_SEND_MS = 60000,
    HTTP_BODIES_BYTES = 64 << 20,
    HTTP_REFUSED_AT_ONCE =
        8, /* connections past an address's limit that receive 503; more than these are closed without an answer */
    HTTP_UPLOAD_STEP = 64 << 10 /* an upload must deliver, and a peer must read of a reply, this much in each timeout */
};

/* What the listener waits for from a peer. */
enum http_wait {
    HTTP_W_NONE, /* nothing: the server is working */
    HTTP_W_HEAD, /* its first request */
    HTTP_W_KEPT, /* another request on the same connection */
    HTTP_W_BODY,
    HTTP_W_SEND,    /* that the peer reads the reply */
    HTTP_W_REFUSED, /* a head that will be refused: short timeout */
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
    struct threads threads; /* one, with http_start; the lock protects `streams` and `done` */
    int epoll, wake;        /* of the listener's thread */
    int64_t now_ms;         /* monotonic, of this turn */
    struct http_line lines[HTTP_WAITS];
    int64_t limit_ms[HTTP_WAITS];
    struct http_peers *peers;
    struct http_network *shared;
    size_t n_shared;
    size_t held; /* bytes of request and reply bodies in memory */
    atomic_uint connections;
    struct http_req *spare; /* a listener has one thread: no lock */
    unsigned n_spare;
    struct http_req *later; /* requests that handlers answer later */
    struct http_req *live;  /* all requests in use */
    struct http_stream *streams;
    struct http_req *done; /* answered by another thread, under lock */
    atomic_bool stopping;  /* no new streams, no new requests */
};

/* The limit that a connection exceeds: it receives 503 and is closed. */
enum http_over { HTTP_O_NOT, HTTP_O_ALL, HTTP_O_ADDRESS };

/* One TCP connection. */
struct http_conn {
    struct MHD_Connection *mhd;
    struct http_req *head; /* its head is still arriving; owned by the connection */
    enum http_wait wait;
    int64_t since_ms;
    size_t progress; /* octets of an upload since the wait began */
    uint64_t acked;  /* octets that the peer had read at the last check */
    struct http_peer *peer;
    bool uploads; /* an admitted upload: it is not closed to make room for others */
    struct http_conn *next, *prev;
    bool looked; /* the connection is in the queue of its wait, not in the queue of new waits */
    enum http_over over;
    char remote[INET6_ADDRSTRLEN];
    bool asked;                      /* a request has arrived */
    struct certificate *certificate; /* the peer's, malloc'ed; NULL = none */
};

enum http_phase {
    HTTP_P_HEAD,  /* only the head has arrived */
    HTTP_P_BODY,  /* the body is arriving */
    HTTP_P_PASS,  /* the body is discarded, the refusal follows */
    HTTP_P_LATER, /* the handler answers later */
    HTTP_P_READY, /* the response is ready to be queued */
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
    size_t held;    /* its share of the listener's `held` */
    bool ended;     /* the whole request has arrived */
    size_t crowded; /* the limit that its body exceeds; 0 = the body fits */
    size_t passed;  /* bytes discarded */
    void *upload;
    struct MHD_Response *response;
    unsigned status;
    struct http_req *next, **prev; /* spare or later list */
    struct http_req *live_next, **live_prev;
    struct http_reply *answer; /* set by another thread */
    struct http_req *next_done;
    char query[HTTP_QUERY_INLINE];
};

/** Convert a reply to a libmicrohttpd response; takes the body, file and stream of `reply`. NULL = out of memory. */
struct MHD_Response *http_make_response(struct http_req *q, struct http_reply *reply, unsigned *status);
/** Wake the listener's thread after another thread resumed a connection. */
void http_wake(struct http_listener *l);
/** End all streams of a stopping listener. */
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
/** Start to wait for this from the peer; replaces the former wait. */
void http_wait(struct http_listener *l, struct http_conn *c, enum http_wait wait);
/** Count octets of an upload. Enough progress restarts the timeout. */
void http_progress(struct http_listener *l, struct http_conn *c, size_t bytes);
/** At the connection limit: close the connection that the server has waited for longest. @return false when there is
 * none */
bool http_time_make_room(struct http_listener *l);
/** Answer 408 to connections past their deadline and close them. */
void http_time_run(struct http_listener *l);
/** Milliseconds until the next deadline; -1 = none. */
int http_time_left(const struct http_listener *l);
#endif
