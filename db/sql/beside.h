/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SQL_BESIDE_H
#define DB_SQL_BESIDE_H
/* The file "<database>.id": which database lies here, and of which moment. With it an emptied, truncated or exchanged file is
 * not taken for a new database, nor an earlier copy for the file that was here last. */
#include "base/rc.h"
#include <stdbool.h>

enum { SQL_ID_BYTES = 32 };

struct sql_beside {
    char id[SQL_ID_BYTES + 1];     /* hex digits; "" = there is no such file */
    char moment[SQL_ID_BYTES + 1]; /* as the database has it, too; "" = none was given yet */
    char next[SQL_ID_BYTES + 1];   /* or this; "" = it is not about to change */
    bool there;                    /* the database's own file is there and not empty */
};

enum rc sql_beside(const char *target, struct sql_beside *out, struct err *e);
/** Written whole and synced, or not at all. Nothing for a database in memory. */
enum rc sql_beside_keep(const char *target, const struct sql_beside *b, struct err *e);
#endif
