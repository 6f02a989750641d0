/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_DEVICE_STATE_H
#define DB_DEVICE_STATE_H
/* The progress of a device: the columns of device that sessions write. */
#include "db/sql/sql.h"

struct db_device_state {
    int64_t device;
    struct str layout_mo, settled_token; /* empty = none */
    struct str mo_root, mo_images;       /* where it has its objects; empty = where the layout has them */
    bool mirror_read, large_objects, careful;
    int64_t lists; /* enum dm_lists */
    int64_t observed_generation, planned_generation;
    int64_t next_kpi_ms, summary_ms; /* 0 = none */
    struct str summary, summary_why;
    /* read only */
    struct str title;
    int64_t created_ms;
};

/** Without layout_mo, mo_root, mo_images, settled_token, observed_generation and next_kpi_ms (db/account.h has them); texts
 * in the arena. @return RC_NOT_FOUND */
enum rc db_device_state_find(struct sql *db, int64_t device, struct arena *a, struct db_device_state *out,
                             struct err *e);
enum rc db_device_state_put(struct sql *db, const struct db_device_state *s, struct err *e);
/** Record that the last session ended while commands were unanswered. */
enum rc db_device_state_careful(struct sql *db, int64_t device, struct err *e);
/** Store the user agent and the address of the last connection. */
enum rc db_device_state_caller(struct sql *db, int64_t device, struct str user_agent, struct str remote, struct err *e);
/** @param hash  over the DevInfo that it reported */
enum rc db_device_state_devinfo(struct sql *db, int64_t device, int64_t hash, struct err *e);
/** The device's authority and name, name in the arena. @return RC_NOT_FOUND: there is no such device, or it was deleted
 * */
enum rc db_device_state_name(struct sql *db, int64_t device, struct arena *a, int64_t *authority, struct str *name,
                             struct err *e);
#endif
