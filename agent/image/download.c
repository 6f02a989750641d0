/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/image/download_int.h"
#include "base/crypto.h"
#include "base/fetch.h"
#include "base/text.h"
#include "base/thread.h"
#include "base/world.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Result codes of virtualization-mo.md c.6 that end a transfer. */
enum { DONE = 1200, FAILED = 1415, REFUSED = 1416, NO_ROOM = 1417, WRONG = 1418, CANCELLED = 1445, SERVER_DOWN = 1501 };
enum {
    QUEUE_MAX = 64,
    EVENTS_MAX = 256,
    TRIES = 6,
    FIRST_WAIT_MS = 500,
    STALL_S = 30,
    CHUNK = 64 << 10,
    KNOWN_MAX = 64,
    WORKERS_MAX = QUEUE_MAX
};

struct download_item {
    char id[64], url[1024], auth[256], sha256[65], ca_file[512];
    int64_t size_bytes; /* rounded up to a KiB, which is the precision of the object's SizeKB */
    volatile int cancel;
    struct download_item *next;
};

/* A file whose hash was verified, with the attributes that change when the file does. */
struct known_image {
    char sha256[65];
    off_t size;
    struct timespec changed;
};

struct files { /* downloads to files */
    struct download base;
    char dir[384];
    int fd;                                /* eventfd: events are waiting */
    struct threads threads;                /* the workers */
    struct download_item *queue, *running; /* lists */
    size_t n_idle;
    struct download_event event[EVENTS_MAX];
    size_t first, n_events;
    struct known_image known[KNOWN_MAX];
    size_t next_known;
};

static bool is_sha256(const char *text)
{
    uint8_t raw[SHA256_BYTES];
    return text && text_hex_decode(str_of(text), raw, sizeof raw);
}

/* --- events ---------------------------------------------------------------------------------------------------- */

/* A newer progress event replaces an older one of the same transfer; an end is never dropped. */
static void tell(struct files *f, const struct download_event *ev)
{
    threads_lock(&f->threads);
    struct download_event *slot = NULL;
    for (size_t i = 0; i < f->n_events && ev->kind == DOWNLOAD_PROGRESS; i++) {
        struct download_event *old = &f->event[(f->first + i) % EVENTS_MAX];
        if (old->kind == DOWNLOAD_PROGRESS && strcmp(old->id, ev->id) == 0) slot = old;
    }
    if (!slot && f->n_events < (ev->kind == DOWNLOAD_PROGRESS ? EVENTS_MAX - QUEUE_MAX - 1 : EVENTS_MAX))
        slot = &f->event[(f->first + f->n_events++) % EVENTS_MAX];
    if (slot) *slot = *ev;
    threads_unlock(&f->threads);
    wake_raise(f->fd);
}

static bool files_next(struct download *l, struct download_event *out)
{
    struct files *f = (struct files *)l;
    threads_lock(&f->threads);
    bool any = f->n_events > 0;
    if (any) {
        *out = f->event[f->first];
        f->first = (f->first + 1) % EVENTS_MAX;
        f->n_events--;
    }
    if (f->n_events == 0) wake_clear(f->fd);
    threads_unlock(&f->threads);
    return any;
}

/* --- files ------------------------------------------------------------------------------------------------------ */

static void path_of(const struct files *f, const char *sha256, const char *ending, char out[512])
{
    snprintf(out, 512, "%s/%s%s", f->dir, sha256, ending);
}

/* Hash the file's content into c. @return bytes read, -1 when it cannot be read */
static int64_t hash_file(const char *file, struct crypto_sha256_ctx *c)
{
    char chunk[CHUNK];
    int64_t total = 0;
    ssize_t n;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    while ((n = read(fd, chunk, sizeof chunk)) > 0) {
        crypto_sha256_update(c, (struct str){ chunk, (size_t)n });
        total += n;
    }
    close(fd);
    return n < 0 ? -1 : total;
}

