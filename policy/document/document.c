/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/document/document.h"
#include "policy/document/attribute.h"
#include "policy/document/document_read.h"
#include "policy/document/rules.h"
#include "base/suggest.h"
#include <stdlib.h>
#include <string.h>

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_name(struct str s, size_t most, bool dots)
{
    for (size_t i = 0; i < s.n; i++)
        if (!name_char(s.p[i]) && !(dots && i && s.p[i] == '.')) return false;
    return s.n > 0 && s.n <= most;
}

bool pol_reader_in_list(struct str word, const char *list)
{
    struct str rest = str_of(list), part;
    while (str_cut(&rest, ' ', &part))
        if (part.n && str_eq(part, word)) return true;
    return false;
}

void pol_reader_no_memory(struct doc_reader *r)
{
    if (!r->rc) r->rc = err_set(r->e, RC_NOMEM, "out of memory for a policy");
}

static void put(struct doc_reader *r, struct str pointer, unsigned line, unsigned column, const char *fmt, va_list ap)
    __attribute__((format(printf, 5, 0)));
static void put(struct doc_reader *r, struct str pointer, unsigned line, unsigned column, const char *fmt, va_list ap)
{
    struct err one = { 0 };
    char text[ERR_TEXT_BYTES + 256];
    if (++r->n_errors > POL_ERRORS) return;
    struct str words = arena_vprintf(r->a, fmt, ap);
    const struct str place = pointer.n ? arena_printf(r->a, "%.*s:", STR_ARG(pointer)) : STR("the document");
    err_at(&one, RC_INVALID, r->name, line, column, "%.*s %.*s", STR_ARG(place), STR_ARG(words));
    if (r->refused) buf_printf(r->refused, "%s%.*s %.*s", r->refused->n ? "\n" : "", STR_ARG(place), STR_ARG(words));
    if (r->e && !r->e->rc) *r->e = one;
    if (r->errors) buf_printf(r->errors, "%s\n", err_format(&one, text, sizeof text));
}

void pol_reader_error(struct doc_reader *r, const struct doc *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put(r, doc_pointer(d, r->a), d->line, d->column, fmt, ap);
    va_end(ap);
}

void pol_reader_key_error(struct doc_reader *r, const struct doc *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put(r, doc_pointer(d, r->a), d->key_line ? d->key_line : d->line, d->key_line ? d->key_column : d->column, fmt, ap);
    va_end(ap);
}

void pol_reader_setting_error(struct doc_reader *r, const struct pol_setting *s, const char *fmt, ...)
{
    struct buf pointer;
    struct str at = { 0 };
    va_list ap;
    buf_init(&pointer, 1024);
    buf_putz(&pointer, s->entry->scope == DDF_DEVICE ? "/spec/device/" : "/spec/vm/");
    for (size_t i = 0; i < s->name.n; i++) buf_byte(&pointer, s->name.p[i] == '.' ? '/' : (uint8_t)s->name.p[i]);
    arena_str(r->a, buf_str(&pointer), &at);
    buf_finish(&pointer);
    va_start(ap, fmt);
    put(r, at, s->line, s->column, fmt, ap);
    va_end(ap);
}

bool pol_reader_keys(struct doc_reader *r, const struct doc *d, const char *allowed)
{
    if (d->kind != DOC_MAP) {
        pol_reader_error(r, d, "must be a map with: %s", allowed);
        return false;
    }
    for (const struct doc *c = d->first; c && r->n_errors <= POL_ERRORS; c = c->next) {
        if (pol_reader_in_list(c->key, allowed)) continue;
        struct suggestion near = suggest_for(c->key);
        struct str rest = str_of(allowed), part;
        while (str_cut(&rest, ' ', &part)) suggest_try(&near, part);
        struct str best = suggest_best(&near);
        if (best.n)
            pol_reader_key_error(r, c, "unknown field, did you mean \"%.*s\"?", STR_ARG(best));
        else
            pol_reader_key_error(r, c, "unknown field (known here: %s)", allowed);
    }
    return true;
}

