/* SPDX-License-Identifier: Apache-2.0 */
#include "db/statements.h"

static const char *const *const lists[] = {
#define X(entity) db_##entity##_statements,
    DB_ENTITIES(X)
#undef X
};

enum rc db_statements_check(struct sql *db, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < sizeof lists / sizeof lists[0]; i++)
        for (const char *const *text = lists[i]; !rc && *text; text++) rc = sql_check_text(db, *text, e);
    return rc;
}

enum rc db_row(struct sql *db, const char *text, const struct sql_arg *args, size_t n_args, struct sql_rows **rows,
               struct err *e)
{
    *rows = NULL;
    enum rc rc = sql_query(db, text, args, n_args, rows, e);
    return rc ? rc : sql_step(*rows, e);
}

enum rc db_number(struct sql *db, const char *text, const struct sql_arg *args, size_t n_args, int64_t *out,
                  struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, text, args, n_args, &r, e);
    if (!rc && out) *out = sql_int(r, 0);
    sql_end(r);
    return rc;
}

struct str db_copy(struct sql_rows *r, int column, struct arena *a)
{
    struct str s = sql_text(r, column);
    return (struct str){ arena_strz(a, s), s.n };
}
