/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_SESSION_SERVER_INT_H
#define SYNCML_SESSION_SERVER_INT_H
/* Shared by the files of the server machine, and private to them. */
#include "syncml/compose.h"
#include "syncml/session/large_object.h"
#include "syncml/session/server.h"

enum { SERVER_OWN_NONCE_MAX = SML_NONCE_MAX, SERVER_OWN_TRIES = 2 };

/* One command that was sent and is not finished: what its Status and Results refer to (S-205). */
struct sent_row {
    uint64_t tag;
    uint32_t uri_at, uri_n; /* in sent_table.uris */
    uint16_t cmd_id;
    int16_t code;      /* last Status; 0 = none yet */
    uint32_t shortest; /* a 413 of the server's own: octets of a message with it */
    int16_t refused;   /* status that refused its Results: no later Status or Results change that */
    uint8_t kind;      /* enum sml_cmd_kind */
    bool told;         /* an outcome was reported */
    bool local;        /* never sent: `code` is the server's own verdict (413, 405, 215) */
};

/* Commands of the last message that carried any; one block of memory. */
struct sent_table {
    uint32_t msg_id;
    uint16_t n;
    size_t bytes;
    struct sent_row *rows;
    char *uris;
};

/* A value that is being sent in pieces. */
struct object_out {
    struct sml_step step; /* uri, format, type and data in wire form, in `texts` */
    char *texts;
    size_t sent, bytes;
    int code; /* of the last piece's Status; 0 = none yet */
};

/* One Status that the server owes for a part of the last message. In the message's arena. */
struct owed_status {
    struct str msg_ref, cmd_ref, cmd, target, source;
    int code;
    struct sml_alert_in *alerts; /* the codes are in these alerts, which the caller may change */
    size_t n_alerts;
    struct owed_status *next;
};

/* State between take and answer. */
struct server_message {
    const struct sml_msg *m;
    struct owed_status *due, **due_tail;
    int header_code;
    bool trusted;        /* the client is authenticated */
    bool chal;           /* SyncHdr Status carries a Chal: scheme and fresh nonce */
    bool next_nonce;     /* ... of the scheme in use, for the next message or session */
    bool resynchronised; /* the credentials were made with the resynchronisation nonce */
    int64_t challenge;   /* ... that was answered */
    const uint8_t *challenge_key;
    bool abort;      /* the reply carries 1223 */
    bool stop;       /* the reply has Final and nothing else */
    bool resend;     /* send commands of s->copy, not the caller's */
    bool steps;      /* send the caller's steps */
    bool pieces;     /* the object being sent in pieces continues */
    bool joining;    /* a piece came in this message */
    bool other;      /* a command that is not allowed between two pieces */
    bool wants_next; /* Alert 1222 came */
    bool cut;        /* Alert 1225 for this object */
    struct str cut_target, cut_source;
};

struct sml_server {
    const struct sml_server_config *c;
    struct str session_id, device_id, resp_uri; /* in `texts` */
    char *texts;
    uint32_t msg_out, n_messages;
    uint64_t peer_max_msg, peer_max_obj;
    enum sml_dtd dtd;
    uint8_t ver_dtd, ver_proto; /* rows of the version tables */
    uint8_t tries, own_tries;
    bool over, stopping, setup, known, opened; /* opened: authenticated once */
    bool challenged;
    bool per_message;         /* credentials in every message (200 mode) */
    bool own_open;            /* the last reply had no Final for the server's own reasons */
    bool peer_done;           /* the client's package is complete */
    uint8_t scheme, demanded; /* enum sml_auth: accepted; demanded in the last Chal */
    bool has_nonce;
    int64_t challenge;              /* the slot of `nonce`, 0 = it belongs to no challenge */
    uint8_t nonce[SML_NONCE_BYTES]; /* given in this session, for the client's next credentials */
    uint8_t own_scheme;             /* the server towards the client */
    bool own_wanted, own_settled, own_sent, own_mac;
    bool own_keep; /* own_nonce must be stored */
    uint8_t own_nonce_n;
    bool has_own_nonce;
    uint8_t own_nonce[SERVER_OWN_NONCE_MAX];
    struct sent_table *sent;
    char *copy; /* packed steps, for a client that wants the server to authenticate itself first */
    size_t copy_bytes;
    uint32_t copy_n, copy_from, copy_next; /* number of its steps; first of the last message; first not sent yet */
    struct buf owed;                       /* packed Statuses that did not fit */
    struct object_out *out;
    struct sml_join *in;
    struct server_message turn;
    struct sml_verdict verdict;      /* the last one */
    const struct sml_verdict *given; /* replay: use this one for the next message */
};

/* server_auth.c */
/** Authenticate the sender of a message. Changes nothing. */
struct sml_verdict sml_server_check(const struct sml_server *s, const struct sml_msg *m, const struct sml_transport *t,
                                    const struct sml_account *account, const struct world *w, struct arena *a);
/**
 * Read the client's Status for the server's SyncHdr. @return false when the session cannot continue; *why is the reason
 */
bool sml_server_own_status(struct sml_server *s, const struct sml_cmd *status, const struct sml_account *account,
                           struct arena *a, const char **why);
