/* SPDX-License-Identifier: Apache-2.0 */
/* How outcomes move steps and operations: tables and texts, without state of its own. */
#include "ddf/uri.h"
#include "policy/plan/plan.h"
#include <string.h>

const char *pol_op_state_name(enum pol_op_state s)
{
    static const char *const names[POL_OP_STATE_COUNT] = {
#define X(id, name) [POL_OP_##id] = name,
        POL_OP_STATES(X)
#undef X
    };
    return (unsigned)s < POL_OP_STATE_COUNT ? names[s] : "unknown";
}

bool pol_op_state_of(struct str name, enum pol_op_state *out)
{
    for (int i = 0; i < POL_OP_STATE_COUNT; i++)
        if (str_is(name, pol_op_state_name((enum pol_op_state)i))) {
            *out = (enum pol_op_state)i;
            return true;
        }
    return false;
}

/* Statuses of a client for a command (protocol.md 6). `lasting`: the same command can never succeed. */
static const struct code {
    int code;
    const char *text; /* NULL: a result code, whose text is in the layout */
    bool busy, lasting;
} codes[] = {
    { POL_CODE_LOST, "the session ended each time when it was sent alone", false, false },
    { 0, "the device did not answer", true, false },
    { 214, "cancelled by the user", false, false },
    { 215, "not executed", true, false },
    { 216, "rolled back", true, false },
    { 304, "the user refused", false, false },
    { 400, "bad request", false, true },
    { 401, "not authenticated", true, false },
    { 403, "forbidden", false, false },
    { 404, "not found", false, true },
    { 405, "the node does not allow this command", false, true },
    { 406, "not supported by the device", false, true },
    { 407, "credentials missing", true, false },
    { 408, "no answer in time", true, false },
    { 409, "conflict", false, false },
    { 410, "gone", false, true },
    { 411, "a large object without its size", false, false },
    { 412, "incomplete command", false, true },
    { 413, "too large for the device", false, true },
    { 414, "the address is too long for the device", false, true },
    { 415, "the node does not accept this format or type", false, true },
    { 416, "the requested size is too large", false, true },
    { 417, "busy, try again later", true, false },
    { 418, "already exists", false, false },
    { 420, "the device is full", false, false },
    { 424, "the size does not match", false, false },
    { 425, "the access control list does not allow it", false, true },
    { 426, "a large object was not sent completely", false, false },
    { 500, "the command failed", false, false },
    { 501, "the device does not know this command", false, true },
    { 503, "the device is overloaded", true, false },
    { 506, "processing error", true, false },
    { 507, "the Atomic failed", false, false },
    { 510, "data store failure", false, false },
    { 511, "the device failed severely", false, false },
    { 516, "rollback failed", false, false },
    { 517, "the Atomic's answer is too large for one message", false, true },
    { 1401, NULL, false, false },
    { 1411, NULL, false, true },
    { 1413, NULL, false, true },
    { 1420, NULL, false, true },
    { 1425, NULL, false, true },
    { 1443, NULL, false, true },
    { 1444, NULL, true, false },
    { 1447, NULL, false, true },
};

static const struct code *code_of(int code)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].code == code) return &codes[i];
    return NULL;
}

bool pol_code_is_busy(int code)
{
    const struct code *c = code_of(code);
    return c && c->busy;
}

struct str pol_code_words(const struct ddf_layout *l, int code)
{
    const struct code *c = code_of(code);
    if (code >= 1000 && l) return ddf_layout_result_text(l, code);
    return c && c->text                 ? str_of(c->text)
           : code == 202                ? STR("accepted, the device works on it")
           : code >= 200 && code <= 213 ? STR("done")
                                        : STR("refused by the device");
}

struct str pol_code_text(const struct ddf_layout *l, int code, struct arena *a)
{
    struct str words = pol_code_words(l, code);
    return code > 0 ? arena_printf(a, "%d %.*s", code, STR_ARG(words)) : words;
}

