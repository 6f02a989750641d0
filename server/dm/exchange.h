/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DM_EXCHANGE_H
#define SERVER_DM_EXCHANGE_H
/* One DM message in, one out (house style, "One exchange, top to bottom"). All changes go into the turn's transaction:
 * the caller commits it and only then sends the replies. */
#include "server/dm/recorder.h"
#include "server/dm/sessions.h"
#include "server/dm/turn.h"
#include "server/store/store.h"

enum {
    EXCHANGE_ARENA_BYTES = 64 << 20,
    EXCHANGE_RETRY_S = 30,
    EXCHANGE_REPEAT_MS = 10000,
    EXCHANGE_SWEEP_MS = 3600000
};

struct certificate;
struct refusals; /* server/dm/refusals.h */

struct dm { /* of one worker */
    const struct server *srv;
    struct store *st;
    struct sessions *sessions;
    struct arena arena; /* of one message */
    struct buf out;
    struct buf facts, decisions; /* of one message, when it is recorded */
    struct recorder recorder;
    struct refusals *refusals;
    uint8_t challenge_key[32];         /* syncml/challenge.h: new for each process, and after the clock was set back */
    int64_t challenge_ms;              /* when it was last used */
    uint64_t message, turn;            /* number of the last message, and of the turn's first message */
    struct arena kept;                 /* the changes of one turn's messages */
    struct turn_message *first, *last; /* server/dm/turn.h */
    bool committed;                    /* the messages of the turn are committed */
    bool broken;                       /* the turn cannot be committed */
    int64_t clock_ms;                  /* server/dm/clock_step.h */
    struct session *failed; /* server/dm/session_log.h: sessions whose end is not written yet; linked by `newer` */
    unsigned n_failed;
    uint64_t samples_written;     /* server/store/ceilings.h */
    int64_t swept_path, sweep_ms; /* where and when uri_table_sweep continues */
    bool events;                  /* the turn wrote events */
    bool dirty;                   /* the turn wrote anything */
    bool closing;                 /* sessions that end now do not end by their devices' fault */
};

struct exchange_request {
    struct str authority; /* of the path; empty = the only one */
    struct str token;     /* from RespURI, or empty */
    struct str resp_base; /* RespURI without its token */
    struct str body, user_agent, remote, hmac;
    const struct certificate *certificate; /* server/http/certificate.h; NULL = none was shown */
    enum sml_type type, answer;            /* encoding of the request, and of the answer */
    bool tls;
};

struct exchange_reply {
    int status; /* HTTP: 200 with a SyncML body; otherwise `body` is a text that says what is wrong */
    enum sml_type type;
    struct buf body;   /* the caller's to finish */
    char hmac[256];    /* x-syncml-hmac, or "" */
    int retry_after_s; /* 0 = none */
    int delay_ms;      /* delay before it is sent */
    uint64_t message;  /* for dm_kept */
};

enum rc dm_open(const struct server *srv, struct dm **out, struct err *e);
void dm_close(struct dm *dm); /* sessions are lost; their history is written */
/** Process one message. The reply is filled in any case; it must not be sent before dm_commit returned RC_OK. @return
 * RC_OK also for refused messages; otherwise the error to log (the reply is a 4xx or 5xx) */
enum rc exchange(struct dm *dm, const struct world *w, const struct exchange_request *rq, struct exchange_reply *rp,
                 struct err *e);
/** Commit the changes of the exchanges since the last commit. On failure nothing is stored and their sessions are lost:
 * answer each with exchange_overload instead. */
enum rc dm_commit(struct dm *dm, struct err *e);
/** After dm_commit returned RC_OK: false = the changes of this message could not be stored, and its session is lost. */
bool dm_kept(const struct dm *dm, const struct exchange_reply *rp);
/** 503 with Retry-After. */
void exchange_overload(struct exchange_reply *rp, const char *why);
void exchange_reply_finish(struct exchange_reply *rp);
/** End idle sessions, and write entries that could not be written before (in its own transactions). */
enum rc dm_expire(struct dm *dm, const struct world *w, struct err *e);
#endif
