/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_SQL_BESIDE_H
#define DB_SQL_BESIDE_H
/* The file "<database>.id": which database lies here. With it an emptied, truncated or exchanged file is not taken for a new
 * database. */
#include "base/rc.h"
#include <stdbool.h>

enum { SQL_ID_BYTES = 32 };

/** @param id     hex digits; "" = there is no such file. @param there  the database's own file is there and not empty */
enum rc sql_beside(const char *target, char id[SQL_ID_BYTES + 1], bool *there, struct err *e);
/** Written whole and synced, or not at all. */
enum rc sql_beside_keep(const char *target, const char id[SQL_ID_BYTES + 1], struct err *e);
#endif
