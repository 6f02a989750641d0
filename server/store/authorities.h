/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_AUTHORITIES_H
#define SERVER_STORE_AUTHORITIES_H
/* What one connection keeps of authorities, their policies (parsed once for each revision and layout) and images.
 * Read again only when another connection has committed something. */
#include "policy/resolve/desired.h"
#include "server/core/server.h"
#include "syncml/session/server.h"

enum { CATALOG_POLICY_BYTES = 8 << 20, CATALOG_POLICIES = 5000, CATALOG_IMAGES = 10000 };

struct authority {
    int64_t id, stamp;
    int owner;  /* as devices write it */
    int record; /* flight recorder: 1 every session, 0 none, -1 as configured */
    struct str name, server_id;
    struct sml_server_config sml; /* for sessions: lives as long as the catalogue */
    const struct pol_image *images;
    size_t n_images;
    struct authority *next;
    struct authority_private *own;
};

/* An uploaded device description, and which devices it is meant for: empty = any. */
struct description {
    int64_t id;
    struct str name, man, mod, mo;
};

struct authorities;
struct authorities *authorities_create(const struct server *srv, struct sql *db); /* NULL when out of memory */
void authorities_destroy(struct authorities *c);
/** This connection writes policies, images or authorities itself: look again at each use. */
void authorities_distrust(struct authorities *c);
/** Bring authorities and images up to date when something was committed since. What was borrowed before is gone. */
enum rc authorities_refresh(struct authorities *c, struct err *e);
/** By name; "" = the only one. @return NULL when there is none, or several for "" */
const struct authority *authorities_find(const struct authorities *c, struct str name);
const struct authority *authorities_find_id(const struct authorities *c, int64_t id);
/** The authority's policies in force, parsed against a layout; a document that cannot be parsed any more is left out
 * and logged. */
enum rc authorities_policies(struct authorities *c, const struct authority *au, const struct ddf_layout *l,
                             const struct pol_policy **out, struct err *e);
/** The authority's uploaded descriptions in the order in which they are merged: for any object before for one, for any
 * device before for some, old before new. */
enum rc authorities_descriptions(struct authorities *c, const struct authority *au, const struct description **out,
                                 size_t *n, struct err *e);
#endif
