/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memmem */
#include "db/sql/sql.h"
#include "tests/lib/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PUT, GET, COUNT, ALL };
static const char *const statements[] = {
    [PUT] = "INSERT INTO t(id, name, raw, amount) VALUES(:id, :name, :raw, :amount)",
    [GET] = "SELECT name, raw, amount FROM t WHERE id = :id",
    [COUNT] = "SELECT count(*) FROM t",
    [ALL] = "SELECT id FROM t ORDER BY id",
};
static const char schema[] =
    "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, raw BLOB, amount REAL) STRICT;"
    "CREATE TABLE child (id INTEGER NOT NULL REFERENCES t) STRICT;";

struct sql_place {
    char dir[64], db[96];
};

static void place_make(struct sql_place *p)
{
    snprintf(p->dir, sizeof p->dir, "/tmp/dmvisor-sql-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(p->dir));
    snprintf(p->db, sizeof p->db, "sqlite:%s/t.db", p->dir);
}

static void place_remove(const struct sql_place *p)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", p->dir);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
}

static struct sql *memory(void)
{
    struct sql *s = NULL;
    struct sql_options o = { .durable = true, .busy_ms = 50 };
    struct err e = { 0 };
    CU_ASSERT_EQUAL_FATAL(sql_open("sqlite::memory:", &o, &s, &e), RC_OK);
    CU_ASSERT_EQUAL(sql_exec(s, schema, &e), RC_OK);
    CU_ASSERT_EQUAL(sql_prepare(s, statements, 4, &e), RC_OK);
    return s;
}

static enum rc put(struct sql *s, int64_t id, const char *name)
{
    return sql_run(s, PUT,
                   SQL_ARGS({ "id", SQL_I(id) }, { "name", SQL_T(str_of(name)) }, { "raw", SQL_B(STR("\0\1")) },
                            { "amount", SQL_R(1.5) }),
                   NULL, NULL);
}

static int64_t count(struct sql *s)
{
    struct sql_rows *r = NULL;
    CU_ASSERT_EQUAL_FATAL(sql_start(s, COUNT, NULL, 0, &r, NULL), RC_OK);
    CU_ASSERT_EQUAL(sql_step(r, NULL), RC_OK);
    int64_t n = sql_int(r, 0);
    sql_end(r);
    return n;
}

static void values_come_back_as_they_went_in(void)
{
    struct sql *s = memory();
    struct sql_rows *r = NULL;
    struct err e = { 0 };

    CU_ASSERT_EQUAL(put(s, 7, "seven"), RC_OK);
    CU_ASSERT_EQUAL(sql_last_id(s), 7);
    /* Another order of arguments finds the same parameters. */
    CU_ASSERT_EQUAL(sql_run(s, PUT,
                            SQL_ARGS({ "name", SQL_T(STR("")) }, { "id", SQL_I(8) }, { "amount", SQL_N },
                                     { "raw", SQL_B(((struct str){ 0 })) }),
                            NULL, &e),
                    RC_OK);
    CU_ASSERT_EQUAL(sql_start(s, GET, SQL_ARGS({ "id", SQL_I(7) }), &r, &e), RC_OK);
    CU_ASSERT_EQUAL(sql_step(r, &e), RC_OK);
    CU_ASSERT(str_is(sql_text(r, 0), "seven"));
    CU_ASSERT(str_eq(sql_text(r, 1), STR("\0\1")));
    CU_ASSERT_EQUAL(sql_real(r, 2), 1.5);
    CU_ASSERT_EQUAL(sql_step(r, &e), RC_NOT_FOUND);
    sql_end(r);
    CU_ASSERT_EQUAL(sql_start(s, GET, SQL_ARGS({ "id", SQL_I(8) }), &r, &e), RC_OK);
    CU_ASSERT_EQUAL(sql_step(r, &e), RC_OK);
    CU_ASSERT_EQUAL(sql_text(r, 0).n, 0);
    CU_ASSERT_FALSE(sql_is_null(r, 0));
    CU_ASSERT_FALSE(sql_is_null(r, 1));
    CU_ASSERT(sql_is_null(r, 2));
    sql_end(r);
    sql_close(s);
}

