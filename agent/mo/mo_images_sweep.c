/* SPDX-License-Identifier: Apache-2.0 */
/* Removes image files that are no longer needed. A file belongs to the entries and VMs that name its hash; without
 * one it is removed. Of those with an entry and without a VM the newest are kept for future VMs; the entries of the
 * others become idle again. */
#include "agent/mo/mo.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { UNUSED_KEPT = 4, FOUND_MAX = 256, HASH_DIGITS = 64 };

struct found {
    char sha256[HASH_DIGITS + 1];
    int64_t at_s; /* time of the download */
};

/* "<hash>" or "<hash>.part" */
static bool is_image(const char *name)
{
    return strspn(name, "0123456789abcdef") == HASH_DIGITS &&
           (!name[HASH_DIGITS] || strcmp(name + HASH_DIGITS, ".part") == 0);
}

static bool has_vm(const struct mo_env *env, const char *sha256)
{
    for (size_t i = 0; i < env->vms.n; i++)
        if (strcmp(env->vms.at[i].is->image.sha256, sha256) == 0) return true;
    return false;
}

static bool has_hash(struct mo_env *env, const struct mo_image *i, const char *sha256)
{
    struct arena a;
    struct str hash;
    bool yes;

    arena_init(&a, 1 << 16);
    yes = mo_kept(env, DDF_IMAGE, "hash", str_of(i->id), (struct str){ 0 }, &a, &hash) && str_is(hash, sha256);
    arena_finish(&a);
    return yes;
}

/* Number of entries with this hash; *busy when one of them is being downloaded. */
static unsigned entries(struct mo_env *env, const char *sha256, bool *busy)
{
    unsigned n = 0;

    for (size_t i = 0; i < env->images.n; i++)
        if (has_hash(env, &env->images.at[i], sha256)) {
            n++;
            *busy = *busy || env->images.at[i].status == IMAGE_DOWNLOADING;
        }
    return n;
}

static void make_idle(struct mo_env *env, const char *sha256)
{
    for (size_t i = 0; i < env->images.n; i++) {
        struct mo_image *image = &env->images.at[i];
        struct state_image s = { .status = IMAGE_IDLE, .result = image->result };
        if (!has_hash(env, image, sha256)) continue;
        image->status = IMAGE_IDLE;
        image->done_kb = 0;
        snprintf(s.id, sizeof s.id, "%s", image->id);
        mo_note(env, persist_put_image(env->state, &s, &env->trouble), "image");
        env->changes++;
    }
}

static int newest_first(const void *a, const void *b)
{
    const int64_t x = ((const struct found *)a)->at_s, y = ((const struct found *)b)->at_s;

    return x < y ? 1 : x > y ? -1 : 0;
}

void mo_images_sweep(struct mo_env *env)
{
    const char *dir = env->config.images_dir;
    struct found unused[FOUND_MAX];
    char file[1024];
    size_t n = 0;
    DIR *at = dir && dir[0] ? opendir(dir) : NULL;

    for (struct dirent *f; at && (f = readdir(at)) != NULL;) {
        struct found *one = &unused[n];
        struct stat st;
        bool busy = false;
        if (n == FOUND_MAX || !is_image(f->d_name)) continue;
        snprintf(one->sha256, sizeof one->sha256, "%.64s", f->d_name);
        snprintf(file, sizeof file, "%s/%s", dir, f->d_name);
        if (has_vm(env, one->sha256)) continue;
        if (!entries(env, one->sha256, &busy))
            download_remove(env->loader, one->sha256);
        else if (!busy && stat(file, &st) == 0) {
            one->at_s = st.st_mtime;
            n++;
        }
    }
    if (at) closedir(at);
    qsort(unused, n, sizeof unused[0], newest_first);
    for (size_t i = UNUSED_KEPT; i < n; i++) {
        download_remove(env->loader, unused[i].sha256);
        make_idle(env, unused[i].sha256);
    }
}
