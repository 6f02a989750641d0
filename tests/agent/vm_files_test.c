/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's files, looked at from outside: what a guest was given it finds again after a restart, or does not start; what was wiped
 * is nowhere in the files any more. */
#define _GNU_SOURCE /* memmem, nftw */
#include "agent/vm/vm_int.h"
#include "tests/agent/vm_said.h"
#include "tests/lib/test.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHA     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define UUID    "11111111-2222-3333-4444-555555555555"
#define PATTERN "the-payroll-of-acme-2026"

struct files_rig {
    struct arena a;
    struct ddf_layout *layout;
    struct vm *vm;
    struct vm_world w;
    struct vm_sink sink;
    char dir[64], vms[96], images[96], said[16384];
    struct buf record; /* as committed */
    int gone, completes, last_result;
};

static void on_save(void *ctx, struct vm *vm)
{
    struct files_rig *r = ctx;
    buf_reset(&r->record);
    CU_ASSERT_EQUAL(vm_save(vm, &r->record), RC_OK);
}

static void on_event(void *ctx, struct vm *vm, const struct vm_event *ev)
{
    struct files_rig *r = ctx;
    vm_said(r->said, sizeof r->said, vm, ev);
    if (ev->kind != VM_EV_COMPLETE) return;
    r->completes++;
    r->last_result = ev->result;
}

static void on_gone(void *ctx, struct vm *vm)
{
    (void)vm;
    ((struct files_rig *)ctx)->gone++;
}

static void describe(struct vm *vm)
{
    vm->pub.want.vcpus = vm->pub.want.max_vcpus = 1;
    vm->pub.want.mem_kb = vm->pub.want.mem_max_kb = 131072;
    vm->pub.want.heartbeat = true;
    vm->pub.want.n_volumes = 2;
    vm->pub.want.volumes[0] = (struct hv_volume){ .name = "userdata", .quota_kb = 1024, .iops = 100, .kbps = 2000 };
    vm->pub.want.volumes[1] = (struct hv_volume){ .name = "cache", .quota_kb = 64 };
    vm->pub.image = (struct vm_image){
        .id = "img", .sha256 = SHA, .url = "x", .format = "raw", .size_bytes = 65536, .known = true
    };
}