static void parameters_left_out_are_null(void)
{
    struct sql *s = memory();
    struct sql_rows *r = NULL;
    CU_ASSERT_EQUAL(put(s, 1, "one"), RC_OK);
    CU_ASSERT_EQUAL(sql_run(s, PUT, SQL_ARGS({ "id", SQL_I(2) }, { "name", SQL_T(STR("two")) }), NULL, NULL), RC_OK);
    CU_ASSERT_EQUAL(sql_start(s, GET, SQL_ARGS({ "id", SQL_I(2) }), &r, NULL), RC_OK);
    CU_ASSERT_EQUAL(sql_step(r, NULL), RC_OK);
    CU_ASSERT(sql_is_null(r, 1));
    sql_end(r);
    sql_close(s);
}

static void our_own_mistakes_are_told(void)
{
    struct sql *s = memory();
    struct sql_rows *r = NULL, *second = NULL;
    struct err e = { 0 };
    static const char *const wrong[] = { "SELECT colour FROM t" };
    static const char *const quoted[] = { "SELECT \"colour\" FROM t" };

    CU_ASSERT_EQUAL(sql_start(s, GET, SQL_ARGS({ "nr", SQL_I(7) }), &r, &e), RC_INTERNAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, ":nr"));
    CU_ASSERT_EQUAL(sql_start(s, 4, NULL, 0, &r, NULL), RC_INTERNAL);
    CU_ASSERT_EQUAL(sql_start(s, ALL, NULL, 0, &r, NULL), RC_OK);
    CU_ASSERT_EQUAL(sql_start(s, ALL, NULL, 0, &second, NULL), RC_INTERNAL);
    sql_end(r);
    sql_close(s);

    struct sql_options o = { .statements = wrong, .n_statements = 1 };
    err_clear(&e);
    CU_ASSERT_EQUAL(sql_open("sqlite::memory:", &o, &s, &e), RC_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "SELECT colour"));
    s = memory();
    CU_ASSERT_EQUAL(sql_prepare(s, quoted, 1, NULL), RC_INTERNAL); /* once only */
    CU_ASSERT_EQUAL(sql_start_text(s, str_of(quoted[0]), NULL, 0, &r, NULL), RC_INVALID);
    sql_close(s);
}

/* Prepared once for each connection, whatever the number of statements. */
static void a_constant_text_is_prepared_once_and_found_by_its_address(void)
{
    enum { MANY = 300 };
    static char text[MANY][64];
    static const char insert[] = "INSERT INTO t (id, name) VALUES (:id, :name) RETURNING id";
    struct sql *s = memory();
    struct sql_rows *r = NULL, *second = NULL;
    struct err e = { 0 };
    int64_t changed = 0;
    for (int i = 0; i < MANY; i++) snprintf(text[i], sizeof text[i], "SELECT %d", i);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < MANY; i++) {
            CU_ASSERT_EQUAL_FATAL(sql_query(s, text[i], NULL, 0, &r, &e), RC_OK);
            CU_ASSERT_EQUAL(sql_step(r, &e), RC_OK);
            CU_ASSERT_EQUAL(sql_int(r, 0), i);
            sql_end(r);
            text[i][0] = 's'; /* a second look prepares nothing: the text is not read again */
        }
    CU_ASSERT_EQUAL(sql_query(s, insert, SQL_ARGS({ "id", SQL_I(5) }, { "name", SQL_T(STR("five")) }), &r, &e), RC_OK);
    CU_ASSERT_EQUAL(sql_query(s, insert, NULL, 0, &second, &e), RC_INTERNAL); /* it runs */
    CU_ASSERT_EQUAL(sql_step(r, &e), RC_OK);
    CU_ASSERT_EQUAL(sql_int(r, 0), 5);
    sql_end(r);
    CU_ASSERT_EQUAL(sql_execute(s, "DELETE FROM t WHERE id = 5", NULL, 0, &changed, &e), RC_OK);
    CU_ASSERT_EQUAL(changed, 1);
    CU_ASSERT_EQUAL(sql_query(s, "SELECT colour FROM t", NULL, 0, &r, &e), RC_INVALID);
    CU_ASSERT_EQUAL(sql_check_text(s, "SELECT name FROM t", &e), RC_OK);
    CU_ASSERT_EQUAL(sql_check_text(s, "SELECT colour FROM t", &e), RC_INVALID);
    sql_close(s);
}

