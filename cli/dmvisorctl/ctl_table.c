/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl_table.h"

#include <string.h>

/* ---- characters ---- */

static uint32_t code_point(struct str s, size_t n)
{
    static const unsigned char first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t c = (unsigned char)s.p[0] & first_bits[n];
    for (size_t i = 1; i < n; i++) c = c << 6 | ((unsigned char)s.p[i] & 0x3f);
    return c;
}

struct range {
    uint32_t from, to;
};

static bool within(const struct range *r, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n; i++)
        if (c >= r[i].from && c <= r[i].to) return true;
    return false;
}

/* Combining marks and joiners; characters of East Asian width W and F, and pictographs. Enough of Unicode for names
 * and titles. */
static const struct range none[] = {
    { 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd }, { 0x064b, 0x065f }, { 0x0900, 0x0902 },
    { 0x093c, 0x093c }, { 0x0941, 0x0948 }, { 0x094d, 0x094d }, { 0x0e31, 0x0e31 }, { 0x0e34, 0x0e3a },
    { 0x0e47, 0x0e4e }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x200b, 0x200f }, { 0x2060, 0x2064 },
    { 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f }, { 0xfeff, 0xfeff }, { 0xe0100, 0xe01ef },
};
static const struct range wide[] = {
    { 0x1100, 0x115f },   { 0x231a, 0x231b },   { 0x2e80, 0x303e }, { 0x3041, 0x33ff },   { 0x3400, 0x4dbf },
    { 0x4e00, 0x9fff },   { 0xa000, 0xa4cf },   { 0xa960, 0xa97f }, { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },
    { 0xfe30, 0xfe6f },   { 0xff01, 0xff60 },   { 0xffe0, 0xffe6 }, { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff },
    { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
};
/* Characters that could control a terminal or reverse the order of a line. */
static const struct range harmful[] = {
    { 0x00, 0x1f }, { 0x7f, 0x9f }, { 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2066, 0x2069 }
};
#define WITHIN(list, c) within(list, sizeof list / sizeof list[0], c)

size_t table_width(struct str s)
{
    size_t width = 0;
    while (s.n) {
        size_t n = str_utf8(s);
        uint32_t c = n ? code_point(s, n) : 0xfffd;
        width += WITHIN(none, c) ? 0 : WITHIN(wide, c) ? 2 : 1;
        s = str_slice(s, n ? n : 1, s.n);
    }
    return width;
}

void table_clean(struct buf *out, struct str s)
{
    while (s.n) {
        size_t n = str_utf8(s);
        uint32_t c = n ? code_point(s, n) : 0xfffd;
        if (c == '\n' || c == '\t' || c == '\r')
            buf_byte(out, ' ');
        else if (!n || WITHIN(harmful, c))
            buf_putz(out, "\xef\xbf\xbd");
        else
            buf_put(out, str_slice(s, 0, n));
        s = str_slice(s, n ? n : 1, s.n);
    }
}

/* ---- tables ---- */

void table_init(struct table *t, struct arena *a)
{
    memset(t, 0, sizeof *t);
    t->a = a;
}

void table_column(struct table *t, const char *title, bool right)
{
    if (t->n_columns == TABLE_COLUMNS) return;
    t->column[t->n_columns].title = title;
    t->column[t->n_columns].right = right;
    t->column[t->n_columns].width = title ? (unsigned)table_width(str_of(title)) : 0;
    t->n_columns++;
}

void table_cell(struct table *t, struct str text, enum table_color color)
{
    struct table_cell *c = arena_alloc(t->a, sizeof *c);
    struct buf clean;
    buf_init(&clean, 0);
    table_clean(&clean, text);
    if (!c || !t->n_columns || !buf_ok(&clean) || !arena_str(t->a, buf_str(&clean), &c->text)) {
        t->failed = true;
        buf_finish(&clean);
        return;
    }
    buf_finish(&clean);
    c->width = (unsigned)table_width(c->text);
    c->color = color;
    size_t column = t->n_cells++ % t->n_columns;
    if (c->width > t->column[column].width) t->column[column].width = c->width;
    if (t->last)
        t->last->next = c;
    else
        t->first = c;
    t->last = c;
}

static void blanks(struct buf *out, size_t n)
{
    while (n--) buf_byte(out, ' ');
}

static void put(const struct table *t, size_t i, struct str text, size_t width, enum table_color color, bool colors,
                struct buf *out)
{
    static const char *const code[] = { "", "\033[32m", "\033[33m", "\033[31m", "\033[1m" };
    size_t pad = t->column[i].width - width;
    if (t->column[i].right) blanks(out, pad);
    if (colors && color && text.n) buf_putz(out, code[color]);
    buf_put(out, text);
    if (colors && color && text.n) buf_putz(out, "\033[0m");
    if (!t->column[i].right) blanks(out, pad);
    blanks(out, 2);
}

/* Write no blanks after the last cell that has text. */
static void end_line(struct buf *out, size_t begin)
{
    size_t n = out->n;
    while (buf_ok(out) && n > begin && out->p[n - 1] == ' ') n--;
    if (buf_ok(out)) buf_cut(out, n);
    buf_byte(out, '\n');
}

void table_write(const struct table *t, bool color, struct buf *out)
{
    size_t begin = out->n, i = 0;
    if (!t->n_columns) return;
    if (t->column[0].title) {
        for (i = 0; i < t->n_columns; i++)
            put(t, i, str_of(t->column[i].title), table_width(str_of(t->column[i].title)), TABLE_HEAD, color, out);
        end_line(out, begin);
    }
    i = 0;
    begin = out->n;
    for (const struct table_cell *c = t->first; c; c = c->next) {
        put(t, i, c->text, c->width, c->color, color, out);
        i = (i + 1) % t->n_columns;
        if (i && c->next) continue;
        end_line(out, begin);
        begin = out->n;
    }
}

static void csv(struct buf *out, struct str s)
{
    bool quote = false;
    for (size_t i = 0; i < s.n; i++) quote |= s.p[i] == ',' || s.p[i] == '"';
    if (quote) buf_byte(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"') buf_byte(out, '"');
        buf_byte(out, (unsigned char)s.p[i]);
    }
    if (quote) buf_byte(out, '"');
}

void table_write_csv(const struct table *t, struct buf *out)
{
    size_t i = 0;
    if (!t->n_columns) return;
    for (; i < t->n_columns; i++) {
        csv(out, str_of(t->column[i].title));
        buf_byte(out, i + 1 < t->n_columns ? ',' : '\n');
    }
    i = 0;
    for (const struct table_cell *c = t->first; c; c = c->next) {
        csv(out, c->text);
        i = (i + 1) % t->n_columns;
        buf_byte(out, i && c->next ? ',' : '\n');
    }
}