static void open_rig(struct files_rig *r)
{
    char file[1024];
    struct err e = { 0 };
    const char *source = getenv("DMVISOR_SOURCE");
    memset(r, 0, sizeof *r);
    snprintf(r->dir, sizeof r->dir, "%s/dmvisor-files-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(r->dir));
    snprintf(r->vms, sizeof r->vms, "%s/vms", r->dir);
    snprintf(r->images, sizeof r->images, "%s/images", r->dir);
    CU_ASSERT_FATAL(mkdir(r->vms, 0700) == 0 && mkdir(r->images, 0700) == 0);
    arena_init(&r->a, 16 << 20);
    buf_init(&r->record, 0);
    snprintf(file, sizeof file, "%s/ddf/layout/x-virmo-1.0.yaml", source ? source : ".");
    CU_ASSERT_FATAL(ddf_layout_load(file, &r->a, &r->layout, &e) == RC_OK);
    r->sink = (struct vm_sink){ r, on_save, on_event, on_gone };
    r->w = (struct vm_world){ .hv = hv_sim_create(100, 1),
                              .loader = download_sim_files(r->images),
                              .layout = r->layout,
                              .sink = &r->sink,
                              .now_ms = 1000000,
                              .images_dir = r->images,
                              .vms_dir = r->vms };
    CU_ASSERT_FATAL(r->w.hv && r->w.loader && vm_create("corp", UUID, 0, &r->vm) == RC_OK);
    hv_sim_advance(r->w.hv, r->w.now_ms);
    describe(r->vm);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st, (void)type, (void)f;
    return remove(path);
}

static void close_rig(struct files_rig *r)
{
    vm_destroy(r->vm);
    r->w.hv->class->destroy(r->w.hv);
    download_destroy(r->w.loader);
    arena_finish(&r->a);
    buf_finish(&r->record);
    nftw(r->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void step(struct files_rig *r)
{
    struct hv_event ev;
    struct download_event le;
    hv_sim_advance(r->w.hv, r->w.now_ms);
    while (download_next(r->w.loader, &le)) vm_loader_event(r->vm, &r->w, &le);
    while (r->w.hv->class->next(r->w.hv, &ev)) vm_hv_event(r->vm, &r->w, &ev);
    if (!r->gone) vm_tick(r->vm, &r->w);
    r->w.now_ms += 50;
}

static void pass(struct files_rig *r, int64_t ms)
{
    for (int64_t end = r->w.now_ms + ms; r->w.now_ms < end;) step(r);
}

static int op(struct files_rig *r, const char *name, const char *args, const char *correlator)
{
    return vm_operation(r->vm, &r->w, name, str_of(args), correlator, "dm.example.net");
}

static void do_op(struct files_rig *r, const char *name, const char *args, int result)
{
    static int serial;
    char correlator[32];
    const int before = r->completes;
    snprintf(correlator, sizeof correlator, "c%d", ++serial);
    CU_ASSERT_EQUAL(op(r, name, args, correlator), 202);
    pass(r, 10000);
    CU_ASSERT_EQUAL(r->completes, before + 1);
    CU_ASSERT_EQUAL(r->last_result, result);
    if (r->last_result != result)
        fprintf(stderr, "%s %s: %d, expected %d: %s\n", name, args, r->last_result, result, r->vm->pub.progress.text);
}

/* The agent ends without a word; what was recorded last is what there is. */
static void restart(struct files_rig *r, bool power_cut)
{
    struct err e = { 0 };
    enum hv_state seen;
    vm_destroy(r->vm);
    r->vm = NULL;
    if (power_cut)
        hv_sim_power_cut(r->w.hv);
    else
        hv_sim_forsake(r->w.hv);
    CU_ASSERT_EQUAL_FATAL(vm_load(buf_str(&r->record), &r->vm, &e), RC_OK);
    CU_ASSERT_EQUAL(r->w.hv->class->state(r->w.hv, UUID, &seen, NULL), RC_OK);
    vm_recover(r->vm, &r->w, seen);
}

/* --- looking from outside --- */

static const char *path(const struct files_rig *r, const char *name)
{
    static char file[4][512];
    static int at;
    at = (at + 1) % 4;
    snprintf(file[at], sizeof file[at], "%s/" UUID "%s%s", r->vms, name[0] ? "/" : "", name);
    return file[at];
}

static long size_of(const struct files_rig *r, const char *name)
{
    struct stat st;
    return stat(path(r, name), &st) == 0 ? (long)st.st_size : -1;
}

/* Somebody's data, at several places of a file. */
static void plant(const struct files_rig *r, const char *name)
{
    int fd = open(path(r, name), O_WRONLY | O_CREAT, 0600);
    struct stat st;
    CU_ASSERT_FATAL(fd >= 0 && fstat(fd, &st) == 0);
    for (off_t at = 100; at == 100 || at + 100 < st.st_size; at += 40000)
        CU_ASSERT_EQUAL(pwrite(fd, PATTERN, strlen(PATTERN), at), (ssize_t)strlen(PATTERN));
    close(fd);
}

static bool fd_has(int fd)
{
    static char bytes[64 << 20];
    ssize_t n = pread(fd, bytes, sizeof bytes, 0);
    return n > 0 && memmem(bytes, (size_t)n, PATTERN, strlen(PATTERN)) != NULL;
}

static bool has(const struct files_rig *r, const char *name)
{
    int fd = open(path(r, name), O_RDONLY);
    bool found = fd >= 0 && fd_has(fd);
    if (fd >= 0) close(fd);
    return found;
}

static int found_files;
static int look_for_pattern(const char *file, const struct stat *st, int type, struct FTW *f)
{
    int fd = type == FTW_F && S_ISREG(st->st_mode) ? open(file, O_RDONLY) : -1;
    (void)f;
    if (fd >= 0 && fd_has(fd)) found_files++;
    if (fd >= 0) close(fd);
    return 0;
}

/* Files anywhere below the agent's folder that have the pattern. */
static int anywhere(const struct files_rig *r)
{
    found_files = 0;
    nftw(r->dir, look_for_pattern, 8, FTW_PHYS);
    return found_files;
}

/* --- volumes stay --- */

static void a_guest_finds_its_volumes_again(void)
{
    for (int cut = 0; cut < 2; cut++) {
        struct files_rig r;
        open_rig(&r);
        do_op(&r, "provision", "start=1", 1200);
        CU_ASSERT_EQUAL(size_of(&r, "userdata.img"), 1024 << 10);
        CU_ASSERT_EQUAL(size_of(&r, "cache.img"), 64 << 10);
        plant(&r, "userdata.img");
        plant(&r, "system.raw");
        const struct hv_spec before = r.vm->pub.want;
        restart(&r, cut);
        CU_ASSERT(memcmp(&before, &r.vm->pub.want, sizeof before) == 0); /* NOLINT: written as a whole */
        pass(&r, 10000);
        CU_ASSERT_EQUAL(r.vm->pub.state, VM_RUNNING);
        do_op(&r, "stop", "", 1200);
        do_op(&r, "start", "", 1200);
        CU_ASSERT(has(&r, "userdata.img") && has(&r, "system.raw"));
        close_rig(&r);
    }
}

/* How a volume is lost, and what is said of it. */
static void lose(const struct files_rig *r, int how)
{
    const char *file = path(r, "userdata.img");
    if (how == 0 || how >= 2) unlink(file);
    if (how == 1) CU_ASSERT_EQUAL(truncate(file, 1000 << 10), 0);
    if (how == 2) CU_ASSERT_EQUAL(symlink("/etc/passwd", file), 0);
    if (how == 3) CU_ASSERT_EQUAL(mkdir(file, 0700), 0);
    if (how == 4) CU_ASSERT_EQUAL(mkfifo(file, 0600), 0);
}

static void a_vm_without_one_of_its_volumes_does_not_start(void)
{
    static const char *const why[] = { "is missing", "is too short, 1024000 of 1048576 bytes", "is not a regular file",
                                       "is not a regular file", "is not a regular file" };
    for (int how = 0; how < 5; how++) {
        struct files_rig r;
        struct stat before, after;
        open_rig(&r);
        do_op(&r, "provision", "", 1200);
        lose(&r, how);
        const int there = lstat(path(&r, "userdata.img"), &before);
        do_op(&r, "start", "", 1428);
        CU_ASSERT_EQUAL(r.vm->pub.state, VM_STOPPED);
        CU_ASSERT_PTR_NOT_NULL(strstr(r.vm->pub.progress.text, "userdata"));
        CU_ASSERT_PTR_NOT_NULL(strstr(r.vm->pub.progress.text, why[how]));
        CU_ASSERT_EQUAL(lstat(path(&r, "userdata.img"), &after), there); /* and nothing was put in its place */
        CU_ASSERT(there || (before.st_ino == after.st_ino && before.st_size == after.st_size));
        restart(&r, true);
        do_op(&r, "start", "", 1428);
        close_rig(&r);
    }
}

static void a_vm_without_its_system_disk_does_not_start(void)
{
    struct files_rig r;
    open_rig(&r);
    do_op(&r, "provision", "", 1200);
    unlink(path(&r, "system.raw"));
    do_op(&r, "start", "", 1428);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.vm->pub.progress.text, "the system disk is missing"));
    close_rig(&r);
}

static void nothing_else_starts_it_either(void)
{
    static const struct {
        const char *before, *op;
        int result, state;
    } row[] = { { "", "reset", 1433, 30 },
                { "", "reboot", 1433, 30 },
                { "suspend", "resume", 1431, 80 },
                { "suspend", "start", 0, 80 } };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct files_rig r;
        open_rig(&r);
        do_op(&r, "provision", "start=1", 1200);
        if (row[i].before[0]) do_op(&r, row[i].before, "", 1200);
        lose(&r, 1);
        if (row[i].result)
            do_op(&r, row[i].op, "", row[i].result);
        else
            CU_ASSERT_EQUAL(op(&r, row[i].op, "", "x"), 1410);
        CU_ASSERT_EQUAL((int)r.vm->pub.state, row[i].state);
        close_rig(&r);
    }
}