/* By us (a migration) or by anybody with another connection: SQLite prepares statements anew then. */
static void the_schema_may_change_under_a_statement(void)
{
    struct sql *s = memory();
    struct sql_rows *r = NULL;
    for (int i = 0; i < 3; i++) {
        char text[64];
        CU_ASSERT_EQUAL(put(s, i, i == 0 ? "a" : i == 1 ? "b" : "c"), RC_OK);
        CU_ASSERT_EQUAL(sql_start(s, GET, SQL_ARGS({ "id", SQL_I(i) }), &r, NULL), RC_OK);
        CU_ASSERT_EQUAL(sql_step(r, NULL), RC_OK);
        sql_end(r);
        snprintf(text, sizeof text, "CREATE TABLE more%d (x)", i);
        CU_ASSERT_EQUAL(sql_exec(s, text, NULL), RC_OK);
    }
    sql_close(s);
}

static void constraints_have_outcomes_of_their_own(void)
{
    struct sql *s = memory();
    struct err e = { 0 };
    CU_ASSERT_EQUAL(put(s, 1, "one"), RC_OK);
    CU_ASSERT_EQUAL(put(s, 1, "again"), RC_EXISTS);
    CU_ASSERT_EQUAL(put(s, 2, "one"), RC_EXISTS);
    CU_ASSERT_EQUAL(sql_exec(s, "INSERT INTO child VALUES(99)", &e), RC_CONFLICT); /* foreign keys are on */
    CU_ASSERT_EQUAL(sql_exec(s, "INSERT INTO t(id, name) VALUES(3, x'00')", NULL), RC_CONFLICT); /* STRICT */
    sql_close(s);
}

static void a_savepoint_is_taken_back_alone(void)
{
    struct sql *s = memory();
    CU_ASSERT_EQUAL(sql_begin(s, true, NULL), RC_OK);
    CU_ASSERT(sql_in_transaction(s));
    put(s, 1, "one");
    CU_ASSERT_EQUAL(sql_savepoint(s, NULL), RC_OK);
    put(s, 2, "two");
    CU_ASSERT_EQUAL(sql_savepoint(s, NULL), RC_OK);
    put(s, 3, "three");
    CU_ASSERT_EQUAL(sql_release(s, NULL), RC_OK);
    sql_rollback_to(s);
    CU_ASSERT(sql_in_transaction(s));
    CU_ASSERT_EQUAL(count(s), 1);
    CU_ASSERT_EQUAL(sql_commit(s, NULL), RC_OK);
    CU_ASSERT_EQUAL(count(s), 1);
    CU_ASSERT_EQUAL(sql_begin(s, true, NULL), RC_OK);
    put(s, 4, "four");
    sql_rollback(s);
    sql_rollback(s);
    CU_ASSERT_EQUAL(count(s), 1);
    sql_close(s);
}

static void texts_made_at_run_time_are_kept_and_bounded(void)
{
    struct sql *s = memory();
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 100; i++) {
            char text[64];
            struct sql_rows *r = NULL;
            snprintf(text, sizeof text, "SELECT :x + %d", i);
            CU_ASSERT_EQUAL_FATAL(sql_start_text(s, str_of(text), SQL_ARGS({ "x", SQL_I(5) }), &r, NULL), RC_OK);
            CU_ASSERT_EQUAL(sql_step(r, NULL), RC_OK);
            CU_ASSERT_EQUAL(sql_int(r, 0), 5 + i);
            sql_end(r);
        }
    /* The same text twice at once is two runs. */
    struct sql_rows *a = NULL, *b = NULL;
    CU_ASSERT_EQUAL(sql_start_text(s, STR("SELECT 1"), NULL, 0, &a, NULL), RC_OK);
    CU_ASSERT_EQUAL(sql_start_text(s, STR("SELECT 1"), NULL, 0, &b, NULL), RC_OK);
    CU_ASSERT_PTR_NOT_EQUAL(a, b);
    sql_end(a);
    sql_end(b);
    sql_close(s);
}

