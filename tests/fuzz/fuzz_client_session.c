/* SPDX-License-Identifier: Apache-2.0 */
/* A sequence of messages into the client machine. Input: two bytes of settings, then messages with "%%%\n" between
 * them. */
#include "base/world.h"
#include "syncml/session/client.h"

#include <stdlib.h>
#include <string.h>

enum { BIG = 6000, ARENA = 32 << 20 };

static char big[BIG];

static void execute(const struct sml_cmd *c, unsigned which, struct arena *a, struct sml_answer *out)
{
    size_t n = 0, i = 0;
    for (const struct sml_cmd *k = c->children; k; k = k->next) n++;
    out->code = which & 1 ? 200 : 404;
    if (n && which & 2) {
        out->children = ARENA_ARRAY(a, struct sml_answer, n);
        for (const struct sml_cmd *k = c->children; k && out->children; k = k->next)
            execute(k, which, a, &out->children[i++]);
    }
    if (c->kind != SML_GET) return;
    out->results = ARENA_ARRAY(a, struct sml_leaf, 3);
    if (!out->results) abort();
    out->n_results = 3;
    for (i = 0; i < 3; i++)
        out->results[i] = (struct sml_leaf){
            { "./A", 3 }, { "bin", i == 1 ? 3 : 0 }, { 0 }, { big, i == 2 ? BIG : 5 }, true
        };
}

static bool one(struct sml_client *s, enum sml_type type, struct str in, unsigned which, uint64_t *seed)
{
    struct arena a;
    struct sml_msg m = { 0 }, next, again;
    struct sml_client_news news;
    struct sml_client_keep keep;
    struct buf out;
    struct world w = world_fixed(1900000000000, seed);
    bool over = true;
    arena_init(&a, ARENA);
    buf_init(&out, 0);
    if (sml_decode(type, in, &a, &m, NULL) == RC_OK &&
        sml_client_take(s, &m, NULL, in, &w, &a, &news, &keep, NULL) == RC_OK && !news.over) {
        struct sml_answer *ans = ARENA_ARRAY(&a, struct sml_answer, news.n_cmds + 1);
        struct sml_alert_out alert = { .tag = 9, .code = 1226, .type = { "t", 1 }, .data = { big, 30 } };
        for (size_t i = 0; i < news.n_cmds && ans; i++) execute(&news.cmds[i], which + (unsigned)i, &a, &ans[i]);
        if (ans && sml_client_answer(s, ans, which & 4 ? &alert : NULL, &w, &a, &next, &over, &keep, NULL) == RC_OK &&
            !over) {
            if (sml_encode(type, &next, &out, NULL) != RC_OK ||
                sml_decode(type, buf_str(&out), &a, &again, NULL) != RC_OK)
                abort();
        } else {
            over = true;
        }
    }
    buf_finish(&out);
    arena_finish(&a);
    return !over;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sml_leaf info[] = { { { "./DevInfo/DevId", 15 }, { 0 }, { 0 }, { "IMEI:1", 6 }, true } };
    uint64_t seed = 7;
    struct arena a;
    struct sml_msg m;
    if (size < 2) return 0;
    unsigned flags = data[0], which = data[1];
    memset(big, 'x', sizeof big);
    big[3] = '<';
    struct sml_client_config c = { .device_id = { "IMEI:1", 6 },
                                   .max_msg_bytes = 5000,
                                   .max_obj_bytes = 20000,
                                   .type = flags & 1 ? SML_WBXML : SML_XML,
                                   .max_messages = 12 };
    struct sml_client_account acc = { .url = { "http://dm", 9 },
                                      .client_name = { "dev-0001", 8 },
                                      .client_ha1 = { "R566Lkfl7IHi5Vi1m71Dqw==", 24 },
                                      .client_password = { "pw", flags & 2 ? 2 : 0 },
                                      .server_name = { "dm", 2 },
                                      .server_ha1 = { "PtEdr8lBQ45IbT1bZIkrOQ==", 24 },
                                      .client_nonce = { "client-nonce-001", 16 },
                                      .pref = (enum sml_auth)(which >> 6),
                                      .server_by_tls = !(flags & 4) };
    struct sml_client *s = sml_client_create(&c, &acc, (struct str){ "2F", 2 });
    if (!s) return 0;
    struct world w = world_fixed(1900000000000, &seed);
    arena_init(&a, 1 << 20);
    if (sml_client_first(s, 1201, info, 1, NULL, &w, &a, &m, NULL) != RC_OK) abort();
    arena_finish(&a);
    const char *p = (const char *)data + 2, *end = (const char *)data + size;
    while (p < end) {
        const char *q = p;
        while (end - q >= 4 && memcmp(q, "%%%\n", 4) != 0) q++;
        if (end - q < 4) q = end;
        if (!one(s, c.type, (struct str){ p, (size_t)(q - p) }, which, &seed)) break;
        p = q < end ? q + 4 : end;
    }
    sml_client_destroy(s);
    return 0;
}
