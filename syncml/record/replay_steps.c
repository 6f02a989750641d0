/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the steps of a recording or scenario. */
#include "syncml/record/replay_int.h"

#include "base/text.h"

enum { STEP_DEPTH = 2 };

struct steps {
    const char *name;
    struct arena *a;
    struct err *e;
};

static enum rc get_list(struct steps *x, const struct doc *d, unsigned depth, struct sml_step **out);

static enum rc get_items(struct steps *x, const struct doc *d, struct sml_item **out)
{
    for (const struct doc *v = d ? d->first : NULL; v; v = v->next, out = &(*out)->next) {
        struct sml_item *it = ARENA_NEW(x->a, struct sml_item);
        if (!it) return RC_NOMEM;
        it->data = v->text;
        it->has_data = v->text.n > 0;
        *out = it;
    }
    return RC_OK;
}

static enum rc get_value(struct steps *x, const struct doc *d, struct sml_step *p)
{
    const struct doc *data = doc_get(d, "data"), *data64 = doc_get(d, "data64"), *times = doc_get(d, "repeat");
    int64_t n;
    if (data) p->data = data->text;
    if (data64 && text_b64_decode(data64->text, x->a, &p->data))
        return doc_error(data64, x->name, RC_INVALID, x->e, "this is not base64");
    if (doc_i64(times, &n)) { /* a long value in short form */
        if (n < 0 || (uint64_t)n > (8u << 20) / (p->data.n ? p->data.n : 1))
            return doc_error(times, x->name, RC_LIMIT, x->e, "the value would be over 8 MiB");
        char *q = arena_bytes(x->a, p->data.n * (size_t)n + 1);
        if (!q) return RC_NOMEM;
        for (size_t i = 0; i < p->data.n * (size_t)n; i++) q[i] = p->data.p[i % p->data.n];
        p->data = (struct str){ q, p->data.n * (size_t)n };
    }
    p->has_data = (data || data64) && p->kind != SML_ALERT;
    return RC_OK;
}

static enum rc get_step(struct steps *x, const struct doc *d, unsigned depth, struct sml_step *p)
{
    const struct doc *kind = doc_get(d, "kind"), *tag = doc_get(d, "tag");
    const struct {
        const char *key;
        struct str *to;
    } text[] = { { "uri", &p->uri },
                 { "source", &p->source },
                 { "format", &p->format },
                 { "type", &p->type },
                 { "correlator", &p->correlator } };
    int64_t n = 0;
    p->kind = kind ? sml_cmd_kind_of(kind->text) : SML_UNKNOWN;
    if (p->kind == SML_UNKNOWN)
        return doc_error(kind ? kind : d, x->name, RC_INVALID, x->e,
                         "a step needs a \"kind\" like Get, Add, Replace or Atomic");
    if (doc_i64(tag, &n)) p->tag = (uint64_t)n;
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        const struct doc *v = doc_get(d, text[i].key);
        if (v) *text[i].to = v->text;
    }
    enum rc rc = get_value(x, d, p);
    if (!rc) rc = get_items(x, doc_get(d, "items"), &p->items);
    return rc ? rc : get_list(x, doc_get(d, "children"), depth + 1, &p->children);
}

static enum rc get_list(struct steps *x, const struct doc *d, unsigned depth, struct sml_step **out)
{
    if (d && depth > STEP_DEPTH) return doc_error(d, x->name, RC_LIMIT, x->e, "steps are nested too deeply");
    for (const struct doc *v = d ? d->first : NULL; v; v = v->next, out = &(*out)->next) {
        if (!(*out = ARENA_NEW(x->a, struct sml_step))) return RC_NOMEM;
        enum rc rc = get_step(x, v, depth, *out);
        if (rc) return rc;
    }
    return RC_OK;
}

enum rc replay_get_steps(const struct doc *d, const char *name, struct arena *a, struct sml_step **out, struct err *e)
{
    struct steps x = { name, a, e };
    *out = NULL;
    return get_list(&x, d, 0, out);
}
