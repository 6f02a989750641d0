/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rc.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *rc_text(enum rc rc)
{
    static const char *const text[RC_COUNT] = {
#define X(name, words) [RC_##name] = words,
        RC_LIST(X)
#undef X
    };
    return (unsigned)rc < RC_COUNT ? text[rc] : "unknown error";
}

__attribute__((format(printf, 6, 0))) static enum rc fill(struct err *e, enum rc rc, const char *where, unsigned line,
                                                          unsigned column, const char *fmt, va_list ap)
{
    if (e && e->rc == RC_OK) {
        e->rc = rc;
        e->line = line;
        e->column = column;
        snprintf(e->where, sizeof e->where, "%s", where ? where : "");
        vsnprintf(e->text, sizeof e->text, fmt, ap);
    }
    return rc;
}

enum rc err_set(struct err *e, enum rc rc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(e, rc, NULL, 0, 0, fmt, ap);
    va_end(ap);
    return rc;
}

enum rc err_at(struct err *e, enum rc rc, const char *where, unsigned line, unsigned column, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(e, rc, where, line, column, fmt, ap);
    va_end(ap);
    return rc;
}

void err_clear(struct err *e)
{
    if (e) memset(e, 0, sizeof *e);
}

const char *err_format(const struct err *e, char *out, size_t n)
{
    char place[32] = "";
    if (e->line && e->column)
        snprintf(place, sizeof place, "%s%u:%u", *e->where ? ":" : "", e->line, e->column);
    else if (e->line)
        snprintf(place, sizeof place, "%s%u", *e->where ? ":" : "", e->line);
    snprintf(out, n, "%s%s%s%s", e->where, place, *e->where || *place ? ": " : "", *e->text ? e->text : rc_text(e->rc));
    return out;
}
