/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "ddf/pattern.h"

#include "base/buf.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

/* One step of the engine may read the whole value, so the limit of steps falls as the value grows. */
enum { WORK = 100 << 20, STEPS_MIN = 1000, STEPS_MAX = 500000, HEAP_KIB = 4096, DEPTH = 20000, NESTING = 100 };

struct ddf_pattern {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
    size_t parts;
};

/* Names of XML Schema that PCRE2 does not have. @return false when c is not one of them, or is not allowed here */
static bool put_schema_class(struct buf *b, char c, bool in_brackets)
{
    static const char first[] = "_:\\p{L}", others[] = "_:.\\-\\p{L}\\p{N}";
    const char *set = c == 'i' || c == 'I' ? first : others;
    bool negative = c == 'I' || c == 'C';
    if (!strchr("iIcC", c) || (in_brackets && negative)) return false;
    buf_printf(b, in_brackets ? "%s%s" : "[%s%s]", negative ? "^" : "", set);
    return true;
}

/* Translate an expression of XML Schema for PCRE2. @return the feature that PCRE2 cannot express, or NULL */
static const char *translate(struct str s, struct buf *b)
{
    bool in_brackets = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\\' && i + 1 < s.n) {
            char next = s.p[++i];
            if (put_schema_class(b, next, in_brackets)) continue;
            if (strchr("iIcC", next)) return "a class within brackets that leaves names out";
            buf_byte(b, '\\');
            buf_byte(b, (unsigned char)next);
            continue;
        }
        if (in_brackets && c == '-' && i + 1 < s.n && s.p[i + 1] == '[') return "a class that is taken from another";
        if (c == '[') in_brackets = true;
        if (c == ']') in_brackets = false;
        buf_byte(b, (unsigned char)c);
    }
    return NULL;
}

static struct str without_ends(struct str s)
{
    if (str_starts(s, STR("^"))) s = str_slice(s, 1, s.n);
    if (str_ends(s, STR("$")) && !str_ends(s, STR("\\$"))) s = str_slice(s, 0, s.n - 1);
    return s;
}

static enum rc unreadable(struct str text, const char *why, struct err *e)
{
    return err_set(e, RC_UNSUPPORTED, "the expression %.*s cannot be read: %s", STR_ARG(str_slice(text, 0, 100)), why);
}

static enum rc compile(struct ddf_pattern *p, struct str text, struct err *e)
{
    struct buf b;
    int code = 0;
    PCRE2_SIZE at = 0;
    unsigned char why[120] = "no memory";
    enum rc rc = RC_OK;
    buf_init(&b, 16 * DDF_PATTERN_BYTES);
    const char *foreign = translate(without_ends(text), &b);
    pcre2_compile_context *c = pcre2_compile_context_create(NULL);
    if (foreign) {
        rc = unreadable(text, foreign, e);
    } else if (!c || !buf_ok(&b)) {
        rc = err_set(e, RC_NOMEM, "no memory for an expression");
    } else {
        pcre2_set_parens_nest_limit(c, NESTING);
        p->code = pcre2_compile((PCRE2_SPTR)buf_z(&b), b.n,
                                PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C |
                                    PCRE2_DOLLAR_ENDONLY,
                                &code, &at, c);
        if (!p->code) {
            pcre2_get_error_message(code, why, sizeof why);
            rc = unreadable(text, (const char *)why, e);
        }
    }
    pcre2_compile_context_free(c);
    buf_finish(&b);
    return rc;
}

enum rc ddf_pattern_create(struct str text, size_t parts, struct ddf_pattern **out, struct err *e)
{
    if (text.n > DDF_PATTERN_BYTES)
        return err_set(e, RC_LIMIT, "the expression has more than %d bytes", DDF_PATTERN_BYTES);
    if (parts > DDF_PATTERN_PARTS)
        return err_set(e, RC_LIMIT, "a list with more than %d parts cannot be checked against an expression",
                       DDF_PATTERN_PARTS);
    struct ddf_pattern *p = calloc(1, sizeof *p);
    if (!p) return err_set(e, RC_NOMEM, "no memory for an expression");
    p->parts = parts ? parts : 1;
    enum rc rc = compile(p, text, e);
    if (!rc) {
        p->data = pcre2_match_data_create(1, NULL);
        p->limits = pcre2_match_context_create(NULL);
        if (!p->data || !p->limits) rc = err_set(e, RC_NOMEM, "no memory for an expression");
    }
    if (rc) {
        ddf_pattern_destroy(p);
        return rc;
    }
    pcre2_set_heap_limit(p->limits, HEAP_KIB);
    pcre2_set_depth_limit(p->limits, DEPTH);
    *out = p;
    return RC_OK;
}

void ddf_pattern_destroy(struct ddf_pattern *p)
{
    if (!p) return;
    pcre2_match_context_free(p->limits);
    pcre2_match_data_free(p->data);
    pcre2_code_free(p->code);
    free(p);
}

static uint32_t steps(const struct ddf_pattern *p, size_t n)
{
    size_t most = WORK / p->parts / (n + 1);
    if (most < STEPS_MIN) most = STEPS_MIN;
    return (uint32_t)(most > STEPS_MAX ? STEPS_MAX : most);
}

enum rc ddf_pattern_match(const struct ddf_pattern *p, struct str value, struct err *e)
{
    unsigned char why[120] = "";
    if (value.n > DDF_PATTERN_VALUE_BYTES)
        return err_set(e, RC_LIMIT, "a value of more than %d bytes cannot be checked against an expression",
                       DDF_PATTERN_VALUE_BYTES);
    pcre2_set_match_limit(p->limits, steps(p, value.n));
    int n = pcre2_match(p->code, (PCRE2_SPTR)(value.n ? value.p : ""), value.n, 0, 0, p->data, p->limits);
    if (n >= 0) return RC_OK;
    if (n == PCRE2_ERROR_NOMATCH) return RC_INVALID;
    if (n == PCRE2_ERROR_NOMEMORY) return err_set(e, RC_NOMEM, "no memory to hold a value against an expression");
    pcre2_get_error_message(n, why, sizeof why);
    return err_set(e, RC_LIMIT, "it could not be found out whether the value matches the expression (%s)",
                   (const char *)why);
}
