/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DM_SESSIONS_H
#define SERVER_DM_SESSIONS_H
/* Open DM sessions of authenticated devices, in memory. A session is found by the token in RespURI, or by device and
 * SessionID for a device that authenticates with each message. Bounded in number, age and bytes. Losing a session costs
 * the device a new session and nothing else. An ended session stays for a while for its last reply (a device that did
 * not receive it repeats its message), and to detect a second device with the same identity. */
#include "base/buf.h"
#include "base/world.h"
#include "server/decide/session_work.h"
#include "syncml/session/server.h"

enum {
    SESSION_TOKEN = 22,
    SESSIONS_ENDED = 512,
    SESSIONS_ENDED_BYTES = 2 << 20,
    SESSION_NAME_BYTES = 255,
    SESSION_ID_BYTES = 64,
    SESSION_REMOTE_BYTES = 46,
    SESSIONS_CONTESTED_MS = 600000 /* contests further apart are counted separately */
};

struct recording; /* server/dm/recorder.h: the recorded messages */

struct session {
    int64_t authority, device;
    struct str name, id;           /* SyncHdr Source and SessionID */
    char token[SESSION_TOKEN + 1]; /* RespURI carries it */
    struct sml_server *sml;        /* NULL: ended, only its last reply is kept */
    int64_t used_ms;
    int64_t nonce_ms; /* when it last changed the nonce of notifications; 0 = never */
    unsigned messages;
    uint64_t turn; /* number of the last message that used it */
    /* How the device authenticated at the start. */
    uint64_t credentials; /* hash of its credentials */
    uint64_t certificate; /* hash of the name in the connection's valid certificate, 0 = none */
    bool by_certificate;  /* by the certificate only */
    char remote[SESSION_REMOTE_BYTES];
    /* How often a message continued a session that another session of the device had ended. */
    unsigned contested;
    int64_t contested_ms;
    bool superseded; /* ended by another session */
    uint64_t msg_id; /* MsgID of the last message */
    bool alone;      /* that message had no token and authenticated the device itself */
    /* The last answered message, and its answer. */
    uint64_t last_hash;
    size_t last_bytes;
    enum sml_type last_type;
    struct buf last;
    struct buf last_hmac;
    struct session_work work;
    size_t recall_bytes;         /* of work.recall */
    int record;                  /* enum recorder_wish */
    struct recording *recording; /* NULL = none */
    /* sessions.c */
    struct session *same_key, *same_token, *older, *newer;
    uint64_t key_hash, token_hash;
    bool ended, listed;
};

struct sessions_config {
    unsigned max; /* maximum of open sessions */
    int64_t idle_ms, lifetime_ms;
};

struct sessions;
/** @param left  called for an open session that is given up, before it is freed; `why` is readable text */
typedef void sessions_left(void *ctx, struct session *s, const char *why);
struct sessions *sessions_create(const struct sessions_config *c, sessions_left *left,
                                 void *ctx); /* NULL when out of memory */
void sessions_destroy(struct sessions *ss);
/** As sessions_destroy, without calling `left`. */
void sessions_forget(struct sessions *ss);

struct session_key {
    int64_t authority;
    struct str name, id, token;
    uint64_t hash;
    size_t bytes;
};
/** The session with this token, device and SessionID, open or ended; NULL: none. Only the token counts: a message with
 * an unknown token belongs to no session. */
struct session *sessions_of_token(struct sessions *ss, const struct session_key *k);
/** The device's open session with this SessionID, for authenticated messages. */
struct session *sessions_of_device(struct sessions *ss, const struct session_key *k);
/** The session, open or ended, whose last message had exactly these octets, with credentials and without token. */
struct session *sessions_repeated(struct sessions *ss, const struct session_key *k);
/** True when the message has the octets of the last answered one: s->last is its answer. */
bool sessions_repeats(const struct session *s, const struct session_key *k);
/** A message continues a superseded session, so its sender is not the one that superseded it. @return the session that
 * replaced it, open or ended; NULL = unknown */
struct session *sessions_contest(struct sessions *ss, const struct session_key *k, int64_t now_ms);
/** Refuse device names and SessionIDs that are too long. */
enum rc sessions_key_check(const struct session_key *k, struct err *e);
/** Create a session with a token, without its sml machine. @return RC_BUSY past the ceiling, RC_LIMIT
 * (sessions_key_check), RC_NOMEM */
enum rc sessions_open(struct sessions *ss, const struct session_key *k, const struct world *w, struct session **out,
                      struct err *e);
/** The device has begun another session: end its open ones, and drop the replies of ended ones (protocol.md 16,
 * OMA-TS-DM_Protocol-V1_2_1 6). */
void sessions_claim(struct sessions *ss, struct session *s);
/** Update the time of last use. */
void sessions_touch(struct sessions *ss, struct session *s, int64_t now_ms);
/** End the session; only its last reply stays. */
void sessions_end(struct sessions *ss, struct session *s);
/** Free the session; `left` is not called. */
void sessions_drop(struct sessions *ss, struct session *s);
/** Set the size of s->work.recall; when the total exceeds the limit, the caches of the longest idle sessions are
 * dropped. */
void sessions_recall(struct sessions *ss, struct session *s, size_t bytes);
/** A session that this message or a later one used; NULL = none. */
struct session *sessions_of_turn(struct sessions *ss, uint64_t first);
/** The session that this message used last; NULL = freed, or used again. */
struct session *sessions_of_message(struct sessions *ss, uint64_t message);
/** As sessions_drop, but the caller keeps the session with its recording, for sessions_free. */
void sessions_detach(struct sessions *ss, struct session *s);
void sessions_free(struct session *s);
/** Free sessions that are idle or ended for too long, and the caches of slow devices. */
void sessions_expire(struct sessions *ss, int64_t now_ms);
/** Adjust times after the clock was set back. */
void sessions_shift(struct sessions *ss, int64_t by_ms);
/** True when the session exceeds its lifetime. */
bool sessions_too_old(const struct sessions *ss, const struct session *s, int64_t now_ms);
size_t sessions_count(const struct sessions *ss);
/** Bytes used by all sessions; walks over them. */
size_t sessions_bytes(const struct sessions *ss);
#endif
