/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mo/mo.h"
#include <string.h>

struct str mo_number(struct arena *a, int64_t n)
{
    return arena_printf(a, "%lld", (long long)n);
}

bool mo_text(const struct mo_field *f, const void *base, struct arena *a, struct str *out)
{
    const char *at = (const char *)base + f->offset;
    int64_t n = 0;

    if (f->kind == MO_TEXT || f->kind == MO_POINTER) {
        *out = str_of(f->kind == MO_TEXT ? at : *(const char *const *)(const void *)at);
        return out->n || !f->maybe;
    }
    if (f->kind == MO_BOOL) {
        *out = *(const bool *)at ? STR("true") : STR("false");
        return true;
    }
    n = f->kind == MO_INT ? *(const int *)(const void *)at : *(const int64_t *)(const void *)at;
    if (n < 0 && f->maybe) return false;
    *out = mo_number(a, n);
    return out->n > 0;
}

size_t mo_size(const struct mo_field *f)
{
    return f->kind == MO_INT ? sizeof(int) : f->kind == MO_BOOL ? sizeof(bool) : sizeof(int64_t);
}

void mo_set(const struct mo_field *f, void *base, struct str text)
{
    char *at = (char *)base + f->offset;
    int64_t n = 0;

    if (f->kind == MO_BOOL) {
        *(bool *)at = str_is(text, "true");
    } else if (str_to_i64(text, &n) && f->kind == MO_INT) {
        int i = n > INT32_MAX ? INT32_MAX : n < INT32_MIN ? INT32_MIN : (int)n;
        memcpy(at, &i, sizeof i);
    } else if (f->kind == MO_I64) {
        memcpy(at, &n, sizeof n);
    }
}

enum rc mo_row(struct mo_shared *s, enum ddf_scope scope, const char *name, const struct tree_row *row, struct err *e)
{
    const struct ddf_entry *en = ddf_layout_entry(s->layout, scope, str_of(name));
    struct str uri;

    if (!en) return RC_OK;
    uri = ddf_layout_uri(s->layout, en, STR("*"), STR("*"), &s->arena);
    if (!uri.n) return err_set(e, RC_NOMEM, "no memory for the address of %s", name);
    return tree_model_row(s->model, uri, row, e);
}

enum rc mo_operation_row(struct mo_shared *s, const struct ddf_operation *op, const struct tree_row *row, struct err *e)
{
    struct str uri = ddf_layout_operation_uri(s->layout, op, STR("*"), &s->arena);

    if (!uri.n) return err_set(e, RC_NOMEM, "no memory for the address of %.*s", STR_ARG(op->name));
    return tree_model_row(s->model, uri, row, e);
}

enum rc mo_standard_row(struct mo_shared *s, const char *name, const struct tree_row *row, struct err *e)
{
    struct str uri = objects_uri(&s->objects, name);

    if (!uri.n) return err_set(e, RC_NOT_FOUND, "standard.yaml has no address for %s", name);
    return tree_model_row(s->model, uri, row, e);
}