static void a_second_writer_waits_and_then_is_told_busy(void)
{
    struct sql_place p;
    struct sql *one = NULL, *two = NULL, *reader = NULL;
    struct err e = { 0 };
    struct sql_options o = { .durable = true, .busy_ms = 20 };
    struct sql_options ro = { .read_only = true, .busy_ms = 20, .statements = statements, .n_statements = 4 };
    struct stat st;
    char path[96];

    place_make(&p);
    CU_ASSERT_EQUAL_FATAL(sql_open(p.db, &o, &one, &e), RC_OK);
    CU_ASSERT_EQUAL(sql_exec(one, schema, &e), RC_OK);
    CU_ASSERT_EQUAL(sql_prepare(one, statements, 4, &e), RC_OK);
    snprintf(path, sizeof path, "%s/t.db", p.dir);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    CU_ASSERT_EQUAL_FATAL(sql_open(path, &o, &two, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(sql_open(p.db, &ro, &reader, &e), RC_OK);
    CU_ASSERT_EQUAL(sql_begin(one, true, NULL), RC_OK);
    put(one, 1, "one");
    CU_ASSERT_EQUAL(sql_begin(two, true, &e), RC_BUSY);
    CU_ASSERT_EQUAL(count(reader), 0);
    CU_ASSERT_EQUAL(sql_commit(one, NULL), RC_OK);
    CU_ASSERT_EQUAL(count(reader), 1);
    CU_ASSERT_EQUAL(put(reader, 2, "two"), RC_DENIED);
    CU_ASSERT_EQUAL(sql_begin(two, true, NULL), RC_OK);
    sql_rollback(two);
    sql_close(reader);
    sql_close(two);
    sql_close(one);
    place_remove(&p);
}

static void a_missing_folder_and_other_engines_are_refused_in_words(void)
{
    struct sql *s = NULL;
    struct sql_options o = { 0 };
    struct err e = { 0 };
    CU_ASSERT_EQUAL(sql_open("sqlite:/nonexistent/folder/x.db", &o, &s, &e), RC_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "/nonexistent/folder/x.db"));
    CU_ASSERT_EQUAL(sql_open("postgresql://localhost/x", &o, &s, NULL), RC_UNSUPPORTED);
    CU_ASSERT_EQUAL(sql_open("sqlite:", &o, &s, NULL), RC_INVALID);
    o.read_only = true; /* never makes a file */
    CU_ASSERT_EQUAL(sql_open("/tmp/dmvisor-no-such-file.db", &o, &s, NULL), RC_IO);
    CU_ASSERT_NOT_EQUAL(access("/tmp/dmvisor-no-such-file.db", F_OK), 0);
    CU_ASSERT_PTR_NULL(s);
}

static void schema_steps_run_once_and_whole(void)
{
    struct sql_place p;
    struct sql *s = NULL;
    struct err e = { 0 };
    struct sql_options o = { .busy_ms = 20 };

    place_make(&p);
    o.schema_dir = p.dir;
    CU_ASSERT_EQUAL(sql_open(p.db, &o, &s, &e), RC_INVALID); /* an empty folder */
    write_file(p.dir, "001-first.sql", schema);
    write_file(p.dir, "README", "not a step");
    err_clear(&e);
    CU_ASSERT_EQUAL_FATAL(sql_open(p.db, &o, &s, &e), RC_OK);
    CU_ASSERT_EQUAL(sql_prepare(s, statements, 4, NULL), RC_OK);
    CU_ASSERT_EQUAL(put(s, 1, "one"), RC_OK);
    CU_ASSERT_EQUAL(sql_migrate(s, p.dir, NULL), RC_OK); /* nothing to do */

    write_file(p.dir, "002-more.sql", "ALTER TABLE t ADD COLUMN more TEXT; INSERT INTO nonsense VALUES(1);");
    CU_ASSERT_NOT_EQUAL(sql_migrate(s, p.dir, &e), RC_OK);
    CU_ASSERT_STRING_EQUAL(e.where, "002-more.sql");
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "nonsense"));
    CU_ASSERT_FALSE(sql_in_transaction(s));
    CU_ASSERT_NOT_EQUAL(sql_exec(s, "UPDATE t SET more = ''", NULL), RC_OK); /* half a step is no step */

    write_file(p.dir, "002-more.sql", "ALTER TABLE t ADD COLUMN more TEXT; COMMIT;");
    CU_ASSERT_EQUAL(sql_migrate(s, p.dir, NULL), RC_INVALID);
    sql_close(s);
    place_remove(&p);
}

