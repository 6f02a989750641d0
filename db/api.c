/* SPDX-License-Identifier: Apache-2.0 */
#include "db/api.h"

const char *const api_statements[API_STATEMENT_COUNT] = {
#define X(name, sql) sql,
    API_STATEMENTS(X)
#undef X
};
