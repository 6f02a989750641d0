/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_STR_H
#define BASE_STR_H
/* A borrowed range of bytes with its length; not NUL-terminated. `p` may be NULL only when `n` is 0. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(lit) ((struct str){ "" lit, sizeof(lit) - 1 })
/** STR for static tables, where C17 requires an initializer and not a compound literal. */
#define STR_INIT(lit)                                                                                                  \
    {                                                                                                                  \
        "" lit, sizeof(lit) - 1                                                                                        \
    }
/** For printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).n, (s).n ? (s).p : ""

/** A NUL-terminated text as a str; NULL gives the empty str. */
struct str str_of(const char *z);
bool str_eq(struct str a, struct str b);
/** Compare with a NUL-terminated text. */
bool str_is(struct str a, const char *z);
/** As str_eq, ASCII letters folded. */
bool str_eq_fold(struct str a, struct str b);
/** memcmp order, a prefix first. @return <0, 0, >0 */
int str_cmp(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/** s without leading and trailing space, tab, CR and LF. */
struct str str_trim(struct str s);
/** Bytes [from, to) of s; both are cut to the length. */
struct str str_slice(struct str s, size_t from, size_t to);
/** Index of the first `c` at or after `from`, or s.n when there is none. */
size_t str_find(struct str s, char c, size_t from);
/** Cut the part before the next `sep` from the front of *rest. @return false when nothing is left */
bool str_cut(struct str *rest, char sep, struct str *part);
/** Whole text as a decimal number, sign allowed, no blanks. @return false when it is not, or overflows */
bool str_to_i64(struct str s, int64_t *out);
bool str_to_u64(struct str s, uint64_t *out);
/** FNV-1a, for hash tables that a peer cannot grow at will. */
uint64_t str_hash(struct str s);
/** Length of the well-formed UTF-8 character (NUL is one) at the front of s: 1 to 4; 0 when there is none. */
size_t str_utf8(struct str s);
/**
 * Number of octets at the front of s that are ASCII but not NUL. Nearly all texts are pure ASCII, so it tests eight at
 * a time.
 */
static inline size_t str_ascii_run(struct str s)
{
    size_t n = 0;
    for (uint64_t w; n + sizeof w <= s.n; n += sizeof w) {
        memcpy(&w, s.p + n, sizeof w);
        if ((w | (w - 0x0101010101010101u)) & 0x8080808080808080u) /* an octet from 0x80 on, or a NUL */
            break;
    }
    while (n < s.n && (unsigned char)s.p[n] - 1u < 0x7f) n++;
    return n;
}
/** Nothing but ASCII, and no NUL? */
static inline bool str_is_ascii(struct str s)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t w, all = 0;
    if (s.n < sizeof w) return str_ascii_run(s) == s.n;
    for (size_t n = 0; n + sizeof w < s.n; n += sizeof w) {
        memcpy(&w, s.p + n, sizeof w);
        all |= w | (w - ones);
    }
    memcpy(&w, s.p + s.n - sizeof w, sizeof w); /* the last eight octets; some are tested twice */
    return ((all | w | (w - ones)) & high) == 0;
}
/** Well-formed UTF-8 without NUL? */
bool str_is_utf8(struct str s);
#endif
