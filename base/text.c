/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "base/cursor.h"
#include <inttypes.h>
#include <stdio.h>

/* --- bytes ---------------------------------------------------------------------------------------------------- */

static const char b64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void b64_fill(const uint8_t *in, size_t n, char *out)
{
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
        *out++ = b64_digits[v >> 18];
        *out++ = b64_digits[v >> 12 & 63];
        *out++ = left > 1 ? b64_digits[v >> 6 & 63] : '=';
        *out++ = left > 2 ? b64_digits[v & 63] : '=';
    }
}

void text_b64_put(struct buf *b, struct str bytes)
{
    char *out = buf_room(b, text_b64_len(bytes.n));
    if (out) b64_fill((const uint8_t *)bytes.p, bytes.n, out);
}

void text_b64(const void *p, size_t n, char *out)
{
    b64_fill(p, n, out);
    out[text_b64_len(n)] = '\0';
}

static int b64_value(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

enum rc text_b64_decode(struct str text, struct arena *a, struct str *out)
{
    char *p = arena_bytes(a, text.n / 4 * 3 + 4);
    size_t n = 0, digits = 0, pads = 0;
    uint32_t v = 0;
    if (!p) return RC_NOMEM;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        int value = b64_value(c);
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
        if (c == '=') {
            pads++;
            continue;
        }
        if (value < 0 || pads) return RC_PARSE;
        v = v << 6 | (uint32_t)value;
        if (digits++ % 4) /* the first digit of four completes no byte */
            p[n++] = (char)(uint8_t)(v >> (8 - digits % 4 * 2) % 8);
    }
    if (digits % 4 == 1 || pads > (4 - digits % 4) % 4) return RC_PARSE;
    p[n] = '\0';
    *out = (struct str){ p, n };
    return RC_OK;
}

