/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ERASE_H
#define BASE_ERASE_H
/* Destroys the content of a file: overwrites all its data with zeroes and reads them back from the disk. On flash
 * and on copy-on-write file systems older blocks may survive; only encryption helps there. */
#include "base/rc.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * Erase the next part. Start with *at = 0 and call until *done.
 *
 * @param budget  most octets to write; reduced by those that were written
 * @param name    for the error
 * @return RC_IO when the file cannot be written or read back, or does not read back as zeroes
 */
enum rc erase_some(int fd, const char *name, off_t *at, int64_t *budget, bool *done, struct err *e);
/**
 * Erase a whole file: overwrite it, truncate it, unlink it, and check that it no longer exists. A missing file is
 * RC_OK.
 */
enum rc erase_file(const char *file, struct err *e);
#endif
