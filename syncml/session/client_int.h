/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_SESSION_CLIENT_INT_H
#define SYNCML_SESSION_CLIENT_INT_H
/* Shared by the files of the client machine, and private to them. */
#include "base/vec.h"
#include "syncml/session/client.h"
#include "syncml/compose.h"
#include "syncml/session/large_object.h"

enum { CLIENT_CHALLENGES_MAX = 3, CLIENT_SERVER_TRIES = 2, CLIENT_QUEUE_BYTES = 64 << 20, CLIENT_URI_BYTES = 4096 };

/* One entry of the queue: a Status, one Item of Results, an Alert, or the Replace of package 1. In the queue's
 * arena. */
struct queued {
    struct sml_cmd cmd;
    bool tagged; /* an alert with the caller's tag */
    uint64_t tag;
    struct queued *next;
};

struct client_told {
    uint64_t tag;
    uint32_t msg, cmd;
}; /* an alert that waits for its Status */

/* One command of the last message that needs a Status. In that message's arena. */
struct client_slot {
    const struct sml_cmd *cmd;
    int code; /* 0: taken from the caller's answer */
    struct client_slot *next;
};

struct client_turn {
    const struct sml_msg *m;
    struct client_slot *slots, **slot_tail;
    size_t n_asked;  /* slots with code 0 */
    int header_code; /* Status for the server's SyncHdr */
    bool chal;       /* ... with a Chal: the server must authenticate itself */
    bool next_nonce; /* ... with the server's next nonce */
    bool trusted;
    bool resend;
    bool joining, cut;
    struct str cut_target, cut_source;
};

struct sml_client {
    struct sml_client_config c; /* texts in `life` */
    struct sml_client_account acc;
    struct str session_id;
    struct arena life;
    struct buf resp_uri;
    uint32_t msg_out;
    uint64_t peer_max_msg, peer_max_obj;
    bool over, own_final, server_open;
    /* the client towards the server */
    enum sml_auth scheme;
    bool accepted, sent, sent_fresh; /* accepted with 212; the last message had credentials; made with a nonce of
                                      * this session */
    bool fresh, unsaved;             /* the nonce came in this session; it must be persisted once the server is
                                      * trusted */
    unsigned challenges;
    uint8_t nonce[SML_NONCE_MAX];
    uint8_t n_nonce;
    /* the server towards the client */
    bool server_ok, server_asked; /* 212 was sent; challenged once */
    bool proved;                  /* at least once in this session */
    unsigned server_tries;
    bool has_server_nonce, server_nonce_unsaved;
    uint8_t server_nonce[SML_NONCE_BYTES];
    /* outgoing commands */
    struct arena queue;
    struct queued *first, *next, **tail; /* first of the last message; first not sent yet */
    size_t piece_from, piece_to; /* part of next's value when it goes in pieces: octets sent before, and including
                                  * the last message */
    uint32_t piece_msg, piece_cmd;
    VEC(struct client_told) told;
    struct sml_join *in;
    struct client_turn turn;
};

/* client_auth.c */
/**
 * Check the server's credentials in this message: sets turn.header_code, chal, next_nonce, trusted. @return false when
 * the session is over
 */
bool sml_client_check_server(struct sml_client *s, const struct sml_msg *m, const struct sml_hmac *hmac, struct str raw,
                             bool asks, struct arena *a, const char **why);
/**
 * Read the server's Status for the client's SyncHdr. @return false when the credentials were refused finally; *why is
 * the reason
 */
bool sml_client_own_status(struct sml_client *s, const struct sml_cmd *status, struct arena *a, const char **why);
void sml_client_put_cred(struct sml_client *s, struct sml_msg *out, struct arena *a, bool *nomem);
void sml_client_put_chal(struct sml_client *s, struct compose *b, struct sml_cmd *status, const struct world *w);
/** Report the nonces that may be persisted now. */
enum rc sml_client_keep(struct sml_client *s, struct arena *a, struct sml_client_keep *keep);

/* client_queue.c */
void sml_client_queue_init(struct sml_client *s);
/** Queue an outgoing command, copied deeply. @return NULL when there is no room */
struct queued *sml_client_queue(struct sml_client *s, const struct sml_cmd *c);
enum rc sml_client_queue_answers(struct sml_client *s, const struct sml_answer *answers);
enum rc sml_client_queue_alerts(struct sml_client *s, const struct sml_alert_out *alerts);
/** The content of the last message has arrived, or must be sent again. */
void sml_client_queue_done(struct sml_client *s);
void sml_client_queue_rewind(struct sml_client *s);
/** Drop the object that is being sent in pieces: the server refuses it. */
void sml_client_drop_piece(struct sml_client *s);
/** Write as much of the queue as fits. @return RC_NOMEM */
enum rc sml_client_say(struct sml_client *s, struct compose *b);
bool sml_client_take_tag(struct sml_client *s, const struct sml_cmd *status, uint64_t *tag);
#endif
