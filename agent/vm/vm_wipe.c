/* SPDX-License-Identifier: Apache-2.0 */
#include "base/erase.h"
#include "agent/vm/vm_int.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A wipe (c.5.2 rows 34 and 40), and the removal of a VM's files by Delete. Each file in scope is overwritten where it
 * has data, read back, truncated and unlinked; then the folder is listed. This is done in portions of some megabytes,
 * so that the agent's loop continues. No progress is recorded: files that exist remain to be destroyed, also after a
 * power cut.
 *
 * Scopes (c.3.10): listed = the marked entries of AvailableWipeList; user = everything that the guest could write to;
 * all = also volumes that it could only read, and the files unpacked from the image. The guest's saved memory holds
 * parts of each of them and is always removed.
 */

enum { SLICE_BYTES = 8 << 20, SLICE_FILES = 16 };

/* --- scope --- */

static bool is_named(const struct vm_operation *o, const char *name)
{
    for (int i = 0; i < o->n_wipe; i++)
        if (strcmp(o->wipe[i].text, name) == 0) return true;
    return false;
}

static void add_name(struct vm_operation *o, const char *name)
{
    if (o->n_wipe == VM_WIPE_NAMES || is_named(o, name)) return;
    snprintf(o->wipe[o->n_wipe++].text, sizeof o->wipe[0].text, "%s", name);
}

static bool there_is(const struct vm *vm, const char *name)
{
    for (int i = 0; i < vm->pub.want.n_volumes; i++)
        if (strcmp(vm->pub.want.volumes[i].name, name) == 0) return true;
    return strcmp(name, VM_WIPE_DISK) == 0 || strcmp(name, VM_WIPE_CONSOLE) == 0 || strcmp(name, VM_WIPE_MEMORY) == 0;
}

bool vm_wipe_resolve(struct vm *vm)
{
    struct vm_operation *o = &vm->priv.operation;

    if (o->n_wipe) return true; /* continued after a restart */
    if (o->scope == VM_SCOPE_LISTED) {
        for (int i = 0; i < vm->pub.n_to_wipe; i++)
            if (there_is(vm, vm->pub.to_wipe[i].text)) add_name(o, vm->pub.to_wipe[i].text);
        return o->n_wipe > 0;
    }
    for (int i = 0; i < vm->pub.want.n_volumes; i++)
        if (o->scope == VM_SCOPE_ALL || !vm->pub.want.volumes[i].read_only) add_name(o, vm->pub.want.volumes[i].name);
    add_name(o, VM_WIPE_DISK);
    add_name(o, VM_WIPE_CONSOLE);
    if (o->scope == VM_SCOPE_ALL) add_name(o, VM_WIPE_IMAGE);
    return true;
}

/* --- what is not at its place --- */

static void add_lost(struct vm_operation *o, const char *name)
{
    if (o->n_lost < VM_WIPE_NAMES) snprintf(o->lost[o->n_lost++].text, sizeof o->lost[0].text, "%s", name);
}

void vm_wipe_note_lost(struct vm *vm)
{
    struct vm_operation *o = &vm->priv.operation;
    const struct hv_spec *s = &vm->pub.want;

    for (int i = 0; i < s->n_volumes; i++)
        if ((!o->n_wipe || is_named(o, s->volumes[i].name)) && s->volumes[i].file[0] &&
            !vm_files_volume_is_there(s, &s->volumes[i]))
            add_lost(o, s->volumes[i].name);
    if ((!o->n_wipe || is_named(o, VM_WIPE_DISK)) && s->disk[0] && !vm_files_disk_is_there(s))
        add_lost(o, VM_WIPE_DISK);
}

/* What of the wipe list a file of the folder holds; its volume's name, or a class. */
static void holds(const char *file, char out[HV_NAME_BYTES])
{
    static const struct {
        const char *begin, *class;
    } row[] = { { "console.log", VM_WIPE_CONSOLE },
                { "system.", VM_WIPE_DISK },
                { "kernel", VM_WIPE_IMAGE },
                { "initrd", VM_WIPE_IMAGE },
                { "cmdline", VM_WIPE_IMAGE } };
    const size_t n = strlen(file);

    if (n > 4 && n - 4 < HV_NAME_BYTES && strcmp(file + n - 4, ".img") == 0) {
        snprintf(out, HV_NAME_BYTES, "%.*s", (int)(n - 4), file);
        return;
    }
    snprintf(out, HV_NAME_BYTES, "%s", VM_WIPE_MEMORY);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        if (strncmp(file, row[i].begin, strlen(row[i].begin)) == 0) snprintf(out, HV_NAME_BYTES, "%s", row[i].class);
}

