/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_IMAGES_IMAGES_H
#define SERVER_IMAGES_IMAGES_H
/* The image store: files under their SHA-256, written once, never changed; and the listener devices download them
 * from (Range, ETag). Any web server or CDN can serve the same folder in its place. */
#include "server/http/http.h"
#include "server/core/server.h"

struct images;
/** Makes the folder (0700) and its "incoming" and "aside" sub-folders; removes unfinished uploads, and files that no image of
 * the database names. A file that is newer than everything in the database was uploaded after the backup that was restored:
 * it goes to the sub-folder "aside", and comes back when a database that names it does. At a start: nothing is uploaded yet, and the database
 * is there and claimed. */
enum rc images_open(const struct server *srv, struct images **out, struct err *e);
void images_close(struct images *im);

/* An upload in pieces. */
struct image_upload;
enum rc images_upload_begin(struct images *im, struct image_upload **out, struct err *e);
/** @return RC_LIMIT past images.maxSize, RC_IO */
enum rc images_upload_write(struct image_upload *up, struct str bytes, struct err *e);
/** Complete: synced to disk and in place under its hash (a file that is there already stays). Frees `up` in any case.
 *  Nobody removes the file until images_release.
 *  @param wanted  64 hex digits the sender announced, or empty. @return RC_INVALID when the hash differs (e says both) or nothing came; RC_LIMIT: the disk is full */
enum rc images_upload_finish(struct image_upload *up, struct str wanted, char sha256[65], uint64_t *size,
                             struct err *e);
/** Did a write fail for want of room on the disk? Accepts NULL. */
bool images_upload_no_room(const struct image_upload *up);
/** Give up; accepts NULL. */
void images_upload_drop(struct image_upload *up);

/** Where the file lies, into out[512]; false when it is not there. */
bool images_file(const struct images *im, struct str sha256, char out[512], uint64_t *size);
/** Its row is committed, or never will be. */
void images_release(struct images *im, struct str sha256);
/** The file is to be removed, if no row names it: look, then images_remove_end. Uploads of the same contents wait meanwhile.
 * @return false: somebody is uploading it just now, and it stays */
bool images_remove_begin(struct images *im, struct str sha256);
void images_remove_end(struct images *im, struct str sha256, bool unused);
/** Download address for devices; it carries a part that only this server can make, so knowing a hash is not enough. */
struct str images_url(const struct server *srv, struct str sha256, struct arena *a);

/** Start serving on images.address:port. */
enum rc images_listen(struct images *im, struct http_listener **out, struct err *e);
#endif
