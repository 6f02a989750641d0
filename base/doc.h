/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_DOC_H
#define BASE_DOC_H
/* A YAML or JSON document as a tree that keeps the place of each value. The only file that knows libfyaml. */
#include "base/arena.h"
#include "base/buf.h"

enum { DOC_BYTES = 4 << 20, DOC_DEPTH = 32, DOC_NODES = 200000, DOC_ANCHORS = 256, DOC_MARKS = 1200000 };

enum doc_kind { DOC_NULL, DOC_SCALAR, DOC_LIST, DOC_MAP };

struct doc {
    enum doc_kind kind;
    bool quoted;                   /* the scalar was quoted or a block, so "true" and "1" are texts */
    struct str text;               /* scalar's text, NUL-terminated behind its length */
    struct str key;                /* this value's key when the parent is a map */
    unsigned key_line, key_column; /* 1-based place of the key (or of the value in a list) */
    unsigned line, column;         /* 1-based place of the value */
    struct doc *first, *next;      /* children in document order; next sibling */
    struct doc *parent;
};

/**
 * Parse one YAML 1.2 (or JSON) document. Tags are refused. Aliases are expanded once and counted, so that no expansion
 * bomb is possible. Duplicate keys are an error, and so are further documents in the stream (doc_parse_many reads
 * those). Keys are scalars. NUL is not allowed, not even escaped. An empty text is an empty document (DOC_NULL).
 *
 * JSON, block literals ("|"), plain scalars and quoted scalars on a single line are read exactly. In folded (">") and
 * quoted scalars over several lines libfyaml 0.7.12 may get blanks wrong where several rules meet.
 *
 * @param name  for errors: a file name or "request body"
 * @return RC_PARSE with line and column; RC_LIMIT past DOC_*; RC_NOMEM
 */
enum rc doc_parse(struct str text, const char *name, struct arena *a, struct doc **out, struct err *e);
/** All documents of a YAML stream ("---" between), linked by next; NULL when there is none. */
enum rc doc_parse_many(struct str text, const char *name, struct arena *a, struct doc **out, struct err *e);
/** Read a whole file (at most DOC_BYTES) and parse it. @return RC_IO, and as doc_parse */
enum rc doc_load(const char *file, struct arena *a, struct doc **out, struct err *e);

/** The child with this key; NULL when it is missing or d is not a map (d may be NULL). */
const struct doc *doc_get(const struct doc *d, const char *key);
/** Follow "spec/vm/state". */
const struct doc *doc_path(const struct doc *d, const char *path);
/** JSON pointer of d from its root ("/spec/vm/state"), into the arena. */
struct str doc_pointer(const struct doc *d, struct arena *a);
/** err_at with the place of d: where = `name` as in doc_parse, and the text begins with the field's pointer. */
enum rc doc_error(const struct doc *d, const char *name, enum rc rc, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Typed reading of a scalar; false when d is NULL, not a scalar, or not of the type. */
bool doc_bool(const struct doc *d, bool *out); /* true false, unquoted */
bool doc_i64(const struct doc *d, int64_t *out);
bool doc_double(const struct doc *d, double *out);
/** Write d as compact JSON with map keys in document order (scalars: null, true/false, numbers as they stand, else
 * strings). */
void doc_to_json(const struct doc *d, struct buf *out);
/** As doc_to_json, with map keys sorted: the same meaning always gives the same bytes (for hashes and revisions). */
void doc_to_canonical_json(const struct doc *d, struct buf *out);
#endif
