/* SPDX-License-Identifier: Apache-2.0 */
#include "db/sql/sql.h"
#include "base/world.h"
#include "db/sql/checksum.h"
#include "db/sql/migrate.h"
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SQL_PARAMS = 500, SQL_HINTS = 32, SQL_TEXTS = 32, SQL_TEXT_BYTES = 64 << 10 };

struct sql_rows { /* one prepared statement and its run */
    struct sql *sql;
    sqlite3_stmt *st;
    int n_params;
    const char **param;       /* names by bind index - 1, without ':' */
    uint16_t hint[SQL_HINTS]; /* argument position -> bind index of the last run */
    bool running, temporary;  /* temporary: finalized when it ends */
    uint64_t used;            /* age in the cache of run-time texts: larger = more recent */
};

enum { OWN_BEGIN, OWN_BEGIN_WRITE, OWN_COMMIT, OWN_ROLLBACK, OWN_SAVEPOINT, OWN_RELEASE, OWN_ROLLBACK_TO, OWN_COUNT };
static const char *const own_sql[OWN_COUNT] = {
    [OWN_BEGIN] = "BEGIN",
    [OWN_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [OWN_COMMIT] = "COMMIT",
    [OWN_ROLLBACK] = "ROLLBACK",
    [OWN_SAVEPOINT] = "SAVEPOINT s",
    [OWN_RELEASE] = "RELEASE s",
    [OWN_ROLLBACK_TO] = "ROLLBACK TO s",
};

/* Statements of sql_query by the address of their text: open addressing, at most half full. */
struct queries {
    struct {
        const char *text;
        struct sql_rows *rows;
    } * at;
    size_t n, size; /* size: a power of two, or 0 */
};

struct sql {
    sqlite3 *db;
    struct sql_rows *statements;
    size_t n_statements;
    struct queries queries;
    sqlite3_stmt *own[OWN_COUNT];
    struct sql_rows *texts[SQL_TEXTS];
    uint64_t clock;
    struct sql_health *health;
    int64_t deadline_ms; /* monotonic */
    bool memory;
    int reserved; /* octets at the end of each page; 0 = the file has no checksums yet */
};

/* Map an SQLite result code to an outcome. */
static enum rc outcome(struct sql *s, int code, const char *doing, struct err *e)
{
    enum rc rc = RC_IO;
    const bool wrong_page = code == SQLITE_IOERR_DATA;
    if (s->health && ((code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB || wrong_page))
        s->health->damaged = true;
    if (s->health && wrong_page) s->health->wrong_page = true;
    if (wrong_page)
        return err_set(e, RC_IO, "database: %s: page %lld of the file has a wrong checksum", doing,
                       (long long)sql_checksum_bad_page(s->db));
    if (s->health && (code & 0xFF) == SQLITE_FULL) s->health->full = true;
    switch (code & 0xFF) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return RC_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: rc = RC_BUSY; break;
    case SQLITE_NOMEM: rc = RC_NOMEM; break;
    case SQLITE_INTERRUPT: return err_set(e, RC_TIMEOUT, "%s takes too long", doing);
    case SQLITE_TOOBIG: rc = RC_LIMIT; break;
    case SQLITE_CONSTRAINT:
        rc = code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_ROWID
                 ? RC_EXISTS
                 : RC_CONFLICT;
        break;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: rc = RC_DENIED; break;
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_MISMATCH: rc = RC_INTERNAL; break;
    default: break;
    }
    return err_set(e, rc, "database: %s: %s", doing, sqlite3_errmsg(s->db));
}

static const char *name_of(const struct sql_rows *r, size_t i)
{
    const char *name = sqlite3_bind_parameter_name(r->st, (int)i + 1);
    return name ? name + 1 : "";
}

/* The names are copied: SQLite frees its own when it prepares the statement again after a schema change. */
static bool take_names(struct sql_rows *r)
{
    size_t n = (size_t)r->n_params, bytes = n * sizeof *r->param;
    for (size_t i = 0; i < n; i++) bytes += strlen(name_of(r, i)) + 1;
    r->param = malloc(bytes);
    if (!r->param) return false;
    char *text = (char *)(r->param + n);
    for (size_t i = 0; i < n; i++) {
        r->param[i] = strcpy(text, name_of(r, i));
        text += strlen(text) + 1;
    }
    return true;
}

static enum rc prepare(struct sql *s, struct str text, struct sql_rows *r, struct err *e)
{
    const char *tail = NULL;
    int code = sqlite3_prepare_v3(s->db, text.p, (int)text.n, SQLITE_PREPARE_PERSISTENT, &r->st, &tail);
    if (code != SQLITE_OK || !r->st)
        return err_set(e, code == SQLITE_ERROR ? RC_INVALID : RC_IO, "statement does not fit the schema: %s, in: %.*s",
                       sqlite3_errmsg(s->db), (int)(text.n > 300 ? 300 : text.n), text.p);
    r->sql = s;
    r->n_params = sqlite3_bind_parameter_count(r->st);
    if (r->n_params > SQL_PARAMS) return err_set(e, RC_LIMIT, "statement has more than %d parameters", (int)SQL_PARAMS);
    if (r->n_params && !take_names(r)) return err_set(e, RC_NOMEM, "no memory for a statement");
    for (int i = 0; i < SQL_HINTS; i++) r->hint[i] = (uint16_t)(i < r->n_params ? i + 1 : 1);
    return RC_OK;
}

static void unprepare(struct sql_rows *r)
{
    sqlite3_finalize(r->st);
    free(r->param);
    *r = (struct sql_rows){ 0 };
}

enum rc sql_exec(struct sql *s, const char *text, struct err *e)
{
    return outcome(s, sqlite3_exec(s->db, text, NULL, NULL, NULL), "statement", e);
}

static enum rc number(struct sql *s, const char *text, int64_t *out, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int code = sqlite3_prepare_v2(s->db, text, -1, &st, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(st)) == SQLITE_ROW) *out = sqlite3_column_int64(st, 0);
    enum rc rc = outcome(s, code, text, e);
    sqlite3_finalize(st);
    return rc;
}

