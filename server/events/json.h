/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_EVENTS_JSON_H
#define SERVER_EVENTS_JSON_H
/* JSON of requests and answers. */
#include "base/arena.h"
#include "base/buf.h"
#include <jansson.h>

enum { JSON_DEPTH = 24 };

/** Parse an untrusted object: duplicate names, nesting past JSON_DEPTH and trailing text are errors. @return RC_PARSE
 * with line and column */
enum rc json_read(struct str text, json_t **out, struct err *e);
/** Write compact JSON to `out`. */
void json_write(const json_t *j, struct buf *out);

/* Members of an object; nothing happens when j is NULL. Invalid UTF-8 becomes U+FFFD. */
json_t *json_put_text(struct str s);
void json_put_str(json_t *j, const char *key, struct str v);
/** Omitted when empty. */
void json_put_strn(json_t *j, const char *key, struct str v);
void json_put_int(json_t *j, const char *key, int64_t v);
void json_put_bool(json_t *j, const char *key, bool v);
/** null, true or false for -1, 1 and 0. */
void json_put_maybe(json_t *j, const char *key, int v);
/** RFC 3339; null for 0. */
void json_put_time(json_t *j, const char *key, int64_t ms);
/** JSON text, embedded; null when it is empty or invalid. */
void json_put_raw(json_t *j, const char *key, struct str text);

/* One field of a body: name, type, and whether it is required. */
enum field_kind {
    FIELD_TEXT,
    FIELD_INT,
    FIELD_BOOL,
    FIELD_TIME,
    FIELD_OBJECT,
    FIELD_LIST,
    FIELD_NULL_OR_TEXT,
    FIELD_NULL_OR_BOOL
};
struct field {
    const char *name;
    enum field_kind kind;
    bool must;
    size_t max; /* bytes of a text */
    void *
        /* struct str, int64_t, bool, int64_t (ms), json_t * (borrowed; OBJECT, LIST); NULL_OR_BOOL: int, -1 = null */
        out;
    bool *present; /* may be NULL */
};
/** Read all fields of an object; unknown names and wrong types are errors, with the JSON pointer in e->where
 * ("/labels"). Texts are borrowed from j. @return RC_INVALID */
enum rc json_fields(const json_t *j, const char *base, const struct field *f, size_t n, struct err *e);
#endif