void text_hex(const void *p, size_t n, char *out)
{
    const uint8_t *in = p;
    for (size_t i = 0; i < n; i++) {
        *out++ = "0123456789abcdef"[in[i] >> 4];
        *out++ = "0123456789abcdef"[in[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool text_hex_decode(struct str text, uint8_t *out, size_t n)
{
    if (text.n % 2 || text.n / 2 != n) return false;
    for (size_t i = 0; i < text.n; i++)
        if (hex_value(text.p[i]) < 0) return false;
    for (size_t i = 0; i < n; i++) out[i] = (uint8_t)(hex_value(text.p[2 * i]) << 4 | hex_value(text.p[2 * i + 1]));
    return true;
}

/* --- times ---------------------------------------------------------------------------------------------------- */

/* A moment in parts; year 0 to 9999. POSIX has no timegm, so the calendar is here. */
struct parts {
    int64_t year, month, day, hour, minute, second, ms;
};

enum { DAY_MS = 86400000, DAYS_TO_1970 = 719468 }; /* counted from 1 March of year 0 */

/* A year begins in March here, so that the leap day is the last day and all months follow one formula. */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    int64_t y = year + 400 - (month <= 2), day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    return 365 * y + y / 4 - y / 100 + y / 400 + day_of_year - DAYS_TO_1970 - 146097;
}

static struct parts parts_of(int64_t ms)
{
    const int64_t first = days_since_1970(0, 1, 1) * DAY_MS, end = days_since_1970(10000, 1, 1) * DAY_MS;
    ms = ms < first ? first : ms >= end ? end - 1 : ms;
    int64_t in_day = (ms % DAY_MS + DAY_MS) % DAY_MS;
    int64_t days = (ms - in_day) / DAY_MS + DAYS_TO_1970 + 146097, of_era = days % 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100), march = (5 * of_year + 2) / 153;
    int64_t month = march < 10 ? march + 3 : march - 9;
    return (struct parts){ year + days / 146097 * 400 - 400 + (month <= 2),
                           month,
                           of_year - (153 * march + 2) / 5 + 1,
                           in_day / 3600000,
                           in_day / 60000 % 60,
                           in_day / 1000 % 60,
                           in_day % 1000 };
}

/* The last n digits of v. With snprintf an int64_t would need room for any number. */
static char *put_digits(char *out, int64_t v, size_t n)
{
    for (size_t i = n; i-- > 0; v /= 10) out[i] = (char)('0' + v % 10);
    return out + n;
}

static void put_time(int64_t ms, bool iso, char *out)
{
    struct parts t = parts_of(ms);
    const struct {
        int64_t v;
        size_t digits;
        char after;
    } row[] = {
        { t.year, 4, '-' }, { t.month, 2, '-' },  { t.day, 2, 0 },    { -1, 0, 'T' },
        { t.hour, 2, ':' }, { t.minute, 2, ':' }, { t.second, 2, 0 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        out = put_digits(out, row[i].v, row[i].digits);
        if (row[i].after == 'T' || (iso && row[i].after)) *out++ = row[i].after;
    }
    if (iso) {
        *out++ = '.';
        out = put_digits(out, t.ms, 3);
    }
    *out++ = 'Z';
    *out = '\0';
}

void text_time_basic(int64_t ms, char out[17])
{
    put_time(ms, false, out);
}

void text_time_iso(int64_t ms, char out[25])
{
    put_time(ms, true, out);
}

/* Read exactly n digits. */
static int64_t digits(struct cursor *c, size_t n)
{
    int64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t d = cursor_u8(c);
        if (d < '0' || d > '9') c->failed = true;
        v = v * 10 + (d - '0');
    }
    return c->failed ? 0 : v;
}

static bool passed(struct cursor *c, char ch)
{
    if (c->failed || cursor_peek(c) != (uint8_t)ch) return false;
    cursor_u8(c);
    return true;
}

static int64_t fraction_ms(struct cursor *c)
{
    int64_t ms = digits(c, 1) * 100; /* at least one digit; digits past the third are ignored */
    for (int64_t unit = 10; cursor_peek(c) >= '0' && cursor_peek(c) <= '9'; unit /= 10) ms += digits(c, 1) * unit;
    return ms;
}

bool text_time_parse(struct str s, int64_t *out_ms)
{
    static const uint8_t month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    struct cursor c = cursor_of(s);
    struct parts t = { 0 };
    int64_t offset_min = 0;
    t.year = digits(&c, 4);
    bool iso = passed(&c, '-');
    t.month = digits(&c, 2);
    c.failed |= passed(&c, '-') != iso;
    t.day = digits(&c, 2);
    c.failed |= !passed(&c, 'T');
    t.hour = digits(&c, 2);
    c.failed |= passed(&c, ':') != iso;
    t.minute = digits(&c, 2);
    c.failed |= passed(&c, ':') != iso;
    t.second = digits(&c, 2);
    if (passed(&c, '.')) t.ms = fraction_ms(&c);
    if (!passed(&c, 'Z')) {
        uint8_t sign = cursor_u8(&c);
        int64_t hours = digits(&c, 2);
        passed(&c, ':');
        int64_t minutes = digits(&c, 2);
        c.failed |= (sign != '+' && sign != '-') || hours > 23 || minutes > 59;
        offset_min = (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
    }
    bool leap = t.year % 4 == 0 && (t.year % 100 != 0 || t.year % 400 == 0);
    if (c.failed || !cursor_done(&c) || t.month < 1 || t.month > 12 || t.day < 1 ||
        t.day > month_days[t.month - 1] + (leap && t.month == 2) || t.hour > 23 || t.minute > 59 || t.second > 60)
        return false; /* second 60 is a leap second and counts as the next one */
    *out_ms = days_since_1970(t.year, t.month, t.day) * DAY_MS + (t.hour * 60 + t.minute - offset_min) * 60000 +
              t.second * 1000 + t.ms;
    return true;
}

/* --- amounts -------------------------------------------------------------------------------------------------- */

struct time_unit {
    const char *name;
    uint64_t factor;
};

/* Digits, then one of the units; the last row has no name. */
static bool amount(struct str s, const struct time_unit *unit, uint64_t most, uint64_t *out)
{
    size_t n = 0;
    uint64_t v;
    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9') n++;
    if (!str_to_u64(str_slice(s, 0, n), &v)) return false;
    for (struct str name = str_slice(s, n, s.n);; unit++) {
        if (str_is(name, unit->name)) {
            if (v > most / unit->factor) return false;
            *out = v * unit->factor;
            return true;
        }
        if (!*unit->name) return false;
    }
}

bool text_duration_parse(struct str s, int64_t *out_ms)
{
    static const struct time_unit unit[] = { { "ms", 1 },      { "s", 1000 },     { "m", 60000 },
                                             { "h", 3600000 }, { "d", 86400000 }, { "", 1000 } };
    uint64_t v;
    if (!amount(s, unit, INT64_MAX, &v)) return false;
    *out_ms = (int64_t)v;
    return true;
}

bool text_size_parse(struct str s, uint64_t *out_bytes)
{
    static const struct time_unit unit[] = {
        { "Ki", 1u << 10 },          { "Mi", 1u << 20 },     { "Gi", 1u << 30 },
        { "Ti", (uint64_t)1 << 40 }, { "K", 1000 },          { "M", 1000000 },
        { "G", 1000000000 },         { "T", 1000000000000 }, { "", 1 },
    };
    return amount(s, unit, UINT64_MAX, out_bytes);
}

void text_duration(int64_t ms, char out[32])
{
    static const struct time_unit unit[] = {
        { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 }
    };
    const size_t n = sizeof unit / sizeof unit[0];
    uint64_t v = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    const char *sign = ms < 0 ? "-" : "";
    size_t i = 0;
    while (i < n - 1 && v < unit[i].factor) i++;
    uint64_t whole = v / unit[i].factor;
    unsigned short rest = 0;
    if (i + 1 < n) rest = (unsigned short)(v % unit[i].factor / unit[i + 1].factor);
    if (v == 0)
        snprintf(out, 32, "0s");
    else if (rest == 0)
        snprintf(out, 32, "%s%" PRIu64 "%s", sign, whole, unit[i].name);
    else
        snprintf(out, 32, "%s%" PRIu64 "%s %hu%s", sign, whole, unit[i].name, rest, unit[i + 1].name);
}

/* --- addresses and secrets ------------------------------------------------------------------------------------ */

void text_url_put(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        /* RFC 3986, section 2.3 */
        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
            c == '_' || c == '~')
            buf_byte(b, (unsigned char)c);
        else
            buf_printf(b, "%%%02X", (unsigned)(unsigned char)c);
    }
}

enum rc text_url_decode(struct str s, struct arena *a, struct str *out)
{
    char *p = arena_bytes(a, s.n + 1);
    size_t n = 0;
    if (!p) return RC_NOMEM;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t byte = (uint8_t)s.p[i];
        if (byte == '%') {
            if (!text_hex_decode(str_slice(s, i + 1, i + 3), &byte, 1)) return RC_PARSE;
            i += 2;
        }
        p[n++] = (char)byte;
    }
    p[n] = '\0';
    *out = (struct str){ p, n };
    return RC_OK;
}

bool text_same_secret(struct str a, struct str b)
{
    volatile unsigned char differ = a.n != b.n; /* volatile: the loop reads every byte */
    for (size_t i = 0; i < a.n && i < b.n; i++) differ = (unsigned char)(differ | (a.p[i] ^ b.p[i]));
    return !differ;
}
