#ifndef AGENT_BUNDLE_H
#define AGENT_BUNDLE_H
/* Kernel bundles: a tar file (any compression) with `kernel`, `initrd` and `cmdline`. The only file that knows
 * libarchive. */
#include "base/rc.h"
#include <stdbool.h>

/** Unpack the three into dir (made if missing); nothing else in the archive is written, paths are not followed, sizes
 * are bounded.
 * @return RC_PARSE when it is no archive or lacks kernel; RC_LIMIT; RC_IO */
enum rc bundle_unpack(const char *file, const char *dir, struct err *e);
#endif
