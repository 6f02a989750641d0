/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CONFINED_H
#define BASE_CONFINED_H
/* A program that reads what strangers made, run without rights: another account when the agent is root, no new
 * privileges, bounded time, memory, output, no files written, nothing inherited. */
#include "base/buf.h"
#include <sys/types.h>

struct confined_limits {
    unsigned time_s;
    size_t out_bytes;
    uid_t uid; /* 0 = the caller's own */
    gid_t gid;
};

/**
 * Run argv[0] (a full path, no shell) to its end and take what it writes on its output; what it writes on its error
 * output is dropped, because it may quote the file.
 *
 * @param code  its exit code, 127 = it could not be started, 128 + n = killed by signal n
 * @return RC_TIMEOUT, RC_LIMIT (output), RC_IO
 */
enum rc confined_run(const char *const argv[], const struct confined_limits *limits, struct buf *out, int *code,
                     struct err *e);
#endif
