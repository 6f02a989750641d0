/* SPDX-License-Identifier: Apache-2.0 */
#include "db/account.h"
#include "db/statements.h"

#define ACCOUNT_STATEMENTS(X)                                                                                          \
    X(FIND, "SELECT d.device_id, d.generation, d.observed_generation, d.settled_token, d.layout_mo, d.devinfo_hash,"   \
            " d.next_kpi_ms, d.user_agent, d.remote, d.record, a.client_name, a.client_ha1, a.server_name,"            \
            " a.server_ha1, a.auth, c.client_nonce, c.server_nonce, c.resynchronised, c.resync_until_ms,"              \
            " c.challenges_used, c.certificate_until_ms, c.booked, c.booked_ms, c.alerts_left, c.alerts_ms,"           \
            " d.mo_root, d.mo_images"                                                                                  \
            " FROM device d JOIN account a USING (device_id) JOIN contact c USING (device_id)"                         \
            " WHERE d.authority_id = :authority_id AND d.name = :name")                                                \
    X(CONTACT, "UPDATE contact SET seen_ms = :now_ms, quiet = quiet + :quiet, client_nonce = :client_nonce,"           \
               " server_nonce = :server_nonce, resync_until_ms = NULL,"                                                \
               " resynchronised = CASE WHEN :resynchronised = 1 THEN 1 ELSE resynchronised END,"                       \
               " booked = CASE WHEN :quiet = 1 THEN NULL ELSE booked END,"                                             \
               " challenges_used = :challenges_used, certificate_until_ms = :certificate_until_ms"                     \
               " WHERE device_id = :device_id")                                                                        \
    X(BOOK, "UPDATE contact SET booked = :booked, booked_ms = :now_ms, alerts_left = :left, alerts_ms = :now_ms"       \
            " WHERE device_id = :device_id")
DB_STATEMENTS(account, ACCOUNT_STATEMENTS)

static void read_numbers(struct sql_rows *r, struct db_account *x)
{
    *x = (struct db_account){ .device = sql_int(r, 0),
                              .generation = sql_int(r, 1),
                              .observed_generation = sql_int(r, 2),
                              .devinfo_hash = sql_int(r, 5),
                              .next_kpi_ms = sql_int(r, 6),
                              .record = sql_is_null(r, 9) ? -1 : sql_int(r, 9) != 0,
                              .resynchronised = sql_int(r, 17) != 0,
                              .resync_until_ms = sql_int(r, 18),
                              .challenges_used = sql_int(r, 19),
                              .certificate_until_ms = sql_int(r, 20),
                              .booked_ms = sql_int(r, 22),
                              .alerts_left = sql_is_null(r, 23) ? -1 : sql_int(r, 23),
                              .alerts_ms = sql_int(r, 24) };
}

static bool read_texts(struct sql_rows *r, struct arena *a, struct db_account *x)
{
    return arena_str(a, sql_text(r, 3), &x->settled_token) && arena_str(a, sql_text(r, 4), &x->layout_mo) &&
           arena_str(a, sql_text(r, 7), &x->user_agent) && arena_str(a, sql_text(r, 8), &x->remote) &&
           arena_str(a, sql_text(r, 10), &x->client_name) && arena_str(a, sql_text(r, 11), &x->client_ha1) &&
           arena_str(a, sql_text(r, 12), &x->server_name) && arena_str(a, sql_text(r, 13), &x->server_ha1) &&
           arena_str(a, sql_text(r, 14), &x->auth) && arena_str(a, sql_text(r, 15), &x->client_nonce) &&
           arena_str(a, sql_text(r, 16), &x->server_nonce) && arena_str(a, sql_text(r, 21), &x->booked) &&
           arena_str(a, sql_text(r, 25), &x->mo_root) && arena_str(a, sql_text(r, 26), &x->mo_images);
}

enum rc db_account_find(struct sql *db, int64_t authority, struct str name, struct arena *a, struct db_account *out,
                        struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, FIND, SQL_ARGS({ "authority_id", SQL_I(authority) }, { "name", SQL_T(name) }), &r, e);
    if (!rc) read_numbers(r, out);
    if (!rc && !read_texts(r, a, out)) rc = err_set(e, RC_NOMEM, "no memory for a device");
    sql_end(r);
    return rc;
}

enum rc db_contact_put(struct sql *db, const struct db_contact *c, struct err *e)
{
    return sql_execute(
        db, CONTACT,
        SQL_ARGS({ "now_ms", SQL_I(c->now_ms) }, { "quiet", SQL_I(c->quiet) },
                 { "client_nonce", c->client_nonce.n ? SQL_B(c->client_nonce) : SQL_N },
                 { "server_nonce", c->server_nonce.n ? SQL_B(c->server_nonce) : SQL_N },
                 { "resynchronised", SQL_I(c->resynchronised) }, { "challenges_used", SQL_I(c->challenges_used) },
                 { "certificate_until_ms", c->certificate_until_ms ? SQL_I(c->certificate_until_ms) : SQL_N },
                 { "device_id", SQL_I(c->device) }),
        NULL, e);
}

enum rc db_contact_book(struct sql *db, int64_t device, struct str booked, int64_t alerts_left, int64_t now_ms,
                        struct err *e)
{
    return sql_execute(db, BOOK,
                       SQL_ARGS({ "booked", booked.n ? SQL_B(booked) : SQL_N }, { "now_ms", SQL_I(now_ms) },
                                { "left", SQL_I(alerts_left) }, { "device_id", SQL_I(device) }),
                       NULL, e);
}
