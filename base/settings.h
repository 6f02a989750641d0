/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H
/* A program's configuration file (YAML) as a table: each row gives a setting's name, kind, default, limits and help.
 * Both programs read their configuration through it, so unknown names and wrong values are reported alike: with
 * file, line, column, and the values that are allowed. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"

enum setting_kind {
    SET_TEXT,    /* const char *; NULL when neither given nor with a default */
    SET_PATH,    /* as SET_TEXT; a relative path starts at the file's folder */
    SET_BOOL,    /* bool */
    SET_UINT,    /* unsigned, within [min, max] */
    SET_PORT,    /* uint16_t */
    SET_BYTES,   /* uint64_t: "64Ki" */
    SET_SECONDS, /* unsigned: "2m" or bare seconds, within [min, max] */
    SET_MS,      /* int64_t milliseconds: "30d" */
    SET_WORD,    /* int: index into `words` */
    SET_LIST,    /* struct setting_list of texts (or of paths when `min` is 1) */
};

struct setting_list {
    const char *const *items;
    size_t n;
};

struct setting {
    const char *name; /* path in the document: "dm.port" */
    enum setting_kind kind;
    size_t offset;            /* of the member in the program's struct */
    const char *standard;     /* default as it is written in the file, NULL = none */
    int64_t min, max;         /* SET_UINT, SET_SECONDS */
    const char *const *words; /* SET_WORD: NULL-terminated */
    bool required;
    const char *help;
};

/**
 * Read `file` into `out` by `table`. Every mistake is collected in `errors`, one line each ("dmvisord.yaml:3:9: /dm/port: ...").
 * @param a  owns all texts
 * @return RC_OK; RC_IO, RC_PARSE, RC_INVALID with the first mistake in `e`
 */
enum rc settings_load(const char *file, const struct setting *table, size_t n, void *out, struct arena *a,
                      struct buf *errors, struct err *e);
/** Fill `out` with the defaults alone. */
enum rc settings_defaults(const struct setting *table, size_t n, void *out, struct arena *a);
/** Write the table as a commented YAML file. */
void settings_help(const struct setting *table, size_t n, struct buf *out);
#endif
