/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_AUTHORITIES_H
#define SERVER_STORE_AUTHORITIES_H
/* A connection's cache of authorities, their policies (parsed once per revision and layout) and images. It is refreshed
 * only when another connection has committed a change. */
#include "policy/resolve/desired.h"
#include "server/core/server.h"
#include "syncml/session/server.h"

enum { CATALOG_POLICY_BYTES = 8 << 20, CATALOG_POLICIES = 5000, CATALOG_IMAGES = 10000 };

struct authority {
    int64_t id, stamp;
    int owner;  /* value of Domain/Owner on devices */
    int record; /* flight recorder: 1 every session, 0 none, -1 the configured default */
    struct str name, server_id;
    struct sml_server_config sml; /* for sessions; lives as long as the cache */
    const struct pol_image *images;
    size_t n_images;
    struct authority *next;
    struct authority_private *own;
};

/* An uploaded device description, and the devices that it describes: empty = any. */
struct description {
    int64_t id;
    struct str name, man, mod, mo;
};

struct authorities;
struct authorities *authorities_create(const struct server *srv, struct sql *db); /* NULL when out of memory */
void authorities_destroy(struct authorities *c);
/** Refresh at each use, because this connection itself writes policies, images or authorities. */
void authorities_distrust(struct authorities *c);
/** Refresh authorities and images if another connection has committed since. Borrowed values become invalid. */
enum rc authorities_refresh(struct authorities *c, struct err *e);
/** Find by name; "" = the only authority. @return NULL when there is none, or several for "" */
const struct authority *authorities_find(const struct authorities *c, struct str name);
const struct authority *authorities_find_id(const struct authorities *c, int64_t id);
/** The authority's policies in force, parsed for a layout; a document that no longer parses is skipped and logged. */
enum rc authorities_policies(struct authorities *c, const struct authority *au, const struct ddf_layout *l,
                             const struct pol_policy **out, struct err *e);
/** The authority's uploaded descriptions in merge order: those for any object before those for one, those for any
 * device before those for some, old before new. */
enum rc authorities_descriptions(struct authorities *c, const struct authority *au, const struct description **out,
                                 size_t *n, struct err *e);
#endif
