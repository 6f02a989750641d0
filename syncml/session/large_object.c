/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/session/large_object.h"

#include <stdlib.h>
#include <string.h>

static size_t total(const struct str *const *from, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) bytes += from[i]->n;
    return bytes;
}

/* Identifies the object. */
static enum rc open_join(const struct sml_cmd *c, const struct sml_item *it, struct sml_join **out)
{
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
    j->first_bytes = it->data.n;
    j->row = -1;
    buf_init(&j->value, it->meta.size ? (size_t)it->meta.size : 1);
    *out = j;
    return RC_OK;
}

enum rc sml_join_refuse(struct sml_join **j, const struct sml_cmd *c, const struct sml_item *it, int status)
{
    enum rc rc = RC_OK;
    if (!it->more_data) {
        sml_join_destroy(*j);
        *j = NULL;
        return RC_OK;
    }
    if (!*j && (rc = open_join(c, it, j)) != RC_OK) return rc;
    buf_finish(&(*j)->value);
    (*j)->refused = status;
    return RC_OK;
}

/* Is this the first piece again: with its Size and the same content? A refused object has no content to compare. */
static bool begins_anew(const struct sml_join *j, const struct sml_item *it)
{
    if (!it->meta.has_size || !it->more_data) return false;
    return j->refused || it->meta.size != j->size ||
           (it->data.n == j->first_bytes && memcmp(it->data.p, j->value.p, it->data.n) == 0);
}

static enum rc begin(struct sml_join **j, const struct sml_cmd *c, const struct sml_item *it, uint64_t max_obj,
                     int *status)
{
    *status = !it->meta.has_size                   ? 411
              : max_obj && it->meta.size > max_obj ? 413
              : it->data.n > it->meta.size         ? 424
                                                   : 213;
    if (*status != 213) return RC_OK;
    enum rc rc = open_join(c, it, j);
    if (rc) return rc;
    buf_put(&(*j)->value, it->data);
    return buf_ok(&(*j)->value) ? RC_OK : RC_NOMEM;
}

static enum rc add(struct sml_join *j, const struct sml_item *it, int *status)
{
    *status = 424;
    if (it->data.n > j->size - j->value.n) return RC_OK;
    buf_put(&j->value, it->data);
    if (!buf_ok(&j->value)) return RC_NOMEM;
    *status = it->more_data ? 213 : j->value.n == j->size ? 200 : 424;
    return RC_OK;
}

enum rc sml_join_take(struct sml_join **j, const struct sml_cmd *c, const struct sml_item *it, uint64_t max_obj,
                      int *status)
{
    enum rc rc = RC_OK;
    if (*j && begins_anew(*j, it)) {
        sml_join_destroy(*j);
        *j = NULL;
    }
    if (*j && (*j)->refused)
        *status = (*j)->refused;
    else
        rc = *j ? add(*j, it, status) : begin(j, c, it, max_obj, status);
    if (rc) *status = 413;
    if (*status == 213 || *status == 200) return RC_OK;
    enum rc kept = sml_join_refuse(j, c, it, *status);
    return rc ? rc : kept;
}

bool sml_join_goes_on(const struct sml_join *j, const struct sml_cmd *c, const struct sml_item *it)
{
    bool same = (!it->target.n || str_eq(j->target, it->target)) && (!it->source.n || str_eq(j->source, it->source));
    return same && j->kind == c->kind && (j->kind != SML_ALERT || str_eq(j->data, c->data));
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
