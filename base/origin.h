/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ORIGIN_H
#define BASE_ORIGIN_H
/* Who an http or https address leads to: its scheme, host and port. */
#include "base/str.h"

struct origin {
    bool tls;        /* https */
    struct str host; /* borrowed from the address; an IPv6 address keeps its brackets */
    uint16_t port;   /* the scheme's own when the address names none */
};

/**
 * Strict on purpose: two readers of one address must never see two hosts in it. No user before the host, no blank,
 * control, backslash or octet outside ASCII anywhere, nothing but letters, digits, '.', '-', '_' in a name.
 *
 * @return false when it is no absolute http or https address, or not one that everybody reads alike; `out` is written
 *         on true only
 * @spec   RFC 3986, 3.2; RFC 6454, 4
 */
bool origin_of(struct str url, struct origin *out);
bool origin_same(const struct origin *a, const struct origin *b);
/** Does going from `a` to `b` take away the protection of TLS? */
static inline bool origin_weaker(const struct origin *a, const struct origin *b)
{
    return a->tls && !b->tls;
}
#endif
