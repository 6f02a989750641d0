/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of the REST API: what is taken in is written out again and taken in as the same. */
#include "server/events/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size }, s = { 0 }, n = { 0 };
    struct err e = { 0 };
    json_t *j = NULL, *again = NULL, *o = NULL;
    int64_t i = 0, t = 0;
    bool b = false, there = false;
    const struct field fields[] = {
        { "kind", FIELD_TEXT, true, 8, &s, NULL }, { "n", FIELD_INT, false, 0, &i, NULL },
        { "b", FIELD_BOOL, false, 0, &b, &there }, { "t", FIELD_TIME, false, 0, &t, NULL },
        { "o", FIELD_OBJECT, false, 0, &o, NULL }, { "z", FIELD_NULL_OR_TEXT, false, 0, &n, NULL },
    };
    struct buf out;
    if (json_read(text, &j, &e)) return 0;
    if (json_fields(j, "", fields, sizeof fields / sizeof fields[0], &e) == RC_OK && s.n > 8) abort();
    buf_init(&out, 0);
    json_write(j, &out);
    if (buf_ok(&out) && (json_read(buf_str(&out), &again, &e) || !json_equal(j, again))) abort();
    json_decref(again);
    json_decref(j);
    buf_finish(&out);
    return 0;
}
