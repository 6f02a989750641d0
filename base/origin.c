/* SPDX-License-Identifier: Apache-2.0 */
#include "base/origin.h"

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_clean(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '\\') return false;
    return true;
}

static bool scheme_of(struct str *rest, bool *tls)
{
    static const struct {
        struct str text;
        bool tls;
    } row[] = { { { "https://", 8 }, true }, { { "http://", 7 }, false } };

    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        if (str_eq_fold(str_slice(*rest, 0, row[i].text.n), row[i].text)) {
            *rest = str_slice(*rest, row[i].text.n, rest->n);
            *tls = row[i].tls;
            return true;
        }
    return false;
}

/* The part before the path, the query and the fragment. */
static struct str authority_of(struct str rest)
{
    size_t n = 0;

    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?' && rest.p[n] != '#') n++;
    return str_slice(rest, 0, n);
}

static bool is_host(struct str s)
{
    bool v6 = s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']';

    if (v6) s = str_slice(s, 1, s.n - 1);
    for (size_t i = 0; i < s.n; i++)
        if (!is_letter_or_digit(s.p[i]) && s.p[i] != '.' && (v6 ? s.p[i] != ':' : s.p[i] != '-' && s.p[i] != '_'))
            return false;
    return s.n > 0;
}

bool origin_of(struct str url, struct origin *out)
{
    struct origin o = { 0 };
    struct str rest = url, authority;
    uint64_t port;
    size_t colon;

    if (!is_clean(url) || !scheme_of(&rest, &o.tls)) return false;
    authority = authority_of(rest);
    port = o.tls ? 443 : 80;
    colon = authority.n;
    while (colon && authority.p[colon - 1] != ':' && authority.p[colon - 1] != ']') colon--;
    if (colon && authority.p[colon - 1] == ':') {
        struct str digits = str_slice(authority, colon, authority.n);
        if (!digits.n || digits.n > 5 || digits.p[0] == '+' || !str_to_u64(digits, &port) || !port || port > UINT16_MAX)
            return false;
        authority = str_slice(authority, 0, colon - 1);
    }
    if (!is_host(authority)) return false;
    o.host = authority;
    o.port = (uint16_t)port;
    *out = o;
    return true;
}

bool origin_same(const struct origin *a, const struct origin *b)
{
    return a->tls == b->tls && a->port == b->port && str_eq_fold(a->host, b->host);
}
