/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/buf.h"
#include "base/text.h"
#include "base/world.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 16 << 10, VALUE_BYTES = 2 << 10, THOUSAND = 1000 };

/* The token bucket of one event at one level, in thousandths of a line. */
struct log_place {
    const char *event;
    enum log_level level;
    int64_t at_ms, told_ms, thousandths;
    uint64_t suppressed;
};

static const char *const level_name[] = { "error", "warn", "info", "debug" };

/* log.h says why this is at file scope. Written in main before threads start, except for the level. */
static struct {
    atomic_int level;
    enum log_form form;
    int fd;
    pthread_mutex_t lock; /* protects the members below */
    struct log_place slot[LOG_EVENTS];
    size_t n_slots;
    atomic_ullong suppressed; /* sum over all slots */
} out = { LOG_INFO, LOG_LOGFMT, STDERR_FILENO, PTHREAD_MUTEX_INITIALIZER, { { 0 } }, 0, 0 };

void log_open(enum log_level level, enum log_form form, int fd)
{
    out.form = form;
    out.fd = fd;
    out.n_slots = 0;
    atomic_store(&out.suppressed, 0);
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

/* Can the value stand without quotes? Any other could be mistaken for another field or another line. */
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

/* The slot of an event. All events that find no free slot share the last one. */
static struct log_place *slot_of(enum log_level level, const char *event, int64_t now_ms)
{
    size_t i = 0;
    while (i < out.n_slots && (out.slot[i].level != level || strcmp(out.slot[i].event, event) != 0)) i++;
    if (i == out.n_slots && i < LOG_EVENTS)
        out.slot[out.n_slots++] = (struct log_place){ event, level, now_ms, now_ms, LOG_BURST * THOUSAND, 0 };
    return &out.slot[i < LOG_EVENTS ? i : LOG_EVENTS - 1];
}

/* May a line of this event be written now? @param before  number of lines suppressed since the last one */
static bool may_write(enum log_level level, const char *event, uint64_t *before)
{
    int64_t now_ms = world_monotonic_ms();
    pthread_mutex_lock(&out.lock);
    struct log_place *s = slot_of(level, event, now_ms);
    s->thousandths += (now_ms - s->at_ms) * LOG_PER_S;
    if (s->thousandths > LOG_BURST * THOUSAND) s->thousandths = LOG_BURST * THOUSAND;
    s->at_ms = now_ms;
    bool yes = s->thousandths >= THOUSAND;
    if (yes) {
        s->thousandths -= THOUSAND;
        *before = s->suppressed;
        s->suppressed = 0;
        s->told_ms = now_ms;
        atomic_fetch_sub(&out.suppressed, *before);
    } else {
        s->suppressed++;
        atomic_fetch_add(&out.suppressed, 1);
    }
    pthread_mutex_unlock(&out.lock);
    return yes;
}

static void write_line(enum log_level level, const char *event, const struct log_field *fields, size_t n,
                       uint64_t suppressed)
{
    struct buf line;
    char time[25];
    text_time_iso(world_real().now_ms, time);
    buf_init(&line, LINE_BYTES);
    buf_printf(&line, out.form == LOG_JSON ? "{\"time\":\"%s\",\"level\":\"%s\"" : "time=%s level=%s", time,
               level_name[level]);
    put_field(&line, &LOG_Z("event", event));
    if (suppressed) put_field(&line, &LOG_N("suppressed", suppressed));
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
    if (buf_ok(&line) && write(out.fd, line.p, line.n) < 0) { /* a failed write of the log cannot be reported
                                                               * anywhere */
    }
    buf_finish(&line);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    uint64_t suppressed = 0;
    if ((int)level > atomic_load(&out.level) || !may_write(level, event, &suppressed)) return;
    write_line(level, event, fields, n, suppressed);
}

void log_flush(bool all)
{
    if (!atomic_load(&out.suppressed)) return;
    int64_t now_ms = world_monotonic_ms();
    pthread_mutex_lock(&out.lock);
    for (size_t i = 0; i < out.n_slots; i++) {
        struct log_place *s = &out.slot[i];
        if (!s->suppressed || (!all && now_ms - s->told_ms < LOG_TELL_MS)) continue;
        const struct log_field f[] = { LOG_Z("of", s->event), LOG_N("lines", s->suppressed) };
        write_line(s->level, "log.suppressed", f, sizeof f / sizeof f[0], 0);
        atomic_fetch_sub(&out.suppressed, s->suppressed);
        s->suppressed = 0;
        s->told_ms = now_ms;
    }
    pthread_mutex_unlock(&out.lock);
}
