/* SPDX-License-Identifier: Apache-2.0 */
/* The read-only leaves of a VM's node (virtualization-mo.md c.3): states, times, progress, results. */
#include "agent/mo/mo.h"

struct mo_vm *mo_vm_at(struct mo_env *env, const struct tree_at *at)
{
    return at->n_names ? mo_find_vm(env, at->names[0]) : NULL;
}

/* Members of a VM's view, unchanged. */
#define V(member) offsetof(struct vm_view, member)
static const struct mo_field facts[] = {
    { "vmId", MO_TEXT, V(want.uuid), false },
    { "stateReason", MO_INT, V(reason), false },
    { "stateTime", MO_TIME, V(state_ms), false },
    { "protected", MO_BOOL, V(policy.is_protected), false },
    { "crash.count", MO_INT, V(crash_count), false },
    { "crash.lastInfo", MO_TEXT, V(crash_info), true },
    { "progress.op", MO_TEXT, V(progress.op), false },
    { "progress.correlator", MO_TEXT, V(progress.correlator), false },
    { "progress.serverId", MO_TEXT, V(progress.server_id), false },
    { "progress.phase", MO_INT, V(progress.phase), false },
    { "progress.pct", MO_INT, V(progress.pct), false },
    { "progress.doneKB", MO_I64, V(progress.done_kb), false },
    { "progress.totalKB", MO_I64, V(progress.total_kb), false },
    { "progress.start", MO_TIME, V(progress.start_ms), false },
    { "progress.update", MO_TIME, V(progress.update_ms), false },
    { "progress.cancel", MO_BOOL, V(progress.can_cancel), false },
    { "progress.result", MO_INT, V(progress.result), false },
    { "progress.text", MO_TEXT, V(progress.text), false },
};

static bool get_fact(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_field *f = at->row->arg;
    const struct mo_vm *v = mo_vm_at(ctx, at);

    if (v && f->kind == MO_TIME) {
        *out = mo_time(ctx, *(const int64_t *)(const void *)((const char *)v->is + f->offset), a);
        return true;
    }
    if (!v || !mo_text(f, v->is, a, out)) return false;
    if (f->kind == MO_TEXT) *out = mo_shown(ctx, *out, a);
    return true;
}

static bool get_state(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_vm *v = mo_vm_at(ctx, at);

    *out = mo_number(a, v ? (int64_t)v->is->state : (int64_t)VM_DEFINED);
    return true;
}

static bool get_lock(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_vm *v = mo_vm_at(ctx, at);

    *out = mo_number(a, v ? (int64_t)v->is->lock : (int64_t)VM_UNLOCKED);
    return true;
}

static bool get_image_version(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_vm *v = mo_vm_at(ctx, at);

    (void)a;
    *out = v && v->is->state >= VM_STOPPED ? str_of(v->is->image.version) : (struct str){ 0 };
    return true;
}

static bool get_image_hash(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_vm *v = mo_vm_at(ctx, at);

    (void)a;
    if (!v || v->is->state < VM_STOPPED || !v->is->image.sha256[0]) return false;
    *out = str_of(v->is->image.sha256);
    return true;
}

static bool get_crash_time(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_vm *v = mo_vm_at(ctx, at);

    if (!v || v->is->n_crash_ms <= 0) return false;
    *out = mo_time(ctx, v->is->crash_ms[v->is->n_crash_ms - 1], a);
    return true;
}

static bool get_contact(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_vm *v = mo_vm_at(ctx, at);

    if (!v) return false;
    *out = mo_time(ctx, v->is->contact_ms, a);
    return true;
}

static bool get_crash_reason(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_vm *v = mo_vm_at(ctx, at);

    if (!v || !v->is->crash_reason) return false;
    *out = mo_number(a, v->is->crash_reason);
    return true;
}

/* Remaining time, estimated from the progress; -1 unknown. */
static bool get_eta(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_vm *v = mo_vm_at(ctx, at);
    const struct vm_progress *p = v ? &v->is->progress : NULL;
    int64_t eta = -1;

    if (p && p->op[0] && p->result)
        eta = 0;
    else if (p && p->pct > 0 && p->update_ms > p->start_ms)
        eta = (p->update_ms - p->start_ms) * (100 - p->pct) / p->pct / 1000;
    *out = mo_number(a, eta);
    return true;
}

enum rc mo_vm_fact_rows(struct mo_shared *s, struct err *e)
{
    static const struct {
        const char *name;
        bool (*get)(void *ctx, const struct tree_at *at, struct arena *a, struct str *out);
    } rows[] = {
        { "image.version", get_image_version },
        { "image.hash", get_image_hash },
        { "state", get_state },
        { "lockState", get_lock },
        { "crash.lastTime", get_crash_time },
        { "crash.lastReason", get_crash_reason },
        { "progress.etaS", get_eta },
        { "lease.lastContact", get_contact },
    };
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < MO_COUNT(rows); i++)
        rc = mo_row(s, DDF_VM, rows[i].name, &(struct tree_row){ .get = rows[i].get }, e);
    for (size_t i = 0; !rc && i < MO_COUNT(facts); i++)
        rc = mo_row(s, DDF_VM, facts[i].name, &(struct tree_row){ .get = get_fact, .arg = &facts[i] }, e);
    return rc;
}
