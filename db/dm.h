/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_DM_H
#define DB_DM_H
/* Statements of the DM path that no entity of db/ has yet. */

#define DM_STATEMENTS(X)                                                                                               \
    X(ATTRIBUTES, "SELECT name, value FROM attribute_row WHERE device_id = :device_id ORDER BY name")                  \
    X(ATTRIBUTE_PUT, "INSERT INTO attribute_row (device_id, name, value) VALUES (:device_id, :name, :value)"           \
                     " ON CONFLICT (device_id, name) DO UPDATE SET value = :value")                                    \
    X(AUTHORITIES, "SELECT authority_id, name, server_id, stamp, owner, record FROM authority ORDER BY authority_id")  \
    X(DESCRIPTION, "SELECT name, data FROM description WHERE description_id = :description_id")                        \
    X(DESCRIPTIONS, "SELECT description_id, name, man, mod, mo FROM description WHERE authority_id = :authority_id"    \
                    " ORDER BY (mo <> ''), (man <> '') + (mod <> ''), description_id")                                 \
    X(DEVINFO_FORGET, "DELETE FROM attribute_row WHERE device_id = :device_id AND name LIKE 'devinfo.%'")              \
    X(IMAGES, "SELECT name, version, guest_type, arch, format, sha256, size_bytes, node_name, secret FROM image"       \
              " WHERE authority_id = :authority_id ORDER BY image_id")                                                 \
    X(OPERATION_STEP,                                                                                                  \
      "INSERT INTO operation_step (operation_id, seq, at_ms, state, code, reason) SELECT :operation_id,"               \
      " coalesce(max(seq), 0) + 1, :now_ms, :state, :code, :reason FROM operation_step"                                \
      " WHERE operation_id = :operation_id HAVING coalesce(max(seq), 0) < 500")                                        \
    X(POLICIES, "SELECT p.policy_id, p.revision, p.name, p.created_ms, r.created_ms FROM policy p"                     \
                " JOIN policy_revision r ON r.policy_id = p.policy_id AND r.revision = p.revision"                     \
                " WHERE p.authority_id = :authority_id AND p.deleted_ms IS NULL ORDER BY p.policy_id")                 \
    X(POLICY_DOCUMENT, "SELECT document FROM policy_revision WHERE policy_id = :policy_id AND revision = :revision")   \
    X(SAMPLE_PUT, "INSERT INTO sample (device_id, vm, at_ms, data) VALUES (:device_id, :vm, :at_ms, :data)"            \
                  " ON CONFLICT (device_id, vm, at_ms) DO UPDATE SET data = :data")                                    \
    X(TRIGGER_AGAIN,                                                                                                   \
      "UPDATE trigger SET next_ms = :now_ms WHERE device_id = :device_id AND state = 'sent' AND next_ms > :now_ms"     \
      " AND sent_ms <= :nonce_ms")                                                                                     \
    X(TRIGGER_ANSWERED, "UPDATE trigger SET state = 'answered', answered_ms = :now_ms, next_ms = NULL, error = ''"     \
                        " WHERE trigger_id = :trigger_id")                                                             \
    X(TRIGGER_NEEDLESS,                                                                                                \
      "UPDATE trigger SET state = 'cancelled', next_ms = NULL, error = 'the device called by itself'"                  \
      " WHERE device_id = :device_id AND state IN ('pending', 'sent')")                                                \
    X(TRIGGER_OPEN,                                                                                                    \
      "SELECT trigger_id, sent_ms FROM trigger WHERE device_id = :device_id"                                           \
      " AND session_no IN (:session_no, :swapped) AND state IN ('pending', 'sent') ORDER BY trigger_id DESC LIMIT 1")

enum {
#define X(name, sql) DM_##name##_STMT,
    DM_STATEMENTS(X)
#undef X
        DM_STMT_COUNT
};
#define DM_STMT(name) DM_##name##_STMT
extern const char *const dm_sql[DM_STMT_COUNT];
#endif
