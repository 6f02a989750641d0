/* SPDX-License-Identifier: Apache-2.0 */
/* Converts a policy's words to the text of a node, and back. */
#include "base/text.h"
#include "ddf/layout/layout.h"
#include <limits.h>

static enum rc refuse(const struct ddf_entry *en, struct err *e, struct str word, const char *want)
{
    return err_at(e, RC_INVALID, NULL, 0, 0, "%.*s: \"%.*s\" is not %s", STR_ARG(en->name),
                  STR_ARG(str_slice(word, 0, 100)), want);
}

static enum rc refuse_word(const struct ddf_entry *en, struct err *e, struct str word)
{
    struct buf list;
    enum rc rc;
    buf_init(&list, 300);
    for (size_t i = 0; i < en->n_words; i++)
        buf_printf(&list, "%s%.*s", i ? ", " : "one of: ", STR_ARG(en->words[i].word));
    rc = refuse(en, e, word, buf_z(&list));
    buf_finish(&list);
    return rc;
}

static enum rc copy(struct str s, struct arena *a, struct str *out, struct err *e)
{
    return arena_str(a, s, out) ? RC_OK : err_set(e, RC_NOMEM, "no memory left for a setting");
}

/* Nodes hold 32-bit integers. */
static enum rc number(const struct ddf_entry *en, struct str word, uint64_t v, struct arena *a, struct str *wire,
                      struct err *e)
{
    struct str out;
    if (v > INT32_MAX) return refuse(en, e, word, "a value that fits: it is too large");
    out = arena_printf(a, "%llu", (unsigned long long)v);
    if (!out.p) return err_set(e, RC_NOMEM, "no memory left for a setting");
    *wire = out;
    return RC_OK;
}

static enum rc from_int(const struct ddf_entry *en, struct str word, struct arena *a, struct str *wire, struct err *e)
{
    int64_t v;
    struct str out;
    if (!str_to_i64(word, &v) || v < INT32_MIN || v > INT32_MAX) return refuse(en, e, word, "a whole number");
    out = arena_printf(a, "%lld", (long long)v);
    if (!out.p) return err_set(e, RC_NOMEM, "no memory left for a setting");
    *wire = out;
    return RC_OK;
}

static enum rc from_amount(const struct ddf_entry *en, struct str word, struct arena *a, struct str *wire,
                           struct err *e)
{
    uint64_t v, unit = en->kind == DDF_K_KIB ? 1024 : 1000;
    if (!text_size_parse(word, &v))
        return refuse(en, e, word,
                      en->kind == DDF_K_KIB ? "a size such as 512Mi or 4Gi" : "a rate in bit/s such as 10M");
    return number(en, word, v / unit + (v % unit != 0), a, wire, e);
}

static enum rc from_duration(const struct ddf_entry *en, struct str word, struct arena *a, struct str *wire,
                             struct err *e)
{
    int64_t ms;
    if (!text_duration_parse(word, &ms) || ms < 0 || ms % 1000)
        return refuse(en, e, word, "a time in whole seconds such as 90s, 10m, 24h or 7d");
    return number(en, word, (uint64_t)(ms / 1000), a, wire, e);
}

static enum rc from_percent(const struct ddf_entry *en, struct str word, struct arena *a, struct str *wire,
                            struct err *e)
{
    uint64_t v;
    struct str digits = str_ends(word, STR("%")) ? str_slice(word, 0, word.n - 1) : word;
    if (!str_to_u64(digits, &v)) return refuse(en, e, word, "a percentage such as 50%");
    return number(en, word, v, a, wire, e);
}

static enum rc from_time(const struct ddf_entry *en, struct str word, struct arena *a, struct str *wire, struct err *e)
{
    int64_t ms;
    char basic[17];
    if (!word.n) return copy(word, a, wire, e); /* no limit */
    if (!text_time_parse(word, &ms)) return refuse(en, e, word, "a time such as 2031-01-31T12:00:00Z");
    text_time_basic(ms, basic);
    return copy(str_of(basic), a, wire, e);
}

