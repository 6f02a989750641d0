/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMVISORCTL_CTL_TABLE_H
#define CLI_DMVISORCTL_CTL_TABLE_H
/* Tables for display, sized to their content, and the same as CSV. */
#include "base/arena.h"
#include "base/buf.h"

enum { TABLE_COLUMNS = 128 };

enum table_color { TABLE_PLAIN, TABLE_GOOD, TABLE_BUSY, TABLE_BAD, TABLE_HEAD };

struct table_cell {
    struct str text;
    unsigned width;
    enum table_color color;
    struct table_cell *next;
};
struct table {
    struct arena *a; /* owns the cells */
    size_t n_columns, n_cells;
    struct {
        const char *title;
        bool right;
        unsigned width;
    } column[TABLE_COLUMNS];
    struct table_cell *first, *last;
    bool failed; /* out of memory */
};

void table_init(struct table *t, struct arena *a);
/** Columns first, then cells row by row. @param title  NULL = a table without a heading (for all columns) */
void table_column(struct table *t, const char *title, bool right);
/** Add the next cell; control characters and invalid UTF-8 are replaced, so that no text can control the terminal. */
void table_cell(struct table *t, struct str text, enum table_color color);
/** Two blanks between columns, no blanks at the ends of lines. */
void table_write(const struct table *t, bool color, struct buf *out);
/** RFC 4180 with line feeds. */
void table_write_csv(const struct table *t, struct buf *out);

/** Number of terminal columns of a text: 0 for combining marks, 2 for wide characters. */
size_t table_width(struct str s);
/** s with control characters (line feeds as blanks) and ill-formed octets replaced. */
void table_clean(struct buf *out, struct str s);
#endif
