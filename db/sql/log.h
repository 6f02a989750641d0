/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SQL_LOG_H
#define DB_SQL_LOG_H
/* The write-ahead log beside a database: is it whole? SQLite reads it up to the first frame that is wrong, as after a power
 * cut, and passes over what stands behind: what was kept would be gone without a word, or older than what a checkpoint has
 * already carried over. */
#include "base/rc.h"

/** To be called before anybody opens the database for the first time; while a server runs it does no harm. Only for logs
 * that reach the disk with each transaction (sql_options.durable): then whatever stands behind a commit proves that it, and all before it,
 * was there. What is wrong in the last two transactions cannot be told from a power cut.
 * @return RC_INVALID: e says where, and how much would be lost */
enum rc sql_log_check(const char *target, struct err *e);
#endif
