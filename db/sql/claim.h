/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SQL_CLAIM_H
#define DB_SQL_CLAIM_H
/* One server at a time on one database: two of them would each believe that the sessions, uploads and notifications of the
 * other are leftovers of a process that died. The claim is a lock on "<database>.lock", which the kernel gives back when the
 * process ends, however it ends. */
#include "base/rc.h"

struct sql_claim;

/** @param target as for sql_open; the same file by another path is the same. A database in memory is nobody else's.
 *  @return RC_CONFLICT when another process has it: e names its pid; RC_IO */
enum rc sql_claim(const char *target, struct sql_claim **out, struct err *e);
void sql_claim_give_back(struct sql_claim *c); /* accepts NULL */
#endif
