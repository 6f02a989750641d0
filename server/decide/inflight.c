/* SPDX-License-Identifier: Apache-2.0 */
#include "server/decide/inflight.h"
#include <stdlib.h>
#include <string.h>

static size_t texts(const struct pol_step *s)
{
    return s->uri.n + s->format.n + s->type.n + s->data.n + s->correlator.n + s->why.n + s->key.n + s->op_kind.n +
           s->op_owner.n;
}

static struct str keep(char **p, struct str s)
{
    struct str out = { *p, s.n };
    if (s.n) memcpy(*p, s.p, s.n);
    *p += s.n;
    return out;
}

static void put(struct flown *f, const struct pol_step *s, uint64_t tag, uint32_t group, char **p)
{
    *f = (struct flown){ .tag = tag, .step = *s, .operation = s->operation, .group = group };
    f->step.children = f->step.next = NULL;
    f->step.uri = keep(p, s->uri);
    f->step.format = keep(p, s->format);
    f->step.type = keep(p, s->type);
    f->step.data = keep(p, s->data);
    f->step.correlator = keep(p, s->correlator);
    f->step.why = keep(p, s->why);
    f->step.key = keep(p, s->key);
    f->step.op_kind = keep(p, s->op_kind);
    f->step.op_owner = keep(p, s->op_owner);
    f->step.op_args = (struct str){ 0 };
}

enum rc inflight_make(const struct pol_step *steps, size_t n_steps, uint64_t first_tag, struct inflight **out,
                      struct err *e)
{
    size_t n = 0, bytes = 0, k = n_steps;
    for (const struct pol_step *s = steps; s && k; s = s->next, k--) {
        n++;
        bytes += texts(s);
        for (const struct pol_step *c = s->children; c; c = c->next, n++) bytes += texts(c);
    }
    bytes += sizeof(struct inflight) + n * sizeof(struct flown);
    struct inflight *f = malloc(bytes);
    if (!f) return err_set(e, RC_NOMEM, "no memory for the steps of a session");
    *f = (struct inflight){ .n = n, .bytes = bytes, .row = (struct flown *)(f + 1) };
    char *p = (char *)(f->row + n);
    size_t i = 0;
    for (const struct pol_step *s = steps; s && n_steps; s = s->next, n_steps--) {
        uint32_t group = (uint32_t)i + 1;
        put(&f->row[i], s, first_tag + i, 0, &p);
        i++;
        for (const struct pol_step *c = s->children; c; c = c->next, i++) put(&f->row[i], c, first_tag + i, group, &p);
    }
    *out = f;
    return RC_OK;
}

struct flown *inflight_find(struct inflight *f, uint64_t tag)
{
    return f && f->n && tag >= f->row[0].tag && tag - f->row[0].tag < f->n ? &f->row[tag - f->row[0].tag] : NULL;
}

void inflight_free(struct inflight *f)
{
    free(f);
}

const struct flown *inflight_culprit(const struct inflight *f)
{
    const struct flown *found = NULL;
    for (size_t i = 0; f && i < f->n; i++) {
        const struct flown *x = &f->row[i];
        if (x->group || (x->told && x->code)) continue;
        if (found) return NULL;
        found = x;
    }
    return found;
}

bool inflight_unanswered(const struct inflight *f)
{
    for (size_t i = 0; f && i < f->n; i++)
        if (!f->row[i].group && !(f->row[i].told && f->row[i].code)) return true;
    return false;
}
