/* SPDX-License-Identifier: Apache-2.0 */
/* A sequence of messages into the server machine. Input: two bytes of settings, then messages with "%%%\n" between
 * them. */
#include "base/world.h"
#include "syncml/session/server.h"

#include <stdlib.h>
#include <string.h>

enum { BIG = 6000, ARENA = 32 << 20 };

static char big[BIG];

static struct sml_step children[3] = {
    { .kind = SML_ADD,
      .tag = 21,
      .uri = { "./A/1", 5 },
      .format = { "int", 3 },
      .data = { "1", 1 },
      .has_data = true,
      .next = &children[1] },
    { .kind = SML_ALERT, .tag = 22, .data = { "1101", 4 }, .next = &children[2] },
    { .kind = SML_DELETE, .tag = 23, .uri = { "./A/2", 5 } },
};

/* A few steps of every kind; `which` rotates them, so that different ones come first. */
static struct sml_step *offer(unsigned which, struct arena *a)
{
    const struct sml_step kinds[] = {
        { .kind = SML_GET, .tag = 1, .uri = { "./A?list=Struct", 15 } },
        { .kind = SML_ADD,
          .tag = 2,
          .uri = { "./B", 3 },
          .format = { "bin", 3 },
          .data = { "\0\xFF\x01", 3 },
          .has_data = true },
        { .kind = SML_REPLACE,
          .tag = 3,
          .uri = { "./C", 3 },
          .format = { "chr", 3 },
          .data = { big, BIG },
          .has_data = true },
        { .kind = SML_ATOMIC, .tag = 4, .children = children },
        { .kind = SML_EXEC, .tag = 5, .uri = { "./D", 3 }, .correlator = { "c", 1 } },
        { .kind = SML_COPY, .tag = 6, .uri = { "./E", 3 }, .source = { "./F", 3 } },
        { .kind = SML_RESULTS, .tag = 7 },
    };
    struct sml_step *first = NULL, **tail = &first;
    for (unsigned i = 0; i < 7; i++) {
        struct sml_step *p = ARENA_NEW(a, struct sml_step);
        if (!p) abort();
        *p = kinds[(i + which) % 7];
        *tail = p;
        tail = &p->next;
    }
    return first;
}

static bool one(struct sml_server *s, enum sml_type type, struct str in, const struct sml_account *acc, unsigned flags,
                unsigned turn, uint64_t *seed)
{
    struct arena a;
    struct sml_msg m = { 0 }, reply = { 0 }, again;
    struct sml_news news;
    struct sml_keep keep;
    struct buf out;
    struct world w = world_fixed(1900000000000, seed);
    struct sml_transport t = { .tls = flags & 2, .raw = in };
    size_t sent = 0;
    bool go_on = false;
    arena_init(&a, ARENA);
    buf_init(&out, 0);
    if (flags & 4) t.client_cert_subject = (struct str){ "x", 1 };
    if (sml_decode(type, in, &a, &m, NULL) == RC_OK && sml_server_take(s, &m, &t, acc, &w, &a, &news, NULL) == RC_OK) {
        struct sml_step *steps = offer(turn, &a);
        if (news.alerts && (flags & 8)) news.alerts->status = 415;
        if (sml_server_answer(s, steps, flags & 16, type, acc, &w, &a, &reply, &sent, &keep, NULL) == RC_OK) {
            if (sml_encode(type, &reply, &out, NULL) != RC_OK ||
                sml_decode(type, buf_str(&out), &a, &again, NULL) != RC_OK)
                abort(); /* what we say can be read */
            if (news.who != SML_WHO_KNOWN && (sent || news.outcomes || news.alerts || news.devinfo))
                abort();                             /* S-119 */
            if (sent && !news.package_done) abort(); /* S-206 */
            go_on = !sml_server_over(s);
        }
    }
    buf_finish(&out);
    arena_finish(&a);
    return go_on;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sml_server_config c = { .server_id = { "dm", 2 },
                                                .url = { "http://dm", 9 },
                                                .max_msg_bytes = 16384,
                                                .max_obj_bytes = 20000,
                                                .max_messages = 12,
                                                .max_auth_tries = 3,
                                                .allow_basic = true };
    struct sml_account acc = { .client_name = { "dev-0001", 8 },
                               .client_ha1 = { "R566Lkfl7IHi5Vi1m71Dqw==", 24 },
                               .client_nonce = { "client-nonce-001", 16 } };
    uint64_t seed = 7;
    if (size < 2) return 0;
    unsigned flags = data[0], which = data[1];
    memset(big, 'x', sizeof big);
    acc.auth = which & 64 ? SML_AUTH_MAC : which & 128 ? SML_AUTH_BASIC : SML_AUTH_MD5;
    acc.resync = flags & 128;
    if (flags & 32) {
        acc.server_name = (struct str){ "dm", 2 };
        acc.server_ha1 = (struct str){ "PtEdr8lBQ45IbT1bZIkrOQ==", 24 };
        acc.server_nonce = (struct str){ "server-nonce-001", 16 };
    }
    struct sml_server *s = sml_server_create(&c, (struct str){ "2F", 2 }, (struct str){ "IMEI:1", 6 }, c.url,
                                             (struct str){ "tok", 3 });
    if (!s) return 0;
    const char *p = (const char *)data + 2, *end = (const char *)data + size;
    for (unsigned turn = which & 7; p < end; turn++) {
        const char *q = p;
        while (end - q >= 4 && memcmp(q, "%%%\n", 4) != 0) q++;
        if (end - q < 4) q = end;
        if (!one(s, flags & 1 ? SML_WBXML : SML_XML, (struct str){ p, (size_t)(q - p) }, flags & 64 ? NULL : &acc,
                 flags, turn, &seed))
            break;
        if (sml_server_bytes(s) > 400000) abort();
        p = q < end ? q + 4 : end;
    }
    sml_server_destroy(s);
    return 0;
}
