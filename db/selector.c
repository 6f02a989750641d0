/* SPDX-License-Identifier: Apache-2.0 */
#include "db/selector.h"
#include "base/buf.h"
#include <stdio.h>
#include <string.h>

enum { SELECTOR_ARGS = 400, SELECTOR_TEXT_BYTES = 64 << 10 };

enum rc db_selector_query(struct sql *db, const char *head, const struct db_selector *s, const char *tail,
                          const struct sql_arg *args, size_t n_args, struct sql_rows **rows, struct err *e)
{
    struct sql_arg all[SELECTOR_ARGS];
    char name[SELECTOR_ARGS][24];
    struct buf text;
    if (s->n_params > SELECTOR_ARGS - n_args)
        return err_set(e, RC_LIMIT, "the selector has more than %zu values", SELECTOR_ARGS - n_args);
    memcpy(all, args, n_args * sizeof *args);
    for (size_t i = 0; i < s->n_params; i++) {
        snprintf(name[i], sizeof name[i], "p%zu", i);
        all[n_args + i] = (struct sql_arg){ name[i], SQL_T(s->params[i]) };
    }
    buf_init(&text, SELECTOR_TEXT_BYTES);
    buf_putz(&text, head);
    buf_put(&text, s->text);
    buf_putz(&text, tail);
    enum rc rc = buf_ok(&text) ? sql_start_text(db, buf_str(&text), all, n_args + s->n_params, rows, e)
                               : err_set(e, RC_LIMIT, "the selector is too long");
    buf_finish(&text);
    return rc;
}

enum rc db_selector_execute(struct sql *db, const char *head, const struct db_selector *s, const char *tail,
                            const struct sql_arg *args, size_t n_args, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_selector_query(db, head, s, tail, args, n_args, &r, e);
    while (!rc) rc = sql_step(r, e);
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
