/* SPDX-License-Identifier: Apache-2.0 */
/* protocol.md 20: what clients in the field do otherwise. The reference client with one quirk switched on, as a
 * change to its messages on their way; the server finishes the session, or fails it cleanly (CONFORMANCE.md trap-01
 * to trap-30). Quirks of bytes and element order are in xml_test.c and wbxml_test.c, quirks of references in server_test.c. */
#include "tests/syncml/session_lib.h"

static struct str upper(struct str s, struct arena *a)
{
    char *p = arena_bytes(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++) p[i] = i == 0 && s.p[0] >= 'a' && s.p[0] <= 'z' ? (char)(s.p[0] - 32) : s.p[i];
    return (struct str){ p, s.n };
}

static struct sml_cmd *header_status(struct sml_msg *m)
{
    for (struct sml_cmd *c = m->cmds; c; c = c->next)
        if (c->kind == SML_STATUS && str_is(c->cmd_ref, "0")) return c;
    return NULL;
}

/* Take out every command that `gone` wants. */
static void without(struct sml_msg *m, bool (*gone)(const struct sml_cmd *))
{
    for (struct sml_cmd **at = &m->cmds; *at;)
        if (gone(*at))
            *at = (*at)->next;
        else
            at = &(*at)->next;
}

static void no_cmd_ref(struct sml_msg *m, struct arena *a)
{
    (void)a;
    if (header_status(m)) header_status(m)->cmd_ref = STR("");
}

static void always_212(struct sml_msg *m, struct arena *a)
{
    (void)a;
    if (header_status(m)) header_status(m)->data = STR("212");
}

static void no_loc_name(struct sml_msg *m, struct arena *a)
{
    (void)a;
    m->source_name = STR("");
}

static void target_is_what_it_wants(struct sml_msg *m, struct arena *a)
{
    (void)a;
    m->target = STR("http://somewhere.else/");
}

static void final_always(struct sml_msg *m, struct arena *a)
{
    (void)a;
    m->final = true;
}

static bool is_atomic_status(const struct sml_cmd *c)
{
    return c->kind == SML_STATUS && str_is(c->cmd, "Atomic");
}
static bool is_alert_1222(const struct sml_cmd *c)
{
    return c->kind == SML_ALERT && str_is(c->data, "1222");
}
static bool is_replace(const struct sml_cmd *c)
{
    return c->kind == SML_REPLACE;
}
static bool is_start(const struct sml_cmd *c)
{
    return c->kind == SML_ALERT && str_starts(c->data, STR("120"));
}
static bool is_header(const struct sml_cmd *c)
{
    return c->kind == SML_STATUS && str_is(c->cmd_ref, "0");
}
static bool is_own_status(const struct sml_cmd *c)
{
    return c->kind == SML_STATUS && !str_is(c->cmd_ref, "0");
}

static void no_atomic_status(struct sml_msg *m, struct arena *a)
{
    (void)a;
    without(m, is_atomic_status);
}
static void no_1222(struct sml_msg *m, struct arena *a)
{
    (void)a;
    without(m, is_alert_1222);
}
static void no_devinfo(struct sml_msg *m, struct arena *a)
{
    (void)a;
    without(m, is_replace);
}
static void no_start_alert(struct sml_msg *m, struct arena *a)
{
    (void)a;
    without(m, is_start);
}
static void no_header_status(struct sml_msg *m, struct arena *a)
{
    (void)a;
    without(m, is_header);
}
static void no_statuses(struct sml_msg *m, struct arena *a)
{
    (void)a;
    without(m, is_own_status);
}

/* Statuses last to first: Sequence after its children, Results before their Status. */
static void backwards(struct sml_msg *m, struct arena *a)
{
    struct sml_cmd *turned = NULL;
    (void)a;
    for (struct sml_cmd *c = m->cmds, *next; c; c = next) {
        next = c->next;
        c->next = turned;
        turned = c;
    }
    m->cmds = turned;
}

static void capitals(struct sml_msg *m, struct arena *a)
{
    for (struct sml_cmd *c = m->cmds; c; c = c->next)
        for (struct sml_item *it = c->items; it; it = it->next) it->meta.format = upper(it->meta.format, a);
}

