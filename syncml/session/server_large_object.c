/* SPDX-License-Identifier: Apache-2.0 */
/* Objects that the client sends in pieces: Results and Alert data (protocol.md 9; S-306, S-307, S-309). */
#include "syncml/session/server_int.h"

/* Does it belong to the object in progress? Another command's Results of the same node do not. */
static bool goes_on(const struct sml_server *s, const struct sml_cmd *c, const struct sml_item *it, int row)
{
    return s->in && s->in->row == row && sml_join_goes_on(s->in, c, it);
}

bool sml_server_is_piece(const struct server_reader *r, const struct sml_cmd *c, const struct sml_item *it, int row)
{
    return it->more_data || goes_on(r->s, c, it, row);
}

static void finished(struct server_reader *r, const struct sml_item *it, int *status, struct sml_item *whole)
{
    struct sml_server *s = r->s;
    struct sml_join *j = s->in;
    *whole = *it;
    whole->more_data = false;
    whole->has_data = true;
    bool ok = arena_str(r->a, buf_str(&j->value), &whole->data) && arena_str(r->a, j->format, &whole->meta.format) &&
              arena_str(r->a, j->type, &whole->meta.type) && arena_str(r->a, j->mark, &whole->meta.mark) &&
              arena_str(r->a, j->source, &whole->source) && arena_str(r->a, j->target, &whole->target);
    *status = ok ? 200 : 413; /* out of the server's own memory: the client gets the status of a small MaxObjSize */
}

int sml_server_join(struct server_reader *r, const struct sml_cmd *c, const struct sml_item *it, int row,
                    struct sml_item *whole)
{
    struct sml_server *s = r->s;
    int status = 213;
    if (s->in && !goes_on(s, c, it, row)) sml_server_cut(r);
    if (sml_join_take(&s->in, c, it, s->c->max_obj_bytes, &status)) status = 413;
    if (s->in) {
        s->in->row = row;
        s->turn.joining |= status != 200;
    }
    if (status != 200) return status;
    finished(r, it, &status, whole);
    sml_join_destroy(s->in);
    s->in = NULL;
    return status;
}

int sml_server_refuse_piece(struct server_reader *r, const struct sml_cmd *c, const struct sml_item *it, int status)
{
    struct sml_server *s = r->s;
    if (s->in && !goes_on(s, c, it, -1)) sml_server_cut(r);
    if (sml_join_refuse(&s->in, c, it, status)) r->rc = RC_NOMEM;
    s->turn.joining |= s->in != NULL;
    return status;
}

void sml_server_cut(struct server_reader *r)
{
    struct sml_server *s = r->s;
    struct server_message *t = &s->turn;
    if (s->in->refused) { /* the rest of it is not expected */
        sml_join_destroy(s->in);
        s->in = NULL;
        return;
    }
    t->cut = true;
    if (!arena_str(r->a, s->in->target, &t->cut_target) || !arena_str(r->a, s->in->source, &t->cut_source))
        r->rc = RC_NOMEM;
    if (s->in->row >= 0 && s->sent && s->in->row < s->sent->n) sml_server_outcome(r, s->in->row, 426);
    sml_join_destroy(s->in);
    s->in = NULL;
}
