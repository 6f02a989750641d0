/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/plan/plan.h"
#include "policy/plan/planner_int.h"

static void make(struct planning *p)
{
    bool managed = plan_discover(p);
    if (!managed && p->out->n_steps) return; /* it is being read */
    plan_inquiries(p);
    plan_requests(p);
    if (!managed) return; /* no VMs there; tree operations of users are still executed */
    plan_device(p);
    for (size_t i = 0; i < p->d->n_vms && !p->no_memory; i++) plan_vm(p, &p->d->vms[i]);
    plan_reads(p);
    plan_kpis(p);
    plan_drift(p);
    plan_supersede(p);
}

static bool all_finished(const struct planning *p)
{
    for (size_t i = 0; i < p->f->n_operations; i++)
        if (!pol_op_finished(p->ops[i].state) && p->ops[i].op->not_before_ms <= p->f->now_ms) return false;
    return true;
}

enum rc pol_make_plan(const struct pol_facts *f, const struct pol_desired *d, struct arena *a, struct pol_plan *out,
                      struct err *e)
{
    struct pol_plan plan = { 0 };
    struct planning p = {
        .f = f, .d = d, .l = f->layout, .a = a, .out = &plan, .tail = &plan.steps, .wait_tail = &plan.waits
    };

    if (!(p.ops = ARENA_ARRAY(a, struct live_op, f->n_operations + 1)))
        return err_set(e, RC_NOMEM, "out of memory for a plan");
    for (size_t i = 0; i < f->n_operations; i++)
        p.ops[i] = (struct live_op){ &f->operations[i], f->operations[i].state, false };
    plan_failures(&p);
    if (!p.no_memory) make(&p);
    if (p.no_memory) return err_set(e, RC_NOMEM, "out of memory for a plan");
    plan.settled = !plan.n_steps && !plan.n_waits && all_finished(&p);
    if (plan.settled) plan_settled_failures(&plan);
    *out = plan;
    return RC_OK;
}

/* ---- display ---- */

static void print_step(const struct pol_step *s, const char *indent, struct buf *out)
{
    buf_printf(out, "%s%s %.*s", indent, dm_command_name(s->verb), STR_ARG(s->uri));
    if (s->has_data) buf_printf(out, " = %.*s", STR_ARG(s->data));
    buf_printf(out, "   # %.*s\n", STR_ARG(s->why));
    for (const struct pol_step *c = s->children; c; c = c->next) print_step(c, "    ", out);
}

void pol_plan_print(const struct pol_plan *p, struct buf *out)
{
    for (const struct pol_step *s = p->steps; s; s = s->next) print_step(s, "", out);
    for (const struct pol_wait *w = p->waits; w; w = w->next)
        buf_printf(out, "%.*s%s%.*s: %.*s\n", STR_ARG(w->state), w->vm.n ? " " : "", STR_ARG(w->vm), STR_ARG(w->why));
    if (p->settled) buf_putz(out, "settled: the device is in the desired state\n");
}
