/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* O_PATH, syscall */
#include "base/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef HAVE_SECCOMP
#include <seccomp.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

const char *const sandbox_modes[] = { "prefer", "require", "off", NULL };

/* ---- system calls ---- */

/* Programs that need a system call; all others lose it. */
enum who { NOBODY, PROGRAMS, MACHINES, SANITIZER };

/* Listed by name, because not every architecture has every call. */
static const struct {
    enum who needs;
    const char *name;
} denied[] = {
    { PROGRAMS, "execve" },
    { PROGRAMS, "execveat" },
    { SANITIZER, "ptrace" }, /* the leak checker stops its threads with it */
    { NOBODY, "process_vm_readv" },
    { NOBODY, "process_vm_writev" },
    { NOBODY, "kcmp" },
    { NOBODY, "pidfd_getfd" },
    { NOBODY, "init_module" },
    { NOBODY, "finit_module" },
    { NOBODY, "delete_module" },
    { NOBODY, "create_module" },
    { NOBODY, "kexec_load" },
    { NOBODY, "kexec_file_load" },
    { NOBODY, "reboot" },
    { NOBODY, "swapon" },
    { NOBODY, "swapoff" },
    { NOBODY, "acct" },
    { NOBODY, "quotactl" },
    { NOBODY, "nfsservctl" },
    { NOBODY, "lookup_dcookie" },
    { NOBODY, "perf_event_open" },
    { NOBODY, "userfaultfd" },
    { NOBODY, "add_key" },
    { NOBODY, "request_key" },
    { NOBODY, "keyctl" },
    { NOBODY, "iopl" },
    { NOBODY, "ioperm" },
    { NOBODY, "vm86" },
    { NOBODY, "vm86old" },
    { NOBODY, "modify_ldt" },
    { NOBODY, "settimeofday" },
    { NOBODY, "stime" },
    { NOBODY, "clock_settime" },
    { NOBODY, "clock_settime64" },
    { NOBODY, "adjtimex" },
    { NOBODY, "clock_adjtime" },
    { NOBODY, "sethostname" },
    { NOBODY, "setdomainname" },
    { NOBODY, "syslog" },
    { NOBODY, "uselib" },
    { NOBODY, "_sysctl" },
    { NOBODY, "open_by_handle_at" },
    { NOBODY, "fanotify_init" },
    { NOBODY, "io_uring_setup" },
    { NOBODY, "io_uring_enter" },
    { NOBODY, "io_uring_register" },
    { MACHINES, "bpf" },
    { MACHINES, "mount" },
    { MACHINES, "umount" },
    { MACHINES, "umount2" },
    { MACHINES, "mount_setattr" },
    { MACHINES, "move_mount" },
    { MACHINES, "open_tree" },
    { MACHINES, "fsopen" },
    { MACHINES, "fsconfig" },
    { MACHINES, "fsmount" },
    { MACHINES, "fspick" },
    { MACHINES, "pivot_root" },
    { MACHINES, "chroot" },
    { MACHINES, "unshare" },
    { MACHINES, "setns" },
    { MACHINES, "personality" },
};

#ifdef HAVE_SECCOMP
static bool keeps(const struct sandbox *s, enum who needs)
{
    return (needs == PROGRAMS && (s->runs_programs || s->runs_machines)) || (needs == MACHINES && s->runs_machines) ||
           (needs == SANITIZER && SANITIZED);
}

/* A new process could begin in namespaces of its own, where it has every right. What clone3 is asked for a filter cannot see:
 * the C library goes on with clone when it is told that there is none. */
static int deny_namespaces(scmp_filter_ctx f)
{
    static const scmp_datum_t space[] = { CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWNET,   CLONE_NEWPID,
                                          CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP };
    int bad = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

    for (size_t i = 0; !bad && i < sizeof space / sizeof space[0]; i++)
        bad = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                               SCMP_A0(SCMP_CMP_MASKED_EQ, space[i], space[i]));
    return bad;
}

/* Only the families that networks, libvirt and the resolver need: the others are much of a kernel that nobody looks at. */
static int deny_families(scmp_filter_ctx f)
{
    int bad = seccomp_rule_add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                               SCMP_A0(SCMP_CMP_GT, AF_NETLINK, 0));

    for (scmp_datum_t family = AF_INET + 1; !bad && family < AF_NETLINK; family++)
        if (family != AF_INET6)
            bad = seccomp_rule_add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                                   SCMP_A0(SCMP_CMP_EQ, family, 0));
    return bad;
}

