/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mo/objects.h"
#include "base/doc.h"
#include <string.h>

enum rc objects_load(const char *file, struct arena *a, struct objects *out, struct err *e)
{
    struct doc *d;
    size_t n = 0;
    enum rc rc = doc_load(file, a, &d, e);

    if (rc) return rc;
    if (d->kind != DOC_MAP)
        return err_at(e, RC_INVALID, file, d->line, d->column, "a map of words to addresses is expected");
    for (const struct doc *c = d->first; c; c = c->next) n++;
    out->entries = ARENA_ARRAY(a, struct objects_entry, n);
    if (!out->entries) return err_set(e, RC_NOMEM, "no memory for %s", file);
    out->n = 0;
    for (const struct doc *c = d->first; c; c = c->next) {
        if (c->kind != DOC_SCALAR || !str_starts(c->text, STR("./")))
            return err_at(e, RC_INVALID, file, c->line, c->column, "%.*s: an address beginning with ./ is expected",
                          STR_ARG(c->key));
        out->entries[out->n++] = (struct objects_entry){ c->key, c->text };
    }
    return RC_OK;
}

struct str objects_uri(const struct objects *o, const char *name)
{
    for (size_t i = 0; i < o->n; i++)
        if (str_is(o->entries[i].name, name)) return o->entries[i].uri;
    return (struct str){ 0 };
}

struct str objects_fill(struct str pattern, struct str first, struct str second, struct arena *a)
{
    size_t one = str_find(pattern, '*', 0), two = str_find(pattern, '*', one + 1);

    if (one == pattern.n) return pattern;
    if (two >= pattern.n)
        return arena_printf(a, "%.*s%.*s%.*s", (int)one, pattern.p, STR_ARG(first),
                            STR_ARG(str_slice(pattern, one + 1, pattern.n)));
    return arena_printf(a, "%.*s%.*s%.*s%.*s%.*s", (int)one, pattern.p, STR_ARG(first),
                        STR_ARG(str_slice(pattern, one + 1, two)), STR_ARG(second),
                        STR_ARG(str_slice(pattern, two + 1, pattern.n)));
}
