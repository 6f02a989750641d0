/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept is all that is: the whole of what a phone knows and has (tree, database, files, what the hypervisor is told) is
 * written down, the agent restarted, and compared; and random operations with kills at random moments lose no volume and no wipe,
 * tell each operation's end once, and leave neither files nor guests behind.
 *
 * DMVISOR_KEPT_SECONDS: how long to go on (default 3); DMVISOR_KEPT_SEED: the first sequence (each says its own when it fails). */
#define _GNU_SOURCE /* memmem, nftw */
#include "agent/hv/domain_xml.h"
#include "agent/vm/vm_int.h"
#include "tests/agent/device_fixture.h"
#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <time.h>

#define IMG  "./VMImages/img1"
#define VM   "./Virtualization/VM/corp"
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

enum { UUIDS = 64, ASKED = 256, ACTIONS = 30 };

struct asked_alert { /* an operation that was answered with 202 */
    char correlator[24];
    int told; /* how often its end was */
};

struct kept_rig {
    struct device_fixture p;
    char dir[64], images[96], vms[96];
    uint64_t random;
    char uuid[UUIDS][HV_UUID_BYTES]; /* of all VMs that ever were */
    size_t n_uuids;
    struct asked_alert asked[ASKED];
    size_t n_asked;
    unsigned serial, planted, wipes, restarts, cuts,
        compared;        /* planted: number of the data in userdata, 0 = none that must be there */
    char destroying[24]; /* correlator of a wipe or delete whose end is not told yet */
    bool failed;
};

static unsigned pick(struct kept_rig *r, unsigned n)
{
    r->random = r->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(r->random >> 33) % n;
}

static void wrong(struct kept_rig *r, const char *what, const char *more)
{
    r->failed = true;
    printf("%s: %s\n", what, more);
}

/* --- a phone with files --- */

static void start(struct kept_rig *r)
{
    CU_ASSERT_FATAL(device_fixture_start(&r->p));
}

