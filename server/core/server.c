/* SPDX-License-Identifier: Apache-2.0 */
#include "server/core/server.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "db/authority.h"
#include "db/credentials.h"
#include "db/instance.h"
#include "db/sql/beside.h"
#include "db/sql/claim.h"
#include "db/sql/log.h"
#include "db/statements.h"
#include "server/core/health.h"
#include "server/core/ddf_cache.h"
#include "server/core/credentials.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES_MAX = 256, PATH_BYTES = 1024, SERVER_OWNER = 3 /* an enterprise (virtualization-mo.md c.3.1) */ };

const struct ddf_layout *server_layout(const struct server *srv, struct str mo)
{
    for (size_t i = 0; i < srv->n_layouts; i++)
        if (str_eq(srv->layouts[i]->mo, mo)) return srv->layouts[i];
    return srv->n_layouts ? srv->layouts[0] : NULL;
}

static int by_name(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* Files with this suffix in folder/sub, sorted, followed by the files that the configuration adds. */
static enum rc list_files(const char *folder, const char *sub, const char *ending, const struct setting_list *more,
                          struct arena *a, const char **out, size_t *n_out, struct err *e)
{
    char path[PATH_BYTES];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/%s", folder, sub);
    DIR *d = opendir(path);
    if (!d) return err_set(e, RC_IO, "cannot read %s (objects.directory): %s", path, strerror(errno));
    for (struct dirent *f; (f = readdir(d)) != NULL && n < FILES_MAX;)
        if (str_ends(str_of(f->d_name), str_of(ending))) out[n++] = arena_printf(a, "%s/%s", path, f->d_name).p;
    closedir(d);
    qsort(out, n, sizeof *out, by_name);
    for (size_t i = 0; i < more->n && n < FILES_MAX; i++) out[n++] = more->items[i];
    *n_out = n;
    return n ? RC_OK : err_set(e, RC_NOT_FOUND, "no *%s file in %s", ending, path);
}

enum rc server_schema(const struct server_config *c, struct arena *a, struct ddf_schema **out, struct err *e)
{
    const char *file[FILES_MAX];
    size_t n = 0;
    struct ddf_schema *schema = ddf_schema_create();
    enum rc rc = schema ? list_files(c->ddf_dir, "mo", ".ddf", &c->ddfs, a, file, &n, e)
                        : err_set(e, RC_NOMEM, "no memory for device descriptions");
    for (size_t i = 0; !rc && i < n; i++) rc = ddf_schema_load_file(schema, file[i], e);
    if (rc)
        ddf_schema_destroy(schema);
    else
        *out = schema;
    return rc;
}

enum rc server_load(struct server *srv, const struct server_config *c, struct arena *a, struct err *e)
{
    const char *file[FILES_MAX];
    size_t n = 0;
    struct ddf_schema *schema = NULL;
    const bool had_key = access(c->secret_key_file, F_OK) == 0;
    enum rc rc = credentials_key_load(c->secret_key_file, srv->secret_key, e);
    srv->key_is_new = !rc && !had_key;

    if (!rc) rc = server_schema(c, a, &schema, e);
    if (!rc) rc = list_files(c->ddf_dir, "layout", ".yaml", &c->layouts, a, file, &n, e);
    struct ddf_layout **layout = rc ? NULL : ARENA_ARRAY(a, struct ddf_layout *, n);
    if (!rc && !layout) rc = RC_NOMEM;
    for (size_t i = 0; !rc && i < n; i++) {
        rc = ddf_layout_load(file[i], a, &layout[i], e);
        for (size_t k = 0; !rc && k < i; k++)
            if (str_eq(layout[k]->mo, layout[i]->mo))
                rc = err_at(e, RC_INVALID, file[i], 1, 1, "%s is already a layout for %.*s", file[k],
                            STR_ARG(layout[i]->mo));
    }
    if (!rc && !(srv->schemas = ddf_cache_create())) rc = err_set(e, RC_NOMEM, "no memory for device descriptions");
    if (rc) {
        ddf_schema_destroy(schema);
        return rc;
    }
    srv->schema = schema;
    srv->layouts = layout;
    srv->n_layouts = n;
    srv->config = c;
    return RC_OK;
}

void server_unload(struct server *srv)
{
    ddf_schema_destroy((struct ddf_schema *)(uintptr_t)srv->schema);
    ddf_cache_destroy(srv->schemas);
    srv->schema = NULL;
    srv->schemas = NULL;
}

static enum rc first_authority(struct sql *db, const struct server_config *c, int64_t now_ms, struct err *e)
{
    const struct db_authority v = { .name = str_of(c->authority),
                                    .server_id = str_of(c->server_id),
                                    .title = str_of(c->authority),
                                    .owner = SERVER_OWNER,
                                    .created_ms = now_ms };
    int64_t n = 0;
    enum rc rc = db_authority_count(db, &n, e);
    if (rc || n) return rc;
    rc = db_authority_add(db, &v, NULL, e);
    if (!rc) log_event(LOG_INFO, "authority.made", LOG_Z("name", c->authority), LOG_Z("server_id", c->server_id));
    return rc;
}

struct sql_health *server_database_health(const struct server *srv)
{
    return srv->health ? &srv->health->database : NULL;
}

/* ---- checks of the database at start ---- */

#define RESTORE                                                                                                        \
    "Restore a backup: stop the server, copy the backup over the database, remove its -wal and -shm files, "           \
    "start the server"

static const char *file_of(const struct server_config *c)
{
    return strncmp(c->database, "sqlite:", 7) == 0 ? c->database + 7 : c->database;
}

static enum rc is_emptied(const struct server_config *c, const char *id, struct err *e)
{
    return err_set(e, RC_INVALID,
                   "the database %s is empty or missing, although %s.id records one here (%s). " RESTORE
                   ". To start with an empty database, remove that .id file",
                   file_of(c), file_of(c), id);
}

/* Classify the file before the schema is migrated: a dmvisor database, empty, or another program's database. */
static enum rc look(struct sql *db, const struct server_config *c, const char *id, struct err *e)
{
    int64_t tables = 0;
    bool ours = false;
    enum rc rc = sql_tables(db, "authority", &tables, &ours, e);
    if (!rc && !tables && id[0]) rc = is_emptied(c, id, e);
    if (!rc && tables && !ours)
        rc = err_set(e, RC_INVALID, "%s is the database of another program: configure a separate file for dmvisord",
                     file_of(c));
    return rc;
}

/* A wrong checksum may come from another program, which writes none. */
static enum rc is_damaged(const struct server_config *c, const struct err *why, const struct sql_health *health,
                          struct err *e)
{
    return err_set(e, RC_INVALID, "%s is damaged: %.200s. " RESTORE "%s", file_of(c), why->text,
                   health->wrong_page ? ". If another program changed the file on purpose while the server was down, "
                                        "run dmvisord --accept-database"
                                      : "");
}

/* Whoever opens the database cuts the log at the first wrong place: this is to be known before. */
static enum rc log_is_damaged(const struct server_config *c, struct err *e)
{
    struct err why = { 0 };
    enum rc rc = c->durable ? sql_log_check(c->database, &why) : RC_OK;
    if (rc != RC_INVALID) return rc ? err_set(e, rc, "%s", why.text) : RC_OK;
    return err_set(e, rc, "%s is damaged: %.200s. " RESTORE ". To go on with what is left: dmvisord --accept-database",
                   file_of(c), why.text);
}

/* Open without statements: the schema may be an older version. */
static enum rc open_whole(const struct server_config *c, struct sql_health *health, struct sql **db, struct err *e)
{
    const struct sql_options bare = { .durable = true, .busy_ms = 10000, .health = health };
    struct sql_beside was = { 0 };
    struct err why = { 0 };
    enum rc rc = sql_beside(c->database, &was, e);
    if (rc) return rc;
    if (was.id[0] && !was.there) return is_emptied(c, was.id, e);
    if ((rc = log_is_damaged(c, e)) != RC_OK) return rc;
    rc = sql_open(c->database, &bare, db, &why);
    if (!rc) rc = sql_check(*db, false, &why);
    if (rc && health->damaged) return is_damaged(c, &why, health, e);
    if (rc) {
        *e = why;
        return rc;
    }
    return look(*db, c, was.id, e);
}

/* The id in the database and the id beside it are equal from the first start on. */
static enum rc same_instance(struct sql *db, const struct server_config *c, char id[SQL_ID_BYTES + 1], bool *fresh,
                             struct err *e)
{
    struct sql_beside was = { 0 };
    uint8_t octets[SQL_ID_BYTES / 2];
    enum rc rc = db_instance_id(db, id, e);
    if (rc == RC_NOT_FOUND) {
        crypto_random(octets, sizeof octets);
        text_hex(octets, sizeof octets, id);
        rc = db_instance_add(db, id, e);
    }
    if (!rc) rc = sql_beside(c->database, &was, e);
    if (!rc && was.id[0] && strcmp(was.id, id) != 0)
        rc = err_set(e, RC_INVALID,
                     "%s is a different database (%s) than the last one here (%s, recorded in %s.id). " RESTORE
                     ". To continue with this database, remove that .id file",
                     file_of(c), id, was.id, file_of(c));
    *fresh = !was.id[0];
    return rc;
}

enum rc server_check_database(const struct server_config *c, struct err *e)
{
    struct sql_health health = { .damaged = false };
    const struct sql_options o = { .read_only = true, .busy_ms = 10000, .health = &health };
    struct sql *db = NULL;
    struct err why = { 0 };
    enum rc rc = log_is_damaged(c, e);
    if (rc) return rc;
    rc = sql_open(c->database, &o, &db, &why);
    if (!rc) rc = sql_check(db, true, &why);
    sql_close(db);
    if (!rc) return RC_OK;
    return health.damaged ? is_damaged(c, &why, &health, e) : err_set(e, rc, "%s", why.text);
}

enum rc server_accept_database(const struct server_config *c, int64_t *pages, struct err *e)
{
    struct sql_claim *claim = NULL;
    enum rc rc = sql_claim(c->database, &claim, e);
    if (!rc) rc = sql_accept(c->database, true, pages, e);
    if (!rc) rc = server_check_database(c, e);
    sql_claim_give_back(claim);
    return rc;
}

/* Add the checksums of pages that another program copied from the log, for example after a crash. */
static enum rc give_checksums(const struct server_config *c, struct err *e)
{
    int64_t pages = 0;
    enum rc rc = sql_accept(c->database, false, &pages, e);
    if (!rc && pages)
        log_event(LOG_WARN, "database.carried_over", LOG_N("pages", pages),
                  LOG_Z("what", "another program copied these pages from the log; they have checksums now"));
    return rc;
}

enum rc server_prepare_database(const struct server_config *c, bool alone, int64_t now_ms, struct err *e)
{
    const struct sql_options start = { .durable = true, .busy_ms = 10000 };
    struct sql_beside is = { 0 };
    struct sql_health health = { .damaged = false };
    bool fresh = false;
    struct sql *db = NULL;
    enum rc rc = open_whole(c, &health, &db, e);
    if (!rc) rc = sql_migrate(db, c->schema_dir, e);
    const bool bare = !rc && sql_has_bare_pages(db);
    sql_close(db);
    db = NULL;
    if (bare && alone) rc = give_checksums(c, e);
    if (!rc) rc = sql_open(c->database, &start, &db, e);
    if (!rc) rc = db_statements_check(db, e);
    if (!rc) rc = sql_begin(db, true, e);
    if (!rc) rc = same_instance(db, c, is.id, &fresh, e);
    if (!rc) rc = first_authority(db, c, now_ms, e);
    if (!rc) rc = sql_commit(db, e);
    if (rc) sql_rollback(db);
    sql_close(db);
    return rc || !fresh
               ? rc
               : sql_beside_keep(c->database, &is, e); /* the database must contain the id before the file does */
}

enum rc server_key_fits(const struct server *srv, struct err *e)
{
    const struct sql_options o = { .durable = true, .busy_ms = 10000 };
    const struct server_config *c = srv->config;
    struct sql *db = NULL;
    struct sql_rows *r = NULL;
    struct db_credentials_sealed v;
    struct err why = { 0 };
    char ha1[SML_HA1_BYTES + 1];
    bool opens = true;
    enum rc rc = sql_open(c->database, &o, &db, e);
    if (!rc) rc = db_credentials_sealed(db, &r, e);
    while (!rc && (rc = db_credentials_next_sealed(r, &v, e)) == RC_OK) {
        opens = !credentials_open_ha1(srv->secret_key, v.device_name, "client", v.client_ha1, ha1, &why);
        if (opens) break;
    }
    sql_end(r);
    sql_close(db);
    if (rc && rc != RC_NOT_FOUND) return rc;
    if (opens) return RC_OK;
    if (srv->key_is_new) unlink(c->secret_key_file); /* nothing was encrypted with it */
    return err_set(
        e, RC_DENIED,
        "%s %s: it decrypts the credentials of the devices in %s. Restore the key that belongs to the database; "
        "it is in "
        "the backup",
        c->secret_key_file, srv->key_is_new ? "is missing" : "is not the key of this database", file_of(c));
}