static void nothing_supported(struct sml_msg *m, struct arena *a)
{
    (void)a;
    for (struct sml_cmd *c = m->cmds; c; c = c->next)
        if (is_own_status(c) && !str_is(c->cmd, "Alert")) c->data = STR("406");
}

static void no_meta(struct sml_msg *m, struct arena *a)
{
    (void)a;
    for (struct sml_cmd *c = m->cmds; c; c = c->next)
        for (struct sml_item *it = c->items; it; it = it->next) it->meta.present = it->meta.has_size;
}

static void twice(struct sml_msg *m, struct arena *a)
{
    struct sml_cmd **tail = &m->cmds;
    while (*tail) tail = &(*tail)->next;
    for (struct sml_cmd *c = m->cmds, *end = NULL; c != end && c; c = c->next) {
        struct sml_cmd *copy = ARENA_NEW(a, struct sml_cmd);
        if (c->kind != SML_STATUS) continue;
        *copy = *c;
        copy->next = NULL;
        if (!end) end = copy;
        *tail = copy;
        tail = &copy->next;
    }
}

static void no_msg_ref(struct sml_msg *m, struct arena *a)
{
    (void)a;
    for (struct sml_cmd *c = m->cmds; c; c = c->next) c->msg_ref = STR("");
}

static void chal_always(struct sml_msg *m, struct arena *a)
{
    struct sml_cmd *c = header_status(m);
    (void)a;
    if (c && !c->chal.present)
        c->chal = (struct sml_cred){ .present = true,
                                     .meta = { .present = true,
                                               .format = STR("b64"),
                                               .type = STR("syncml:auth-md5"),
                                               .next_nonce = STR("c2VydmVyLW5vbmNlLTAwMQ==") } };
}

enum { DONE = 1, VALUE = 2, ATOMIC_UNKNOWN = 4, UNKNOWN = 8, ALL_406 = 16 };

static const struct quirk {
    const char *name;
    void (*change)(struct sml_msg *, struct arena *);
    unsigned want;
} quirks[] = {
    { "2 no CmdRef in the Status for SyncHdr", no_cmd_ref, DONE | VALUE },
    { "2 always 212", always_212, DONE | VALUE },
    { "8 no LocName", no_loc_name, DONE | VALUE },
    { "21 any Target", target_is_what_it_wants, DONE | VALUE },
    { "10 capitalised Format", capitals, DONE | VALUE },
    { "12 13 everything backwards", backwards, DONE | VALUE },
    { "12 every Status twice", twice, DONE | VALUE },
    { "13 no Status for Atomic", no_atomic_status, DONE | VALUE | ATOMIC_UNKNOWN },
    { "15 Final in every message", final_always, DONE | VALUE },
    { "16 17 30 nothing supported", nothing_supported, DONE | ALL_406 },
    { "22 no MsgRef", no_msg_ref, DONE | VALUE },
    { "25 no Meta at all", no_meta, DONE | VALUE },
    { "a Chal with every answer", chal_always, DONE | VALUE },
    { "no Alert 1222", no_1222, DONE | VALUE },
    { "no DevInfo", no_devinfo, DONE | VALUE },
    { "no Alert 1200 or 1201", no_start_alert, DONE | VALUE },
    { "no Status for SyncHdr", no_header_status, DONE | VALUE },
    { "no Status for anything", no_statuses, DONE | UNKNOWN },
};

static const struct quirk *under_test;

static bool bend(struct link *l, bool from_server, struct sml_msg *m, struct arena *a)
{
    (void)l;
    if (!from_server) under_test->change(m, a);
    return true;
}

static void prepare(struct link *l, unsigned round)
{
    static struct sml_step child[2];
    static char big[4000];
    memset(big, 'b', sizeof big);
    link_init(l, round & 1 ? SML_WBXML : SML_XML);
    link_share_nonces(l);
    l->hook = bend;
    link_set(l, STR("./V"), STR("int"), STR("42"));
    link_step(l, SML_GET, "./V");
    child[0] = (struct sml_step){ .kind = SML_ADD,
                                  .tag = 50,
                                  .uri = STR("./A/2"),
                                  .format = STR("chr"),
                                  .data = STR("two"),
                                  .has_data = true,
                                  .next = &child[1] };
    child[1] = (struct sml_step){
        .kind = SML_ADD, .tag = 51, .uri = STR("./A/3"), .format = STR("chr"), .data = STR("three"), .has_data = true
    };
    link_step(l, SML_ATOMIC, "")->children = child;
    if (round & 2) l->cc.max_msg_bytes = l->sc.max_msg_bytes = 1800;
    link_write(l, SML_ADD, "./Big", "chr", (struct str){ big, round & 2 ? sizeof big : 20 });
    link_step(l, SML_GET, "./Big");
}

