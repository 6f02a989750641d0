/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "agent/hv/libvirt_embed.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GROUPS = 64, KVM_MAJOR = 10, KVM_MINOR = 232, PATH_BYTES = 512 };

void libvirt_embed_root(const char *uri, char out[384])
{
    const char *root = strstr(uri, "root=");
    out[0] = '\0';
    if (strncmp(uri, "qemu:///embed", 13) == 0 && root)
        snprintf(out, 384, "%.*s", (int)strcspn(root + 5, "&"), root + 5);
}

enum rc libvirt_make_folder(const char *path, struct err *e)
{
    char part[PATH_BYTES];
    for (size_t i = 1; path[i - 1]; i++)
        if ((path[i] == '/' || path[i] == '\0') && i < sizeof part) {
            snprintf(part, sizeof part, "%.*s", (int)i, path);
            if (mkdir(part, 0755) != 0 && errno != EEXIST)
                return err_set(e, RC_IO, "cannot make the folder %s: %s", part, strerror(errno));
        }
    return RC_OK;
}

/* ---- folders ---- */

static bool may_pass(const struct virt_guard *g, const struct stat *st)
{
    return st->st_mode & S_IXOTH || (st->st_uid == g->uid && st->st_mode & S_IXUSR) ||
           (st->st_gid == g->gid && st->st_mode & S_IXGRP);
}

enum rc libvirt_let_in(const struct virt_guard *g, const char *own, const char *folder, struct err *e)
{
    char part[PATH_BYTES];
    struct stat st;
    if (!g->uid) return RC_OK;
    for (size_t i = 1; folder[i - 1]; i++) {
        if ((folder[i] != '/' && folder[i] != '\0') || i >= sizeof part) continue;
        snprintf(part, sizeof part, "%.*s", (int)i, folder);
        if (stat(part, &st) != 0) return err_set(e, RC_IO, "%s: %s", part, strerror(errno));
        if (may_pass(g, &st)) continue;
        if (strncmp(part, own, strlen(own)) != 0)
            return err_set(e, RC_DENIED,
                           "the emulator's account (%u) has no access through %s: open that folder"
                           " (chmod o+x), or choose another one with `data:`",
                           (unsigned)g->uid, part);
        if (chown(part, (uid_t)-1, g->gid) != 0 || chmod(part, (st.st_mode & 07777) | S_IXGRP) != 0)
            return err_set(e, RC_IO, "%s cannot be opened for the emulator's account: %s", part, strerror(errno));
    }
    return RC_OK;
}

/* ---- capabilities of the host ---- */

/* Try an action in a child process, so that it has no lasting effect. */
static bool try_out(bool (*fn)(const void *), const void *arg)
{
    int status = 1;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(fn(arg) ? 0 : 1);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool own_mounts(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0;
}

static bool can_namespace(const void *folder)
{
    return own_mounts() && mount("none", folder, "tmpfs", MS_NOSUID, "size=64k") == 0;
}

/* Can a control group be created where libvirt would create its own? */
static bool can_cgroup(void)
{
    static const char *const at[] = { "/sys/fs/cgroup/dmvisor-probe", "/sys/fs/cgroup/cpu/dmvisor-probe",
                                      "/sys/fs/cgroup/cpu,cpuacct/dmvisor-probe" };
    const size_t first = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ? 0 : 1, n = first ? 3 : 1;
    for (size_t i = first; i < n; i++)
        if (mkdir(at[i], 0755) == 0) {
            rmdir(at[i]);
            return true;
        }
    return false;
}

static void lack(struct virt_guard *g, const char *what)
{
    const size_t n = strlen(g->lacks);
    snprintf(g->lacks + n, sizeof g->lacks - n, "%s%s", n ? ", " : "", what);
}

/* ---- /dev/kvm ---- */

static bool opens_kvm(const void *arg)
{
    const struct virt_guard *g = arg;
    gid_t groups[GROUPS];
    int n = GROUPS;
    if (getgrouplist(VIRT_ACCOUNT, g->gid, groups, &n) < 0) return false;
    if (setgroups((size_t)n, groups) || setresgid(g->gid, g->gid, g->gid) || setresuid(g->uid, g->uid, g->uid))
        return false;
    return open("/dev/kvm", O_RDWR | O_CLOEXEC) >= 0;
}

/* Mount a node of the same device over it, visible to this process and its children only. libvirt probes as root
 * with the host's node, finds later that the account has no access, and would probe again for ever. */
static enum rc share_kvm(const struct virt_guard *g, const char *folder, struct err *e)
{
    char node[PATH_BYTES];
    struct stat st;
    if (stat("/dev/kvm", &st) != 0 || try_out(opens_kvm, g)) return RC_OK;
    snprintf(node, sizeof node, "%.500s/kvm", folder);
    if (own_mounts() && mount("none", folder, "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k,mode=0755") == 0 &&
        mknod(node, S_IFCHR | 0660, makedev(KVM_MAJOR, KVM_MINOR)) == 0 && chown(node, 0, g->gid) == 0 &&
        chmod(node, 0660) == 0 && mount(node, "/dev/kvm", NULL, MS_BIND, NULL) == 0) {
        log_event(LOG_INFO, "kvm.shared",
                  LOG_Z("why", "the account " VIRT_ACCOUNT
                               " may not open the host's /dev/kvm; emulators of this agent get one"));
        return RC_OK;
    }
    return err_set(e, RC_DENIED,
                   "the account " VIRT_ACCOUNT " may not open /dev/kvm; let it with: chgrp kvm /dev/kvm && chmod g+rw"
                   " /dev/kvm && usermod -aG kvm " VIRT_ACCOUNT);
}

/* ---- qemu.conf ---- */

static enum rc find_account(struct virt_guard *g, struct err *e)
{
    const struct passwd *p;
    if (geteuid() != 0) return RC_OK;
    p = getpwnam(VIRT_ACCOUNT);
    if (!p || p->pw_uid == 0)
        return err_set(e, RC_NOT_FOUND,
                       "cannot open the hypervisor: the account of emulators is missing; make it with"
                       " useradd --system --user-group " VIRT_ACCOUNT ", or run the agent as another user than root");
    g->uid = p->pw_uid;
    g->gid = p->pw_gid;
    return RC_OK;
}

static void look_at_host(struct virt_guard *g, const char *folder, bool *seccomp, bool *namespaces, bool *cgroups)
{
    *seccomp = access("/proc/sys/kernel/seccomp/actions_avail", F_OK) == 0;
    *namespaces = g->uid && try_out(can_namespace, folder);
    *cgroups = g->uid && can_cgroup();
    if (!*seccomp) lack(g, "seccomp");
    if (!*namespaces) lack(g, "namespaces");
    if (!*cgroups) lack(g, "cgroups");
    if (g->lacks[0])
        log_event(LOG_WARN, "hypervisor.protection", LOG_Z("lacks", g->lacks),
                  LOG_Z("why", g->uid ? "this host does not support it" : "this agent does not run as root"));
}

static bool has_text(const char *file, const char *text, size_t n)
{
    char there[2048];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, there, sizeof there);
    if (fd >= 0) close(fd);
    return got == (ssize_t)n && memcmp(there, text, n) == 0;
}

