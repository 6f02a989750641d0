/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/image/bundle.h"
#include "agent/vm/vm_int.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/*
 * A VM's files, all in one folder: <vms>/<uuid>/ with kernel, initrd and cmdline, or system.<format>; <volume>.img; console.log.
 * A volume is made once. What was made is in the VM's record, and from then on a file that is missing or too short is a loss that
 * is told, never a file to be made again. Where the file system can, the file says whose it is: another one in its place is a loss, too.
 */

enum { PANIC_TAIL_BYTES = 8192 };
enum {
    COPY_BYTES = 16 << 20,
    COPY_CHUNK = 256 << 10,
    FOLDER_MODE = 0711,
    FILE_MODE = 0600,
    MARK_BYTES = 80,
    FULL_BELOW_KB = 1024
};
static const char unfinished[] = "system.part", mark_name[] = "user.dmvisor.volume";

bool vm_has_files(const struct vm_world *w)
{
    return w->vms_dir && w->vms_dir[0];
}

static enum rc full_or_broken(int why)
{
    return why == ENOSPC || why == EFBIG || why == EDQUOT ? RC_LIMIT : RC_IO;
}

/* A name is durable only when its folder is. */
static enum rc sync_folder(const char *dir, struct err *e)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    int why = errno;

    if (fd >= 0) close(fd);
    return good ? RC_OK : err_set(e, RC_IO, "cannot sync the folder %s: %s", dir, strerror(why));
}

/* --- volumes --- */

/* Check that the file is as it was created: it exists, is a regular file, and is not shorter. */
static enum rc look_at(const char *what, const char *file, int64_t bytes, struct err *e)
{
    struct stat st;

    if (lstat(file, &st) != 0)
        return err_set(e, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "%s is missing: %s: %s", what, file, strerror(errno));
    if (!S_ISREG(st.st_mode)) return err_set(e, RC_INVALID, "%s is not a regular file: %s", what, file);
    if (st.st_size < bytes)
        return err_set(e, RC_INVALID, "%s is too short, %lld of %lld bytes: %s", what, (long long)st.st_size,
                       (long long)bytes, file);
    return RC_OK;
}

static void mark_of(const struct hv_spec *s, const struct hv_volume *v, char out[MARK_BYTES])
{
    snprintf(out, MARK_BYTES, "%s/%s", s->uuid, v->name);
}

static bool has_mark(const struct hv_spec *s, const struct hv_volume *v)
{
    char want[MARK_BYTES], is[MARK_BYTES];
    const ssize_t n = lgetxattr(v->file, mark_name, is, sizeof is);

    mark_of(s, v, want);
    return n > 0 && (size_t)n == strlen(want) && memcmp(is, want, (size_t)n) == 0;
}

/* @return false when this file system has no such attributes */
static bool put_mark(const struct hv_spec *s, const struct hv_volume *v)
{
    char mark[MARK_BYTES];

    mark_of(s, v, mark);
    return lsetxattr(v->file, mark_name, mark, strlen(mark), 0) == 0;
}

static enum rc look_at_volume(const struct hv_spec *s, const struct hv_volume *v, struct err *e)
{
    char what[64];

    snprintf(what, sizeof what, "the volume %s", v->name);
    if (!v->file[0]) return err_set(e, RC_NOT_FOUND, "%s has no file", what);
    enum rc rc = look_at(what, v->file, v->size_kb * 1024, e);
    if (rc || !v->marked || has_mark(s, v)) return rc;
    return err_set(e, RC_INVALID, "%s is another file than the one that was made: %s", what, v->file);
}

static bool is_plain(const char *file)
{
    struct stat st;

    return lstat(file, &st) == 0 && S_ISREG(st.st_mode);
}

bool vm_files_volume_is_there(const struct hv_spec *s, const struct hv_volume *v)
{
    return is_plain(v->file) && (!v->marked || has_mark(s, v));
}

bool vm_files_disk_is_there(const struct hv_spec *s)
{
    return is_plain(s->disk);
}

int64_t vm_files_volume_kb(const struct hv_volume *v)
{
    struct stat st;

    if (!v->file[0]) return 0;
    return lstat(v->file, &st) == 0 && st.st_size / 1024 > v->size_kb ? (int64_t)st.st_size / 1024 : v->size_kb;
}

/*
 * A sparse file. @param flags  O_CREAT
 * O_EXCL for a new one
 */
static enum rc size_volume(const struct hv_volume *v, const char *file, int flags, struct err *e)
{
    int fd = open(file, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, FILE_MODE);
    bool good = fd >= 0 && ftruncate(fd, (off_t)v->quota_kb * 1024) == 0 && fsync(fd) == 0;
    int why = errno;

