/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"

enum { LONGEST = 48 };

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

/* The number of insertions, deletions, substitutions and swaps of neighbours, case folded. */
static unsigned distance(struct str a, struct str b)
{
    unsigned row[3][LONGEST + 1];
    unsigned *before = row[0], *last = row[1], *now = row[2];

    for (size_t j = 0; j <= b.n; j++) last[j] = (unsigned)j;
    for (size_t i = 1; i <= a.n; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b.n; j++) {
            bool same = fold(a.p[i - 1]) == fold(b.p[j - 1]);
            now[j] = least(last[j] + 1, now[j - 1] + 1, last[j - 1] + !same);
            if (i > 1 && j > 1 && fold(a.p[i - 1]) == fold(b.p[j - 2]) && fold(a.p[i - 2]) == fold(b.p[j - 1]) &&
                before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
        unsigned *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[b.n];
}

void suggest_try(struct suggestion *s, struct str allowed)
{
    if (!s->word.n || !allowed.n || s->word.n > LONGEST || allowed.n > LONGEST) return;
    unsigned d = distance(s->word, allowed), near = s->word.n < 4 ? 1 : (unsigned)s->word.n / 3;
    if (d <= near && (!s->best.n || d < s->distance)) {
        s->best = allowed;
        s->distance = d;
    }
}

struct str suggest_among(struct str word, struct str list, struct arena *a)
{
    struct suggestion near = suggest_for(word);
    struct str rest = list, one, best;
    const char between = str_find(list, '|', 0) < list.n ? '|' : ',';
    while (str_cut(&rest, between, &one)) suggest_try(&near, str_trim(one));
    best = suggest_best(&near);
    return arena_printf(a, "%s%.*s%s; possible are %.*s", best.n ? ": did you mean \"" : "", STR_ARG(best),
                        best.n ? "\"?" : "", STR_ARG(list));
}
