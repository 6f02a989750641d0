#include "syncml/join.h"

#include <stdlib.h>
#include <string.h>

static size_t total(const struct str *const *from, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) bytes += from[i]->n;
    return bytes;
}

enum rc sml_join_begin(const struct sml_cmd *c, const struct sml_item *it, uint64_t max_obj, struct sml_join **out,
                       int *status)
{
    *out = NULL;
    *status = !it->meta.has_size ? 411 : max_obj && it->meta.size > max_obj ? 413 : 213;
    if (*status != 213) return RC_OK;
    if (it->data.n > it->meta.size) {
        *status = 424;
        return RC_OK;
    }
    const struct str *format = it->meta.format.n ? &it->meta.format : &c->meta.format;
    const struct str *type = it->meta.type.n ? &it->meta.type : &c->meta.type;
    const struct str *mark = it->meta.mark.n ? &it->meta.mark : &c->meta.mark;
    const struct str *const from[] = { &it->target, &it->source, format, type, mark, &c->data, &c->correlator };
    struct sml_join *j = calloc(1, sizeof *j);
    char *p = j ? malloc(total(from, 7) + 1) : NULL;
    if (!p) {
        free(j);
        return RC_NOMEM;
    }
    struct str *const to[] = { &j->target, &j->source, &j->format, &j->type, &j->mark, &j->data, &j->correlator };
    j->texts = p;
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
        if (from[i]->n) memcpy(p, from[i]->p, from[i]->n);
        *to[i] = (struct str){ p, from[i]->n };
        p += from[i]->n;
    }
    j->kind = c->kind;
    j->size = it->meta.size;
    j->row = -1;
    buf_init(&j->value, it->meta.size ? (size_t)it->meta.size : 1);
    buf_put(&j->value, it->data);
    if (!buf_ok(&j->value)) {
        sml_join_destroy(j);
        return RC_NOMEM;
    }
    *out = j;
    return RC_OK;
}

bool sml_join_goes_on(const struct sml_join *j, const struct sml_cmd *c, const struct sml_item *it)
{
    bool same = (!it->target.n || str_eq(j->target, it->target)) && (!it->source.n || str_eq(j->source, it->source));
    return same && j->kind == c->kind && (j->kind != SML_ALERT || str_eq(j->data, c->data));
}

enum rc sml_join_add(struct sml_join *j, const struct sml_item *it, int *status)
{
    if (it->data.n > j->size - j->value.n) {
        *status = 424;
        return RC_OK;
    }
    buf_put(&j->value, it->data);
    if (!buf_ok(&j->value)) return RC_NOMEM;
    *status = it->more_data ? 213 : j->value.n == j->size ? 200 : 424;
    return RC_OK;
}

void sml_join_destroy(struct sml_join *j)
{
    if (!j) return;
    buf_finish(&j->value);
    free(j->texts);
    free(j);
}

size_t sml_join_bytes(const struct sml_join *j)
{
    return j ? sizeof *j + j->value.cap : 0;
}
