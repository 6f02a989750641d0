/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_DM_H
#define DB_DM_H
/* Statements of the DM path (server/store/store.c and what stands around it): each once, prepared when its connection
 * opens. All name one device, but for the catalogue of policies and images, which is read again only when something
 * changed. */

#define DM_STATEMENTS(X)                                                                                                  \
    X(AUTHORITIES, "SELECT authority_id, name, server_id, stamp, owner, record FROM authority ORDER BY authority_id")     \
    /* A device with its account: all that one message needs when nothing has changed, and the rest. */                   \
    X(CONTACT_KEEP, "UPDATE contact SET seen_ms = :now_ms, quiet = quiet + :quiet, client_nonce = :client_nonce,"         \
                    " server_nonce = :server_nonce, resync_until_ms = NULL,"                                              \
                    " resynchronised = CASE WHEN :resynchronised = 1 THEN 1 ELSE resynchronised END,"                     \
                    " booked = CASE WHEN :quiet = 1 THEN NULL ELSE booked END,"                                           \
                    " challenges_used = :challenges_used, certificate_until_ms = :certificate_until_ms"                   \
                    " WHERE device_id = :device_id")                                                                      \
    X(CONTACT_BOOKED, "UPDATE contact SET booked = :booked, booked_ms = :now_ms, alerts_left = :left,"                    \
                      " alerts_ms = :now_ms WHERE device_id = :device_id")                                                \
    X(DEVICE_CALLER, "UPDATE device SET user_agent = :user_agent, remote = :remote WHERE device_id = :device_id")         \
    X(DEVICE_DEVINFO, "UPDATE device SET devinfo_hash = :hash WHERE device_id = :device_id")                              \
    X(DEVICE_STATE,                                                                                                       \
      "UPDATE device SET layout_mo = :layout_mo, mirror_read = :mirror_read, lists = :lists,"                             \
      " large_objects = :large_objects, have_stamp = :have_stamp, planned_stamp = :planned_stamp,"                        \
      " settled_token = :settled_token,"                                                                                  \
      " next_kpi_ms = :next_kpi_ms, summary = :summary, summary_why = :summary_why, summary_ms = :summary_ms,"            \
      " careful = :careful WHERE device_id = :device_id")                                                                 \
    X(DEVICE_CAREFUL, "UPDATE device SET careful = 1 WHERE device_id = :device_id")                                       \
    X(ATTRIBUTES, "SELECT name, value FROM attribute_row WHERE device_id = :device_id ORDER BY name")                     \
    X(DEVINFO_FORGET, "DELETE FROM attribute_row WHERE device_id = :device_id AND name LIKE 'devinfo.%'")                 \
    X(SESSIONS_TRIM, "DELETE FROM session WHERE device_id = :device_id AND session_row <= (SELECT session_row"            \
                     " FROM session WHERE device_id = :device_id ORDER BY session_row DESC LIMIT 1 OFFSET :keep)")        \
    X(TRIGGERS_TRIM, "DELETE FROM trigger WHERE device_id = :device_id AND state NOT IN ('pending', 'sent')"              \
                     " AND trigger_id <= (SELECT trigger_id FROM trigger WHERE device_id = :device_id"                    \
                     " ORDER BY trigger_id DESC LIMIT 1 OFFSET :keep)")                                                   \
    X(OPERATIONS_TRIM,                                                                                                    \
      "DELETE FROM operation WHERE device_id = :device_id AND by_policy = 1"                                              \
      " AND (state = 'verified' OR state = 'failed' OR state = 'cancelled' OR state = 'superseded'"                       \
      " OR state = 'expired' OR state = 'unknown') AND operation_id <= (SELECT operation_id"                              \
      " FROM operation WHERE device_id = :device_id ORDER BY operation_id DESC LIMIT 1 OFFSET :keep)")                    \
    X(FAILURES_TRIM, "DELETE FROM failure WHERE device_id = :device_id AND key IN (SELECT key FROM failure"               \
                     " WHERE device_id = :device_id ORDER BY at_ms DESC LIMIT 1000000 OFFSET :keep)")                     \
    X(SAMPLES_TRIM, "DELETE FROM sample WHERE device_id = :device_id AND at_ms <= (SELECT at_ms FROM sample"              \
                    " WHERE device_id = :device_id ORDER BY at_ms DESC LIMIT 1 OFFSET :keep)")                            \
    X(EVENTS_TRIM, "DELETE FROM event WHERE authority_id = :authority_id AND device = :device AND device <> ''"           \
                   " AND event_id <= (SELECT event_id FROM event WHERE authority_id = :authority_id"                      \
                   " AND device = :device AND device <> '' ORDER BY event_id DESC LIMIT 1 OFFSET :keep)")                 \
    X(RECORDINGS_OF_DEVICE, "SELECT coalesce(sum(r.bytes), 0) FROM session s JOIN recording r"                            \
                            " ON r.session_row = s.session_row WHERE s.device_id = :device_id")                           \
    X(RECORDINGS_DEVICE_TRIM, "DELETE FROM recording WHERE session_row IN (SELECT r.session_row FROM session s"           \
                              " JOIN recording r ON r.session_row = s.session_row WHERE s.device_id = :device_id"         \
                              " ORDER BY r.session_row LIMIT 4)")                                                         \
    X(ATTRIBUTE_PUT, "INSERT INTO attribute_row (device_id, name, value) VALUES (:device_id, :name, :value)"              \
                     " ON CONFLICT (device_id, name) DO UPDATE SET value = :value")                                       \
    X(VM_PUT,                                                                                                             \
      "INSERT INTO vm (device_id, vm, title, state, lock_state, reason, verified, state_ms, image, summary, summary_why," \
      " crashes, crash_time, crash_why)"                                                                                  \
      " VALUES (:device_id, :vm, :title, :state, :lock_state, :reason, :verified, :state_ms, :image, :summary,"           \
      " :summary_why, :crashes, :crash_time, :crash_why)"                                                                 \
      " ON CONFLICT (device_id, vm) DO UPDATE SET title = :title, state = :state,"                                        \
      " lock_state = :lock_state, reason = :reason, verified = :verified, state_ms = :state_ms, image = :image,"          \
      " summary = :summary, summary_why = :summary_why, crashes = :crashes, crash_time = :crash_time,"                    \
      " crash_why = :crash_why," /* a VM that was made anew counts from 0 */                                              \
      " crashes_seen = CASE WHEN vm.crashes_seen > :crashes THEN :crashes ELSE vm.crashes_seen END")                      \
    X(VM_BESIDE,                                                                                                          \
      "SELECT v.crashes_seen, o.operation_id, o.kind, o.percent, o.state FROM vm v LEFT JOIN operation o"                 \
      " ON o.operation_id = (SELECT min(operation_id) FROM operation WHERE device_id = :device_id AND owner = :vm"        \
      " AND scope = 1 AND state IN ('queued', 'notified', 'sent', 'accepted', 'acknowledged'))"                           \
      " WHERE v.device_id = :device_id AND v.vm = :vm")                                                                   \
    X(VM_DROP, "DELETE FROM vm WHERE device_id = :device_id AND vm = :vm")                                                \
    X(SAMPLE_PUT, "INSERT INTO sample (device_id, vm, at_ms, data) VALUES (:device_id, :vm, :at_ms, :data)"               \
                  " ON CONFLICT (device_id, vm, at_ms) DO UPDATE SET data = :data")                                       \
    X(POLICIES, "SELECT p.policy_id, p.revision, p.name, p.created_ms, r.created_ms FROM policy p"                        \
                " JOIN policy_revision r ON r.policy_id = p.policy_id AND r.revision = p.revision"                        \
                " WHERE p.authority_id = :authority_id AND p.deleted_ms IS NULL ORDER BY p.policy_id")                    \
    X(POLICY_DOCUMENT, "SELECT document FROM policy_revision WHERE policy_id = :policy_id AND revision = :revision")      \
    X(DESCRIPTIONS, "SELECT description_id, name, man, mod, mo FROM description WHERE authority_id = :authority_id"       \
                    " ORDER BY (mo <> ''), (man <> '') + (mod <> ''), description_id")                                    \
    X(DESCRIPTION, "SELECT name, data FROM description WHERE description_id = :description_id")                           \
    X(IMAGES, "SELECT name, version, guest_type, arch, format, sha256, size_bytes, node_name, secret FROM image"          \
              " WHERE authority_id = :authority_id ORDER BY image_id")                                                    \
    X(ASSIGNMENT_PUT,                                                                                                     \
      "INSERT INTO assignment (device_id, policy_id, revision, truth, state, why, at_ms)"                                 \
      " VALUES (:device_id, :policy_id, :revision, :truth, :state, :why, :now_ms)"                                        \
      " ON CONFLICT (device_id, policy_id) DO UPDATE SET revision = :revision, truth = :truth, state = :state,"           \
      " why = :why, at_ms = :now_ms")                                                                                     \
    X(ASSIGNMENT_DROP, "DELETE FROM assignment WHERE device_id = :device_id AND policy_id = :policy_id")                  \
    X(OPERATION_ADD,                                                                                                      \
      "INSERT INTO operation (device_id, kind, by_policy, scope, owner, args, correlator, state, reason, tries,"          \
      " created_by, created_ms, updated_ms) VALUES (:device_id, :kind, 1, :scope, :owner, :args, :correlator,"            \
      " 'sent', :reason, 1, :created_by, :now_ms, :now_ms)")                                                              \
    X(OPERATION_MOVE,                                                                                                     \
      "UPDATE operation SET state = :state, code = :code, reason = :reason, percent = :percent, tries = :tries,"          \
      " updated_ms = :now_ms WHERE operation_id = :operation_id AND (state = 'queued' OR state = 'notified'"              \
      " OR state = 'sent' OR state = 'accepted' OR state = 'acknowledged')")                                              \
    /* what was booked without knowing, and is told by the device after all */                                            \
    X(OPERATION_CORRECT,                                                                                                  \
      "UPDATE operation SET state = :state, code = :code, reason = :reason, percent = :percent, updated_ms = :now_ms"     \
      " WHERE operation_id = :operation_id")                                                                              \
    /* the device's own words beside what failed */                                                                       \
    X(OPERATION_EXPLAIN,                                                                                                  \
      "UPDATE operation SET reason = reason || ': ' || :text WHERE device_id = :device_id AND correlator = :correlator"   \
      " AND state = 'failed' AND length(replace(reason, :text, '')) = length(reason)"                                     \
      " RETURNING operation_id, code, kind, reason")                                                                      \
    X(OPERATION_STEP_EXPLAIN,                                                                                             \
      "UPDATE operation_step SET reason = :reason WHERE operation_id = :operation_id AND seq ="                           \
      " (SELECT max(s.seq) FROM operation_step s WHERE s.operation_id = :operation_id)")                                  \
    X(OPERATION_RESULT,                                                                                                   \
      "UPDATE operation SET tree_result = :result, result_sealed = :sealed WHERE operation_id = :operation_id")           \
    X(OPERATION_PERCENT,                                                                                                  \
      "UPDATE operation SET code = :code, reason = :reason, percent = :percent, updated_ms = :now_ms"                     \
      " WHERE operation_id = :operation_id")                                                                              \
    X(OPERATION_ITEM_ADD, "INSERT INTO operation_item (operation_id, seq, command, uri, format, type, data)"              \
                          " VALUES (:operation_id, :seq, :command, :uri, 'chr', 'text/plain', :data)")                    \
    X(OPERATION_ITEMS_SENT,                                                                                               \
      "UPDATE operation_item SET code = 0, result = NULL, seen_code = 0, seen = NULL, seen_ms = 0, changed_by = NULL"     \
      " WHERE operation_id = :operation_id")                                                                              \
    X(OPERATION_ITEM_CODE, "UPDATE operation_item SET code = :code WHERE operation_id = :operation_id AND seq = :seq")    \
    X(OPERATION_ITEM_CHANGED,                                                                                             \
      "UPDATE operation_item SET changed_by = :by WHERE operation_id = :operation_id AND seq = :seq")                     \
    X(OPERATION_ITEM_RESULT,                                                                                              \
      "UPDATE operation_item SET result = :result WHERE operation_id = :operation_id AND seq = :seq")                     \
    X(OPERATION_ITEM_SEEN, "UPDATE operation_item SET seen_code = :code, seen = :seen, seen_ms = :now_ms"                 \
                           " WHERE operation_id = :operation_id AND seq = :seq")                                          \
    X(OPERATION_STEP,                                                                                                     \
      "INSERT INTO operation_step (operation_id, seq, at_ms, state, code, reason) SELECT :operation_id,"                  \
      " coalesce(max(seq), 0) + 1, :now_ms, :state, :code, :reason FROM operation_step"                                   \
      " WHERE operation_id = :operation_id HAVING coalesce(max(seq), 0) < 500")                                           \
    X(FAILURE_PUT, "INSERT INTO failure (device_id, key, code, tries, retry_ms, why, at_ms)"                              \
                   " VALUES (:device_id, :key, :code, :tries, :retry_ms, :why, :now_ms) ON CONFLICT (device_id, key)"     \
                   " DO UPDATE SET code = :code, tries = :tries, retry_ms = :retry_ms, why = :why, at_ms = :now_ms")      \
    X(FAILURE_DROP, "DELETE FROM failure WHERE device_id = :device_id AND key = :key")                                    \
    X(WISHES_DROP, "DELETE FROM wish WHERE device_id = :device_id")                                                       \
    X(WISH_ADD, "INSERT INTO wish (device_id, uri, hash, since_ms) VALUES (:device_id, :uri, :hash, :since_ms)")          \
    X(SET_PUT, "INSERT INTO policy_set (device_id, path_id, value) VALUES (:device_id, :path_id, :value)"                 \
               " ON CONFLICT (device_id, path_id) DO UPDATE SET value = :value,"                                          \
               " earlier = CASE WHEN policy_set.value <> :value THEN policy_set.value ELSE policy_set.earlier END")       \
    X(SET_DROP, "DELETE FROM policy_set WHERE device_id = :device_id AND path_id = :path_id")                             \
    X(CHARGE_PUT, "INSERT INTO policy_vm (device_id, policy_id, vm, goal, left_ms)"                                       \
                  " VALUES (:device_id, :policy_id, :vm, :goal, :left_ms)"                                                \
                  " ON CONFLICT (device_id, policy_id, vm) DO UPDATE SET goal = :goal, left_ms = :left_ms")               \
    X(CHARGE_DROP, "DELETE FROM policy_vm WHERE device_id = :device_id AND policy_id = :policy_id AND vm = :vm")          \
    X(TRIGGER_ANSWER,                                                                                                     \
      "UPDATE trigger SET state = 'answered', answered_ms = :now_ms, next_ms = NULL, error = ''"                          \
      " WHERE device_id = :device_id AND session_no IN (:session_no, :swapped) AND state IN ('pending', 'sent')"          \
      " RETURNING trigger_id, created_ms, sent_ms")                                                                       \
    X(TRIGGER_NEEDLESS,                                                                                                   \
      "UPDATE trigger SET state = 'cancelled', next_ms = NULL, error = 'the device called by itself'"                     \
      " WHERE device_id = :device_id AND state IN ('pending', 'sent')")                                                   \
    /* signed with a nonce that the device has given up since */                                                          \
    X(TRIGGER_AGAIN,                                                                                                      \
      "UPDATE trigger SET next_ms = :now_ms WHERE device_id = :device_id AND state = 'sent' AND next_ms > :now_ms"        \
      " AND sent_ms <= :nonce_ms")                                                                                        \
    X(SESSION_ADD, "INSERT INTO session (device_id, session_id, trigger_id, started_ms, messages, outcome, why)"          \
                   " VALUES (:device_id, :session_id, :trigger_id, :started_ms, :messages, 'open', '')")                  \
    X(SESSION_END, "UPDATE session SET ended_ms = :now_ms, messages = :messages, outcome = :outcome, why = :why"          \
                   " WHERE session_row = :session_row")                                                                   \
    X(SESSIONS_LOST, "UPDATE session SET outcome = 'lost', ended_ms = :now_ms, why = 'the server was restarted'"          \
                     " WHERE outcome = 'open'")                                                                           \
    X(RECORDING_PUT, "INSERT INTO recording (session_row, at_ms, why, cut, bytes, data)"                                  \
                     " VALUES (:session_row, :now_ms, :why, :cut, :bytes, :data) ON CONFLICT (session_row)"               \
                     " DO UPDATE SET at_ms = :now_ms, why = :why, cut = :cut, bytes = :bytes, data = :data")              \
    X(RECORDINGS_BYTES, "SELECT coalesce(sum(bytes), 0) FROM recording")                                                  \
    X(RECORDINGS_TRIM,                                                                                                    \
      "DELETE FROM recording WHERE session_row IN (SELECT session_row FROM recording ORDER BY at_ms LIMIT :limit)")       \
    /* the clock was set back */

#define DM_DEVICE                                                                                                                \
    "SELECT d.device_id, d.want_stamp, d.have_stamp, d.settled_token, d.layout_mo, d.devinfo_hash, d.next_kpi_ms,"               \
    " c.client_nonce, c.resynchronised, c.server_nonce, c.resync_until_ms, d.user_agent, d.remote, a.client_name, a.client_ha1," \
    " a.server_name, a.server_ha1, a.auth, d.record, c.booked, c.booked_ms, c.alerts_left, c.alerts_ms,"                         \
    " c.challenges_used, c.certificate_until_ms FROM device d JOIN account a USING (device_id) JOIN contact c USING (device_id)"
#define DM_OPERATION                                                                                                   \
    "SELECT operation_id, by_policy, state, kind, scope, owner, args, correlator, tree_command, tree_uri,"             \
    " tree_format, tree_data, tries, not_before_ms, expires_ms, updated_ms, tree_type, secret, created_ms FROM operation"

enum {
#define X(name, sql) DM_##name##_STMT,
    DM_STATEMENTS(X)
#undef X
        DM_STMT_COUNT
};
#define DM_STMT(name) DM_##name##_STMT
extern const char *const dm_sql[DM_STMT_COUNT];
#endif