static void new_and_larger_volumes_come_with_the_next_start(void)
{
    struct files_rig r;
    open_rig(&r);
    do_op(&r, "provision", "", 1200);
    plant(&r, "userdata.img");
    r.vm->pub.want.volumes[0].quota_kb = 2048;
    r.vm->pub.want.volumes[r.vm->pub.want.n_volumes++] = (struct hv_volume){ .name = "more", .quota_kb = 16 };
    vm_resources_changed(r.vm, &r.w);
    do_op(&r, "start", "", 1200);
    CU_ASSERT_EQUAL(size_of(&r, "userdata.img"), 2048 << 10);
    CU_ASSERT_EQUAL(size_of(&r, "more.img"), 16 << 10);
    CU_ASSERT(has(&r, "userdata.img"));
    do_op(&r, "stop", "", 1200);
    unlink(path(&r, "more.img")); /* from now on it is one of its volumes as any other */
    do_op(&r, "start", "", 1428);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.vm->pub.progress.text, "more"));
    r.vm->pub.want.n_volumes = 2; /* one that is taken out is gone, with its data */
    plant(&r, "more.img");
    vm_resources_changed(r.vm, &r.w);
    CU_ASSERT_EQUAL(size_of(&r, "more.img"), -1);
    do_op(&r, "start", "", 1200);
    close_rig(&r);
}

