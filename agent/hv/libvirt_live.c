/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE
/* Resources of a running VM: each is changed now if possible. The result is read afterwards. */
#include "agent/hv/libvirt_int.h"
#include "base/str.h"
#include "base/world.h"
#include <stdlib.h>
#include <time.h>

/* Time for a guest's driver to follow its balloon before the memory counts as not effective. */
enum { BALLOON_MS = 8000, BALLOON_LOOK_MS = 100 };

static void vcpus(virDomainPtr dom, const struct hv_spec *s)
{
    if (virDomainGetVcpusFlags(dom, VIR_DOMAIN_AFFECT_LIVE) != s->vcpus)
        (void)virDomainSetVcpusFlags(dom, (unsigned)s->vcpus, VIR_DOMAIN_AFFECT_LIVE);
}

static bool has_memory(virDomainPtr dom, const struct hv_spec *s)
{
    virDomainInfo info;
    return virDomainGetInfo(dom, &info) == 0 && llabs((long long)info.memory - s->mem_kb) <= LIBVIRT_MEMORY_GRAIN_KB;
}

/* libvirt accepts any target for the balloon; the guest's driver must follow it. */
static void memory(virDomainPtr dom, const struct hv_spec *s)
{
    const struct timespec pause = { .tv_nsec = BALLOON_LOOK_MS * 1000000L };
    if (has_memory(dom, s) || virDomainSetMemoryFlags(dom, (unsigned long)s->mem_kb, VIR_DOMAIN_AFFECT_LIVE) != 0)
        return;
    for (const int64_t until = world_monotonic_ms() + BALLOON_MS; world_monotonic_ms() < until && !has_memory(dom, s);)
        nanosleep(&pause, NULL);
}

/* Weight and limit, in cgroups. */
static void scheduler(virDomainPtr dom, const struct hv_spec *s)
{
    virTypedParameterPtr p = NULL;
    int n = 0, room = 0;
    bool good = virTypedParamsAddULLong(&p, &n, &room, VIR_DOMAIN_SCHEDULER_VCPU_PERIOD, LIBVIRT_CPU_PERIOD_US) == 0 &&
                virTypedParamsAddLLong(&p, &n, &room, VIR_DOMAIN_SCHEDULER_VCPU_QUOTA, libvirt_cpu_quota(s)) == 0;
    if (good && s->shares > 0)
        good = virTypedParamsAddULLong(&p, &n, &room, VIR_DOMAIN_SCHEDULER_CPU_SHARES, (unsigned long long)s->shares) ==
               0;
    if (good) (void)virDomainSetSchedulerParametersFlags(dom, p, n, VIR_DOMAIN_AFFECT_LIVE);
    virTypedParamsFree(p, n);
}

/* The virtual CPUs, and with them the emulator's own threads. */
static void affinity(virConnectPtr conn, virDomainPtr dom, const struct hv_spec *s)
{
    unsigned char map[VIR_CPU_MAPLEN(LIBVIRT_CPUS_MAX)];
    const int cores = libvirt_cores(conn);
    if (cores <= 0 || !libvirt_cpu_map(s->affinity, cores, map)) return;
    for (int i = 0; i < s->vcpus; i++)
        (void)virDomainPinVcpuFlags(dom, (unsigned)i, map, VIR_CPU_MAPLEN(cores), VIR_DOMAIN_AFFECT_LIVE);
    (void)virDomainPinEmulator(dom, map, VIR_CPU_MAPLEN(cores), VIR_DOMAIN_AFFECT_LIVE);
}

static void throttle(virDomainPtr dom, const char *target, const struct hv_volume *v)
{
    virTypedParameterPtr p = NULL;
    int n = 0, room = 0;
    if (virTypedParamsAddULLong(&p, &n, &room, VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_BYTES_SEC,
                                (unsigned long long)(v->kbps > 0 ? v->kbps * 1024 : 0)) == 0 &&
        virTypedParamsAddULLong(&p, &n, &room, VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_IOPS_SEC,
                                (unsigned long long)(v->iops > 0 ? v->iops : 0)) == 0)
        (void)virDomainSetBlockIoTune(dom, target, p, n, VIR_DOMAIN_AFFECT_LIVE);
    virTypedParamsFree(p, n);
}

/* A throttle changes now and a size grows now; a new volume, a removed one and one that becomes read-only wait for
 * the next start. */
static void volume(virDomainPtr dom, const struct hv_volume *v, struct str xml)
{
    const struct str disk = libvirt_disk_of(xml, v->file);
    const unsigned long long size = (unsigned long long)v->quota_kb * 1024;
    virDomainBlockInfo info;
    char target[8];
    if (!libvirt_disk_target(disk, target)) return;
    if (v->iops > 0 || v->kbps > 0 || libvirt_has(disk, "<iotune>")) throttle(dom, target, v);
    if (virDomainGetBlockInfo(dom, target, &info, 0) == 0 && info.capacity < size)
        (void)virDomainBlockResize(dom, target, size, VIR_DOMAIN_BLOCK_RESIZE_BYTES);
}

/* Interfaces are added and removed at a start, and so are the devices that report a guest's end. */
void libvirt_set_live(virConnectPtr conn, virDomainPtr dom, const struct hv_spec *s, bool tuning)
{
    char *text = virDomainGetXMLDesc(dom, 0);
    const struct str xml = str_of(text ? text : "");
    vcpus(dom, s);
    if (tuning) scheduler(dom, s);
    if (tuning) affinity(conn, dom, s);
    for (int i = 0; i < s->n_volumes; i++) volume(dom, &s->volumes[i], xml);
    memory(dom, s);
    free(text);
}
