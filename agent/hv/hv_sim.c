/* SPDX-License-Identifier: Apache-2.0 */
#include "base/erase.h"
#include "agent/hv/hv.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A hypervisor in memory: every request succeeds after delay_ms of virtual time. For many devices in one process,
 * and for tests; a VM costs about half a kilobyte. */
enum { DOMAINS = 8, QUEUE = 32, READY_MS = 3000 };

struct domain {
    char uuid[HV_UUID_BYTES];
    enum hv_state state;
    int vcpus, n_volumes, n_nets;
    int64_t mem_kb, started_ms, busy_ms; /* busy_ms: CPU time used before started_ms */
    char volume[HV_VOLUMES][HV_NAME_BYTES], net[HV_NETS][HV_NAME_BYTES];
    bool heartbeat;
    struct hv_spec *files; /* as defined, when the VM has a folder; else NULL */
    unsigned boots;
};

struct waiting {
    int64_t at_ms;
    struct hv_event ev;
    struct hv_spec *spec;
};

struct hv_sim {
    struct hv base;
    int delay_ms;
    uint64_t seed;
    int64_t now_ms, start_ms;
    struct domain domain[DOMAINS];
    struct waiting queue[QUEUE]; /* in the order of the requests; executed when due */
    unsigned n;
    struct hv_stats *stats;      /* of the last HV_STATS handed out */
    struct hv_in_force in_force; /* of the last read */
    bool fail;
    enum hv_call fail_call;
    enum rc fail_rc;
    char fail_text[HV_TEXT_BYTES];
};