/* Reserve room for checksums: a new file gets it at once, an older file when it is vacuumed. */
static enum rc reserve_room(struct sql *s, struct err *e)
{
    int n = SQL_CHECKSUM_BYTES;
    int64_t pages = 0;
    s->reserved = -1;
    enum rc rc = number(s, "PRAGMA page_count", &pages, e); /* reads the first page */
    if (!rc)
        rc = outcome(s, sqlite3_file_control(s->db, "main", SQLITE_FCNTL_RESERVE_BYTES, &s->reserved), "format", e);
    if (!rc) rc = outcome(s, sqlite3_file_control(s->db, "main", SQLITE_FCNTL_RESERVE_BYTES, &n), "format", e);
    if (!rc && !pages) s->reserved = SQL_CHECKSUM_BYTES;
    return rc;
}

enum rc sql_give_checksums(struct sql *s, struct err *e)
{
    if (s->memory || s->reserved == SQL_CHECKSUM_BYTES) return RC_OK;
    enum rc rc = sql_exec(s, "PRAGMA temp_store=FILE", e); /* the temporary copy may exceed memory */
    if (!rc) rc = sql_exec(s, "VACUUM", e);
    if (!rc) rc = sql_exec(s, "PRAGMA temp_store=MEMORY", e);
    if (!rc) s->reserved = SQL_CHECKSUM_BYTES;
    return rc;
}

/* Set a pragma and read it back: SQLite accepts misspelt ones silently. */
static enum rc pragma(struct sql *s, const char *name, const char *value, const char *want, struct err *e)
{
    char text[128];
    sqlite3_stmt *st = NULL;
    enum rc rc = RC_OK;

