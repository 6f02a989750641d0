/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_OUT_H
#define BASE_JSON_OUT_H
/*
 * JSON written straight into a buffer, without a tree of it: commas and quotation marks are put where they belong, texts are escaped.
 * A key is given for a member of an object, NULL for an item of an array and for the whole. Failures are the buffer's (buf_ok).
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
    bool keyed; /* json_out_key has written what stands before the next value */
};

/** @param out  what is in it stays, and the JSON comes after it */
static inline void json_out_begin(struct json_out *j, struct buf *out)
{
    *j = (struct json_out){ .out = out };
}
void json_out_object(struct json_out *j, const char *key);
void json_out_array(struct json_out *j, const char *key);
/** Ends the object or array that was begun last. */
void json_out_end(struct json_out *j);
void json_out_str(struct json_out *j, const char *key, struct str text);
void json_out_z(struct json_out *j, const char *key, const char *text);
void json_out_i64(struct json_out *j, const char *key, int64_t n);
void json_out_bool(struct json_out *j, const char *key, bool yes);
void json_out_null(struct json_out *j, const char *key);
/** Something that is JSON already. */
void json_out_raw(struct json_out *j, const char *key, struct str json);
/** A member whose key is not one of the program's own: escaped. The value follows, with a NULL key. */
void json_out_key(struct json_out *j, struct str key);
#endif
