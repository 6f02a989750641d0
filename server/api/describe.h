/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_API_DESCRIBE_H
#define SERVER_API_DESCRIBE_H
/* The description of a device's tree, for REST; server/store/device_ddf.h selects it. Inside server/api/ only. */
#include "server/api/call.h"

enum { DESCRIBE_ARENA_BYTES = 1 << 20 };

/** Valid until the next use of the store. */
enum rc describe_schema(struct call *c, const struct device_row *d, const struct ddf_schema **out);
/* A description to upload. */
struct description_file {
    struct str name, text;
};
/** Merge the new descriptions, as a trial, over the shipped ones and over the authority's that may apply to the same
 * device, without those that they replace.
 * @param wrong  index of the invalid one
 * @return RC_PARSE, RC_INVALID, RC_LIMIT for an invalid description */
enum rc describe_try(struct call *c, int64_t authority, const struct device_kind *kind,
                     const struct description_file *files, size_t n, size_t *wrong);
/** Warnings for settings of a policy that the descriptions of its devices rule out, with the number of devices. Does
 * nothing if the authority has no uploaded descriptions. */
enum rc describe_objections(struct call *c, const struct pol_policy *p, int64_t authority, json_t *warnings);
#endif