static void open_rig(struct kept_rig *r, uint64_t seed)
{
    memset(r, 0, sizeof *r);
    r->random = seed * 2654435761u + 1;
    snprintf(r->dir, sizeof r->dir, "%s/dmvisor-kept-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(r->dir));
    snprintf(r->vms, sizeof r->vms, "%s/vms", r->dir);
    snprintf(r->images, sizeof r->images, "%s/images", r->dir);
    CU_ASSERT_FATAL(mkdir(r->vms, 0700) == 0 && mkdir(r->images, 0700) == 0);
    device_fixture_open(&r->p, false);
    device_fixture_stop(&r->p);
    download_destroy(r->p.loader);
    r->p.loader = download_sim_files(r->images);
    r->p.config.mo.images_dir = r->images;
    r->p.config.mo.vms_dir = r->vms;
    snprintf(r->p.file, sizeof r->p.file, "%.40s/state.db", r->dir);
    start(r);
    CU_ASSERT_FATAL(device_fixture_register(&r->p, "dm.example.net"));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st, (void)type, (void)f;
    return remove(path);
}

static void close_rig(struct kept_rig *r)
{
    device_fixture_close(&r->p);
    nftw(r->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct vm *the_vm(const struct kept_rig *r)
{
    return device_vms(r->p.device) ? device_vm(r->p.device, 0) : NULL;
}

static void remember_uuid(struct kept_rig *r)
{
    const struct vm *vm = the_vm(r);
    for (size_t i = 0; vm && i < r->n_uuids; i++)
        if (!strcmp(r->uuid[i], vm_view(vm)->want.uuid)) return;
    if (vm && r->n_uuids < UUIDS) snprintf(r->uuid[r->n_uuids++], HV_UUID_BYTES, "%s", vm_view(vm)->want.uuid);
}

/* --- the server's side --- */

/* What the device told since the last time. */
static void hear(struct kept_rig *r)
{
    for (size_t i = 0; i < r->p.n_alerts; i++) {
        const struct device_fixture_alert *a = &r->p.alerts[i];
        if (!strstr(a->type, "OperationComplete")) continue;
        for (size_t k = 0; k < r->n_asked; k++)
            if (!strcmp(r->asked[k].correlator, a->correlator)) r->asked[k].told++;
        if (strstr(a->source, "Wipe") && !strcmp(a->data, "1448")) wrong(r, "a wipe was given up", a->correlator);
        if (strcmp(a->correlator, r->destroying)) continue;
        if (!strcmp(a->data, "1201") || (strstr(a->source, "Delete") && !strcmp(a->data, "1200"))) r->wipes++;
        if (strstr(a->source, "Delete") && strcmp(a->data, "1200")) r->planted = 0; /* broken off: nobody can tell */
        r->destroying[0] = '\0';
    }
}

static void session(struct kept_rig *r)
{
    char operation[24] = "";
    const size_t n = r->p.n_steps;
    for (size_t i = 0; i < n; i++)
        if (r->p.steps[i].correlator.n)
            snprintf(operation, sizeof operation, "%.*s", STR_ARG(r->p.steps[i].correlator));
    if (!device_fixture_session(&r->p, NULL, 0)) wrong(r, "a session failed", r->p.last_error);
    if (operation[0] && r->p.code[n] == 202 && r->n_asked < ASKED)
        snprintf(r->asked[r->n_asked++].correlator, sizeof r->asked[0].correlator, "%s", operation);
    hear(r);
    remember_uuid(r);
}

static void ask(struct kept_rig *r, const char *op, const char *args)
{
    static char uri[100], correlator[24];
    struct device_fixture *p = &r->p;
    device_fixture_forget(p);
    snprintf(uri, sizeof uri, VM "/Operations/%s", op);
    snprintf(correlator, sizeof correlator, "c%u", ++r->serial);
    device_fixture_exec(p, uri, args, correlator);
    const bool destroys = !strcmp(op, "Wipe") || !strcmp(op, "Delete");
    if (destroys && !r->destroying[0]) snprintf(r->destroying, sizeof r->destroying, "%s", correlator);
    session(r);
    if (!destroys || strcmp(r->destroying, correlator)) return;
    if (p->code[1] == 202)
        r->planted = 0;
    else
        r->destroying[0] = '\0';
}

static void write_leaf(struct kept_rig *r, enum sml_cmd_kind kind, const char *uri, const char *format,
                       const char *value)
{
    device_fixture_forget(&r->p);
    device_fixture_write(&r->p, kind, uri, format, value);
    session(r);
}

static void make_vm(struct kept_rig *r)
{
    static const struct {
        const char *uri, *format, *value;
    } leaf[] = {
        { IMG "/ImageID", "chr", "corp" },
        { IMG "/Format", "chr", "raw" },
        { IMG "/URL", "chr", "https://x/1" },
        { IMG "/SizeKB", "int", "64" },
        { IMG "/Hash", "chr", HASH },
        { VM "/Image/ImageID", "chr", "corp" },
        { VM "/Resources/Storage/userdata/QuotaKB", "int", "256" },
        { VM "/Policy/LockAction", "int", "3" },
    };
    device_fixture_forget(&r->p);
    device_fixture_write(&r->p, SML_ADD, IMG, "node", NULL);
    device_fixture_write(&r->p, SML_ADD, VM, "node", NULL);
    device_fixture_write(&r->p, SML_ADD, VM "/Resources/Storage/userdata", "node", NULL);
    device_fixture_write(&r->p, SML_ADD, VM "/Resources/Net/corp0", "node", NULL);
    for (size_t i = 0; i < sizeof leaf / sizeof leaf[0]; i++)
        device_fixture_write(&r->p, SML_REPLACE, leaf[i].uri, leaf[i].format, leaf[i].value);
    session(r);
}

/* --- looking from outside --- */

static const char *userdata(const struct kept_rig *r)
{
    static char file[300];
    const struct vm *vm = the_vm(r);
    snprintf(file, sizeof file, "%s/%s/userdata.img", r->vms, vm ? vm_view(vm)->want.uuid : "none");
    return file;
}

static void plant(struct kept_rig *r)
{
    char text[64];
    int fd = open(userdata(r), O_WRONLY);
    if (fd < 0) return;
    snprintf(text, sizeof text, "the payroll of acme, number %u.", ++r->serial);
    if (pwrite(fd, text, strlen(text), 100000) == (ssize_t)strlen(text)) r->planted = r->serial;
    close(fd);
}

static bool file_has(const char *file, const char *text)
{
    static char bytes[4 << 20];
    int fd = open(file, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    if (fd >= 0) close(fd);
    return n > 0 && memmem(bytes, (size_t)n, text, strlen(text)) != NULL;
}

static unsigned found;
static int look(const char *file, const struct stat *st, int type, struct FTW *f)
{
    (void)st, (void)f;
    found += type == FTW_F && !strstr(file, "state.db") && file_has(file, "the payroll of acme");
    return 0;
}

/* What was planted is there; what was destroyed is nowhere. */
static void check_data(struct kept_rig *r)
{
    char text[64];
    snprintf(text, sizeof text, "the payroll of acme, number %u.", r->planted);
    if (r->planted && !file_has(userdata(r), text)) wrong(r, "a volume lost what a guest wrote", text);
    if (r->planted || r->destroying[0]) return;
    found = 0;
    nftw(r->dir, look, 8, FTW_PHYS);
    if (found && r->wipes) wrong(r, "what was wiped is still there", userdata(r));
}

/* No files and no guests of VMs that are no more; all that a VM has. */
static void check_leftovers(struct kept_rig *r)
{
    const struct vm *vm = the_vm(r);
    char dir[300];
    struct err e = { 0 };
    for (size_t i = 0; i < r->n_uuids; i++) {
        enum hv_state state = HV_GONE;
        const bool lives = vm && vm_view(vm)->state != VM_DEFINED && !strcmp(vm_view(vm)->want.uuid, r->uuid[i]);
        if (lives) continue;
        r->p.hv->class->state(r->p.hv, r->uuid[i], &state, NULL);
        if (state != HV_GONE) wrong(r, "a guest of no VM", r->uuid[i]);
        snprintf(dir, sizeof dir, "%s/%s", r->vms, r->uuid[i]);
        if (access(dir, F_OK) == 0) wrong(r, "files of no VM", dir);
    }
    if (vm && (vm_view(vm)->state == VM_STOPPED || vm_view(vm)->state == VM_RUNNING) && vm_files_check(vm, &e) && !e.rc)
        wrong(r, "a file is missing", e.text);
}

/* --- writing it all down --- */

/* Read anew from the hypervisor. */
static bool is_measured(struct str uri)
{
    static const char *const part[] = { "/KPI/", "/UsedKB", "/UpTimeS", "/LastContact" };
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
        if (memmem(uri.p, uri.n, part[i], strlen(part[i]))) return true;
    return false;
}

static void dump_tree(struct kept_rig *r, struct buf *out)
{
    struct tree_leaf *leaf;
    struct arena a;
    size_t n = 0;
    arena_init(&a, 64 << 20);
    device_env(r->p.device)->w = &r->p.w;
    if (tree_leaves(device_tree(r->p.device), (struct str){ 0 }, STR("."), &a, &leaf, &n))
        for (size_t i = 0; i < n; i++)
            if (!is_measured(leaf[i].uri))
                buf_printf(out, "tree %.*s=%.*s\n", STR_ARG(leaf[i].uri), STR_ARG(leaf[i].data));
    arena_finish(&a);
}

static int table_row(void *ctx, int n, char **value, char **name)
{
    struct buf *out = ctx;
    for (int i = 0; i < n; i++) buf_printf(out, " %s=%s", name[i], value[i] ? value[i] : "NULL");
    buf_putz(out, "\n");
    return 0;
}

static void dump_database(const struct kept_rig *r, struct buf *out)
{
    static const char *const table[] = { "meta", "account", "node", "vm", "image", "job", "alert" };
    sqlite3 *db = NULL;
    char sql[100];
    CU_ASSERT_EQUAL_FATAL(sqlite3_open_v2(r->p.file, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        buf_printf(out, "table %s\n", table[i]);
        snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1", table[i]);
        CU_ASSERT_EQUAL(sqlite3_exec(db, sql, table_row, out, NULL), SQLITE_OK);
    }
    sqlite3_close(db);
}

static struct buf *files_out;
static int dump_file(const char *file, const struct stat *st, int type, struct FTW *f)
{
    static char bytes[4 << 20];
    int fd = type == FTW_F && !strstr(file, "state.db") ? open(file, O_RDONLY) : -1;
    ssize_t n = fd < 0 ? 0 : read(fd, bytes, sizeof bytes);
    (void)f;
    if (!strstr(file, "state.db"))
        buf_printf(files_out, "file %s %lld %o %llx\n", file, type == FTW_F ? (long long)st->st_size : 0,
                   (unsigned)st->st_mode, (unsigned long long)str_hash((struct str){ bytes, n > 0 ? (size_t)n : 0 }));
    if (fd >= 0) close(fd);
    return 0;
}

static void dump_domain(const struct kept_rig *r, struct buf *out)
{
    const struct virt_host host = { .arch = "aarch64", .kvm = true, .tuning = true };
    const struct vm *vm = the_vm(r);
    struct err e = { 0 };
    enum hv_state state;
    if (!vm) return;
    r->p.hv->class->state(r->p.hv, vm_view(vm)->want.uuid, &state, NULL);
    buf_printf(out, "guest %d\n", (int)state);
    if (domain_xml_write(&vm_view(vm)->want, &host, out, &e))
        buf_printf(out, "no domain: %s\n", e.text); /* a volume is still to be made */
}

static void dump(struct kept_rig *r, struct buf *out)
{
    buf_init(out, 0);
    dump_tree(r, out);
    dump_database(r, out);
    files_out = out;
    nftw(r->dir, dump_file, 8, FTW_PHYS);
    dump_domain(r, out);
}

static void compare(struct kept_rig *r, struct buf *before, struct buf *after)
{
    struct str a = buf_str(before), b = buf_str(after), x, y;
    char text[900];
    if (str_eq(a, b)) return;
    while (str_cut(&a, '\n', &x) && str_cut(&b, '\n', &y) && str_eq(x, y))
        ;
    snprintf(text, sizeof text, "\n  before: %.*s\n  after:  %.*s", x.n > 400 ? 400 : (int)x.n, x.p,
             y.n > 400 ? 400 : (int)y.n, y.p);
    wrong(r, "a restart changed something", text);
}

/* --- restarts --- */

static bool is_idle(const struct kept_rig *r)
{
    const struct vm *vm = the_vm(r);
    return !vm ||
           (!vm->priv.operation.kind && !vm->priv.restart_ms && !vm->priv.set_dirty && !vm->priv.set_cookie &&
            (vm_view(vm)->state == VM_DEFINED || vm_view(vm)->state == VM_STOPPED || vm_view(vm)->state == VM_RUNNING ||
             vm_view(vm)->state == VM_SUSPENDED || vm_view(vm)->state == VM_PAUSED));
}

/* The agent ends and starts, nobody sees a difference. */
static void restart_unseen(struct kept_rig *r)
{
    struct buf before, after;
    device_fixture_wait(&r->p, 200); /* what happened is known */
    for (int i = 0; i < 100 && !is_idle(r); i++) device_fixture_wait(&r->p, 1000);
    if (!is_idle(r)) return;
    const struct vm *vm = the_vm(r);
    if (vm && vm_view(vm)->state == VM_STOPPED && vm_view(vm)->policy.auto_start == 2) return;
    dump(r, &before);
    device_fixture_stop(&r->p);
    hv_sim_forsake(r->p.hv);
    start(r);
    dump(r, &after);
    compare(r, &before, &after);
    r->compared++;
    buf_finish(&before);
    buf_finish(&after);
}

static void copy(const char *from, const char *to)
{
    static char bytes[1 << 20];
    size_t n;
    FILE *in = fopen(from, "r"), *out = in ? fopen(to, "w") : NULL;
    if (!in) unlink(to);
    while (in && out && (n = fread(bytes, 1, sizeof bytes, in)) > 0) fwrite(bytes, 1, n, out);
    if (in) fclose(in);
    if (out) fclose(out);
}

static void copy_database(const struct kept_rig *r, const char *from, const char *to)
{
    static const char *const part[] = { "", "-wal" };
    char a[120], b[120];
    for (size_t i = 0; i < 2; i++) {
        snprintf(a, sizeof a, "%s%s%s", r->p.file, from, part[i]);
        snprintf(b, sizeof b, "%s%s%s", r->p.file, to, part[i]);
        copy(a, b);
    }
}

/* Killed in the middle of its work: what it did to files and asked of the hypervisor is done, what it wrote is not. */
static void kill_in_work(struct kept_rig *r, bool cut)
{
    struct err e = { 0 };
    char shm[120];
    copy_database(r, "", ".kept");
    r->p.w.now_ms += 100;
    hv_sim_advance(r->p.hv, r->p.w.now_ms);
    (void)device_work(r->p.device, &r->p.w, &e);
    if (pick(r, 2)) { /* the hypervisor was faster than the kill */
        struct hv_event ev;
        hv_sim_advance(r->p.hv, r->p.w.now_ms + 200);
        while (r->p.hv->class->next(r->p.hv, &ev))
            ;
    }
    device_fixture_stop(&r->p);
    copy_database(r, ".kept", "");
    snprintf(shm, sizeof shm, "%s-shm", r->p.file);
    unlink(shm);
    if (cut) {
        hv_sim_power_cut(r->p.hv);
        r->cuts++;
    } else {
        hv_sim_forsake(r->p.hv);
        r->restarts++;
    }
    start(r);
    remember_uuid(r);
}

/* --- sequences --- */

static void crash(struct kept_rig *r, enum hv_cause cause)
{
    const struct vm *vm = the_vm(r);
    enum hv_state state = HV_GONE;
    if (vm) r->p.hv->class->state(r->p.hv, vm_view(vm)->want.uuid, &state, NULL);
    if (state == HV_RUNNING || state == HV_PAUSED) hv_sim_crash(r->p.hv, vm_view(vm)->want.uuid, cause);
}

static void act(struct kept_rig *r)
{
    static const struct {
        const char *op, *args;
    } op[] = { { "Provision", "start=1" },
               { "Provision", "" },
               { "Start", "" },
               { "Stop", "" },
               { "Shutdown", "force=1" },
               { "Suspend", "" },
               { "Resume", "" },
               { "Pause", "" },
               { "Lock", "" },
               { "Unlock", "" },
               { "Reset", "" },
               { "Reboot", "force=1" },
               { "Start", "" },
               { "Start", "" },
               { "Wipe", "scope=all" },
               { "Wipe", "scope=user" },
               { "Delete", "force=1" },
               { "Cancel", "" },
               { "ApplyResources", "restart=1" } };
    const struct vm *vm = the_vm(r);
    const unsigned k = pick(r, 20);
    if (!vm && k < 18) {
        make_vm(r);
        ask(r, "Provision", "start=1");
        return;
    }
    switch (k) {
    case 0: write_leaf(r, SML_REPLACE, VM "/Resources/CPU/VCPUs", "int", pick(r, 2) ? "1" : "2"); break;
    case 1:
        write_leaf(r, SML_REPLACE, VM "/Resources/Storage/userdata/QuotaKB", "int", pick(r, 2) ? "256" : "512");
        break;
    case 2: write_leaf(r, SML_ADD, VM "/Resources/Storage/more", "node", NULL); break;
    case 3: write_leaf(r, SML_DELETE, VM "/Resources/Storage/more", NULL, NULL); break;
    case 4: write_leaf(r, SML_REPLACE, VM "/Resources/Storage/more/QuotaKB", "int", "16"); break;
    case 5:
    case 6: crash(r, k == 5 ? HV_C_PANIC : HV_C_GUEST); break;
    case 7:
        if (vm && vm_view(vm)->state == VM_RUNNING && !vm->priv.operation.kind && !r->destroying[0]) plant(r);
        break;
    case 8: restart_unseen(r); break;
    case 9:
    case 10: kill_in_work(r, pick(r, 2)); break;
    default: {
        const unsigned i = pick(r, sizeof op / sizeof op[0]);
        ask(r, op[i].op, op[i].args);
    }
    }
}

static void settle(struct kept_rig *r)
{
    for (int i = 0; i < 4; i++) {
        device_fixture_wait(&r->p, 40000);
        device_fixture_forget(&r->p);
        session(r);
    }
    check_data(r);
    check_leftovers(r);
    for (size_t i = 0; i < r->n_asked; i++)
        if (r->asked[i].told != 1)
            wrong(r, r->asked[i].told ? "an end was told twice" : "an end was never told", r->asked[i].correlator);
}

static bool sequence(uint64_t seed, unsigned tally[4])
{
    static struct kept_rig r;
    open_rig(&r, seed);
    for (int i = 0; i < ACTIONS && !r.failed; i++) {
        act(&r);
        if (pick(&r, 3)) device_fixture_wait(&r.p, 100 * (int64_t)(1 + pick(&r, 40)));
        check_data(&r);
    }
    if (!r.failed) settle(&r);
    if (r.failed)
        printf("sequence %llu failed (DMVISOR_KEPT_SEED=%llu)\n", (unsigned long long)seed, (unsigned long long)seed);
    tally[0] += r.restarts;
    tally[1] += r.cuts;
    tally[2] += r.wipes;
    tally[3] += r.compared;
    close_rig(&r);
    return !r.failed;
}

/* --- what the tree has to do with it --- */

static void the_marks_of_the_wipe_list_decide(void)
{
    static struct kept_rig r;
    char mac[18];
    open_rig(&r, 1);
    make_vm(&r);
    ask(&r, "Provision", "start=1");
    device_fixture_wait(&r.p, 10000);
    snprintf(mac, sizeof mac, "%.17s", device_fixture_value(&r.p, VM "/Resources/Net/corp0/MAC"));
    CU_ASSERT_EQUAL(strlen(mac), 17);
    plant(&r);
    write_leaf(&r, SML_REPLACE, VM "/Resources/Storage/userdata?prop=Name", "chr",
               "other"); /* its data goes by its name */
    DEVICE_FIXTURE_CODE(&r.p, 1, 403);
    DEVICE_FIXTURE_IS(&r.p, VM "/AvailableWipeList/userdata/ToBeWiped", "false");
    DEVICE_FIXTURE_IS(&r.p, VM "/AvailableWipeList/console-log/ListItemName", "console-log");
    ask(&r, "Wipe", ""); /* what is listed: nothing is marked */
    device_fixture_wait(&r.p, 5000);
    DEVICE_FIXTURE_IS(&r.p, VM "/Progress/Result", "1406");
    DEVICE_FIXTURE_IS(&r.p, VM "/State", "50");
    CU_ASSERT(file_has(userdata(&r), "the payroll of acme"));
    write_leaf(&r, SML_REPLACE, VM "/AvailableWipeList/userdata/ToBeWiped", "bool", "true");
    DEVICE_FIXTURE_CODE(&r.p, 1, 200);
    ask(&r, "Wipe", "scope=listed");
    device_fixture_wait(&r.p, 5000);
    DEVICE_FIXTURE_IS(&r.p, VM "/Progress/Result", "1201");
    CU_ASSERT(!file_has(userdata(&r), "the payroll of acme"));
    device_fixture_stop(&r.p);
    start(&r);
    ask(&r, "Start", "");
    device_fixture_wait(&r.p, 10000);
    DEVICE_FIXTURE_IS(&r.p, VM "/State", "50");
    DEVICE_FIXTURE_IS(&r.p, VM "/Resources/Net/corp0/MAC", mac);
    close_rig(&r);
}

/* A VM's record without its folder's files, images of entries that are no more: gone with the next start. */
static void what_nobody_names_is_swept(void)
{
    static struct kept_rig r;
    char image[300], stray[300];
    open_rig(&r, 1);
    make_vm(&r);
    ask(&r, "Provision", "");
    device_fixture_wait(&r.p, 10000);
    snprintf(image, sizeof image, "%s/" HASH, r.images);
    snprintf(stray, sizeof stray, "%s/ffff2233445566778899aabbccddeeff00112233445566778899aabbccddeeff", r.images);
    copy(image, stray);
    CU_ASSERT(access(image, F_OK) == 0 && access(stray, F_OK) == 0);
    device_fixture_stop(&r.p);
    start(&r);
    CU_ASSERT(access(image, F_OK) == 0); /* the VM's */
    CU_ASSERT(access(stray, F_OK) != 0);
    ask(&r, "Delete", "");
    device_fixture_wait(&r.p, 5000);
    CU_ASSERT(access(image, F_OK) == 0); /* its entry is there, for a VM to come */
    write_leaf(&r, SML_DELETE, IMG, NULL, NULL);
    device_fixture_wait(&r.p, 1000);
    CU_ASSERT(access(image, F_OK) != 0);
    close_rig(&r);
}

static unsigned long from_environment(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text && text[0] ? strtoul(text, NULL, 10) : otherwise;
}

static void random_operations_and_kills_lose_nothing(void)
{
    const time_t end = time(NULL) + (time_t)from_environment("DMVISOR_KEPT_SECONDS", 3);
    uint64_t seed = from_environment("DMVISOR_KEPT_SEED", 1);
    unsigned tally[4] = { 0 }, n = 0;
    do {
        n++;
        const bool good = sequence(seed++, tally);
        CU_ASSERT(good);
        if (!good) break;
    } while (time(NULL) < end);
    printf(
        "%u sequences of %d operations: %u kills of the agent, %u power cuts, %u wipes and deletions, %u restarts unseen ",
        n, ACTIONS, tally[0], tally[1], tally[2], tally[3]);
}

TEST_MAIN("agent.kept", TEST(the_marks_of_the_wipe_list_decide), TEST(what_nobody_names_is_swept),
          TEST(random_operations_and_kills_lose_nothing))
