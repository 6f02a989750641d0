/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_IMAGE_H
#define DB_IMAGE_H
/* Guest images. The image store keeps their files by SHA-256. */
#include "db/sql/sql.h"

struct db_image {
    int64_t id, authority;
    struct str authority_name, name, version, guest_type, arch, format;
    struct str sha256; /* lower-case hex */
    int64_t size_bytes;
    struct str node_name; /* ImageID and node name on devices */
    struct str secret;    /* part of its download URL */
    int64_t created_ms;
    struct str created_by;
};

/** Images of an authority (0 = all) with ids after `cursor`: rows for db_image_next. */
enum rc db_image_list(struct sql *db, int64_t authority, int64_t cursor, int64_t limit, struct sql_rows **rows,
                      struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_image_next(struct sql_rows *rows, struct db_image *out, struct err *e);
/** @param authority  0 = any. @param a  holds the texts of `out`. @param several  more than one authority has this
 * image
 * @return RC_NOT_FOUND */
enum rc db_image_find(struct sql *db, int64_t authority, struct str name, struct str version, struct arena *a,
                      struct db_image *out, bool *several, struct err *e);
/** The newest image with this node name. @param a  holds the texts of `out`. @return RC_NOT_FOUND */
enum rc db_image_of_node(struct sql *db, int64_t authority, struct str node_name, struct arena *a, struct db_image *out,
                         struct err *e);
/** The number of images that share this file. */
enum rc db_image_count_file(struct sql *db, struct str sha256, int64_t *out, struct err *e);
/** The number of VMs on the authority's devices that use the image. */
enum rc db_image_count_users(struct sql *db, int64_t authority, struct str node_name, int64_t *out, struct err *e);

/** @param v  id and authority_name are ignored. @return RC_EXISTS */
enum rc db_image_add(struct sql *db, const struct db_image *v, struct err *e);
enum rc db_image_delete(struct sql *db, int64_t id, struct err *e);
#endif
