/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/libvirt_int.h"
#include "base/world.h"
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Statistics of one domain from libvirt's bulk call: typed figures by name. */

enum rc libvirt_error(struct err *e, enum rc rc, const char *what)
{
    const char *why = virGetLastErrorMessage();
    return err_set(e, rc, "%s: %.300s", what, why && why[0] ? why : "libvirt gives no reason");
}

struct figures {
    virTypedParameterPtr p;
    int n;
};

/* A figure by name; -1 when the hypervisor does not report it. */
static int64_t figure(const struct figures *f, const char *name)
{
    unsigned long long u;
    long long l;
    unsigned ui;
    int i;
    if (virTypedParamsGetULLong(f->p, f->n, name, &u) == 1) return (int64_t)u;
    if (virTypedParamsGetLLong(f->p, f->n, name, &l) == 1) return l;
    if (virTypedParamsGetUInt(f->p, f->n, name, &ui) == 1) return ui;
    return virTypedParamsGetInt(f->p, f->n, name, &i) == 1 ? i : -1;
}

static int64_t numbered(const struct figures *f, const char *group, int i, const char *name)
{
    char full[64];
    snprintf(full, sizeof full, "%s.%d.%s", group, i, name);
    return figure(f, full);
}

static int64_t divided(int64_t value, int64_t by)
{
    return value < 0 ? -1 : value / by;
}

static void fill_vcpus(const struct figures *f, struct hv_stats *st)
{
    int64_t steal = 0, wait = 0;
    int max = (int)figure(f, "vcpu.maximum");
    for (int i = 0; i < max && i < HV_VCPUS; i++) {
        struct hv_vcpu_stats *c = &st->vcpu[i];
        int64_t state = numbered(f, "vcpu", i, "state"), delay = numbered(f, "vcpu", i, "delay"),
                w = numbered(f, "vcpu", i, "wait");
        c->state = state == VIR_VCPU_RUNNING ? 1 : state == VIR_VCPU_BLOCKED ? 2 : 0;
        c->time_ms = divided(numbered(f, "vcpu", i, "time"), 1000000);
        c->steal_ms = divided(delay, 1000000);
        if (state >= 0 && state != VIR_VCPU_OFFLINE) st->n_vcpus = i + 1;
        steal += delay > 0 ? delay : 0;
        wait += w > 0 ? w : 0;
    }
    st->steal_ms = steal / 1000000;
    st->wait_ms = wait / 1000000;
}

/* Disks are in the order of the domain's XML: the system disk first when there is one, then the volumes. */
static void fill_disks(const struct figures *f, const struct hv_spec *spec, struct hv_stats *st)
{
    const int offset = spec->disk[0] ? 1 : 0;
    for (int i = 0; i < spec->n_volumes; i++) {
        struct hv_disk_stats *d = &st->disk[st->n_disks++];
        memcpy(d->name, spec->volumes[i].name, sizeof d->name);
        d->rd_ops = numbered(f, "block", i + offset, "rd.reqs");
        d->rd_kb = divided(numbered(f, "block", i + offset, "rd.bytes"), 1024);
        d->rd_ms = divided(numbered(f, "block", i + offset, "rd.times"), 1000000);
        d->wr_ops = numbered(f, "block", i + offset, "wr.reqs");
        d->wr_kb = divided(numbered(f, "block", i + offset, "wr.bytes"), 1024);
        d->wr_ms = divided(numbered(f, "block", i + offset, "wr.times"), 1000000);
        d->flushes = numbered(f, "block", i + offset, "fl.reqs");
        d->alloc_kb = divided(numbered(f, "block", i + offset, "allocation"), 1024);
    }
}

static void fill_nets(const struct figures *f, const struct hv_spec *spec, struct hv_stats *st)
{
    int at = 0;
    for (int i = 0; i < spec->n_nets; i++) {
        if (spec->nets[i].mode == 0) continue;
        struct hv_net_stats *n = &st->net[st->n_nets++];
        memcpy(n->name, spec->nets[i].name, sizeof n->name);
        n->rx_kb = divided(numbered(f, "net", at, "rx.bytes"), 1024);
        n->tx_kb = divided(numbered(f, "net", at, "tx.bytes"), 1024);
        n->rx_pkts = numbered(f, "net", at, "rx.pkts");
        n->tx_pkts = numbered(f, "net", at, "tx.pkts");
        n->rx_errs = numbered(f, "net", at, "rx.errs");
        n->tx_errs = numbered(f, "net", at, "tx.errs");
        n->rx_drops = numbered(f, "net", at, "rx.drop");
        n->tx_drops = numbered(f, "net", at, "tx.drop");
        at++;
    }
}

bool libvirt_was_killed(int state, int reason)
{
    return state == VIR_DOMAIN_SHUTOFF && reason == VIR_DOMAIN_SHUTOFF_CRASHED;
}

enum hv_state libvirt_state_of(int state)
{
    switch (state) {
    case VIR_DOMAIN_RUNNING:
    case VIR_DOMAIN_BLOCKED: return HV_RUNNING;
    case VIR_DOMAIN_PAUSED:
    case VIR_DOMAIN_PMSUSPENDED: return HV_PAUSED;
    case VIR_DOMAIN_SHUTDOWN: return HV_SHUTTING_DOWN;
    case VIR_DOMAIN_CRASHED: return HV_CRASHED;
    default: return HV_OFF;
    }
}

static void fill_memory(const struct figures *f, int64_t now_ms, struct hv_stats *st)
{
    const int64_t available = figure(f, "balloon.available"), unused = figure(f, "balloon.unused"),
                  when = figure(f, "balloon.last-update");
    st->balloon_kb = figure(f, "balloon.current");
    st->used_kb = available >= 0 && unused >= 0 ? available - unused : -1;
    st->usable_kb = figure(f, "balloon.usable");
    st->rss_kb = figure(f, "balloon.rss");
    st->swap_in_kb = figure(f, "balloon.swap_in");
    st->swap_out_kb = figure(f, "balloon.swap_out");
    st->maj_faults = figure(f, "balloon.major_fault");
    st->mem_age_s = when > 0 ? now_ms / 1000 - when : -1;
}

enum rc libvirt_stats_read(virDomainPtr dom, const struct hv_spec *spec, struct hv_stats **out, struct err *e)
{
    virDomainPtr one[2] = { dom, NULL };
    virDomainStatsRecordPtr *records = NULL;
    struct hv_stats *st = calloc(1, sizeof *st);
    if (!st) return err_set(e, RC_NOMEM, "no memory for statistics");
    if (virDomainListGetStats(one, 0, &records, 0) < 1) {
        free(st);
        return libvirt_error(e, RC_IO, "no statistics");
    }
    const struct figures f = { records[0]->params, records[0]->nparams };
    st->at_ms = world_real().now_ms;
    st->state = libvirt_state_of((int)figure(&f, "state.state"));
    st->cpu_ms = divided(figure(&f, "cpu.time"), 1000000);
    st->user_ms = divided(figure(&f, "cpu.user"), 1000000);
    st->sys_ms = divided(figure(&f, "cpu.system"), 1000000);
    fill_vcpus(&f, st);
    fill_memory(&f, st->at_ms, st);
    fill_disks(&f, spec, st);
    fill_nets(&f, spec, st);
    virDomainStatsRecordListFree(records);
    *out = st;
    return RC_OK;
}