    if (fd >= 0) close(fd);
    return good ? RC_OK
                : err_set(e, full_or_broken(why), "cannot give the volume %s %lld KiB: %s", v->name,
                          (long long)v->quota_kb, strerror(why));
}

static enum rc make_volume(const struct hv_spec *s, struct hv_volume *v, struct err *e)
{
    char file[sizeof v->file];

    if (snprintf(file, sizeof file, "%s/%s.img", s->dir, v->name) >= (int)sizeof file)
        return err_set(e, RC_LIMIT, "the path of the volume %s is too long", v->name);
    unlink(file); /* left from a creation that was never recorded: no guest has used it */
    enum rc rc = size_volume(v, file, O_CREAT | O_EXCL, e);
    if (rc) return rc;
    memset(v->file, 0, sizeof v->file);
    snprintf(v->file, sizeof v->file, "%s", file);
    v->size_kb = v->quota_kb;
    v->marked = put_mark(s, v);
    return RC_OK;
}

static enum rc grow_volume(const struct hv_spec *s, struct hv_volume *v, struct err *e)
{
    enum rc rc = look_at_volume(s, v, e);

    if (!rc) rc = size_volume(v, v->file, 0, e);
    if (!rc) v->size_kb = v->quota_kb;
    return rc;
}

enum rc vm_files_make(struct vm *vm, bool *made, struct err *e)
{
    enum rc rc = RC_OK;

    *made = false;
    for (int i = 0; !rc && i < vm->pub.want.n_volumes; i++) {
        struct hv_volume *v = &vm->pub.want.volumes[i];
        if (v->file[0] && v->quota_kb <= v->size_kb) continue; /* what is there is never cut off */
        rc = v->file[0] ? grow_volume(&vm->pub.want, v, e) : make_volume(&vm->pub.want, v, e);
        *made = true;
    }
    return rc || !*made ? rc : sync_folder(vm->pub.want.dir, e);
}

enum rc vm_files_check(const struct vm *vm, struct err *e)
{
    const struct hv_spec *s = &vm->pub.want;
    enum rc rc = RC_OK;

    if (s->disk[0]) rc = look_at("the system disk", s->disk, 1, e);
    if (!rc && s->kernel[0]) rc = look_at("the kernel", s->kernel, 1, e);
    if (!rc && s->initrd[0]) rc = look_at("the initrd", s->initrd, 0, e);
    for (int i = 0; !rc && i < s->n_volumes; i++) rc = look_at_volume(s, &s->volumes[i], e);
    return rc;
}

/* --- room --- */

