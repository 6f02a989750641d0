/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_IMAGE_DOWNLOAD_H
#define AGENT_IMAGE_DOWNLOAD_H
/* Fetches image files: resumes after interruptions, checks size and SHA-256, never leaves a wrong file under its
 * final name. Requests in, events out, like hv.h. */
#include "base/rc.h"
#include "base/str.h"

struct loader;
enum loader_event_kind { LOADER_PROGRESS, LOADER_DONE };
struct loader_event {
    enum loader_event_kind kind;
    char id[64]; /* of the request */
    int64_t done_bytes, total_bytes;
    int result;     /* DONE: result code of virtualization-mo.md c.6: 1200, 1415, 1416, 1417, 1418, 1445, 1501 */
    char file[512]; /* where it lies */
    char text[256]; /* for people */
};
/* size_bytes: the file's size rounded up to a KiB, 0 = unknown */
struct loader_request {
    const char *id, *url, *auth, *sha256;
    int64_t size_bytes;
    const char *ca_file;
};

/** @param dir  files lie there as <sha256>, unfinished ones as <sha256>.part. Own thread. */
enum rc loader_create(const char *dir, struct loader **out, struct err *e);
/** In memory, done at once (sim). */
struct loader *loader_sim_create(void);
/** The same with files: dir/<sha256>, of the size asked for. */
struct loader *loader_sim_files(const char *dir);
void loader_destroy(struct loader *l); /* stops transfers; .part files stay for the next time */
enum rc loader_start(struct loader *l, const struct loader_request *r, struct err *e);
void loader_cancel(struct loader *l, const char *id);
void loader_remove(struct loader *l, const char *sha256);
/** Already there and whole? (hash checked once, remembered by size and time) */
bool loader_has(struct loader *l, const char *sha256, char file[512]);
bool loader_next(struct loader *l, struct loader_event *out);
int loader_fd(struct loader *l); /* -1: none (sim) */
#endif