    snprintf(text, sizeof text, "PRAGMA %s=%s", name, value);
    rc = outcome(s, sqlite3_exec(s->db, text, NULL, NULL, NULL), text, e);
    if (rc) return rc;
    snprintf(text, sizeof text, "PRAGMA %s", name);
    if (sqlite3_prepare_v2(s->db, text, -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW)
        rc = err_set(e, RC_IO, "database: %s cannot be read back", name);
    else if (strcmp((const char *)sqlite3_column_text(st, 0), want) != 0)
        rc = err_set(e, RC_IO, "database: %s is %s although %s was asked for", name,
                     (const char *)sqlite3_column_text(st, 0), value);
    sqlite3_finalize(st);
    return rc;
}

static enum rc settle_pragmas(struct sql *s, const struct sql_options *o, struct err *e)
{
    char busy[16];
    enum rc rc = RC_OK;
    const bool memory = s->memory;
    int on = 0;

    snprintf(busy, sizeof busy, "%d", o->busy_ms > 0 ? o->busy_ms : 0);
    rc = pragma(s, "busy_timeout", busy, busy, e); /* set first: the switch to WAL may have to wait */
    if (!rc && !memory) rc = reserve_room(s, e);
    if (!rc && !o->read_only) rc = pragma(s, "journal_mode", "WAL", memory ? "memory" : "wal", e);
    if (!rc) rc = pragma(s, "foreign_keys", "ON", "1", e);
    if (!rc) rc = pragma(s, "synchronous", o->durable ? "FULL" : "NORMAL", o->durable ? "2" : "1", e);
    if (!rc) rc = pragma(s, "trusted_schema", "OFF", "0", e);
    if (!rc) rc = pragma(s, "temp_store", "MEMORY", "2", e);
    if (!rc && o->read_only) rc = pragma(s, "query_only", "ON", "1", e);
    /* Another connection's commit empties the cache: the pages are then read from the mapped file, without a system
     * call each. */
    if (!rc) rc = pragma(s, "cache_size", "-8192", "-8192", e);
    if (!rc && !memory) rc = pragma(s, "mmap_size", "268435456", "268435456", e);
    /* A safety net, should the program never call sql_checkpoint: 64 MiB. */
    if (!rc && o->no_checkpoints) rc = pragma(s, "wal_autocheckpoint", "16384", "16384", e);
    if (rc) return rc;
    /* A misspelt column in double quotes is an error, not a text. */
    if (sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DML, 0, &on) != SQLITE_OK || on ||
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DDL, 0, &on) != SQLITE_OK || on ||
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, &on) != SQLITE_OK || !on)
        return err_set(e, RC_IO, "database: this SQLite lacks the settings DQS and DEFENSIVE");
    return RC_OK;
}

enum rc sql_path(const char *target, const char **path, struct err *e)
{
    if (strncmp(target, "sqlite:", 7) == 0)
        target += 7;
    else if (strncmp(target, "postgres", 8) == 0)
        return err_set(e, RC_UNSUPPORTED, "database \"%s\": PostgreSQL is not built in, write sqlite:/path/to/file",
                       target);
    if (!target[0]) return err_set(e, RC_INVALID, "database: the path is empty, write sqlite:/path/to/file");
    *path = target;
    return RC_OK;
}

enum rc sql_prepare(struct sql *s, const char *const *statements, size_t n, struct err *e)
{
    enum rc rc = RC_OK;
    if (s->statements) return err_set(e, RC_INTERNAL, "statements are prepared already");
    if (!n) return RC_OK;
    s->statements = calloc(n, sizeof *s->statements);
    if (!s->statements) return err_set(e, RC_NOMEM, "no memory for statements");
    s->n_statements = n;
    for (size_t i = 0; !rc && i < n; i++) rc = prepare(s, str_of(statements[i]), &s->statements[i], e);
    return rc;
}

enum rc sql_open(const char *target, const struct sql_options *o, struct sql **out, struct err *e)
{
    struct sql *s = NULL;
    const char *path = NULL;
    enum rc rc = sql_path(target, &path, e);
    bool memory = path && strcmp(path, ":memory:") == 0;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

