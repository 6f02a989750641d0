/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_IMAGE_BUNDLE_H
#define AGENT_IMAGE_BUNDLE_H
/* Kernel bundles: a tar file (any compression) with `kernel`, `initrd` and `cmdline`. The only file that knows
 * libarchive. */
#include "base/rc.h"
#include <stdbool.h>

enum { BUNDLE_CMDLINE_BYTES = 511 }; /* what a VM's description holds */

/** Unpack the three into dir (made if missing); nothing else in the archive is written, paths are not followed, sizes
 * are bounded.
 * The three are regular files, no links; the command line is text.
 * @return RC_PARSE when it is no archive or lacks kernel; RC_INVALID when one of the three is not as it should be;
 *         RC_LIMIT: no room, or too many entries; RC_IO */
enum rc bundle_unpack(const char *file, const char *dir, struct err *e);
#endif
