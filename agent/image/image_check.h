/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_IMAGE_IMAGE_CHECK_H
#define AGENT_IMAGE_IMAGE_CHECK_H
/* Is a disk file what it is said to be, and nothing that makes the emulator open other files? Looked at before every
 * use: the header by our own reading, then the whole by `qemu-img info` in a process without rights and with limits
 * of time, memory and output. */
#include "base/rc.h"
#include <stdint.h>
#include <sys/types.h>

struct image_rules {
    int64_t virtual_max_kb; /* largest disk the guest may see; 0 = no limit */
    uid_t uid;              /* account that looks at the file, and owns it from then on; 0 = the caller's own */
    gid_t gid;
};

/**
 * "raw" is strictly raw, whatever its content looks like; "qcow2" is a qcow2 image without backing file, external data
 * file, encryption header, damage, unknown features or snapshots with odd names.
 *
 * @param file  a regular file with one name, no link; its folder is one that only the caller may write
 * @return RC_INVALID: not what it is said to be, or it reaches for another file (1420); RC_LIMIT: its disk is too large
 *         (1423); RC_UNSUPPORTED: no qemu-img here, or another format; RC_TIMEOUT, RC_IO: it could not be looked at
 */
enum rc image_check(const char *file, const char *format, const struct image_rules *rules, struct err *e);
/** The file itself: regular, one name, no link. @param out its descriptor, the caller's; NULL = only look */
enum rc image_check_file(const char *file, int *out, struct err *e);
#endif