    if (rc) return rc;
    if (!o->read_only) {
        flags |= SQLITE_OPEN_CREATE;
        /* The file contains credentials, so only its owner may read it. This runs for a new file only, because closing
         * a descriptor of a database releases this process's locks on it. */
        int fd = memory ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0) close(fd);
    }
    s = calloc(1, sizeof *s);
    if (!s) return err_set(e, RC_NOMEM, "no memory for a database connection");
    s->health = o->health;
    s->memory = memory;
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS,
                   0); /* statistics are not needed and cost a lock; the call fails harmlessly once SQLite is in use */
    const char *vfs = sql_checksum_vfs();
    int code = vfs ? sqlite3_open_v2(path, &s->db, flags, vfs) : SQLITE_NOMEM;
    if (code != SQLITE_OK) {
        rc = err_set(e, RC_IO, "cannot open database %s: %s (does the folder exist, and is it writable?)", path,
                     s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(code));
        goto out;
    }
    sqlite3_extended_result_codes(s->db, 1);
    rc = settle_pragmas(s, o, e);
    if (!rc && o->schema_dir) rc = sql_migrate(s, o->schema_dir, e);
    for (int i = 0; !rc && i < OWN_COUNT; i++)
        rc = outcome(s, sqlite3_prepare_v3(s->db, own_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->own[i], NULL),
                     own_sql[i], e);
    if (!rc) rc = sql_prepare(s, o->statements, o->n_statements, e);
out:
    if (rc)
        sql_close(s);
    else
        *out = s;
    return rc;
}

void sql_close(struct sql *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->n_statements; i++) unprepare(&s->statements[i]);
    for (size_t i = 0; i < s->queries.size; i++)
        if (s->queries.at[i].rows) {
            unprepare(s->queries.at[i].rows);
            free(s->queries.at[i].rows);
        }
    free(s->queries.at);
    for (int i = 0; i < SQL_TEXTS; i++)
        if (s->texts[i]) {
            unprepare(s->texts[i]);
            free(s->texts[i]);
        }
    for (int i = 0; i < OWN_COUNT; i++) sqlite3_finalize(s->own[i]);
    free(s->statements);
    sqlite3_close_v2(s->db);
    free(s);
}

static enum rc own(struct sql *s, int which, struct err *e)
{
    int code = SQLITE_ERROR;
    if (!s->own[which]) return sql_exec(s, own_sql[which], e); /* while a migration runs */
    code = sqlite3_step(s->own[which]);
    enum rc rc = code == SQLITE_DONE ? RC_OK : outcome(s, code, own_sql[which], e);
    sqlite3_reset(s->own[which]);
    return rc;
}

/* Called before each write. */
static enum rc in_place(struct sql *s, struct err *e)
{
    if (!s->health) return RC_OK;
    s->health->moved = sql_moved(s);
    return !s->health->moved
               ? RC_OK
               : err_set(e, RC_IO,
                         "the database file was moved, removed or replaced while the server runs: nothing is stored "
                         "until the file is back, or the server is restarted with the right one");
}

enum rc sql_begin(struct sql *s, bool write, struct err *e)
{
    enum rc rc = write ? in_place(s, e) : RC_OK;
    return rc ? rc : own(s, write ? OWN_BEGIN_WRITE : OWN_BEGIN, e);
}
enum rc sql_commit(struct sql *s, struct err *e)
{
    enum rc rc = own(s, OWN_COMMIT, e);
    if (!rc && s->health && s->health->full) s->health->full = false;
    return rc;
}
enum rc sql_savepoint(struct sql *s, struct err *e)
{
    return own(s, OWN_SAVEPOINT, e);
}
enum rc sql_release(struct sql *s, struct err *e)
{
    return own(s, OWN_RELEASE, e);
}
bool sql_in_transaction(const struct sql *s)
{
    return !sqlite3_get_autocommit(s->db);
}

void sql_rollback(struct sql *s)
{
    if (s && sql_in_transaction(s)) (void)own(s, OWN_ROLLBACK, NULL);
}

void sql_rollback_to(struct sql *s)
{
    if (!sql_in_transaction(s)) return; /* a full disk has already rolled everything back */
    (void)own(s, OWN_ROLLBACK_TO, NULL);
    (void)own(s, OWN_RELEASE, NULL);
}

