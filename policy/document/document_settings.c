/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the settings of a policy document. Fields are found in the layout by their dotted names; the code spells
 * none of them. */
#include "policy/document/document_read.h"
#include "base/suggest.h"
#include <string.h>

/* The segments of `pattern` after `prefix` ("resources.storage.*.quota" after "resources.storage.userdata" leaves
 * "quota"); '*' matches any one segment. false when the prefix does not match. With an empty rest the pattern is the
 * prefix itself. */
static bool rest_after(struct str pattern, struct str prefix, struct str *rest)
{
    struct str want, have;
    while (prefix.n) {
        if (!str_cut(&prefix, '.', &have) || !str_cut(&pattern, '.', &want) ||
            !(str_is(want, "*") || str_eq(want, have)))
            return false;
    }
    *rest = pattern;
    return true;
}

static bool settable(const struct ddf_entry *en)
{
    return en->change != DDF_C_NEVER && en->kind != DDF_K_NONE;
}

/* Does the layout have settings below this name? Tells whether the first segment is an instance or a fixed word. */
static bool is_group(const struct doc_reader *r, enum ddf_scope scope, struct str name, bool *instances)
{
    bool any = false;
    *instances = false;
    for (size_t i = 0; i < r->l->n_entries; i++) {
        struct str rest;
        const struct ddf_entry *en = &r->l->entries[i];
        if (en->scope == scope && settable(en) && rest_after(en->name, name, &rest) && rest.n) {
            any = true;
            if (rest.p[0] == '*') *instances = true;
        }
    }
    return any;
}

static struct str below(struct doc_reader *r, struct str prefix, struct str key)
{
    struct str name = prefix.n ? arena_printf(r->a, "%.*s.%.*s", STR_ARG(prefix), STR_ARG(key)) : key;
    if (!name.n) pol_reader_no_memory(r);
    return name;
}

/* A VM's document also holds settings of the whole device where the layout has them (kpi.interval). */
static const struct ddf_entry *find(const struct doc_reader *r, enum ddf_scope *scope, struct str name,
                                    struct str *instance)
{
    struct str other = { 0 };
    const struct ddf_entry *en = ddf_layout_resolve(r->l, *scope, name, instance), *device = NULL;
    if (*scope == DDF_VM && !(en && settable(en))) device = ddf_layout_resolve(r->l, DDF_DEVICE, name, &other);
    if (!device || !settable(device)) return en;
    *scope = DDF_DEVICE;
    *instance = other;
    return device;
}

static void unknown_field(struct doc_reader *r, const struct doc *d, enum ddf_scope scope, struct str prefix,
                          const char *structural)
{
    struct suggestion near = suggest_for(d->key);
    struct str word, rest = str_of(structural);
    struct buf known;

    buf_init(&known, 4096);
    while (str_cut(&rest, ' ', &word)) {
        suggest_try(&near, word);
        if (word.n) buf_printf(&known, "%s%.*s", known.n ? ", " : "", STR_ARG(word));
    }
    for (size_t i = 0; i < r->l->n_entries; i++) {
        const struct ddf_entry *en = &r->l->entries[i];
        if ((en->scope != scope && !(scope == DDF_VM && en->scope == DDF_DEVICE && prefix.n)) || !settable(en) ||
            !rest_after(en->name, prefix, &rest) || !rest.n)
            continue;
        word = str_slice(rest, 0, str_find(rest, '.', 0));
        suggest_try(&near, word);
        struct str pat = arena_printf(r->a, " %.*s,", STR_ARG(word)), all;
        buf_putz(&known, ","); /* so that each word is between a blank and a comma */
        all = buf_str(&known);
        bool listed = all.n >= word.n + 1 && memcmp(all.p, word.p, word.n) == 0 && all.p[word.n] == ',';
        for (size_t k = 0; !listed && k + pat.n <= all.n; k++) listed = memcmp(all.p + k, pat.p, pat.n) == 0;
        buf_cut(&known, known.n - 1);
        if (!listed && pat.n) buf_printf(&known, "%s%.*s", known.n ? ", " : "", STR_ARG(word));
    }
    struct str best = suggest_best(&near);
    if (best.n)
        pol_reader_key_error(r, d, "unknown field, did you mean \"%.*s\"?", STR_ARG(best));
    else
        pol_reader_key_error(r, d, "unknown field (known here: %s)", buf_z(&known));
    buf_finish(&known);
}