enum pol_outcome pol_step_outcome(const struct ddf_layout *l, const struct pol_step *s, int code)
{
    if (code == 202 && s->verb == DM_EXEC) return POL_STEP_RUNS;
    if (code == 215 || code == 216) return POL_STEP_SKIPPED;
    if ((code >= 200 && code < 300 && code != 214) || (s->verb == DM_EXEC && l && ddf_layout_result_ok(l, code)))
        return POL_STEP_DONE;
    if (code == 418 && s->verb == DM_ADD) return POL_STEP_THERE;
    if ((code == 404 || code == 410) && (s->verb == DM_GET || s->verb == DM_DELETE || s->verb == DM_REPLACE))
        return POL_STEP_GONE;
    return pol_code_is_busy(code) ? POL_STEP_AGAIN : POL_STEP_FAILED;
}

struct pol_failure pol_failure_after(const struct pol_failure *before, struct str key, int code, int64_t now_ms)
{
    const struct code *c = code_of(code);
    struct pol_failure f = { .key = key, .code = code, .tries = (before ? before->tries : 0) + 1, .at_ms = now_ms };
    bool read_back = code == 0 &&
                     str_starts(key, STR("set ")); /* the device keeps another value than it acknowledged */

    if (code == POL_CODE_LOST) { /* the network may be the cause: never given up, with growing delays */
        enum { DAY_MS = 86400000 };
        int64_t pause = f.tries > 1 ? POL_RETRY_MS : 0;
        for (int i = 2; i < f.tries && pause < DAY_MS; i++) pause *= 4;
        f.retry_ms = now_ms + (pause < DAY_MS ? pause : DAY_MS);
        return f;
    }
    if (c && c->lasting)
        f.tries = POL_MAX_TRIES;
    else if (c && c->busy && !read_back && f.tries >= POL_MAX_TRIES)
        f.tries = POL_MAX_TRIES - 1;
    if (f.tries < POL_MAX_TRIES) f.retry_ms = now_ms + (int64_t)POL_RETRY_MS * (f.tries == 1 ? 1 : 4);
    return f;
}

bool pol_failure_final(const struct pol_failure *f)
{
    return f->tries >= POL_MAX_TRIES && f->code != POL_CODE_LOST;
}

bool pol_failure_within(struct str key, struct str uri)
{
    struct str at = str_slice(key, str_find(key, ' ', 0) + 1, key.n);
    return ddf_uri_within(str_slice(at, 0, str_find(at, '?', 0)), uri);
}

static struct str with_code(const struct ddf_layout *l, const char *words, int code, struct arena *a)
{
    struct str text = pol_code_text(l, code, a);
    return arena_printf(a, "%s: %.*s", words, STR_ARG(text));
}

/* Not executed: try again, or give up. */
static void again(const struct ddf_layout *l, const struct pol_operation *op, int code, struct arena *a,
                  struct pol_verdict *out)
{
    bool more = op->tries < POL_MAX_TRIES;
    out->state = more ? POL_OP_QUEUED : POL_OP_FAILED;
    out->code = code;
    out->why = with_code(l, more ? "will be sent again" : "given up after the last try", code, a);
}

static bool is_question(struct str command)
{
    return dm_command_asks(dm_command_of(command));
}

bool pol_is_look(struct str command)
{
    return dm_command_of(command) == DM_GET || is_question(command);
}

static struct str base_of(struct str uri)
{
    return str_slice(uri, 0, str_find(uri, '?', 0));
}

bool pol_item_meets(struct str command, struct str at, struct str uri)
{
    bool deletes = dm_command_of(command) == DM_DELETE;
    at = base_of(at);
    return !pol_is_look(command) && at.n && (ddf_uri_within(at, uri) || (deletes && ddf_uri_within(uri, at)));
}

/* An earlier attempt, whose answer was lost, took effect. */
static bool done_before(const struct pol_operation *op, int code)
{
    return str_is(op->kind, "tree") && op->tries > 1 &&
           ((code == 418 && dm_command_of(op->tree_command) == DM_ADD) ||
            (code == 404 && dm_command_of(op->tree_command) == DM_DELETE));
}