/* Bind index of an argument: the index of the last run, or else found by name. */
static int index_of(struct sql_rows *r, size_t position, const char *name)
{
    if (position < SQL_HINTS) {
        int i = r->hint[position];
        if (i <= r->n_params && strcmp(r->param[i - 1], name) == 0) return i;
    }
    for (int i = 1; i <= r->n_params; i++)
        if (strcmp(r->param[i - 1], name) == 0) {
            if (position < SQL_HINTS) r->hint[position] = (uint16_t)i;
            return i;
        }
    return 0;
}

static int bind(sqlite3_stmt *st, int i, const struct sql_value *v)
{
    switch (v->kind) {
    case SQL_NULL: return sqlite3_bind_null(st, i);
    case SQL_INT: return sqlite3_bind_int64(st, i, v->i);
    case SQL_REAL: return sqlite3_bind_double(st, i, v->r);
    case SQL_TEXT: return sqlite3_bind_text64(st, i, v->s.n ? v->s.p : "", v->s.n, SQLITE_STATIC, SQLITE_UTF8);
    case SQL_BLOB:
        return v->s.n ? sqlite3_bind_blob64(st, i, v->s.p, v->s.n, SQLITE_STATIC) : sqlite3_bind_zeroblob(st, i, 0);
    }
    return SQLITE_MISUSE;
}

static enum rc start(struct sql_rows *r, const struct sql_arg *args, size_t n_args, struct sql_rows **rows,
                     struct err *e)
{
    if (r->running) return err_set(e, RC_INTERNAL, "statement runs already: %.200s", sqlite3_sql(r->st));
    if (n_args < (size_t)r->n_params) sqlite3_clear_bindings(r->st);
    for (size_t i = 0; i < n_args; i++) {
        int at = index_of(r, i, args[i].name);
        if (!at)
            return err_set(e, RC_INTERNAL, "statement has no parameter :%s: %.200s", args[i].name, sqlite3_sql(r->st));
        int code = bind(r->st, at, &args[i].value);
        if (code != SQLITE_OK) return outcome(r->sql, code, "binding a value", e);
    }
    r->running = true;
    *rows = r;
    return RC_OK;
}

/* As start, for a statement that may write. */
static enum rc start_in_place(struct sql_rows *r, const struct sql_arg *args, size_t n_args, struct sql_rows **rows,
                              struct err *e)
{
    const bool writes = !sql_in_transaction(r->sql) &&
                        !sqlite3_stmt_readonly(r->st); /* sql_begin has checked for statements inside a transaction */
    enum rc rc = writes ? in_place(r->sql, e) : RC_OK;
    return rc ? rc : start(r, args, n_args, rows, e);
}

enum rc sql_start(struct sql *s, int statement, const struct sql_arg *args, size_t n_args, struct sql_rows **rows,
                  struct err *e)
{
    if (statement < 0 || (size_t)statement >= s->n_statements)
        return err_set(e, RC_INTERNAL, "no statement %d", statement);
    return start_in_place(&s->statements[statement], args, n_args, rows, e);
}

/* The slot of this text, used or free. */
static size_t query_slot(const struct queries *q, const char *text)
{
    size_t i = (size_t)(((uint64_t)(uintptr_t)text * 0x9E3779B97F4A7C15U) >> 32) & (q->size - 1);
    while (q->at[i].text && q->at[i].text != text) i = (i + 1) & (q->size - 1);
    return i;
}

static enum rc queries_grow(struct queries *q, struct err *e)
{
    struct queries more = { .n = q->n, .size = q->size ? 2 * q->size : 64 };
    more.at = calloc(more.size, sizeof *more.at);
    if (!more.at) return err_set(e, RC_NOMEM, "no memory for statements");
    for (size_t i = 0; i < q->size; i++)
        if (q->at[i].text) more.at[query_slot(&more, q->at[i].text)] = q->at[i];
    free(q->at);
    *q = more;
    return RC_OK;
}

