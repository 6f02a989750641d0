/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DM_SESSION_H
#define AGENT_DM_SESSION_H
/*
 * One DM session of a device with one of its servers: bytes in, bytes out. It returns the message to POST and takes the
 * answer; the commands are executed on the tree in between, and every change is durable before the next message is
 * sent. No socket and no thread: the agent POSTs on a thread of its own (post.h) while its loop continues, dmvisor-sim
 * from an epoll loop, tests by a function call.
 */
#include "agent/dm/push.h"
#include "agent/mo/env.h"
#include "syncml/msg.h"

struct exec_user;
struct dm_config { /* borrowed for the device's life */
    uint64_t max_msg_bytes, max_obj_bytes;
    enum sml_type encoding;
    const struct exec_user *user; /* shows alerts 1100 to 1104; NULL = no user interaction */
};

/* The last state token, and its inputs. */
struct dm_token {
    char server_id[ACCOUNT_ID_BYTES], hex[65];
    uint64_t generation, changes;
};

/* The DM client of a device: shared by all its sessions. */
struct dm_client {
    struct mo_env *env;
    struct dm_config config;
    struct dm_token token;
};

struct dm_session;

struct session_start {
    struct str server_id;
    /* the server requested it (Alert 1200, with its session id); NULL: started by the device (1201) */
    const struct push_call *push;
};

/* The outgoing message; valid until the next call. */
struct session_post {
    struct str url;
    const char *mime;
    struct str body;
    struct str hmac;
};

enum session_next {
    SESSION_POST,  /* another message is to be sent */
    SESSION_WAITS, /* for the user: call session_resume when exec_user.show may have an answer */
    SESSION_OVER,  /* it has ended successfully */
    SESSION_FAILED /* it has failed: the err has the reason */
};

/** Package 1. @return RC_NOT_FOUND without such an account */
enum rc session_create(struct dm_client *c, const struct session_start *st, const struct world *w,
                       struct dm_session **out, struct session_post *post, struct err *e);
/** What was sent and not acknowledged is sent again in the next session. */
void session_destroy(struct dm_session *s);
/** Process an HTTP answer. @param hmac  x-syncml-hmac, may be empty */
enum session_next session_reply(struct dm_session *s, const struct world *w, long status, const char *content_type,
                                struct str hmac, struct str body, struct session_post *post, struct err *e);
/** Continue after SESSION_WAITS. The device keeps working meanwhile; all changes before the prompt are durable. */
enum session_next session_resume(struct dm_session *s, const struct world *w, struct session_post *post, struct err *e);
struct str session_id(const struct dm_session *s);
unsigned session_messages(const struct dm_session *s); /* number of messages sent */
/** Did the server send commands in this session? */
bool session_managed(const struct dm_session *s);
#endif
