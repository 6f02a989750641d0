/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOG_H
#define BASE_LOG_H
/* One line for each event: key=value or JSON. Only the shells (server/, agent/, cli/) log, once, where an error stops.
 * Never a password, nonce, token or key. */
#include "base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_form { LOG_LOGFMT, LOG_JSON };

struct log_field {
    const char *key;
    struct str value;
    int64_t number;
    bool is_number;
};
#define LOG_S(k, s)   ((struct log_field){ (k), (s), 0, false })
#define LOG_Z(k, z)   ((struct log_field){ (k), str_of(z), 0, false })
#define LOG_N(k, num) ((struct log_field){ (k), { 0 }, (int64_t)(num), true })

/** Process-wide settings, made once in main (the one piece of state at file scope: a program has one standard error). */
void log_open(enum log_level level, enum log_form form, int fd);
void log_set_level(enum log_level level);
/* Lines of one event and level: so many at once, then so many a second. The rest is counted. */
enum { LOG_BURST = 200, LOG_PER_S = 20, LOG_EVENTS = 96, LOG_TELL_MS = 10000 };

/**
 * Thread-safe; one write(2) a line. What a peer can bring about a hundred thousand times a second costs a counter and
 * no line: the next line of the event says in `suppressed` how many came before it, and log_flush tells of those that
 * no line follows.
 *
 * @param event  a text that is good for as long as the program runs
 */
void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n);
#define log_event(level, event, ...)                                                                                   \
    log_write((level), (event), (const struct log_field[]){ __VA_ARGS__ },                                             \
              sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))
/** A line "log.suppressed" for each event whose lines were left out and that nothing was said of for LOG_TELL_MS; the
 * loops call it each turn (it costs nothing while nothing is left out), an end with `all`. */
void log_flush(bool all);
bool log_level_parse(struct str s, enum log_level *out);
#endif