static enum rc query_prepare(struct sql *s, const char *text, struct sql_rows **out, struct err *e)
{
    struct queries *q = &s->queries;
    enum rc rc = 2 * (q->n + 1) > q->size ? queries_grow(q, e) : RC_OK;
    if (rc) return rc;
    struct sql_rows *r = calloc(1, sizeof *r);
    if (!r) return err_set(e, RC_NOMEM, "no memory for a statement");
    rc = prepare(s, str_of(text), r, e);
    if (rc) {
        unprepare(r);
        free(r);
        return rc;
    }
    const size_t i = query_slot(q, text);
    q->at[i].text = text;
    q->at[i].rows = *out = r;
    q->n++;
    return RC_OK;
}

enum rc sql_query(struct sql *s, const char *text, const struct sql_arg *args, size_t n_args, struct sql_rows **rows,
                  struct err *e)
{
    struct sql_rows *r = s->queries.size ? s->queries.at[query_slot(&s->queries, text)].rows : NULL;
    enum rc rc = r ? RC_OK : query_prepare(s, text, &r, e);
    return rc ? rc : start_in_place(r, args, n_args, rows, e);
}

enum rc sql_check_text(struct sql *s, const char *text, struct err *e)
{
    struct sql_rows r = { 0 };
    enum rc rc = prepare(s, str_of(text), &r, e);
    unprepare(&r);
    return rc;
}

enum rc sql_start_text(struct sql *s, struct str text, const struct sql_arg *args, size_t n_args,
                       struct sql_rows **rows, struct err *e)
{
    struct sql_rows *r = NULL;
    int slot = -1;
    enum rc rc = RC_OK;

    if (text.n > SQL_TEXT_BYTES) return err_set(e, RC_LIMIT, "statement longer than %d bytes", (int)SQL_TEXT_BYTES);
    for (int i = 0; i < SQL_TEXTS; i++) {
        struct sql_rows *t = s->texts[i];
        if (t && !t->running && str_is(text, sqlite3_sql(t->st))) {
            t->used = ++s->clock;
            return start(t, args, n_args, rows, e);
        }
        if (!t || !t->running) /* the entry to replace: empty, or idle for longest */
            if (slot < 0 || (s->texts[slot] && (!t || t->used < s->texts[slot]->used))) slot = i;
    }
    r = calloc(1, sizeof *r);
    if (!r) return err_set(e, RC_NOMEM, "no memory for a statement");
    rc = prepare(s, text, r, e);
    if (!rc && slot >= 0) {
        if (s->texts[slot]) {
            unprepare(s->texts[slot]);
            free(s->texts[slot]);
        }
        s->texts[slot] = r;
        r->used = ++s->clock;
    } else {
        r->temporary = true;
    }
    if (!rc) rc = start(r, args, n_args, rows, e);
    if (rc && r->temporary) {
        unprepare(r);
        free(r);
    }
    return rc;
}

enum rc sql_step(struct sql_rows *r, struct err *e)
{
    int code = sqlite3_step(r->st);
    if (code == SQLITE_ROW) return RC_OK;
    if (code == SQLITE_DONE) return RC_NOT_FOUND;
    return outcome(r->sql, code, sqlite3_sql(r->st), e);
}

int64_t sql_int(struct sql_rows *r, int column)
{
    return sqlite3_column_int64(r->st, column);
}
double sql_real(struct sql_rows *r, int column)
{
    return sqlite3_column_double(r->st, column);
}
bool sql_is_null(struct sql_rows *r, int column)
{
    return sqlite3_column_type(r->st, column) == SQLITE_NULL;
}

struct str sql_text(struct sql_rows *r, int column)
{
    /* One access to the column instead of three. An "unprotected" value is safe here: a connection belongs to one
     * thread. */
    sqlite3_value *v = sqlite3_column_value(r->st, column);
    const void *p = sqlite3_value_type(v) == SQLITE_BLOB ? sqlite3_value_blob(v) : (const void *)sqlite3_value_text(v);
    return (struct str){ p, p ? (size_t)sqlite3_value_bytes(v) : 0 };
}

