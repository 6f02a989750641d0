/* SPDX-License-Identifier: Apache-2.0 */
/* The probe of KVM is short whatever the host does, says the same twice, and leaves no process behind. */
#include "agent/hv/kvm_probe.h"
#include "base/world.h"
#include "tests/lib/test.h"
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE = 10 }; /* a busy machine */

static void is_short_and_leaves_nothing_behind(void)
{
    const int64_t began = world_monotonic_ms();
    const enum kvm_speed speed = kvm_probe();
    CU_ASSERT(world_monotonic_ms() - began < (int64_t)PATIENCE * KVM_PROBE_MS);
    CU_ASSERT(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    if (access("/dev/kvm", R_OK | W_OK) != 0) CU_ASSERT(speed == KVM_SPEED_ABSENT || speed == KVM_SPEED_UNKNOWN);
}

TEST_MAIN("agent.kvm_probe", TEST(is_short_and_leaves_nothing_behind))
