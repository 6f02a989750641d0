/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_SESSION_SERVER_H
#define SYNCML_SESSION_SERVER_H
/* The server's end of one DM session as step functions: a message comes in (take), steps to send come in (answer), a
 * reply goes out. No clock, socket, file or database: time and randomness are in `world`, what is known of the
 * sender in `account`, what must be kept is handed out in `keep`. protocol.md 2, 4, 7, 8, 9, 16. */
#include "base/world.h"
#include "syncml/cred.h"
#include "syncml/msg.h"

struct sml_server; /* under 4 kB without a large object under way */

struct sml_server_config {      /* borrowed for as long as sessions live */
    struct str server_id;       /* Source/LocName, account name */
    struct str url;             /* Source/LocURI */
    uint64_t max_msg_bytes;     /* what we take; announced as MaxMsgSize */
    uint64_t max_obj_bytes;     /* one object; announced as MaxObjSize */
    bool allow_basic;           /* only ever over TLS */
    bool allow_basic_plain;     /* also without TLS: laboratories only */
    bool per_message;           /* credentials in every message (answered with 200) also for basic and md5 */
    enum sml_auth unknown_auth; /* what is demanded of unknown devices: what most accounts demand; NONE = md5 */
    unsigned max_messages;      /* of one session; then 1223 */
    unsigned max_auth_tries;    /* failed credentials in one session before it is over (at least 2) */
};

/* What is known of the one who claims to be Source/LocURI; NULL account = unknown device (answered as a wrong
 * password is, so that nobody learns which devices exist). */
struct sml_account {
    struct str client_name, client_ha1;    /* CLCRED: the device proves itself */
    struct str server_name, server_ha1;    /* SRVCRED: we prove ourselves */
    struct str client_nonce, server_nonce; /* decoded octets; empty = none yet */
    enum sml_auth auth;                    /* scheme to demand: SML_AUTH_MD5 unless the account says otherwise */
    bool resync; /* a notification signed with the resynchronisation nonce is out, the first with these secrets */
    int64_t challenges_used; /* syncml/challenge.h; 0 = none yet */
};

/* What a check of the client's credentials says. Of the machine's state it changes this and nothing else, so that a
 * recorded one can stand in for it (syncml/record/replay.h), and one that was made before there was a session. */
struct sml_verdict {
    bool ok, over;
    int code;                 /* Status for SyncHdr */
    const char *why, *how;    /* not good; good */
    uint8_t scheme, demanded; /* enum sml_auth */
    uint8_t tries;
    bool known, per_message, next_nonce, current_nonce_used, resynchronised;
    int64_t challenge; /* slot of the challenge that was answered, 0 = another nonce, or none */
};

struct sml_transport {
    bool tls;
    struct str client_cert_subject; /* verified by TLS and mapped to this device; empty = none */
    struct sml_hmac hmac;           /* x-syncml-hmac of the request */
    struct str raw;                 /* octets of the request body, for the MAC */
    /* Challenges carry nonces of syncml/challenge.h, made with these CHALLENGE_KEY_BYTES; NULL: random ones, which only
     * the session that gave them knows. */
    const uint8_t *challenge_key;
    const struct sml_verdict *proved; /* sml_server_prove has looked at this message; NULL: look now */
};

/* One value a device told us. Octets (format bin) are in base64 here, whatever carried them. */
struct sml_value {
    struct str uri, format, type, data;
    bool has_data, binary; /* binary: data is base64 of octets */
    bool has_size;         /* Meta Size, */
    uint64_t size;         /* octets */
    struct sml_value *next;
};

/* How one of our steps ended, or what it found. `code` 0 = no Status came before the package ended. Results that
 * come messages after their Status make a further outcome with the same code; Results without a Status count as 200. */
struct sml_outcome {
    uint64_t tag;   /* of the step (for Atomic and Sequence children: of the child) */
    struct str uri; /* the step's URI */
    int code;
    size_t shortest, limit;   /* 413 of our own, never sent: octets of a message with it, and those the device takes */
    struct sml_value *values; /* Results, items of the Status of an interaction alert */
    struct sml_outcome *next;
};

struct sml_alert_in { /* an Alert 1224 or 1226 item */
    int code;
    struct str source, type, format, mark, data,
        correlator; /* type without "Reversed-Domain-Name:"; mark default "informational" */
    int status;     /* to be answered: 200 unless the caller writes another before `answer` */
    struct sml_alert_in *next;
};

enum sml_who { SML_WHO_UNKNOWN, SML_WHO_REFUSED, SML_WHO_KNOWN };

struct sml_news {
    enum sml_who who;    /* only KNOWN news may be acted on (S-119) */
    const char *refused; /* why not, in words for the trace and the log: "nonce is stale", "no credentials", ... */
    const char *
        how; /* what proved the device: "the stored nonce", "the nonce of a challenge", "TLS client certificate", ... */
    bool first;         /* this message authenticated the session (news of package 1 are in it) */
    bool current_nonce; /* the credentials are made with the stored nonce: the answer that carried it has arrived */
    bool server_alert;  /* Alert 1200: match with the notification by session_id */
    struct sml_value *devinfo; /* Replace of package 1 */
    struct sml_outcome *outcomes;
    struct sml_alert_in *alerts;
    bool package_done;     /* the client's package is complete: steps may be sent */
    bool aborted;          /* the client sent 1223, or broke a rule that ends the session */
    bool over;             /* the session ends with the answer that follows, whatever is offered */
    struct str user_agent; /* filled by the shell */
};

