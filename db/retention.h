#ifndef DB_RETENTION_H
#define DB_RETENTION_H
/* Statements of server/retention.c. Each removes at most :limit rows, so that no delete holds the writer for long. */

#define RETENTION_STATEMENTS(X)                                                                                        \
    X(DEVICES, "SELECT device_id FROM device WHERE device_id > :after ORDER BY device_id LIMIT :limit")                \
    X(SAMPLES, "DELETE FROM sample WHERE device_id = :device_id AND at_ms < :before_ms")                               \
    X(EVENTS, "DELETE FROM event WHERE event_id IN (SELECT event_id FROM event WHERE at_ms < :before_ms"               \
              " ORDER BY event_id LIMIT :limit)")                                                                      \
    X(SESSIONS,                                                                                                        \
      "DELETE FROM session WHERE session_row IN (SELECT session_row FROM session WHERE started_ms < :before_ms"        \
      " ORDER BY session_row LIMIT :limit)")                                                                           \
    X(RECORDINGS,                                                                                                      \
      "DELETE FROM recording WHERE session_row IN (SELECT session_row FROM recording WHERE at_ms < :before_ms"         \
      " ORDER BY at_ms LIMIT :limit)")                                                                                 \
    X(TRIGGERS,                                                                                                        \
      "DELETE FROM trigger WHERE trigger_id IN (SELECT trigger_id FROM trigger WHERE created_ms < :before_ms"          \
      " AND state NOT IN ('pending', 'sent') ORDER BY trigger_id LIMIT :limit)")                                       \
    X(IDEMPOTENCY, "DELETE FROM idempotency WHERE at_ms < :before_ms")

enum {
#define X(name, sql) RETENTION_STMT_##name,
    RETENTION_STATEMENTS(X)
#undef X
        RETENTION_STMT_COUNT
};
#endif