/* --- wipe --- */

static const char *const everything[] = { "userdata.img", "cache.img",  "system.raw",
                                          "console.log",  "memory.sav", "console.log.0" };
enum { FILES = sizeof everything / sizeof everything[0] };

static void bring_up_and_plant(struct files_rig *r, int held[FILES])
{
    open_rig(r);
    do_op(r, "provision", "start=1", 1200);
    do_op(r, "suspend", "", 1200);
    for (size_t i = 0; i < FILES; i++) {
        plant(r, everything[i]);
        held[i] = open(path(r, everything[i]), O_RDONLY);
        CU_ASSERT(fd_has(held[i]));
    }
    CU_ASSERT_EQUAL(anywhere(r), FILES);
}

static void let_go(struct files_rig *r, int held[FILES])
{
    for (size_t i = 0; i < FILES; i++) close(held[i]);
    close_rig(r);
}

static void a_wipe_leaves_nothing_of_what_is_in_scope(void)
{
    static const char *const scope[] = { "scope=user", "scope=all" };
    for (size_t k = 0; k < 2; k++) {
        struct files_rig r;
        int held[FILES];
        bring_up_and_plant(&r, held);
        do_op(&r, "wipe", scope[k], 1201);
        CU_ASSERT_EQUAL(r.vm->pub.state, VM_STOPPED);
        CU_ASSERT_EQUAL(anywhere(&r), 0);
        for (size_t i = 0; i < FILES; i++) CU_ASSERT(!fd_has(held[i])); /* nor in what somebody still holds open */
        CU_ASSERT_EQUAL(size_of(&r, "userdata.img"), 1024 << 10);       /* and fresh ones are there */
        CU_ASSERT_EQUAL(size_of(&r, "cache.img"), 64 << 10);
        CU_ASSERT(size_of(&r, "system.raw") >= 65536);
        CU_ASSERT_EQUAL(size_of(&r, "memory.sav"), -1);
        do_op(&r, "start", "", 1200);
        CU_ASSERT_EQUAL(anywhere(&r), 0);
        let_go(&r, held);
    }
}

static void a_read_only_volume_goes_with_all_alone(void)
{
    for (int all = 0; all < 2; all++) {
        struct files_rig r;
        open_rig(&r);
        r.vm->pub.want.volumes[1].read_only = true;
        do_op(&r, "provision", "", 1200);
        plant(&r, "cache.img");
        do_op(&r, "wipe", all ? "scope=all" : "scope=user", 1201);
        CU_ASSERT_EQUAL(has(&r, "cache.img"), !all);
        close_rig(&r);
    }
}

static void mark(struct files_rig *r, const char *name)
{
    snprintf(r->vm->pub.to_wipe[r->vm->pub.n_to_wipe++].text, HV_NAME_BYTES, "%s", name);
}

