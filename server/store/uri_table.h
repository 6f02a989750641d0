/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_URI_TABLE_H
#define SERVER_STORE_URI_TABLE_H
/* The dictionary of addresses (table path), cached in memory up to a limit: a fleet of similar phones shares a few
 * hundred. */
#include "db/sql/sql.h"

enum { PATHS_MAX = 100000, PATHS_BYTES = 16 << 20 };

struct paths;
struct paths *uri_table_create(struct sql *db); /* NULL when out of memory */
void uri_table_destroy(struct paths *p);
/** The address of an id with its str_hash, borrowed until uri_table_trim or uri_table_forget. @return RC_NOT_FOUND,
 * RC_NOMEM, RC_IO */
enum rc uri_table_uri(struct paths *p, int64_t id, struct str *uri, uint64_t *hash, struct err *e);
/** The id of an address (hash: its str_hash); a new address is inserted (inside the caller's transaction). */
enum rc uri_table_id(struct paths *p, struct str uri, uint64_t hash, int64_t *id, struct err *e);
/** A device no longer has this address: delete it from the dictionary if no other device has it (inside the caller's
 * transaction). Call uri_table_trim before the next lookup. */
enum rc uri_table_drop(struct paths *p, int64_t id, struct err *e);
/** Check some more addresses and delete the unused ones, which deleted devices left. Inside the caller's transaction.
 * @param after  where the last call stopped; 0 = at the beginning, and after the last address */
enum rc uri_table_sweep(struct paths *p, int64_t *after, struct err *e);
/** Between two units of work: empty the cache if it exceeds its limit. */
void uri_table_trim(struct paths *p);
/** Empty the cache after a rollback, which may have removed new ids. */
void uri_table_forget(struct paths *p);
#endif
