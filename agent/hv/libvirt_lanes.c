/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/libvirt_lanes.h"
#include "base/log.h"
#include "base/world.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUESTS_MAX = 256, TIMED_OUT = 1446, PATIENCE_MS = 5000, STACK_BYTES = 1 << 20 };

/* Time limits of the calls. Starts include the trial of KVM, definitions include libvirt's first probe of its
 * emulators. */
static const int limit_s[] = {
    [HV_DEFINE] = 90,   [HV_UNDEFINE] = 40, [HV_START] = 240,     [HV_START_PAUSED] = 60,  [HV_DESTROY] = 40,
    [HV_SHUTDOWN] = 10, [HV_REBOOT] = 10,   [HV_RESET] = 10,      [HV_PAUSE] = 10,         [HV_RESUME] = 10,
    [HV_SAVE] = 280,    [HV_RESTORE] = 120, [HV_DROP_SAVED] = 20, [HV_SET_RESOURCES] = 20, [HV_STATS] = 10,
    [HV_LOOK] = 10,     [HV_FORGET] = 120,
};

struct lane_item {
    struct virt_request r;
    int64_t began_ms;
    bool late; /* its result has been reported already */
    struct lane_item *next;
};

struct lane {
    char uuid[HV_UUID_BYTES];
    struct lane_item *first, **last; /* waiting requests */
    struct lane_item *running, *rescue;
    bool thread; /* it has a thread */
    bool silent;
    struct lane *next;
};

struct virt_lanes {
    const struct virt_lanes_class *class;
    void *ctx;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    struct lane *lanes;
    struct errand *over; /* threads that have ended, to be joined */
    unsigned n_waiting, n_threads;
    bool stop;
};

struct errand { /* of one thread */
    struct virt_lanes *l;
    struct lane *lane;
    struct lane_item *item; /* a rescue; NULL = the lane's own thread */
    pthread_t thread;
    struct errand *next;
};

static struct lane *find(struct virt_lanes *l, const char *uuid)
{
    for (struct lane *n = l->lanes; n; n = n->next)
        if (strcmp(n->uuid, uuid) == 0) return n;
    return NULL;
}

static bool takes_power(enum hv_call call)
{
    return call == HV_DESTROY || call == HV_UNDEFINE;
}

static int64_t limit_ms(enum hv_call call)
{
    const size_t n = sizeof limit_s / sizeof limit_s[0];
    return ((size_t)call < n && limit_s[call] ? limit_s[call] : 30) * 1000LL;
}

static void free_if_idle(struct virt_lanes *l, struct lane *lane)
{
    struct lane **at = &l->lanes;
    if (lane->thread || lane->rescue || lane->first) return;
    while (*at != lane) at = &(*at)->next;
    *at = lane->next;
    free(lane);
}

/* ---- reports ---- */

static void tell_kind(struct virt_lanes *l, const char *uuid, enum hv_event_kind kind, const char *text)
{
    struct hv_event ev = { .kind = kind };
    snprintf(ev.uuid, sizeof ev.uuid, "%s", uuid);
    snprintf(ev.text, sizeof ev.text, "%s", text);
    l->class->tell(l->ctx, &ev, NULL);
}

static void tell_late(struct virt_lanes *l, const struct virt_request *r)
{
    struct hv_event ev = {
        .kind = HV_EV_DONE, .cookie = r->cookie, .call = r->call, .rc = RC_TIMEOUT, .code = TIMED_OUT
    };
    snprintf(ev.uuid, sizeof ev.uuid, "%s", r->spec.uuid);
    snprintf(ev.text, sizeof ev.text, "the VM does not answer: its emulator took more than %lld s",
             (long long)(limit_ms(r->call) / 1000));
    l->class->tell(l->ctx, &ev, NULL);
}

/* ---- threads ---- */

static bool start_thread(struct virt_lanes *l, struct lane *lane, struct lane_item *item);

/* A thread's last action, under the lock: the next holder of the lock may join it. */
static void end_thread(struct errand *e)
{
    struct virt_lanes *l = e->l;
    e->next = l->over;
    l->over = e;
    l->n_threads--;
    pthread_cond_broadcast(&l->ended);
}

/* Under the lock. A thread that hangs in a call is not among them. */
static void join_ended(struct virt_lanes *l)
{
    for (struct errand *e; (e = l->over) != NULL; free(e)) {
        l->over = e->next;
        pthread_join(e->thread, NULL);
    }
}

