/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/libvirt_files.h"
#include "agent/image/image_check.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IMAGE_UNFIT = 1420, NO_STORAGE = 1423, NOBODY = 65534, TAIL_BYTES = 4096 };

static enum rc check_kernel(const char *file, struct err *e)
{
    struct stat st;
    int fd = -1;
    if (!file[0]) return RC_OK;
    enum rc rc = image_check_file(file, &fd, e);
    if (rc) return rc;
    if (fstat(fd, &st) != 0 || st.st_size == 0) rc = err_set(e, RC_INVALID, "%s is empty", file);
    close(fd);
    return rc;
}

static enum rc check_all(const struct hv_spec *s, const struct image_rules *rules, struct err *e)
{
    enum rc rc = check_kernel(s->kernel, e);
    if (!rc) rc = check_kernel(s->initrd, e);
    for (const char *p = s->cmdline; !rc && *p; p++)
        if ((unsigned char)*p < 0x20 && *p != '\t')
            rc = err_set(e, RC_INVALID, "the kernel's command line has a control character");
    if (!rc && s->disk[0]) rc = image_check(s->disk, s->disk_format, rules, e);
    for (int i = 0; !rc && i < s->n_volumes; i++)
        if (s->volumes[i].file[0]) rc = image_check_file(s->volumes[i].file, NULL, e);
    return rc;
}

enum rc libvirt_files_check(const struct hv_spec *spec, const struct virt_guard *guard, const char *own, int *code,
                            struct err *e)
{
    struct image_rules rules = { spec->disk_max_kb, guard->uid, guard->gid };
    /* Emulators of another hypervisor configuration may run as root; the check of an untrusted file never does. */
    if (!rules.uid && geteuid() == 0) rules.uid = rules.gid = NOBODY;
    enum rc rc = spec->dir[0] ? libvirt_let_in(guard, own, spec->dir, e) : RC_OK;
    if (!rc) rc = check_all(spec, &rules, e);
    *code = rc == RC_INVALID || rc == RC_UNSUPPORTED ? IMAGE_UNFIT : rc == RC_LIMIT ? NO_STORAGE : 0;
    return rc;
}

/* ---- an emulator's log ---- */

void libvirt_log_bound(const char *file)
{
    struct stat st;
    if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > VIRT_EMULATOR_LOG_BYTES && truncate(file, 0) != 0)
        return; /* the next check tries again; the file is opened for appending, so that no line is torn */
}

/* "2026-...Z qemu-system-x86_64: cannot set up guest memory" and "...: warning: ..." */
static const char *words_of(char *line)
{
    char *at = strstr(line, "qemu-system-");
    if (strstr(line, ": shutting down, reason=") || strstr(line, ": starting up") ||
        strstr(line, "terminating on signal"))
        return NULL;
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e) *p = '?';
    at = at ? strstr(at, ": ") : NULL;
    const bool is_argument = !at && line[0] == '-'; /* it prints "-accel tcg: ..." itself as well */
    at = at ? at + 2 : line;
    return strncmp(at, "warning:", 8) == 0 || !at[0] || is_argument || line[strlen(line) - 1] == '\\' ? NULL : at;
}

void libvirt_log_last_words(const char *file, char out[160])
{
    char tail[TAIL_BYTES + 1], *line, *rest = tail;
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    out[0] = '\0';
    if (fd < 0) return;
    ssize_t n = fstat(fd, &st) == 0 ? pread(fd, tail, TAIL_BYTES, st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0)
                                    : -1;
    close(fd);
    if (n <= 0) return;
    tail[n] = '\0';
    while ((line = strtok_r(rest, "\n", &rest)) != NULL) {
        if (strstr(line, ": starting up")) out[0] = '\0'; /* the lines that follow are of this run */
        const char *words = words_of(line);
        if (words) snprintf(out, 160, "%.159s", words);
    }
}
