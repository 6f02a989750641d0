/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_CORE_SERVER_H
#define SERVER_CORE_SERVER_H
/* State that the threads of dmvisord share. main creates it and passes it down; nothing is at file scope. Each thread
 * has its own database connection; the pointers here are immutable after start or point to objects with their own lock.
 * */
#include "base/arena.h"
#include "db/sql/sql.h"
#include "ddf/layout/layout.h"
#include "ddf/schema.h"
#include "server/core/config.h"

struct events;    /* server/events/events.h: live stream */
struct notifier;  /* server/notify/notifier.h: notifications */
struct worker;    /* server/dm/worker.h: the DM loop */
struct metrics;   /* server/core/metrics.h: counters for /metrics */
struct retention; /* server/jobs/retention.h: expiry of old rows */
struct health;    /* server/core/health.h: faults for the administrator */
struct ddf_cache; /* server/core/ddf_cache.h: merged device descriptions */

struct server {
    const struct server_config *_Atomic config; /* a reload replaces the pointer; the old one stays readable */
    const struct ddf_schema *schema; /* the shipped and configured descriptions; store_schema has those of a device */
    struct ddf_cache *schemas;
    struct ddf_layout *const *layouts;
    size_t n_layouts; /* looked up by the MO identifier that the device reports */
    uint8_t secret_key[32];
    bool key_is_new; /* server_load created it, because no file existed */
    struct events *events;
    struct notifier *notifier;
    struct metrics *metrics; /* NULL = not counted */
    struct health *health;   /* NULL = not recorded */
    struct retention *retention;
};

/** Load the configured files into srv->schema, layouts and secret_key. Everything lives in the arena or until
 * server_unload. */
enum rc server_load(struct server *srv, const struct server_config *c, struct arena *a, struct err *e);
void server_unload(struct server *srv);
/** Read the shipped and configured device descriptions again; the caller destroys the result. The arena holds file
 * names while it runs. */
enum rc server_schema(const struct server_config *c, struct arena *a, struct ddf_schema **out, struct err *e);
/** Where this server's connections report faults; may be NULL. */
struct sql_health *server_database_health(const struct server *srv);
/** Open the database once: check that it is intact and the same as before, migrate its schema, and create the first
 * authority in a new one. @param alone  the database is claimed: no other process has it open
 * @return RC_INVALID when it is damaged, emptied or a different one: e says how to restore it */
enum rc server_prepare_database(const struct server_config *c, bool alone, int64_t now_ms, struct err *e);
/** Check that the key decrypts the database's credentials; after server_load and server_prepare_database. Removes a key
 * file that server_load created in place of a lost one. @return RC_DENIED: it is a different key */
enum rc server_key_fits(const struct server *srv, struct err *e);
/** The full check of pages and indexes; the server may be running. */
enum rc server_check_database(const struct server_config *c, struct err *e);
/** Accept the pages that another program wrote while no server ran. @param pages  how many
 * @return RC_CONFLICT: a server is running; RC_INVALID: the database is damaged in another way */
enum rc server_accept_database(const struct server_config *c, int64_t *pages, struct err *e);
/** The layout for an MO identifier; the first layout for an empty or unknown identifier (a device that has not reported
 * one yet). */
const struct ddf_layout *server_layout(const struct server *srv, struct str mo);
#endif
