/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_IMAGE_BUNDLE_H
#define AGENT_IMAGE_BUNDLE_H
/* Kernel bundles: a tar file (any compression) with `kernel`, `initrd` and `cmdline`. The only file that knows
 * libarchive. */
#include "base/rc.h"
#include <stdbool.h>

enum { BUNDLE_CMDLINE_BYTES = 511 }; /* limit of a VM's description */

/**
 * Unpack the three files into dir (created if missing). No other entry is written, paths are not followed, sizes are
 * bounded. The three must be regular files and not links; the command line must be text.
 *
 * @return RC_PARSE when it is not an archive or lacks the kernel; RC_INVALID when one of the three is invalid; RC_LIMIT
 * when there is no room, or too many entries; RC_IO
 */
enum rc bundle_unpack(const char *file, const char *dir, struct err *e);
#endif
