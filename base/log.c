#include "base/log.h"
#include "base/buf.h"
#include "base/text.h"
#include "base/world.h"
#include <inttypes.h>
#include <stdatomic.h>
#include <unistd.h>

enum { LINE_BYTES = 16 << 10, VALUE_BYTES = 2 << 10 };

static const char *const level_name[] = { "error", "warn", "info", "debug" };

/* See log.h for why this is at file scope. Written in main before threads start, but for the level. */
static struct {
    atomic_int level;
    enum log_form form;
    int fd;
} out = { LOG_INFO, LOG_LOGFMT, STDERR_FILENO };

void log_open(enum log_level level, enum log_form form, int fd)
{
    out.form = form;
    out.fd = fd;
    log_set_level(level);
}

void log_set_level(enum log_level level)
{
    atomic_store(&out.level, (int)level);
}

bool log_level_parse(struct str s, enum log_level *level)
{
    for (unsigned i = 0; i < sizeof level_name / sizeof level_name[0]; i++)
        if (str_is(s, level_name[i])) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

/* May it stand without quotes? Anything else could be mistaken for another field or another line. */
static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '"' || s.p[i] == '=' || s.p[i] == '\\') return false;
    return s.n > 0;
}

static void put_text(struct buf *line, struct str s)
{
    s = str_slice(s, 0, VALUE_BYTES);
    bool quote = out.form == LOG_JSON || !is_plain(s);
    buf_putz(line, quote ? "\"" : "");
    buf_json(line, s);
    buf_putz(line, quote ? "\"" : "");
}

static void put_field(struct buf *line, const struct log_field *f)
{
    buf_printf(line, out.form == LOG_JSON ? ",\"%s\":" : " %s=", f->key);
    if (f->is_number)
        buf_printf(line, "%" PRId64, f->number);
    else
        put_text(line, f->value);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    if ((int)level > atomic_load(&out.level)) return;
    struct buf line;
    char time[25];
    text_time_iso(world_real().now_ms, time);
    buf_init(&line, LINE_BYTES);
    buf_printf(&line, out.form == LOG_JSON ? "{\"time\":\"%s\",\"level\":\"%s\"" : "time=%s level=%s", time,
               level_name[level]);
    put_field(&line, &LOG_Z("event", event));
    for (size_t i = 0; i < n; i++) {
        size_t before = line.n;
        put_field(&line, &fields[i]);
        if (!buf_ok(&line) || line.n > LINE_BYTES - 2) { /* leave out what does not fit */
            line.failed = RC_OK;
            buf_cut(&line, before);
            break;
        }
    }
    buf_putz(&line, out.form == LOG_JSON ? "}\n" : "\n");
    if (buf_ok(&line) && write(out.fd, line.p, line.n) < 0) { /* Nobody is left to tell. */
    }
    buf_finish(&line);
}