/* A required scalar; NULL, with the error recorded, when it is missing. */
static const struct doc *scalar(struct doc_reader *r, const struct doc *map, const char *key, bool required)
{
    const struct doc *d = doc_get(map, key);
    if (!d || d->kind == DOC_NULL) {
        if (d || required) pol_reader_error(r, d ? d : map, d ? "has no value" : "needs \"%s\"", key);
        return NULL;
    }
    if (d->kind != DOC_SCALAR) {
        pol_reader_error(r, d, "must be a single value");
        return NULL;
    }
    return d;
}

static void exact(struct doc_reader *r, const struct doc *root, const char *key, const char *want)
{
    const struct doc *d = scalar(r, root, key, true);
    if (d && !str_is(d->text, want))
        pol_reader_error(r, d, "must be %s, not \"%.*s\"", want, STR_ARG(str_slice(d->text, 0, 80)));
}

static void metadata(struct doc_reader *r, const struct doc *root)
{
    const struct doc *m = doc_get(root, "metadata"), *d;
    if (!m) {
        pol_reader_error(r, root, "needs \"metadata\" with a name");
        return;
    }
    if (!pol_reader_keys(r, m, "name authority title description")) return;
    if ((d = scalar(r, m, "name", true))) {
        if (!is_name(d->text, POL_NAME_BYTES, true))
            pol_reader_error(r, d, "a policy's name is 1 to %d of A-Z a-z 0-9 - _ and dots", POL_NAME_BYTES);
        r->p->name = d->text;
    }
    if ((d = scalar(r, m, "authority", false))) {
        if (!is_name(d->text, POL_NAME_BYTES, true))
            pol_reader_error(r, d, "an authority's name is 1 to %d of A-Z a-z 0-9 - _ and dots", POL_NAME_BYTES);
        r->p->authority = d->text;
    }
}

static void selector(struct doc_reader *r, const struct doc *spec)
{
    const struct doc *d = scalar(r, spec, "selector", true);
    struct err one = { 0 };
    struct str *names = NULL;
    size_t n = 0;

    if (!d) return;
    r->p->selector_text = d->text;
    enum rc rc = pol_selector_parse(d->text, r->a, &r->p->selector, &one);
    if (rc == RC_NOMEM) {
        pol_reader_no_memory(r);
    } else if (rc) {
        pol_reader_error(r, d, "at character %u of the selector: %s", one.column ? one.column : 1, one.text);
    } else if (pol_selector_attributes(r->p->selector, r->a, &names, &n)) {
        pol_reader_no_memory(r);
    }
    for (size_t i = 0; i < n; i++) {
        struct suggestion near = suggest_for(names[i]);
        if (pol_attribute_known(r->l, names[i], r->a, &near)) continue;
        if (near.best.n)
            pol_reader_error(r, d, "no device has the attribute %.*s, did you mean \"%.*s\"?", STR_ARG(names[i]),
                             STR_ARG(near.best));
        else
            pol_reader_error(
                r, d,
                "no device has the attribute %.*s (there are label.*, devinfo.*, devdetail.*, hypervisor.* and device.id)",
                STR_ARG(names[i]));
    }
}

static void goal(struct doc_reader *r, const struct doc *d)
{
    struct suggestion near = suggest_for(d->text);
    struct buf words;
    if (ddf_layout_goal(r->l, d->text)) {
        r->p->goal = d->text;
        return;
    }
    buf_init(&words, 1024);
    for (size_t i = 0; i < r->l->n_goals; i++) {
        suggest_try(&near, r->l->goals[i].name);
        buf_printf(&words, "%s%.*s", i ? ", " : "", STR_ARG(r->l->goals[i].name));
    }
    struct str best = suggest_best(&near);
    if (best.n)
        pol_reader_error(r, d, "\"%.*s\" is not a desired state, did you mean \"%.*s\"? (one of: %s)",
                         STR_ARG(str_slice(d->text, 0, 80)), STR_ARG(best), buf_z(&words));
    else
        pol_reader_error(r, d, "\"%.*s\" is not a desired state (one of: %s)", STR_ARG(str_slice(d->text, 0, 80)),
                         buf_z(&words));
    buf_finish(&words);
}

