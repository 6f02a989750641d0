/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl.h"

#include "base/text.h"
#include "base/world.h"
#include "cli/dmvisorctl/ctl_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t ctl_now_ms(void)
{
    return world_real().now_ms;
}

/* ---- output ---- */

static void say(FILE *f, const char *before, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));
static void say(FILE *f, const char *before, const char *fmt, va_list ap)
{
    struct buf raw, clean;
    char text[4096];
    buf_init(&raw, 1 << 20);
    buf_init(&clean, 1 << 20);
    buf_putz(&raw, before);
    vsnprintf(text, sizeof text, fmt, ap);
    buf_putz(&raw, text);
    table_clean(&clean, buf_str(&raw));
    fprintf(f, "%s\n", buf_z(&clean));
    buf_finish(&raw);
    buf_finish(&clean);
}

enum ctl_exit ctl_error(enum ctl_exit code, const char *fmt, ...)
{
    va_list ap;
    fflush(stdout);
    va_start(ap, fmt);
    say(stderr, "error: ", fmt, ap);
    va_end(ap);
    return code;
}

void ctl_note(const char *fmt, ...)
{
    va_list ap;
    fflush(stdout);
    va_start(ap, fmt);
    say(stderr, "", fmt, ap);
    va_end(ap);
}

enum ctl_exit ctl_err(enum ctl_exit code, const struct err *e)
{
    char text[ERR_TEXT_BYTES + 256];
    return ctl_error(code, "%s", err_format(e, text, sizeof text));
}

enum ctl_exit ctl_usage(const struct ctl *c, const char *fmt, ...)
{
    va_list ap;
    fflush(stdout);
    va_start(ap, fmt);
    say(stderr, "error: ", fmt, ap);
    va_end(ap);
    if (c->args && c->args->command && !c->args->operation)
        ctl_note("dmvisorctl help %s says more", c->args->command->name);
    return CTL_USAGE;
}

void ctl_put(struct str text)
{
    fwrite(text.n ? text.p : "", 1, text.n, stdout);
}

void ctl_print(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
}

void ctl_progress(const struct ctl *c, const char *fmt, ...)
{
    char clock[16];
    struct tm tm;
    time_t now = (time_t)(ctl_now_ms() / 1000);
    va_list ap;
    FILE *f = c->format == FORMAT_TABLE ? stdout : stderr;
    localtime_r(&now, &tm);
    strftime(clock, sizeof clock, "%H:%M:%S  ", &tm);
    va_start(ap, fmt);
    say(f, clock, fmt, ap);
    va_end(ap);
    fflush(f);
}

/* ---- options ---- */

const char *ctl_opt(const struct ctl *c, enum ctl_opt o)
{
    return ctl_args_option(c->args, o);
}

enum ctl_exit ctl_sure(const struct ctl *c, const char *fmt, ...)
{
    char line[16];
    va_list ap;
    if (ctl_opt(c, OPT_YES)) return CTL_OK;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return ctl_usage(c, "this cannot be undone, and there is no terminal to confirm it: use --yes");
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs(" Go on? [yes/no] ", stderr);
    fflush(stderr);
    if (fgets(line, sizeof line, stdin) && strcmp(line, "yes\n") == 0) return CTL_OK;
    return ctl_error(CTL_FAILED, "aborted, nothing was changed");
}

enum ctl_exit ctl_seconds(const struct ctl *c, enum ctl_opt o, int64_t standard_s, int64_t *out_s)
{
    const char *text = ctl_opt(c, o);
    int64_t ms;
    *out_s = standard_s;
    if (!text) return CTL_OK;
    if (!text_duration_parse(str_of(text), &ms) || ms < 0)
        return ctl_usage(c, "--%s is \"%s\"; a time such as 90s or 10m is expected", ctl_option_name(o), text);
    *out_s = (ms + 999) / 1000;
    return CTL_OK;
}

/* ---- addresses ---- */

