/* SPDX-License-Identifier: Apache-2.0 */
/* Atomic and Sequence: the combined meaning of the group's Status and those of its commands (protocol.md 4). */
#include "policy/plan/plan.h"

bool pol_is_group(const struct pol_operation *op)
{
    return str_is(op->kind, "tree") && dm_command_groups(dm_command_of(op->tree_command));
}

static bool is_good(int code)
{
    return code >= 200 && code < 300 && code != 214 && code != 215 && code != 216;
}

/* Number of commands by outcome. `bad` is the first that failed on its own. */
struct tally {
    size_t n, done, skipped, undone, stuck, silent, runs, looks;
    const struct pol_item *bad, *unanswered;
};

static struct tally tally_of(const struct pol_operation *op)
{
    struct tally t = { .n = op->n_items };
    for (size_t i = 0; i < op->n_items; i++) {
        const struct pol_item *it = &op->items[i];
        t.looks += pol_is_look(it->command);
        t.runs += it->code == 202;
        if (it->unanswered && !t.unanswered) t.unanswered = it;
        if (it->no_value && is_good(it->code)) {
            if (!t.bad) t.bad = it;
        } else if (it->code == 0)
            t.silent++;
        else if (is_good(it->code))
            t.done++;
        else if (it->code == 215)
            t.skipped++;
        else if (it->code == 216)
            t.undone++;
        else if (it->code == 516)
            t.stuck++;
        else if (!t.bad)
            t.bad = it;
    }
    return t;
}

/* "command 2 (replace ./A/B): 404 not found" */
static struct str blame(const struct ddf_layout *l, const struct pol_operation *op, const struct pol_item *it,
                        struct arena *a)
{
    struct str code = it->unanswered ? STR("the device gives no answer for it")
                      : it->no_value && is_good(it->code)
                          ? arena_printf(a, "the device answers %d without a value of this node", it->code)
                          : pol_code_text(l, it->code, a);
    return arena_printf(a, "command %d (%.*s%s%.*s): %.*s", (int)(it - op->items) + 1, STR_ARG(it->command),
                        it->uri.n ? " " : "", STR_ARG(it->uri), STR_ARG(code));
}

/* "; 1 was undone (216); 2 were not carried out (215)" */
static struct str others(const struct tally *t, bool atomic, struct arena *a)
{
    const struct {
        size_t n;
        const char *one, *many;
    } part[] = {
        { atomic ? 0 : t->done, "was carried out", "were carried out" },
        { t->undone, "was undone (216)", "were undone (216)" },
        { t->stuck, "could not be undone (516), the device is read again",
          "could not be undone (516), the device is read again" },
        { t->skipped, "was not carried out (215)", "were not carried out (215)" },
    };
    struct str out = STR("");
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
        if (part[i].n)
            out = arena_printf(a, "%.*s; %d %s", STR_ARG(out), (int)part[i].n,
                               part[i].n == 1 ? part[i].one : part[i].many);
    return out;
}

/* The meaning of the group's Status when no command is the cause. */
static const char *words_for(int code, bool atomic)
{
    static const struct {
        int code;
        const char *words;
    } row[] = {
        { 406, "the device does not support such groups: send the commands one by one" },
        { 413, "it does not fit into one message: send fewer or shorter commands" },
        { 500, "the device does not accept these commands as a group" },
        { 501, "the device does not support such groups: send the commands one by one" },
        { 507, "the device rolled back all of it" },
        { 517,
          "the device rolled back all of it, because its answers did not fit into one message: send fewer commands" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        if (row[i].code == code) return row[i].words;
    return atomic ? "the device refused the Atomic" : "the device refused the Sequence";
}

/* Some devices answer for the commands and not for the group, or the reverse (protocol.md 20, trap 13). */
static int code_of_whole(const struct tally *t, bool atomic, int code)
{
    if (code || t->silent == t->n) return code;
    if (!atomic) return 200;
    return t->bad || t->undone || t->stuck ? 507 : t->done == t->n ? 200 : 0;
}

static void good(const struct tally *t, struct pol_verdict *out)
{
    bool changes = t->looks < t->n;
    out->state = t->runs ? POL_OP_ACCEPTED : changes ? POL_OP_ACKNOWLEDGED : POL_OP_VERIFIED;
    out->percent = t->runs ? -1 : 100;
    out->why = t->runs   ? STR("the device works on it")
               : changes ? STR("the device reports success; not read back yet")
                         : STR("read");
}

static void again(const struct pol_operation *op, struct str why, struct arena *a, struct pol_verdict *out)
{
    bool more = op->tries < POL_MAX_TRIES;
    out->state = more ? POL_OP_QUEUED : POL_OP_FAILED;
    out->why = arena_printf(a, "%s: %.*s", more ? "will be sent again" : "given up after the last try", STR_ARG(why));
}

void pol_group_on_status(const struct ddf_layout *l, const struct pol_operation *op, int code, struct arena *a,
                         struct pol_verdict *out)
{
    struct tally t = tally_of(op);
    bool atomic = dm_command_of(op->tree_command) == DM_ATOMIC;
    code = code_of_whole(&t, atomic, code);
    if (is_good(code) && !t.bad) t.bad = t.unanswered; /* a group that succeeded neither reads nor prompts */
    *out = (struct pol_verdict){ .state = POL_OP_FAILED, .code = code, .percent = -1 };
    if (code == 0) {
        out->state = POL_OP_SENT;
        out->why = STR("sent, but the answer was lost; the device is asked for the result");
    } else if (is_good(code) && !t.bad && !t.skipped && !t.undone && !t.stuck) {
        good(&t, out);
    } else if (pol_code_is_busy(code) ||
               (atomic && t.bad && pol_code_is_busy(t.bad->code) && !pol_is_look(t.bad->command) && !t.stuck)) {
        again(op, t.bad ? blame(l, op, t.bad, a) : pol_code_text(l, code, a), a, out);
    } else {
        struct str rest = others(&t, atomic, a), what = pol_code_text(l, code, a);
        if (!atomic && is_good(code)) out->code = t.bad ? t.bad->code : 215;
        if (t.bad)
            what = blame(l, op, t.bad, a);
        else
            what = is_good(code) ? STR("the device stopped before the last command")
                                 : arena_printf(a, "%s (%d)", words_for(code, atomic), code);
        out->why = arena_printf(a, "%s%.*s%.*s", atomic && t.bad ? "the Atomic failed: " : "", STR_ARG(what),
                                STR_ARG(rest));
    }
}