void sql_end(struct sql_rows *r)
{
    if (!r) return;
    sqlite3_reset(r->st);
    r->running = false;
    if (r->temporary) {
        unprepare(r);
        free(r);
    }
}

/* Takes the outcome `rc` of starting the statement. */
static enum rc run_out(struct sql *s, struct sql_rows *r, enum rc rc, int64_t *changed, struct err *e)
{
    while (!rc) rc = sql_step(r, e);
    sql_end(r);
    if (rc != RC_NOT_FOUND) return rc;
    if (changed) *changed = sqlite3_changes64(s->db);
    return RC_OK;
}

enum rc sql_run(struct sql *s, int statement, const struct sql_arg *args, size_t n_args, int64_t *changed,
                struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_start(s, statement, args, n_args, &r, e);
    return run_out(s, r, rc, changed, e);
}

enum rc sql_execute(struct sql *s, const char *text, const struct sql_arg *args, size_t n_args, int64_t *changed,
                    struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(s, text, args, n_args, &r, e);
    return run_out(s, r, rc, changed, e);
}

int64_t sql_last_id(struct sql *s)
{
    return sqlite3_last_insert_rowid(s->db);
}

enum rc sql_data_version(struct sql *s, int64_t *version, struct err *e)
{
    static const char text[] = "PRAGMA data_version";
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(s, text, NULL, 0, &r, e);
    if (!rc) rc = sql_step(r, e);
    if (!rc) *version = sql_int(r, 0);
    sql_end(r);
    return rc;
}

enum rc sql_tables(struct sql *s, const char *name, int64_t *n, bool *there, struct err *e)
{
    static const char text[] =
        "SELECT count(*), count(*) FILTER (WHERE name = :name) FROM sqlite_schema WHERE type = 'table'";
    const struct sql_arg arg = { "name", SQL_T(str_of(name)) };
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(s, text, &arg, 1, &r, e);
    if (!rc) rc = sql_step(r, e);
    if (!rc) {
        *n = sql_int(r, 0);
        *there = sql_int(r, 1) > 0;
    }
    sql_end(r);
    return rc;
}

enum rc sql_checkpoint(struct sql *s, int *pages, struct err *e)
{
    int all = 0, done = 0, code = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &all, &done);
    if (pages) *pages = all > done ? all - done : 0;
    return code == SQLITE_BUSY ? RC_OK : outcome(s, code, "checkpointing the log", e);
}

static enum rc check(struct sql *s, const char *text, struct err *e)
{
    sqlite3_stmt *st = NULL;
    enum rc rc = outcome(s, sqlite3_prepare_v2(s->db, text, -1, &st, NULL), "check", e);
    int code = rc ? SQLITE_OK : sqlite3_step(st);
    const char *found = code == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
    if (!rc && code != SQLITE_ROW) rc = outcome(s, code, "check", e);
    if (!rc && (!found || strcmp(found, "ok") != 0)) {
        const int64_t page = sql_checksum_bad_page(s->db);
        if (s->health) s->health->damaged = true;
        if (s->health && page) s->health->wrong_page = true;
        rc = page ? err_set(e, RC_INVALID, "the database is damaged: page %lld of its file has a wrong checksum",
                            (long long)page)
                  : err_set(e, RC_INVALID, "the database is damaged: %.300s", found ? found : "nothing was found");
    }
    sqlite3_finalize(st);
    return rc;
}

enum rc sql_check(struct sql *s, bool full, struct err *e)
{
    return check(s, full ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)", e);
}