void pol_op_on_status(const struct ddf_layout *l, const struct pol_operation *op, int code, struct arena *a,
                      struct pol_verdict *out)
{
    bool tree = str_is(op->kind, "tree"), asked = tree && is_question(op->tree_command);
    if (pol_is_group(op)) {
        pol_group_on_status(l, op, code, a, out);
        return;
    }
    *out = (struct pol_verdict){ .state = op->state, .code = code, .percent = -1 };
    if (code == 0) {
        out->state = POL_OP_SENT;
        out->why = STR("sent, but the answer was lost; the device is asked for the result");
    } else if (code == 202) {
        out->state = POL_OP_ACCEPTED;
        out->why = STR("the device works on it");
    } else if (pol_code_is_busy(code) &&
               !(asked && code == 408)) { /* a user who did not answer is not prompted again */
        again(l, op, code, a, out);
    } else if (done_before(op, code)) {
        out->state = POL_OP_ACKNOWLEDGED;
        out->percent = 100;
        out->why = with_code(l, "an earlier attempt took effect; its answer was lost", code, a);
    } else if ((code >= 200 && code < 300 && code != 214) || ddf_layout_result_ok(l, code)) {
        bool read = asked || (tree && dm_command_of(op->tree_command) == DM_GET);
        out->state = read ? POL_OP_VERIFIED : POL_OP_ACKNOWLEDGED;
        out->percent = 100;
        out->why = asked ? STR("shown") : read ? STR("read") : STR("the device reports success; not read back yet");
    } else {
        bool pieces = tree && dm_command_of(op->tree_command) == DM_GET &&
                      (code == 411 || code == 413 || code == 424 || code == 426);
        out->state = POL_OP_FAILED;
        out->why = with_code(l,
                             asked && code == 408 ? "the prompt was shown"
                             : pieces             ? "the value cannot be read"
                                                  : "the device refused",
                             code, a);
    }
}

void pol_op_on_no_value(int code, struct arena *a, struct pol_verdict *out)
{
    *out = (struct pol_verdict){ .state = POL_OP_FAILED, .code = code, .percent = -1 };
    out->why = arena_printf(a, "the device answers %d without a value of this node", code);
}

bool pol_op_on_change(const struct pol_operation *op, struct str uri, int64_t by, struct arena *a,
                      struct pol_verdict *out)
{
    bool works = op->state == POL_OP_ACCEPTED && dm_command_of(op->tree_command) != DM_EXEC;
    if ((op->state != POL_OP_ACKNOWLEDGED && !works) || !str_is(op->kind, "tree") || pol_is_group(op) || op->id == by ||
        !pol_item_meets(op->tree_command, op->tree_uri, uri))
        return false;
    if (works) { /* whether it was done is not to be found out any more */
        *out = (struct pol_verdict){ .state = POL_OP_SUPERSEDED, .code = 202, .percent = -1 };
        out->why = by ? arena_printf(a, "the device reported that it works on it; operation %lld has changed it since",
                                     (long long)by)
                      : STR("the device reported that it works on it; a policy has changed it since");
        return true;
    }
    *out = (struct pol_verdict){ .state = POL_OP_VERIFIED, .code = 200, .percent = 100 };
    out->why = by ? arena_printf(a, "the device reported success; operation %lld has changed it since", (long long)by)
                  : STR("the device reported success; a policy has changed it since");
    return true;
}

struct str pol_device_text(struct str text)
{
    enum { TEXT_BYTES = 1000 };
    text = str_trim(text);
    if (text.n <= TEXT_BYTES) return text;
    size_t n = TEXT_BYTES;
    while (n && ((unsigned char)text.p[n] & 0xC0) == 0x80) n--; /* not within a character */
    return str_slice(text, 0, n);
}

struct str pol_with_text(struct str why, struct str text, struct arena *a)
{
    text = pol_device_text(text);
    if (!text.n || str_ends(why, text)) return why;
    return arena_printf(a, "%.*s: %.*s", STR_ARG(why), STR_ARG(text));
}

