/* SPDX-License-Identifier: Apache-2.0 */
/* Care after a session that ended with commands on their way: one of them may be what ends it, each time, and all that
 * went with it would be blamed. The first message has one command, each further one twice as many; what went out before
 * and was not answered goes alone. */
#include "server/dm/session_log.h"
#include "server/dm/inflight.h"
#include "server/dm/message.h"

enum { CARE_ENOUGH = 64 }; /* commands in one message: the care is over */

/* Went out before and was not answered. */
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
    if (!*at || v->s->most >= CARE_ENOUGH) { /* nothing is held back */
        if (!*at) v->d.careful = false;
        return;
    }
    *at = NULL;
    plan->n_steps = n;
    plan->settled = false;
}

/* What went out alone is what ended the session. */
static const struct flown *culprit(const struct inflight *f)
{
    const struct flown *found = NULL;
    for (size_t i = 0; f && i < f->n; i++) {
        const struct flown *x = &f->row[i];
        if (x->group || (x->told && x->code)) continue;
        if (found) return NULL;
        found = x;
    }
    return found;
}

static bool any_unanswered(const struct inflight *f)
{
    for (size_t i = 0; f && i < f->n; i++)
        if (!f->row[i].group && !(f->row[i].told && f->row[i].code)) return true;
    return false;
}

void message_cut_short(struct message_work *v, struct inflight *f)
{
    const struct flown *x = culprit(f);
    if (!any_unanswered(f)) return;
    v->d.careful = true;
    if (x && !x->operation) message_failed(v, x->step.key, POL_CODE_LOST, pol_code_words(v->l, POL_CODE_LOST));
}

static enum rc blame(struct dm *dm, struct dm_changes *c, const struct session *s, const struct flown *x,
                     struct arena *a, struct err *e)
{
    struct store_device d = { .id = s->device };
    struct pol_failure *list = NULL, *before = NULL;
    size_t n = 0;
    enum rc rc = store_load_failures(dm->st, &d, a, &list, &n, e);
    if (rc) return rc;
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i].key, x->step.key)) before = &list[i];
    const struct pol_failure f = pol_failure_after(before, x->step.key, POL_CODE_LOST, s->used_ms);
    dm_change_failure(c, &(struct db_failure){ .key = f.key,
                                               .why = pol_code_words(NULL, f.code),
                                               .code = f.code,
                                               .tries = f.tries,
                                               .retry_ms = f.retry_ms,
                                               .at_ms = s->used_ms });
    return RC_OK;
}

enum rc session_log_unanswered(struct dm *dm, struct dm_changes *c, const struct session *s, struct arena *a,
                               struct err *e)
{
    const struct flown *x = culprit(s->flight);
    if (!s->device || !any_unanswered(s->flight)) return RC_OK;
    c->careful = true;
    return x && !x->operation ? blame(dm, c, s, x, a, e) : RC_OK;
}
