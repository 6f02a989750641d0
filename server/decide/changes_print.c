/* SPDX-License-Identifier: Apache-2.0 */
/* What a message changes, for people and for comparing: a line for each change. */
#include "base/text.h"
#include "policy/plan/plan.h"
#include "server/decide/dm_changes.h"
#include "server/decide/facts_rows_int.h"
#include "server/decide/repeats.h"

enum { SHOWN_BYTES = 120 };

static const char *const known_words[] = { "reported", "acknowledged", "stale" };

static const char *known_word(int64_t known)
{
    return known >= 0 && known <= POL_STALE ? known_words[known] : "?";
}

/* In one line; of a long one its beginning, length and hash, so that two can be told apart. */
static void put_value(struct buf *out, struct str s)
{
    if (!str_is_utf8(s)) {
        buf_printf(out, "%zu octets %016llx", s.n, (unsigned long long)str_hash(s));
        return;
    }
    size_t n = s.n <= SHOWN_BYTES ? s.n : SHOWN_BYTES;
    while (n < s.n && n > 0 && ((unsigned char)s.p[n] & 0xC0) == 0x80) n--;
    buf_byte(out, '"');
    buf_json(out, str_slice(s, 0, n));
    buf_byte(out, '"');
    if (n < s.n) buf_printf(out, "... (%zu octets %016llx)", s.n, (unsigned long long)str_hash(s));
}

/* Of a secret node only its length. */
static void put_at(struct buf *out, struct str uri, struct str value, struct arena *a)
{
    put_value(out, facts_rows_covered(uri, value, a));
}

static void put_word(struct buf *out, const char *key, struct str value)
{
    if (!value.n) return;
    buf_printf(out, ", %s ", key);
    put_value(out, value);
}

static void put_time(struct buf *out, const char *key, int64_t ms)
{
    char iso[25];
    if (!ms) return;
    text_time_iso(ms, iso);
    buf_printf(out, ", %s %s", key, iso);
}

static void put_why(struct buf *out, struct str why)
{
    if (why.n) buf_putz(out, ": ");
    if (why.n) put_value(out, why);
    buf_byte(out, '\n');
}

static void print_device(const struct dm_changes *c, struct buf *out)
{
    const struct db_device_state *s = &c->state;
    if (c->has_devinfo) buf_putz(out, "device: its device information is new\n");
    if (c->devinfo_forgotten) buf_putz(out, "device: what it said of itself before is forgotten\n");
    if (c->has_booked)
        buf_printf(out, "device: alerts booked %zu, left %lld\n", c->booked.n / REPEAT_BYTES,
                   (long long)c->alerts_left);
    for (const struct dm_attribute *x = c->attributes.first; x; x = x->next) {
        buf_printf(out, x->remove ? "attribute %.*s removed\n" : "attribute %.*s = ", STR_ARG(x->name));
        if (x->remove) continue;
        put_value(out, x->value);
        buf_byte(out, '\n');
    }
    if (!c->has_state) return;
    buf_printf(out, "device: generation %lld settled, %lld planned", (long long)s->observed_generation,
               (long long)s->planned_generation);
    buf_printf(out, ", lists %lld%s%s%s", (long long)s->lists, s->mirror_read ? ", tree read" : "",
               s->large_objects ? ", large objects" : "", s->careful ? ", with care" : "");
    put_word(out, "object", s->layout_mo);
    put_word(out, "root", s->mo_root);
    put_word(out, "images", s->mo_images);
    put_word(out, "token", s->settled_token);
    put_time(out, "next KPIs", s->next_kpi_ms);
    put_word(out, "summary", s->summary);
    put_why(out, s->summary_why);
}

static void print_mirror(const struct dm_changes *c, struct buf *out, struct arena *a)
{
    for (const struct dm_node *x = c->nodes.first; x; x = x->next) {
        if (x->what == DM_NODE_REMOVE) {
            buf_printf(out, "mirror - %.*s\n", STR_ARG(x->uri));
            continue;
        }
        buf_printf(out, "mirror %c %.*s = ", x->what == DM_NODE_ADD ? '+' : '~', STR_ARG(x->uri));
        put_at(out, x->uri, x->row.value, a);
        buf_printf(out, ", %s\n", known_word(x->row.known));
    }
    for (const struct dm_policy_set *x = c->sets.first; x; x = x->next) {
        buf_printf(out, "policy %s %.*s", x->remove ? "no longer sets" : "sets", STR_ARG(x->uri));
        if (!x->remove && !x->row) {
            buf_putz(out, " = ");
            put_at(out, x->uri, x->value, a);
        }
        buf_byte(out, '\n');
    }
}

static void print_vms(const struct dm_changes *c, struct buf *out)
{
    for (const struct dm_vm *x = c->vms.first; x; x = x->next) {
        const struct db_vm *r = &x->row;
        buf_printf(out, "vm %.*s", STR_ARG(r->vm));
        if (x->remove) {
            buf_putz(out, " is gone\n");
            continue;
        }
        buf_printf(out, ": state %lld, lock %lld, reason %lld, %sverified, crashes %lld", (long long)r->state,
                   (long long)r->lock, (long long)r->reason, r->verified ? "" : "not ", (long long)r->crashes);
        put_word(out, "title", r->title);
        put_word(out, "image", r->image);
        put_word(out, "summary", r->summary);
        put_word(out, "last crash", r->crash_time);
        put_word(out, "of", r->crash_why);
        put_why(out, r->why);
    }
    for (const struct dm_sample *x = c->samples.first; x; x = x->next) {
        buf_printf(out, "kpi %.*s", STR_ARG(x->vm));
        put_time(out, "at", x->at_ms);
        put_why(out, x->json);
    }
}