void pol_op_on_complete(const struct ddf_layout *l, const struct pol_operation *op, int result, struct str text,
                        struct arena *a, struct pol_verdict *out)
{
    *out = (struct pol_verdict){ .state = POL_OP_FAILED, .code = result, .percent = -1 };
    if (pol_op_finished(op->state) || op->state == POL_OP_ACKNOWLEDGED) {
        out->state = op->state;
        out->why = STR("finished already");
    } else if (ddf_layout_result_ok(l, result)) {
        out->state = POL_OP_ACKNOWLEDGED;
        out->percent = 100;
        out->why = with_code(l, "the device reports success", result, a);
    } else if (result == 1445) {
        out->state = POL_OP_CANCELLED;
        out->why = with_code(l, "cancelled", result, a);
    } else {
        out->why = pol_with_text(with_code(l, "failed on the device", result, a), text, a);
    }
}

/* "410", "410 any text"; 0 when the text does not begin with a number. */
static int leading_number(struct str data)
{
    size_t n = 0;
    int64_t code = 0;
    data = str_trim(data);
    while (n < data.n && n < 6 && data.p[n] >= '0' && data.p[n] <= '9') n++;
    return n && str_to_i64(str_slice(data, 0, n), &code) ? (int)code : 0;
}

void pol_op_on_alert(const struct ddf_layout *l, const struct pol_operation *op, struct str type, struct str data,
                     struct arena *a, struct pol_verdict *out)
{
    int code = leading_number(data);
    bool good = code / 100 == 2 || (l && ddf_layout_result_ok(l, code)), bad = code >= 400 && !good;
    bool over = pol_op_finished(op->state), done = op->state == POL_OP_VERIFIED || op->state == POL_OP_ACKNOWLEDGED;
    if (!type.n) type = STR("an alert without a type");
    *out = (struct pol_verdict){ .state = op->state, .code = code, .percent = -1 };
    if ((over || done) && op->state != POL_OP_UNKNOWN && !(done && bad)) { /* a failure always counts */
        out->why = STR("finished already");
    } else if (code == 202) {
        out->state = over ? op->state : POL_OP_ACCEPTED;
        out->why = STR("the device works on it");
    } else if (good) {
        out->state = over ? POL_OP_VERIFIED : POL_OP_ACKNOWLEDGED;
        out->percent = 100;
        out->why = arena_printf(a, "the device reports success: %d (%.*s)", code, STR_ARG(type));
    } else if (code == 1445) {
        out->state = POL_OP_CANCELLED;
        out->why = with_code(l, "cancelled", code, a);
    } else if (bad) {
        out->state = POL_OP_FAILED;
        out->why = arena_printf(a, "failed on the device: %d (%.*s)", code, STR_ARG(type));
    } else {
        out->state = POL_OP_UNKNOWN;
        out->why = arena_printf(a, "outcome unknown: the device reports the result \"%.*s\" (%.*s)",
                                STR_ARG(str_slice(data, 0, 100)), STR_ARG(type));
    }
}

void pol_op_on_progress(const struct ddf_layout *l, const struct pol_operation *op, const struct pol_progress *p,
                        struct arena *a, struct pol_verdict *out)
{
    if (!str_eq(op->correlator, p->correlator)) {
        *out = (struct pol_verdict){ .percent = -1 };
        if (op->state == POL_OP_ACCEPTED) {
            out->state = POL_OP_FAILED;
            out->code = 1448;
            out->why = STR("the device started it and no longer reports it");
        } else {
            again(l, op, 0, a, out);
            out->why = out->state == POL_OP_QUEUED ? STR("it did not reach the device; it is sent again")
                                                   : STR("it did not reach the device; given up after the last try");
        }
        return;
    }
    if (p->result) {
        pol_op_on_complete(l, op, p->result, p->text, a, out);
        return;
    }
    struct str phase = ddf_layout_phase_text(l, p->phase);
    *out = (struct pol_verdict){ .state = POL_OP_ACCEPTED, .code = 202, .percent = p->percent };
    if (p->percent >= 0)
        out->why = arena_printf(a, "%.*s, %d %%", STR_ARG(phase), p->percent);
    else
        out->why = phase;
}

