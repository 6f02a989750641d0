/* SPDX-License-Identifier: Apache-2.0 */
/* The effective resources of a running VM, read from libvirt each time. */
#include "agent/hv/libvirt_int.h"
#include "base/str.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WATCHDOG_S = 30, WEIGHTS = 16, THROTTLES = 32 }; /* limit of figures in one answer of libvirt */
#define QUOTA_MOST_US 10000000000LL                     /* a larger quota is the kernel's value for no limit */

struct reading {
    virConnectPtr conn;
    virDomainPtr dom;
    const struct hv_spec *s;
    struct str xml;
    struct hv_in_force *out;
};

/* ---- shared with the setter ---- */

long long libvirt_cpu_quota(const struct hv_spec *s)
{
    return s->limit_pct > 0 ? (long long)LIBVIRT_CPU_PERIOD_US * s->limit_pct / 100 / (s->vcpus > 0 ? s->vcpus : 1)
                            : -1;
}

int libvirt_cores(virConnectPtr conn)
{
    virNodeInfo node;
    if (virNodeGetInfo(conn, &node) != 0) return 0;
    const int cores = (int)VIR_NODEINFO_MAXCPUS(node);
    return cores > LIBVIRT_CPUS_MAX ? LIBVIRT_CPUS_MAX : cores;
}

static void use_core(unsigned char *map, int i)
{
    map[i / 8] = (unsigned char)(map[i / 8] | 1u << i % 8);
}

bool libvirt_cpu_map(const char *list, int cores, unsigned char *map)
{
    const char *p = list;
    int from, to, used;
    memset(map, 0, (size_t)VIR_CPU_MAPLEN(cores)); /* libvirt refuses cores that the host does not have */
    for (int i = 0; !*list && i < cores; i++) use_core(map, i);
    while (*p) {
        if (sscanf(p, "%6d%n", &from, &used) != 1) return false;
        p += used;
        to = from;
        if (*p == '-') {
            if (sscanf(p + 1, "%6d%n", &to, &used) != 1) return false;
            p += 1 + used;
        }
        if (from < 0 || to < from || to >= cores || (*p && *p != ',')) return false;
        for (int i = from; i <= to; i++) use_core(map, i);
        if (*p) p++;
    }
    return true;
}

struct str libvirt_disk_of(struct str xml, const char *file)
{
    char source[600];
    snprintf(source, sizeof source, "<source file='%s'", file);
    for (const char *p = xml.p, *end; *file && (p = strstr(p, "<disk ")) && (end = strstr(p, "</disk>")); p = end) {
        const char *at = strstr(p, source);
        if (at && at < end) return (struct str){ p, (size_t)(end - p) };
    }
    return (struct str){ 0 };
}

bool libvirt_disk_target(struct str disk, char out[8])
{
    const char *at = disk.n ? strstr(disk.p, "<target dev='") : NULL;
    return at && at < disk.p + disk.n && sscanf(at, "<target dev='%7[a-z]'", out) == 1;
}

bool libvirt_has(struct str text, const char *what)
{
    const char *at = text.n ? strstr(text.p, what) : NULL;
    return at && at < text.p + text.n;
}

/* ---- reading ---- */

static int64_t rounded(unsigned long has_kb, int64_t wanted_kb)
{
    return llabs((long long)has_kb - wanted_kb) <= LIBVIRT_MEMORY_GRAIN_KB ? wanted_kb : (int64_t)has_kb;
}

static bool cpus_and_memory(const struct reading *r)
{
    virDomainInfo info;
    const int most = virDomainGetVcpusFlags(r->dom, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_VCPU_MAXIMUM);
    if (most < 0 || virDomainGetInfo(r->dom, &info) != 0) return false;
    r->out->vcpus = info.nrVirtCpu;
    r->out->max_vcpus = most;
    r->out->mem_kb = rounded(info.memory, r->s->mem_kb);
    r->out->mem_max_kb = rounded(info.maxMem, r->s->mem_max_kb);
    return true;
}

static bool weight_and_limit(const struct reading *r)
{
    virTypedParameter p[WEIGHTS];
    unsigned long long shares = 0;
    long long quota = -1;
    int n = WEIGHTS;
    if (virDomainGetSchedulerParametersFlags(r->dom, p, &n, VIR_DOMAIN_AFFECT_LIVE) != 0) return false;
    (void)virTypedParamsGetULLong(p, n, VIR_DOMAIN_SCHEDULER_CPU_SHARES, &shares);
    (void)virTypedParamsGetLLong(p, n, VIR_DOMAIN_SCHEDULER_VCPU_QUOTA, &quota);
    virTypedParamsClear(p, n);
    const bool default_shares = r->s->shares <= 0 && !libvirt_has(r->xml, "<shares>");
    r->out->shares = default_shares ? r->s->shares : (int)shares;
    if (quota <= 0 || quota > QUOTA_MOST_US) quota = -1;
    r->out->limit_pct = quota == libvirt_cpu_quota(r->s)
                            ? r->s->limit_pct
                            : (int)(quota < 0 ? 0 : (quota * r->out->vcpus * 100 - 1) / LIBVIRT_CPU_PERIOD_US + 1);
    return true;
}

