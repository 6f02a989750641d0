/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_API_DESCRIBE_H
#define SERVER_API_DESCRIBE_H
/* What a device's tree may contain, for REST: which description holds is decided in server/store/device_ddf.h. Inside
 * server/api/ only. */
#include "server/api/call.h"

enum { DESCRIBE_ARENA_BYTES = 1 << 20 };

/** Good until the store is used for something else. */
enum rc describe_schema(struct call *c, const struct device_row *d, const struct ddf_schema **out);
/* A description that is about to be uploaded. */
struct description_file {
    struct str name, text;
};
/** The shipped descriptions and all of the authority's that may be meant for the same device as these, but for those that
 * they replace, with these over them: merged once.
 * @param wrong  which one is none
 * @return RC_PARSE, RC_INVALID, RC_LIMIT for a text that is none */
enum rc describe_try(struct call *c, int64_t authority, const struct device_kind *kind,
                     const struct description_file *files, size_t n, size_t *wrong);
/** Warnings for settings of this policy that descriptions of devices it selects rule out, with the number of devices.
 * Asks nothing where the authority has no descriptions of its own. */
enum rc describe_objections(struct call *c, const struct pol_policy *p, int64_t authority, json_t *warnings);
#endif