static bool hash_is(const char *file, const char *sha256)
{
    char hex[SHA256_HEX_BYTES] = "";
    struct crypto_sha256_ctx *c = crypto_sha256_create();
    if (c && hash_file(file, c) >= 0) crypto_sha256_final(c, hex);
    crypto_sha256_destroy(c);
    return str_eq_fold(str_of(hex), str_of(sha256));
}

static bool files_has(struct download *l, const char *sha256, char file[512])
{
    struct files *f = (struct files *)l;
    struct stat st;
    if (!is_sha256(sha256)) return false;
    path_of(f, sha256, "", file);
    if (stat(file, &st) != 0 || !S_ISREG(st.st_mode)) return false;
    bool known = false;
    threads_lock(&f->threads);
    for (size_t i = 0; i < KNOWN_MAX && !known; i++)
        known = strcmp(f->known[i].sha256, sha256) == 0 && f->known[i].size == st.st_size &&
                f->known[i].changed.tv_sec == st.st_mtim.tv_sec && f->known[i].changed.tv_nsec == st.st_mtim.tv_nsec;
    threads_unlock(&f->threads);
    if (known) return true;
    if (!hash_is(file, sha256)) {
        unlink(file); /* damaged since the download: fetch it again */
        return false;
    }
    threads_lock(&f->threads);
    struct known_image *k = &f->known[f->next_known++ % KNOWN_MAX];
    snprintf(k->sha256, sizeof k->sha256, "%s", sha256);
    k->size = st.st_size;
    k->changed = st.st_mtim;
    threads_unlock(&f->threads);
    return true;
}

static void files_remove(struct download *l, const char *sha256)
{
    char file[512];
    if (!is_sha256(sha256)) return;
    path_of((struct files *)l, sha256, "", file);
    unlink(file);
    path_of((struct files *)l, sha256, ".part", file);
    unlink(file);
}

/* --- one transfer ------------------------------------------------------------------------------------------------ */

struct download_transfer {
    struct files *f;
    const struct download_item *download;
    int fd;
    int64_t done, told;
    struct crypto_sha256_ctx *hash;
    int error; /* errno of the file, 0 = none */
    bool too_long;
};

static void tell_progress(struct download_transfer *t)
{
    struct download_event ev = { .kind = DOWNLOAD_PROGRESS,
                                 .done_bytes = t->done,
                                 .total_bytes = t->download->size_bytes };
    snprintf(ev.id, sizeof ev.id, "%s", t->download->id);
    tell(t->f, &ev);
    t->told = t->done;
}

static bool take_bytes(void *ctx, struct str bytes)
{
    struct download_transfer *t = ctx;
    if (t->download->size_bytes > 0 && (int64_t)bytes.n > t->download->size_bytes - t->done) {
        t->too_long = true;
        return false;
    }
    crypto_sha256_update(t->hash, bytes);
    t->done += (int64_t)bytes.n;
    while (bytes.n) {
        ssize_t n = write(t->fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            t->error = errno;
            return false;
        }
        bytes = str_slice(bytes, (size_t)n, bytes.n);
    }
    if (t->done - t->told >= (t->download->size_bytes > 0 ? t->download->size_bytes / 50 : 1 << 20)) tell_progress(t);
    return true;
}

