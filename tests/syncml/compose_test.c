/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes: what is guessed is never too little, what is measured is exact, pieces are as long as they can be and never
 * cut a character. */
#include "base/world.h"
#include "syncml/compose.h"
#include "tests/lib/test.h"

#include <string.h>

static uint64_t state = 1;
static unsigned dice(unsigned n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % n;
}

static struct str text(struct arena *a, unsigned most)
{
    static const char *const piece[] = { "a", "&", "<", ">", "\r", "\n", "\xC3\xA4", "\"", "/", "]]>", "\t", "'" };
    char *p = arena_bytes(a, (size_t)most * 4 + 4);
    size_t n = 0;
    unsigned only = dice(24); /* half of them are of one character, some of those all escapes */
    for (unsigned i = dice(most + 1); i; i--) {
        const char *q = piece[only < 12 ? only : dice(12)];
        memcpy(p + n, q, strlen(q));
        n += strlen(q);
    }
    return (struct str){ p, n };
}

static struct str maybe(struct arena *a, unsigned most)
{
    return dice(2) ? text(a, most) : (struct str){ 0 };
}

static struct sml_meta meta(struct arena *a)
{
    struct sml_meta m = { .present = dice(2) };
    if (!m.present) return m;
    m.format = maybe(a, 4);
    m.type = maybe(a, 20);
    m.mark = maybe(a, 9);
    m.next_nonce = maybe(a, 24);
    m.has_size = dice(2);
    m.size = m.has_size ? UINT64_MAX : 0;
    m.has_max_msg = dice(4) == 0;
    m.has_max_obj = dice(4) == 0;
    m.max_msg_bytes = m.max_obj_bytes = 1u << dice(32);
    return m;
}

static struct sml_cmd *command(struct compose *b, unsigned depth)
{
    static const enum sml_cmd_kind kinds[] = { SML_STATUS,  SML_RESULTS, SML_ALERT,    SML_GET,   SML_ADD,
                                               SML_REPLACE, SML_EXEC,    SML_SEQUENCE, SML_ATOMIC };
    struct sml_cmd *c = compose_cmd(b, kinds[dice(9)]);
    c->msg_ref = maybe(b->a, 4);
    c->cmd_ref = maybe(b->a, 4);
    c->cmd = maybe(b->a, 10);
    c->data = maybe(b->a, 4);
    c->correlator = maybe(b->a, 30);
    c->meta = meta(b->a);
    c->chal.present = dice(2);
    if (c->chal.present) c->chal.meta = meta(b->a);
    c->cred.present = dice(4) == 0;
    if (c->cred.present) {
        c->cred.meta = meta(b->a);
        c->cred.data = text(b->a, 30);
    }
    for (unsigned i = dice(3); i; i--) {
        compose_ref(b, &c->target_refs, text(b->a, 60));
        compose_ref(b, &c->source_refs, text(b->a, 60));
    }
    struct sml_item **tail = &c->items;
    for (unsigned i = dice(4); i; i--) {
        struct sml_item *it = compose_item(b, &tail);
        it->target = maybe(b->a, 60);
        it->source = maybe(b->a, 60);
        it->target_name = maybe(b->a, 10);
        it->source_name = maybe(b->a, 10);
        it->meta = meta(b->a);
        it->has_data = dice(2);
        it->data = it->has_data ? text(b->a, 300) : (struct str){ 0 };
        it->more_data = dice(2);
    }
    struct sml_cmd **child = &c->children;
    if (depth && (c->kind == SML_SEQUENCE || c->kind == SML_ATOMIC))
        for (unsigned i = dice(4); i; i--, child = &(*child)->next) *child = command(b, depth - 1);
    return c;
}

