/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_IMAGES_H
#define DB_IMAGES_H
/* Statements of server/images/images.c, for any connection. */

#define IMAGE_KNOWN "SELECT 1 FROM image WHERE sha256 = :sha256 LIMIT 1"
#endif
