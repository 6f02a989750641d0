/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_SESSION_SERVER_H
#define SYNCML_SESSION_SERVER_H
/* The server's end of one DM session as step functions: `take` reads a message, `answer` gets the steps to send and
 * builds the reply. No clock, socket, file or database: `world` has time and randomness, `account` what is known of
 * the sender; `keep` returns what must be stored. protocol.md 2, 4, 7, 8, 9, 16. */
#include "base/world.h"
#include "syncml/cred.h"
#include "syncml/msg.h"

struct sml_server; /* under 4 kB without a large object in progress */

struct sml_server_config {      /* borrowed as long as sessions exist */
    struct str server_id;       /* Source/LocName, account name */
    struct str url;             /* Source/LocURI */
    uint64_t max_msg_bytes;     /* largest message that is accepted; announced as MaxMsgSize */
    uint64_t max_obj_bytes;     /* largest object that is accepted; announced as MaxObjSize */
    bool allow_basic;           /* over TLS only */
    bool allow_basic_plain;     /* also without TLS: for laboratories only */
    bool per_message;           /* demand credentials in every message (answered with 200) also for basic and md5 */
    enum sml_auth unknown_auth; /* the scheme demanded of unknown devices, which should be that of most accounts;
                                 * NONE = md5 */
    unsigned max_messages;      /* limit for one session; past it 1223 */
    unsigned max_auth_tries;    /* failed credentials in one session before it ends (at least 2) */
};

/* The account of the claimed sender (Source/LocURI). A NULL account is an unknown device; it gets the same answer as
 * a wrong password, so that the answers do not reveal which devices exist. */
struct sml_account {
    struct str client_name, client_ha1;    /* CLCRED: authenticates the device */
    struct str server_name, server_ha1;    /* SRVCRED: authenticates the server */
    struct str client_nonce, server_nonce; /* decoded octets; empty = none yet */
    enum sml_auth auth;                    /* scheme to demand: SML_AUTH_MD5 unless the account says otherwise */
    bool resync; /* a notification signed with the resynchronisation nonce was sent, the first with these secrets */
    int64_t challenges_used; /* syncml/challenge.h; 0 = none yet */
};

/* The result of a check of the client's credentials. The check changes nothing else of the machine's state, so a
 * recorded verdict can replace it (syncml/record/replay.h), and so can one that was made before the session existed. */
struct sml_verdict {
    bool ok, over;
    int code;                 /* Status for SyncHdr */
    const char *why, *how;    /* reason of a refusal; means of a success */
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
    /* Challenges carry nonces of syncml/challenge.h, made with these CHALLENGE_KEY_BYTES. NULL: random nonces, which
     * only the issuing session knows. */
    const uint8_t *challenge_key;
    const struct sml_verdict *proved; /* verdict of sml_server_prove for this message; NULL: check it now */
};

/* One value that a device reported. Octets (format bin) are in base64 here, whatever their encoding on the wire. */
struct sml_value {
    struct str uri, format, type, data;
    bool has_data, binary; /* binary: data is the base64 of octets */
    bool has_size;         /* Meta Size, */
    uint64_t size;         /* octets */
    struct sml_value *next;
};

/* How a step ended, or what it returned. `code` 0 = no Status came before the package ended. Results that arrive
 * messages after their Status make a further outcome with the same code; Results without a Status count as 200. */
struct sml_outcome {
    uint64_t tag;   /* of the step (for Atomic and Sequence children: of the child) */
    struct str uri; /* the step's URI */
    int code;
    size_t shortest, limit;   /* a 413 of the server's own, for a step never sent: octets of a message with it, and
                               * the device's limit */
    struct sml_value *values; /* Results, items of the Status of an interaction alert */
    struct sml_outcome *next;
};

struct sml_alert_in { /* an Alert 1224 or 1226 item */
    int code;
    struct str source, type, format, mark, data,
        correlator; /* type without "Reversed-Domain-Name:"; mark default "informational" */
    int status;     /* the Status: 200 unless the caller changes it before `answer` */
    struct sml_alert_in *next;
};

enum sml_who { SML_WHO_UNKNOWN, SML_WHO_REFUSED, SML_WHO_KNOWN };

struct sml_news {
    enum sml_who who;    /* act on the news only when KNOWN (S-119) */
    const char *refused; /* the reason in words, for traces and the log: "nonce is stale", "no credentials", ... */
    const char *how;     /* what authenticated the device: "the stored nonce", "TLS client certificate", ... */
    bool first;          /* this message authenticated the session (the contents of package 1 are in it) */
    bool current_nonce;  /* the credentials use the stored nonce, so the reply that carried it has arrived */
    bool server_alert;   /* Alert 1200: find its notification by session_id */
    struct sml_value *devinfo; /* Replace of package 1 */
    struct sml_outcome *outcomes;
    struct sml_alert_in *alerts;
    bool package_done;     /* the client's package is complete: steps may be sent */
    bool aborted;          /* the client sent 1223, or violated a rule whose violation ends the session */
    bool over;             /* the session ends with the reply that follows, whatever steps are offered */
    struct str user_agent; /* filled in by the caller */
};

