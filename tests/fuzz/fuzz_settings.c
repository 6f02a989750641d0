/* SPDX-License-Identifier: Apache-2.0 */
/* The server's configuration file: mistakes are told, each with its place, and what is accepted is complete. */
#include "server/core/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file that only this process sees. */
static int file_of(const uint8_t *data, size_t size)
{
    char name[] = "/tmp/fuzz-settings-XXXXXX";
    int fd = mkstemp(name);
    if (fd < 0) abort();
    unlink(name);
    for (size_t at = 0; at < size;) {
        ssize_t n = write(fd, data + at, size - at);
        if (n <= 0) abort();
        at += (size_t)n;
    }
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct server_config c;
    struct arena a;
    struct buf errors;
    struct err e = { 0 };
    char path[64];
    int fd = file_of(data, size);

    memset(&c, 0, sizeof c);
    arena_init(&a, 16 << 20);
    buf_init(&errors, 1 << 20);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    enum rc rc = server_config_load(path, &a, &c, &errors, &e);
    if (rc && !e.text[0]) abort(); /* a refusal says why */
    if (!rc && (!c.dm_url || !c.database || !c.images_url || !c.dm_max_sessions || !c.dm_alerts_per_hour)) abort();
    buf_finish(&errors);
    arena_finish(&a);
    close(fd);
    return 0;
}
