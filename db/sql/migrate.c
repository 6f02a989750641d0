/* SPDX-License-Identifier: Apache-2.0 */
#include "db/sql/migrate.h"
#include "base/buf.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* "007-rollouts.sql" -> 7; 0 for another name. */
static int number_of(const char *name)
{
    size_t n = strlen(name);
    int number = 0;
    if (n < 9 || name[3] != '-' || strcmp(name + n - 4, ".sql") != 0) return 0;
    for (int i = 0; i < 3; i++) {
        if (name[i] < '0' || name[i] > '9') return 0;
        number = number * 10 + (name[i] - '0');
    }
    return number;
}

/* File names of the schema steps by number; steps[0] stays empty. @param last number of the last step */
static enum rc find_steps(const char *folder, struct arena *a, const char **steps, int *last, struct err *e)
{
    const struct dirent *d = NULL;
    enum rc rc = RC_OK;
    DIR *dir = opendir(folder);

    if (!dir) return err_set(e, RC_IO, "cannot read schema folder %s: %s", folder, strerror(errno));
    *last = 0;
    while (!rc && (d = readdir(dir)) != NULL) {
        int n = number_of(d->d_name);
        if (!n) continue;
        if (steps[n])
            rc = err_set(e, RC_CONFLICT, "schema folder %s: %s and %s have the same number", folder, steps[n],
                         d->d_name);
        else if (!(steps[n] = arena_strz(a, str_of(d->d_name))))
            rc = err_set(e, RC_NOMEM, "no memory for the schema");
        if (n > *last) *last = n;
    }
    closedir(dir);
    for (int n = 1; !rc && n <= *last; n++)
        if (!steps[n]) rc = err_set(e, RC_INVALID, "schema folder %s: step %03d is missing", folder, n);
    if (!rc && !*last) rc = err_set(e, RC_INVALID, "schema folder %s contains no step such as 001-first.sql", folder);
    return rc;
}

static enum rc read_step(const char *path, struct buf *text, struct err *e)
{
    enum rc rc = RC_OK;
    size_t got = 0;
    FILE *f = fopen(path, "re");
    if (!f) return err_set(e, RC_IO, "cannot read schema step %s: %s", path, strerror(errno));
    do {
        char *room = buf_room(text, 4096);
        if (!room) {
            rc = err_set(e, text->failed, "schema step %s is larger than %d bytes", path, (int)SQL_SCHEMA_BYTES);
            break;
        }
        got = fread(room, 1, 4096, f);
        buf_cut(text, text->n - (4096 - got));
    } while (got == 4096);
    if (!rc && ferror(f)) rc = err_set(e, RC_IO, "cannot read schema step %s", path);
    fclose(f);
    return rc;
}

/* Run one step and store its number, in one transaction. */
static enum rc run_step(struct sql *s, const char *folder, const char *name, int number, struct err *e)
{
    struct buf text;
    struct err why = { 0 };
    char path[4096];
    int64_t have = 0;
    enum rc rc = RC_OK;

    buf_init(&text, SQL_SCHEMA_BYTES);
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
        rc = err_set(e, RC_LIMIT, "schema folder's path is too long");
    if (!rc) rc = read_step(path, &text, e);
    if (!rc) rc = sql_begin(s, true, e);
    if (!rc) rc = sql_user_version(s, &have, e);
    if (!rc && have < number) { /* another process may have run the step meanwhile */
        rc = sql_exec(s, buf_z(&text), &why);
        if (!rc && !sql_in_transaction(s)) rc = err_set(&why, RC_INVALID, "the step must not end its transaction");
        if (!rc) rc = sql_set_user_version(s, number, &why);
        if (rc) err_at(e, rc, name, 0, 0, "schema step failed: %s", why.text);
    }
    if (!rc) rc = sql_commit(s, e);
    if (rc) sql_rollback(s);
    buf_finish(&text);
    return rc;
}

enum rc sql_migrate(struct sql *s, const char *folder, struct err *e)
{
    struct arena a;
    const char **steps = NULL;
    int64_t have = 0;
    int last = 0;
    enum rc rc = RC_OK;

    arena_init(&a, 1 << 20);
    steps = ARENA_ARRAY(&a, const char *, SQL_SCHEMA_STEPS + 1);
    if (!steps) rc = err_set(e, RC_NOMEM, "no memory for the schema");
    if (!rc) rc = find_steps(folder, &a, steps, &last, e);
    if (!rc) rc = sql_user_version(s, &have, e);
    if (!rc && have > last)
        rc = err_set(e, RC_CONFLICT,
                     "database has schema %lld, this program knows up to %d: use a newer program or restore a backup",
                     (long long)have, last);
    for (int n = (int)have + 1; !rc && n <= last; n++) rc = run_step(s, folder, steps[n], n, e);
    if (!rc) rc = sql_give_checksums(s, e);
    arena_finish(&a);
    return rc;
}
