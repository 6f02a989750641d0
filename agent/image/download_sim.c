/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/image/download_int.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IMAGES = 8, EVENTS = 8 };

/* Every download succeeds at once; the last ones exist, as files when there is a folder. */
struct download_sim {
    struct download base;
    char dir[384]; /* "" = in memory */
    char have[IMAGES][65];
    unsigned next_image;
    struct download_event event[EVENTS];
    unsigned first, n;
};

/* Write an image of about that size; one hash always gives the same content. */
static enum rc write_file(const struct download_sim *s, const struct download_request *r, struct err *e)
{
    char file[512];
    snprintf(file, sizeof file, "%s/%s", s->dir, r->sha256);
    FILE *f = fopen(file, "we");
    if (!f) return err_set(e, RC_IO, "cannot write %s: %s", file, strerror(errno));
    for (int64_t n = 0; n < r->size_bytes; n += 65) fprintf(f, "%s\n", r->sha256);
    return fclose(f) == 0 ? RC_OK : err_set(e, RC_IO, "cannot write %s: %s", file, strerror(errno));
}

static bool sim_has(struct download *l, const char *sha256, char file[512])
{
    const struct download_sim *s = (struct download_sim *)l;
    if (s->dir[0]) {
        snprintf(file, 512, "%s/%s", s->dir, sha256);
        return sha256 && sha256[0] && access(file, R_OK) == 0;
    }
    for (unsigned i = 0; i < IMAGES && sha256 && sha256[0]; i++)
        if (strcmp(s->have[i], sha256) == 0) {
            snprintf(file, 512, "sim:%s", sha256);
            return true;
        }
    return false;
}

static enum rc sim_start(struct download *l, const struct download_request *r, struct err *e)
{
    struct download_sim *s = (struct download_sim *)l;
    if (s->n == EVENTS) return err_set(e, RC_LIMIT, "%d downloads wait already", EVENTS);
    enum rc rc = s->dir[0] ? write_file(s, r, e) : RC_OK;
    if (rc) return rc;
    struct download_event *ev = &s->event[(s->first + s->n++) % EVENTS];
    *ev = (struct download_event){
        .kind = DOWNLOAD_DONE, .done_bytes = r->size_bytes, .total_bytes = r->size_bytes, .result = 1200
    };
    snprintf(ev->id, sizeof ev->id, "%s", r->id);
    snprintf(ev->file, sizeof ev->file, "%s%s%s", s->dir[0] ? s->dir : "sim:", s->dir[0] ? "/" : "", r->sha256);
    snprintf(s->have[s->next_image++ % IMAGES], sizeof s->have[0], "%s", r->sha256);
    return RC_OK;
}

static void sim_cancel(struct download *l, const char *id)
{
    (void)l;
    (void)id; /* finished already */
}

static void sim_remove(struct download *l, const char *sha256)
{
    struct download_sim *s = (struct download_sim *)l;
    char file[512];
    for (unsigned i = 0; i < IMAGES; i++)
        if (strcmp(s->have[i], sha256) == 0) s->have[i][0] = '\0';
    if (!s->dir[0]) return;
    snprintf(file, sizeof file, "%s/%s", s->dir, sha256);
    unlink(file);
}

static bool sim_next(struct download *l, struct download_event *out)
{
    struct download_sim *s = (struct download_sim *)l;
    if (s->n == 0) return false;
    *out = s->event[s->first];
    s->first = (s->first + 1) % EVENTS;
    s->n--;
    return true;
}

static int sim_fd(struct download *l)
{
    (void)l;
    return -1;
}

static void sim_destroy(struct download *l)
{
    free(l);
}

static const struct download_class sim_class = { sim_destroy, sim_start, sim_cancel, sim_remove,
                                                 sim_has,     sim_next,  sim_fd };

struct download *download_sim_create(void)
{
    struct download_sim *s = calloc(1, sizeof *s);
    if (s) s->base.class = &sim_class;
    return s ? &s->base : NULL;
}

struct download *download_sim_files(const char *dir)
{
    struct download *l = download_sim_create();
    if (l) snprintf(((struct download_sim *)l)->dir, sizeof((struct download_sim *)l)->dir, "%s", dir);
    return l;
}

/* The functions of download.h for both implementations. */
void download_destroy(struct download *l)
{
    if (l) l->class->destroy(l);
}

enum rc download_start(struct download *l, const struct download_request *r, struct err *e)
{
    return l->class->start(l, r, e);
}
void download_cancel(struct download *l, const char *id)
{
    l->class->cancel(l, id);
}
void download_remove(struct download *l, const char *sha256)
{
    l->class->remove(l, sha256);
}
bool download_has(struct download *l, const char *sha256, char file[512])
{
    return l->class->has(l, sha256, file);
}
bool download_next(struct download *l, struct download_event *out)
{
    return l->class->next(l, out);
}
int download_fd(struct download *l)
{
    return l->class->fd(l);
}
