/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_DEVICE_DDF_H
#define SERVER_STORE_DEVICE_DDF_H
/* Selects the description of the management tree that applies to a device, for REST, previews and the DM path. The
 * shipped descriptions come first. The authority's uploaded descriptions that match the device are merged over them:
 * those for every object before those for the device's own object (ddf-tnds.md 5: the object's wins), and within these,
 * those for any device before those for its manufacturer or model. One instance per connection. */
#include "server/store/authorities.h"
#include "server/core/ddf_cache.h"

/* The properties by which descriptions match a device. Empty: not reported. */
struct device_kind {
    struct str man, mod, mo; /* DevInfo/Man, DevInfo/Mod, identifier of its virtualization object */
    struct str root, images; /* where it has its objects; empty = where the layout has them */
};

struct device_ddf;
struct device_ddf *device_ddf_create(const struct server *srv, struct sql *db,
                                     struct authorities *c); /* NULL: out of memory */
void device_ddf_destroy(struct device_ddf *d);
/** Release all sets found before. Call with each authorities_refresh. */
void device_ddf_refresh(struct device_ddf *d);
/** Whether the authority has uploaded any descriptions. */
enum rc device_ddf_any(struct device_ddf *d, const struct authority *au, bool *out, struct err *e);
/** Valid until device_ddf_refresh. A description that no longer parses is skipped and logged. */
enum rc device_ddf_find(struct device_ddf *d, const struct authority *au, const struct device_kind *kind,
                        const struct ddf_schema **out, struct err *e);
#endif
