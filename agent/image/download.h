/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_IMAGE_DOWNLOAD_H
#define AGENT_IMAGE_DOWNLOAD_H
/* Downloads image files: resumes after interruptions, verifies size and SHA-256, never leaves a wrong file under its
 * final name. Requests in, events out, like hv.h. */
#include "base/rc.h"
#include "base/str.h"

struct download;
enum download_event_kind { DOWNLOAD_PROGRESS, DOWNLOAD_DONE };
struct download_event {
    enum download_event_kind kind;
    char id[64]; /* of the request */
    int64_t done_bytes, total_bytes;
    int result;     /* DONE: result code of virtualization-mo.md c.6: 1200, 1415, 1416, 1417, 1418, 1445, 1501 */
    char file[512]; /* the file's path */
    char text[256]; /* for display */
};
/* size_bytes: the file's size rounded up to a KiB, 0 = unknown */
struct download_request {
    const char *id, *url, *auth, *sha256;
    int64_t size_bytes;
    const char *ca_file;
};

/** @param dir  folder of the files: <sha256>, and <sha256>.part while unfinished. Has its own thread. */
enum rc download_create(const char *dir, struct download **out, struct err *e);
/** Simulated in memory; done at once. */
struct download *download_sim_create(void);
/** The same with files: dir/<sha256>, of the requested size. */
struct download *download_sim_files(const char *dir);
void download_destroy(struct download *l); /* stops transfers; .part files are kept and resumed later */
enum rc download_start(struct download *l, const struct download_request *r, struct err *e);
void download_cancel(struct download *l, const char *id);
void download_remove(struct download *l, const char *sha256);
/** Does the complete file exist already? (The hash is verified once and remembered by size and time.) */
bool download_has(struct download *l, const char *sha256, char file[512]);
bool download_next(struct download *l, struct download_event *out);
int download_fd(struct download *l); /* -1: none (simulated) */
#endif