/* Join a list of single values to one text. */
static bool joined(struct doc_reader *r, const struct doc *d, struct str *out)
{
    struct buf b;
    buf_init(&b, 4096);
    for (const struct doc *c = d->first; c; c = c->next) {
        if (c->kind != DOC_SCALAR || str_find(c->text, ',', 0) < c->text.n) {
            pol_reader_error(r, c, "must be a single value without commas");
            buf_finish(&b);
            return false;
        }
        buf_printf(&b, "%s%.*s", b.n ? "," : "", STR_ARG(c->text));
    }
    bool ok = buf_ok(&b) && arena_str(r->a, buf_str(&b), out);
    if (!ok) pol_reader_no_memory(r);
    buf_finish(&b);
    return ok;
}

static bool image_word(struct str word)
{
    size_t colon = str_find(word, ':', 0);
    return colon > 0 && colon + 1 < word.n && str_find(word, ':', colon + 1) == word.n;
}

/* The name as in the layout, with the instance in place of '*' (aliases become one name). */
static struct str written_out(struct doc_reader *r, const struct ddf_entry *en, struct str instance)
{
    size_t star = str_find(en->name, '*', 0);
    if (star == en->name.n) return en->name;
    struct str name = arena_printf(r->a, "%.*s%.*s%.*s", STR_ARG(str_slice(en->name, 0, star)), STR_ARG(instance),
                                   STR_ARG(str_slice(en->name, star + 1, en->name.n)));
    if (!name.n) pol_reader_no_memory(r);
    return name;
}

static void check_value(struct doc_reader *r, const struct doc *d, const struct pol_setting *s)
{
    struct err one = { 0 };
    struct str uri = ddf_layout_uri(r->l, s->entry, r->p->vm.n ? r->p->vm : STR("vm"), s->instance, r->a);
    const struct ddf_node *node = uri.n && r->s ? ddf_schema_find(r->s, uri) : NULL;
    if (node && ddf_check_value(node, s->wire, &one)) pol_reader_error(r, d, "%s", one.text);
}

static struct pol_setting *new_setting(struct doc_reader *r)
{
    struct pol_policy *p = r->p;
    if (p->n_settings == POL_SETTINGS) {
        if (!r->rc) r->rc = err_set(r->e, RC_LIMIT, "a policy has at most %d settings", POL_SETTINGS);
        return NULL;
    }
    if (p->n_settings == r->settings_cap) {
        size_t cap = r->settings_cap ? 2 * r->settings_cap : 32;
        struct pol_setting *more = ARENA_ARRAY(r->a, struct pol_setting, cap);
        if (!more) {
            pol_reader_no_memory(r);
            return NULL;
        }
        if (p->n_settings) memcpy(more, p->settings, p->n_settings * sizeof *more);
        p->settings = more;
        r->settings_cap = cap;
    }
    return &p->settings[p->n_settings];
}

static void setting(struct doc_reader *r, const struct doc *d, const struct ddf_entry *en, struct str instance)
{
    struct err one = { 0 };
    struct pol_setting s = { .entry = en, .instance = instance, .word = d->text, .line = d->line, .column = d->column };

    if (!settable(en)) {
        pol_reader_key_error(r, d, "is reported by the device; a policy cannot set it");
        return;
    }
    if (en->kind == DDF_K_IMAGE && en->change != DDF_C_UPGRADE) {
        pol_reader_key_error(r, d, "follows from the image a policy asks for; set \"image\" instead");
        return;
    }
    if (d->kind == DOC_LIST && en->kind != DDF_K_LIST) {
        pol_reader_error(r, d, "must be a single value, not a list");
        return;
    }
    if (d->kind == DOC_LIST && !joined(r, d, &s.word)) return;
    if (en->kind == DDF_K_IMAGE) {
        if (!image_word(s.word)) {
            pol_reader_error(r, d, "an image is written name:version, such as corp-android:4.2.0");
            return;
        }
        s.wire = s.word;
    } else {
        enum rc rc = ddf_entry_to_wire(en, s.word, r->a, &s.wire, &one);
        if (rc == RC_NOMEM)
            pol_reader_no_memory(r);
        else if (rc) {
            struct suggestion near = suggest_for(s.word);
            for (size_t i = 0; i < en->n_words; i++) suggest_try(&near, en->words[i].word);
            if (near.best.n)
                pol_reader_error(r, d, "%s; did you mean \"%.*s\"?", one.text, STR_ARG(near.best));
            else
                pol_reader_error(r, d, "%s", one.text);
        }
        if (rc) return;
        check_value(r, d, &s);
    }
    s.name = written_out(r, en, instance);
    struct pol_setting *at = new_setting(r);
    if (at) {
        *at = s;
        r->p->n_settings++;
    }
}

static bool instance_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return s.n > 0 && s.n <= POL_VM_NAME_BYTES;
}