static void a_newer_database_and_gaps_are_refused(void)
{
    struct sql_place p;
    struct sql *s = NULL;
    struct err e = { 0 };
    struct sql_options o = { .busy_ms = 20 };

    place_make(&p);
    o.schema_dir = p.dir;
    write_file(p.dir, "001-first.sql", schema);
    write_file(p.dir, "002-more.sql", "ALTER TABLE t ADD COLUMN more TEXT;");
    CU_ASSERT_EQUAL_FATAL(sql_open(p.db, &o, &s, &e), RC_OK);
    sql_close(s);
    write_file(p.dir, "004-gap.sql", "");
    CU_ASSERT_EQUAL(sql_open(p.db, &o, &s, &e), RC_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "003"));
    char path[160];
    snprintf(path, sizeof path, "%s/004-gap.sql", p.dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/002-more.sql", p.dir);
    unlink(path);
    err_clear(&e);
    CU_ASSERT_EQUAL(sql_open(p.db, &o, &s, &e), RC_CONFLICT);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "schema 2"));
    place_remove(&p);
}

static void a_backup_is_a_database(void)
{
    struct sql_place p;
    struct sql *s = memory(), *copy = NULL;
    struct sql_options o = { .statements = statements, .n_statements = 4 };
    char path[96];

    place_make(&p);
    snprintf(path, sizeof path, "%s/copy.db", p.dir);
    put(s, 1, "one");
    CU_ASSERT_EQUAL(sql_backup(s, path, NULL), RC_OK);
    CU_ASSERT_EQUAL(sql_backup(s, path, NULL), RC_EXISTS);
    put(s, 2, "two");
    CU_ASSERT_EQUAL_FATAL(sql_open(path, &o, &copy, NULL), RC_OK);
    CU_ASSERT_EQUAL(count(copy), 1);
    sql_close(copy);
    sql_close(s);
    place_remove(&p);
}

/* ---- a file whose octets changed ---- */

enum { PAGE = 4096 };

/* One bit of the first place where these octets stand. @return its offset */
static long flip(const char *path, const char *octets)
{
    FILE *f = fopen(path, "r+");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    char *whole = malloc(1 << 20);
    CU_ASSERT_PTR_NOT_NULL_FATAL(whole);
    const size_t n = fread(whole, 1, 1 << 20, f);
    const char *at = memmem(whole, n, octets, strlen(octets));
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    const long offset = at - whole;
    fseek(f, offset, SEEK_SET);
    fputc(*at ^ 1, f);
    fclose(f);
    free(whole);
    return offset;
}

static enum rc check_file(const char *db, struct sql_health *health, struct err *e)
{
    struct sql *s = NULL;
    const struct sql_options o = { .health = health };
    enum rc rc = sql_open(db, &o, &s, e);
    if (!rc) rc = sql_check(s, false, e);
    sql_close(s);
    return rc;
}

static struct sql *filled(const struct sql_place *p, int rows)
{
    struct sql *s = NULL;
    const struct sql_options o = { .durable = true };
    char name[64];
    CU_ASSERT_EQUAL_FATAL(sql_open(p->db, &o, &s, NULL), RC_OK);
    CU_ASSERT_EQUAL(sql_exec(s, schema, NULL), RC_OK);
    CU_ASSERT_EQUAL_FATAL(sql_prepare(s, statements, 4, NULL), RC_OK);
    for (int i = 0; i < rows; i++) {
        snprintf(name, sizeof name, "department of the sales %d", i);
        CU_ASSERT_EQUAL(put(s, i, name), RC_OK);
    }
    return s;
}

static void one_bit_of_a_text_is_damage(void)
{
    struct sql_place p;
    struct sql_health health = { .damaged = false };
    struct err e = { 0 };
    char word[32];
    place_make(&p);
    const char *path = p.db + strlen("sqlite:");
    sql_close(filled(&p, 500));
    CU_ASSERT_EQUAL(check_file(p.db, &health, &e), RC_OK);
    const long at = flip(path, "sales 250");
    CU_ASSERT_NOT_EQUAL(check_file(p.db, &health, &e), RC_OK);
    CU_ASSERT(health.damaged);
    snprintf(word, sizeof word, "page %ld of", at / PAGE + 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, word));
    int64_t mended = 0;
    CU_ASSERT_EQUAL(sql_accept(p.db, true, &mended, &e), RC_OK);
    CU_ASSERT_EQUAL(mended, 1);
    health.damaged = false;
    CU_ASSERT_EQUAL(check_file(p.db, &health, &e), RC_OK);
    place_remove(&p);
}