static enum rc write_config(const char *root, const struct virt_guard *g, bool seccomp, bool namespaces, bool cgroups,
                            struct err *e)
{
    char file[PATH_BYTES], text[1024], account[96] = "";
    if (g->uid)
        snprintf(account, sizeof account, "user = \"+%u\"\ngroup = \"+%u\"\n", (unsigned)g->uid, (unsigned)g->gid);
    int n = snprintf(text, sizeof text,
                     "# Written by dmvisor-agent at each start; changes are lost.\n%s"
                     "dynamic_ownership = 1\nremember_owner = 0\nclear_emulator_capabilities = 1\n"
                     "seccomp_sandbox = %d\n%s%s"
                     /* There is no virtlogd: the agent limits the emulators' logs. Profiles of a security module are
                      * made for libvirtd's folders. */
                     "stdio_handler = \"file\"\nsecurity_driver = \"none\"\n",
                     account, seccomp, namespaces ? "namespaces = [ \"mount\" ]\n" : "namespaces = [ ]\n",
                     cgroups ? "" : "cgroup_controllers = [ ]\n");
    snprintf(file, sizeof file, "%.480s/etc/qemu.conf", root);
    if (has_text(file, text, (size_t)n)) return RC_OK;
    if (access(file, F_OK) == 0)
        log_event(LOG_INFO, "hypervisor.protection", LOG_Z("file", file), LOG_Z("state", "replaced"));
    unlink(file); /* never through an existing link */
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    bool good = fd >= 0 && write(fd, text, (size_t)n) == n;
    if (fd >= 0 && close(fd) != 0) good = false;
    return good ? RC_OK : err_set(e, RC_IO, "cannot write %s: %s", file, strerror(errno));
}

enum rc libvirt_embed_prepare(const char *root, struct virt_guard *out, struct err *e)
{
    char file[PATH_BYTES];
    struct virt_guard g = { 0 };
    bool seccomp = false, namespaces = false, cgroups = false;
    snprintf(file, sizeof file, "%.480s/etc", root);
    enum rc rc = libvirt_make_folder(file, e);
    snprintf(file, sizeof file, "%.480s/dev", root);
    if (!rc) rc = libvirt_make_folder(file, e);
    if (!rc) rc = find_account(&g, e);
    if (rc) return rc;
    look_at_host(&g, file, &seccomp, &namespaces, &cgroups);
    rc = write_config(root, &g, seccomp, namespaces, cgroups, e);
    if (!rc && g.uid) rc = share_kvm(&g, file, e);
    if (!rc) *out = g;
    return rc;
}
