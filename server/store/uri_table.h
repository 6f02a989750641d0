/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_URI_TABLE_H
#define SERVER_STORE_URI_TABLE_H
/* The dictionary of addresses (table path), kept in memory with a ceiling: a fleet of alike phones has the same few
 * hundred. */
#include "db/sql/sql.h"

enum { PATHS_MAX = 100000, PATHS_BYTES = 16 << 20 };

struct paths;
struct paths *uri_table_create(struct sql *db); /* NULL when out of memory */
void uri_table_destroy(struct paths *p);
/** The address of an id with its str_hash, borrowed until uri_table_trim or paths_forget. @return RC_NOT_FOUND, RC_NOMEM,
 * RC_IO */
enum rc uri_table_uri(struct paths *p, int64_t id, struct str *uri, uint64_t *hash, struct err *e);
/** The id of an address (hash: its str_hash), made when it is new (inside the caller's transaction). */
enum rc uri_table_id(struct paths *p, struct str uri, uint64_t hash, int64_t *id, struct err *e);
/** No node has this address any more here: it goes from the dictionary when no other device has one (inside the caller's
 * transaction). Call uri_table_trim before an address is asked for again. */
enum rc uri_table_drop(struct paths *p, int64_t id, struct err *e);
/** Some more addresses are looked at, whether anybody has them: those of devices that were removed go. Inside
 * the caller's transaction. @param after  where the last call stopped; 0 = at the beginning, and again after the last one */
enum rc uri_table_sweep(struct paths *p, int64_t *after, struct err *e);
/** Between two pieces of work: give everything back when a ceiling is passed. */
void uri_table_trim(struct paths *p);
/** After a rollback, which may have taken new ids back. */
void uri_table_forget(struct paths *p);
#endif