static void the_server_finishes_the_session(void)
{
    for (unsigned i = 0; i < 4 * sizeof quirks / sizeof quirks[0]; i++) {
        struct link l;
        const struct quirk *q = under_test = &quirks[i / 4];
        bool pieces = i & 2, lost = pieces && (q->change == final_always || q->change == no_statuses);
        prepare(&l, i);
        link_run(&l);
        bool value = str_is(buf_str(&l.seen[1].values), "42");
        bool good = l.ended && !l.aborted && l.posts < 40;
        if (q->want & VALUE && !lost)
            good &= value && l.seen[1].code == 200 && l.seen[50].code == 200 &&
                    l.seen[2].code == (q->want & ATOMIC_UNKNOWN ? 0 : 200) && l.seen[3].code == 200 &&
                    l.seen[4].code == 200;
        if (q->want & UNKNOWN) good &= l.seen[2].code == 0 && l.seen[50].code == 0;
        if (q->want & ALL_406) good &= l.seen[1].code == 406 && l.seen[2].code == 406 && l.seen[3].code == 406;
        if (!good) {
            fprintf(stderr, "\n%s (round %u): ended %d aborted %d posts %u, codes %d %d %d %d %d \"%.*s\" %s\n",
                    q->name, i & 3, l.ended, l.aborted, l.posts, l.seen[1].code, l.seen[2].code, l.seen[50].code,
                    l.seen[3].code, l.seen[4].code, STR_ARG(buf_str(&l.seen[1].values)), l.refused);
        }
        CU_ASSERT(good);
        link_finish(&l);
    }
}

/* S-007, traps 3 and 4: the same one for ever, long, in lower case, no number */
static void session_ids_are_opaque(void)
{
    static const char *const id[] = {
        "1", "1", "0", "2f", "a-session-id-of-more-than-four-characters", "+1", "\xC3\xA4"
    };
    for (size_t i = 0; i < sizeof id / sizeof id[0]; i++) {
        struct link l;
        link_init(&l, SML_XML);
        link_share_nonces(&l);
        l.session_id = id[i];
        link_step(&l, SML_GET, "./A");
        link_run(&l);
        CU_ASSERT(l.ended && l.first_seen && l.seen[1].code == 404);
        link_finish(&l);
    }
}

/* The server lost its session (restart, another node): the device is asked for credentials again and goes on; what
 * was sent before is offered again by the shell. */
static unsigned restart_at;
static bool forget(struct link *l, bool from_server, struct sml_msg *m, struct arena *a)
{
    (void)m, (void)a;
    if (!from_server && l->posts == restart_at) {
        sml_server_destroy(l->server);
        l->server = NULL;
        l->at = 0;
    }
    return true;
}

static void a_lost_session_costs_a_new_one_and_nothing_else(void)
{
    for (unsigned i = 0; i < 8; i++) {
        struct link l;
        restart_at = 1 + i / 2;
        prepare(&l, i & 1);
        l.hook = forget;
        if (i & 1) l.cc.max_msg_bytes = 1500;
        link_run(&l);
        CU_ASSERT(l.ended && !l.client_refused && !l.client_aborted && l.seen[1].code == 200 &&
                  str_is(buf_str(&l.seen[1].values), "42") == (l.seen[1].outcomes == 1));
        CU_ASSERT(l.seen[4].code == 200);
        link_finish(&l);
    }
}

TEST_MAIN("syncml.quirk", TEST_OF("S-507", the_server_finishes_the_session),
          TEST_OF("S-007 trap-03", session_ids_are_opaque), TEST(a_lost_session_costs_a_new_one_and_nothing_else))
