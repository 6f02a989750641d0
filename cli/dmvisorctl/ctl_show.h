/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMVISORCTL_CTL_SHOW_H
#define CLI_DMVISORCTL_CTL_SHOW_H
/* Shows the server's answers in the chosen format. A view lists the members of an object that make a line of a
 * table. */
#include "cli/dmvisorctl/ctl.h"
#include "cli/dmvisorctl/ctl_table.h"

enum show_kind {
    SHOW_TEXT,   /* a scalar unchanged */
    SHOW_NUMBER, /* right-aligned */
    SHOW_AGE,    /* a time: "3 m ago" */
    SHOW_SIZE,   /* bytes: "12.5 MiB" */
    SHOW_WORD,   /* a state's name, in a colour of its own on terminals */
    SHOW_STATE,  /* a VM's state, in the colour of its health */
    SHOW_LABELS, /* an object: "k=v k=v" */
    SHOW_COUNTS, /* an object of numbers: "2 settled, 1 working" */
    SHOW_LIST,   /* its length, or the ids of its objects */
    SHOW_OWN     /* by a function */
};

struct show_column {
    const char *title, *path;
    enum show_kind kind;
    void (*own)(const json_t *item, struct buf *out);
};

struct show_view {
    const char *what; /* "devices", for "no devices" */
    const char *name; /* path of what -o name prints; NULL with `named` */
    void (*named)(const json_t *item, struct buf *out);
    struct show_column column[16]; /* ends with a row without title */
};

/** Show a reply whose "items" are a list, in the chosen format. */
enum ctl_exit show_list(struct ctl *c, const struct ctl_reply *r, const struct show_view *v);
/** Show a list that this program has built. */
enum ctl_exit show_items(struct ctl *c, const json_t *items, const struct show_view *v);
/** Show one object: as a table, a line for each column that has a value ("Title: value"). */
enum ctl_exit show_one(struct ctl *c, const struct ctl_reply *r, const struct show_view *v);
/**
 * @return true when the format is not a table, and the reply has been shown: json and yaml unchanged, name by the view
 * (NULL = none).
 */
bool show_raw(struct ctl *c, const struct ctl_reply *r, const struct show_view *v);
void show_json(struct ctl *c, const json_t *j); /* as json or yaml */
/** Show a table of an array below a heading; nothing when the array is empty. */
void show_section(struct ctl *c, const char *heading, const json_t *items, const struct show_view *v);
/**
 * Show one line of the view's table without a heading, with two blanks between cells: for lines that arrive one after
 * another.
 */
void show_row(struct ctl *c, const json_t *item, const struct show_view *v, struct buf *out);

void show_cell(const json_t *item, const struct show_column *k, struct buf *out);
/** "3 m ago", "in 2 h", "now"; the text itself when it is not a time. */
void show_age(const char *iso, struct buf *out);
/** The same time in the local time zone: "2031-01-31 12:00:00". */
void show_local(const char *iso, struct buf *out);
void show_size(double bytes, struct buf *out);
enum table_color show_color(struct str word);
void show_table(struct ctl *c, const struct table *t);
#endif