/* What the volumes in one VM's folder take up already. */
static int64_t written_kb(int folder)
{
    DIR *d = folder >= 0 ? fdopendir(folder) : NULL;
    struct stat st;
    int64_t kb = 0;

    if (!d && folder >= 0) close(folder);
    for (struct dirent *f; d && (f = readdir(d)) != NULL;) {
        const size_t n = strlen(f->d_name);
        if (n > 4 && strcmp(f->d_name + n - 4, ".img") == 0 &&
            fstatat(dirfd(d), f->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            kb += (int64_t)st.st_blocks / 2;
    }
    if (d) closedir(d);
    return kb;
}

int64_t vm_files_room_kb(const struct vm_world *w)
{
    struct statvfs disk;
    DIR *d = opendir(w->vms_dir);
    int64_t unwritten_kb = w->volumes_kb;

    for (struct dirent *f; d && (f = readdir(d)) != NULL;)
        if (f->d_name[0] != '.')
            unwritten_kb -= written_kb(openat(dirfd(d), f->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (d) closedir(d);
    if (statvfs(w->vms_dir, &disk) != 0) return -1;
    const int64_t room_kb = (int64_t)(disk.f_bavail * (disk.f_frsize / 1024)) - (unwritten_kb > 0 ? unwritten_kb : 0);
    return room_kb > 0 ? room_kb : 0;
}

bool vm_files_is_full(const struct vm_world *w)
{
    struct statvfs disk;

    return statvfs(w->vms_dir, &disk) == 0 && disk.f_bavail * (disk.f_frsize / 1024) < FULL_BELOW_KB;
}

static bool is_wanted(const struct vm *vm, const char *name)
{
    for (int i = 0; i < vm->pub.want.n_volumes; i++)
        if (strcmp(vm->pub.want.volumes[i].name, name) == 0) return true;
    return false;
}

/* Truncated first, which frees blocks that another process holds open. */
static void remove_file(const char *file)
{
    int fd = open(file, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0 && ftruncate(fd, 0) != 0) errno = 0; /* not a regular file */
    if (fd >= 0) close(fd);
    unlink(file);
}

void vm_files_drop_volumes(struct vm *vm)
{
    for (int i = 0; i < vm->pub.effective.n_volumes; i++)
        if (vm->pub.effective.volumes[i].file[0] && !is_wanted(vm, vm->pub.effective.volumes[i].name))
            remove_file(vm->pub.effective.volumes[i].file);
}

/* --- the image's files --- */

static void read_cmdline(struct vm *vm)
{
    char file[640];

    vm->pub.want.cmdline[0] = '\0';
    snprintf(file, sizeof file, "%s/cmdline", vm->pub.want.dir);
    FILE *f = fopen(file, "re");
    if (!f) return;
    size_t n = fread(vm->pub.want.cmdline, 1, sizeof vm->pub.want.cmdline - 1, f);
    fclose(f);
    vm->pub.want.cmdline[n] = '\0';
    vm->pub.want.cmdline[strcspn(vm->pub.want.cmdline, "\r\n")] = '\0';
}

void vm_work_end(struct vm *vm)
{
    struct vm_work *k = &vm->priv.work;

    if (k->open) {
        if (k->from >= 0) close(k->from);
        if (k->to >= 0) close(k->to);
    }
    *k = (struct vm_work){ 0 };
}

static enum rc begin_copy(struct vm *vm, const char *file, struct err *e)
{
    struct vm_work *k = &vm->priv.work;
    char to[640];

    snprintf(to, sizeof to, "%s/%s", vm->pub.want.dir, unfinished);
    unlink(to);
    *k = (struct vm_work){ .open = true, .from = open(file, O_RDONLY | O_CLOEXEC) };
    k->to = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (k->from >= 0 && k->to >= 0) return RC_OK;
    return err_set(e, full_or_broken(errno), "cannot copy the image to %s: %s", to, strerror(errno));
}

/* Copy the next bytes. @return as read(2) */
static ssize_t copy_chunk(struct vm_work *k)
{
    char chunk[COPY_CHUNK];
    ssize_t n = read(k->from, chunk, sizeof chunk);

    for (ssize_t done = 0, w; done < n; done += w)
        if ((w = write(k->to, chunk + done, (size_t)(n - done))) < 0) return -1;
    return n;
}

static enum rc end_copy(struct vm *vm, struct err *e)
{
    struct hv_spec *s = &vm->pub.want;
    char from[640];

    snprintf(from, sizeof from, "%s/%s", s->dir, unfinished);
    snprintf(s->disk, sizeof s->disk, "%.480s/system.%s", s->dir, vm->pub.image.format);
    snprintf(s->disk_format, sizeof s->disk_format, "%s", vm->pub.image.format);
    if (fsync(vm->priv.work.to) != 0 || rename(from, s->disk) != 0)
        return err_set(e, full_or_broken(errno), "cannot make %s: %s", s->disk, strerror(errno));
    return sync_folder(s->dir, e);
}

static enum rc copy_some(struct vm *vm, const char *file, bool *done, struct err *e)
{
    struct vm_work *k = &vm->priv.work;
    enum rc rc = k->open ? RC_OK : begin_copy(vm, file, e);
    ssize_t n = 1;

    for (int64_t budget = COPY_BYTES; !rc && n > 0 && budget > 0; budget -= n) {
        n = copy_chunk(k);
        if (n < 0) rc = err_set(e, full_or_broken(errno), "cannot copy the image: %s", strerror(errno));
    }
    *done = !rc && n == 0;
    if (*done) rc = end_copy(vm, e);
    if (rc || *done) vm_work_end(vm);
    return rc;
}

static enum rc unpack(struct vm *vm, const char *file, struct err *e)
{
    struct hv_spec *s = &vm->pub.want;
    enum rc rc = bundle_unpack(file, s->dir, e);

    if (rc) return rc;
    snprintf(s->kernel, sizeof s->kernel, "%.480s/kernel", s->dir);
    snprintf(s->initrd, sizeof s->initrd, "%.480s/initrd", s->dir);
    read_cmdline(vm);
    if (access(s->initrd, R_OK) != 0) s->initrd[0] = '\0';
    return sync_folder(s->dir, e);
}

enum rc vm_files_install(struct vm *vm, const struct vm_world *w, const char *file, bool *done, struct err *e)
{
    struct hv_spec *s = &vm->pub.want;

    snprintf(s->dir, sizeof s->dir, "%s/%s", w->vms_dir, s->uuid);
    if (mkdir(s->dir, FOLDER_MODE) != 0 && errno != EEXIST)
        return err_set(e, full_or_broken(errno), "cannot make %s: %s", s->dir, strerror(errno));
    *done = true;
    if (strncmp(file, "sim:", 4) == 0) return RC_OK; /* images of the simulation are not files */
    if (strcmp(vm->pub.image.format, "bundle") == 0) return unpack(vm, file, e);
    if (strcmp(vm->pub.image.format, "raw") == 0 || strcmp(vm->pub.image.format, "qcow2") == 0)
        return copy_some(vm, file, done, e);
    return err_set(e, RC_UNSUPPORTED, "image format \"%s\" is not supported; supported: bundle, raw, qcow2",
                   vm->pub.image.format);
}

/* --- the end --- */

void vm_files_forget(struct vm *vm)
{
    struct hv_spec *both[] = { &vm->pub.want, &vm->pub.effective };

    for (size_t k = 0; k < 2; k++) {
        struct hv_spec *s = both[k];
        memset(s->kernel, 0, sizeof s->kernel);
        memset(s->initrd, 0, sizeof s->initrd);
        memset(s->cmdline, 0, sizeof s->cmdline);
        memset(s->disk, 0, sizeof s->disk);
        memset(s->disk_format, 0, sizeof s->disk_format);
        memset(s->dir, 0, sizeof s->dir);
        for (int i = 0; i < s->n_volumes; i++) {
            memset(s->volumes[i].file, 0, sizeof s->volumes[i].file);
            s->volumes[i].size_kb = 0;
            s->volumes[i].marked = false;
        }
    }
}

static bool remove_folder(const char *dir)
{
    char file[1024];
    DIR *d = opendir(dir);

    for (struct dirent *f; d && (f = readdir(d)) != NULL;)
        if (strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0) {
            snprintf(file, sizeof file, "%s/%s", dir, f->d_name);
            remove_file(file);
        }
    if (d) closedir(d);
    return rmdir(dir) == 0 || errno == ENOENT;
}

bool vm_files_remove(struct vm *vm, const struct vm_world *w)
{
    char dir[sizeof vm->pub.want.dir];

    vm_work_end(vm);
    if (!vm_has_files(w)) return true;
    if (snprintf(dir, sizeof dir, "%s/%s", w->vms_dir, vm->pub.want.uuid) >= (int)sizeof dir) return false;
    vm_files_forget(vm);
    return remove_folder(dir);
}

/* Is the name a UUID, and so a VM's folder? */
static bool is_folder_of_a_vm(const char *name)
{
    return strlen(name) == HV_UUID_BYTES - 1 && strspn(name, "0123456789abcdef-") == HV_UUID_BYTES - 1;
}

unsigned vm_files_sweep(const char *vms_dir, bool (*belongs)(void *ctx, const char *uuid), void *ctx)
{
    char dir[1024];
    unsigned n = 0;
    DIR *d = vms_dir && vms_dir[0] ? opendir(vms_dir) : NULL;

    for (struct dirent *f; d && (f = readdir(d)) != NULL;) {
        if (!is_folder_of_a_vm(f->d_name) || belongs(ctx, f->d_name)) continue;
        snprintf(dir, sizeof dir, "%s/%s", vms_dir, f->d_name);
        n += remove_folder(dir);
    }
    if (d) closedir(d);
    return n;
}

/* --- the guest's console --- */

bool vm_files_panic(const struct vm *vm, char out[160])
{
    char file[sizeof vm->pub.want.dir + 16], tail[PANIC_TAIL_BYTES + 1], *line, *rest = tail;
    struct stat st;
    bool found = false;

    snprintf(file, sizeof file, "%s/console.log", vm->pub.want.dir);
    int fd = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t n = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)
                    ? pread(fd, tail, PANIC_TAIL_BYTES,
                            st.st_size > PANIC_TAIL_BYTES ? st.st_size - PANIC_TAIL_BYTES : 0)
                    : -1;
    if (fd >= 0) close(fd);
    tail[n > 0 ? n : 0] = '\0';
    while ((line = strtok_r(rest, "\r\n", &rest)) != NULL)
        if (strstr(line, "panic") && !strstr(line, "+0x") && !strstr(line, "---[")) { /* not its trace or its end */
            for (char *p = line; *p; p++)
                if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e) *p = '?';
            snprintf(out, 160, "%.159s", line);
            found = true;
        }
    return found;
}
