/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H
/* Texts that represent bytes, times and amounts. */
#include "base/arena.h"
#include "base/buf.h"

/** Base64, standard alphabet, padded, no line breaks. */
void text_b64_put(struct buf *b, struct str bytes);
/** @return length of the base64 text of n bytes */
static inline size_t text_b64_len(size_t n)
{
    return (n + 2) / 3 * 4;
}
/** Into out[text_b64_len(n) + 1], NUL-terminated. */
void text_b64(const void *p, size_t n, char *out);
/** Decode; blanks and line breaks are skipped, padding may be missing. @return RC_PARSE, RC_NOMEM */
enum rc text_b64_decode(struct str text, struct arena *a, struct str *out);
/** Lower-case hex into out[2n + 1], NUL-terminated. */
void text_hex(const void *p, size_t n, char *out);
/** Exactly n bytes from 2n hex digits of either case. @return false otherwise */
bool text_hex_decode(struct str text, uint8_t *out, size_t n);

/** "20310131T120000Z" into out[17]. */
void text_time_basic(int64_t ms, char out[17]);
/** RFC 3339 with milliseconds "2031-01-31T12:00:00.000Z" into out[25]. */
void text_time_iso(int64_t ms, char out[25]);
/** Parse either form, with or without fraction, "Z" or a +hh:mm offset. @return ms since 1970 through out */
bool text_time_parse(struct str s, int64_t *out_ms);
/** "90s", "10m", "24h", "7d", "250ms", or a bare number of seconds. @return milliseconds through out */
bool text_duration_parse(struct str s, int64_t *out_ms);
/** "1m 30s" for display, into out[32]. */
void text_duration(int64_t ms, char out[32]);
/** "512Mi", "4Gi", "64Ki", "1000", "1M" (10^6): bytes through out. */
bool text_size_parse(struct str s, uint64_t *out_bytes);
/** Percent-escape everything outside unreserved characters. */
void text_url_put(struct buf *b, struct str s);
/** Decode percent-escapes ('+' stays '+'). @return RC_PARSE, RC_NOMEM */
enum rc text_url_decode(struct str s, struct arena *a, struct str *out);
/** Compare secrets in constant time; false when the lengths differ. */
bool text_same_secret(struct str a, struct str b);
#endif
