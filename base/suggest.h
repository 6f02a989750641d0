/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H
/* "Did you mean ...": the nearest of the allowed words. */
#include "base/arena.h"
#include "base/str.h"

struct suggestion {
    struct str word, best;
    unsigned distance;
};

static inline struct suggestion suggest_for(struct str word)
{
    return (struct suggestion){ .word = word };
}
/** Compare with one allowed word. */
void suggest_try(struct suggestion *s, struct str allowed);
/** The nearest word when it is near enough for a typing error, else empty. */
static inline struct str suggest_best(const struct suggestion *s)
{
    return s->best;
}
/**
 * The hint for a word that is not in the list "state, device": `: did you mean "state"?; possible are state, device`.
 * @param list  words separated by ", " or '|'
 */
struct str suggest_among(struct str word, struct str list, struct arena *a);
#endif
