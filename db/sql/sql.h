/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SQL_SQL_H
#define DB_SQL_SQL_H
/* A small SQL interface: statements prepared once by number, values bound by name, rows stepped over. One driver for
 * each engine stands behind it. A connection belongs to one thread at a time. */
#include "base/arena.h"
#include "base/rc.h"

struct sql; /* one connection */

/* Faults that the connections of a process have met; any thread may read it. */
struct sql_health {
    _Atomic bool damaged;    /* a page is damaged: only a backup repairs that */
    _Atomic bool wrong_page; /* the damage is a wrong page checksum (db/sql/checksum.h) */
    _Atomic bool full;       /* the last commit found no room on the disk */
    _Atomic bool moved;      /* its file is not where it was opened: writes are refused */
};

struct sql_options {
    bool read_only;
    bool durable;        /* synchronous=FULL: a commit survives a power cut */
    int busy_ms;         /* how long to wait for another writer */
    bool no_checkpoints; /* commits do not checkpoint: the program calls sql_checkpoint */
    const char
        *schema_dir; /* sql_migrate runs this folder before statements are prepared; NULL = leave the schema as it is */
    const char *const *statements;
    size_t n_statements;       /* prepared at open (a wrong column stops the start), by index */
    struct sql_health *health; /* NULL = not wanted */
};

/** @param target "sqlite:/path/to/file" or a bare path; "sqlite::memory:" for tests
 * @return RC_INVALID when a statement does not fit the schema (e names it), RC_IO, RC_UNSUPPORTED for another engine */
enum rc sql_open(const char *target, const struct sql_options *o, struct sql **out, struct err *e);
void sql_close(struct sql *s);
/** Prepare the statements after open; once per connection. */
enum rc sql_prepare(struct sql *s, const char *const *statements, size_t n, struct err *e);
/** Run SQL text without results (schema steps, pragmas); several statements allowed. The text never contains outside
 * values. */
enum rc sql_exec(struct sql *s, const char *text, struct err *e);

/** True when the database file is no longer at the path where it was opened: further writes would be lost. With
 * sql_options.health, writes are then refused (RC_IO). */
bool sql_moved(struct sql *s);

enum rc sql_begin(struct sql *s, bool write, struct err *e); /* write: BEGIN IMMEDIATE. RC_BUSY after busy_ms */
enum rc sql_commit(struct sql *s, struct err *e);
void sql_rollback(struct sql *s);
bool sql_in_transaction(const struct sql *s);
/** Start a nested scope of a transaction, which can be rolled back alone. */
enum rc sql_savepoint(struct sql *s, struct err *e);
enum rc sql_release(struct sql *s, struct err *e);
void sql_rollback_to(struct sql *s); /* and releases it */

enum sql_kind { SQL_NULL, SQL_INT, SQL_REAL, SQL_TEXT, SQL_BLOB };
struct sql_value {
    enum sql_kind kind;
    int64_t i;
    double r;
    struct str s;
};
#define SQL_I(x) ((struct sql_value){ SQL_INT, (int64_t)(x), 0, { 0 } })
#define SQL_R(x) ((struct sql_value){ SQL_REAL, 0, (x), { 0 } })
#define SQL_T(x) ((struct sql_value){ SQL_TEXT, 0, 0, (x) })
#define SQL_B(x) ((struct sql_value){ SQL_BLOB, 0, 0, (x) })
#define SQL_N    ((struct sql_value){ SQL_NULL, 0, 0, { 0 } })
/** Empty text as NULL. */
#define SQL_TN(x) ((x).n ? SQL_T(x) : SQL_N)

struct sql_arg {
    const char *name;
    struct sql_value value;
}; /* name without ':' */

struct sql_rows;
/** Start a statement whose text is a constant of the program. It is prepared at its first use on this connection and
 * found again by its address. Arguments as for sql_start; one run at a time on a connection. */
enum rc sql_query(struct sql *s, const char *text, const struct sql_arg *args, size_t n_args, struct sql_rows **rows,
                  struct err *e);
