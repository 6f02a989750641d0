/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_TRIGGER_H
#define DB_TRIGGER_H
/* Statements of the notifier (server/notify/notifier.c): each once, prepared when its connection opens. */

#define TRIGGER_STATEMENTS(X)                                                                                             \
    /* Due ones, the longest waiting first. */                                                                            \
    X(DUE,                                                                                                                \
      "SELECT t.trigger_id, t.device_id, t.session_no, t.channel, t.address, t.tries, t.why,"                             \
      " d.name, a.server_name, a.server_ha1, c.server_nonce, d.authority_id"                                              \
      " FROM trigger t JOIN device d USING (device_id) JOIN account a USING (device_id) JOIN contact c USING (device_id)" \
      " WHERE t.next_ms <= :now_ms ORDER BY t.next_ms LIMIT :limit")                                                      \
    X(NEXT, "SELECT min(next_ms) FROM (SELECT min(next_ms) AS next_ms FROM trigger WHERE next_ms IS NOT NULL"             \
            " UNION ALL SELECT min(wake_ms) FROM operation WHERE wake_ms IS NOT NULL)")                                   \
    /* Operations whose time has come: their devices are called once. */                                                  \
    X(WAKE, "SELECT o.operation_id, o.device_id, d.authority_id, o.kind, o.state"                                         \
            " FROM operation o JOIN device d USING (device_id)"                                                           \
            " WHERE o.wake_ms <= :now_ms ORDER BY o.wake_ms LIMIT :limit")                                                \
    X(WOKEN, "UPDATE operation SET wake_ms = NULL, reason = CASE WHEN state = 'queued' THEN :reason ELSE reason END"      \
             " WHERE operation_id = :operation_id")                                                                       \
    X(SENT, "UPDATE trigger SET state = 'sent', tries = tries + 1, sent_ms = :now_ms, next_ms = :next_ms,"                \
            " error = :error WHERE trigger_id = :trigger_id AND state IN ('pending', 'sent')")                            \
    X(FAILED, "UPDATE trigger SET state = 'failed', next_ms = NULL, error = :error"                                       \
              " WHERE trigger_id = :trigger_id AND state IN ('pending', 'sent')")                                         \
    X(RESYNC, "UPDATE contact SET resync_until_ms = :until_ms WHERE device_id = :device_id")                              \
    X(UNREACHABLE, "UPDATE device SET unreachable_ms = :now_ms"                                                           \
                   " WHERE device_id = :device_id")                                                                       \
    X(OPERATIONS, "UPDATE operation SET state = 'notified', updated_ms = :now_ms, reason = :reason"                       \
                  " WHERE device_id = :device_id AND state = 'queued' AND not_before_ms <= :now_ms")                      \
    X(OPERATION_STEPS, "INSERT INTO operation_step (operation_id, seq, at_ms, state, code, reason)"                       \
                       " SELECT o.operation_id, (SELECT coalesce(max(s.seq), 0) + 1 FROM operation_step s"                \
                       "   WHERE s.operation_id = o.operation_id), :now_ms, 'notified', 0, :reason"                       \
                       " FROM operation o WHERE o.device_id = :device_id AND o.state = 'queued'"                          \
                       " AND o.not_before_ms <= :now_ms")

enum {
#define X(name, sql) TRIGGER_STMT_##name,
    TRIGGER_STATEMENTS(X)
#undef X
        TRIGGER_STMT_COUNT
};
#endif
