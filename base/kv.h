/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_KV_H
#define BASE_KV_H
/* Texts of pairs: "old=50;new=110", "Get=*&Add=a". One pair after the other, or a value by its key. Values hold no
 * separator; nothing is decoded. */
#include "base/str.h"
#include <stdint.h>

struct kv {
    struct str key, value; /* without the blanks around them; borrowed */
    bool has_value;        /* there is a '=' */
};

/** The next pair, cut from the front of `rest`. Empty pieces are passed over. @return false at the end */
bool kv_next(struct str *rest, char separator, struct kv *out);
/** The value of the first pair with this key; of one without '=' the value is empty. @return false without such a pair */
bool kv_get(struct str text, char separator, const char *key, struct str *value);
/** The same for a number. @return false also when the value is none */
bool kv_get_i64(struct str text, char separator, const char *key, int64_t *value);
#endif
