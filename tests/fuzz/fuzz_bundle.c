/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
/* An image bundle as it comes from the network: whatever is in it, the three files at the most are written, and nothing beside the
 * folder. */
#include "agent/image/bundle.h"

#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_one(const char *name, const char *const *of)
{
    for (; *of; of++)
        if (strcmp(name, *of) == 0) return true;
    return false;
}

/* Only these are there, as plain files; they are removed. */
static void only(const char *dir, const char *const *names)
{
    char path[300];
    struct stat st;
    DIR *d = opendir(dir);
    if (!d) return;
    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        if (strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0) continue;
        if (!is_one(f->d_name, names)) abort();
        snprintf(path, sizeof path, "%s/%.30s", dir, f->d_name);
        if (lstat(path, &st) != 0) abort();
        if (S_ISREG(st.st_mode))
            unlink(path);
        else if (!S_ISDIR(st.st_mode))
            abort();
    }
    closedir(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const files[] = { "kernel", "initrd", "cmdline", NULL }, *const folder[] = { "out", NULL };
    static char top[64], out[80];
    char file[40];
    struct err e = { 0 };
    int fd = memfd_create("bundle", MFD_CLOEXEC);
    if (!top[0]) {
        snprintf(top, sizeof top, "%s/dmvisor-bundle-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(top)) abort();
        const struct rlimit small = { 8 << 20, 8 << 20 }; /* a bomb does not fill the memory */
        setrlimit(RLIMIT_FSIZE, &small);
        signal(SIGXFSZ, SIG_IGN);
        snprintf(out, sizeof out, "%s/out", top);
    }
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    snprintf(file, sizeof file, "/proc/self/fd/%d", fd);
    enum rc rc = bundle_unpack(file, out, &e);
    close(fd);
    if ((rc == RC_OK) != (e.text[0] == '\0')) abort();
    only(out, files);
    only(top, folder);
    rmdir(out);
    rmdir(top);
    top[0] = '\0';
    return 0;
}
