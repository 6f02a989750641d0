/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mo/shown.h"
#include "base/buf.h"
#include <string.h>

static bool is_public(struct str path)
{
    static const char *const known[] = { "/dev/", "/proc/", "/sys/", "/usr/", "/etc/" };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (str_starts(path, str_of(known[i]))) return true;
    return false;
}

/* The end of the path that begins at `at`: a blank, a quote, or the end of a clause. */
static size_t end_of(struct str s, size_t at)
{
    size_t i = at;
    while (i < s.n && !strchr(" '\"`,;()<>\n", s.p[i]) && !(s.p[i] == ':' && (i + 1 == s.n || s.p[i + 1] == ' '))) i++;
    return i;
}

static bool begins(struct str s, size_t at)
{
    const bool free = at == 0 || strchr(" '\"`=:,;(<", s.p[at - 1]);
    return s.p[at] == '/' && free && at + 1 < s.n && s.p[at + 1] != '/' && s.p[at + 1] != ' ';
}

static void put_path(struct buf *b, struct str path, struct str own)
{
    size_t last = path.n;
    if (own.n && str_starts(path, own) && path.n > own.n + 1 && path.p[own.n] == '/') {
        buf_put(b, str_slice(path, own.n + 1, path.n));
        return;
    }
    if (is_public(path)) {
        buf_put(b, path);
        return;
    }
    while (last > 1 && path.p[last - 1] == '/') last--;
    size_t from = last;
    while (from && path.p[from - 1] != '/') from--;
    buf_printf(b, ".../%.*s", (int)(last - from), path.p + from);
}

struct str shown_text(struct str text, struct str own, struct arena *a)
{
    struct str out = text;
    struct buf b;
    bool changed = false;

    buf_init(&b, text.n * 2 + 16); /* ".../" is longer than a name of one letter */
    for (size_t i = 0; i < text.n;) {
        if (!begins(text, i)) {
            buf_byte(&b, (unsigned char)text.p[i++]);
            continue;
        }
        const size_t end = end_of(text, i);
        put_path(&b, str_slice(text, i, end), own);
        changed = true;
        i = end;
    }
    if (changed && (!buf_ok(&b) || !arena_str(a, buf_str(&b), &out))) out = (struct str){ 0 };
    buf_finish(&b);
    return out;
}