static void guesses_are_never_too_little(void)
{
    for (unsigned i = 0; i < 4000; i++) {
        enum sml_type type = i & 1 ? SML_WBXML : SML_XML;
        struct arena a;
        struct sml_msg m = { .session_id = STR("1"), .msg_id = STR("1") };
        struct compose b;
        arena_init(&a, 4 << 20);
        compose_begin(&b, type, &a, &m, SML_MSG_BYTES);
        struct sml_cmd *c = command(&b, 1);
        size_t before = b.used, exact = sml_cmd_bytes(type, c);
        CU_ASSERT_FATAL(compose_add_surely(&b, c));
        CU_ASSERT(b.used >= before + exact);
        CU_ASSERT_EQUAL(compose_used(&b), before + exact);
        if (c->items) {
            struct sml_cmd bare = *c;
            b.exact = false;
            before = b.used;
            bare.items = NULL;
            struct sml_cmd one = bare;
            struct sml_item it = *c->items;
            it.next = NULL;
            one.items = &it;
            CU_ASSERT(compose_item_surely(&b, &it));
            CU_ASSERT(b.used >= before + sml_cmd_bytes(type, &one) - sml_cmd_bytes(type, &bare));
        }
        arena_finish(&a);
    }
}

/* S-303: what the sizes say is what the encoder writes */
static void measured_sizes_are_exact(void)
{
    for (unsigned i = 0; i < 1000; i++) {
        enum sml_type type = i & 1 ? SML_WBXML : SML_XML;
        struct arena a;
        struct sml_msg m = {
            .ver_dtd = STR("1.2"), .ver_proto = STR("DM/1.2"), .session_id = STR("1"), .msg_id = STR("1"), .final = true
        };
        struct compose b;
        struct buf out;
        arena_init(&a, 4 << 20);
        buf_init(&out, 0);
        compose_begin(&b, type, &a, &m, 2000 + dice(6000));
        unsigned n = 0;
        while (n < 60 && compose_add(&b, command(&b, 1))) n++;
        CU_ASSERT_EQUAL(sml_encode(type, &m, &out, NULL), RC_OK);
        CU_ASSERT_EQUAL(compose_used(&b), out.n);
        CU_ASSERT(out.n <= b.max);
        CU_ASSERT_EQUAL(b.n_cmds, n);
        buf_finish(&out);
        arena_finish(&a);
    }
}

static void pieces_fill_the_room_and_leave_characters_whole(void)
{
    for (unsigned i = 0; i < 2000; i++) {
        enum sml_type type = i & 1 ? SML_WBXML : SML_XML;
        struct arena a;
        struct sml_item it = { .target = STR("./A") };
        struct sml_cmd c = { .kind = SML_ADD, .name = STR("Add"), .cmd_id = STR("3"), .items = &it };
        arena_init(&a, 4 << 20);
        struct str whole = text(&a, 400);
        size_t room = sml_cmd_bytes(type, &c) + 30 + dice(300);
        size_t n = compose_piece(type, &c, whole, room);
        CU_ASSERT(sml_cmd_bytes(type, &c) <= room && it.data.n == n);
        CU_ASSERT_EQUAL(it.more_data, n < whole.n);
        CU_ASSERT(compose_is_xml_text(it.data));
        if (n < whole.n) { /* one character more would have been too much */
            it.data.n += str_utf8(str_slice(whole, n, whole.n));
            CU_ASSERT(sml_cmd_bytes(type, &c) > room);
        }
        arena_finish(&a);
    }
}

static void nonces_have_no_nul(void)
{
    uint64_t seed = 1;
    struct world w = world_fixed(0, &seed);
    uint8_t nonce[SML_NONCE_BYTES];
    for (unsigned i = 0; i < 2000; i++) {
        compose_nonce(&w, nonce);
        CU_ASSERT(memchr(nonce, 0, sizeof nonce) == NULL);
    }
}

TEST_MAIN("syncml.compose", TEST_OF("S-303", guesses_are_never_too_little), TEST_OF("S-219", measured_sizes_are_exact),
          TEST(pieces_fill_the_room_and_leave_characters_whole), TEST(nonces_have_no_nul))