static void a_listed_wipe_takes_what_is_marked(void)
{
    static const struct {
        const char *mark, *file;
    } row[] = { { "userdata", "userdata.img" },
                { "cache", "cache.img" },
                { VM_WIPE_DISK, "system.raw" },
                { VM_WIPE_CONSOLE, "console.log" } };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct files_rig r;
        int held[FILES];
        bring_up_and_plant(&r, held);
        mark(&r, row[i].mark);
        mark(&r, "no-such-thing");
        do_op(&r, "wipe", i % 2 ? "scope=listed" : "", 1201);
        for (size_t k = 0; k < FILES; k++) {
            bool goes = !strcmp(everything[k], row[i].file) || !strcmp(everything[k], "memory.sav") ||
                        (!strcmp(everything[k], "console.log.0") && !strcmp(row[i].mark, VM_WIPE_CONSOLE));
            CU_ASSERT_EQUAL(has(&r, everything[k]), !goes);
        }
        do_op(&r, "start", "", 1200);
        let_go(&r, held);
    }
}

static void a_wipe_of_nothing_says_so_and_touches_nothing(void)
{
    struct files_rig r;
    open_rig(&r);
    do_op(&r, "provision", "start=1", 1200);
    plant(&r, "userdata.img");
    do_op(&r, "wipe", "", 1406);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.vm->pub.progress.text, "ToBeWiped"));
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_RUNNING);
    CU_ASSERT(has(&r, "userdata.img"));
    CU_ASSERT_EQUAL(op(&r, "wipe", "scope=moon", "x"), 1406);
    close_rig(&r);
}

static void a_wipe_that_fails_says_what_is_left(void)
{
    struct files_rig r;
    open_rig(&r);
    do_op(&r, "provision", "", 1200);
    plant(&r, "cache.img");
    lose(&r, 3); /* a folder in a volume's place: none of ours to descend into */
    do_op(&r, "wipe", "scope=all", 1405);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.vm->pub.progress.text, "remaining: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(r.vm->pub.progress.text, "userdata.img"));
    CU_ASSERT_EQUAL(op(&r, "start", "", "x"), 1410);
    rmdir(path(&r, "userdata.img"));
    do_op(&r, "wipe", "scope=all", 1201);
    CU_ASSERT_EQUAL(anywhere(&r), 0);
    do_op(&r, "start", "", 1200);
    close_rig(&r);
}

/* Without its image the data is destroyed all the same; the system disk comes back when the image does. */
static void a_wipe_without_the_image(void)
{
    struct files_rig r;
    open_rig(&r);
    do_op(&r, "provision", "", 1200);
    plant(&r, "system.raw");
    r.vm->pub.image.known = false;
    download_remove(r.w.loader, SHA);
    do_op(&r, "wipe", "scope=all", 1206);
    CU_ASSERT_EQUAL(anywhere(&r), 0);
    CU_ASSERT_EQUAL(r.vm->pub.state, VM_STOPPED);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.vm->pub.progress.text, "wiped; "));
    do_op(&r, "start", "", 1414);
    restart(&r, true);
    r.vm->pub.image.known = true;
    do_op(&r, "start", "", 1200);
    CU_ASSERT(size_of(&r, "system.raw") >= 65536);
    CU_ASSERT_EQUAL(size_of(&r, "userdata.img"), 1024 << 10);
    close_rig(&r);
}

static void fill_with_data(const struct files_rig *r, const char *name)
{
    static char block[1 << 20];
    int fd = open(path(r, name), O_WRONLY);
    struct stat st;
    CU_ASSERT_FATAL(fd >= 0 && fstat(fd, &st) == 0);
    for (size_t i = 0; i + 32 < sizeof block; i += 32) memcpy(block + i, PATTERN, strlen(PATTERN));
    for (off_t at = 0; at < st.st_size; at += (off_t)sizeof block)
        CU_ASSERT_FATAL(pwrite(fd, block, sizeof block, at) == (ssize_t)sizeof block);
    close(fd);
}

