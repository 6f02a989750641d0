/* SPDX-License-Identifier: Apache-2.0 */
/* What resolving and planning cost for one device with a VM of about 100 nodes: nothing to do, one change, and a VM
 * to be made. CPU time of this process. Not part of `meson test`: run bench_plan by hand. Goal: under 100
 * microseconds for each. */
#include "tests/policy/sim.h"
#include <time.h>

enum { ROUNDS = 20000 };

#define POLICY(vm, more)                                                                                                                 \
    "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: p-" vm                                                                     \
    "}\nspec:\n  selector: 'label.department in (\"sales\", \"field\")"                                                                  \
    " and hypervisor.arch == \"aarch64\"'\n  vm:\n    id: " vm                                                                           \
    "\n    guestType: android\n    image: corp-android:1\n    state: running\n"                                                          \
    "    qos: interactive\n    resources:\n      cpu: {vcpus: 2, shares: 1500, affinity: '4-7'}\n      memory: {min: 512Mi, max: 1Gi}\n" \
    "      storage: {userdata: {quota: 4Gi, encrypted: true}}\n      net: {corp0: {mode: vpn, down: 10M, up: 5M}}\n"                     \
    "    peripherals: {camera: denied, mic: foreground, gnss: shared, bluetooth: denied}\n"                                              \
    "    crash: {action: restart, maxRestarts: 3, window: 10m, escalation: stop}\n    lease: {checkIn: 24h, lockAfter: 72h, wipeAfter: 30d}\n" more

static struct policy_sim_device d;
static struct sim_shell s;

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void measure(const char *what)
{
    struct pol_desired want;
    struct pol_plan plan;
    struct arena a;
    double resolve = 0, make = 0;

    arena_init(&a, 16 << 20);
    for (int i = 0; i < ROUNDS; i++) {
        struct pol_facts f = { .layout = d.l,
                               .schema = d.s,
                               .device = STR("IMEI:001010000000017"),
                               .authority = STR("acme-it"),
                               .server_id = STR("dm.acme.example"),
                               .owner = 3,
                               .attrs = s.attrs,
                               .n_attrs = s.n_attrs,
                               .policies = s.policies,
                               .images = s.image,
                               .n_images = s.n_images,
                               .mirror = s.mirror,
                               .n_mirror = s.n_mirror,
                               .mirror_read = true,
                               .now_ms = d.now_ms };
        double t0 = now_us();
        if (pol_resolve(&f, &a, &want, NULL)) exit(1);
        double t1 = now_us();
        if (pol_make_plan(&f, &want, &a, &plan, NULL)) exit(1);
        double t2 = now_us();
        resolve += t1 - t0;
        make += t2 - t1;
        arena_reset(&a);
    }
    printf("%-20s resolve %6.1f us   plan %6.1f us   (%zu nodes in the mirror, %zu steps, %zu waits)\n", what,
           resolve / ROUNDS, make / ROUNDS, s.n_mirror, plan.n_steps, plan.n_waits);
    arena_finish(&a);
}

int main(void)
{
    sim_device_init(&d, 1);
    sim_shell_init(&s, &d);
    sim_image(&s, "corp-android", "1", "img1");
    sim_policy(&s, POLICY("corp", ""));
    if (!sim_run(&s, 20)) {
        sim_print(&s);
        return 1;
    }
    measure("nothing to do");
    sim_policy(&s, POLICY("corp", "    name: Office\n"));
    measure("one change");
    sim_run(&s, 5);
    sim_policy(&s, POLICY("corp2", ""));
    measure("a VM to be made");
    sim_shell_finish(&s);
    sim_device_finish(&d);
    return 0;
}