static uint64_t next_random(struct hv_sim *s)
{
    uint64_t z = s->seed += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static struct domain *find(struct hv_sim *s, const char *uuid)
{
    for (unsigned i = 0; i < DOMAINS; i++)
        if (strcmp(s->domain[i].uuid, uuid) == 0) return &s->domain[i];
    return NULL;
}

static void put(struct hv_sim *s, int64_t at_ms, const struct hv_event *ev)
{
    if (s->n < QUEUE) s->queue[s->n++] = (struct waiting){ at_ms, *ev, NULL };
}

static void put_state(struct hv_sim *s, const struct domain *d, enum hv_cause cause, const char *text)
{
    struct hv_event ev = { .kind = HV_EV_STATE, .state = d->state, .cause = cause };
    snprintf(ev.uuid, sizeof ev.uuid, "%s", d->uuid);
    snprintf(ev.text, sizeof ev.text, "%s", text);
    put(s, s->now_ms, &ev);
}

static void put_ready(struct hv_sim *s, const struct domain *d, int64_t delay_ms)
{
    struct hv_event ev = { .kind = HV_EV_READY };
    snprintf(ev.uuid, sizeof ev.uuid, "%s", d->uuid);
    put(s, s->now_ms + delay_ms, &ev);
}

/* --- the files of a guest --- */

/* Simulate the guest's writes: a line in each disk, at another place for each boot. */
static enum rc use_disk(const char *name, const char *file, int64_t size_kb, bool read_only, unsigned boots,
                        struct err *e)
{
    char line[64];
    struct stat st;
    int fd = open(file, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (fd < 0) return err_set(e, RC_IO, "cannot open the disk %s: %s", name, strerror(errno));
    bool good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= size_kb * 1024;
    int n = snprintf(line, sizeof line, "guest wrote this to %.20s, boot %u\n", name, boots);
    if (good && !read_only && st.st_size >= 4096)
        good = pwrite(fd, line, (size_t)n, (off_t)(boots * 1024) % (st.st_size - 1024)) == n;
    close(fd);
    return good ? RC_OK : err_set(e, RC_IO, "the disk %s is not as large as it was", name);
}

static void print_line(const struct hv_spec *spec, unsigned boots)
{
    char file[600];
    snprintf(file, sizeof file, "%s/console.log", spec->dir);
    FILE *f = fopen(file, "ae");
    if (!f) return;
    fprintf(f, "guest console, boot %u\n", boots);
    fclose(f);
}

static enum rc use_files(struct domain *d, bool boots, struct err *e)
{
    const struct hv_spec *spec = d->files;
    enum rc rc = RC_OK;
    if (!spec) return RC_OK;
    d->boots += boots;
    if (spec->disk[0]) rc = use_disk("system", spec->disk, 0, false, d->boots, e);
    for (int i = 0; !rc && i < spec->n_volumes; i++)
        rc = use_disk(spec->volumes[i].name, spec->volumes[i].file, spec->volumes[i].size_kb,
                      spec->volumes[i].read_only, d->boots, e);
    if (!rc) print_line(spec, d->boots);
    return rc;
}

static void memory_file(const struct domain *d, char file[600])
{
    snprintf(file, 600, "%s/memory.sav", d->files->dir);
}

static enum rc save_memory(const struct domain *d, struct err *e)
{
    char file[600];
    if (!d->files) return RC_OK;
    memory_file(d, file);
    FILE *f = fopen(file, "we");
    if (!f) return err_set(e, RC_IO, "cannot save the memory: %s", strerror(errno));
    fprintf(f, "guest memory, boot %u\n", d->boots);
    fclose(f);
    return RC_OK;
}

static void drop_memory(const struct domain *d)
{
    char file[600];
    if (!d->files) return;
    memory_file(d, file);
    (void)erase_file(file, NULL);
}

/* --- requests
 * ------------------------------------------------------------------------------------------------------- */

static enum rc copy_spec(struct hv_sim *s, const struct hv_spec *spec)
{
    struct domain *d = find(s, spec->uuid);
    if (!d) d = find(s, "");
    if (!d) return RC_LIMIT;
    snprintf(d->uuid, sizeof d->uuid, "%s", spec->uuid);
    d->state = d->state == HV_GONE ? HV_OFF : d->state;
    d->vcpus = spec->vcpus;
    d->mem_kb = spec->mem_kb;
    d->heartbeat = spec->heartbeat;
    d->n_volumes = spec->n_volumes;
    d->n_nets = spec->n_nets;
    for (int i = 0; i < spec->n_volumes; i++) memcpy(d->volume[i], spec->volumes[i].name, HV_NAME_BYTES);
    for (int i = 0; i < spec->n_nets; i++) memcpy(d->net[i], spec->nets[i].name, HV_NAME_BYTES);
    if (!spec->dir[0]) return RC_OK;
    if (!d->files && !(d->files = malloc(sizeof *d->files))) return RC_NOMEM;
    *d->files = *spec;
    return RC_OK;
}

static enum rc started(struct hv_sim *s, struct domain *d, enum hv_state state, bool boots, struct err *e)
{
    enum rc rc = use_files(d, boots, e);
    if (rc) return rc;
    drop_memory(d);
    d->state = state;
    d->started_ms = s->now_ms;
    d->busy_ms = 0;
    put_state(s, d, HV_C_REQUEST, "");
    if (boots && state == HV_RUNNING) put_ready(s, d, s->delay_ms ? READY_MS : 0);
    return RC_OK;
}

static void off(struct hv_sim *s, struct domain *d, enum hv_cause cause)
{
    d->state = HV_OFF;
    put_state(s, d, cause, "");
}

/* Execute a due request. */
static enum rc perform(struct hv_sim *s, enum hv_call call, struct domain *d, const struct hv_spec *spec, struct err *e)
{
    if (call == HV_DEFINE) return copy_spec(s, spec);
    if (!d) return call == HV_UNDEFINE || call == HV_DESTROY || call == HV_FORGET ? RC_OK : RC_NOT_FOUND;
    switch (call) {
    case HV_UNDEFINE:
        drop_memory(d);
        free(d->files);
        memset(d, 0, sizeof *d);
        break;
    case HV_START:
    case HV_START_PAUSED:
        if (d->state == HV_CRASHED) return err_set(e, RC_CONFLICT, "the crashed guest's domain still exists");
        return started(s, d, call == HV_START ? HV_RUNNING : HV_PAUSED, true, e);
    case HV_RESTORE: return started(s, d, HV_RUNNING, false, e);
    case HV_REBOOT:
    case HV_RESET: return started(s, d, HV_RUNNING, true, e);
    case HV_DESTROY: off(s, d, HV_C_REQUEST); break;
    case HV_SHUTDOWN: off(s, d, HV_C_GUEST); break;
    case HV_PAUSE:
    case HV_RESUME:
        d->state = call == HV_PAUSE ? HV_PAUSED : HV_RUNNING;
        put_state(s, d, HV_C_REQUEST, "");
        break;
    case HV_SAVE:
        if (save_memory(d, e)) return RC_IO;
        d->state = HV_SAVED;
        put_state(s, d, HV_C_REQUEST, "");
        break;
    case HV_DROP_SAVED:
    case HV_FORGET:
        drop_memory(d);
        if (d->state == HV_SAVED) d->state = HV_OFF;
        break;
    case HV_SET_RESOURCES:
        d->vcpus = spec->vcpus;
        d->mem_kb = spec->mem_kb;
        break;
    default: break;
    }
    return RC_OK;
}

/* Plausible figures: the guest uses a quarter of the CPU time, some memory, a little disk and network. */
static void fill_stats(struct hv_sim *s, const struct domain *d, struct hv_stats *st)
{
    const bool on = d->state == HV_RUNNING || d->state == HV_PAUSED;
    const int64_t up = on ? s->now_ms - d->started_ms : 0;
    memset(st, 0, sizeof *st);
    st->at_ms = s->now_ms;
    st->state = d->state;
    st->cpu_ms = up / 4 * d->vcpus + (int64_t)(next_random(s) % 50);
    st->user_ms = st->cpu_ms / 2;
    st->sys_ms = st->cpu_ms - st->user_ms;
    st->steal_ms = up / 200;
    st->wait_ms = up / 100;
    st->n_vcpus = on ? d->vcpus : 0;
    for (int i = 0; i < st->n_vcpus && i < HV_VCPUS; i++)
        st->vcpu[i] = (struct hv_vcpu_stats){ 1, st->cpu_ms / d->vcpus, up / 200 };
    st->balloon_kb = on ? d->mem_kb : 0;
    st->used_kb = on ? d->mem_kb / 2 + (int64_t)(next_random(s) % 1024) : 0;
    st->usable_kb = d->mem_kb - st->used_kb;
    st->rss_kb = on ? d->mem_kb / 2 : 0;
    st->n_disks = d->n_volumes;
    for (int i = 0; i < d->n_volumes; i++) {
        memcpy(st->disk[i].name, d->volume[i], HV_NAME_BYTES);
        st->disk[i].rd_ops = up / 20;
        st->disk[i].rd_kb = up / 5;
        st->disk[i].wr_ops = up / 50;
        st->disk[i].wr_kb = up / 10;
    }
    st->n_nets = d->n_nets;
    for (int i = 0; i < d->n_nets; i++) {
        memcpy(st->net[i].name, d->net[i], HV_NAME_BYTES);
        st->net[i].rx_kb = up / 10;
        st->net[i].tx_kb = up / 30;
    }
}

/* All of it, except for values that must be set first. */
static void look(struct hv_sim *s, const struct domain *d, const struct hv_spec *spec, struct hv_event *out)
{
    struct hv_in_force *is = &s->in_force;
    out->in_force = NULL;
    if (!d || !spec || (d->state != HV_RUNNING && d->state != HV_PAUSED)) return;
    *is = (struct hv_in_force){ .vcpus = d->vcpus,
                                .max_vcpus = spec->max_vcpus,
                                .shares = spec->shares,
                                .limit_pct = spec->limit_pct,
                                .watchdog_s = spec->watchdog_s,
                                .detect_panic = spec->detect_panic,
                                .mem_kb = d->mem_kb,
                                .mem_max_kb = spec->mem_max_kb };
    memcpy(is->affinity, spec->affinity, sizeof is->affinity);
    for (int i = 0; i < spec->n_volumes; i++) {
        is->volume[i].there = true;
        is->volume[i].read_only = spec->volumes[i].read_only;
        is->volume[i].quota_kb = spec->volumes[i].quota_kb;
        is->volume[i].iops = spec->volumes[i].iops;
        is->volume[i].kbps = spec->volumes[i].kbps;
    }
    for (int i = 0; i < spec->n_nets; i++) is->net[i] = spec->nets[i].mode != 0;
    out->in_force = is;
}

/* ---- hv.h ---- */

/* The peripherals of a phone. */
static const struct periph periphs[] = {
    { "camera0", "camera", "Hardware", "Simulated camera" },
    { "mic0", "mic", "IO", "Simulated microphone" },
    { "gnss0", "gnss", "Hardware", "" },
};

static enum rc sim_facts(struct hv *hv, struct hv_facts *out, struct err *e)
{
    const struct hv_sim *s = (struct hv_sim *)hv;
    (void)e;
    *out = (struct hv_facts){ .name = "Simulator",
                              .vendor = "dmvisor",
                              .version = DMVISOR_VERSION,
                              .arch = "aarch64",
                              .type = 2,
                              .cpu_total = 8,
                              .cpu_online = 8,
                              .max_vcpus = 8,
                              .max_vms = DOMAINS,
                              .mem_total_kb = 8 << 20,
                              .mem_free_kb = 4 << 20,
                              .store_total_kb = 64 << 20,
                              .store_free_kb = 32 << 20,
                              .uptime_s = (s->now_ms - s->start_ms) / 1000,
                              .kvm = true,
                              .pause = true,
                              .suspend = true,
                              .balloon = true,
                              .watchdog = true,
                              .tuning = true,
                              .detects_panic = true,
                              .guest_types = "android,linux,rtos,service,other",
                              .image_formats = "raw,qcow2,bundle",
                              .cpu_pct = 20,
                              .mem_used_kb = 4 << 20,
                              .temp_c = -1,
                              .periphs = periphs,
                              .n_periphs = sizeof periphs / sizeof periphs[0] };
    return RC_OK;
}

static enum rc sim_request(struct hv *hv, enum hv_call call, const struct hv_spec *spec, uint64_t cookie, struct err *e)
{
    struct hv_sim *s = (struct hv_sim *)hv;
    if (s->n > QUEUE - 4) return err_set(e, RC_LIMIT, "too many requests wait for the simulated hypervisor");
    struct hv_event ev = { .kind = HV_EV_DONE, .cookie = cookie, .call = call };
    snprintf(ev.uuid, sizeof ev.uuid, "%s", spec->uuid);
    put(s, s->now_ms + (call == HV_STATS ? 0 : s->delay_ms), &ev);
    if (call == HV_DEFINE || call == HV_SET_RESOURCES || call == HV_LOOK) {
        struct hv_spec *copy = malloc(sizeof *copy);
        if (!copy) {
            s->n--;
            return err_set(e, RC_NOMEM, "out of memory");
        }
        *copy = *spec;
        s->queue[s->n - 1].spec = copy;
    }
    return RC_OK;
}

static bool sim_next(struct hv *hv, struct hv_event *out)
{
    struct hv_sim *s = (struct hv_sim *)hv;
    unsigned i = 0;
    while (i < s->n && s->queue[i].at_ms > s->now_ms) i++;
    if (i == s->n) return false;
    struct waiting w = s->queue[i];
    memmove(&s->queue[i], &s->queue[i + 1], (--s->n - i) * sizeof w);
    *out = w.ev;
    struct domain *d = find(s, w.ev.uuid);
    if (w.ev.kind == HV_EV_READY && (!d || d->state != HV_RUNNING))
        return sim_next(hv, out); /* it was stopped meanwhile */
    if (w.ev.kind != HV_EV_DONE) return true;
    if (s->fail && s->fail_call == w.ev.call) {
        s->fail = false;
        out->rc = s->fail_rc;
        snprintf(out->text, sizeof out->text, "%s", s->fail_text);
    } else if (w.ev.call == HV_STATS && d && (s->stats || (s->stats = malloc(sizeof *s->stats)))) {
        fill_stats(s, d, s->stats);
        out->stats = s->stats;
    } else if (w.ev.call == HV_LOOK) {
        out->state = d ? d->state : HV_GONE;
        out->cause = HV_C_OUTSIDE;
        out->ready = d && d->state == HV_RUNNING && d->heartbeat;
        look(s, d, w.spec, out);
    } else {
        struct err e = { 0 };
        out->rc = perform(s, w.ev.call, d, w.spec, &e);
        if (!out->rc && w.ev.call == HV_SET_RESOURCES) look(s, d, w.spec, out);
        snprintf(out->text, sizeof out->text, "%.250s", e.text);
    }
    free(w.spec);
    return true;
}

static int sim_fd(struct hv *hv)
{
    (void)hv;
    return -1;
}

static enum rc sim_state(struct hv *hv, const char *uuid, enum hv_state *out, struct err *e)
{
    const struct domain *d = find((struct hv_sim *)hv, uuid);
    (void)e;
    *out = d ? d->state : HV_GONE;
    return RC_OK;
}

static void sim_destroy(struct hv *hv)
{
    struct hv_sim *s = (struct hv_sim *)hv;
    hv_sim_forsake(hv);
    for (unsigned i = 0; i < DOMAINS; i++) free(s->domain[i].files);
    free(s->stats);
    free(s);
}

static enum hv_cause sim_ended(struct hv *hv, const char *uuid)
{
    (void)hv, (void)uuid;
    return HV_C_NONE;
}

static const struct hv_class sim_class = {
    sim_destroy, sim_facts, sim_request, sim_next, sim_fd, sim_state, sim_ended
};

struct hv *hv_sim_create(int delay_ms, uint64_t seed)
{
    struct hv_sim *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->base.class = &sim_class;
    s->delay_ms = delay_ms;
    s->seed = seed;
    return &s->base;
}

void hv_sim_advance(struct hv *hv, int64_t now_ms)
{
    struct hv_sim *s = (struct hv_sim *)hv;
    if (s->start_ms == 0) s->start_ms = now_ms;
    s->now_ms = now_ms;
}

void hv_sim_fail(struct hv *hv, enum hv_call call, enum rc rc, const char *text)
{
    struct hv_sim *s = (struct hv_sim *)hv;
    s->fail = true;
    s->fail_call = call;
    s->fail_rc = rc;
    snprintf(s->fail_text, sizeof s->fail_text, "%s", text);
}

void hv_sim_crash(struct hv *hv, const char *uuid, enum hv_cause cause)
{
    struct hv_sim *s = (struct hv_sim *)hv;
    struct domain *d = find(s, uuid);
    if (!d || (d->state != HV_RUNNING && d->state != HV_PAUSED)) return;
    d->state = cause == HV_C_GUEST ? HV_OFF : HV_CRASHED;
    put_state(s, d, cause, cause == HV_C_PANIC ? "Kernel panic - not syncing" : "");
}

void hv_sim_forsake(struct hv *hv)
{
    struct hv_sim *s = (struct hv_sim *)hv;
    for (unsigned i = 0; i < s->n; i++) free(s->queue[i].spec);
    s->n = 0;
}

void hv_sim_power_cut(struct hv *hv)
{
    struct hv_sim *s = (struct hv_sim *)hv;
    hv_sim_forsake(hv);
    for (unsigned i = 0; i < DOMAINS; i++)
        if (s->domain[i].state != HV_GONE && s->domain[i].state != HV_SAVED) s->domain[i].state = HV_OFF;
}
