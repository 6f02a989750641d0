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
 *   messages:
 *   - {"time": ..., "type": "xml", "in": <base64>, "verdict": {...}, "news": ..., "steps": [...], "sent": 2, "out": <base64>}
 *
 * Secrets. A recording holds no password, HA1, digest, nonce or session token: Cred data, NextNonce, the token of
 * RespURI and the values of secret nodes (sml_item_is_secret) are overwritten with as many "A"s (or NULs, in binary
 * values). So every message keeps its length, and every decision about sizes stays the same. Credentials cannot be
 * checked again: the result of the check is recorded as `verdict`, and the replayed machine uses it. The replay's
 * own Cred and nonces are overwritten before its replies are compared; so random octets need not be recorded. Not
 * exact: a secret value that needs escapes in XML and is sent in several pieces.
 *
 * A scenario of the tests is the same document with other sources: `account` has test passwords and nonces, so that
 * credentials are really checked; messages come from files (`device: 01-device.xml`, `server: 02-server.xml`, one
 * element on a line); randomness comes from `seed`. `session: new` in a message begins another session. `repeat:
 * true` repeats the octets; the shell handles repeated messages, so the machine does not see them. */
#include "syncml/session/server.h"

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
    struct str token;   /* token of sml_server_create, which is overwritten in the recording */
    struct str reasons; /* why these steps, as text; may be empty */
};

/** Write the head of a recording, appended to `out`, before the first message. */
void sml_record_begin(struct buf *out, const struct sml_server_config *c, struct str session_id, struct str device_id,
                      struct str resp_base, struct str token, const struct sml_account *account);
/** Append one message. A failure is in out->failed. */
void sml_record_message(struct buf *out, const struct sml_record *r);
/**
 * What sml_server_take found, on one line, for traces: "known, first (the stored nonce), 5 values, #3=200 ./A, done".
 */
void sml_news_print(const struct sml_news *news, struct buf *out);

/* Access to a scenario's files; all NULL for a recording. */
struct sml_replay_io {
    void *ctx;
    enum rc (*load)(void *ctx, struct str name, struct arena *a, struct str *out, struct err *e);
    enum rc (*save)(void *ctx, struct str name, struct str bytes,
                    struct err *e); /* set: server files are written, not compared */
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
#endif
