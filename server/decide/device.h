/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_DEVICE_H
#define SERVER_DECIDE_DEVICE_H
/* A device's row in the database, without its tree. */
#include "ddf/layout/layout.h"
#include "syncml/session/server.h"

enum dm_lists { DM_LISTS_UNTRIED, DM_LISTS_WORK, DM_LISTS_UNSUPPORTED };

struct authority; /* server/store/authorities.h */

struct dm_device {
    int64_t id, authority;
    struct str name, title, authority_name, server_id;
    const struct authority *au; /* opaque here */
    const struct ddf_layout *layout;
    int64_t generation, observed_generation, planned_generation;
    struct str settled_token, layout_mo;
    struct str mo_root, mo_images; /* where it has its objects; empty = where the layout has them */
    bool mirror_read, list_unsupported, large_objects;
    enum dm_lists lists;
    int64_t devinfo_hash, next_kpi_ms; /* next_kpi_ms 0 = none due */
    struct str user_agent, remote, summary, summary_why;
    bool careful; /* its last session ended with unanswered commands: send few at a time */
    int64_t summary_ms, created_ms;
    struct str booked; /* server/decide/repeats.h */
    int64_t booked_ms;
    int64_t alerts_left, alerts_ms; /* server/decide/alerts.c; -1 = the full budget */
    int record;                     /* flight recorder: 1 every session, 0 none, -1 the authority's setting */
    int64_t certificate_until_ms;   /* notAfter of the last client certificate; 0 = none */
    struct sml_account account;     /* decrypted */
};
#endif
