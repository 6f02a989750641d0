/* SPDX-License-Identifier: Apache-2.0 */
#include "server/core/restored.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "db/instance.h"
#include <string.h>

static bool in_memory(const struct server_config *c)
{
    return str_ends(str_of(c->database), STR(":memory:"));
}

/* While the database changes from one mark to the next, the file beside it holds both: wherever the process ends, the
 * database's mark is one of them. */
enum rc restored_mark(struct sql *db, const struct server_config *c, struct err *e)
{
    struct db_instance is = { 0 };
    struct sql_beside beside = { 0 };
    uint8_t octets[SQL_ID_BYTES / 2];
    enum rc rc = db_instance_get(db, &is, e);
    if (rc || in_memory(c)) return rc;
    memcpy(beside.id, is.id, sizeof beside.id);
    memcpy(beside.moment, is.moment, sizeof beside.moment);
    crypto_random(octets, sizeof octets);
    text_hex(octets, sizeof octets, beside.next);
    rc = sql_beside_keep(c->database, &beside, e);
    if (!rc) rc = db_instance_set_moment(db, beside.next, e);
    if (rc) return rc;
    memcpy(beside.moment, beside.next, sizeof beside.moment);
    beside.next[0] = '\0';
    return sql_beside_keep(c->database, &beside, e);
}

static bool is_that_of(const struct db_instance *is, const struct sql_beside *beside)
{
    return !is->copy && is->moment[0] &&
           (strcmp(is->moment, beside->moment) == 0 || strcmp(is->moment, beside->next) == 0);
}

static enum rc forget_nonces(struct sql *db, struct err *e)
{
    int64_t devices = 0;
    enum rc rc = db_instance_forget_nonces(db, &devices, e);
    if (!rc && devices)
        log_event(LOG_WARN, "database.restored", LOG_N("devices", devices),
                  LOG_Z("what", "this database is older than the one that was served here last: each "
                                "device is challenged once. Tokens and accounts that were revoked since are back"));
    return rc;
}

enum rc restored_look(const struct server_config *c, struct err *e)
{
    const struct sql_options o = { .durable = true, .busy_ms = 10000 };
    struct db_instance is = { 0 };
    struct sql_beside beside = { 0 };
    struct sql *db = NULL;
    enum rc rc = sql_open(c->database, &o, &db, e);
    if (!rc) rc = db_instance_get(db, &is, e);
    if (!rc) rc = sql_beside(c->database, &beside, e);
    const bool same = !rc && is_that_of(&is, &beside);
    if (!rc && !same) rc = forget_nonces(db, e);
    if (!rc) rc = restored_mark(db, c, e);
    sql_close(db);
    if (!rc || !same) return rc;
    log_event(LOG_WARN, "database.not_marked",
              LOG_Z("why", e->text)); /* for example a full disk: the server starts all the same */
    err_clear(e);
    return RC_OK;
}

enum rc restored_mark_copy(const char *file, int64_t now_ms, struct err *e)
{
    const struct sql_options o = { .durable = true, .busy_ms = 10000 };
    struct sql *db = NULL;
    enum rc rc = sql_open(file, &o, &db, e);
    if (!rc) rc = db_instance_mark_copy(db, now_ms, e);
    sql_close(db);
    return rc;
}