static const char *filter_calls(const struct sandbox *s)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    int bad = f ? 0 : -ENOMEM;

    for (size_t i = 0; !bad && i < sizeof denied / sizeof denied[0]; i++) {
        int call = seccomp_syscall_resolve_name(denied[i].name);
        if (call == __NR_SCMP_ERROR || call < 0 || keeps(s, denied[i].needs)) continue; /* not on this machine */
        bad = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), call, 0);
    }
    if (!bad && !s->runs_machines) bad = deny_namespaces(f);
    if (!bad && !s->runs_machines) bad = deny_families(f);
    if (!bad) bad = seccomp_load(f);
    if (f) seccomp_release(f);
    return bad ? "no system call is denied (the kernel does not take a seccomp filter)" : NULL;
}
#else
static const char *filter_calls(const struct sandbox *s)
{
    (void)s, (void)denied;
    return "no system call is denied (built without libseccomp)";
}
#endif

/* ---- files ---- */

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
static const uint64_t may_read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
                      may_run = LANDLOCK_ACCESS_FS_EXECUTE,
                      may_write = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                  LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                  LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                                  LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM,
                      /* a disk's own node would be a way around all of the above: nobody makes one */
    may_make_nodes = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK,
                      of_a_file = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
                                  LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE;

/* The rights that this kernel's Landlock can restrict. */
static uint64_t known_rights(long abi)
{
    return may_read | may_run | may_write | may_make_nodes | (abi >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0) |
           (abi >= 3 ? LANDLOCK_ACCESS_FS_TRUNCATE : 0);
}

static bool allow_path(int ruleset, const struct sandbox_path *p, uint64_t known)
{
    struct landlock_path_beneath_attr rule = { .allowed_access = may_read };
    struct stat st;
    bool ok;

    if (!p->path) return true;
    rule.parent_fd = open(p->path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0) return errno == ENOENT || errno == EACCES || errno == ENOTDIR;
    if (p->may == SANDBOX_RUN) rule.allowed_access |= may_run;
    if (p->may == SANDBOX_WRITE)
        rule.allowed_access |= may_write | LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_TRUNCATE;
    rule.allowed_access &= known;
    if (!fstat(rule.parent_fd, &st) && !S_ISDIR(st.st_mode)) rule.allowed_access &= of_a_file;
    ok = !syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(rule.parent_fd);
    return ok;
}

/* @return what is missing, or NULL */
static const char *confine_files(const struct sandbox *s)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct landlock_ruleset_attr attr = { .handled_access_fs = known_rights(abi) };
    int ruleset;
    bool ok = true;

    if (abi < 1) return "files are not confined (a kernel without Landlock)";
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0);
    if (ruleset < 0) return "files are not confined (the kernel takes no Landlock rules)";
    for (size_t i = 0; ok && i < s->n_paths; i++) ok = allow_path(ruleset, &s->paths[i], attr.handled_access_fs);
    ok = ok && !syscall(SYS_landlock_restrict_self, ruleset, 0);
    close(ruleset);
    return ok ? NULL : "files are not confined (the kernel refuses the Landlock rules)";
}

enum rc sandbox_enter(const struct sandbox *s, struct sandbox_state *out, struct err *e)
{
    const char *missing = NULL, *why;

    *out = (struct sandbox_state){ .missing = "" };
    if (s->mode == SANDBOX_OFF) {
        out->missing = "all of it (switched off)";
        return RC_OK;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return err_set(e, RC_IO, "no_new_privs: %s", strerror(errno));
    out->no_new_privs = true;
    if (s->n_paths) {
        why = confine_files(s);
        out->files = !why;
        missing = why;
    }
    why = filter_calls(s); /* last: what it denies was needed until here */
    out->calls = !why;
    if (why && missing)
        missing = "no system call is denied, and files are not confined (this kernel or build has neither)";
    else if (why)
        missing = why;
    if (missing) out->missing = missing;
    return missing && s->mode == SANDBOX_REQUIRE ? err_set(e, RC_UNSUPPORTED, "sandbox: require, but %s", missing)
                                                 : RC_OK;
}
