/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl.h"

#include "base/suggest.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const json_t *ctl_at(const json_t *j, const char *path)
{
    struct str rest = str_of(path), part;
    while (j && str_cut(&rest, '.', &part)) {
        char key[128];
        uint64_t i;
        if (part.n >= sizeof key) return NULL;
        memcpy(key, part.p, part.n);
        key[part.n] = '\0';
        j = json_is_array(j) ? str_to_u64(part, &i) ? json_array_get(j, (size_t)i) : NULL : json_object_get(j, key);
    }
    return j;
}

const char *ctl_text(const json_t *j, const char *path)
{
    const char *z = json_string_value(ctl_at(j, path));
    return z ? z : "";
}

int64_t ctl_int(const json_t *j, const char *path)
{
    return json_integer_value(ctl_at(j, path));
}
bool ctl_true(const json_t *j, const char *path)
{
    return json_is_true(ctl_at(j, path));
}

static void put_real(double v, struct buf *out)
{
    char text[40];
    if (isfinite(v) && fabs(v) < 1e15 && v == floor(v))
        snprintf(text, sizeof text, "%.0f", v);
    else
        snprintf(text, sizeof text, fabs(v) >= 100 ? "%.1f" : fabs(v) >= 0.01 ? "%.3g" : "%g", v);
    buf_putz(out, text);
}

void ctl_scalar(const json_t *j, struct buf *out)
{
    switch (j ? json_typeof(j) : JSON_NULL) {
    case JSON_STRING: buf_put(out, (struct str){ json_string_value(j), json_string_length(j) }); break;
    case JSON_INTEGER: buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(j)); break;
    case JSON_REAL: put_real(json_real_value(j), out); break;
    case JSON_TRUE: buf_putz(out, "yes"); break;
    case JSON_FALSE: buf_putz(out, "no"); break;
    case JSON_NULL: break;
    case JSON_OBJECT:
    case JSON_ARRAY: {
        char *text = json_dumps(j, JSON_COMPACT);
        buf_putz(out, text ? text : "");
        free(text);
    }
    }
}

void ctl_set(json_t *object, const char *key, const char *value)
{
    if (value) json_object_set_new(object, key, json_string(value));
}

enum ctl_exit ctl_put_record(const struct ctl *c, json_t *body)
{
    const char *word = ctl_opt(c, OPT_RECORD);
    if (!word) return CTL_OK;
    if (strcmp(word, "on") != 0 && strcmp(word, "off") != 0 && strcmp(word, "default") != 0)
        return ctl_usage(c, "--record is \"%s\"%.*s", word,
                         STR_ARG(suggest_among(str_of(word), STR("on, off, default"), c->a)));
    json_object_set_new(body, "record",
                        strcmp(word, "default") == 0 ? json_null() : json_boolean(strcmp(word, "on") == 0));
    return CTL_OK;
}

enum ctl_exit ctl_pairs(const struct ctl *c, enum ctl_opt o, json_t **out)
{
    const char *v;
    *out = NULL;
    for (size_t at = 0; (v = ctl_args_next(c->args, o, &at)) != NULL;) {
        const char *eq = strchr(v, '=');
        char key[128];
        if (!eq || eq == v || (size_t)(eq - v) >= sizeof key)
            return ctl_usage(c, "--%s is \"%s\"; KEY=VALUE is expected", ctl_option_name(o), v);
        memcpy(key, v, (size_t)(eq - v));
        key[eq - v] = '\0';
        if (!*out) *out = json_object();
        if (json_object_get(*out, key)) return ctl_usage(c, "--%s gives \"%s\" twice", ctl_option_name(o), key);
        json_t *text = json_string(eq + 1);
        if (!text || json_object_set_new(*out, key, text) != 0)
            return ctl_usage(c, "--%s: \"%s\" is not UTF-8 text", ctl_option_name(o), key);
    }
    return CTL_OK;
}