static void a_bit_that_flips_while_it_is_open_is_met(void)
{
    struct sql_place p;
    struct sql *s, *reader = NULL;
    struct sql_health health = { .damaged = false };
    const struct sql_options o = { .statements = statements, .n_statements = 4, .health = &health };
    bool over = false;
    enum rc rc = RC_OK;
    place_make(&p);
    s = filled(&p, 500);
    CU_ASSERT_EQUAL_FATAL(sql_checkpoint(s, NULL, NULL), RC_OK);
    CU_ASSERT_EQUAL_FATAL(sql_open(p.db, &o, &reader, NULL), RC_OK);
    for (int64_t part = 0; !over && !rc; part++) rc = sql_check_part(reader, part, &over, NULL);
    CU_ASSERT_EQUAL(rc, RC_OK);
    flip(p.db + strlen("sqlite:"), "sales 250");
    over = false;
    for (int64_t part = 0; !over && !rc; part++) rc = sql_check_part(reader, part, &over, NULL);
    CU_ASSERT_EQUAL(rc, RC_INVALID);
    CU_ASSERT(health.damaged);
    sql_close(reader);
    sql_close(s);
    place_remove(&p);
}

/* Pages come and go in every order; backups are made of a file and of its log. */
static void what_the_file_holds_and_its_copies_have_checksums(void)
{
    struct sql_place p;
    struct sql *s;
    struct sql_health health = { .damaged = false };
    struct err e = { 0 };
    char copy[96], target[112];
    place_make(&p);
    s = filled(&p, 300);
    for (int i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(sql_exec(s,
                                 i % 3 ? "CREATE TABLE more AS SELECT randomblob(9000) AS x, name FROM t"
                                       : "DELETE FROM t WHERE id % 7 = 3; DROP TABLE IF EXISTS more",
                                 NULL),
                        i % 3 == 2 ? RC_INTERNAL : RC_OK); /* it is there already */
        if (i % 4 == 0) CU_ASSERT_EQUAL(sql_checkpoint(s, NULL, NULL), RC_OK);
        snprintf(copy, sizeof copy, "%s/copy%d.db", p.dir, i);
        CU_ASSERT_EQUAL(sql_backup(s, copy, &e), RC_OK);
        snprintf(target, sizeof target, "sqlite:%s", copy);
        CU_ASSERT_EQUAL(check_file(target, &health, &e), RC_OK);
    }
    flip(copy, "sales 5");
    CU_ASSERT_NOT_EQUAL(check_file(target, &health, &e), RC_OK);
    CU_ASSERT(health.damaged);
    CU_ASSERT_EQUAL(sql_checkpoint(s, NULL, NULL), RC_OK);
    flip(p.db + strlen("sqlite:"), "sales 6");
    CU_ASSERT_EQUAL(sql_exec(s, "PRAGMA shrink_memory", NULL), RC_OK);
    snprintf(copy, sizeof copy, "%s/last.db", p.dir);
    CU_ASSERT_NOT_EQUAL(sql_backup(s, copy, &e), RC_OK); /* no backup of damaged pages */
    CU_ASSERT_NOT_EQUAL(access(copy, F_OK), 0);
    sql_close(s);
    place_remove(&p);
}

