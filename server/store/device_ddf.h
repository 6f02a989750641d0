/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_DEVICE_DDF_H
#define SERVER_STORE_DEVICE_DDF_H
/* Which description of the management tree holds for a device: the one place that decides it, for REST, previews and
 * the DM path alike. The shipped descriptions come first; the authority's uploaded ones that are meant for the device
 * are merged over them, those for every object before those for the device's own (ddf-tnds.md 5: the object's wins), and of
 * these those for any device before those for its maker or model. One of a connection. */
#include "server/store/authorities.h"
#include "server/core/ddf_cache.h"

/* What a description can be meant for. Empty: the device has not told. */
struct device_kind {
    struct str man, mod, mo; /* DevInfo/Man, DevInfo/Mod, identifier of its virtualization object */
};

struct device_ddf;
struct device_ddf *device_ddf_create(const struct server *srv, struct sql *db,
                                     struct authorities *c); /* NULL: no memory */
void device_ddf_destroy(struct device_ddf *d);
/** What was found before is given back. With each catalog_refresh. */
void device_ddf_refresh(struct device_ddf *d);
/** Does the authority have descriptions of its own at all? */
enum rc device_ddf_any(struct device_ddf *d, const struct authority *au, bool *out, struct err *e);
/** Good until described_refresh. A description that cannot be read any more is left out and logged. */
enum rc device_ddf_find(struct device_ddf *d, const struct authority *au, const struct device_kind *kind,
                        const struct ddf_schema **out, struct err *e);
#endif
