/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http/http_header.h"
#include <string.h>

enum { RANGES_BYTES = 256 }; /* longest accepted Range header */

struct http_range http_range_of(struct str h, uint64_t size)
{
    struct http_range r = { false, false, 0, size };
    uint64_t first = 0, last = 0;

    if (h.n > RANGES_BYTES || !str_starts(h, STR("bytes=")) || memchr(h.p, ',', h.n)) return r;
    h = str_slice(h, 6, h.n);
    size_t dash = str_find(h, '-', 0);
    struct str a = str_trim(str_slice(h, 0, dash)), b = str_trim(str_slice(h, dash + 1, h.n));
    if (dash == h.n || (a.n && !str_to_u64(a, &first)) || (b.n && !str_to_u64(b, &last)) || (!a.n && !b.n)) return r;
    if (a.n && b.n && last < first) return r; /* invalid: the header is ignored */
    r.asked = true;
    if (!a.n) { /* the last b bytes */
        r.n = last < size ? last : size;
        r.from = size - r.n;
    } else {
        r.from = first;
        r.n = first >= size ? 0 : b.n && last < size ? last - first + 1 : size - first;
    }
    r.bad = r.n == 0;
    return r;
}

bool http_etag_listed(struct str list, struct str etag)
{
    struct str one;
    while (str_cut(&list, ',', &one)) {
        one = str_trim(one);
        if (str_starts(one, STR("W/"))) one = str_slice(one, 2, one.n);
        if (str_is(one, "*") || (one.n == etag.n + 2 && one.p[0] == '"' && str_eq(str_slice(one, 1, one.n - 1), etag)))
            return true;
    }
    return false;
}

struct str http_cookie(struct str header, struct str name)
{
    struct str one;
    while (str_cut(&header, ';', &one)) {
        one = str_trim(one);
        if (one.n > name.n && str_starts(one, name) && one.p[name.n] == '=') return str_slice(one, name.n + 1, one.n);
    }
    return (struct str){ 0 };
}
