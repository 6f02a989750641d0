/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_REPLAN_H
#define DB_REPLAN_H
/* Statements of server/store/replan.c, for any connection. :man, :mod, :mo as in description: empty = any. */

#define REPLAN_ADD                                                                                                     \
    "INSERT INTO replan (authority_id, man, mod, mo, stamp, why) VALUES (:authority, :man, :mod, :mo, :stamp, :why)"
#define REPLAN_POLICIES "SELECT count(*) FROM policy WHERE authority_id = :authority AND deleted_ms IS NULL"
#define REPLAN_FIRST                                                                                                   \
    "SELECT replan_id, authority_id, man, mod, mo, stamp, why, after, policy_id, revision FROM replan"                 \
    " ORDER BY replan_id LIMIT 1"
#define REPLAN_ADD_POLICY                                                                                              \
    "INSERT INTO replan (authority_id, man, mod, mo, stamp, why, after, policy_id, revision)"                          \
    " VALUES (:authority, '', '', '', :stamp, :why, :last, :policy, :revision)"
/* Is that still what is in force? */
#define REPLAN_POLICY                                                                                                  \
    "SELECT p.deleted_ms, p.revision, r.document FROM policy p JOIN policy_revision r ON r.policy_id = p.policy_id"    \
    " AND r.revision = p.revision WHERE p.policy_id = :policy"
/* The last device of the next slice. */
#define REPLAN_SLICE                                                                                                   \
    "SELECT max(device_id), count(*) FROM (SELECT device_id FROM device WHERE device_id > :after"                      \
    " ORDER BY device_id LIMIT :limit)"
#define REPLAN_STAMP                                                                                                   \
    "UPDATE device SET want_stamp = :stamp WHERE device_id > :after AND device_id <= :last"                            \
    " AND authority_id = :authority AND want_stamp < :stamp AND (:mo = '' OR layout_mo = :mo)"                         \
    " AND (:man = '' OR EXISTS (SELECT 1 FROM attribute_row a WHERE a.device_id = device.device_id"                    \
    "   AND a.name = 'devinfo.man' AND a.value = :man))"                                                               \
    " AND (:mod = '' OR EXISTS (SELECT 1 FROM attribute_row a WHERE a.device_id = device.device_id"                    \
    "   AND a.name = 'devinfo.mod' AND a.value = :mod))"
#define REPLAN_AFTER "UPDATE replan SET after = :last WHERE replan_id = :id"
#define REPLAN_DONE  "DELETE FROM replan WHERE replan_id = :id"
#endif
