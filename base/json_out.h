/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_OUT_H
#define BASE_JSON_OUT_H
/*
 * Writes JSON into a buffer directly, without a tree. Commas and quotation marks are added, texts are escaped. Pass a
 * key for a member of an object, NULL for an item of an array and for the top value. Failures are the buffer's
 * (buf_ok).
 */
#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

enum { JSON_DEPTH_MAX = 32 };

struct json_out {
    struct buf *out;
    uint32_t begun;  /* bit i: level i has a member already */
    uint32_t arrays; /* bit i: level i is an array */
    unsigned depth;
    bool keyed; /* json_out_key has written comma and key of the next value */
};

/** @param out  keeps its content; the JSON is appended */
static inline void json_out_begin(struct json_out *j, struct buf *out)
{
    *j = (struct json_out){ .out = out };
}
void json_out_object(struct json_out *j, const char *key);
void json_out_array(struct json_out *j, const char *key);
/** End the innermost open object or array. */
void json_out_end(struct json_out *j);
void json_out_str(struct json_out *j, const char *key, struct str text);
void json_out_z(struct json_out *j, const char *key, const char *text);
void json_out_i64(struct json_out *j, const char *key, int64_t n);
void json_out_bool(struct json_out *j, const char *key, bool yes);
void json_out_null(struct json_out *j, const char *key);
/** Append a value that is JSON already. */
void json_out_raw(struct json_out *j, const char *key, struct str json);
/** The key of a member, escaped: for keys that are data. The value follows, with a NULL key. */
void json_out_key(struct json_out *j, struct str key);
#endif
