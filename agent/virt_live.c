/* SPDX-License-Identifier: Apache-2.0 */
/* Resources of a running VM: each is changed now, or counts as pending until the next start. Nothing is passed over. */
#include "agent/virt_int.h"
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
    memset(map, *list ? 0 : 0xff, (size_t)VIR_CPU_MAPLEN(cpus));
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

/* The text of the domain's disk with this target, in its XML; empty when there is none. */
static struct str disk_of(struct str xml, const char *target)
{
    char dev[24];
    snprintf(dev, sizeof dev, "<target dev='%s'", target);
    for (const char *p = xml.p, *end; (p = strstr(p, "<disk ")) != NULL && (end = strstr(p, "</disk>")) != NULL;
         p = end) {
        const char *at = strstr(p, dev);
        if (at && at < end) return (struct str){ p, (size_t)(end - p) };
    }
    return (struct str){ 0 };
}

static bool has(struct str s, const char *what)
{
    const char *at = s.n ? strstr(s.p, what) : NULL;
    return at && at < s.p + s.n;
}

/* Throttles change now and sizes grow; a new volume, one that goes and one that turns read-only wait for the next
 * start. */
static bool volumes(virDomainPtr dom, const struct hv_spec *s, struct str xml)
{
    const int first = s->disk[0] != '\0';
    bool good = true;
    for (int i = 0; i <= s->n_volumes; i++) {
        const char target[4] = { 'v', 'd', (char)('a' + first + i), '\0' };
        const struct str disk = disk_of(xml, target);
        virDomainBlockInfo info;
        if (i == s->n_volumes || !disk.n) { /* none may be missing, none too many */
            good &= (i == s->n_volumes) == !disk.n;
            continue;
        }
        const struct hv_volume *v = &s->volumes[i];
        const unsigned long long size = (unsigned long long)v->quota_kb * 1024;
        good &= has(disk, v->file) && has(disk, "<readonly/>") == v->read_only;
        if ((v->iops > 0 || v->kbps > 0 || has(disk, "<iotune>")) && !throttle(dom, target, v)) good = false;
        if (virDomainGetBlockInfo(dom, target, &info, 0) != 0 || info.capacity > size ||
            (info.capacity < size && virDomainBlockResize(dom, target, size, VIR_DOMAIN_BLOCK_RESIZE_BYTES) != 0))
            good = false;
    }
    return good;
}

/* Interfaces come and go at a start. */
static bool nets(const struct hv_spec *s, struct str xml)
{
    int have = 0, want = 0;
    bool same = true;
    for (const char *p = xml.p; (p = strstr(p, "<interface ")) != NULL; p++) have++;
    for (int i = 0; i < s->n_nets; i++) {
        if (s->nets[i].mode == 0) continue;
        want++;
        same &= !s->nets[i].mac[0] || has(xml, s->nets[i].mac);
    }
    return same && have == want;
}

bool virt_set_live(virConnectPtr conn, virDomainPtr dom, const struct hv_spec *s, bool tuning)
{
    char *xml = virDomainGetXMLDesc(dom, 0);
    bool done = vcpus(dom, s);
    if (!xml) return false;
    done &= memory(dom, s);
    done &= tuning ? scheduler(dom, s) && affinity(conn, dom, s) : s->limit_pct == 0 && !s->affinity[0];
    done &= volumes(dom, s, str_of(xml));
    done &= nets(s, str_of(xml));
    free(xml);
    return done;
}