/* The name of the n-th table. */
static enum rc table_name(struct sql *s, int64_t n, char *out, size_t size, struct err *e)
{
    sqlite3_stmt *st = NULL;
    enum rc rc = outcome(
        s,
        sqlite3_prepare_v2(s->db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name LIMIT 1 OFFSET ?1",
                           -1, &st, NULL),
        "check", e);
    int code = SQLITE_OK;
    if (!rc) {
        sqlite3_bind_int64(st, 1, n);
        code = sqlite3_step(st);
        if (code != SQLITE_ROW && code != SQLITE_DONE) rc = outcome(s, code, "check", e);
    }
    if (!rc && code == SQLITE_DONE) rc = RC_NOT_FOUND;
    if (!rc) snprintf(out, size, "%s", (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    return rc;
}

enum rc sql_check_part(struct sql *s, int64_t part, bool *over, struct err *e)
{
    char name[128], text[200];
    enum rc rc = table_name(s, part, name, sizeof name, e);
    *over = rc == RC_NOT_FOUND;
    if (rc) return *over ? RC_OK : rc;
    sqlite3_db_release_memory(s->db);
    sqlite3_snprintf(sizeof text, text, "PRAGMA quick_check(%Q)", name);
    return check(s, text, e);
}

bool sql_moved(struct sql *s)
{
    int moved = 0;
    return sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

enum rc sql_backup(struct sql *s, const char *file, struct err *e)
{
    sqlite3 *to = NULL;
    sqlite3_backup *b = NULL;
    enum rc rc = RC_OK;
    int64_t page_bytes = 0;
    int fd = -1;
    rc = number(s, "PRAGMA page_size", &page_bytes, e);
    if (rc) return rc;
    fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? err_set(e, RC_EXISTS, "backup file %s exists already, choose another name", file)
                               : err_set(e, RC_IO, "cannot write backup file %s: %s", file, strerror(errno));
    close(fd);
    int code = sqlite3_open_v2(file, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                               sql_checksum_vfs());
    if (code == SQLITE_OK) {
        if (s->reserved == SQL_CHECKSUM_BYTES) sql_checksum_expect(to, (int)page_bytes);
        b = sqlite3_backup_init(to, "main", s->db, "main");
        code = b ? sqlite3_backup_step(b, -1) : sqlite3_errcode(to); /* one snapshot; writers continue */
        if (code == SQLITE_DONE) code = SQLITE_OK;
        int end = b ? sqlite3_backup_finish(b) : code;
        if (code == SQLITE_OK) code = end;
    }
    if (code == SQLITE_IOERR_DATA)
        rc = outcome(s, code, "backup", e);
    else if (code != SQLITE_OK)
        rc = err_set(e, RC_IO, "backup to %s failed: %s", file, to ? sqlite3_errmsg(to) : sqlite3_errstr(code));
    sqlite3_close_v2(to);
    if (!rc && s->reserved == SQL_CHECKSUM_BYTES) rc = sql_checksum_check(file, e);
    if (rc) unlink(file);
    return rc;
}

bool sql_has_bare_pages(struct sql *s)
{
    return sql_checksum_bare_pages(s->db) > 0;
}

enum rc sql_accept(const char *target, bool all, int64_t *mended, struct err *e)
{
    sqlite3 *db = NULL;
    const char *path = NULL;
    enum rc rc = sql_path(target, &path, e);
    if (rc) return rc;
    int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) code = sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        rc = err_set(e, RC_IO, "cannot open database %s: %s", path, db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    sqlite3_close_v2(db);
    return rc ? rc : sql_checksum_mend(path, all, mended, e);
}

enum rc sql_user_version(struct sql *s, int64_t *version, struct err *e)
{
    return number(s, "PRAGMA user_version", version, e);
}

enum rc sql_set_user_version(struct sql *s, int64_t version, struct err *e)
{
    char text[64];
    snprintf(text, sizeof text, "PRAGMA user_version=%lld", (long long)version);
    return sql_exec(s, text, e);
}

static int is_over(void *ctx)
{
    const struct sql *s = ctx;
    return world_monotonic_ms() >= s->deadline_ms;
}

void sql_deadline(struct sql *s, int64_t ms)
{
    enum {
        STEPS = 20000
    }; /* instructions of SQLite's virtual machine between two clock checks: less than a millisecond */
    s->deadline_ms = ms ? world_monotonic_ms() + ms : 0;
    sqlite3_progress_handler(s->db, ms ? STEPS : 0, ms ? is_over : NULL, s);
}

void sql_patience(struct sql *s, int busy_ms)
{
    sqlite3_busy_timeout(s->db, busy_ms);
}
