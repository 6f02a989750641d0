/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_ACCOUNT_H
#define DB_ACCOUNT_H
/* A device with its account and its last contact: the facts that a message is checked against, and the columns that
 * nearly every message changes (tables account and contact, with columns of device). */
#include "db/sql/sql.h"

struct db_account {
    int64_t device, generation, observed_generation;
    struct str settled_token, layout_mo; /* empty = none */
    struct str mo_root, mo_images;       /* where it has its objects; empty = where the layout has them */
    int64_t devinfo_hash, next_kpi_ms;   /* next_kpi_ms 0 = none due */
    struct str user_agent, remote;
    int record; /* flight recorder: 1 every session, 0 none, -1 the authority's setting */
    /* credentials */
    struct str client_name, client_ha1, server_name, server_ha1, auth; /* ha1: sealed */
    struct str client_nonce, server_nonce;
    bool resynchronised;
    int64_t resync_until_ms, challenges_used, certificate_until_ms; /* times: 0 = none */
    /* alerts */
    struct str booked;
    int64_t booked_ms, alerts_left, alerts_ms; /* alerts_left -1 = the full budget */
};

/** Find by authority and device name; texts in the arena. @return RC_NOT_FOUND */
enum rc db_account_find(struct sql *db, int64_t authority, struct str name, struct arena *a, struct db_account *out,
                        struct err *e);

/* What every message of a device changes. */
struct db_contact {
    int64_t device, now_ms;
    struct str client_nonce, server_nonce; /* empty = none */
    int64_t challenges_used, certificate_until_ms;
    bool resynchronised; /* these credentials answered the resynchronisation nonce */
    bool quiet;          /* the session had nothing to do */
};
enum rc db_contact_put(struct sql *db, const struct db_contact *c, struct err *e);
/** Store the open alerts and the remaining alert budget. */
enum rc db_contact_book(struct sql *db, int64_t device, struct str booked, int64_t alerts_left, int64_t now_ms,
                        struct err *e);
#endif
