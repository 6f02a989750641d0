/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H
/* "Did you mean ...": the nearest of the words that would have been right. */
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
/** Look at one word that is allowed. */
void suggest_try(struct suggestion *s, struct str allowed);
/** The nearest one, when it is near enough to be a slip; else empty. */
static inline struct str suggest_best(const struct suggestion *s)
{
    return s->best;
}
/** What is said of a word that is none of a list "state, device": `: did you mean "state"?; possible are state, device`.
 * @param list  words with ", " or '|' between */
struct str suggest_among(struct str word, struct str list, struct arena *a);
#endif
