/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_RETENTION_H
#define DB_RETENTION_H
/* Statements of server/jobs/retention.c. Each removes at most :limit rows, so that no delete holds the writer for long. */

#define RETENTION_STATEMENTS(X)                                                                                             \
    X(SESSIONS,                                                                                                             \
      "DELETE FROM session WHERE session_row IN (SELECT session_row FROM session WHERE started_ms < :before_ms"             \
      " ORDER BY session_row LIMIT :limit)")                                                                                \
    X(RECORDINGS,                                                                                                           \
      "DELETE FROM recording WHERE session_row IN (SELECT session_row FROM recording WHERE at_ms < :before_ms"              \
      " ORDER BY at_ms LIMIT :limit)")                                                                                      \
    /* What a person did to a VM last is what policies leave alone: it stays until something newer of its kind. */          \
    X(OPERATIONS,                                                                                                           \
      "DELETE FROM operation WHERE operation_id IN (SELECT o.operation_id FROM operation o WHERE o.updated_ms < :before_ms" \
      " AND (o.state = 'verified' OR o.state = 'failed' OR o.state = 'cancelled' OR o.state = 'superseded'"                 \
      " OR o.state = 'expired' OR o.state = 'unknown')"                                                                     \
      " AND (o.by_policy = 1 OR o.scope <> 1 OR o.state <> 'verified' OR EXISTS (SELECT 1"                                  \
      " FROM operation n WHERE n.device_id = o.device_id AND n.operation_id > o.operation_id AND n.owner = o.owner"         \
      " AND n.kind = o.kind AND n.by_policy = 0 AND n.scope = 1 AND n.state = 'verified'))"                                 \
      " ORDER BY o.updated_ms LIMIT :limit)")                                                                               \
    X(SEALED_RESULTS,                                                                                                       \
      "UPDATE operation SET result_sealed = NULL WHERE operation_id IN (SELECT operation_id FROM operation"                 \
      " WHERE result_sealed IS NOT NULL AND updated_ms < :before_ms ORDER BY updated_ms LIMIT :limit)")

enum {
#define X(name, sql) RETENTION_STMT_##name,
    RETENTION_STATEMENTS(X)
#undef X
        RETENTION_STMT_COUNT
};
#endif
