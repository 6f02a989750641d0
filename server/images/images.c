/* SPDX-License-Identifier: Apache-2.0 */
#include "server/images/images.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "base/world.h"
#include "db/image.h"
#include "db/instance.h"
#include "server/core/health.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 512, KEY_BYTES = 16, SHA256_HEX = 64, BUSY_FILES = 64 };

struct images {
    const struct server *srv;
    const char *dir;
    uint64_t max_bytes;
    /* Files in place that have no row yet, or that are being removed. */
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct {
        char sha256[SHA256_HEX + 1];
        unsigned uploads; /* 0 with a name: the file is being removed */
    } busy[BUSY_FILES];
};

struct image_upload {
    struct images *im;
    char file[NAME_BYTES];
    int fd;
    uint64_t size;
    bool no_room; /* the disk is full */
    struct crypto_sha256_ctx *hash;
};

static bool is_hash(struct str s)
{
    uint8_t raw[SHA256_BYTES];
    return s.n == SHA256_HEX && text_hex_decode(s, raw, sizeof raw);
}

/* Remove unfinished uploads of an earlier run. */
static void sweep(const char *folder)
{
    char file[NAME_BYTES + 256];
    DIR *d = opendir(folder);
    for (struct dirent *f; d && (f = readdir(d)) != NULL;)
        if (f->d_name[0] != '.') {
            snprintf(file, sizeof file, "%s/%s", folder, f->d_name);
            unlink(file);
        }
    if (d) closedir(d);
}

static enum rc is_known(struct sql *db, struct str sha256, bool *known, struct err *e)
{
    int64_t n = 0;
    enum rc rc = db_image_count_file(db, sha256, &n, e);
    *known = n > 0;
    return rc;
}

/* Move files back from "aside" that the current database names. */
static enum rc adopt(const char *dir, struct sql *db, struct err *e)
{
    char aside[NAME_BYTES], from[NAME_BYTES + 256], to[NAME_BYTES + 256];
    int64_t n = 0;
    enum rc rc = RC_OK;
    snprintf(aside, sizeof aside, "%s/aside", dir);
    DIR *d = opendir(aside);
    for (struct dirent *f; d && !rc && (f = readdir(d)) != NULL;) {
        bool known = false;
        if (is_hash(str_of(f->d_name))) rc = is_known(db, str_of(f->d_name), &known, e);
        snprintf(from, sizeof from, "%s/%s", aside, f->d_name);
        snprintf(to, sizeof to, "%s/%s", dir, f->d_name);
        if (!rc && known && rename(from, to) == 0) n++;
    }
    if (d) closedir(d);
    if (n)
        log_event(LOG_WARN, "images.adopted", LOG_N("files", n), LOG_Z("what", "the database names these files again"));
    return rc;
}