/* What must be stored before the reply is sent. Empty texts: unchanged. client_nonce_next replaces the client nonce,
 * which is no longer valid. */
struct sml_keep {
    struct str client_nonce_next;
    struct str server_nonce;
    bool resynchronised;     /* with the resynchronisation nonce, which is valid once: a captured message must not be
                         * accepted again */
    int64_t challenges_used; /* 0 = unchanged */
    /* steps that can never fit, when the session ends with this reply; otherwise the next news has them */
    struct sml_outcome *unsent;
    /* The session cannot continue within the device's MaxMsgSize (`limit`): the shortest message that could has
     * `shortest` octets; 0 = it can continue. Not even this reply fits, so it must not be sent. */
    size_t limit, shortest;
    bool unfit;
};

enum { SML_STEP_GROUP_MAX = 200 };
/* One thing to send. */
struct sml_step {
    enum sml_cmd_kind kind; /* GET ADD REPLACE DELETE EXEC COPY ALERT (interaction, data = code) ATOMIC SEQUENCE */
    uint64_t tag;           /* returned in its outcome */
    struct str uri, source; /* target; source for Copy */
    struct str format, type, data; /* format empty = no Meta; data sent when has_data;
                                    * of format bin: base64, octets on the wire (in XML: base64, Format b64) */
    bool has_data;
    struct str correlator;
    struct sml_item *items;    /* ALERT: option, text and choices in their order */
    struct sml_step *children; /* of ATOMIC and SEQUENCE */
    struct sml_step *next;
};

/**
 * @param token  unguessable text that RespURI carries ("" = send no RespURI); @param resp_base  URL that it is appended
 * to as "?s="
 */
struct sml_server *sml_server_create(const struct sml_server_config *c, struct str session_id, struct str device_id,
                                     struct str resp_base, struct str token);
void sml_server_destroy(struct sml_server *s);
/** Bytes that this session holds. */
size_t sml_server_bytes(const struct sml_server *s);
bool sml_server_over(const struct sml_server *s);

/**
 * Does this message alone authenticate its sender? It needs no session and changes none.
 * @return `ok` with `how`; else the status for the sender
 */
struct sml_verdict sml_server_prove(const struct sml_server_config *c, const struct sml_msg *m,
                                    const struct sml_transport *t, const struct sml_account *account,
                                    const struct world *w, struct arena *a);
/** Turn a verdict into one without the session's token: what happened before does not count for the next message. */
void sml_verdict_alone(struct sml_verdict *v);

/** The verdict on the last message; for a recording. */
const struct sml_verdict *sml_server_verdict(const struct sml_server *s);
/**
 * Use this verdict for the next message, whatever it carries: a replay has no secrets. NULL ends that; `v` is borrowed.
 */
void sml_server_give_verdict(struct sml_server *s, const struct sml_verdict *v);

/** Abort: the next reply carries Alert 1223 and ends the session (S-502). */
void sml_server_stop(struct sml_server *s);

/**
 * Take in one message. `m`, `account`, `news` and the arena must stay valid until its reply is built. The caller
 * handles repeated messages (it keeps the last reply's bytes).
 * @param a     owns `news`, which borrows from `m`
 * @return RC_OK also for wrong credentials, aborts and errors of the peer (they are answered); RC_NOMEM, RC_LIMIT
 * otherwise
 */
enum rc sml_server_take(struct sml_server *s, const struct sml_msg *m, const struct sml_transport *t,
                        const struct sml_account *account, const struct world *w, struct arena *a,
                        struct sml_news *news, struct err *e);
/**
 * Build the reply to the last message: its Statuses, then as many of the steps, in their order, as fit the device's
 * MaxMsgSize. Steps are used only when news.who is KNOWN and news.package_done. A value too long for one message is
 * sent in pieces over the next messages (when the device has LrgObj; `large_objects`). A step that can never fit is
 * reported in the next news with 413. The reply never exceeds the device's MaxMsgSize.
 * @param type    encoding of the reply (sizes are counted in it)
 * @param n_sent  number of `steps` (top level) in this reply
 * @param keep    what the database must hold before the reply is sent
 * @param hmac    value of x-syncml-hmac, or empty. It depends on the reply's bytes: sml_server_mac makes it after
 * encoding.
 * @return after any rc but RC_OK the session must be destroyed
 */
enum rc sml_server_answer(struct sml_server *s, struct sml_step *steps, bool large_objects, enum sml_type type,
                          const struct sml_account *account, const struct world *w, struct arena *a,
                          struct sml_msg *reply, size_t *n_sent, struct sml_keep *keep, struct err *e);
/** After encoding: the x-syncml-hmac header value for these bytes, empty when MAC is not in use. */
struct str sml_server_mac(struct sml_server *s, const struct sml_account *account, struct str encoded, struct arena *a);
/**
 * A complete reply with this SyncHdr status (400, 413, 503, 505, 513 ...), for a message that could not be decoded far
 * enough for a session, or that an overloaded server does not accept.
 */
enum rc sml_server_refuse(const struct sml_server_config *c, const struct sml_msg *m, int status, struct arena *a,
                          struct sml_msg *reply, struct err *e);
#endif
