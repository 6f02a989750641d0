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

enum rc db_keep(struct arena *a, struct str *const *texts, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!arena_str(a, *texts[i], texts[i])) return err_set(e, RC_NOMEM, "no memory for a row of the database");
    return RC_OK;
}

struct str db_copy(struct sql_rows *r, int column, struct arena *a)
{
    struct str out = { 0 };
    return arena_str(a, sql_text(r, column), &out) ? out : (struct str){ 0 };
}

enum rc db_more(struct sql_rows *rows, bool *more, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    *more = rc == RC_OK;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
