/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include <string.h>

struct str str_of(const char *z)
{
    return z ? (struct str){ z, strlen(z) } : (struct str){ 0 };
}

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_is(struct str a, const char *z)
{
    return str_eq(a, str_of(z));
}

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool str_eq_fold(struct str a, struct str b)
{
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++)
        if (fold(a.p[i]) != fold(b.p[i])) return false;
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int d = n ? memcmp(a.p, b.p, n) : 0;
    return d ? d : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq(str_slice(s, 0, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_slice(s, s.n - suffix.n, s.n), suffix);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    size_t from = 0, to = s.n;
    while (from < to && is_blank(s.p[from])) from++;
    while (to > from && is_blank(s.p[to - 1])) to--;
    return str_slice(s, from, to);
}

struct str str_slice(struct str s, size_t from, size_t to)
{
    if (to > s.n) to = s.n;
    if (from > to) from = to;
    return s.p ? (struct str){ s.p + from, to - from } : s;
}

size_t str_find(struct str s, char c, size_t from)
{
    const char *hit = from < s.n ? memchr(s.p + from, c, s.n - from) : NULL;
    return hit ? (size_t)(hit - s.p) : s.n;
}

bool str_cut(struct str *rest, char sep, struct str *part)
{
    if (rest->n == 0) return false;
    size_t at = str_find(*rest, sep, 0);
    *part = str_slice(*rest, 0, at);
    *rest = str_slice(*rest, at + 1, rest->n);
    return true;
}

bool str_to_u64(struct str s, uint64_t *out)
{
    uint64_t v = 0;
    size_t i = s.n && s.p[0] == '+';
    if (i == s.n) return false;
    for (; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (v > (UINT64_MAX - digit) / 10) return false;
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}

bool str_to_i64(struct str s, int64_t *out)
{
    uint64_t v;
    bool minus = s.n && s.p[0] == '-';
    if (minus) s = str_slice(s, 1, s.n);
    if ((minus && s.n && s.p[0] == '+') || !str_to_u64(s, &v) || v > (uint64_t)INT64_MAX + minus) return false;
    *out = !minus ? (int64_t)v : v ? -(int64_t)(v - 1) - 1 : 0; /* INT64_MIN has no positive twin */
    return true;
}

uint64_t str_hash(struct str s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.n; i++) h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
    return h;
}

size_t str_utf8(struct str s)
{
    /* RFC 3629, section 4: by the first byte, how many follow and what the second may be. */
    static const struct {
        unsigned char first, last, low, high;
        size_t n;
    } row[] = {
        { 0x00, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    if (s.n == 0) return 0;
    unsigned char c = (unsigned char)s.p[0];
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        if (c < row[i].first || c > row[i].last) continue;
        if (s.n < row[i].n) return 0;
        for (size_t k = 1; k < row[i].n; k++) {
            unsigned char t = (unsigned char)s.p[k];
            if (t < (k == 1 ? row[i].low : 0x80) || t > (k == 1 ? row[i].high : 0xbf)) return 0;
        }
        return row[i].n;
    }
    return 0;
}

bool str_is_utf8(struct str s)
{
    for (size_t run = str_ascii_run(s); run < s.n; run = str_ascii_run(s)) {
        s = str_slice(s, run, s.n);
        size_t n = str_utf8(s);
        if (n == 0 || s.p[0] == '\0') return false;
        s = str_slice(s, n, s.n);
    }
    return true;
}
