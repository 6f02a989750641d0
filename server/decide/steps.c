/* SPDX-License-Identifier: Apache-2.0 */
#include "server/decide/steps.h"

enum sml_cmd_kind steps_kind_of(enum dm_command c)
{
    static const enum sml_cmd_kind kinds[DM_COMMAND_COUNT] = {
        [DM_GET] = SML_GET,           [DM_ADD] = SML_ADD,      [DM_REPLACE] = SML_REPLACE, [DM_DELETE] = SML_DELETE,
        [DM_EXEC] = SML_EXEC,         [DM_COPY] = SML_COPY,    [DM_DISPLAY] = SML_ALERT,   [DM_CONFIRM] = SML_ALERT,
        [DM_INPUT] = SML_ALERT,       [DM_CHOICE] = SML_ALERT, [DM_CHOICES] = SML_ALERT,   [DM_ATOMIC] = SML_ATOMIC,
        [DM_SEQUENCE] = SML_SEQUENCE, [DM_ACL] = SML_REPLACE,
    };
    return kinds[c];
}

/* The lines of a user interaction alert as Items: options (an empty Item if there are none), text, choices. */
static struct sml_item *question(struct str lines, struct arena *a)
{
    struct sml_item *first = NULL, **tail = &first;
    struct str line;
    while (str_cut(&lines, '\n', &line)) {
        if (!(*tail = ARENA_NEW(a, struct sml_item))) return NULL;
        **tail = (struct sml_item){ .data = line, .has_data = line.n > 0 || first != *tail };
        tail = &(*tail)->next;
    }
    return first;
}

static struct sml_step *one_step(const struct pol_step *p, uint64_t *tag, struct arena *a)
{
    struct sml_step *s = ARENA_NEW(a, struct sml_step);
    if (!s) return NULL;
    *s = (struct sml_step){ .kind = steps_kind_of(p->verb),
                            .tag = (*tag)++,
                            .uri = p->uri,
                            .format = p->format,
                            .type = p->type,
                            .data = p->data,
                            .has_data = p->has_data,
                            .correlator = p->correlator };
    if (p->verb == DM_COPY) {
        s->source = p->data;
        s->format = s->type = s->data = (struct str){ 0 };
        s->has_data = false;
    } else if (dm_command_asks(p->verb)) {
        if (!(s->items = question(p->data, a))) return NULL;
        s->data = p->format;
        s->format = s->type = (struct str){ 0 };
        s->has_data = false;
    }
    struct sml_step **tail = &s->children;
    for (const struct pol_step *c = p->children; c; c = c->next) {
        if (!(*tail = one_step(c, tag, a))) return NULL;
        tail = &(*tail)->next;
    }
    return s;
}

enum rc steps_of_plan(const struct pol_plan *p, struct arena *a, struct sml_step **out, struct err *e)
{
    struct sml_step *first = NULL, **tail = &first;
    uint64_t tag = 0;
    for (const struct pol_step *s = p->steps; s; s = s->next) {
        if (!(*tail = one_step(s, &tag, a))) return err_set(e, RC_NOMEM, "no memory for a plan's steps");
        tail = &(*tail)->next;
    }
    *out = first;
    return RC_OK;
}
