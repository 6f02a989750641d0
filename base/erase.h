/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ERASE_H
#define BASE_ERASE_H
/* Destroys what is in a file: zeroes over all that is data, read back from the disk. On flash and on file systems that copy on
 * write older blocks may outlive it; there only encryption helps. */
#include "base/rc.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * The next of it. Start with *at = 0 and call until *done.
 * @param budget  octets to write at most; less those that were written
 * @param name    for the error
 * @return RC_IO when it cannot be written, read back, or is not zero then
 */
enum rc erase_some(int fd, const char *name, off_t *at, int64_t *budget, bool *done, struct err *e);
/** A whole file: zeroes, empty, unlinked, looked for. One that is not there is RC_OK. */
enum rc erase_file(const char *file, struct err *e);
#endif
