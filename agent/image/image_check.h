/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_IMAGE_IMAGE_CHECK_H
#define AGENT_IMAGE_IMAGE_CHECK_H
/* Checks that a disk file has its declared format, and that nothing in it makes the emulator open other files. It is
 * checked before every use: the header by the agent's own code, then the whole by `qemu-img info` in a process
 * without rights and with limits of time, memory and output. */
#include "base/rc.h"
#include <stdint.h>
#include <sys/types.h>

struct image_rules {
    int64_t virtual_max_kb; /* largest disk the guest may see; 0 = no limit */
    uid_t uid;              /* account that checks the file and owns it afterwards; 0 = the caller's own */
    gid_t gid;
};

/**
 * "raw" is strictly raw, whatever its content looks like. "qcow2" is a qcow2 image without backing file, external data
 * file, encryption header, damage, unknown features or snapshots with invalid names.
 *
 * @param file  a regular file with one name, not a link; only the caller may write in its folder
 * @return RC_INVALID: it does not have the declared format, or it refers to another file (1420); RC_LIMIT: its disk is
 * too large (1423); RC_UNSUPPORTED: no qemu-img here, or another format; RC_TIMEOUT, RC_IO: it could not be checked
 */
enum rc image_check(const char *file, const char *format, const struct image_rules *rules, struct err *e);
/** The file itself: regular, one name, not a link. @param out its descriptor, owned by the caller; NULL = check only */
enum rc image_check_file(const char *file, int *out, struct err *e);
#endif
