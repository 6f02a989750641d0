/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SQL_CLAIM_H
#define DB_SQL_CLAIM_H
/* Allows one server at a time on a database: a second server would treat the sessions, uploads and notifications of the
 * first as leftovers of a dead process. The claim is a lock on "<database>.lock", which the kernel releases when the
 * process ends. */
#include "base/rc.h"

struct sql_claim;

/** @param target as for sql_open; another path to the same file is the same database. A database in memory needs no
 * claim.
 * @return RC_CONFLICT when another process holds the claim: e names its pid; RC_IO */
enum rc sql_claim(const char *target, struct sql_claim **out, struct err *e);
void sql_claim_give_back(struct sql_claim *c); /* accepts NULL */
#endif