/* After a crash somebody looks into the file with a program that carries the log over when it ends; or copies it. */
static void other_programs_may_carry_over_and_copy(void)
{
    struct sql_place p;
    struct sql *s;
    struct sql_health health = { .damaged = false };
    struct err e = { 0 };
    char command[800], target[112];
    int64_t mended = 0;
    place_make(&p);
    const char *path = p.db + strlen("sqlite:");
    s = filled(&p, 300);
    CU_ASSERT_EQUAL(sql_checkpoint(s, NULL, NULL), RC_OK);
    CU_ASSERT_EQUAL(sql_exec(s, "UPDATE t SET amount = 2 WHERE id > 100 AND id < 150", NULL), RC_OK);
    CU_ASSERT_EQUAL(sql_exec(s, "CREATE TABLE late (x)", NULL), RC_OK); /* a new schema cookie */
    /* What the disk holds when the process is killed here. */
    snprintf(
        command, sizeof command,
        "cp '%s' '%s/crash.db' && cp '%s-wal' '%s/crash.db-wal' && sqlite3 '%s/crash.db' 'SELECT count(*) FROM t' > /dev/null &&"
        " test ! -e '%s/crash.db-wal' && sqlite3 '%s' \".backup '%s/copy.db'\"",
        path, p.dir, path, p.dir, p.dir, p.dir, path, p.dir);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    for (int i = 0; i < 2; i++) {
        snprintf(target, sizeof target, "sqlite:%s/%s.db", p.dir, i ? "copy" : "crash");
        CU_ASSERT_EQUAL(check_file(target, &health, &e), RC_OK);
        CU_ASSERT_FALSE(health.damaged);
        CU_ASSERT_EQUAL(sql_accept(target, false, &mended, &e), RC_OK);
        CU_ASSERT(mended > 0);
        CU_ASSERT_EQUAL(sql_accept(target, false, &mended, &e), RC_OK);
        CU_ASSERT_EQUAL(mended, 0);
        flip(target + strlen("sqlite:"), "sales 120"); /* in a page that had none */
        CU_ASSERT_NOT_EQUAL(check_file(target, &health, &e), RC_OK);
        CU_ASSERT(health.damaged);
        health.damaged = false;
    }
    sql_close(s);
    place_remove(&p);
}

static void a_file_that_is_older_than_checksums_gets_them(void)
{
    struct sql_place p;
    struct sql *s = NULL;
    struct sql_health health = { .damaged = false };
    struct err e = { 0 };
    char command[256];
    place_make(&p);
    snprintf(command, sizeof command,
             "sqlite3 '%s' \"CREATE TABLE t (name); INSERT INTO t VALUES ('department of the old')\"",
             p.db + strlen("sqlite:"));
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    write_file(p.dir, "001-first.sql", "CREATE TABLE other (id INTEGER);");
    CU_ASSERT_EQUAL(sql_open(p.db, &(struct sql_options){ .schema_dir = p.dir }, &s, &e), RC_OK);
    sql_close(s);
    CU_ASSERT_EQUAL(check_file(p.db, &health, &e), RC_OK);
    flip(p.db + strlen("sqlite:"), "of the old");
    CU_ASSERT_NOT_EQUAL(check_file(p.db, &health, &e), RC_OK);
    place_remove(&p);
}

static void the_server_schema_is_in_order(void)
{
    struct sql *s = NULL;
    struct err e = { 0 };
    char dir[512];
    const char *root = getenv("DMVISOR_SOURCE");
    struct sql_options o = { .schema_dir = dir };
    snprintf(dir, sizeof dir, "%s/db/schema", root ? root : ".");
    CU_ASSERT_EQUAL(sql_open("sqlite::memory:", &o, &s, &e), RC_OK);
    if (e.rc) printf("%s %s\n", e.where, e.text);
    sql_close(s);
}

TEST_MAIN("db.sql", TEST(values_come_back_as_they_went_in), TEST(parameters_left_out_are_null),
          TEST(our_own_mistakes_are_told), TEST(a_constant_text_is_prepared_once_and_found_by_its_address),
          TEST(the_schema_may_change_under_a_statement), TEST(constraints_have_outcomes_of_their_own),
          TEST(a_savepoint_is_taken_back_alone), TEST(texts_made_at_run_time_are_kept_and_bounded),
          TEST(a_second_writer_waits_and_then_is_told_busy),
          TEST(a_missing_folder_and_other_engines_are_refused_in_words), TEST(schema_steps_run_once_and_whole),
          TEST(a_newer_database_and_gaps_are_refused), TEST(a_backup_is_a_database), TEST(one_bit_of_a_text_is_damage),
          TEST(a_bit_that_flips_while_it_is_open_is_met), TEST(what_the_file_holds_and_its_copies_have_checksums),
          TEST(other_programs_may_carry_over_and_copy), TEST(a_file_that_is_older_than_checksums_gets_them),
          TEST(the_server_schema_is_in_order))