/* Open the unfinished file and hash its content; start over when it cannot be a prefix of the image. */
static bool open_part(struct download_transfer *t, const char *part)
{
    crypto_sha256_destroy(t->hash);
    t->hash = crypto_sha256_create();
    t->done = t->hash ? hash_file(part, t->hash) : -1;
    if (t->done < 0 || (t->download->size_bytes > 0 && t->done > t->download->size_bytes)) {
        unlink(part);
        crypto_sha256_destroy(t->hash);
        t->hash = crypto_sha256_create();
        t->done = 0;
    }
    t->fd = t->hash ? open(part, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    t->error = t->fd < 0 ? errno : 0;
    return t->fd >= 0;
}

static bool has_room(const char *dir, int64_t bytes)
{
    struct statvfs v;
    return bytes <= 0 || statvfs(dir, &v) != 0 || (int64_t)(v.f_bavail * v.f_frsize) > bytes;
}

static int ended(struct download_event *ev, int result, const char *text)
{
    snprintf(ev->text, sizeof ev->text, "%s", text);
    return ev->result = result;
}

/* Does the size equal the announced size, to the KiB? The hash decides. */
static bool may_be_all(const struct download_transfer *t)
{
    return t->done > t->download->size_bytes - 1024;
}

/* @return a result code, or 0 = try again later (with the reason in the text) */
static int judge(struct download_transfer *t, enum rc rc, long status, const struct err *e, struct download_event *ev)
{
    char text[256];
    if (t->download->cancel) return ended(ev, CANCELLED, "cancelled; the part that was downloaded is kept");
    if (t->error) return ended(ev, t->error == ENOSPC ? NO_ROOM : FAILED, strerror(t->error));
    if (t->too_long) return ended(ev, WRONG, "the server sends more than the announced size");
    if (rc == RC_OK && (status == 200 || status == 206)) {
        if (t->download->size_bytes > 0 && !may_be_all(t)) return ended(ev, 0, "the transfer ended early");
        return DONE;
    }
    if (rc == RC_OK)
        snprintf(text, sizeof text, "the download server answered HTTP %ld", status);
    else
        snprintf(text, sizeof text, "%.200s", e->text);
    if (rc == RC_DENIED) return ended(ev, FAILED, text); /* its certificate is not trusted: a retry does not help */
    if (rc == RC_OK && (status == 401 || status == 403)) return ended(ev, REFUSED, text);
    if (rc == RC_OK && status < 500 && status != 408 && status != 429 && status != 416) return ended(ev, FAILED, text);
    return ended(ev, 0, text);
}

/* One attempt that continues at the end of the unfinished file. */
static int attempt(struct download_transfer *t, struct fetch *client, const char *part, struct download_event *ev)
{
    char header[300];
    const char *headers[2] = { header, NULL };
    struct err e = { 0 };
    struct fetch_reply reply = { 0 };
    snprintf(header, sizeof header, "Authorization: %s", t->download->auth);
    if (!open_part(t, part)) return ended(ev, t->error == ENOSPC ? NO_ROOM : FAILED, strerror(t->error));
    int result = DONE;
    if (t->download->size_bytes <= 0 || t->done < t->download->size_bytes) {
        const struct fetch_request r = { .method = "GET",
                                         .url = t->download->url,
                                         .headers = t->download->auth[0] ? headers : NULL,
                                         .resume_from = (uint64_t)t->done,
                                         .sink = take_bytes,
                                         .ctx = t,
                                         .cancel = &t->download->cancel,
                                         .stall_s = STALL_S,
                                         .no_total_timeout = true };
        enum rc rc = fetch_do(client, &r, &reply, &e);
        result = judge(t, rc, reply.status, &e, ev);
        if (rc == RC_UNSUPPORTED || reply.status == 416)
            unlink(part); /* the server does not resume there: the next attempt starts over */
        fetch_reply_finish(&reply);
    }
    if (fsync(t->fd) != 0 && result == DONE) result = ended(ev, FAILED, strerror(errno));
    close(t->fd);
    return result;
}

/* The hash decides; a wrong file never gets its final name. */
static int accept_file(struct download_transfer *t, const char *part, const char *file, struct download_event *ev)
{
    char hex[SHA256_HEX_BYTES], text[256];
    crypto_sha256_final(t->hash, hex);
    if (!str_eq_fold(str_of(hex), str_of(t->download->sha256))) {
        unlink(part);
        snprintf(text, sizeof text, "SHA-256 is %.16s..., expected %.16s...", hex, t->download->sha256);
        return ended(ev, WRONG, text);
    }
    if (rename(part, file) != 0) return ended(ev, FAILED, strerror(errno));
    snprintf(ev->file, sizeof ev->file, "%s", file);
    return ended(ev, DONE, "");
}

/* Wait between attempts; ends early when cancelled or stopped. */
static void pause_for(struct files *f, const struct download_item *download, int64_t ms)
{
    const int64_t until_ms = world_monotonic_ms() + ms;
    threads_lock(&f->threads);
    while (!f->threads.stop && !download->cancel && threads_wait_until(&f->threads, until_ms)) continue;
    threads_unlock(&f->threads);
}

static void transfer(struct files *f, const struct download_item *download)
{
    char file[512], part[512];
    struct download_transfer t = { .f = f, .download = download, .fd = -1 };
    struct download_event ev = { .kind = DOWNLOAD_DONE, .total_bytes = download->size_bytes };
    const struct fetch_config config = { .ca_file = download->ca_file[0] ? download->ca_file : NULL,
                                         .user_agent = "dmvisor-agent/" DMVISOR_VERSION };
    struct fetch *client = fetch_create(&config);
    int result = client ? 0 : ended(&ev, FAILED, "out of memory");
    int64_t wait_ms = FIRST_WAIT_MS;

    snprintf(ev.id, sizeof ev.id, "%s", download->id);
    path_of(f, download->sha256, "", file);
    path_of(f, download->sha256, ".part", part);
    if (files_has(&f->base, download->sha256, file)) {
        snprintf(ev.file, sizeof ev.file, "%s", file);
        ev.done_bytes = download->size_bytes;
        result = ended(&ev, DONE, "");
    } else if (!result && !has_room(f->dir, download->size_bytes)) {
        result = ended(&ev, NO_ROOM, "not enough free space for the image");
    }
    for (int i = 0; i < TRIES && !result; i++) {
        if (i) {
            pause_for(f, download, wait_ms);
            wait_ms *= 2;
        }
        result = download->cancel ? ended(&ev, CANCELLED, "cancelled; the part that was downloaded is kept")
                                  : attempt(&t, client, part, &ev);
        if (result == DONE) result = accept_file(&t, part, file, &ev);
        ev.done_bytes = t.done;
    }
    if (!result) ev.result = SERVER_DOWN; /* the text is of the last attempt */
    crypto_sha256_destroy(t.hash);
    fetch_destroy(client);
    tell(f, &ev);
}

/* --- the threads: a slow server delays only its own transfer
 * -------------------------------------------------------- */

static bool is_running(const struct files *f, const char *sha256)
{
    for (const struct download_item *j = f->running; j; j = j->next)
        if (strcmp(j->sha256, sha256) == 0) return true;
    return false;
}

/* Move the first request whose file no other transfer writes to the running ones. @return NULL when there is none */
static struct download_item *take_download(struct files *f)
{
    struct download_item **at = &f->queue, *download;
    while (*at && is_running(f, (*at)->sha256)) at = &(*at)->next;
    download = *at;
    if (!download) return NULL;
    *at = download->next;
    download->next = f->running;
    f->running = download;
    return download;
}

static void end_download(struct files *f, struct download_item *download)
{
    struct download_item **at = &f->running;
    while (*at != download) at = &(*at)->next;
    *at = download->next;
    free(download);
    threads_wake(&f->threads); /* another request may wait for this file */
}

static void *run(void *arg)
{
    struct files *f = arg;
    threads_lock(&f->threads);
    while (!f->threads.stop) {
        struct download_item *download = take_download(f);
        if (!download) {
            f->n_idle++;
            threads_wait(&f->threads, -1);
            f->n_idle--;
            continue;
        }
        threads_unlock(&f->threads);
        transfer(f, download);
        threads_lock(&f->threads);
        end_download(f, download);
    }
    threads_unlock(&f->threads);
    return NULL;
}

/* With the lock held. A thread that cannot be started is no failure as long as another one exists. */
static bool need_workers(struct files *f, size_t waiting)
{
    if (f->threads.list.n < WORKERS_MAX && waiting > f->n_idle)
        (void)threads_start(&f->threads, run, f, "downloads", NULL);
    return f->threads.list.n > 0;
}

static enum rc files_start(struct download *l, const struct download_request *r, struct err *e)
{
    struct files *f = (struct files *)l;
    size_t n = 0;
    if (!is_sha256(r->sha256)) return err_set(e, RC_INVALID, "the image has no SHA-256 of 64 hex digits");
    struct download_item *download = calloc(1, sizeof *download), **end = &f->queue;
    if (!download) return err_set(e, RC_NOMEM, "no memory for a download");
    if (snprintf(download->id, sizeof download->id, "%s", r->id) >= (int)sizeof download->id ||
        snprintf(download->url, sizeof download->url, "%s", r->url) >= (int)sizeof download->url ||
        snprintf(download->auth, sizeof download->auth, "%s", r->auth ? r->auth : "") >= (int)sizeof download->auth ||
        snprintf(download->ca_file, sizeof download->ca_file, "%s", r->ca_file ? r->ca_file : "") >=
            (int)sizeof download->ca_file) {
        free(download);
        return err_set(e, RC_LIMIT, "the image's id, address or credential is too long");
    }
    snprintf(download->sha256, sizeof download->sha256, "%s", r->sha256);
    download->size_bytes = r->size_bytes;
    threads_lock(&f->threads);
    for (; *end; end = &(*end)->next) n++;
    const size_t waiting = n + 1;
    for (const struct download_item *j = f->running; j; j = j->next) n++;
    if (n < QUEUE_MAX) {
        *end = download;
        need_workers(f, waiting);
    }
    threads_wake(&f->threads);
    threads_unlock(&f->threads);
    if (n < QUEUE_MAX) return RC_OK;
    free(download);
    return err_set(e, RC_LIMIT, "%d downloads wait already", QUEUE_MAX);
}

static void files_cancel(struct download *l, const char *id)
{
    struct files *f = (struct files *)l;
    threads_lock(&f->threads);
    for (struct download_item *j = f->running; j; j = j->next)
        if (strcmp(j->id, id) == 0) j->cancel = 1;
    for (struct download_item *j = f->queue; j; j = j->next)
        if (strcmp(j->id, id) == 0) j->cancel = 1;
    threads_wake(&f->threads);
    threads_unlock(&f->threads);
}

static int files_fd(struct download *l)
{
    return ((struct files *)l)->fd;
}

static void files_destroy(struct download *l)
{
    struct files *f = (struct files *)l;
    threads_lock(&f->threads);
    for (struct download_item *j = f->running; j; j = j->next) j->cancel = 1;
    threads_unlock(&f->threads);
    threads_finish(&f->threads);
    while (f->queue) {
        struct download_item *next = f->queue->next;
        free(f->queue);
        f->queue = next;
    }
    if (f->fd >= 0) close(f->fd);
    free(f);
}

static const struct download_class files_class = { files_destroy, files_start, files_cancel, files_remove,
                                                   files_has,     files_next,  files_fd };

enum rc download_create(const char *dir, struct download **out, struct err *e)
{
    struct files *f = calloc(1, sizeof *f);
    if (!f) return err_set(e, RC_NOMEM, "no memory for downloads");
    f->base.class = &files_class;
    if (snprintf(f->dir, sizeof f->dir, "%s", dir) >= (int)sizeof f->dir ||
        (mkdir(dir, 0700) != 0 && errno != EEXIST)) {
        free(f);
        return err_set(e, RC_IO, "cannot make the image folder %s: %s", dir, strerror(errno));
    }
    f->fd = wake_open();
    threads_init(&f->threads);
    threads_lock(&f->threads);
    const bool ready = f->fd >= 0 && need_workers(f, 1);
    threads_unlock(&f->threads);
    if (!ready) {
        files_destroy(&f->base);
        return err_set(e, RC_IO, "cannot start the download thread");
    }
    *out = &f->base;
    return RC_OK;
}
