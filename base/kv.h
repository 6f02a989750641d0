/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_KV_H
#define BASE_KV_H
/* Texts of pairs: "old=50;new=110", "Get=*&Add=a". They are read one pair after the other, or a value by its key. A
 * value holds no separator; nothing is decoded. */
#include "base/str.h"
#include <stdint.h>

struct kv {
    struct str key, value; /* trimmed; borrowed */
    bool has_value;        /* the pair has a '=' */
};

/** Cut the next pair from the front of `rest`. Empty pieces are skipped. @return false at the end */
bool kv_next(struct str *rest, char separator, struct kv *out);
/** The value of the first pair with this key, empty for a pair without '='. @return false when there is no such pair */
bool kv_get(struct str text, char separator, const char *key, struct str *value);
/** The same for a number. @return false also when the value is not a number */
bool kv_get_i64(struct str text, char separator, const char *key, int64_t *value);
#endif