/* A volume that is no longer requested is always in scope. */
static bool in_scope(const struct vm *vm, const char *file)
{
    const struct vm_operation *o = &vm->priv.operation;
    char what[HV_NAME_BYTES];

    if (strcmp(file, ".") == 0 || strcmp(file, "..") == 0) return false;
    if (!o->n_wipe) return true; /* Delete: all of it */
    holds(file, what);
    if (strcmp(what, VM_WIPE_MEMORY) == 0) return true;
    return is_named(o, what) ||
           (o->scope != VM_SCOPE_LISTED && strcmp(what, VM_WIPE_IMAGE) != 0 && !there_is(vm, what));
}

/* --- destroying one file --- */

static enum rc lost(struct err *e, const char *what, const char *name)
{
    return err_set(e, RC_IO, "%s: %s: %s", name, what, strerror(errno));
}

static enum rc unlink_and_look(int dir, const char *name, struct err *e)
{
    struct stat st;

    if (unlinkat(dir, name, 0) != 0) return lost(e, "cannot be removed", name);
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT
               ? RC_OK
               : err_set(e, RC_IO, "%s: still exists after it was removed", name);
}

/* Sockets and links hold no data. A folder is never the agent's own, and is reported. */
static enum rc open_victim(struct vm_work *k, int dir, const char *name, struct err *e)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return lost(e, "cannot be looked at", name);
    if (S_ISDIR(st.st_mode)) return err_set(e, RC_IO, "%s: is a folder", name);
    if (!S_ISREG(st.st_mode)) return unlink_and_look(dir, name, e);
    *k = (struct vm_work){ .open = true, .from = -1, .to = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC) };
    snprintf(k->name, sizeof k->name, "%s", name);
    if (k->to >= 0) return RC_OK;
    k->open = false;
    return lost(e, "cannot be opened", name);
}

/* @return RC_OK; the file is removed when `budget` is not used up */
static enum rc destroy_some(struct vm *vm, int dir, bool overwrite, int64_t *budget, struct err *e)
{
    struct vm_work *k = &vm->priv.work;
    enum rc rc = RC_OK;
    bool done = false;
    off_t at = (off_t)k->at;

    if (overwrite)
        rc = erase_some(k->to, k->name, &at, budget, &done, e);
    else if (ftruncate(k->to, 0) != 0) /* frees the blocks for processes that still have it open */
        rc = lost(e, "cannot be emptied", k->name);
    k->at = at;
    if (!rc && overwrite && !done) return RC_OK; /* continued next time */
    if (!rc) rc = unlink_and_look(dir, k->name, e);
    vm_work_end(vm);
    return rc;
}

/* --- all of them --- */

static bool find_victim(const struct vm *vm, int folder, char name[256])
{
    int fd = dup(folder);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    bool found = false;

    if (!d && fd >= 0) close(fd);
    if (!d) return false;
    rewinddir(d);
    for (struct dirent *f; !found && (f = readdir(d)) != NULL;) {
        found = in_scope(vm, f->d_name);
        if (found) snprintf(name, 256, "%.255s", f->d_name);
    }
    closedir(d);
    return found;
}

/* The remaining files, for display: "userdata.img, console.log". */
static void name_what_is_left(const struct vm *vm, int folder, struct err *e)
{
    char left[128] = "", why[160];
    int fd = dup(folder);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

    if (!d && fd >= 0) close(fd);
    if (!d) return;
    rewinddir(d);
    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        size_t n = strlen(left);
        if (in_scope(vm, f->d_name) && n < sizeof left)
            snprintf(left + n, sizeof left - n, "%s%.60s", n ? ", " : "", f->d_name);
    }
    closedir(d);
    snprintf(why, sizeof why, "%.155s", e->text);
    err_clear(e);
    err_set(e, RC_IO, "%s; remaining: %s", why, left);
}

