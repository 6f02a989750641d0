/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SQL_CHECKSUM_H
#define DB_SQL_CHECKSUM_H
/* A checksum at the end of each page of a SQLite file, in the octets that SQLite reserves there: XXH3-64 of the page, seeded with
 * its number. It is written with the page when the log is carried over, so page and checksum never part, also in copies of the
 * file; it is compared each time a page is read from the file. The log has checksums of its own.
 * A page that another program carried over from the log, or copied from there (sqlite3 .backup), has zeroes instead and is taken;
 * one that another program changed has the checksum of what was there before, and is damage until somebody accepts it. */
#include "base/rc.h"
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum { SQL_CHECKSUM_BYTES = 8 };

/** Name of the SQLite VFS that does this, registered by the first call; NULL when SQLite has no memory for it. */
const char *sql_checksum_vfs(void);
/** A connection to a file that is about to be filled with pages of another one (sqlite3_backup), in any order. */
void sql_checksum_expect(sqlite3 *db, int page_bytes);
/** The page that was found wrong last on this connection; 0 = none */
int64_t sql_checksum_bad_page(sqlite3 *db);
/** How many pages without checksum were read on this connection. */
int64_t sql_checksum_bare_pages(sqlite3 *db);

/** Compare every page of a file that nobody has open. @return RC_INVALID: e names the first page that is wrong; RC_UNSUPPORTED: it
 * has no checksums; RC_IO */
enum rc sql_checksum_check(const char *path, struct err *e);
/** Give checksums to the pages of a file that nobody has open. @param all  also to those that have a wrong one. @param mended  how
 * many */
enum rc sql_checksum_mend(const char *path, bool all, int64_t *mended, struct err *e);
#endif
