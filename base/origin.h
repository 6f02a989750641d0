/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ORIGIN_H
#define BASE_ORIGIN_H
/* The origin of an http or https address: scheme, host and port. */
#include "base/str.h"

struct origin {
    bool tls;        /* https */
    struct str host; /* borrowed from the address; an IPv6 address keeps its brackets */
    uint16_t port;   /* the scheme's default when the address has none */
};

/**
 * Strict, because no two readers of one address may see different hosts in it. No user before the host; no blank,
 * control character, backslash or octet outside ASCII anywhere; only letters, digits, '.', '-' and '_' in a name.
 *
 * @return false when it is not an absolute http or https address, or one that readers may understand differently; `out`
 * is written only on true
 * @spec   RFC 3986, 3.2; RFC 6454, 4
 */
bool origin_of(struct str url, struct origin *out);
bool origin_same(const struct origin *a, const struct origin *b);
/** Does a step from `a` to `b` lose the protection of TLS? */
static inline bool origin_weaker(const struct origin *a, const struct origin *b)
{
    return a->tls && !b->tls;
}
#endif