/** Apply a verdict. */
void sml_server_accept_verdict(struct sml_server *s, const struct sml_verdict *v);
/** Add the Chal of the SyncHdr Status and the Cred of the header; report what must be stored. */
void sml_server_put_chal(struct sml_server *s, struct compose *b, struct sml_cmd *status,
                         const struct sml_account *account, const struct world *w, struct sml_keep *keep);
void sml_server_put_cred(struct sml_server *s, struct sml_msg *reply, const struct sml_account *account,
                         struct arena *a);

/* server_sent.c */
void sml_server_sent_free(struct sml_server *s);
/** Find the command that a Status or Results refers to; -1 when there is none. */
int sml_server_sent_find(const struct sml_server *s, const struct sml_cmd *c);
/* Rows while a message is being built; one block is made of them afterwards. */
struct sent_list {
    struct sent_row row;
    struct str uri;
    struct sent_list *next;
};
struct sent_draft {
    struct sent_list *first, **tail;
    size_t n;
};
bool sml_server_draft_add(struct sent_draft *d, struct arena *a, const struct sml_step *step, unsigned cmd_id,
                          int local_code, size_t shortest);
enum rc sml_server_draft_keep(struct sml_server *s, const struct sent_draft *d);
/** Keep the first n steps in s->copy, packed; and unpack them again. */
enum rc sml_server_copy_steps(struct sml_server *s, const struct sml_step *steps, size_t n);
enum rc sml_server_unpack_steps(const struct sml_server *s, uint32_t skip, struct arena *a, struct sml_step **out);
void sml_server_copy_free(struct sml_server *s);
void sml_server_pack_due(struct buf *b, const struct owed_status *d, int code);
enum rc sml_server_unpack_dues(struct str bytes, struct arena *a, struct owed_status **out);
void sml_server_out_free(struct sml_server *s);
enum rc sml_server_out_begin(struct sml_server *s, const struct sml_step *step, struct str format, struct str data);

/* server_take.c */
enum { SERVER_CMDS_MAX = 2000 }; /* commands of one message that get a Status */
struct gather {                  /* outcomes of this message, by row of the table */
    struct sml_outcome **row;
    struct sml_value ***tail;
    size_t n;
};
struct server_reader {
    struct sml_server *s;
    const struct sml_msg *m;
    const struct sml_account *account;
    struct arena *a;
    struct sml_news *news;
    struct gather g;
    struct sml_value **devinfo;
    struct sml_alert_in **alerts;
    struct owed_status *last_due;
    unsigned n_due;
    const char *why; /* set when the session cannot continue */
    enum rc rc;
};
/** Read all commands of a known client, in order. */
void sml_server_read_commands(struct server_reader *r);
/** Add a Status owed for c. @return NULL past the ceiling (r->rc is set) */
struct owed_status *sml_server_due(struct server_reader *r, const struct sml_cmd *c, int code);

/** The outcome of a row in this message; created when there is none. */
struct sml_outcome *sml_server_outcome(struct server_reader *r, int row, int code);
/** Format in lower case and "chr" by default, Type "text/plain" by default; Item over command, element by element
 * (S-218). */
void sml_server_meta(struct server_reader *r, const struct sml_meta *item, const struct sml_meta *cmd,
                     struct str *format, struct str *type);
void sml_server_value(struct server_reader *r, struct sml_value ***tail, struct sml_value v);

/* server_alert.c */
void sml_server_read_alert(struct server_reader *r, const struct sml_cmd *c);

/* server_large_object.c */
/** Is this Item a piece of an object, the first one or a further one? */
bool sml_server_is_piece(const struct server_reader *r, const struct sml_cmd *c, const struct sml_item *it, int row);
/**
 * Take a piece. @param row  row of the table, -1 none
 * @param whole  after the last piece the joined Item (value in the arena, Meta of the first piece)
 * @return its status: 213, 200 after the last one, 411, 413, 424. Once an object is refused, its remaining pieces get
 * the same status and are dropped.
 */
int sml_server_join(struct server_reader *r, const struct sml_cmd *c, const struct sml_item *it, int row,
                    struct sml_item *whole);
/** Refuse an object that may not come in pieces: this piece and the remaining ones. @return status */
int sml_server_refuse_piece(struct server_reader *r, const struct sml_cmd *c, const struct sml_item *it, int status);
/** The object will not continue: send Alert 1225; its step has failed. */
void sml_server_cut(struct server_reader *r);

/* server_steps.c */
struct step_writer {
    struct sml_server *s;
    struct compose *b;
    struct sent_draft *draft;
    size_t alone; /* octets of a reply without steps */
    bool large;   /* the device supports large objects */
    unsigned n_asked;
    bool large_begun; /* s->out holds the last step counted in n_sent */
    bool wait;        /* there are steps, but Statuses left no room for any */
};
/**
 * Build the command for a step, with its children; it is not in the message yet. @param rc  set when there is no room
 */
struct sml_cmd *sml_server_step_cmd(struct compose *b, const struct sml_step *p, enum rc *rc);
enum rc sml_server_write_steps(struct step_writer *w, const struct sml_step *steps, size_t *n_sent);

extern const char *const server_ver_dtd[2], *const server_ver_proto[3];
#endif
