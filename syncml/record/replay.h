/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_RECORD_REPLAY_H
#define SYNCML_RECORD_REPLAY_H
/* A session as a file: the flight recorder writes it, a replay feeds it to the session machine again.
 *
 * It is one YAML document whose list `messages` grows by one line of JSON for each message, so that it can be appended to:
 *
 *   recording: dmvisor/session/1
 *   session: {"id": "2F", "device": "IMEI:...", "resp_base": "https://...", "token_bytes": 22}
 *   server: {"id": ..., "url": ..., "max_msg_bytes": ..., ...}                 what sml_server_config holds
 *   account: {"known": true, "auth": "md5", "server_credentials": true, ...}
 *   facts: dmvisor/facts/1                                                   when its messages have facts
 *   messages:
 *   - {"time": ..., "type": "xml", "in": <base64>, "verdict": {...}, "news": ..., "steps": [...], "sent": 2, "facts": [...],
 *      "decisions": "...", "out": <base64>}
 *
 * Secrets. A recording holds no password, HA1, digest, nonce or session token: Cred data, NextNonce, the token of
 * RespURI and the values of secret nodes (sml_item_is_secret) are overwritten with as many "A"s (or NULs, in binary
 * values). So every message keeps its length, and every decision about sizes stays the same. Credentials cannot be
 * checked again: the result of the check is recorded as `verdict`, and the replayed machine uses it. The replay's
 * own Cred and nonces are overwritten before its replies are compared; so random octets need not be recorded. Not
 * exact: a secret value that needs escapes in XML and is sent in several pieces.
 *
 * A scenario of the tests is the same document with other means: `account` has test passwords and nonces, so that credentials are
 * truly checked; octets come from files (`device: 01-device.xml`, `server: 02-server.xml`, one element on a line); randomness from
 * `seed`. `session: new` in a message begins another session, `repeat: true` says the same octets again (the shell's business: the
 * machine does not see them). */
#include "base/world.h"
#include "syncml/session/server.h"

struct doc;
struct replay;
struct exchange;

enum { SML_REPLAY_ARENA_BYTES = 64 << 20 };

/* One message and its answer, as the caller has them when the reply is encoded. */
struct sml_record {
    const struct sml_server *s;
    enum sml_type type;
    struct str in, out; /* octets; out empty when there was no reply */
    const struct sml_msg *m, *reply;
    const struct sml_transport *t;
    const struct sml_news *news;
    const struct sml_step *steps; /* offered */
    size_t n_sent;
    bool large_objects;
    int64_t now_ms;
    struct str token;   /* of sml_server_create, to be overwritten */
    struct str reasons; /* why these steps, for people; may be empty */
    /* What the server decided beside this (server/decide/): the facts as JSON, the decisions as lines; may be empty. */
    struct str facts, decisions;
};

/** Head of a recording, appended to `out`; before the first message. @param facts  form of its messages' facts; NULL: none */
void sml_record_begin(struct buf *out, const struct sml_server_config *c, struct str session_id, struct str device_id,
                      struct str resp_base, struct str token, const struct sml_account *account, const char *facts);
/** One message, appended. Changes nothing. A failure is in out->failed. */
void sml_record_message(struct buf *out, const struct sml_record *r);
/**
 * What sml_server_take found, on one line, for traces: "known, first (the stored nonce), 5 values, #3=200 ./A, done".
 */
void sml_news_print(const struct sml_news *news, struct buf *out);

/* One message on its way through a replay, for those who decide which steps are offered. */
struct sml_replay_message {
    const struct doc *d; /* the message in the recording */
    unsigned number;     /* from 1 */
    const struct world *w;
    struct arena *a;
    struct str session_id;
    const struct sml_news *news;
    struct sml_step *steps; /* as recorded */
    struct buf *story;      /* may be NULL */
    struct replay *replay;
    struct exchange *exchange;
};

/* Where files of a scenario come from; all NULL for a recording. */
struct sml_replay_io {
    void *ctx;
    enum rc (*load)(void *ctx, struct str name, struct arena *a, struct str *out, struct err *e);
    enum rc (*save)(void *ctx, struct str name, struct str bytes,
                    struct err *e); /* set: server files are written, not compared */
    /* Set: it calls sml_replay_answer once for each message of a recording that has `facts` in its head. */
    void *decide_ctx;
    enum rc (*decide)(void *ctx, struct sml_replay_message *m, struct err *e);
    const char *facts;
};

struct sml_replay {
    unsigned messages; /* number of messages that were fed */
    bool same;
    struct buf difference; /* the first one, readable; the caller finishes it */
};

/**
 * Feed a recording or scenario to the server's session machine and compare the results.
 * @param as_wbxml  encode every message in WBXML before it is fed; replies are compared as messages
 * @param story     when not NULL: receives the whole session in readable form
 * @return RC_OK also when there is a difference; RC_PARSE, RC_INVALID for a file that is neither (e says where);
 * RC_UNSUPPORTED when the file cannot be replayed as_wbxml (`encodings: [xml]`); RC_LIMIT, RC_NOMEM, and what `load`
 * returns
 */
enum rc sml_replay(struct str text, const char *name, const struct sml_replay_io *io, bool as_wbxml, struct buf *story,
                   struct sml_replay *out, struct err *e);

/* For sml_replay_io.decide. */
/** Compose the reply with these steps and compare it. */
enum rc sml_replay_answer(struct sml_replay_message *m, struct sml_step *steps, bool large_objects, size_t *n_sent,
                          struct sml_keep *keep, struct err *e);
/** A difference, unless the two are equal; the first one counts. */
void sml_replay_differ(struct sml_replay_message *m, const char *what, struct str want, struct str got);
/** Steps as lines, secrets as they are recorded. */
void sml_replay_print_steps(const struct sml_replay_message *m, const struct sml_step *steps, struct buf *out);
#endif
