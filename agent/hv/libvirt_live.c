/* SPDX-License-Identifier: Apache-2.0 */
/* Resources of a running VM: each is changed now, or counts as pending until the next start. Nothing is passed over. */
#include "agent/hv/libvirt_int.h"
#include "base/str.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CPU_PERIOD_US = 100000, CPUS_MAX = 1024 };

static bool vcpus(virDomainPtr dom, const struct hv_spec *s)
{
    const int now = virDomainGetVcpusFlags(dom, VIR_DOMAIN_AFFECT_LIVE);
    const int max = virDomainGetVcpusFlags(dom, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_VCPU_MAXIMUM);
    if (max != s->max_vcpus) return false;
    return now == s->vcpus || virDomainSetVcpusFlags(dom, (unsigned)s->vcpus, VIR_DOMAIN_AFFECT_LIVE) == 0;
}

static bool memory(virDomainPtr dom, const struct hv_spec *s)
{
    if (virDomainGetMaxMemory(dom) != (unsigned long)s->mem_max_kb) return false;
    return virDomainSetMemoryFlags(dom, (unsigned long)s->mem_kb, VIR_DOMAIN_AFFECT_LIVE) == 0;
}

/* Weight and limit, in cgroups. @return false when what runs is something else and cannot be changed now */
static bool scheduler(virDomainPtr dom, const struct hv_spec *s)
{
    virTypedParameterPtr p = NULL;
    int n = 0, room = 0;
    const long long quota = s->limit_pct > 0
                                ? (long long)CPU_PERIOD_US * s->limit_pct / 100 / (s->vcpus > 0 ? s->vcpus : 1)
                                : -1;
    bool good = virTypedParamsAddULLong(&p, &n, &room, VIR_DOMAIN_SCHEDULER_VCPU_PERIOD, CPU_PERIOD_US) == 0 &&
                virTypedParamsAddLLong(&p, &n, &room, VIR_DOMAIN_SCHEDULER_VCPU_QUOTA, quota) == 0;
    if (good && s->shares > 0)
        good = virTypedParamsAddULLong(&p, &n, &room, VIR_DOMAIN_SCHEDULER_CPU_SHARES, (unsigned long long)s->shares) ==
               0;
    good = good && virDomainSetSchedulerParametersFlags(dom, p, n, VIR_DOMAIN_AFFECT_LIVE) == 0;
    virTypedParamsFree(p, n);
    return good;
}

/* "0-1,4" as a bit map; empty = all. @return false when it is no such list */
static bool cpu_map(const char *list, int cpus, unsigned char *map)
{
    const char *p = list;
    int from, to, used;
    memset(map, 0, (size_t)VIR_CPU_MAPLEN(cpus)); /* libvirt takes no core that the host does not have */
    for (int i = 0; !*list && i < cpus; i++) map[i / 8] = (unsigned char)(map[i / 8] | 1u << i % 8);
    while (*p) {
        if (sscanf(p, "%6d%n", &from, &used) != 1) return false;
        p += used;
        to = from;
        if (*p == '-') {
            if (sscanf(p + 1, "%6d%n", &to, &used) != 1) return false;
            p += 1 + used;
        }
        if (from < 0 || to < from || to >= cpus || (*p && *p != ',')) return false;
        for (int i = from; i <= to; i++) map[i / 8] = (unsigned char)(map[i / 8] | 1u << i % 8);
        if (*p) p++;
    }
    return true;
}

static bool affinity(virConnectPtr conn, virDomainPtr dom, const struct hv_spec *s)
{
    unsigned char map[VIR_CPU_MAPLEN(CPUS_MAX)];
    virNodeInfo node;
    if (virNodeGetInfo(conn, &node) != 0) return false;
    int cpus = (int)VIR_NODEINFO_MAXCPUS(node);
    if (cpus > CPUS_MAX) cpus = CPUS_MAX;
    if (!cpu_map(s->affinity, cpus, map)) return false;
    for (int i = 0; i < s->vcpus; i++)
        if (virDomainPinVcpuFlags(dom, (unsigned)i, map, VIR_CPU_MAPLEN(cpus), VIR_DOMAIN_AFFECT_LIVE) != 0)
            return false;
    return true;
}

