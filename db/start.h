#ifndef DB_START_H
#define DB_START_H
/* Statements of a start: the first authority of a new database. */

#define START_STATEMENTS(X)                                                                                            \
    X(AUTHORITY_ANY, "SELECT count(*) FROM authority")                                                                 \
    X(AUTHORITY_ADD, "INSERT INTO authority (name, server_id, title, created_ms)"                                      \
                     " VALUES (:name, :server_id, :name, :now_ms)")

enum {
#define X(name, sql) START_STMT_##name,
    START_STATEMENTS(X)
#undef X
        START_STMT_COUNT
};
#endif
