/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_START_H
#define DB_START_H
/* Statements of a start: the first authority of a new database. */

/* Before the schema is there: how many tables, and whether they are ours. */
#define START_TABLES                                                                                                   \
    "SELECT count(*), count(*) FILTER (WHERE name = 'authority') FROM sqlite_schema WHERE type = 'table'"

#define START_STATEMENTS(X)                                                                                            \
    X(SEALED, "SELECT d.name, a.client_ha1 FROM account a JOIN device d USING (device_id) ORDER BY d.device_id LIMIT 3")

enum {
#define X(name, sql) START_STMT_##name,
    START_STATEMENTS(X)
#undef X
        START_STMT_COUNT
};
#endif