static int64_t changed_ms(const char *file)
{
    struct stat st;
    return stat(file, &st) == 0 ? (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 : INT64_MAX;
}

/* The age of a file begins when it is put aside, at no earlier time than the newest row, whatever the clock says. */
static bool put_aside(const char *file, const char *aside, int64_t newest_ms)
{
    const int64_t now_ms = world_real().now_ms, own_ms = changed_ms(file);
    int64_t at_ms = now_ms > newest_ms ? now_ms : newest_ms;
    if (own_ms > at_ms) at_ms = own_ms;
    const struct timespec at[2] = { { .tv_nsec = UTIME_OMIT },
                                    { .tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000 } };
    return rename(file, aside) == 0 && utimensat(AT_FDCWD, aside, at, 0) == 0;
}

/* Complete files that no row names: the server died between writing the file and its row, or between deleting a row and
 * its file; or an older database replaced the one that names them. Files of the latter kind are newer than every row. */
static enum rc sweep_orphans(const char *dir, int64_t newest_ms, struct sql *db, struct err *e)
{
    char file[NAME_BYTES + 256], aside[NAME_BYTES + 256];
    int64_t n_gone = 0, n_aside = 0;
    enum rc rc = RC_OK;
    DIR *d = opendir(dir);
    for (struct dirent *f; d && !rc && (f = readdir(d)) != NULL;) {
        bool known = true;
        if (is_hash(str_of(f->d_name))) rc = is_known(db, str_of(f->d_name), &known, e);
        if (rc || known) continue;
        snprintf(file, sizeof file, "%s/%s", dir, f->d_name);
        if (changed_ms(file) <= newest_ms) {
            n_gone += unlink(file) == 0;
            continue;
        }
        snprintf(aside, sizeof aside, "%s/aside", dir);
        if (mkdir(aside, 0700) != 0 && errno != EEXIST) continue; /* the file stays in place */
        snprintf(aside, sizeof aside, "%s/aside/%s", dir, f->d_name);
        n_aside += put_aside(file, aside, newest_ms);
    }
    if (d) closedir(d);
    if (n_gone + n_aside)
        log_event(LOG_WARN, "images.swept", LOG_N("files", n_gone + n_aside), LOG_N("aside", n_aside),
                  LOG_Z("why", "no image in the database uses these files"),
                  LOG_Z("what",
                        "files newer than every row of the database, as after an older backup was restored, were "
                        "moved to the folder aside, return with a database that names them, and are kept there "
                        "for keep.imagesAside"));
    return rc;
}

enum rc images_sweep_aside(const char *dir, struct sql *db, int64_t before_ms, int64_t *removed, uint64_t *left_bytes,
                           struct err *e)
{
    enum rc rc = RC_OK;
    char aside[NAME_BYTES], file[NAME_BYTES + 256];
    struct stat st;
    *removed = 0;
    *left_bytes = 0;
    snprintf(aside, sizeof aside, "%s/aside", dir);
    DIR *d = opendir(aside);
    for (struct dirent *f; d && !rc && (f = readdir(d)) != NULL;) {
        bool known = false;
        if (!is_hash(str_of(f->d_name))) continue;
        snprintf(file, sizeof file, "%s/%s", aside, f->d_name);
        rc = is_known(db, str_of(f->d_name), &known, e);
        if (!rc && !known && changed_ms(file) < before_ms && unlink(file) == 0)
            ++*removed;
        else if (stat(file, &st) == 0)
            *left_bytes += (uint64_t)st.st_size;
    }
    if (d) closedir(d);
    return rc;
}

/* Runs before the first upload and with the database claimed: no other writer is active. */
static enum rc sweep_store(const struct server_config *c, const char *incoming, struct err *e)
{
    const struct sql_options o = { .read_only = true, .busy_ms = 10000 };
    struct sql *db = NULL;
    int64_t newest_ms = 0;
    sweep(incoming);
    enum rc rc = sql_open(c->database, &o, &db, e);
    if (!rc) rc = db_instance_newest_ms(db, true, &newest_ms, e);
    if (!rc) rc = adopt(c->images_dir, db, e);
    if (!rc) rc = sweep_orphans(c->images_dir, newest_ms, db, e);
    sql_close(db);
    return rc;
}

enum rc images_open(const struct server *srv, struct images **out, struct err *e)
{
    char incoming[NAME_BYTES];
    const char *dir = srv->config->images_dir;
    if (snprintf(incoming, sizeof incoming, "%s/incoming", dir) > NAME_BYTES - 100)
        return err_set(e, RC_LIMIT, "images.directory is too long a path: %s", dir);
    if ((mkdir(dir, 0700) != 0 && errno != EEXIST) || (mkdir(incoming, 0700) != 0 && errno != EEXIST))
        return err_set(e, RC_IO, "cannot make the image folder %s: %s", dir, strerror(errno));
    struct images *im = calloc(1, sizeof *im);
    if (!im) return err_set(e, RC_NOMEM, "no memory for the image store");
    enum rc rc = sweep_store(srv->config, incoming, e);
    if (rc) {
        free(im);
        return rc;
    }
    *im = (struct images){ .srv = srv, .dir = dir, .max_bytes = srv->config->images_max_bytes };
    pthread_mutex_init(&im->lock, NULL);
    pthread_cond_init(&im->freed, NULL);
    *out = im;
    return RC_OK;
}

void images_close(struct images *im)
{
    if (!im) return;
    pthread_cond_destroy(&im->freed);
    pthread_mutex_destroy(&im->lock);
    free(im);
}

/* ---- files about to be named by a row, or to be removed ---- */

/* The entry of the file, or a free one; BUSY_FILES = neither. */
static size_t place_of(const struct images *im, struct str sha256)
{
    size_t free_one = BUSY_FILES;
    for (size_t i = 0; i < BUSY_FILES; i++) {
        if (str_is(sha256, im->busy[i].sha256)) return i;
        if (!im->busy[i].sha256[0] && free_one == BUSY_FILES) free_one = i;
    }
    return free_one;
}

static void hold(struct images *im, struct str sha256)
{
    size_t i;
    pthread_mutex_lock(&im->lock);
    while ((i = place_of(im, sha256)) == BUSY_FILES || (im->busy[i].sha256[0] && !im->busy[i].uploads))
        pthread_cond_wait(&im->freed, &im->lock);
    snprintf(im->busy[i].sha256, sizeof im->busy[i].sha256, "%.*s", STR_ARG(sha256));
    im->busy[i].uploads++;
    pthread_mutex_unlock(&im->lock);
}

void images_release(struct images *im, struct str sha256)
{
    pthread_mutex_lock(&im->lock);
    size_t i = place_of(im, sha256);
    if (i < BUSY_FILES && im->busy[i].uploads && --im->busy[i].uploads == 0) im->busy[i].sha256[0] = '\0';
    pthread_cond_broadcast(&im->freed);
    pthread_mutex_unlock(&im->lock);
}

bool images_remove_begin(struct images *im, struct str sha256)
{
    if (!is_hash(sha256)) return false;
    pthread_mutex_lock(&im->lock);
    size_t i = place_of(im, sha256);
    const bool mine = i < BUSY_FILES && !im->busy[i].sha256[0];
    if (mine) snprintf(im->busy[i].sha256, sizeof im->busy[i].sha256, "%.*s", STR_ARG(sha256));
    pthread_mutex_unlock(&im->lock);
    return mine;
}

void images_remove_end(struct images *im, struct str sha256, bool unused)
{
    char file[512];
    if (unused && images_file(im, sha256, file, NULL)) unlink(file);
    pthread_mutex_lock(&im->lock);
    size_t i = place_of(im, sha256);
    if (i < BUSY_FILES) im->busy[i].sha256[0] = '\0';
    pthread_cond_broadcast(&im->freed);
    pthread_mutex_unlock(&im->lock);
}

enum rc images_upload_begin(struct images *im, struct image_upload **out, struct err *e)
{
    struct image_upload *up = calloc(1, sizeof *up);
    struct crypto_sha256_ctx *hash = up ? crypto_sha256_create() : NULL;
    if (!hash) {
        free(up);
        return err_set(e, RC_NOMEM, "no memory for an upload");
    }
    up->im = im;
    up->hash = hash;
    snprintf(up->file, sizeof up->file, "%s/incoming/XXXXXX", im->dir);
    up->fd = mkstemp(up->file);
    if (up->fd < 0) {
        err_set(e, RC_IO, "cannot write to %s/incoming: %s", im->dir, strerror(errno));
        crypto_sha256_destroy(hash);
        free(up);
        return RC_IO;
    }
    *out = up;
    return RC_OK;
}

enum rc images_upload_write(struct image_upload *up, struct str bytes, struct err *e)
{
    if (bytes.n > up->im->max_bytes - up->size)
        return err_set(e, RC_LIMIT, "the image is larger than images.maxSize (%llu bytes)",
                       (unsigned long long)up->im->max_bytes);
    crypto_sha256_update(up->hash, bytes);
    up->size += bytes.n;
    while (bytes.n) {
        ssize_t n = write(up->fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            up->no_room = errno == ENOSPC || errno == EDQUOT;
            return err_set(e, RC_IO, "cannot store the image: %s", strerror(errno));
        }
        bytes = str_slice(bytes, (size_t)n, bytes.n);
    }
    return RC_OK;
}

/* A rename is durable only after its folder is synced. */
static void sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static enum rc put_in_place(struct image_upload *up, const char *sha256, struct err *e)
{
    char final[NAME_BYTES + 80];
    const int64_t now_ms = health_world(up->im->srv->health).now_ms;
    const struct timespec times[] = { { .tv_nsec = UTIME_OMIT },
                                      { .tv_sec = now_ms / 1000, .tv_nsec = now_ms % 1000 * 1000000 } };
    snprintf(final, sizeof final, "%s/%s", up->im->dir, sha256);
    (void)futimens(up->fd, times); /* the same clock as the rows' times: sweep_orphans compares them */
    if (fsync(up->fd) != 0 || fchmod(up->fd, 0600) != 0 || rename(up->file, final) != 0)
        return err_set(e, errno == ENOSPC || errno == EDQUOT ? RC_LIMIT : RC_IO, "cannot store the image as %s: %s",
                       final, strerror(errno));
    sync_folder(up->im->dir);
    return RC_OK;
}

enum rc images_upload_finish(struct image_upload *up, struct str wanted, char sha256[65], uint64_t *size, struct err *e)
{
    char hex[SHA256_HEX_BYTES];
    enum rc rc = RC_OK;
    crypto_sha256_final(up->hash, hex);
    if (up->size == 0)
        rc = err_set(e, RC_INVALID, "the image is empty");
    else if (wanted.n && !str_eq_fold(wanted, str_of(hex)))
        rc = err_set(e, RC_INVALID, "the SHA-256 of the received file is %s, not %.*s: the file was damaged in transit",
                     hex, STR_ARG(wanted));
    else {
        hold(up->im, str_of(hex));
        rc = put_in_place(up, hex, e);
        if (rc) images_release(up->im, str_of(hex));
    }
    if (!rc) {
        memcpy(sha256, hex, SHA256_HEX_BYTES);
        *size = up->size;
    }
    images_upload_drop(up);
    return rc;
}

bool images_upload_no_room(const struct image_upload *up)
{
    return up && up->no_room;
}

void images_upload_drop(struct image_upload *up)
{
    if (!up) return;
    close(up->fd);
    unlink(up->file); /* already renamed if it was put in place */
    crypto_sha256_destroy(up->hash);
    free(up);
}

bool images_file(const struct images *im, struct str sha256, char out[512], uint64_t *size)
{
    struct stat st;
    if (!is_hash(sha256)) return false;
    snprintf(out, 512, "%s/%.*s", im->dir, STR_ARG(sha256));
    if (stat(out, &st) != 0 || !S_ISREG(st.st_mode)) return false;
    if (size) *size = (uint64_t)st.st_size;
    return true;
}

/* SHA-256 over key, purpose and hash, all of fixed length, truncated to 128 bits. */
static void address_key(const struct server *srv, struct str sha256, char hex[2 * KEY_BYTES + 1])
{
    static const char purpose[] = "image download";
    char text[sizeof srv->secret_key + sizeof purpose + SHA256_HEX];
    uint8_t digest[SHA256_BYTES];
    memcpy(text, srv->secret_key, sizeof srv->secret_key);
    memcpy(text + sizeof srv->secret_key, purpose, sizeof purpose);
    memcpy(text + sizeof srv->secret_key + sizeof purpose, sha256.p, SHA256_HEX);
    crypto_sha256((struct str){ text, sizeof text }, digest);
    text_hex(digest, KEY_BYTES, hex);
}

struct str images_url(const struct server *srv, struct str sha256, struct arena *a)
{
    char key[2 * KEY_BYTES + 1];
    if (!is_hash(sha256)) return (struct str){ 0 };
    address_key(srv, sha256, key);
    return arena_printf(a, "%s/images/%s/%.*s", srv->config->images_url, key, STR_ARG(sha256));
}

/* GET /images/<key>/<sha256> */
static void serve(void *ctx, struct http_request *r, struct http_reply *reply)
{
    const struct images *im = ctx;
    char key[2 * KEY_BYTES + 1], *file = arena_bytes(r->arena, 512);
    struct str rest = r->path, part, given, sha256 = { 0 };
    uint64_t size;

    if (!str_is(r->method, "GET") && !str_is(r->method, "HEAD")) {
        http_problem(reply, 405, "Method not allowed", NULL, "use GET to download an image");
        http_reply_header(reply, "Allow", STR("GET, HEAD"));
        return;
    }
    bool shaped = str_cut(&rest, '/', &part) && part.n == 0 && str_cut(&rest, '/', &part) && str_is(part, "images") &&
                  str_cut(&rest, '/', &given) && str_cut(&rest, '/', &sha256) && rest.n == 0 && is_hash(sha256);
    if (shaped) address_key(im->srv, sha256, key);
    if (!shaped || !text_same_secret(given, str_of(key)) || !file || !images_file(im, sha256, file, &size)) {
        http_problem(reply, 404, "No such image", NULL, "there is no image at this address");
        return;
    }
    reply->status = 200;
    reply->file = file;
    reply->file_etag = sha256;
    reply->file_size = (int64_t)size;
    http_reply_header(reply, "Content-Type", STR("application/octet-stream"));
    http_reply_header(reply, "Cache-Control", STR("private, max-age=31536000, immutable"));
}

enum rc images_listen(struct images *im, struct http_listener **out, struct err *e)
{
    const struct server_config *c = im->srv->config;
    struct http_config h = { .address = c->images_address,
                             .port = c->images_port,
                             .cert_file = c->images_cert,
                             .key_file = c->images_key,
                             .max_connections = c->images_max_connections,
                             .max_per_address = c->images_max_per_address,
                             .shared_networks = c->shared_networks.items,
                             .n_shared_networks = c->shared_networks.n,
                             .max_body_bytes = 0,
                             .idle_timeout_s = 60,
                             .head_timeout_ms = c->images_head_timeout_s * 1000,
                             .body_timeout_ms = c->images_head_timeout_s * 1000 };
    return http_start(&h, serve, NULL, im, out, e);
}
