/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CONFINED_H
#define BASE_CONFINED_H
/* Runs a program that parses untrusted files without rights: another account when the agent is root, no new
 * privileges, bounded time, memory and output, no file writes, nothing inherited. */
#include "base/buf.h"
#include <sys/types.h>

struct confined_limits {
    unsigned time_s;
    size_t out_bytes;
    uid_t uid; /* account to run as, 0 = the caller's own */
    gid_t gid;
};

/**
 * Run argv[0] (a full path, no shell) until it ends and collect its standard output. Its standard error is dropped,
 * because it may quote the file.
 *
 * @param code  its exit code; 127 = it could not be started, 128 + n = killed by signal n
 * @return RC_TIMEOUT, RC_LIMIT (output), RC_IO
 */
enum rc confined_run(const char *const argv[], const struct confined_limits *limits, struct buf *out, int *code,
                     struct err *e);
#endif
