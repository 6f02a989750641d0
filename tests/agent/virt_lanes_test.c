/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of different VMs run at the same time; one that hangs holds only its own VM, and not for ever. */
#include "agent/hv/libvirt_lanes.h"
#include "base/world.h"
#include "tests/lib/test.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAID = 64 };

/* A hypervisor whose calls to "hung" stand still until they are let go. */
struct lanes_rig {
    struct virt_lanes *l;
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool go;
    int in_hung, n;
    struct hv_event said[SAID];
    char order[256];
};

static void serve(void *ctx, const struct virt_request *r, struct hv_event *ev, struct hv_stats **stats)
{
    struct lanes_rig *g = ctx;
    (void)stats;
    pthread_mutex_lock(&g->lock);
    size_t n = strlen(g->order);
    snprintf(g->order + n, sizeof g->order - n, "%s/%d%s ", r->spec.uuid, (int)r->call, r->by_force ? "!" : "");
    if (strcmp(r->spec.uuid, "hung") == 0 && r->call == HV_PAUSE) {
        g->in_hung++;
        pthread_cond_broadcast(&g->change);
        while (!g->go) pthread_cond_wait(&g->change, &g->lock);
    }
    pthread_mutex_unlock(&g->lock);
    ev->rc = RC_OK;
}

static void hear(void *ctx, const struct hv_event *ev, struct hv_stats *stats)
{
    struct lanes_rig *g = ctx;
    free(stats);
    pthread_mutex_lock(&g->lock);
    if (g->n < SAID) g->said[g->n++] = *ev;
    pthread_cond_broadcast(&g->change);
    pthread_mutex_unlock(&g->lock);
}

static const struct virt_lanes_class class = { serve, hear };

static void open_rig(struct lanes_rig *g)
{
    memset(g, 0, sizeof *g);
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->change, NULL);
    CU_ASSERT_FATAL(libvirt_lanes_create(&class, g, &g->l, NULL) == RC_OK);
}

static void close_rig(struct lanes_rig *g)
{
    pthread_mutex_lock(&g->lock);
    g->go = true;
    pthread_cond_broadcast(&g->change);
    pthread_mutex_unlock(&g->lock);
    CU_ASSERT(libvirt_lanes_destroy(g->l, 10000));
    pthread_cond_destroy(&g->change);
    pthread_mutex_destroy(&g->lock);
}

static void put(struct lanes_rig *g, const char *uuid, enum hv_call call, uint64_t cookie)
{
    struct hv_spec spec = { 0 };
    snprintf(spec.uuid, sizeof spec.uuid, "%s", uuid);
    CU_ASSERT_EQUAL(libvirt_lanes_put(g->l, call, &spec, cookie, NULL), RC_OK);
}

/* The event of this kind with this cookie, waited for; rc -1 = it did not come. */
static struct hv_event heard(struct lanes_rig *g, enum hv_event_kind kind, uint64_t cookie)
{
    struct hv_event found = { .rc = RC_COUNT };
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&g->lock);
    for (bool timed_out = false; found.rc == RC_COUNT && !timed_out;) {
        for (int i = 0; i < g->n; i++)
            if (g->said[i].kind == kind && g->said[i].cookie == cookie) found = g->said[i];
        if (found.rc == RC_COUNT) timed_out = pthread_cond_timedwait(&g->change, &g->lock, &until) != 0;
    }
    pthread_mutex_unlock(&g->lock);
    return found;
}

static void wait_until_it_hangs(struct lanes_rig *g)
{
    pthread_mutex_lock(&g->lock);
    while (!g->in_hung) pthread_cond_wait(&g->change, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void one_that_hangs_holds_only_itself(void)
{
    struct lanes_rig g;
    open_rig(&g);
    put(&g, "hung", HV_PAUSE, 1);
    wait_until_it_hangs(&g);
    put(&g, "well", HV_PAUSE, 2);
    put(&g, "well", HV_RESUME, 3);
    put(&g, "other", HV_DEFINE, 4);
    CU_ASSERT_EQUAL(heard(&g, HV_EV_DONE, 2).rc, RC_OK);
    CU_ASSERT_EQUAL(heard(&g, HV_EV_DONE, 3).rc, RC_OK);
    CU_ASSERT_EQUAL(heard(&g, HV_EV_DONE, 4).rc, RC_OK);
    CU_ASSERT(strstr(g.order, "well/8 well/9") || strstr(g.order, "well/8 ") < strstr(g.order, "well/9 "));
    close_rig(&g);
}

static void its_request_ends_with_1446_and_its_power_can_still_be_taken(void)
{
    struct lanes_rig g;
    open_rig(&g);
    put(&g, "hung", HV_PAUSE, 1);
    wait_until_it_hangs(&g);
    put(&g, "hung", HV_STATS, 2);
    libvirt_lanes_tick(g.l, world_monotonic_ms() + 11000);
    struct hv_event ev = heard(&g, HV_EV_DONE, 1);
    CU_ASSERT(ev.rc == RC_TIMEOUT && ev.code == 1446 && strstr(ev.text, "does not answer"));
    CU_ASSERT_EQUAL(heard(&g, HV_EV_DONE, 2).rc, RC_TIMEOUT);
    CU_ASSERT_STRING_EQUAL(heard(&g, HV_EV_SILENT, 0).uuid, "hung");
    put(&g, "hung", HV_RESUME, 3); /* refused at once */
    CU_ASSERT_EQUAL(heard(&g, HV_EV_DONE, 3).code, 1446);
    put(&g, "hung", HV_DESTROY, 4); /* goes past the call that hangs, by force */
    CU_ASSERT_EQUAL(heard(&g, HV_EV_DONE, 4).rc, RC_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(g.order, "!"));
    pthread_mutex_lock(&g.lock);
    g.go = true;
    pthread_cond_broadcast(&g.change);
    pthread_mutex_unlock(&g.lock);
    CU_ASSERT_STRING_EQUAL(heard(&g, HV_EV_ANSWERS, 0).uuid, "hung");
    put(&g, "hung", HV_RESUME, 5);
    CU_ASSERT_EQUAL(heard(&g, HV_EV_DONE, 5).rc, RC_OK);
    int first = 0;
    for (int i = 0; i < g.n; i++) first += g.said[i].kind == HV_EV_DONE && g.said[i].cookie == 1;
    CU_ASSERT_EQUAL(first, 1); /* answered once */
    close_rig(&g);
}

static void power_off_does_not_wait_long_behind_a_slow_call(void)
{
    struct lanes_rig g;
    open_rig(&g);
    put(&g, "hung", HV_PAUSE, 1);
    wait_until_it_hangs(&g);
    put(&g, "hung", HV_DESTROY, 2);
    libvirt_lanes_tick(g.l, world_monotonic_ms() + 2000);
    libvirt_lanes_tick(g.l, world_monotonic_ms() + 6000);
    CU_ASSERT_EQUAL(heard(&g, HV_EV_DONE, 2).rc, RC_OK);
    close_rig(&g);
    CU_ASSERT_EQUAL(g.n, 2);
}

TEST_MAIN("agent.virt_lanes", TEST(one_that_hangs_holds_only_itself),
          TEST(its_request_ends_with_1446_and_its_power_can_still_be_taken),
          TEST(power_off_does_not_wait_long_behind_a_slow_call))
