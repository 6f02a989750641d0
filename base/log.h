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

/**
 * Process-wide settings, set once in main. They are the one piece of state at file scope, because a program has one
 * standard error.
 */
void log_open(enum log_level level, enum log_form form, int fd);
void log_set_level(enum log_level level);
/* Limits for the lines of one event and level: a burst, then a rate. Lines past them are only counted. */
enum { LOG_BURST = 200, LOG_PER_S = 20, LOG_EVENTS = 96, LOG_TELL_MS = 10000 };

/**
 * Write one line with one write(2). Thread-safe. An event that a peer can cause a hundred thousand times a second costs
 * a counter and not a line: the event's next line reports in `suppressed` how many were left out before it, and
 * log_flush reports those that no line follows.
 *
 * @param event  a text that stays valid while the program runs
 */
void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n);
#define log_event(level, event, ...)                                                                                   \
    log_write((level), (event), (const struct log_field[]){ __VA_ARGS__ },                                             \
              sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))
/**
 * Write "log.suppressed" for each event with suppressed lines that were not reported for LOG_TELL_MS. Event loops call
 * it at each turn (it costs nothing when nothing is suppressed); with `all`, at the end of the program, the delay does
 * not apply.
 */
void log_flush(bool all);
bool log_level_parse(struct str s, enum log_level *out);
#endif