static const char *const leave_words[POL_LEAVE_COUNT] = {
    [POL_LEAVE_KEEP] = "keep", [POL_LEAVE_STOP] = "stop", [POL_LEAVE_LOCK] = "lock", [POL_LEAVE_REMOVE] = "remove"
};

const char *pol_leave_word(enum pol_leave x)
{
    return leave_words[x];
}

bool pol_leave_of(struct str word, enum pol_leave *out)
{
    for (int i = 0; i < POL_LEAVE_COUNT; i++)
        if (str_is(word, leave_words[i])) {
            *out = (enum pol_leave)i;
            return true;
        }
    return false;
}

static void on_leave(struct doc_reader *r, const struct doc *d)
{
    struct suggestion near = suggest_for(d->text);
    if (pol_leave_of(d->text, &r->p->leave)) return;
    for (int i = 0; i < POL_LEAVE_COUNT; i++) suggest_try(&near, str_of(leave_words[i]));
    struct str best = suggest_best(&near);
    if (best.n)
        pol_reader_error(r, d, "\"%.*s\" is not an action of onLeave, did you mean \"%.*s\"?",
                         STR_ARG(str_slice(d->text, 0, 80)), STR_ARG(best));
    else
        pol_reader_error(r, d, "must be one of: keep, stop, lock, remove");
}

static void vm(struct doc_reader *r, const struct doc *spec)
{
    const struct doc *m = doc_get(spec, "vm"), *d;
    if (!m) {
        pol_reader_error(r, spec, "needs \"vm\" with an id");
        return;
    }
    if (m->kind != DOC_MAP) {
        pol_reader_error(r, m, "must be a map with: id, state, locked, onLeave, image, resources ...");
        return;
    }
    if ((d = scalar(r, m, "id", true))) {
        if (!is_name(d->text, POL_VM_NAME_BYTES, false))
            pol_reader_error(r, d, "a VM's id is 1 to %d of A-Z a-z 0-9 - and _ (it names the VM's node on devices)",
                             POL_VM_NAME_BYTES);
        else
            r->p->vm = d->text;
    }
    if ((d = scalar(r, m, "state", false))) goal(r, d);
    if ((d = scalar(r, m, "locked", false))) {
        if (!doc_bool(d, &r->p->locked))
            pol_reader_error(r, d, "must be true or false");
        else
            r->p->has_locked = true;
    }
    if ((d = scalar(r, m, "onLeave", false))) on_leave(r, d);
    pol_reader_settings(r, m, DDF_VM, "id state locked onLeave");
}

static int by_name(const void *a, const void *b)
{
    const struct pol_setting *x = a, *y = b;
    int c = (int)x->entry->scope - (int)y->entry->scope;
    return c ? c : str_cmp(x->name, y->name);
}

static void spec(struct doc_reader *r, const struct doc *root)
{
    const struct doc *m = doc_get(root, "spec"), *d;
    if (!m) {
        pol_reader_error(r, root, "needs \"spec\" with a selector and a vm");
        return;
    }
    if (!pol_reader_keys(r, m, "priority selector vm device rollout")) return;
    if ((d = scalar(r, m, "priority", false)) &&
        (!doc_i64(d, &r->p->priority) || r->p->priority < -1000000 || r->p->priority > 1000000))
        pol_reader_error(r, d, "must be a whole number from -1000000 to 1000000");
    selector(r, m);
    vm(r, m);
    if ((d = doc_get(m, "device"))) {
        if (d->kind == DOC_MAP)
            pol_reader_settings(r, d, DDF_DEVICE, "");
        else
            pol_reader_error(r, d, "must be a map of settings for the whole device");
    }
    if ((d = doc_get(m, "rollout")))
        pol_reader_key_error(
            r, d,
            "rollouts are not supported yet: the revision would reach all its devices at once; remove the field, or"
            " narrow the selector for a first group");
    if (r->p->n_settings) qsort(r->p->settings, r->p->n_settings, sizeof r->p->settings[0], by_name);
    for (size_t i = 1; i < r->p->n_settings; i++)
        if (by_name(&r->p->settings[i - 1], &r->p->settings[i]) == 0)
            pol_reader_error(r, m, "%.*s is set twice (lines %u and %u)", STR_ARG(r->p->settings[i].name),
                             r->p->settings[i - 1].line, r->p->settings[i].line);
    pol_reader_rules(r);
}