/* "0-1,4" of a bit map. */
static void cpu_list(const unsigned char *map, int cores, char out[64])
{
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < cores && n < 50; i++) {
        int to = i;
        if (!VIR_CPU_USED(map, i)) continue;
        while (to + 1 < cores && VIR_CPU_USED(map, to + 1)) to++;
        n += (size_t)snprintf(out + n, 64 - n, to > i ? "%s%d-%d" : "%s%d", n ? "," : "", i, to);
        i = to;
    }
}

/* An offline core runs nothing, whatever a binding names. */
static bool same_cores(const unsigned char *a, const unsigned char *b, const unsigned char *on, int cores)
{
    bool same = true;
    for (int i = 0; i < cores; i++)
        if (!on || VIR_CPU_USED(on, i)) same &= !VIR_CPU_USED(a, i) == !VIR_CPU_USED(b, i);
    return same;
}

static bool binding(const struct reading *r)
{
    const int cores = libvirt_cores(r->conn), length = VIR_CPU_MAPLEN(cores), rows = r->out->vcpus + 1;
    unsigned char want[VIR_CPU_MAPLEN(LIBVIRT_CPUS_MAX)], *on = NULL, *has;
    if (cores <= 0 || !(has = calloc((size_t)rows, (size_t)length))) return false;
    const int n = virDomainGetVcpuPinInfo(r->dom, rows - 1, has, length, VIR_DOMAIN_AFFECT_LIVE),
              emulator = virDomainGetEmulatorPinInfo(r->dom, has + (size_t)(rows - 1) * (size_t)length, length,
                                                     VIR_DOMAIN_AFFECT_LIVE);
    const bool listed = libvirt_cpu_map(r->s->affinity, cores, want);
    if (virNodeGetCPUMap(r->conn, &on, NULL, 0) < cores) {
        free(on);
        on = NULL;
    }
    memcpy(r->out->affinity, r->s->affinity, sizeof r->out->affinity);
    for (int i = 0; i < rows; i++) {
        const unsigned char *row = has + (size_t)i * (size_t)length;
        if (i == rows - 1 ? emulator < 1 : i >= n) continue;
        if (listed && same_cores(row, want, on, cores)) continue;
        cpu_list(row, cores, r->out->affinity);
        break;
    }
    free(on);
    free(has);
    return n >= 0;
}

static void read_throttle(const struct reading *r, int i, const char *target)
{
    virTypedParameter p[THROTTLES];
    unsigned long long octets = 0, iops = 0;
    int n = THROTTLES;
    if (virDomainGetBlockIoTune(r->dom, target, p, &n, VIR_DOMAIN_AFFECT_LIVE) != 0) return;
    (void)virTypedParamsGetULLong(p, n, VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_BYTES_SEC, &octets);
    (void)virTypedParamsGetULLong(p, n, VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_IOPS_SEC, &iops);
    virTypedParamsClear(p, n);
    r->out->volume[i].kbps = (int64_t)(octets / 1024);
    r->out->volume[i].iops = (int64_t)iops;
}

static void volume(const struct reading *r, int i)
{
    const struct str disk = libvirt_disk_of(r->xml, r->s->volumes[i].file);
    virDomainBlockInfo info;
    char target[8];
    if (!libvirt_disk_target(disk, target)) return;
    r->out->volume[i].there = true;
    r->out->volume[i].read_only = libvirt_has(disk, "<readonly/>");
    read_throttle(r, i, target);
    if (virDomainGetBlockInfo(r->dom, target, &info, 0) == 0)
        r->out->volume[i].quota_kb = (int64_t)(info.capacity / 1024);
}

/* Some machines have another watchdog of their own. */
static void guards(const struct reading *r)
{
    const int wanted_s = r->s->watchdog_s;
    r->out->watchdog_s = !libvirt_has(r->xml, "<watchdog model='i6300esb'") ? 0 : wanted_s > 0 ? wanted_s : WATCHDOG_S;
    r->out->detect_panic = libvirt_has(r->xml, "arch='x86_64'") ? libvirt_has(r->xml, "<panic ") : r->s->detect_panic;
}

static bool read_all(const struct reading *r, bool tuning)
{
    r->out->shares = r->s->shares; /* without cgroups there is no weight, and setting one is refused with 406 */
    if (!cpus_and_memory(r)) return false;
    if (tuning && !(weight_and_limit(r) && binding(r))) return false;
    guards(r);
    for (int i = 0; i < r->s->n_volumes; i++) volume(r, i);
    for (int i = 0; i < r->s->n_nets; i++) {
        const struct hv_net *net = &r->s->nets[i];
        r->out->net[i] = net->mac[0] ? libvirt_has(r->xml, net->mac) : net->mode != 0;
    }
    return true;
}

enum rc libvirt_in_force(virConnectPtr conn, virDomainPtr dom, const struct hv_spec *s, bool tuning,
                         struct hv_in_force **out, struct err *e)
{
    char *text = virDomainGetXMLDesc(dom, 0);
    struct hv_in_force *is = calloc(1, sizeof *is);
    const struct reading r = { conn, dom, s, str_of(text ? text : ""), is };
    enum rc rc = RC_OK;
    if (!is)
        rc = err_set(e, RC_NOMEM, "no memory for the effective resources");
    else if (!text || !read_all(&r, tuning))
        rc = libvirt_error(e, RC_IO, "the VM's effective resources cannot be read");
    free(text);
    if (rc)
        free(is);
    else
        *out = is;
    return rc;
}
