/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DM_SESSIONS_H
#define SERVER_DM_SESSIONS_H
/* Open DM sessions in memory, of devices that have proved themselves; found by the token in RespURI, or by device and
 * SessionID for who proves himself anew with each message. Bounded in number, age and bytes. Losing one costs the
 * device a new session and nothing else. Ended ones stay a while for their last reply (a device that did not get it
 * repeats its message), and so that a second holder of the device's identity is noticed when he goes on. */
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
    SESSIONS_CONTESTED_MS = 600000 /* what happened longer ago than this is not counted together */
};

struct recording; /* server/dm/recorder.h: what was said, for those who look into it later */

struct session {
    int64_t authority, device;
    struct str name, id;           /* SyncHdr Source and SessionID */
    char token[SESSION_TOKEN + 1]; /* RespURI carries it */
    struct sml_server *sml;        /* NULL: over, only its last reply is kept */
    int64_t used_ms;
    int64_t nonce_ms; /* when it last changed the nonce of notifications; 0 = not */
    unsigned messages;
    uint64_t turn; /* number of the message that used it last */
    /* How the device proved itself when it began. */
    uint64_t credentials; /* hash of those it has */
    uint64_t certificate; /* hash of the name in the certificate of the connection, 0 = none that counts */
    bool by_certificate;  /* and by nothing else */
    char remote[SESSION_REMOTE_BYTES];
    /* Somebody else goes on with a session that another one of the same device has ended: so often since then. */
    unsigned contested;
    int64_t contested_ms;
    bool superseded; /* ended by another one */
    uint64_t msg_id; /* of the message last taken */
    bool alone;      /* that one came without our token, and proved the device by itself */
    /* The message last answered, and the answer. */
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
    unsigned max; /* open ones */
    int64_t idle_ms, lifetime_ms;
};

struct sessions;
/** @param left  called for an open session that is given up, before it is freed; `why` for people */
typedef void sessions_left(void *ctx, struct session *s, const char *why);
struct sessions *sessions_create(const struct sessions_config *c, sessions_left *left,
                                 void *ctx); /* NULL when out of memory */
void sessions_destroy(struct sessions *ss);
/** As sessions_destroy, without a word to anybody. */
void sessions_forget(struct sessions *ss);

struct session_key {
    int64_t authority;
    struct str name, id, token;
    uint64_t hash;
    size_t bytes;
};
/** The session with this token, device and SessionID, open or ended; NULL: there is none. Nothing else is as good as the
 * token: a message with one that is not found is not of a session that is. */
struct session *sessions_of_token(struct sessions *ss, const struct session_key *k);
/** The device's open session with this SessionID: for messages that prove the device. */
struct session *sessions_of_device(struct sessions *ss, const struct session_key *k);
/** The session, open or ended, whose last message was this one to the octet, with proof of its own and without token. */
struct session *sessions_repeated(struct sessions *ss, const struct session_key *k);
/** It is the message last answered, to the octet: s->last is its answer. */
bool sessions_repeats(const struct session *s, const struct session_key *k);
/** Who holds the token of a superseded session goes on with it, and is not who superseded it.
 * @return the session that the device has instead, open or ended; NULL = nothing is known of it any more */
struct session *sessions_contest(struct sessions *ss, const struct session_key *k, int64_t now_ms);
/** Longer names and SessionIDs are refused. */
enum rc sessions_key_check(const struct session_key *k, struct err *e);
/** A new one, with a token, without its sml machine. @return RC_BUSY past the ceiling, RC_LIMIT (sessions_key_check),
 * RC_NOMEM */
enum rc sessions_open(struct sessions *ss, const struct session_key *k, const struct world *w, struct session **out,
                      struct err *e);
/** The device has begun another session: its open ones are given up, and what ended ones answered is forgotten
 * (protocol.md 16, OMA-TS-DM_Protocol-V1_2_1 6). */
void sessions_claim(struct sessions *ss, struct session *s);
/** It was used just now. */
void sessions_touch(struct sessions *ss, struct session *s, int64_t now_ms);
/** It is over: only its last reply stays. */
void sessions_end(struct sessions *ss, struct session *s);
/** Forget it altogether; `left` is not called. */
void sessions_drop(struct sessions *ss, struct session *s);
/** s->work.recall holds so many bytes now; when all of them together are too much, those of the longest idle sessions are
 * given up. */
void sessions_recall(struct sessions *ss, struct session *s, size_t bytes);
/** One that was used by this message or a later one; NULL = none (any more). */
struct session *sessions_of_turn(struct sessions *ss, uint64_t first);
/** The one that this message used last; NULL = it is gone, or was used again. */
struct session *sessions_of_message(struct sessions *ss, uint64_t message);
/** As sessions_drop, but the session with its recording stays with the caller, for sessions_free. */
void sessions_detach(struct sessions *ss, struct session *s);
void sessions_free(struct session *s);
/** Give up those that are idle or ended for too long, and what is remembered of devices that take their time. */
void sessions_expire(struct sessions *ss, int64_t now_ms);
/** The clock was set back by so much. */
void sessions_shift(struct sessions *ss, int64_t by_ms);
/** Older than its lifetime? */
bool sessions_too_old(const struct sessions *ss, const struct session *s, int64_t now_ms);
size_t sessions_count(const struct sessions *ss);
/** Bytes held by all of them. Walks over them. */
size_t sessions_bytes(const struct sessions *ss);
#endif
