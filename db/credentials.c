/* SPDX-License-Identifier: Apache-2.0 */
#include "db/credentials.h"
#include "db/statements.h"

#define CREDENTIALS_STATEMENTS(X)                                                                                      \
    X(SET_ACCOUNT, "INSERT INTO account (device_id, client_name, client_ha1, server_name, server_ha1, auth)"           \
                   " VALUES (:device, :client_name, :client_ha1, :server_name, :server_ha1, :auth)"                    \
                   " ON CONFLICT (device_id) DO UPDATE SET client_name = excluded.client_name,"                        \
                   " client_ha1 = excluded.client_ha1, server_name = excluded.server_name,"                            \
                   " server_ha1 = excluded.server_ha1, auth = excluded.auth")                                          \
    X(SET_NONCES, "INSERT INTO contact (device_id, client_nonce, server_nonce)"                                        \
                  " VALUES (:device, :client_nonce, :server_nonce) ON CONFLICT (device_id) DO UPDATE SET"              \
                  " client_nonce = excluded.client_nonce, server_nonce = excluded.server_nonce, resynchronised = 0,"   \
                  " resync_until_ms = NULL")                                                                           \
    X(AUTH, "SELECT auth FROM account WHERE device_id = :device")                                                      \
    X(SEALED, "SELECT d.name, a.client_ha1 FROM account a JOIN device d ON d.device_id = a.device_id"                  \
              " ORDER BY d.device_id LIMIT 3")
DB_STATEMENTS(credentials, CREDENTIALS_STATEMENTS)

enum rc db_credentials_set(struct sql *db, const struct db_credentials *v, struct err *e)
{
    enum rc rc = sql_execute(db, SET_ACCOUNT,
                             SQL_ARGS({ "device", SQL_I(v->device) }, { "client_name", SQL_T(v->client_name) },
                                      { "client_ha1", SQL_B(v->client_ha1) }, { "server_name", SQL_T(v->server_name) },
                                      { "server_ha1", SQL_B(v->server_ha1) }, { "auth", SQL_T(v->auth) }),
                             NULL, e);
    return rc ? rc
              : sql_execute(db, SET_NONCES,
                            SQL_ARGS({ "device", SQL_I(v->device) }, { "client_nonce", SQL_B(v->client_nonce) },
                                     { "server_nonce", SQL_B(v->server_nonce) }),
                            NULL, e);
}

enum rc db_credentials_auth(struct sql *db, int64_t device, struct arena *a, struct str *auth, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, AUTH, SQL_ARGS({ "device", SQL_I(device) }), &r, e);
    if (!rc) {
        *auth = sql_text(r, 0);
        rc = DB_KEEP(a, e, auth);
    }
    sql_end(r);
    return rc;
}

enum rc db_credentials_sealed(struct sql *db, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, SEALED, NULL, 0, rows, e);
}

enum rc db_credentials_next_sealed(struct sql_rows *rows, struct db_credentials_sealed *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (!rc) *out = (struct db_credentials_sealed){ .device_name = sql_text(rows, 0), .client_ha1 = sql_text(rows, 1) };
    return rc;
}
