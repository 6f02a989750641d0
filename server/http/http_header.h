/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_HTTP_HTTP_HEADER_H
#define SERVER_HTTP_HTTP_HEADER_H
/* Parsers of untrusted request headers. */
#include "base/str.h"

struct http_range {
    bool asked, bad; /* bad: the range lies outside the file (416) */
    uint64_t from, n;
};
/** Parse a single range. Several ranges, or an invalid header, mean the whole file, as RFC 9110 14.2 allows.
 * @param h  the Range header, empty = none */
struct http_range http_range_of(struct str h, uint64_t size);
/** True when the tag (without quotes) is in the list. Weak tags and "*" match. */
bool http_etag_listed(struct str list, struct str etag);
/** Value of a cookie in a Cookie header, or empty. */
struct str http_cookie(struct str header, struct str name);
#endif