static void print_operation(const struct dm_operation *x, struct buf *out)
{
    const long long id = (long long)(x->what == DM_OPERATION_ADD ? x->row.id : x->move.id);
    buf_printf(out, "operation %lld ", id);
    switch (x->what) {
    case DM_OPERATION_ADD:
        buf_printf(out, "is made: %.*s of %.*s, Correlator %.*s", STR_ARG(x->row.kind), STR_ARG(x->row.owner),
                   STR_ARG(x->row.correlator));
        break;
    case DM_OPERATION_MOVE:
        buf_printf(out, "%s %.*s", x->step ? "->" : "stays", STR_ARG(x->move.state));
        if (x->move.code) buf_printf(out, ", code %lld", (long long)x->move.code);
        if (x->move.percent >= 0) buf_printf(out, ", %lld %%", (long long)x->move.percent);
        if (x->move.tries >= 0) buf_printf(out, ", tries %lld", (long long)x->move.tries);
        break;
    case DM_OPERATION_EXPLAIN: buf_putz(out, "is explained"); break;
    case DM_OPERATION_RESULT: buf_printf(out, "has a result of %zu octets", x->result.n); break;
    }
    put_why(out, x->move.reason);
}

static void print_item(const struct dm_item *x, struct buf *out, struct arena *a)
{
    const struct db_operation_item *r = &x->row;
    buf_printf(out, "operation %lld command %lld ", (long long)r->operation, (long long)r->seq);
    switch (x->what) {
    case DM_ITEM_ADD: buf_printf(out, "is %.*s %.*s\n", STR_ARG(r->command), STR_ARG(r->uri)); break;
    case DM_ITEM_SENT: buf_putz(out, "and all others are sent\n"); break;
    case DM_ITEM_CODE: buf_printf(out, "has code %lld\n", (long long)r->code); break;
    case DM_ITEM_RESULT: buf_printf(out, "has a result of %zu octets\n", x->result.n); break;
    case DM_ITEM_SEEN:
        buf_printf(out, "was looked at: code %lld, ", (long long)r->seen_code);
        put_at(out, r->uri, r->seen, a);
        buf_byte(out, '\n');
        break;
    case DM_ITEM_CHANGED: buf_printf(out, "was written over by %lld\n", (long long)r->changed_by); break;
    }
}

static void print_wanted(const struct dm_changes *c, struct buf *out, struct arena *a)
{
    for (const struct dm_operation *x = c->operations.first; x; x = x->next) print_operation(x, out);
    for (const struct dm_item *x = c->items.first; x; x = x->next) print_item(x, out, a);
    for (const struct dm_failure *x = c->failures.first; x; x = x->next) {
        buf_printf(out, "failure of %.*s ", STR_ARG(x->row.key));
        if (x->remove) {
            buf_putz(out, "is forgotten\n");
            continue;
        }
        buf_printf(out, "code %lld, tries %lld", (long long)x->row.code, (long long)x->row.tries);
        put_time(out, "again at", x->row.retry_ms);
        const struct str uri = str_slice(x->row.key, str_find(x->row.key, '.', 0), x->row.key.n);
        put_why(out, facts_rows_covered(uri, x->row.why, a));
    }
    if (c->wishes_replaced) buf_putz(out, "what is wished has changed\n");
    for (const struct dm_wish *x = c->wishes.first; x; x = x->next) {
        buf_printf(out, "wish %.*s %.*s", STR_ARG(x->row.uri), STR_ARG(x->row.hash));
        put_time(out, "since", x->row.since_ms);
        buf_byte(out, '\n');
    }
}

static void print_policies(const struct dm_changes *c, struct buf *out)
{
    for (const struct dm_assignment *x = c->assignments.first; x; x = x->next) {
        buf_printf(out, "policy %lld ", (long long)x->row.policy);
        if (x->remove) {
            buf_putz(out, "does not hold any more\n");
            continue;
        }
        buf_printf(out, "revision %lld, %s: %.*s", (long long)x->row.revision,
                   x->row.truth == POL_TRUE ? "holds" : "may hold", STR_ARG(x->row.state));
        put_why(out, x->row.why);
    }
    for (const struct dm_policy_vm *x = c->policy_vms.first; x; x = x->next) {
        buf_printf(out, "policy %lld %s VM %.*s%s", (long long)x->row.policy, x->remove ? "no longer has" : "has",
                   STR_ARG(x->row.vm), x->row.goal ? ", with a state" : "");
        put_time(out, "left", x->row.left_ms);
        buf_byte(out, '\n');
    }
}

void dm_changes_print(const struct dm_changes *c, struct arena *a, struct buf *out)
{
    print_device(c, out);
    print_wanted(c, out, a);
    print_vms(c, out);
    print_policies(c, out);
    print_mirror(c, out, a);
    for (const struct dm_event *x = c->events.first; x; x = x->next) {
        if (str_is(x->row.type, "notification") || str_is(x->row.type, "session")) continue;
        buf_printf(out, "event %.*s", STR_ARG(x->row.type));
        put_why(out, x->row.data);
    }
}