/* Execute a request and report its result, unless its time limit has reported it already. */
static void carry_out(struct virt_lanes *l, struct lane_item *item)
{
    struct hv_event ev = { .kind = HV_EV_DONE, .cookie = item->r.cookie, .call = item->r.call };
    struct hv_stats *stats = NULL;
    snprintf(ev.uuid, sizeof ev.uuid, "%s", item->r.spec.uuid);
    l->class->serve(l->ctx, &item->r, &ev, &stats);
    pthread_mutex_lock(&l->lock);
    const bool late = item->late;
    item->late = true;
    pthread_mutex_unlock(&l->lock);
    if (late) {
        free(stats);
        free(ev.in_force);
    } else
        l->class->tell(l->ctx, &ev, stats);
}

static void answers_again(struct virt_lanes *l, struct lane *lane)
{
    if (!lane->silent) return;
    lane->silent = false;
    log_event(LOG_INFO, "vm.answers", LOG_Z("uuid", lane->uuid));
    tell_kind(l, lane->uuid, HV_EV_ANSWERS, "");
}

static void *run_lane(void *arg)
{
    struct errand *e = arg;
    struct virt_lanes *l = e->l;
    struct lane *lane = e->lane;
    pthread_mutex_lock(&l->lock);
    while (lane->first && !lane->silent) {
        struct lane_item *item = lane->running = lane->first;
        lane->first = item->next;
        if (!lane->first) lane->last = &lane->first;
        l->n_waiting--;
        item->began_ms = world_monotonic_ms();
        pthread_mutex_unlock(&l->lock);
        carry_out(l, item);
        pthread_mutex_lock(&l->lock);
        free(item);
        lane->running = NULL;
        answers_again(l, lane);
    }
    lane->thread = false;
    free_if_idle(l, lane);
    end_thread(e);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static void *run_rescue(void *arg)
{
    struct errand *e = arg;
    struct virt_lanes *l = e->l;
    carry_out(l, e->item);
    pthread_mutex_lock(&l->lock);
    e->lane->rescue = NULL;
    free(e->item);
    if (!e->lane->thread && e->lane->first)
        (void)start_thread(l, e->lane, NULL);
    else
        free_if_idle(l, e->lane);
    end_thread(e);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* Under the lock. */
static bool start_thread(struct virt_lanes *l, struct lane *lane, struct lane_item *item)
{
    struct errand *e = malloc(sizeof *e);
    pthread_attr_t attr;
    if (!e) return false;
    *e = (struct errand){ .l = l, .lane = lane, .item = item };
    join_ended(l);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    const bool good = pthread_create(&e->thread, &attr, item ? run_rescue : run_lane, e) == 0;
    pthread_attr_destroy(&attr);
    if (good) {
        l->n_threads++;
        lane->thread = lane->thread || !item;
    } else {
        free(e);
    }
    return good;
}

/* ---- requests ---- */

static struct lane_item *make_item(enum hv_call call, const struct hv_spec *spec, uint64_t cookie)
{
    struct lane_item *item = calloc(1, sizeof *item);
    if (!item) return NULL;
    item->r.call = call;
    item->r.cookie = cookie;
    item->r.spec = *spec;
    return item;
}

static struct lane *lane_of(struct virt_lanes *l, const char *uuid)
{
    struct lane *lane = find(l, uuid);
    if (lane) return lane;
    if (!(lane = calloc(1, sizeof *lane))) return NULL;
    snprintf(lane->uuid, sizeof lane->uuid, "%s", uuid);
    lane->last = &lane->first;
    lane->next = l->lanes;
    return l->lanes = lane;
}

/* Run past the call that hangs. Under the lock. */
static bool send_rescue(struct virt_lanes *l, struct lane *lane, struct lane_item *item)
{
    if (lane->rescue) return false;
    item->r.by_force = true;
    item->began_ms = world_monotonic_ms();
    lane->rescue = item;
    if (start_thread(l, lane, item)) return true;
    lane->rescue = NULL;
    return false;
}

enum rc libvirt_lanes_put(struct virt_lanes *l, enum hv_call call, const struct hv_spec *spec, uint64_t cookie,
                          struct err *e)
{
    struct lane_item *item = make_item(call, spec, cookie);
    enum rc rc = RC_OK;
    if (!item) return err_set(e, RC_NOMEM, "no memory for a request to the hypervisor");
    pthread_mutex_lock(&l->lock);
    struct lane *lane = l->n_waiting < REQUESTS_MAX && !l->stop ? lane_of(l, spec->uuid) : NULL;
    if (!lane) {
        rc = err_set(e, RC_LIMIT, "%d requests wait for the hypervisor already", REQUESTS_MAX);
    } else if (lane->silent && takes_power(call)) {
        if (!send_rescue(l, lane, item)) rc = err_set(e, RC_BUSY, "the VM's emulator is being killed already");
    } else if (lane->silent) {
        tell_late(l, &item->r);
        free(item);
        item = NULL;
    } else {
        *lane->last = item;
        lane->last = &item->next;
        l->n_waiting++;
        if (!lane->thread && !start_thread(l, lane, NULL)) {
            lane->first = NULL;
            lane->last = &lane->first;
            l->n_waiting--;
            free_if_idle(l, lane);
            rc = err_set(e, RC_NOMEM, "no thread for a request to the hypervisor");
        }
    }
    pthread_mutex_unlock(&l->lock);
    if (rc) free(item);
    return rc;
}

/* ---- time ---- */

/* Requests that wait behind a hanging call: power off runs past it, the others end with it. */
static void let_past(struct virt_lanes *l, struct lane *lane, bool all)
{
    for (struct lane_item **at = &lane->first; *at;) {
        struct lane_item *item = *at;
        const bool power = takes_power(item->r.call);
        if (power ? lane->rescue != NULL : !all) {
            at = &item->next;
            continue;
        }
        *at = item->next;
        l->n_waiting--;
        if (!power || !send_rescue(l, lane, item)) {
            tell_late(l, &item->r);
            free(item);
        }
    }
    lane->last = &lane->first;
    while (*lane->last) lane->last = &(*lane->last)->next;
}

static void end_late(struct virt_lanes *l, struct lane *lane, struct lane_item *item)
{
    item->late = true;
    log_event(LOG_WARN, "vm.silent", LOG_Z("uuid", lane->uuid), LOG_N("call", item->r.call),
              LOG_N("after_s", limit_ms(item->r.call) / 1000));
    tell_late(l, &item->r);
    if (item != lane->running || lane->silent) return;
    lane->silent = true;
    tell_kind(l, lane->uuid, HV_EV_SILENT, "the VM's emulator does not answer");
    let_past(l, lane, true);
    /* A VM whose start was reported as failed must not run later. */
    const bool starts = item->r.call == HV_START || item->r.call == HV_START_PAUSED || item->r.call == HV_RESTORE;
    struct lane_item *off = starts && !lane->rescue ? make_item(HV_DESTROY, &item->r.spec, 0) : NULL;
    if (off && !send_rescue(l, lane, off)) free(off);
    if (off && lane->rescue == off) off->late = true; /* without a result, because there was no request */
}

void libvirt_lanes_tick(struct virt_lanes *l, int64_t now_ms)
{
    pthread_mutex_lock(&l->lock);
    join_ended(l);
    for (struct lane *lane = l->lanes; lane; lane = lane->next) {
        struct lane_item *r = lane->running, *f = lane->rescue;
        if (r && !r->late && now_ms - r->began_ms > limit_ms(r->r.call)) end_late(l, lane, r);
        if (f && !f->late && now_ms - f->began_ms > limit_ms(f->r.call)) end_late(l, lane, f);
        if (r && now_ms - r->began_ms > PATIENCE_MS) let_past(l, lane, false);
    }
    pthread_mutex_unlock(&l->lock);
}

/* ---- life ---- */

enum rc libvirt_lanes_create(const struct virt_lanes_class *class, void *ctx, struct virt_lanes **out, struct err *e)
{
    struct virt_lanes *l = calloc(1, sizeof *l);
    pthread_condattr_t monotonic;
    if (!l) return err_set(e, RC_NOMEM, "no memory for requests to the hypervisor");
    l->class = class;
    l->ctx = ctx;
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *out = l;
    return RC_OK;
}

bool libvirt_lanes_destroy(struct virt_lanes *l, int64_t wait_ms)
{
    struct timespec until;
    if (!l) return true;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    while (l->n_threads && pthread_cond_timedwait(&l->ended, &l->lock, &until) == 0)
        ;
    const bool all = l->n_threads == 0;
    join_ended(l);
    pthread_mutex_unlock(&l->lock);
    if (!all) return false;
    pthread_cond_destroy(&l->ended);
    pthread_mutex_destroy(&l->lock);
    free(l);
    return true;
}