/** @return RC_OK with *done when nothing in scope remains */
static enum rc destroy(struct vm *vm, bool overwrite, bool *done, struct err *e)
{
    struct vm_work *k = &vm->priv.work;
    int64_t budget = SLICE_BYTES;
    char name[256];
    enum rc rc = RC_OK;
    int dir = vm->pub.want.dir[0] ? open(vm->pub.want.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    *done = false;
    if (dir < 0 && vm->pub.want.dir[0] && errno != ENOENT) return lost(e, "cannot be opened", vm->pub.want.dir);
    for (int i = 0; dir >= 0 && !rc && i < SLICE_FILES && budget > 0; i++) {
        if (!k->open && !find_victim(vm, dir, name)) {
            *done = true;
            break;
        }
        if (!k->open) rc = open_victim(k, dir, name, e);
        if (!rc && k->open) rc = destroy_some(vm, dir, overwrite, &budget, e);
    }
    if (dir < 0)
        *done = true; /* no file ever existed */
    else if (!rc && *done && fsync(dir) != 0)
        rc = lost(e, "cannot be synced", vm->pub.want.dir);
    if (rc) {
        *done = false;
        vm_work_end(vm);
        name_what_is_left(vm, dir, e);
    }
    if (dir >= 0) close(dir);
    return rc;
}

enum rc vm_wipe_some(struct vm *vm, bool *done, struct err *e)
{
    return destroy(vm, true, done, e);
}

enum rc vm_delete_some(struct vm *vm, bool *done, struct err *e)
{
    enum rc rc = destroy(vm, !vm->priv.operation.keeps_data, done, e);

    if (rc || !*done || !vm->pub.want.dir[0]) return rc;
    return rmdir(vm->pub.want.dir) == 0 || errno == ENOENT ? RC_OK : lost(e, "cannot be removed", vm->pub.want.dir);
}

/* Remove deleted files from the record. */
static void forget_volumes(struct hv_spec *s, const struct vm_operation *o)
{
    for (int i = 0; i < s->n_volumes; i++)
        if (is_named(o, s->volumes[i].name)) {
            memset(s->volumes[i].file, 0, sizeof s->volumes[i].file);
            s->volumes[i].size_kb = 0;
            s->volumes[i].marked = false;
        }
}

static void forget_image(struct hv_spec *s, bool disk, bool copies)
{
    if (disk) {
        memset(s->disk, 0, sizeof s->disk);
        memset(s->disk_format, 0, sizeof s->disk_format);
    }
    if (!copies) return;
    memset(s->kernel, 0, sizeof s->kernel);
    memset(s->initrd, 0, sizeof s->initrd);
    memset(s->cmdline, 0, sizeof s->cmdline);
}

void vm_wipe_forget(struct vm *vm)
{
    const struct vm_operation *o = &vm->priv.operation;
    const bool disk = is_named(o, VM_WIPE_DISK) && vm->pub.want.disk[0],
               copies = is_named(o, VM_WIPE_IMAGE) && vm->pub.want.kernel[0];

    vm->pub.reinstall = vm->pub.reinstall || disk || copies;
    forget_volumes(&vm->pub.want, o);
    forget_volumes(&vm->pub.effective, o);
    forget_image(&vm->pub.want, disk, copies);
    forget_image(&vm->pub.effective, disk, copies);
    vm->pub.before_lock = vm->pub.before_lock ? VM_STOPPED : VM_UNDEFINED; /* what the lock stopped no longer exists */
    if (o->scope == VM_SCOPE_LISTED) return;
    memset(vm->pub.crash_info, 0, sizeof vm->pub.crash_info); /* a guest's console line may contain any data */
}

/* Said once: whoever wipes or removes it again knows. */
static void forget_lost(struct vm *vm)
{
    struct vm_operation *o = &vm->priv.operation, lost = { .n_wipe = o->n_lost };

    memcpy(lost.wipe, o->lost, sizeof lost.wipe);
    const bool disk = is_named(&lost, VM_WIPE_DISK);
    vm->pub.reinstall = vm->pub.reinstall || disk;
    forget_volumes(&vm->pub.want, &lost);
    forget_volumes(&vm->pub.effective, &lost);
    forget_image(&vm->pub.want, disk, false);
    forget_image(&vm->pub.effective, disk, false);
    o->n_lost = 0;
}

void vm_wipe_tell_lost(struct vm *vm, char out[200])
{
    const struct vm_operation *o = &vm->priv.operation;
    size_t n = 0;

    out[0] = '\0';
    for (int i = 0; i < o->n_lost && n < 100; i++)
        n += (size_t)snprintf(out + n, 200 - n, "%s%s",
                              n ? ", " : "not destroyed, because it was not at its place: ", o->lost[i].text);
    if (n) snprintf(out + n, 200 - n, "; what it held may be elsewhere");
    forget_lost(vm);
}