/* A power cut at each of the wipe's turns: it goes on by itself, before anything may start the VM, and is told once. */
static void an_interrupted_wipe_is_finished_first(void)
{
    for (int turns = 0; turns < 14; turns++) {
        struct files_rig r;
        open_rig(&r);
        r.vm->pub.want.volumes[0].quota_kb = 40 << 10;
        do_op(&r, "provision", "start=1", 1200);
        r.vm->pub.policy.auto_start = 2;
        fill_with_data(&r, "userdata.img");
        plant(&r, "cache.img");
        r.completes = 0;
        CU_ASSERT_EQUAL(op(&r, "wipe", "scope=all", "the-wipe"), 202);
        for (int i = 0; i < turns; i++) step(&r);
        restart(&r, true);
        if (!r.completes) {
            CU_ASSERT_EQUAL(op(&r, "start", "", "too-early"), 1444);
            CU_ASSERT_NOT_EQUAL(r.vm->pub.state, VM_STARTING);
        }
        for (int i = 0; i < 200 && !r.completes; i++) {
            CU_ASSERT(r.vm->pub.state != VM_STARTING && r.vm->pub.state != VM_RUNNING);
            step(&r);
        }
        CU_ASSERT_EQUAL(r.completes, 1);
        CU_ASSERT_EQUAL(r.last_result, 1201);
        CU_ASSERT_PTR_NOT_NULL(strstr(r.said, "complete wipe the-wipe 1201"));
        CU_ASSERT_EQUAL(anywhere(&r), 0);
        pass(&r, 5000);
        CU_ASSERT_EQUAL(r.completes, 1);
        if (r.vm->pub.state == VM_STOPPED) do_op(&r, "start", "", 1200);
        CU_ASSERT_EQUAL(size_of(&r, "userdata.img"), 40 << 20);
        close_rig(&r);
    }
}

