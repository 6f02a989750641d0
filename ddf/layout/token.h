/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DDF_LAYOUT_TOKEN_H
#define DDF_LAYOUT_TOKEN_H
/* The state token (architecture.md 6.4): SHA-256 over the sorted lines "URI=value\n" of every leaf that the
 * authority may write, and of the state and lock state of each of its VMs. Agent and server both compute it with
 * this function, so they agree. */
#include "base/crypto.h"
#include "ddf/layout/layout.h"
#include "ddf/schema.h"

struct ddf_leaf {
    struct str uri, value;
};
/**
 * @param leaves   sorted by uri (str_cmp), without duplicates
 * @param server   VMs count only when their owner list (layout entry "domain.servers") has this ServerID; images and
 * device-wide settings always count
 */
enum rc ddf_state_token(const struct ddf_schema *s, const struct ddf_layout *l, struct str server,
                        const struct ddf_leaf *leaves, size_t n, char hex[SHA256_HEX_BYTES], struct err *e);
#endif
