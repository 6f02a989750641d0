/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DM_EXCHANGE_H
#define SERVER_DM_EXCHANGE_H
/* One DM message in, one out (house style, "One exchange, top to bottom"). Everything that must be kept goes into
 * the turn's transaction: the caller commits it, and only then lets the replies go. */
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
    struct recorder recorder;
    struct refusals *refusals;
    uint8_t challenge_key[32]; /* syncml/challenge.h: of this process, and of no time before the clock was set back */
    int64_t challenge_ms;      /* when it was last used */
    uint64_t message, turn;    /* number of the last message; of the first one of this turn */
    struct arena kept;         /* of one turn: what its messages change */
    struct turn_message *first, *last; /* server/dm/turn.h */
    bool committed;                    /* they are over */
    bool broken;                       /* the turn cannot be committed */
    int64_t clock_ms;                  /* server/dm/clock_step.h */
    struct session *failed;            /* server/dm/session_log.h: their ends are not written yet; linked by `newer` */
    unsigned n_failed;
    uint64_t samples_written;     /* server/store/ceilings.h */
    int64_t swept_path, sweep_ms; /* uri_table_sweep goes on after this one, or begins again then */
    bool events;                  /* the turn wrote something for the live stream */
    bool dirty;                   /* the turn wrote anything */
    bool closing;                 /* sessions that are given up now are not their devices' doing */
};

struct exchange_request {
    struct str authority; /* of the path; empty = the only one */
    struct str token;     /* what RespURI carried, or empty */
    struct str resp_base; /* RespURI without its token */
    struct str body, user_agent, remote, hmac;
    const struct certificate *certificate; /* server/http/certificate.h; NULL = none was shown */
    enum sml_type type, answer;            /* encoding of the request, and what the answer shall be in */
    bool tls;
};

struct exchange_reply {
    int status; /* HTTP: 200 with a SyncML body; else `body` says in words what is wrong */
    enum sml_type type;
    struct buf body;   /* the caller's to finish */
    char hmac[256];    /* x-syncml-hmac, or "" */
    int retry_after_s; /* 0 = none */
    int delay_ms;      /* it shall not leave before */
    uint64_t message;  /* for dm_kept */
};

enum rc dm_open(const struct server *srv, struct dm **out, struct err *e);
void dm_close(struct dm *dm); /* sessions are lost; what they must leave behind is written */
/** Take one message. The reply is filled in any case; it must not leave before dm_commit said RC_OK.
 *  @return RC_OK also for messages that are refused; otherwise what to log (the reply says 4xx or 5xx) */
enum rc exchange(struct dm *dm, const struct world *w, const struct exchange_request *rq, struct exchange_reply *rp,
                 struct err *e);
/** Keep what the exchanges since the last commit did. On failure nothing of it is kept, and the sessions concerned
 * are gone: answer each with exchange_overload instead. */
enum rc dm_commit(struct dm *dm, struct err *e);
/** After dm_commit said RC_OK: false = what this very message brought could not be kept, and its session is gone. */
bool dm_kept(const struct dm *dm, const struct exchange_reply *rp);
/** 503 with Retry-After. */
void exchange_overload(struct exchange_reply *rp, const char *why);
void exchange_reply_finish(struct exchange_reply *rp);
/** Give up idle sessions, and write what could not be written before (in transactions of its own). */
enum rc dm_expire(struct dm *dm, const struct world *w, struct err *e);
#endif
