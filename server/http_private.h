#ifndef SERVER_HTTP_PRIVATE_H
#define SERVER_HTTP_PRIVATE_H
/* Shared by http.c (listeners, requests) and http_send.c (replies, files, streams): the only two files that know
 * libmicrohttpd. */
#include "server/http.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    HTTP_CONNECTION_MEMORY = 8 << 10,
    HTTP_QUERY_INLINE = 256,       /* queries up to here need no allocation */
    HTTP_REQUEST_ARENA = 32 << 20, /* a ceiling: nothing is allocated before it is asked for */
    HTTP_BODY_KEPT = 64 << 10,     /* a request's buffer up to here is kept for the next request */
    HTTP_SPARE_REQUESTS = 64,
    HTTP_PASSED_OVER = 4 << 20, /* bytes read and forgotten after a refusal, so that the peer can read why */
    HTTP_RANGES_BYTES = 256,    /* longest Range header looked at */
    HTTP_STREAM_BLOCK = 4 << 10
};

struct http_listener {
    struct MHD_Daemon *daemon;
    struct http_config config;
    http_handler *handler;
    const struct http_upload *upload;
    void *ctx;
    uint16_t port;
    bool external, quiet;
    atomic_uint connections;
    struct http_req *spare; /* a listener has one thread: no lock */
    unsigned n_spare;
    struct http_req *later; /* those the handler has kept */
    pthread_mutex_t lock;   /* of streams */
    struct http_stream *streams;
    atomic_bool stopping;
};

/* One TCP connection. */
struct http_conn {
    bool over; /* past the ceiling: gets 503 and goes */
    bool cert_looked;
    char remote[INET6_ADDRSTRLEN];
    char *subject; /* verified client certificate, malloc'ed */
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
    size_t passed; /* bytes passed over */
    void *upload;
    struct MHD_Response *response;
    unsigned status;
    struct http_req *next, **prev; /* spare or later list */
    char query[HTTP_QUERY_INLINE];
};

/** What the reply says as a response of libmicrohttpd; takes the body, file and stream of `reply`. NULL = out of
 * memory. */
struct MHD_Response *http_make_response(struct http_req *q, struct http_reply *reply, unsigned *status);
/** Ends all streams of a listener that stops. */
void http_end_streams(struct http_listener *l);
#endif
