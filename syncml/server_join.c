/* Objects that the client sends in pieces: Results and Alert data (dm-protocol.md 9; S-306, S-307, S-309). */
#include "syncml/server_int.h"

bool server_is_piece(const struct reader *r, const struct sml_cmd *c, const struct sml_item *it)
{
    return it->more_data || (r->s->in && sml_join_goes_on(r->s->in, c, it));
}

static void finished(struct reader *r, const struct sml_item *it, int *status, struct sml_item *whole)
{
    struct sml_server *s = r->s;
    struct sml_join *j = s->in;
    *whole = *it;
    whole->more_data = false;
    whole->has_data = true;
    bool ok = arena_str(r->a, buf_str(&j->value), &whole->data) && arena_str(r->a, j->format, &whole->meta.format) &&
              arena_str(r->a, j->type, &whole->meta.type) && arena_str(r->a, j->mark, &whole->meta.mark) &&
              arena_str(r->a, j->source, &whole->source) && arena_str(r->a, j->target, &whole->target);
    *status = ok ? 200
                 : 413; /* our own memory is the limit: the client hears what it would hear of a small MaxObjSize */
}

int server_join(struct reader *r, const struct sml_cmd *c, const struct sml_item *it, int row, struct sml_item *whole)
{
    struct sml_server *s = r->s;
    int status = 213;
    enum rc rc;
    if (s->in && !sml_join_goes_on(s->in, c, it)) server_cut(r);
    if (s->in) {
        rc = sml_join_add(s->in, it, &status);
    } else {
        rc = sml_join_begin(c, it, s->c->max_obj_bytes, &s->in, &status);
        if (s->in) s->in->row = row;
    }
    if (rc) status = 413;
    if (status == 213) {
        s->turn.joining = true;
        return status;
    }
    if (status == 200) finished(r, it, &status, whole);
    sml_join_destroy(s->in);
    s->in = NULL;
    return status;
}

void server_cut(struct reader *r)
{
    struct sml_server *s = r->s;
    struct turn *t = &s->turn;
    t->cut = true;
    if (!arena_str(r->a, s->in->target, &t->cut_target) || !arena_str(r->a, s->in->source, &t->cut_source))
        r->rc = RC_NOMEM;
    if (s->in->row >= 0 && s->sent && s->in->row < s->sent->n) server_outcome(r, s->in->row, 426);
    sml_join_destroy(s->in);
    s->in = NULL;
}
