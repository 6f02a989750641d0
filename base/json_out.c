/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_out.h"
#include <assert.h>
#include <inttypes.h>

/* Write what precedes a value: a comma unless it is the first, and its key. json_out_key has written both already. */
static void lead(struct json_out *j, const char *key)
{
    const uint32_t level = UINT32_C(1) << j->depth;

    if (j->keyed) {
        j->keyed = false;
        return;
    }
    if (j->begun & level) buf_byte(j->out, ',');
    j->begun |= level;
    if (!key) return;
    buf_byte(j->out, '"');
    buf_putz(j->out, key);
    buf_put(j->out, STR("\":"));
}

static void open(struct json_out *j, const char *key, char bracket, bool array)
{
    lead(j, key);
    buf_byte(j->out, (unsigned char)bracket);
    assert(j->depth + 1 < JSON_DEPTH_MAX);
    j->depth++;
    j->begun &= ~(UINT32_C(1) << j->depth);
    j->arrays = array ? j->arrays | UINT32_C(1) << j->depth : j->arrays & ~(UINT32_C(1) << j->depth);
}

void json_out_object(struct json_out *j, const char *key)
{
    open(j, key, '{', false);
}

void json_out_array(struct json_out *j, const char *key)
{
    open(j, key, '[', true);
}

void json_out_end(struct json_out *j)
{
    assert(j->depth > 0);
    buf_byte(j->out, j->arrays >> j->depth & 1 ? ']' : '}');
    j->depth--;
}

void json_out_str(struct json_out *j, const char *key, struct str text)
{
    lead(j, key);
    buf_byte(j->out, '"');
    buf_json(j->out, text);
    buf_byte(j->out, '"');
}

void json_out_z(struct json_out *j, const char *key, const char *text)
{
    json_out_str(j, key, str_of(text));
}

void json_out_i64(struct json_out *j, const char *key, int64_t n)
{
    lead(j, key);
    buf_printf(j->out, "%" PRId64, n);
}

void json_out_bool(struct json_out *j, const char *key, bool yes)
{
    lead(j, key);
    buf_putz(j->out, yes ? "true" : "false");
}

void json_out_null(struct json_out *j, const char *key)
{
    lead(j, key);
    buf_putz(j->out, "null");
}

void json_out_raw(struct json_out *j, const char *key, struct str json)
{
    lead(j, key);
    buf_put(j->out, json);
}

void json_out_key(struct json_out *j, struct str key)
{
    json_out_str(j, NULL, key);
    buf_byte(j->out, ':');
    j->keyed = true;
}
