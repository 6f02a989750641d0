/* SPDX-License-Identifier: Apache-2.0 */
/* What anybody may write into Range, If-None-Match and Cookie. First line: the file's size, or a tag, or a cookie's name; the rest is the
 * header. What is found lies inside. */
#include "server/http/http_header.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str all = { (const char *)data, size }, first, header;
    size_t end = str_find(all, '\n', 0);
    uint64_t n = 1000;
    first = str_slice(all, 0, end);
    header = str_slice(all, end + 1, all.n);
    if (!str_to_u64(first, &n)) n = first.n;
    struct http_range r = http_range_of(header, n);
    if (!r.bad && (r.from > n || r.n > n - r.from)) abort(); /* a bad one is answered with the size alone */
    if (r.bad != (r.asked && r.n == 0)) abort();
    if (!r.asked && (r.from != 0 || r.n != n)) abort();
    if (http_etag_listed(header, first) && !header.n) abort();
    struct str value = http_cookie(header, first);
    if (value.n && (value.p < header.p || value.p + value.n > header.p + header.n || str_find(value, ';', 0) < value.n))
        abort();
    return 0;
}
