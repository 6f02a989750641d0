/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_SESSION_CLIENT_H
#define SYNCML_SESSION_CLIENT_H
/* The device's end of one DM session as step functions. The agent executes the commands that `take` returns on its
 * tree and passes the results to `answer`. Pure, like syncml/session/server.h. */
#include "base/world.h"
#include "syncml/cred.h"
#include "syncml/msg.h"

struct sml_client;

struct sml_client_account { /* DMAcc (protocol.md 13.3, OMA-TS-DM_StdObj-V1_2_1 5.3.1) */
    struct str server_id, url;
    struct str client_name, client_ha1, client_password; /* password only where BASIC is used, else empty */
    struct str server_name, server_ha1;
    struct str client_nonce, server_nonce; /* decoded octets */
    enum sml_auth pref;                    /* AAuthPref: sent unasked in package 1; NONE waits for the challenge */
    bool server_by_tls;                    /* the transport authenticates the server, no SRVCRED needed */
};

struct sml_client_config {
    struct str device_id, user_agent;
    uint64_t max_msg_bytes, max_obj_bytes; /* limits of this device; announced */
    enum sml_type type;
    unsigned max_messages;
};

struct sml_leaf {
    struct str uri, format, type, data;
    bool has_data;
}; /* an empty type means text/plain, or none */

struct sml_alert_out { /* 1224, 1226 */
    uint64_t tag;      /* the caller's; returned in sml_client_news.acked */
    int code;
    struct str source, type, format, mark, data, correlator;
    struct sml_alert_out *next;
};

/* Answer to one command (in the order of sml_client_news.cmds; answers to the commands of a container are its
 * children). */
struct sml_answer {
    int code;                 /* for all items, when item_codes is NULL */
    const int *item_codes;    /* one for each item, or NULL */
    struct sml_leaf *results; /* Get (and ?list=): values found */
    size_t n_results;
    struct sml_item *items;      /* Status items: answers of an interaction, offending parent */
    struct sml_answer *children; /* Atomic, Sequence: as many as the command has children */
};

struct sml_client_news {
    bool refused; /* the server refused the credentials even after the retry: the session is over */
    const char *why;
    bool resend; /* the server challenged: sml_client_answer builds package 1 again, nothing to execute */
    struct sml_cmd
        *cmds; /* to be executed, in order; an array that `next` also links. Large objects are joined, Alert 1222 and
               * the like are handled already */
    size_t n_cmds;
    uint64_t *acked; /* tags of the alerts that the server answered with 200 or 202 */
    size_t n_acked;
    bool over;    /* nothing more to send */
    bool aborted; /* 1223, or the server failed to authenticate itself */
};

/* What the agent must persist when set (decoded octets). */
struct sml_client_keep {
    struct str client_nonce, server_nonce;
};

struct sml_client *sml_client_create(const struct sml_client_config *c, const struct sml_client_account *acc,
                                     struct str session_id);
void sml_client_destroy(struct sml_client *s);
/**
 * The address of the next message: RespURI when the server gave one, else the account's URL. Another host than the
 * account's is used only after the server has authenticated itself. A step from TLS to an address without TLS ends the
 * session (news.aborted).
 */
struct str sml_client_url(const struct sml_client *s);
/** Has the server authenticated itself in this session? Only then does it count as contacted. */
bool sml_client_proved(const struct sml_client *s);

/**
 * Build package 1. @param alert 1200 or 1201; devinfo: the five leaves (and Ext, Bearer); alerts may be NULL. A copy is
 * kept for a second attempt.
 */
enum rc sml_client_first(struct sml_client *s, int alert, const struct sml_leaf *devinfo, size_t n_devinfo,
                         const struct sml_alert_out *alerts, const struct world *w, struct arena *a,
                         struct sml_msg *out, struct err *e);
/**
 * Take in a message. `m` and the arena must stay valid until sml_client_answer. @param hmac x-syncml-hmac of the
 * response, or NULL; raw: the octets of its body
 * @return RC_INVALID when it does not belong to this session, or the session is over; RC_NOMEM
 */
enum rc sml_client_take(struct sml_client *s, const struct sml_msg *m, const struct sml_hmac *hmac, struct str raw,
                        const struct world *w, struct arena *a, struct sml_client_news *news,
                        struct sml_client_keep *keep, struct err *e);
/**
 * Build the next message: Statuses and Results for the commands last taken (split over messages within MaxMsgSize), and
 * new alerts. @param answers n_cmds of them, or NULL when there are none; copied
 * @return RC_OK; *over = true when there is nothing to send and the session has ended well
 */
enum rc sml_client_answer(struct sml_client *s, const struct sml_answer *answers, const struct sml_alert_out *alerts,
                          const struct world *w, struct arena *a, struct sml_msg *out, bool *over,
                          struct sml_client_keep *keep, struct err *e);
/** A message with Alert 1223. */
enum rc sml_client_abort(struct sml_client *s, const struct world *w, struct arena *a, struct sml_msg *out,
                         struct err *e);
/** After encoding: x-syncml-hmac value, empty when MAC is not in use. */
struct str sml_client_mac(struct sml_client *s, struct str encoded, struct arena *a);
#endif
