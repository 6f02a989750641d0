/* SPDX-License-Identifier: Apache-2.0 */
#include "server/events/json.h"

#include "base/suggest.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* jansson parses recursively, so the depth is checked first. */
static bool too_deep(struct str text)
{
    unsigned depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH) return true;
        } else if ((c == '}' || c == ']') && depth) {
            depth--;
        }
    }
    return false;
}

enum rc json_read(struct str text, json_t **out, struct err *e)
{
    json_error_t why;
    if (!str_trim(text).n) return err_at(e, RC_PARSE, "body", 0, 0, "the body is empty: send a JSON object");
    if (too_deep(text)) return err_at(e, RC_PARSE, "body", 0, 0, "JSON is nested deeper than %d levels", JSON_DEPTH);
    json_t *j = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &why);
    if (!j)
        return err_at(e, RC_PARSE, "body", why.line > 0 ? (unsigned)why.line : 0,
                      why.column > 0 ? (unsigned)why.column : 0, "not valid JSON: %s", why.text);
    if (!json_is_object(j)) {
        json_decref(j);
        return err_at(e, RC_PARSE, "body", 1, 1, "the body must be a JSON object");
    }
    *out = j;
    return RC_OK;
}

static int put(const char *p, size_t n, void *ctx)
{
    buf_put(ctx, (struct str){ p, n });
    return buf_ok(ctx) ? 0 : -1;
}

void json_write(const json_t *j, struct buf *out)
{
    if (json_dump_callback(j, put, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0 && buf_ok(out)) out->failed = RC_NOMEM;
}

json_t *json_put_text(struct str s)
{
    json_t *t = json_stringn(s.n ? s.p : "", s.n);
    if (t) return t;
    struct buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < s.n;) {
        size_t n = str_utf8(str_slice(s, i, s.n));
        buf_put(&b, n ? str_slice(s, i, i + n) : STR("\xEF\xBF\xBD"));
        i += n ? n : 1;
    }
    t = buf_ok(&b) ? json_stringn(b.n ? b.p : "", b.n) : NULL;
    buf_finish(&b);
    return t;
}

void json_put_str(json_t *j, const char *key, struct str v)
{
    json_object_set_new(j, key, json_put_text(v));
}

void json_put_strn(json_t *j, const char *key, struct str v)
{
    if (v.n) json_put_str(j, key, v);
}

void json_put_int(json_t *j, const char *key, int64_t v)
{
    json_object_set_new(j, key, json_integer(v));
}

void json_put_bool(json_t *j, const char *key, bool v)
{
    json_object_set_new(j, key, json_boolean(v));
}

void json_put_maybe(json_t *j, const char *key, int v)
{
    if (j) json_object_set_new(j, key, v < 0 ? json_null() : json_boolean(v));
}

void json_put_time(json_t *j, const char *key, int64_t ms)
{
    char text[25];
    if (!ms) {
        json_object_set_new(j, key, json_null());
        return;
    }
    text_time_iso(ms, text);
    json_object_set_new(j, key, json_string(text));
}

void json_put_raw(json_t *j, const char *key, struct str text)
{
    json_t *v = text.n && !too_deep(text) ? json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL) : NULL;
    json_object_set_new(j, key, v ? v : json_null());
}

static enum rc wrong(struct err *e, const char *base, const char *name, const char *what)
{
    char where[160];
    snprintf(where, sizeof where, "%s/%s", base, name);
    return err_at(e, RC_INVALID, where, 0, 0, "%s", what);
}

static enum rc take(const json_t *v, const char *base, const struct field *f, struct err *e)
{
    static const char *const expected[] = {
        [FIELD_TEXT] = "expected a string",
        [FIELD_INT] = "expected an integer",
        [FIELD_BOOL] = "expected true or false",
        [FIELD_TIME] = "expected a time such as 2031-01-31T12:00:00Z",
        [FIELD_OBJECT] = "expected an object",
        [FIELD_LIST] = "expected an array",
        [FIELD_NULL_OR_TEXT] = "expected a string or null",
        [FIELD_NULL_OR_BOOL] = "expected true, false or null",
    };
    struct str s = { json_string_value(v), json_string_length(v) };
    bool ok = false;
    switch (f->kind) {
    case FIELD_NULL_OR_TEXT:
    case FIELD_TEXT:
        ok = json_is_string(v) || (f->kind == FIELD_NULL_OR_TEXT && json_is_null(v));
        if (ok && f->max && s.n > f->max) {
            char text[80];
            snprintf(text, sizeof text, "at most %zu bytes are allowed here", f->max);
            return wrong(e, base, f->name, text);
        }
        if (ok) *(struct str *)f->out = s;
        break;
    case FIELD_INT:
        ok = json_is_integer(v);
        if (ok) *(int64_t *)f->out = json_integer_value(v);
        break;
    case FIELD_BOOL:
        ok = json_is_boolean(v);
        if (ok) *(bool *)f->out = json_is_true(v);
        break;
    case FIELD_NULL_OR_BOOL:
        ok = json_is_boolean(v) || json_is_null(v);
        if (ok) *(int *)f->out = json_is_null(v) ? -1 : json_is_true(v);
        break;
    case FIELD_TIME: ok = json_is_string(v) && text_time_parse(s, f->out); break;
    case FIELD_LIST:
    case FIELD_OBJECT: {
        ok = f->kind == FIELD_LIST ? json_is_array(v) : json_is_object(v);
        union {
            const json_t *in;
            json_t *out;
        } u = { v };
        if (ok) *(json_t **)f->out = u.out;
        break;
    }
    }
    return ok ? RC_OK : wrong(e, base, f->name, expected[f->kind]);
}

static const struct field *named(const struct field *f, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(f[i].name, name) == 0) return &f[i];
    return NULL;
}

enum rc json_fields(const json_t *j, const char *base, const struct field *f, size_t n, struct err *e)
{
    union {
        const json_t *in;
        json_t *out;
    } u = { j };
    const char *key;
    json_t *v;

    json_object_foreach(u.out, key, v)
    {
        const struct field *one = named(f, n, key);
        if (!one) {
            struct buf names;
            buf_init(&names, 400);
            for (size_t i = 0; i < n; i++) buf_printf(&names, "%s%s", i ? ", " : "", f[i].name);
            char text[560];
            struct suggestion near = suggest_for(str_of(key));
            for (size_t i = 0; i < n; i++) suggest_try(&near, str_of(f[i].name));
            struct str best = suggest_best(&near);
            snprintf(text, sizeof text, "unknown field%s%.*s%s; known fields: %s", best.n ? ": did you mean \"" : "",
                     STR_ARG(best), best.n ? "\"?" : "", buf_z(&names));
            buf_finish(&names);
            return wrong(e, base, key, text);
        }
        enum rc rc = take(v, base, one, e);
        if (rc) return rc;
        if (one->present) *one->present = true;
    }
    for (size_t i = 0; i < n; i++)
        if (f[i].must && !json_object_get(j, f[i].name)) return wrong(e, base, f[i].name, "this field is required");
    return RC_OK;
}
