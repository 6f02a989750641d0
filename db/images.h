/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_IMAGES_H
#define DB_IMAGES_H
/* Statements of server/images/images.c, for any connection. */

/* When something last happened here. */
#define IMAGE_NEWEST                                                                                                   \
    "SELECT max(at_ms) FROM (SELECT max(created_ms) AS at_ms FROM image UNION ALL SELECT max(at_ms)"                   \
    " FROM (SELECT at_ms FROM event ORDER BY event_id DESC LIMIT 1) e UNION ALL SELECT max(at_ms)"                     \
    " FROM (SELECT at_ms FROM audit ORDER BY audit_id DESC LIMIT 1) a UNION ALL SELECT max(started_ms)"                \
    " FROM (SELECT started_ms FROM session ORDER BY session_row DESC LIMIT 1) s) n"

#define IMAGE_KNOWN "SELECT 1 FROM image WHERE sha256 = :sha256 LIMIT 1"
#endif
