/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_CREDENTIALS_H
#define DB_CREDENTIALS_H
/* The credentials of a device and of its server: written by the API, read by sessions (db/account.h). */
#include "db/sql/sql.h"

struct db_credentials {
    int64_t device;
    struct str client_name, client_ha1, server_name, server_ha1; /* ha1: sealed */
    struct str auth;                                             /* basic, md5, mac */
    struct str client_nonce, server_nonce;                       /* the next nonces, as octets */
};

/** Replace the device's credentials and reset its nonces. */
enum rc db_credentials_set(struct sql *db, const struct db_credentials *v, struct err *e);
/** @param a  holds it. @return RC_NOT_FOUND: the device has no credentials */
enum rc db_credentials_auth(struct sql *db, int64_t device, struct arena *a, struct str *auth, struct err *e);

/* A sealed secret, to test a key with. */
struct db_credentials_sealed {
    struct str device_name, client_ha1;
};
/** A few sealed secrets: rows for db_credentials_next_sealed. */
enum rc db_credentials_sealed(struct sql *db, struct sql_rows **rows, struct err *e);
enum rc db_credentials_next_sealed(struct sql_rows *rows, struct db_credentials_sealed *out, struct err *e);
#endif
