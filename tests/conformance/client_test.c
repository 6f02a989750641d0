/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the checklist about the client machine. */
#include "tests/syncml/session_lib.h"

static bool says_what_it_may(struct link *l, bool from_server, struct sml_msg *m, struct arena *a)
{
    (void)l, (void)a;
    for (const struct sml_cmd *c = m->cmds; c && !from_server; c = c->next) {
        bool devinfo = c->kind == SML_REPLACE && c->items && str_starts(c->items->source, STR("./DevInfo/"));
        CU_ASSERT(c->kind == SML_ALERT || c->kind == SML_STATUS || c->kind == SML_RESULTS || devinfo);
        CU_ASSERT(!c->cred.present);
    }
    return true;
}

static void c_007_a_client_says_four_things_only(void)
{
    static const enum sml_type both[] = { SML_XML, SML_WBXML };
    static char big[9000];
    memset(big, 'b', sizeof big);
    for (size_t t = 0; t < 2; t++) {
        struct link l;
        struct sml_alert_out alert = { .tag = 7, .code = 1226, .type = STR("x"), .data = STR("1") };
        link_init(&l, both[t]);
        l.hook = says_what_it_may;
        l.alerts = &alert;
        l.sc.max_msg_bytes = 1500;
        link_write(&l, SML_ADD, "./A/1", "chr", (struct str){ big, sizeof big });
        link_step(&l, SML_GET, "./A/1");
        link_step(&l, SML_EXEC, "./A/Go");
        link_step(&l, SML_DELETE, "./A/1");
        link_run(&l);
        CU_ASSERT(l.ended && l.posts > 5 && l.seen[2].code == 200);
        link_finish(&l);
    }
}

TEST_MAIN("conformance.client", TEST(c_007_a_client_says_four_things_only))
