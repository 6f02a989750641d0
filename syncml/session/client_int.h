/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_SESSION_CLIENT_INT_H
#define SYNCML_SESSION_CLIENT_INT_H
/* What the files of the client machine share. Nobody else includes this. */
#include "base/vec.h"
#include "syncml/session/client.h"
#include "syncml/compose.h"
#include "syncml/session/large_object.h"

enum { CLIENT_CHALLENGES_MAX = 3, CLIENT_SERVER_TRIES = 2, CLIENT_QUEUE_BYTES = 64 << 20, CLIENT_URI_BYTES = 4096 };

/* Something to be said: a Status, one Item of Results, an Alert, the Replace of package 1. In the queue's arena. */
struct queued {
    struct sml_cmd cmd;
    bool tagged; /* an alert of the caller's */
    uint64_t tag;
    struct queued *next;
};

struct client_told {
    uint64_t tag;
    uint32_t msg, cmd;
}; /* an alert that waits for its Status */

/* One command of the message last taken that is owed a Status. In that message's arena. */
struct client_slot {
    const struct sml_cmd *cmd;
    int code; /* 0: the caller's answer says it */
    struct client_slot *next;
};

struct client_turn {
    const struct sml_msg *m;
    struct client_slot *slots, **slot_tail;
    size_t n_asked;  /* slots with code 0 */
    int header_code; /* our Status for the server's SyncHdr */
    bool chal;       /* ... with a Chal: the server is to prove itself */
    bool next_nonce; /* ... with the server's nonce for next time */
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
    /* ours towards the server */
    enum sml_auth scheme;
    bool accepted, sent, sent_fresh; /* 212; our last message had credentials; made with a nonce of this session */
    bool fresh, unsaved;             /* nonce came in this session; and is to be kept once the server is trusted */
    unsigned challenges;
    uint8_t nonce[SML_NONCE_MAX];
    uint8_t n_nonce;
    /* the server's towards us */
    bool server_ok, server_asked; /* 212 given; challenged once */
    bool proved;                  /* at least once in this session */
    unsigned server_tries;
    bool has_server_nonce, server_nonce_unsaved;
    uint8_t server_nonce[SML_NONCE_BYTES];
    /* what is to be said */
    struct arena queue;
    struct queued *first, *next, **tail; /* first of the last message; first not said yet */
    size_t piece_from, piece_to; /* of next's value, when it goes in pieces: said before, and with the last message */
    uint32_t piece_msg, piece_cmd;
    VEC(struct client_told) told;
    struct sml_join *in;
    struct client_turn turn;
};

/* client_auth.c */
/** The server's credentials in this message: sets turn.header_code, chal, next_nonce, trusted. @return false when the
 * session is over */
bool sml_client_check_server(struct sml_client *s, const struct sml_msg *m, const struct sml_hmac *hmac, struct str raw,
                             bool asks, struct arena *a, const char **why);
/** The server's Status for our SyncHdr. @return false when we were refused for good; *why says it */
bool sml_client_own_status(struct sml_client *s, const struct sml_cmd *status, struct arena *a, const char **why);
void sml_client_put_cred(struct sml_client *s, struct sml_msg *out, struct arena *a, bool *nomem);
void sml_client_put_chal(struct sml_client *s, struct compose *b, struct sml_cmd *status, const struct world *w);
/** Which nonces may be kept now. */
enum rc sml_client_keep(struct sml_client *s, struct arena *a, struct sml_client_keep *keep);

/* client_queue.c */
void sml_client_queue_init(struct sml_client *s);
/** A command to be said, copied deeply. @return NULL when there is no room */
struct queued *sml_client_queue(struct sml_client *s, const struct sml_cmd *c);
enum rc sml_client_queue_answers(struct sml_client *s, const struct sml_answer *answers);
enum rc sml_client_queue_alerts(struct sml_client *s, const struct sml_alert_out *alerts);
/** What the last message said has arrived; or has to be said again. */
void sml_client_queue_done(struct sml_client *s);
void sml_client_queue_rewind(struct sml_client *s);
/** The server does not want the object on its way out in pieces. */
void sml_client_drop_piece(struct sml_client *s);
/** As much as fits. @return RC_NOMEM */
enum rc sml_client_say(struct sml_client *s, struct compose *b);
bool sml_client_take_tag(struct sml_client *s, const struct sml_cmd *status, uint64_t *tag);
#endif
