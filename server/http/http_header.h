/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_HTTP_HTTP_HEADER_H
#define SERVER_HTTP_HTTP_HEADER_H
/* Values of request headers that anybody may write. */
#include "base/str.h"

struct http_range {
    bool asked, bad; /* bad: there is nothing of it in the file (416) */
    uint64_t from, n;
};
/** One range; several, and what is none, are answered with the whole file, as RFC 9110 14.2 allows.
 *  @param h  the Range header, empty = none */
struct http_range http_range_of(struct str h, uint64_t size);
/** Is the tag (without quotes) in this list? Weak ones and "*" count. */
bool http_etag_listed(struct str list, struct str etag);
/** Value of a cookie in a Cookie header, or empty. */
struct str http_cookie(struct str header, struct str name);
#endif
