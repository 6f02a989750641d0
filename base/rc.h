/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_RC_H
#define BASE_RC_H
/* Whether *this program* could do its work, and one sentence for a person when not. A SyncML or HTTP status is data,
 * not an rc. */
#include <stddef.h>

#define RC_LIST(X)                                                                                                     \
    X(OK, "ok")                                                                                                        \
    X(NOMEM, "out of memory (a ceiling of ours)")                                                                      \
    X(LIMIT, "over a limit")                                                                                           \
    X(PARSE, "malformed")                                                                                              \
    X(INVALID, "not valid")                                                                                            \
    X(UNSUPPORTED, "not supported")                                                                                    \
    X(NOT_FOUND, "not found")                                                                                          \
    X(EXISTS, "already there")                                                                                         \
    X(DENIED, "not allowed")                                                                                           \
    X(CONFLICT, "conflict")                                                                                            \
    X(BUSY, "busy, try again")                                                                                         \
    X(TIMEOUT, "timed out")                                                                                            \
    X(IO, "input or output failed")                                                                                    \
    X(INTERNAL, "internal error")

enum rc {
#define X(name, text) RC_##name,
    RC_LIST(X)
#undef X
        RC_COUNT
};

enum { ERR_TEXT_BYTES = 512 };

/* What went wrong. The place that finds the error fills it once; callers pass it on. */
struct err {
    enum rc rc;
    unsigned line, column;     /* 1-based place in a text, 0 when it has none */
    char where[160];           /* file, URI or field ("/spec/vm/state"), may be "" */
    char text[ERR_TEXT_BYTES]; /* one sentence, no trailing full stop or newline */
};

/** The words of RC_LIST. */
const char *rc_text(enum rc rc);

/**
 * Record what went wrong. Does nothing when `e` is NULL or already filled (the first place wins).
 * @return rc, so that callers can write `return err_set(e, RC_PARSE, "...")`
 */
enum rc err_set(struct err *e, enum rc rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/** As err_set, with a place: `where` may be NULL; line and column 0 when unknown. */
enum rc err_at(struct err *e, enum rc rc, const char *where, unsigned line, unsigned column, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
/** Empty it for another attempt. Accepts NULL. */
void err_clear(struct err *e);
/** Format "where:line:column: text", with the parts that are present, into out (always NUL-terminated). @return out */
const char *err_format(const struct err *e, char *out, size_t n);
#endif
