/* SPDX-License-Identifier: Apache-2.0 */
#include "db/dm.h"

const char *const dm_sql[DM_STMT_COUNT] = {
#define X(name, sql) sql,
    DM_STATEMENTS(X)
#undef X
};
