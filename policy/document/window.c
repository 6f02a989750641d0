/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/document/window.h"

enum { DAY_MIN = 24 * 60 };
static const int64_t MINUTE_MS = 60000;

static int day_of(struct str name)
{
    static const char *const names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };
    for (int i = 0; i < 7; i++)
        if (str_eq_fold(name, str_of(names[i]))) return i;
    return -1;
}

static bool days(struct str text, unsigned *out)
{
    struct str part;
    *out = 0;
    if (str_eq_fold(text, STR("daily"))) {
        *out = 0x7f;
        return true;
    }
    while (str_cut(&text, ',', &part)) {
        size_t dash = str_find(part, '-', 0);
        int from = day_of(str_slice(part, 0, dash));
        int to = dash < part.n ? day_of(str_slice(part, dash + 1, part.n)) : from;
        if (from < 0 || to < 0) return false;
        for (int d = from;; d = (d + 1) % 7) {
            *out |= 1u << d;
            if (d == to) break;
        }
    }
    return *out != 0;
}

/* "hh:mm", 24:00 allowed. */
static bool clock_time(struct str text, int *out)
{
    int64_t h, m;
    if (text.n != 5 || text.p[2] != ':' || text.p[0] < '0' || text.p[0] > '9' || text.p[3] < '0' || text.p[3] > '9')
        return false;
    if (!str_to_i64(str_slice(text, 0, 2), &h) || !str_to_i64(str_slice(text, 3, 5), &m) || h > 24 || m > 59 ||
        (h == 24 && m))
        return false;
    *out = (int)(h * 60 + m);
    return true;
}

static bool zone(struct str text, struct pol_window *w)
{
    int minutes;
    if (!text.n || str_eq_fold(text, STR("device"))) {
        w->device_zone = true;
        return true;
    }
    if (str_eq_fold(text, STR("UTC")) || str_is(text, "Z")) return true;
    if ((text.p[0] != '+' && text.p[0] != '-') || !clock_time(str_slice(text, 1, text.n), &minutes) ||
        minutes > 14 * 60)
        return false;
    w->offset_min = text.p[0] == '-' ? -minutes : minutes;
    return true;
}

enum rc pol_window_parse(struct str text, struct pol_window *out, struct err *e)
{
    struct pol_window w = { 0 };
    struct str rest = str_trim(text), word[3] = { { 0 } }, part;
    size_t n = 0;

    while (str_cut(&rest, ' ', &part)) {
        if (!part.n) continue;
        if (n == 3)
            return err_set(e, RC_INVALID, "a window is written \"Sun 01:00-05:00 device\": there are too many words");
        word[n++] = part;
    }
    if (n < 2 || !days(word[0], &w.days))
        return err_set(e, RC_INVALID,
                       "a window begins with its days: Sun, Mon-Fri, \"Sat,Sun\" or daily, then hh:mm-hh:mm");
    size_t dash = str_find(word[1], '-', 0);
    if (dash == word[1].n || !clock_time(str_slice(word[1], 0, dash), &w.from_min) ||
        !clock_time(str_slice(word[1], dash + 1, word[1].n), &w.to_min) || w.from_min == DAY_MIN)
        return err_set(e, RC_INVALID, "the times of a window are written hh:mm-hh:mm, such as 01:00-05:00");
    if (w.from_min == w.to_min) return err_set(e, RC_INVALID, "the window opens and closes at the same time");
    if (!zone(word[2], &w)) return err_set(e, RC_INVALID, "the time zone of a window is device, UTC or +hh:mm");
    *out = w;
    return RC_OK;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

void pol_window_next(const struct pol_window *w, int64_t now_ms, int device_offset_min, int64_t *opens_ms,
                     int64_t *closes_ms)
{
    int64_t shift = (int64_t)(w->device_zone ? device_offset_min : w->offset_min) * MINUTE_MS;
    int64_t day_ms = (int64_t)DAY_MIN * MINUTE_MS, today = floor_div(now_ms + shift, day_ms);
    int length = w->to_min > w->from_min ? w->to_min - w->from_min : w->to_min + DAY_MIN - w->from_min;

    for (int64_t d = today - 1;; d++) { /* 1970-01-01 was a Thursday */
        unsigned weekday = (unsigned)(((d + 4) % 7 + 7) % 7);
        int64_t opens = d * day_ms + w->from_min * MINUTE_MS - shift, closes = opens + length * MINUTE_MS;
        if ((w->days & 1u << weekday) && closes > now_ms) {
            *opens_ms = opens;
            *closes_ms = closes;
            return;
        }
    }
}
