/* SPDX-License-Identifier: Apache-2.0 */
/* Careful sending after a session that ended with unanswered commands: one of them may end every session, and all
 * commands of the message would be blamed. The first message has one command, each further one twice as many; a command
 * that was not answered before is sent alone. */
#include "server/decide/inflight.h"
#include "server/decide/message.h"

enum { CARE_ENOUGH = 64 }; /* commands per message at which careful sending ends */

/* True for a step that was sent before and not answered. */
static bool is_suspect(struct message_work *v, const struct pol_step *s)
{
    const struct pol_operation *op = message_operation(v, s->operation);
    return op && op->tries > 0 && s->purpose == POL_FOR_OPERATION;
}

void message_few(struct message_work *v, struct pol_plan *plan)
{
    size_t n = 0;
    struct pol_step **at = &plan->steps;
    if (!v->d.careful) return;
    v->s->most = v->s->most ? 2 * v->s->most : 1;
    while (*at && n < v->s->most && !(n && is_suspect(v, *at))) {
        bool alone = is_suspect(v, *at);
        at = &(*at)->next;
        n++;
        if (alone) break;
    }
    if (!*at || v->s->most >= CARE_ENOUGH) { /* no step is held back */
        if (!*at) v->d.careful = false;
        return;
    }
    *at = NULL;
    plan->n_steps = n;
    plan->settled = false;
}

void message_cut_short(struct message_work *v, struct inflight *f)
{
    const struct flown *x = inflight_culprit(f);
    if (!inflight_unanswered(f)) return;
    v->d.careful = true;
    if (x && !x->operation) message_failed(v, x->step.key, POL_CODE_LOST, pol_code_words(v->l, POL_CODE_LOST));
}