/* To be kept before the reply leaves. Empty texts: unchanged. client_nonce_next takes the place of the client nonce,
 * which is good no more from here on. */
struct sml_keep {
    struct str client_nonce_next;
    struct str server_nonce;
    bool
        resynchronised; /* with the resynchronisation nonce, which is good once: a captured message must not count again */
    int64_t challenges_used; /* 0 = unchanged */
    /* steps that can never fit, when the session ends with this reply; else the next news has them */
    struct sml_outcome *unsent;
    /* The session cannot go on within the device's MaxMsgSize (`limit`): the shortest message that would has `shortest`
     * octets; 0 = it can. Not even this reply fits: it must not be sent. */
    size_t limit, shortest;
    bool unfit;
};

enum { SML_STEP_GROUP_MAX = 200 };
/* One thing to send. */
struct sml_step {
    enum sml_cmd_kind kind; /* GET ADD REPLACE DELETE EXEC COPY ALERT (interaction, data = code) ATOMIC SEQUENCE */
    uint64_t tag;           /* comes back in its outcome */
    struct str uri, source; /* target; source for Copy */
    struct str format, type, data; /* format empty = no Meta; data sent when has_data;
                                    * of format bin: base64, octets on the wire (in XML: base64, Format b64) */
    bool has_data;
    struct str correlator;
    struct sml_item *items;    /* ALERT: option, text and choices as they go */
    struct sml_step *children; /* of ATOMIC and SEQUENCE */
    struct sml_step *next;
};

/** @param token  unguessable text that RespURI carries ("" = send no RespURI); @param resp_base  URL it is appended to as "?s=" */
struct sml_server *sml_server_create(const struct sml_server_config *c, struct str session_id, struct str device_id,
                                     struct str resp_base, struct str token);
void sml_server_destroy(struct sml_server *s);
/** Bytes this session holds now. */
size_t sml_server_bytes(const struct sml_server *s);
bool sml_server_over(const struct sml_server *s);

/**
 * Does this message prove by itself who sent it? Looks only; neither needs a session nor has one in mind.
 * @return `ok`, and then `how`; else what the sender is to be told
 */
struct sml_verdict sml_server_prove(const struct sml_server_config *c, const struct sml_msg *m,
                                    const struct sml_transport *t, const struct sml_account *account,
                                    const struct world *w, struct arena *a);
/** A proof without the session's token: what went before does not count for the next message. */
void sml_verdict_alone(struct sml_verdict *v);

/** What the last message taken proved; for a recording. */
const struct sml_verdict *sml_server_verdict(const struct sml_server *s);
/** The next message proves this, whatever it carries: a replay has no secrets. NULL ends that; `v` is borrowed. */
void sml_server_give_verdict(struct sml_server *s, const struct sml_verdict *v);

/** Give up: the next answer says Alert 1223 and ends the session (S-502). */
void sml_server_stop(struct sml_server *s);

/**
 * Take in one message. `m`, `account`, `news` and the arena must stay until the answer to it is built. Repeated messages are the shell's business (it keeps the last reply's bytes).
 * @param a     owns `news`, which borrows from `m`
 * @return RC_OK also for wrong credentials, aborts and peers' mistakes (they are answered); RC_NOMEM, RC_LIMIT otherwise
 */
enum rc sml_server_take(struct sml_server *s, const struct sml_msg *m, const struct sml_transport *t,
                        const struct sml_account *account, const struct world *w, struct arena *a,
                        struct sml_news *news, struct err *e);
/**
 * Build the reply to the message last taken: its Statuses, then as many of the steps, in their order, as fit the device's MaxMsgSize.
 * Steps are only looked at when news.who is KNOWN and news.package_done. A value too long for a message is sent in pieces over the
 * next messages (the device's LrgObj decides; `large_objects`). A step that can never fit is answered in the next news with 413.
 * The device's MaxMsgSize is never passed.
 * @param type    encoding of the reply (sizes are counted in it)
 * On any rc but RC_OK the session is to be destroyed.
 * @param n_sent  how many of `steps` (top level) went into this reply
 * @param keep    what the database must hold before the reply is sent
 * @param hmac    value of x-syncml-hmac to send, or empty. It needs the reply's bytes: sml_server_mac makes it after encoding.
 */
enum rc sml_server_answer(struct sml_server *s, struct sml_step *steps, bool large_objects, enum sml_type type,
                          const struct sml_account *account, const struct world *w, struct arena *a,
                          struct sml_msg *reply, size_t *n_sent, struct sml_keep *keep, struct err *e);
/** After encoding: the x-syncml-hmac header value for these bytes, empty when MAC is not in use. */
struct str sml_server_mac(struct sml_server *s, const struct sml_account *account, struct str encoded, struct arena *a);
/** For a message that could not be decoded far enough to have a session, or that an overloaded server will not take:
 * a complete reply with this SyncHdr status (400, 413, 503, 505, 513 ...). */
enum rc sml_server_refuse(const struct sml_server_config *c, const struct sml_msg *m, int status, struct arena *a,
                          struct sml_msg *reply, struct err *e);
#endif