static bool begins_with_zeroes(const struct files_rig *r, const char *name)
{
    static const char nothing[1 << 20];
    static char bytes[1 << 20];
    int fd = open(path(r, name), O_RDONLY);
    bool yes = fd >= 0 && read(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes &&
               !memcmp(bytes, nothing, sizeof bytes);
    if (fd >= 0) close(fd);
    return yes;
}

static void a_large_wipe_takes_many_turns(void)
{
    struct files_rig r;
    int turns = 0;
    open_rig(&r);
    r.vm->pub.want.volumes[0].quota_kb = 48 << 10;
    do_op(&r, "provision", "", 1200);
    fill_with_data(&r, "userdata.img");
    CU_ASSERT_EQUAL(op(&r, "wipe", "scope=all", "w"), 202);
    for (; turns < 100 && r.vm->priv.operation.kind; turns++) {
        step(&r);
        if (turns != 4) continue;
        CU_ASSERT_EQUAL(size_of(&r, "userdata.img"), 48 << 20); /* overwritten where it lies, and then removed */
        CU_ASSERT(begins_with_zeroes(&r, "userdata.img"));
    }
    CU_ASSERT(turns >= 48 / 8);
    CU_ASSERT_EQUAL(anywhere(&r), 0);
    close_rig(&r);
}

static void a_lease_that_ran_out_wipes_all_of_it(void)
{
    struct files_rig r;
    int held[FILES];
    bring_up_and_plant(&r, held);
    r.vm->pub.policy.wipe_after_s = 60;
    vm_contact(r.vm, &r.w);
    pass(&r, 70000);
    CU_ASSERT_EQUAL(r.vm->pub.lease, VM_LEASE_WIPED);
    CU_ASSERT_EQUAL(r.vm->pub.lock, VM_LOCKED); /* c.5.2 row 40 */
    CU_ASSERT_EQUAL(anywhere(&r), 0);
    for (size_t i = 0; i < FILES; i++) CU_ASSERT(!fd_has(held[i]));
    CU_ASSERT_EQUAL(op(&r, "start", "", "x"), 1442);
    let_go(&r, held);
}

static void a_lease_whose_wipe_fails_is_not_done(void)
{
    struct files_rig r;
    open_rig(&r);
    do_op(&r, "provision", "", 1200);
    plant(&r, "cache.img");
    lose(&r, 3);
    r.vm->pub.policy.wipe_after_s = 60;
    vm_contact(r.vm, &r.w);
    pass(&r, 70000);
    CU_ASSERT_NOT_EQUAL(r.vm->pub.lease, VM_LEASE_WIPED);
    rmdir(path(&r, "userdata.img"));
    pass(&r, 70000); /* tried again by itself */
    CU_ASSERT_EQUAL(r.vm->pub.lease, VM_LEASE_WIPED);
    CU_ASSERT_EQUAL(anywhere(&r), 0);
    close_rig(&r);
}

/* --- nothing is left behind --- */

static void a_deleted_vm_leaves_nothing(void)
{
    static const char *const how[] = { "", "wipe=0" };
    for (size_t k = 0; k < 2; k++) {
        struct files_rig r;
        int held[FILES];
        bring_up_and_plant(&r, held);
        do_op(&r, "delete", how[k], 1200);
        CU_ASSERT_EQUAL(r.gone, 1);
        CU_ASSERT_EQUAL(anywhere(&r), 0);
        CU_ASSERT_EQUAL(size_of(&r, ""), -1);
        let_go(&r, held);
    }
}

static void a_provisioning_that_does_not_end_well_leaves_nothing(void)
{
    for (int how = 0; how < 3; how++) {
        struct files_rig r;
        open_rig(&r);
        r.vm->pub.image.size_bytes = 40 << 20;
        if (how == 0) hv_sim_fail(r.w.hv, HV_DEFINE, RC_IO, "broken on purpose");
        CU_ASSERT_EQUAL(op(&r, "provision", "", "p"), 202);
        if (how) {
            step(&r);
            step(&r);
            CU_ASSERT(size_of(&r, "system.part") > 0);
            restart(&r, how == 1);
        }
        pass(&r, 5000);
        CU_ASSERT_EQUAL(r.vm->pub.state, VM_DEFINED);
        CU_ASSERT_EQUAL(size_of(&r, ""), -1);
        CU_ASSERT_EQUAL(r.completes, 1);
        do_op(&r, "provision", "start=1", 1200);
        CU_ASSERT(size_of(&r, "system.raw") >= 40 << 20);
        close_rig(&r);
    }
}

static bool is_ours(void *ctx, const char *uuid)
{
    (void)ctx;
    return strcmp(uuid, UUID) == 0;
}

static void folders_of_no_vm_are_swept(void)
{
    char dir[256], file[300];
    struct files_rig r;
    open_rig(&r);
    do_op(&r, "provision", "", 1200);
    snprintf(dir, sizeof dir, "%s/99999999-2222-3333-4444-555555555555", r.vms);
    snprintf(file, sizeof file, "%s/userdata.img", dir);
    CU_ASSERT_EQUAL(mkdir(dir, 0700), 0);
    close(open(file, O_WRONLY | O_CREAT, 0600));
    snprintf(file, sizeof file, "%s/notes", r.vms);
    CU_ASSERT_EQUAL(mkdir(file, 0700), 0); /* none of ours */
    CU_ASSERT_EQUAL(vm_files_sweep(r.vms, is_ours, NULL), 1);
    CU_ASSERT_NOT_EQUAL(access(dir, F_OK), 0);
    CU_ASSERT_EQUAL(access(file, F_OK), 0);
    do_op(&r, "start", "", 1200);
    close_rig(&r);
}

TEST_MAIN("agent.vm_files", TEST(a_guest_finds_its_volumes_again), TEST(a_vm_without_one_of_its_volumes_does_not_start),
          TEST(a_vm_without_its_system_disk_does_not_start), TEST(nothing_else_starts_it_either),
          TEST(new_and_larger_volumes_come_with_the_next_start), TEST(a_wipe_leaves_nothing_of_what_is_in_scope),
          TEST(a_read_only_volume_goes_with_all_alone), TEST(a_listed_wipe_takes_what_is_marked),
          TEST(a_wipe_of_nothing_says_so_and_touches_nothing), TEST(a_wipe_that_fails_says_what_is_left),
          TEST(a_wipe_without_the_image), TEST(an_interrupted_wipe_is_finished_first),
          TEST(a_large_wipe_takes_many_turns), TEST(a_lease_that_ran_out_wipes_all_of_it),
          TEST(a_lease_whose_wipe_fails_is_not_done), TEST(a_deleted_vm_leaves_nothing),
          TEST(a_provisioning_that_does_not_end_well_leaves_nothing), TEST(folders_of_no_vm_are_swept))
