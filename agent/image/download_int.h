/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_IMAGE_DOWNLOAD_INT_H
#define AGENT_IMAGE_DOWNLOAD_INT_H
/* What the two loaders (loader.c: files; loader_sim.c: memory) are to loader.h. */
#include "agent/image/download.h"

struct loader_class {
    void (*destroy)(struct loader *l);
    enum rc (*start)(struct loader *l, const struct loader_request *r, struct err *e);
    void (*cancel)(struct loader *l, const char *id);
    void (*remove)(struct loader *l, const char *sha256);
    bool (*has)(struct loader *l, const char *sha256, char file[512]);
    bool (*next)(struct loader *l, struct loader_event *out);
    int (*fd)(struct loader *l);
};
struct loader {
    const struct loader_class *class;
}; /* first member of each */
#endif