static bool throttle(virDomainPtr dom, const char *target, const struct hv_volume *v)
{
    virTypedParameterPtr p = NULL;
    int n = 0, room = 0;
    bool good = virTypedParamsAddULLong(&p, &n, &room, VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_BYTES_SEC,
                                        (unsigned long long)(v->kbps > 0 ? v->kbps * 1024 : 0)) == 0 &&
                virTypedParamsAddULLong(&p, &n, &room, VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_IOPS_SEC,
                                        (unsigned long long)(v->iops > 0 ? v->iops : 0)) == 0 &&
                virDomainSetBlockIoTune(dom, target, p, n, VIR_DOMAIN_AFFECT_LIVE) == 0;
    virTypedParamsFree(p, n);
    return good;
}

/* The text of the domain's disk with this file, in its XML; empty when there is none. */
static struct str disk_of(struct str xml, const char *file)
{
    char source[600];
    snprintf(source, sizeof source, "<source file='%s'", file);
    for (const char *p = xml.p, *end; *file && (p = strstr(p, "<disk ")) && (end = strstr(p, "</disk>")); p = end) {
        const char *at = strstr(p, source);
        if (at && at < end) return (struct str){ p, (size_t)(end - p) };
    }
    return (struct str){ 0 };
}

static bool target_of(struct str disk, char out[8])
{
    const char *at = strstr(disk.p, "<target dev='");
    return at && at < disk.p + disk.n && sscanf(at, "<target dev='%7[a-z]'", out) == 1;
}

static bool has(struct str s, const char *what)
{
    const char *at = s.n ? strstr(s.p, what) : NULL;
    return at && at < s.p + s.n;
}

/* A throttle changes now and a size grows; a new volume and one that turns read-only wait for the next start. One that
 * goes is none of `s`: whoever compares sees that it is still there. */
static bool volume(virDomainPtr dom, const struct hv_volume *v, struct str xml)
{
    const struct str disk = disk_of(xml, v->file);
    const unsigned long long size = (unsigned long long)v->quota_kb * 1024;
    virDomainBlockInfo info;
    char target[8];
    if (!disk.n || has(disk, "<readonly/>") != v->read_only || !target_of(disk, target)) return false;
    if ((v->iops > 0 || v->kbps > 0 || has(disk, "<iotune>")) && !throttle(dom, target, v)) return false;
    return virDomainGetBlockInfo(dom, target, &info, 0) == 0 && info.capacity <= size &&
           (info.capacity == size || virDomainBlockResize(dom, target, size, VIR_DOMAIN_BLOCK_RESIZE_BYTES) == 0);
}

/* Interfaces come and go at a start, and so do the devices that tell of a guest's end. */
static bool net(const struct hv_net *n, struct str xml)
{
    return has(xml, n->mac) == (n->mode != 0);
}

static bool guards(const struct hv_spec *s, struct str xml)
{
    const bool can_panic = has(xml, "arch='x86_64'");
    return has(xml, "<watchdog ") == (s->watchdog_s > 0) && (!can_panic || has(xml, "<panic ") == s->detect_panic);
}

uint32_t libvirt_set_live(virConnectPtr conn, virDomainPtr dom, const struct hv_spec *s, bool tuning)
{
    char *text = virDomainGetXMLDesc(dom, 0);
    const struct str xml = str_of(text ? text : "");
    uint32_t waits = 0;
    if (!vcpus(dom, s)) waits |= HV_PART_VCPUS;
    if (!memory(dom, s)) waits |= HV_PART_MEMORY;
    if (tuning ? !scheduler(dom, s) : s->limit_pct != 0) waits |= HV_PART_WEIGHT;
    if (tuning ? !affinity(conn, dom, s) : s->affinity[0] != '\0') waits |= HV_PART_AFFINITY;
    if (!guards(s, xml)) waits |= HV_PART_GUARDS;
    for (int i = 0; i < s->n_volumes; i++)
        if (!volume(dom, &s->volumes[i], xml)) waits |= HV_PART_VOLUME(i);
    for (int i = 0; i < s->n_nets; i++)
        if (!net(&s->nets[i], xml)) waits |= HV_PART_NET(i);
    free(text);
    return waits;
}
