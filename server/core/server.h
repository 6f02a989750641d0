/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_CORE_SERVER_H
#define SERVER_CORE_SERVER_H
/* What the threads of dmvisord share. Made in main, handed down; nothing of it is at file scope. Each thread has its
 * own database connection; pointers here are either immutable after the start or have locks of their own. */
#include "base/arena.h"
#include "db/sql/sql.h"
#include "ddf/layout/layout.h"
#include "ddf/schema.h"
#include "server/core/config.h"

struct events;    /* server/events/events.h: live stream */
struct notifier;  /* server/notify/notifier.h: notifications */
struct worker;    /* server/dm/worker.h: the DM loop */
struct metrics;   /* server/core/metrics.h: counters for /metrics */
struct retention; /* server/jobs/retention.h: what is old goes */
struct health;    /* server/core/health.h: what a person must know of */
struct ddf_cache; /* server/core/ddf_cache.h: merged device descriptions */

struct server {
    const struct server_config *_Atomic config; /* a reload puts another one here; the old one stays readable */
    const struct ddf_schema *schema; /* the shipped and configured descriptions; for a device: store_schema */
    struct ddf_cache *schemas;
    struct ddf_layout *const *layouts;
    size_t n_layouts; /* found by the MO identifier that the device reports */
    uint8_t secret_key[32];
    bool key_is_new; /* server_load made it: no file was there */
    struct events *events;
    struct notifier *notifier;
    struct metrics *metrics; /* NULL = not counted */
    struct health *health;   /* NULL = nobody asks */
    struct retention *retention;
};

/** Read what the configuration names into srv->schema, layouts and secret_key. Everything lives in the arena or until
 * server_unload. */
enum rc server_load(struct server *srv, const struct server_config *c, struct arena *a, struct err *e);
void server_unload(struct server *srv);
/** The shipped and configured device descriptions, read anew; the caller destroys it. The arena holds file names
 * while it runs. */
enum rc server_schema(const struct server_config *c, struct arena *a, struct ddf_schema **out, struct err *e);
/** Where the connections of this server report what they meet; may be NULL. */
struct sql_health *server_database_health(const struct server *srv);
/** Open the database once: see that it is whole and the one that was here before, bring its schema up to date and make the
 * first authority in a new one.
 * @param alone  no other process has it open: it is claimed
 * @return RC_INVALID when it is damaged, emptied or another one: e says how to restore it */
enum rc server_prepare_database(const struct server_config *c, bool alone, int64_t now_ms, struct err *e);
/** The key is that with which the database's credentials are sealed; after server_load and server_prepare_database. A key file
 * that server_load made in the place of a lost one goes again. @return RC_DENIED: it is another one */
enum rc server_key_fits(const struct server *srv, struct err *e);
/** The full check, page by page and index by index; the server may run meanwhile. */
enum rc server_check_database(const struct server_config *c, struct err *e);
/** Another program wrote into the file while no server ran: its pages are taken as they are. @param pages  how many
 * @return RC_CONFLICT: a server runs; RC_INVALID: it is damaged all the same */
enum rc server_accept_database(const struct server_config *c, int64_t *pages, struct err *e);
/** The layout for an MO identifier; the first one for an empty or unknown identifier (a device that has not told
 * yet). */
const struct ddf_layout *server_layout(const struct server *srv, struct str mo);
#endif