struct str pol_set_key(struct str uri, struct arena *a)
{
    return arena_printf(a, "set %.*s", STR_ARG(uri));
}

static struct str target_of(const struct ddf_layout *l, const struct pol_operation *op, struct arena *a, bool *deletes)
{
    const struct ddf_operation *o = ddf_layout_operation(l, op->scope, op->kind);
    *deletes = o && o->delete_node;
    return o ? ddf_layout_operation_uri(l, o, op->owner, a) : (struct str){ 0 };
}

struct str pol_op_key(const struct ddf_layout *l, const struct pol_operation *op, struct arena *a)
{
    bool deletes = false;
    struct str uri = target_of(l, op, a, &deletes);
    return arena_printf(a, "%s %.*s", deletes ? "delete" : "exec", STR_ARG(uri));
}

/* What every operation of a VM, or of an image, may change. */
static const enum ddf_role vm_always[] = { DDF_ROLE_STATE,      DDF_ROLE_STATE_REASON,  DDF_ROLE_STATE_TIME,
                                           DDF_ROLE_LOCK_STATE, DDF_ROLE_PROGRESS_NODE, DDF_ROLE_RESOURCES_PENDING };
static const enum ddf_role image_always[] = { DDF_ROLE_IMAGE_STATUS, DDF_ROLE_IMAGE_DONE_KB, DDF_ROLE_IMAGE_RESULT };
enum { ALWAYS = 6 };

static bool touch(const struct ddf_layout *l, const struct pol_operation *op, const struct ddf_entry *en,
                  struct arena *a, struct str *uris, size_t *n)
{
    if (!en) return true;
    uris[*n] = ddf_layout_uri(l, en, op->owner, (struct str){ 0 }, a);
    return uris[(*n)++].n > 0;
}

/* The address without a property. With a new name every node below it may change. */
static struct str touched(struct str uri)
{
    struct str at = str_slice(uri, 0, str_find(uri, '?', 0));
    return str_ends(uri, STR("?prop=Name")) ? ddf_uri_parent(at) : at;
}

enum rc pol_op_touches(const struct ddf_layout *l, const struct pol_operation *op, struct arena *a, struct str **uris,
                       size_t *n)
{
    const struct ddf_operation *o = ddf_layout_operation(l, op->scope, op->kind);
    struct str *out = ARENA_ARRAY(a, struct str, ALWAYS + op->n_items + (o ? o->n_touches : 0));
    size_t count = 0;
    bool ok = out != NULL;

    if (ok && str_is(op->kind, "tree") &&
        (is_question(op->tree_command) || dm_command_of(op->tree_command) == DM_ACL)) {
        count = 0; /* a user interaction, or a property */
    } else if (ok && pol_is_group(op)) {
        for (size_t i = 0; i < op->n_items; i++)
            if (!pol_is_look(op->items[i].command)) out[count++] = touched(op->items[i].uri);
    } else if (ok && str_is(op->kind, "tree")) {
        out[count++] = touched(op->tree_uri);
    } else if (ok && (op->scope == DDF_DEVICE || ddf_operation_removes(o))) {
        out[count] = op->scope == DDF_DEVICE && !ddf_operation_is(o, DDF_OP_REFRESH)
                         ? l->vms
                         : ddf_layout_owner_uri(l, op->scope, op->owner, a);
        ok = out[count++].n > 0;
    } else if (ok) {
        const enum ddf_role *always = op->scope == DDF_IMAGE ? image_always : vm_always;
        size_t n_always = op->scope == DDF_IMAGE ? sizeof image_always / sizeof *image_always
                                                 : sizeof vm_always / sizeof *vm_always;
        for (size_t i = 0; ok && i < n_always; i++) ok = touch(l, op, l->entry[always[i]], a, out, &count);
        for (size_t i = 0; ok && o && i < o->n_touches; i++) ok = touch(l, op, o->touches[i], a, out, &count);
    }
    if (!ok) return RC_NOMEM;
    *uris = out;
    *n = count;
    return RC_OK;
}
