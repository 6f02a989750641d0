/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_IMAGES_IMAGES_H
#define SERVER_IMAGES_IMAGES_H
/* The image store keeps files by SHA-256, written once and never changed. Its listener serves them to devices (Range,
 * ETag); any web server or CDN can serve the same folder instead. */
#include "server/http/http.h"
#include "server/core/server.h"

struct images;
/** Create the folder (0700) and its sub-folders "incoming" and "aside"; remove unfinished uploads, and files that no
 * image of the database uses. A file newer than every row was uploaded after the backup that was restored: it moves to
 * "aside", and returns with a database that names it. Called at start, with the database claimed and before any upload.
 * */
enum rc images_open(const struct server *srv, struct images **out, struct err *e);
void images_close(struct images *im);
/** Files in "aside" go that were put there before this time and that the database does not name. @param removed  how many.
 * @param left_bytes  of those that stay */
enum rc images_sweep_aside(const char *dir, struct sql *db, int64_t before_ms, int64_t *removed, uint64_t *left_bytes,
                           struct err *e);

/* An upload in pieces. */
struct image_upload;
enum rc images_upload_begin(struct images *im, struct image_upload **out, struct err *e);
/** @return RC_LIMIT past images.maxSize, RC_IO */
enum rc images_upload_write(struct image_upload *up, struct str bytes, struct err *e);
/** Finish an upload: the file is synced to disk and in place under its hash (an existing file stays). Frees `up` in any
 * case. The file is not removed before images_release.
 * @param wanted  64 hex digits that the sender announced, or empty. @return RC_INVALID when the hash differs (e says
 * both) or the upload is empty; RC_LIMIT: the disk is full */
enum rc images_upload_finish(struct image_upload *up, struct str wanted, char sha256[65], uint64_t *size,
                             struct err *e);
/** True when a write failed because the disk is full. Accepts NULL. */
bool images_upload_no_room(const struct image_upload *up);
/** Abort the upload; accepts NULL. */
void images_upload_drop(struct image_upload *up);

/** The path of the file, into out[512]; false when the file does not exist. */
bool images_file(const struct images *im, struct str sha256, char out[512], uint64_t *size);
/** The file's row is committed, or will never be written. */
void images_release(struct images *im, struct str sha256);
/** Begin to remove the file. The caller checks that no row names it, then calls images_remove_end. Uploads of the same
 * contents wait until then. @return false: an upload of the file is in progress, so it stays */
bool images_remove_begin(struct images *im, struct str sha256);
void images_remove_end(struct images *im, struct str sha256, bool unused);
/** Download URL for devices. It contains a key that only this server can compute, so the hash alone gives no access. */
struct str images_url(const struct server *srv, struct str sha256, struct arena *a);

/** Start serving on images.address:port. */
enum rc images_listen(struct images *im, struct http_listener **out, struct err *e);
#endif
