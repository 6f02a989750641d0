/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SQL_CHECKSUM_H
#define DB_SQL_CHECKSUM_H
/* A checksum at the end of each page of a SQLite file, in the octets that SQLite reserves there: XXH3-64 of the page,
 * seeded with its number. A checkpoint writes it together with the page, so the two always match, also in copies of the
 * file. It is compared each time a page is read from the file. The log has its own checksums. A page that another
 * program copied from the log (a checkpoint, or sqlite3 .backup) has zeroes instead and is accepted. A page that
 * another program changed has the checksum of its former content, and counts as damage until the administrator accepts
 * it. */
#include "base/rc.h"
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum { SQL_CHECKSUM_BYTES = 8 };

/** Name of the SQLite VFS that maintains the checksums; the first call registers it. NULL when memory is exhausted. */
const char *sql_checksum_vfs(void);
/** Prepare a connection for sqlite3_backup, which fills its file with another database's pages in any order. */
void sql_checksum_expect(sqlite3 *db, int page_bytes);
/** The last page with a wrong checksum on this connection; 0 = none */
int64_t sql_checksum_bad_page(sqlite3 *db);
/** The number of pages without checksum that this connection has read. */
int64_t sql_checksum_bare_pages(sqlite3 *db);

/** Check every page of a file that no process has open. @return RC_INVALID: e names the first wrong page;
 * RC_UNSUPPORTED: the file has no checksums; RC_IO */
enum rc sql_checksum_check(const char *path, struct err *e);
/** Write the missing checksums of a file that no process has open. @param all  also replace wrong ones. @param mended
 * number of written checksums */
enum rc sql_checksum_mend(const char *path, bool all, int64_t *mended, struct err *e);
#endif
