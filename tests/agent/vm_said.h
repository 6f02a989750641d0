/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_AGENT_VM_SAID_H
#define TESTS_AGENT_VM_SAID_H
/* What a VM told its sink, as lines: "state   old=30;new=40;reason=1;lock=30". */
#include "agent/vm/vm.h"
#include <stdio.h>
#include <string.h>

static inline void vm_said(char *said, size_t size, const struct vm *vm, const struct vm_event *ev)
{
    const struct vm_view *v = vm_view(vm);
    const size_t n = strlen(said);
    char *at = said + n;
    switch (ev->kind) {
    case VM_EV_COMPLETE:
        snprintf(at, size - n, "complete %s %s %d\n", v->progress.op, v->progress.correlator, ev->result);
        break;
    case VM_EV_PROGRESS: break;
    case VM_EV_STATE:
        snprintf(at, size - n, "state   old=%d;new=%d;reason=%d;lock=%d\n", (int)ev->state.old, (int)v->state,
                 ev->state.reason, (int)v->lock);
        break;
    case VM_EV_CRASH:
        snprintf(at, size - n, "crash   reason=%d;count=%d;action=%d;dump=;info=%s\n", v->crash_reason, v->crash_count,
                 ev->action, v->crash_info);
        break;
    case VM_EV_CRASH_LOOP: snprintf(at, size - n, "loop   %d\n", ev->before); break;
    case VM_EV_LEASE: snprintf(at, size - n, "lease   %d\n", (int)ev->lease); break;
    }
}
#endif
