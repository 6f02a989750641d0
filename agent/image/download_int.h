/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_IMAGE_DOWNLOAD_INT_H
#define AGENT_IMAGE_DOWNLOAD_INT_H
/* What the two implementations (download.c: files; download_sim.c: memory) provide for download.h. */
#include "agent/image/download.h"

struct download_class {
    void (*destroy)(struct download *l);
    enum rc (*start)(struct download *l, const struct download_request *r, struct err *e);
    void (*cancel)(struct download *l, const char *id);
    void (*remove)(struct download *l, const char *sha256);
    bool (*has)(struct download *l, const char *sha256, char file[512]);
    bool (*next)(struct download *l, struct download_event *out);
    int (*fd)(struct download *l);
};
struct download {
    const struct download_class *class;
}; /* first member of each */
#endif
