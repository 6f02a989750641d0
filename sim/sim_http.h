/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SIM_HTTP_H
#define SIM_SIM_HTTP_H
/* A lean HTTP/1.1 client for dmvisor-sim: plain HTTP, kept-alive connections, non-blocking, as few copies as
 * possible. base/fetch.h is the client for everything else; it blocks, and costs more than the server that is
 * measured. */
#include "base/buf.h"
#include "base/rc.h"
#include <sys/socket.h>

enum { SIM_REPLY_BYTES = 4 << 20 };

struct sim_server {
    struct sockaddr_storage address;
    socklen_t n;
    char host[256];
}; /* host: for the Host header */
/**
 * "http://host:port/path". @param path  borrowed from url, at least "/". @return RC_UNSUPPORTED for https, RC_INVALID,
 * RC_NOT_FOUND
 */
enum rc sim_server_of(const char *url, struct sim_server *out, struct err *e);
/** Path and query of an absolute URL, borrowed. */
struct str sim_path_of(struct str url);

struct sim_conn {
    int fd;
    struct buf out, in;
    size_t sent;
    bool busy;
    uint64_t began_ns;
};
struct sim_reply {
    int status;
    struct str content_type, hmac, body;
}; /* borrowed from the connection until the next request */
enum sim_read { SIM_MORE, SIM_WHOLE, SIM_BROKEN };

void sim_conn_init(struct sim_conn *c);
void sim_conn_finish(struct sim_conn *c);
/** Connect unless it is connected. @return false when that fails, with errno */
bool sim_conn_open(struct sim_conn *c, const struct sim_server *s);
/** Queue a request and send as much as possible. @param headers  lines with CRLF. @return false = broken */
bool sim_conn_send(struct sim_conn *c, const struct sim_server *s, const char *method, struct str path,
                   struct str headers, struct str body);
bool sim_conn_flush(struct sim_conn *c); /* send more of the queue; false = broken */
static inline bool sim_conn_pending(const struct sim_conn *c)
{
    return c->sent < c->out.n;
}
enum sim_read sim_conn_read(struct sim_conn *c, struct sim_reply *out);
uint64_t sim_now_ns(void);
#endif
