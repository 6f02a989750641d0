/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DM_SESSION_H
#define AGENT_DM_SESSION_H
/*
 * One DM session of a device with one of its servers: bytes in, bytes out. What to POST comes out, what came back goes
 * in; the commands are carried out on the tree in between, and everything promised is durable before the next message
 * may leave. No socket and no thread: the agent POSTs on a thread of its own (post.h) while its loop goes on,
 * dmvisor-sim from an epoll loop, tests by a function call.
 */
#include "agent/dm/push.h"
#include "agent/mo/env.h"
#include "syncml/msg.h"

struct exec_user;
struct dm_config { /* borrowed for the device's life */
    uint64_t max_msg_bytes, max_obj_bytes;
    enum sml_type encoding;
    const struct exec_user *user; /* who sees alerts 1100 to 1104; NULL = nobody */
};

/* The state token as it was computed last, and what it was computed from. */
struct dm_token {
    char server_id[ACCOUNT_ID_BYTES], hex[65];
    uint64_t generation, changes;
};

/* The DM client of a device: what all its sessions have in common. */
struct dm_client {
    struct mo_env *env;
    struct dm_config config;
    struct dm_token token;
};

struct dm_session;

struct session_start {
    struct str server_id;
    /* the server asked for it (Alert 1200, its session id), or NULL: we call by ourselves (1201) */
    const struct push_call *push;
};

/* What goes out; good until the next call. */
struct session_post {
    struct str url;
    const char *mime;
    struct str body;
    struct str hmac;
};

enum session_next {
    SESSION_POST,  /* another message is to be sent */
    SESSION_WAITS, /* for the person at the device: session_resume when exec_user.show may know more */
    SESSION_OVER,  /* it has ended well */
    SESSION_FAILED /* it has not: the err says why */
};

/** Package 1. @return RC_NOT_FOUND without such an account */
enum rc session_create(struct dm_client *c, const struct session_start *st, const struct world *w,
                       struct dm_session **out, struct session_post *post, struct err *e);
/** What was sent and not acknowledged will be sent again in the next session. */
void session_destroy(struct dm_session *s);
/** An HTTP answer. @param hmac  x-syncml-hmac, may be empty */
enum session_next session_reply(struct dm_session *s, const struct world *w, long status, const char *content_type,
                                struct str hmac, struct str body, struct session_post *post, struct err *e);
/** Go on after SESSION_WAITS. The device goes its way meanwhile: all that was done before the question is durable. */
enum session_next session_resume(struct dm_session *s, const struct world *w, struct session_post *post, struct err *e);
struct str session_id(const struct dm_session *s);
unsigned session_messages(const struct dm_session *s); /* sent so far */
/** Did the server give commands in this session? */
bool session_managed(const struct dm_session *s);
#endif