/* @return failures of the document as a whole; errors in its fields are counted in the reader */
static enum rc read_document(struct doc_reader *r, struct str text)
{
    struct doc *root = NULL;
    enum rc rc = doc_parse(text, r->name, r->a, &root, r->e);

    if (!rc && !(r->p = ARENA_NEW(r->a, struct pol_policy))) rc = err_set(r->e, RC_NOMEM, "out of memory for a policy");
    if (!rc && root->kind != DOC_MAP)
        return doc_error(root, r->name, RC_INVALID, r->e, "a policy is a map with apiVersion, kind, metadata and spec");
    if (rc) return rc;
    pol_reader_keys(r, root, "apiVersion kind metadata spec");
    exact(r, root, "apiVersion", "dmvisor/v1");
    exact(r, root, "kind", "VmPolicy");
    metadata(r, root);
    spec(r, root);
    return r->rc;
}

enum rc pol_policy_parse(struct str text, const char *name, const struct ddf_layout *l, const struct ddf_schema *s,
                         struct arena *a, struct pol_policy **out, struct buf *errors, struct err *e)
{
    struct err first = { 0 };
    struct doc_reader r = { .name = name, .l = l, .s = s, .a = a, .errors = errors, .e = &first };
    enum rc rc = read_document(&r, text);

    if (!rc && r.n_errors) rc = RC_INVALID;
    if (r.n_errors > POL_ERRORS && errors)
        buf_printf(errors, "%s: there are more errors than these %d\n", name, POL_ERRORS);
    if (rc && errors && !errors->n) {
        char line[ERR_TEXT_BYTES + 256];
        buf_printf(errors, "%s\n", err_format(&first, line, sizeof line));
    }
    if (rc && e && !e->rc) *e = first;
    if (!rc) *out = r.p;
    return rc;
}

enum rc pol_policy_load(struct str text, const char *name, const struct ddf_layout *l, const struct ddf_schema *s,
                        struct arena *a, struct pol_policy **out, struct err *e)
{
    enum { REFUSED_BYTES = 64 << 10 };
    struct err first = { 0 };
    struct buf refused;
    struct doc_reader r = { .name = name, .l = l, .s = s, .a = a, .e = &first, .refused = &refused };

    buf_init(&refused, REFUSED_BYTES);
    enum rc rc = read_document(&r, text);
    const bool usable = !rc && r.p->name.n && r.p->vm.n && r.p->selector;
    if (!rc && !usable) rc = first.rc ? first.rc : err_set(&first, RC_INVALID, "%s: no policy", name);
    if (!rc && !arena_str(a, buf_str(&refused), &r.p->attention))
        rc = err_set(&first, RC_NOMEM, "no memory for a policy");
    if (!rc && r.n_errors && !r.p->attention.n) r.p->attention = STR("more fields are refused than can be listed");
    buf_finish(&refused);
    if (rc && e && !e->rc) *e = first;
    if (!rc) *out = r.p;
    return rc;
}

enum rc pol_policy_canonical(struct str text, const char *name, struct arena *a, struct buf *out, struct err *e)
{
    struct doc *root;
    enum rc rc = doc_parse(text, name, a, &root, e);
    if (rc) return rc;
    doc_to_canonical_json(root, out);
    return buf_ok(out) ? RC_OK : err_set(e, out->failed, "no room for the policy's canonical form");
}
