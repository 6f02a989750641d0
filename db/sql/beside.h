/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SQL_BESIDE_H
#define DB_SQL_BESIDE_H
/* The file "<database>.id" holds the identity of the database beside it, and the moment of its last use. It lets the
 * server detect an emptied, truncated or exchanged database file, and an older copy in place of the current file. */
#include "base/rc.h"
#include <stdbool.h>

enum { SQL_ID_BYTES = 32 };

struct sql_beside {
    char id[SQL_ID_BYTES + 1];     /* hex digits; "" = the file does not exist */
    char moment[SQL_ID_BYTES + 1]; /* equal to the moment in the database; "" = none yet */
    char next[SQL_ID_BYTES + 1];   /* the moment that a change in progress writes; "" = no change in progress */
    bool there;                    /* the database file exists and is not empty */
};

enum rc sql_beside(const char *target, struct sql_beside *out, struct err *e);
/** Write the file atomically and sync it. Does nothing for a database in memory. */
enum rc sql_beside_keep(const char *target, const struct sql_beside *b, struct err *e);
#endif