/* "upgrade.window": one text for two nodes that hold times. */
static bool window(struct doc_reader *r, const struct doc *d, enum ddf_scope scope, struct str name)
{
    struct err one = { 0 };
    struct str from = below(r, name, STR("notBefore")), to = below(r, name, STR("notAfter")), unused;
    if (d->kind != DOC_SCALAR || scope != DDF_VM || !ddf_layout_resolve(r->l, scope, from, &unused) ||
        !ddf_layout_resolve(r->l, scope, to, &unused))
        return false;
    if (pol_window_parse(d->text, &r->p->window, &one))
        pol_reader_error(r, d, "%s", one.text);
    else
        r->p->has_window = true;
    return true;
}

static void walk(struct doc_reader *r, const struct doc *d, enum ddf_scope scope, struct str prefix,
                 const char *structural);

/* The letters and digits of a text, with '-' for other characters: "CPU/StealPct" -> "CPU-StealPct". */
static struct str slug(struct doc_reader *r, struct str text)
{
    char *p = arena_bytes(r->a, POL_VM_NAME_BYTES + 1);
    size_t n = 0;
    if (!p) {
        pol_reader_no_memory(r);
        return (struct str){ 0 };
    }
    for (size_t i = 0; i < text.n && n < POL_VM_NAME_BYTES; i++) {
        struct str c = str_slice(text, i, i + 1);
        p[n++] = instance_name(c) ? text.p[i] : '-';
    }
    return (struct str){ p, n };
}

/* Read a list of maps. Each item is an instance, named by its `name` or after its first text, so that it keeps its
 * node when the list changes. */
static void instances(struct doc_reader *r, const struct doc *d, enum ddf_scope scope, struct str prefix)
{
    struct str used[POL_SETTINGS];
    size_t n = 0;
    for (const struct doc *c = d->first; c && !r->rc && r->n_errors <= POL_ERRORS; c = c->next) {
        const struct doc *name = doc_get(c, "name");
        struct str id = { 0 };
        if (c->kind != DOC_MAP || !c->first) {
            pol_reader_error(r, c, "must be a map");
            continue;
        }
        if (n == POL_SETTINGS) {
            r->rc = err_set(r->e, RC_LIMIT, "a list has at most %d items", POL_SETTINGS);
            return;
        }
        for (const struct doc *f = c->first; f && !id.n; f = f->next)
            if (f->kind == DOC_SCALAR && (!name || f == name)) id = name ? f->text : slug(r, f->text);
        if (!instance_name(id)) {
            pol_reader_error(r, name ? name : c, "needs a name of 1 to %d of A-Z a-z 0-9 - and _", POL_VM_NAME_BYTES);
            continue;
        }
        for (size_t i = 0; i < n; i++)
            if (str_eq(used[i], id))
                pol_reader_error(r, c, "a second item named \"%.*s\": give each a \"name\" of its own", STR_ARG(id));
        used[n++] = id;
        walk(r, c, scope, below(r, prefix, id), "name");
    }
}

static void field(struct doc_reader *r, const struct doc *d, enum ddf_scope scope, struct str prefix,
                  const char *structural)
{
    struct str name = below(r, prefix, d->key), instance = { 0 };
    enum ddf_scope at = scope;
    const struct ddf_entry *en = r->rc ? NULL : find(r, &at, name, &instance);
    bool has_instances = false, group = is_group(r, scope, name, &has_instances);
    bool here = false;

    if (r->rc) return;
    is_group(r, scope, prefix, &here);
    if (here && prefix.n && !instance_name(d->key) && !(en && !en->instance)) {
        pol_reader_key_error(r, d, "a name here is 1 to %d of A-Z a-z 0-9 - and _", POL_VM_NAME_BYTES);
        return;
    }
    if (d->kind == DOC_NULL && (en || group))
        pol_reader_key_error(r, d, "has no value");
    else if (d->kind == DOC_MAP && group)
        walk(r, d, scope, name, "");
    else if (d->kind == DOC_LIST && has_instances && !(en && en->kind == DDF_K_LIST))
        instances(r, d, scope, name);
    else if (en && d->kind != DOC_MAP)
        setting(r, d, en, instance);
    else if (group && window(r, d, scope, name))
        return;
    else if (en)
        pol_reader_error(r, d, "must be a single value");
    else if (group)
        pol_reader_error(r, d, "must be a map");
    else
        unknown_field(r, d, scope, prefix, structural);
}

static void walk(struct doc_reader *r, const struct doc *d, enum ddf_scope scope, struct str prefix,
                 const char *structural)
{
    for (const struct doc *c = d->first; c && !r->rc && r->n_errors <= POL_ERRORS; c = c->next)
        if (!pol_reader_in_list(c->key, structural)) field(r, c, scope, prefix, structural);
}

void pol_reader_settings(struct doc_reader *r, const struct doc *d, enum ddf_scope scope, const char *structural)
{
    walk(r, d, scope, (struct str){ 0 }, structural);
}