static enum rc from_list(struct str word, struct arena *a, struct str *wire, struct err *e)
{
    char *p = arena_bytes(a, word.n + 1);
    struct str rest = word, part;
    size_t n = 0;
    if (!p) return err_set(e, RC_NOMEM, "no memory left for a setting");
    while (str_cut(&rest, ',', &part)) {
        part = str_trim(part);
        if (!part.n) continue;
        if (n) p[n++] = ',';
        for (size_t i = 0; i < part.n; i++) p[n++] = part.p[i];
    }
    p[n] = '\0';
    *wire = (struct str){ p, n };
    return RC_OK;
}

static enum rc from_word(const struct ddf_entry *en, struct str word, struct arena *a, struct str *wire, struct err *e)
{
    for (size_t i = 0; i < en->n_words; i++)
        if (str_eq(en->words[i].word, word)) return copy(en->words[i].wire, a, wire, e);
    return refuse_word(en, e, word);
}

enum rc ddf_entry_to_wire(const struct ddf_entry *en, struct str word, struct arena *a, struct str *wire, struct err *e)
{
    switch (en->kind) {
    case DDF_K_TEXT: return str_is_utf8(word) ? copy(word, a, wire, e) : refuse(en, e, STR("..."), "UTF-8 text");
    case DDF_K_INT: return from_int(en, word, a, wire, e);
    case DDF_K_BOOL:
        return str_is(word, "true") || str_is(word, "false") ? copy(word, a, wire, e)
                                                             : refuse(en, e, word, "true or false");
    case DDF_K_ENUM: return from_word(en, word, a, wire, e);
    case DDF_K_KIB:
    case DDF_K_KBPS: return from_amount(en, word, a, wire, e);
    case DDF_K_SECONDS: return from_duration(en, word, a, wire, e);
    case DDF_K_PERCENT: return from_percent(en, word, a, wire, e);
    case DDF_K_TIME: return from_time(en, word, a, wire, e);
    case DDF_K_LIST: return str_is_utf8(word) ? from_list(word, a, wire, e) : refuse(en, e, STR("..."), "UTF-8 text");
    case DDF_K_IMAGE:
        return word.n && str_is_utf8(word) ? copy(word, a, wire, e) : refuse(en, e, word, "an image (name:version)");
    case DDF_K_NONE:
    case DDF_KIND_COUNT: break;
    }
    return err_set(e, RC_INVALID, "%.*s cannot be set: the device reports it", STR_ARG(en->name));
}

struct layout_unit {
    uint64_t size;
    const char *suffix;
};

/* The number with the largest unit that divides it. */
static struct str with_unit(struct str wire, const struct layout_unit *unit, size_t n, struct arena *a)
{
    uint64_t v;
    if (!str_to_u64(wire, &v)) return wire;
    for (size_t i = 0; i < n; i++)
        if (v % unit[i].size == 0 && (v || i == n - 1))
            return arena_printf(a, "%llu%s", (unsigned long long)(v / unit[i].size), unit[i].suffix);
    return wire;
}

struct str ddf_entry_to_word(const struct ddf_entry *en, struct str wire, struct arena *a)
{
    static const struct layout_unit kib[] = { { 1 << 20, "Gi" }, { 1 << 10, "Mi" }, { 1, "Ki" } };
    static const struct layout_unit kbps[] = { { 1000000, "G" }, { 1000, "M" }, { 1, "K" } };
    static const struct layout_unit seconds[] = { { 86400, "d" }, { 3600, "h" }, { 60, "m" }, { 1, "s" } };
    int64_t ms;
    char iso[25];
    for (size_t i = 0; i < en->n_words; i++)
        if (str_eq(en->words[i].wire, wire)) return en->words[i].word;
    switch (en->kind) {
    case DDF_K_KIB: return with_unit(wire, kib, sizeof kib / sizeof kib[0], a);
    case DDF_K_KBPS: return with_unit(wire, kbps, sizeof kbps / sizeof kbps[0], a);
    case DDF_K_SECONDS: return with_unit(wire, seconds, sizeof seconds / sizeof seconds[0], a);
    case DDF_K_PERCENT: return with_unit(wire, (const struct layout_unit[]){ { 1, "%" } }, 1, a);
    case DDF_K_TIME:
        if (!text_time_parse(wire, &ms)) return wire;
        text_time_iso(ms, iso);
        return arena_printf(a, "%s", iso);
    default: return wire;
    }
}
