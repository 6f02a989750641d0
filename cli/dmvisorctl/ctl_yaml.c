/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl_yaml.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void value(const json_t *j, unsigned indent, bool in_list, struct buf *out);

static void blanks(struct buf *out, unsigned n)
{
    while (n--) buf_byte(out, ' ');
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Begins like a text, holds nothing that ends a plain scalar, and is not a word that a reader takes for a boolean. */
static bool is_plain(struct str s)
{
    static const char *const words[] = { "true", "false", "yes", "no", "on", "off", "null", "y", "n" };
    if (!s.n || s.n > 200 || !(is_letter(s.p[0]) || s.p[0] == '/' || (s.p[0] == '.' && s.n > 1 && s.p[1] == '/')))
        return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (s.n == strlen(words[i]) && strncasecmp(s.p, words[i], s.n) == 0) return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : '\n';
        bool ok = is_letter(c) || is_digit(c) || (c != '\0' && strchr("_./-+@=(),%;~<>", c)) ||
                  (c == ':' && next != ' ' && next != '\n') || (c == ' ' && next != ' ' && next != '#' && next != '\n');
        if (!ok) return false;
    }
    return true;
}

/* Length of the character at the front when it must always be escaped; its code point through out. 0 = none */
static size_t special(struct str s, unsigned *code)
{
    unsigned c = (unsigned char)s.p[0];
    *code = c;
    if (c < 0x20 || c == 0x7f) return 1;
    if (s.n >= 2 && c == 0xc2 && (unsigned char)s.p[1] < 0xa0) {
        *code = (unsigned char)s.p[1];
        return 2;
    }
    if (s.n >= 3 && c == 0xe2 && (unsigned char)s.p[1] == 0x80 && ((unsigned char)s.p[2] & 0xfe) == 0xa8) {
        *code = 0x2000u | ((unsigned char)s.p[2] & 0x3f);
        return 3;
    }
    if (s.n >= 3 && c == 0xef && (unsigned char)s.p[1] == 0xbb && (unsigned char)s.p[2] == 0xbf) {
        *code = 0xfeff;
        return 3;
    }
    if (s.n >= 3 && c == 0xef && (unsigned char)s.p[1] == 0xbf && (unsigned char)s.p[2] >= 0xbe) {
        *code = 0xffc0u | ((unsigned char)s.p[2] & 0x3f);
        return 3;
    }
    return 0;
}

static void quoted(struct str s, struct buf *out)
{
    unsigned code;
    buf_byte(out, '"');
    while (s.n) {
        size_t n = special(s, &code);
        if (n && code == '\n')
            buf_putz(out, "\\n");
        else if (n && code == '\t')
            buf_putz(out, "\\t");
        else if (n)
            buf_printf(out, "\\u%04X", code);
        else if (s.p[0] == '"' || s.p[0] == '\\')
            buf_printf(out, "\\%c", s.p[0]);
        else
            buf_byte(out, (unsigned char)s.p[0]);
        s = str_slice(s, n ? n : 1, s.n);
    }
    buf_byte(out, '"');
}

/* Several lines are written as a literal block when that preserves them exactly. */
static bool is_block(struct str s)
{
    unsigned code;
    bool more = false, blank_line = true;
    if (!s.n || s.p[0] == ' ' || s.p[0] == '\n') return false;
    for (struct str rest = s; rest.n;) {
        size_t n = special(rest, &code);
        if (n && code != '\n') return false;
        if (rest.p[0] == '\n') {
            more |= rest.n > 1;
            blank_line = true;
        } else if (rest.p[0] == ' ' && blank_line) {
            size_t i = 0; /* it would lose a line of blanks */
            while (i < rest.n && rest.p[i] == ' ') i++;
            if (i == rest.n || rest.p[i] == '\n') return false;
            blank_line = false;
        } else {
            blank_line = false;
        }
        rest = str_slice(rest, n ? n : 1, rest.n);
    }
    return more || s.p[s.n - 1] == '\n';
}

static void block(struct str s, unsigned indent, struct buf *out)
{
    bool ends = s.p[s.n - 1] == '\n', many = ends && s.n > 1 && s.p[s.n - 2] == '\n';
    struct str line;
    buf_putz(out, many ? "|+" : ends ? "|" : "|-");
    while (str_cut(&s, '\n', &line)) {
        buf_byte(out, '\n');
        if (line.n) blanks(out, indent);
        buf_put(out, line);
    }
}

static void text(struct str s, unsigned indent, struct buf *out)
{
    if (is_plain(s))
        buf_put(out, s);
    else if (is_block(s))
        block(s, indent ? indent : 2, out);
    else
        quoted(s, out);
}

/* The shortest text that reads back the same value; always with a point or an exponent, so that it stays a float. */
static void real(double v, struct buf *out)
{
    char t[40];
    snprintf(t, sizeof t, "%.15g", v);
    if (strtod(t, NULL) != v) snprintf(t, sizeof t, "%.17g", v);
    const char *e = strchr(t, 'e'), *point = strchr(t, '.');
    if (e && !point) /* YAML 1.1 requires a point: 1.0e+20 */
        buf_printf(out, "%.*s.0%s", (int)(e - t), t, e);
    else
        buf_printf(out, "%s%s", t, point ? "" : ".0");
}

static void object(const json_t *j, unsigned indent, bool in_list, struct buf *out)
{
    union {
        const json_t *in;
        json_t *out;
    } u = { j };
    const char *key;
    json_t *v;
    bool first = true;
    json_object_foreach(u.out, key, v)
    {
        if (!(first && in_list)) {
            if (!first || out->n) buf_byte(out, '\n');
            blanks(out, indent);
        }
        first = false;
        struct str k = str_of(key);
        if (is_plain(k))
            buf_put(out, k);
        else
            quoted(k, out);
        buf_byte(out, ':');
        value(v, indent + 2, false, out);
    }
}

static void array(const json_t *j, unsigned indent, bool in_list, struct buf *out)
{
    for (size_t i = 0; i < json_array_size(j); i++) {
        if (i || !in_list) {
            if (i || out->n) buf_byte(out, '\n');
            blanks(out, indent);
        }
        buf_byte(out, '-');
        value(json_array_get(j, i), indent + 2, true, out);
    }
}

/* After "key:" or "-". */
static void value(const json_t *j, unsigned indent, bool in_list, struct buf *out)
{
    bool filled = json_is_object(j) ? json_object_size(j) > 0 : json_array_size(j) > 0;
    if (out->n && (!filled || in_list)) buf_byte(out, ' ');
    switch (json_typeof(j)) {
    case JSON_OBJECT: filled ? object(j, indent, in_list, out) : buf_putz(out, "{}"); break;
    case JSON_ARRAY: filled ? array(j, indent, in_list, out) : buf_putz(out, "[]"); break;
    case JSON_STRING: text((struct str){ json_string_value(j), json_string_length(j) }, indent, out); break;
    case JSON_INTEGER: buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(j)); break;
    case JSON_REAL: real(json_real_value(j), out); break;
    case JSON_TRUE: buf_putz(out, "true"); break;
    case JSON_FALSE: buf_putz(out, "false"); break;
    case JSON_NULL: buf_putz(out, "null"); break;
    }
}

void yaml_write(const json_t *j, struct buf *out)
{
    struct buf b;
    buf_init(&b, 0);
    value(j, 0, false, &b);
    buf_put(out, buf_str(&b));
    buf_byte(out, '\n');
    if (b.failed) out->failed = b.failed;
    buf_finish(&b);
}