const char *ctl_path(struct ctl *c, const char *pattern, ...)
{
    struct buf b;
    va_list ap;
    buf_init(&b, 64 << 10);
    buf_putz(&b, "/api/v1");
    va_start(ap, pattern);
    for (const char *p = pattern; *p; p++)
        if (p[0] == '{' && p[1] == '}') {
            text_url_put(&b, str_of(va_arg(ap, const char *)));
            p++;
        } else {
            buf_byte(&b, (unsigned char)*p);
        }
    va_end(ap);
    const char *out = arena_strz(c->a, buf_str(&b));
    buf_finish(&b);
    return out ? out : "/";
}

const char *ctl_query(struct ctl *c, const char *path, const char *name, const char *value)
{
    struct buf b;
    if (!value) return path;
    buf_init(&b, 128 << 10);
    buf_printf(&b, "%s%c%s=", path, strchr(path, '?') ? '&' : '?', name);
    text_url_put(&b, str_of(value));
    const char *out = arena_strz(c->a, buf_str(&b));
    buf_finish(&b);
    return out ? out : path;
}

/* ---- files ---- */

enum ctl_exit ctl_read_file(const char *name, size_t limit, struct buf *out)
{
    char piece[16 << 10];
    size_t n, begin = out->n;
    bool own = strcmp(name, "-") != 0;
    FILE *f = own ? fopen(name, "rb") : stdin;
    if (!f) return ctl_error(CTL_FAILED, "%s: %s", name, strerror(errno));
    while ((n = fread(piece, 1, sizeof piece, f)) > 0 && out->n - begin <= limit)
        buf_put(out, (struct str){ piece, n });
    bool failed = ferror(f) != 0;
    int why = errno;
    if (own) fclose(f);
    if (failed) return ctl_error(CTL_FAILED, "%s: %s", name, strerror(why));
    if (out->n - begin > limit || !buf_ok(out))
        return ctl_error(CTL_FAILED, "%s: larger than %zu bytes", own ? name : "standard input", limit);
    return CTL_OK;
}

/* Create a file that holds a secret, with mode 0600, before any request is sent, so that a secret that is shown once
 * can be stored. An existing file is replaced only when the new one is complete. */
enum ctl_exit ctl_secret_open(const char *name, bool force, struct ctl_secret *out)
{
    *out = (struct ctl_secret){ .fd = -1 };
    if (snprintf(out->path, sizeof out->path, "%s", name) >= (int)sizeof out->path)
        return ctl_error(CTL_FAILED, "the name of the file is too long");
    if (force) {
        snprintf(out->temporary, sizeof out->temporary, "%s.XXXXXX", name);
        out->fd = mkstemp(out->temporary); /* mode 0600 */
    } else {
        snprintf(out->temporary, sizeof out->temporary, "%s", name);
        out->fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (out->fd < 0 && errno == EEXIST)
            return ctl_error(CTL_FAILED, "%s: already exists; use --force to replace it", name);
    }
    return out->fd >= 0 ? CTL_OK : ctl_error(CTL_FAILED, "%s: %s", name, strerror(errno));
}

void ctl_secret_drop(struct ctl_secret *s)
{
    if (s->fd < 0) return;
    close(s->fd);
    unlink(s->temporary);
    s->fd = -1;
}

enum ctl_exit ctl_secret_write(struct ctl_secret *s, struct str text)
{
    bool ok = true;
    int why = 0;
    for (size_t at = 0; ok && at < text.n;) {
        ssize_t n = write(s->fd, text.p + at, text.n - at);
        ok = n > 0;
        at += ok ? (size_t)n : 0;
    }
    ok = ok && fsync(s->fd) == 0 && (strcmp(s->path, s->temporary) == 0 || rename(s->temporary, s->path) == 0);
    why = errno;
    if (!ok) {
        ctl_secret_drop(s);
        return ctl_error(CTL_FAILED, "%s: cannot be written: %s", s->path, strerror(why));
    }
    close(s->fd);
    s->fd = -1;
    return CTL_OK;
}
