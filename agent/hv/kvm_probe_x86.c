/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE
#include "agent/hv/kvm_probe.h"
#include "base/world.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The guest: 64-bit code with identity-mapped memory, as in a kernel; emulating hosts are fast in real mode only. */
enum { MEMORY = 0x10000, CODE = 0x1000, PML4 = 0x2000, PDPT = 0x3000, PD = 0x4000, LOOPS = 1000000 };
enum { PAGE_OURS = 0x3, PAGE_LARGE = 0x83 }; /* present, writable; a page of 2 MiB */

static void put64(unsigned char *memory, size_t at, uint64_t value)
{
    memcpy(memory + at, &value, sizeof value);
}

static void load(unsigned char *memory)
{
    /* mov ecx, LOOPS; again: dec ecx; jnz again; hlt */
    static const unsigned char code[] = { 0xb9, 0, 0, 0, 0, 0xff, 0xc9, 0x75, 0xfc, 0xf4 };
    const uint32_t loops = LOOPS;
    memcpy(memory + CODE, code, sizeof code);
    memcpy(memory + CODE + 1, &loops, sizeof loops);
    put64(memory, PML4, PDPT | PAGE_OURS);
    put64(memory, PDPT, PD | PAGE_OURS);
    put64(memory, PD, PAGE_LARGE);
}

static bool set_registers(int vcpu)
{
    const struct kvm_regs regs = { .rip = CODE, .rsp = MEMORY, .rflags = 2 };
    struct kvm_sregs s;
    if (ioctl(vcpu, KVM_GET_SREGS, &s) < 0) return false;
    s.cs = (struct kvm_segment){ .limit = 0xffffffff, .selector = 8, .present = 1, .type = 11, .s = 1, .l = 1, .g = 1 };
    s.ds = (struct kvm_segment){
        .limit = 0xffffffff, .selector = 16, .present = 1, .type = 3, .s = 1, .db = 1, .g = 1
    };
    s.es = s.fs = s.gs = s.ss = s.ds;
    s.cr3 = PML4;
    s.cr4 = 0x20;       /* PAE */
    s.cr0 = 0x80050033; /* PG, AM, WP, NE, ET, MP, PE */
    s.efer = 0x500;     /* LME, LMA */
    return ioctl(vcpu, KVM_SET_SREGS, &s) == 0 && ioctl(vcpu, KVM_SET_REGS, &regs) == 0;
}

/* Runs in a process of its own, between fork and exit: only system calls. @return did the guest reach its end? */
static bool run_guest(void)
{
    const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    const int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
    unsigned char *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (vm < 0 || memory == MAP_FAILED) return false;
    load(memory);
    const struct kvm_userspace_memory_region region = { .memory_size = MEMORY,
                                                        .userspace_addr = (uint64_t)(uintptr_t)memory };
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0) return false;
    const int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0), size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (vcpu < 0 || size < (int)sizeof(struct kvm_run) || !set_registers(vcpu)) return false;
    const struct kvm_run *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    return run != MAP_FAILED && ioctl(vcpu, KVM_RUN, 0) == 0 && run->exit_reason == KVM_EXIT_HLT;
}

static bool ends_within(int pidfd, int64_t ms)
{
    const int64_t until = world_monotonic_ms() + ms;
    struct pollfd p = { .fd = pidfd, .events = POLLIN };
    for (;;) {
        const int64_t left = until - world_monotonic_ms();
        const int n = poll(&p, 1, left > 0 ? (int)left : 0);
        if (n >= 0 || errno != EINTR) return n > 0;
    }
}

enum kvm_speed kvm_probe(void)
{
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* an endless loop would keep the agent's descriptors open */
        _exit(run_guest() ? 0 : 1);
    }
    if (child < 0) return KVM_SPEED_UNKNOWN;
    const int pidfd = (int)syscall(SYS_pidfd_open, child, 0u);
    const bool ended = pidfd >= 0 && ends_within(pidfd, KVM_PROBE_MS);
    if (!ended) kill(child, SIGKILL); /* not waited for yet, so the pid is still the child's */
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (pidfd < 0) return KVM_SPEED_UNKNOWN;
    close(pidfd);
    if (!ended) return KVM_SPEED_SLOW;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? KVM_SPEED_NATIVE : KVM_SPEED_ABSENT;
}