/** As sql_query, run to the end without looking at rows. @param changed number of rows changed, may be NULL */
enum rc sql_execute(struct sql *s, const char *text, const struct sql_arg *args, size_t n_args, int64_t *changed,
                    struct err *e);
/** Check a statement's text against the schema. @return RC_INVALID when it does not fit: e names it */
enum rc sql_check_text(struct sql *s, const char *text, struct err *e);
/** Start a prepared statement. An argument that the statement does not name is a programming error (RC_INTERNAL),
 * parameters without an argument are NULL; values are borrowed until sql_end. One run of a statement at a time on a
 * connection. */
enum rc sql_start(struct sql *s, int statement, const struct sql_arg *args, size_t n_args, struct sql_rows **rows,
                  struct err *e);
/** As sql_start for SQL text built at run time (selectors): prepared and cached by text. Values are still bound. */
enum rc sql_start_text(struct sql *s, struct str text, const struct sql_arg *args, size_t n_args,
                       struct sql_rows **rows, struct err *e);
#define SQL_ARGS(...)                                                                                                  \
    (const struct sql_arg[]){ __VA_ARGS__ }, sizeof((const struct sql_arg[]){ __VA_ARGS__ }) / sizeof(struct sql_arg)
/** Next row. @return RC_OK with a row, RC_NOT_FOUND at the end, RC_EXISTS/RC_CONFLICT for a constraint, RC_BUSY,
 * RC_IO */
enum rc sql_step(struct sql_rows *r, struct err *e);
int64_t sql_int(struct sql_rows *r, int column); /* NULL reads as 0 */
double sql_real(struct sql_rows *r, int column);
struct str sql_text(struct sql_rows *r, int column); /* borrowed until the next step; NULL reads as empty */
bool sql_is_null(struct sql_rows *r, int column);
void sql_end(struct sql_rows *r); /* accepts NULL */

/** Statements of this connection end with RC_TIMEOUT after `ms` from now; 0 = no limit. */
void sql_deadline(struct sql *s, int64_t ms);
/** Change sql_options.busy_ms. */
void sql_patience(struct sql *s, int busy_ms);
/** Run to the end without looking at rows. @param changed number of rows changed, may be NULL */
enum rc sql_run(struct sql *s, int statement, const struct sql_arg *args, size_t n_args, int64_t *changed,
                struct err *e);
int64_t sql_last_id(struct sql *s);

/**
 * Bring the schema up to date: steps are numbered files NNN-name.sql in `folder`; each runs in one transaction together
 * with writing its number. A database newer than the last step is refused (RC_CONFLICT, e says both numbers).
 */
enum rc sql_migrate(struct sql *s, const char *folder, struct err *e);
/** The version changes whenever another connection commits a change. */
enum rc sql_data_version(struct sql *s, int64_t *version, struct err *e);
/** Count the tables, and tell whether one has this name. */
enum rc sql_tables(struct sql *s, const char *name, int64_t *n, bool *there, struct err *e);
/** Checkpoint: copy committed pages from the log into the file, as far as readers allow, while writers continue. @param
 * pages  left in the log */
enum rc sql_checkpoint(struct sql *s, int *pages, struct err *e);
/** Check the structure and the checksum of every page. @param full  also compare indexes with tables; takes longer
 * @return RC_INVALID when the database is damaged: e names the first finding */
enum rc sql_check(struct sql *s, bool full, struct err *e);
/** As sql_check without `full`, for one table and its indexes, read from the file and not from memory. @param part
 * counts from 0. @param over  there are no more tables */
enum rc sql_check_part(struct sql *s, int64_t part, bool *over, struct err *e);
/** True when the connection has read pages without checksum, which another program copied from the log
 * (db/sql/checksum.h). */
bool sql_has_bare_pages(struct sql *s);
/** Write the missing checksums; no other process has the file open. @param all  also for pages that another program
 * changed, which otherwise count as damage. @param mended  number of pages */
enum rc sql_accept(const char *target, bool all, int64_t *mended, struct err *e);
/** Online copy to a new file (mode 0600), whose pages are read back. @return RC_EXISTS when the file exists */
enum rc sql_backup(struct sql *s, const char *file, struct err *e);
#endif
