/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/dm/ui_alert.h"
#include "base/kv.h"
#include "base/text.h"

static unsigned seconds(struct str s)
{
    int64_t n;
    return str_to_i64(s, &n) && n > 0 ? (unsigned)(n > USER_WAIT_MAX_S ? USER_WAIT_MAX_S : n) : 0;
}

/* Unknown names and invalid values are ignored. */
static void option(struct user_question *q, struct str name, struct str value)
{
    int64_t n;

    if (str_is(name, "MINDT"))
        q->min_s = seconds(value);
    else if (str_is(name, "MAXDT"))
        q->max_s = seconds(value);
    else if (str_is(name, "DR"))
        q->initial = value;
    else if (str_is(name, "MAXLEN") && str_to_i64(value, &n) && n > 0)
        q->max_len = (size_t)n;
    else if (str_is(name, "IT") && value.n == 1 && str_find(STR("ANDTPI"), value.p[0], 0) < 6)
        q->input = value.p[0];
    else if (str_is(name, "ET"))
        q->masked = str_is(value, "P");
}

/* A space is "+" or "%20". */
static bool decoded(struct str s, struct arena *a, struct str *out)
{
    char *p = arena_bytes(a, s.n + 1);

    for (size_t i = 0; p && i < s.n; i++) p[i] = s.p[i] == '+' ? ' ' : s.p[i];
    return p && text_url_decode((struct str){ p, s.n }, a, out) == RC_OK;
}

static void options(struct user_question *q, struct str text, struct arena *a)
{
    struct kv pair;
    struct str value;

    while (kv_next(&text, '&', &pair))
        if (pair.has_value && decoded(pair.value, a, &value)) option(q, pair.key, value);
}

int ui_alert_read(const struct sml_cmd *cmd, struct str server, int code, struct arena *a, struct user_question *out)
{
    struct user_question q = { .from = cmd, .code = code, .server = server, .input = 'A' };
    const struct sml_item *i = cmd->items;

    if (code < 1100 || code > 1104) return 406;
    if (!i || !i->next) return 412; /* Item 1 is options, also when there are none; Item 2 the text */
    options(&q, i->data, a);
    q.text = i->next->data;
    for (i = i->next->next; i; i = i->next) {
        if (q.n_choices == USER_CHOICES) return 406;
        q.choices[q.n_choices++] = i->data;
    }
    if ((code == 1103 || code == 1104) && !q.n_choices) return 412;
    *out = q;
    return 200;
}

/* ---- answers ---- */

static size_t characters(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* IT: the allowed characters, and their number. */
static bool typed_right(const struct user_question *q, struct str s)
{
    static const struct {
        char input;
        const char *allowed;
        size_t exactly;
    } row[] = {
        { 'N', "0123456789.+-", 0 },  { 'D', "0123456789", 8 },  { 'T', "0123456789", 6 },
        { 'P', "0123456789+pws", 0 }, { 'I', "0123456789.", 0 },
    };

    if (q->max_len && characters(s) > q->max_len) return false;
    for (size_t k = 0; k < sizeof row / sizeof row[0]; k++) {
        if (row[k].input != q->input) continue;
        if (row[k].exactly && s.n != row[k].exactly) return false;
        for (size_t i = 0; i < s.n; i++) {
            struct str allowed = str_of(row[k].allowed);
            if (str_find(allowed, s.p[i], 0) == allowed.n) return false;
        }
    }
    return str_is_utf8(s);
}

static bool add(struct arena *a, struct sml_item ***end, struct str data)
{
    struct sml_item *i = ARENA_NEW(a, struct sml_item);

    if (!i) return false;
    *i = (struct sml_item){ .data = data, .has_data = true };
    **end = i;
    *end = &i->next;
    return true;
}

/* The numbers of the choices, one on a line each (or, as preset by the server, separated by dashes). @return how
 * many, or -1 */
static int chosen(const struct user_question *q, struct str text, char between, struct arena *a,
                  struct sml_item **answer)
{
    struct sml_item **end = answer;
    struct str part;
    int n = 0;

    while (str_cut(&text, between, &part)) {
        int64_t k;
        part = str_trim(part);
        if (!part.n) continue;
        if (!str_to_i64(part, &k) || k < 1 || (uint64_t)k > q->n_choices ||
            !add(a, &end, arena_printf(a, "%d", (int)k)))
            return -1;
        n++;
    }
    return n;
}

/* The user's answer as the items of a Status; an answer that does not fit the prompt counts as cancelled. */
static int items(const struct user_question *q, struct str text, char between, struct arena *a,
                 struct sml_item **answer)
{
    struct sml_item **end = answer;
    struct str kept;
    int n;

    *answer = NULL;
    if (q->code < 1102) return 200;
    if (q->code == 1102) {
        if (!typed_right(q, text)) return 214;
        return arena_str(a, text, &kept) && add(a, &end, kept) ? 200 : 500;
    }
    n = chosen(q, text, between, a, answer);
    if (n >= 0 && (q->code == 1104 || n == 1)) return 200;
    *answer = NULL;
    return 214;
}

/* No user is present: the server's preset counts as the answer. */
static int as_preset(const struct user_question *q, struct arena *a, struct sml_item **answer)
{
    return items(q, q->code == 1103 && !q->initial.n ? STR("1") : q->initial, '-', a, answer);
}

static unsigned how_long(const struct user *u, const struct user_question *q)
{
    return q->max_s ? q->max_s : u->wait_s;
}

int ui_alert_show(void *ctx, struct str server, int code, const struct sml_cmd *cmd, struct arena *a,
                  struct sml_item **answer)
{
    const struct user *u = ctx;
    struct user_question q;
    struct str text = { 0 };
    int status = u->mode == USER_NOBODY ? 406 : ui_alert_read(cmd, server, code, a, &q);

    *answer = NULL;
    if (status != 200) return status;
    if (u->mode == USER_DENIES) return code == 1100 ? 200 : code == 1101 ? 304 : 214;
    if (u->mode == USER_ACCEPTS) return as_preset(&q, a, answer);
    status = u->ask(u, &q, how_long(u, &q), a, &text);
    return status == 200 ? items(&q, text, '\n', a, answer) : status;
}

enum user_verdict ui_alert_lets(const struct user *u, const void *from, enum sml_ui ui, struct str server,
                                struct arena *a)
{
    struct user_question q = { .from = from, .code = ui == SML_UI_ASK ? 1101 : 1100, .server = server, .input = 'A' };
    struct str ignored = { 0 };
    int status;

    if (ui != SML_UI_ASK && ui != SML_UI_INFORM) return USER_YES;
    if (u->mode == USER_DENIES) return ui == SML_UI_ASK ? USER_NO : USER_YES;
    if (u->mode != USER_PROGRAM) return USER_YES;
    q.text = arena_printf(a, "%.*s requests to manage this device now.", STR_ARG(server));
    if (!q.text.n) return USER_NO;
    status = u->ask(u, &q, u->wait_s, a, &ignored);
    return !status ? USER_LATER : ui != SML_UI_ASK || status == 200 ? USER_YES : USER_NO;
}
