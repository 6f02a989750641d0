/* SPDX-License-Identifier: Apache-2.0 */
/* The interoperability traps (protocol.md 20), one test for each: the reference client with the quirk switched
 * on, as a change to its messages on their way, or in the octets such a client really sends. The server finishes the
 * session or fails it cleanly. */
#include "tests/syncml/server_fixture.h"
#include "tests/syncml/session_lib.h"

/* ---- a whole session with a quirk ---- */

typedef void (*quirk)(struct sml_msg *m, struct arena *a);
static quirk client_does, server_is_seen;

static bool bend(struct link *l, bool from_server, struct sml_msg *m, struct arena *a)
{
    (void)l;
    if (from_server && server_is_seen) server_is_seen(m, a);
    if (!from_server && client_does) client_does(m, a);
    return true;
}

static struct sml_cmd *header_status(struct sml_msg *m)
{
    for (struct sml_cmd *c = m->cmds; c; c = c->next)
        if (c->kind == SML_STATUS && str_is(c->cmd, "SyncHdr")) return c;
    return NULL;
}

/* Reads, writes, a container, an operation; in small messages too. */
static void begin_bent(struct link *l, unsigned round, quirk client)
{
    static struct sml_step atomic[2], sequence;
    static char big[3000];
    memset(big, 'b', sizeof big);
    link_init(l, round & 1 ? SML_WBXML : SML_XML);
    link_share_nonces(l);
    client_does = client;
    server_is_seen = NULL;
    l->hook = bend;
    link_set(l, STR("./V"), STR("int"), STR("42"));
    link_step(l, SML_GET, "./V");
    atomic[0] = (struct sml_step){ .kind = SML_ADD,
                                   .tag = 50,
                                   .uri = STR("./A/1"),
                                   .format = STR("chr"),
                                   .data = STR("a"),
                                   .has_data = true,
                                   .next = &atomic[1] };
    atomic[1] = (struct sml_step){
        .kind = SML_ADD, .tag = 51, .uri = STR("./A/2"), .format = STR("chr"), .data = STR("b"), .has_data = true
    };
    sequence = (struct sml_step){
        .kind = SML_ADD, .tag = 52, .uri = STR("./A/3"), .format = STR("chr"), .data = STR("c"), .has_data = true
    };
    link_step(l, SML_ATOMIC, "")->children = atomic;
    link_step(l, SML_SEQUENCE, "")->children = &sequence;
    link_step(l, SML_EXEC, "./Go")->correlator = STR("job");
    if (round & 2) l->sc.max_msg_bytes = 2000;
    link_write(l, SML_ADD, "./Big", "chr", (struct str){ big, round & 2 ? sizeof big : 20 });
    link_step(l, SML_GET, "./Big");
}

static bool all_well(struct link *l)
{
    static const int want[] = { 0, 200, 200, 200, 202, 200, 200 };
    bool ok = l->ended && !l->aborted && !l->client_aborted && l->posts < 40 &&
              str_is(buf_str(&l->seen[1].values), "42");
    for (size_t i = 1; i < sizeof want / sizeof want[0]; i++) ok &= l->seen[i].code == want[i];
    for (size_t i = 50; i < 53; i++) ok &= l->seen[i].code == 200;
    if (!ok) {
        fprintf(stderr, "\nended %d aborted %d posts %u:", l->ended, l->aborted, l->posts);
        for (size_t i = 1; i < 7; i++) fprintf(stderr, " %d", l->seen[i].code);
        fprintf(stderr, " | %d %d %d %s\n", l->seen[50].code, l->seen[51].code, l->seen[52].code, l->refused);
    }
    return ok;
}

static void everything_gets_done(quirk client)
{
    for (unsigned round = 0; round < 4; round++) {
        struct link l;
        begin_bent(&l, round, client);
        link_run(&l);
        CU_ASSERT(all_well(&l));
        link_finish(&l);
    }
}

/* ---- one message of such a client ---- */

/* The server has sent Get ./A (CmdID 4) and Exec ./B (CmdID 5); the client says this. */
static void hears(const char *said, const char *news)
{
    struct server_fixture d;
    char xml[6000];
    open_desk(&d);
    step(&d, SML_GET, "./A");
    step(&d, SML_EXEC, "./B");
    begin(&d);
    snprintf(xml, sizeof xml, MSG("2", "%s<Final/>"), said);
    say(&d, xml);
    NEWS(&d, news);
    CU_ASSERT(d.over && d.final && !d.aborted);
    close_desk(&d);
}

static void package_one_is_taken(const char *xml)
{
    struct server_fixture d;
    open_desk(&d);
    step(&d, SML_GET, "./A");
    say(&d, xml);
    CU_ASSERT(d.rc == RC_OK && d.first && d.done);
    SAYS(&d, "<Get>");
    NEWS(&d, "");
    say(&d, MSG("2", OK_HDR ST("1", "4", "Get", "404") "<Final/>"));
    NEWS(&d, "#1=404");
    CU_ASSERT(d.over && !d.aborted);
    close_desk(&d);
}

/* ---- the traps ---- */

static void trap_01_children_in_any_order(void)
{
    hears(
        OK_HDR
        "<Status><Data>404</Data><TargetRef>./A</TargetRef><Cmd>Get</Cmd><CmdRef>4</CmdRef><MsgRef>1</MsgRef><CmdID>9</CmdID></Status>"
        "<Status><Cmd>Exec</Cmd><Data>202</Data><CmdRef>5</CmdRef><CmdID>10</CmdID><MsgRef>1</MsgRef></Status>",
        "#1=404 #2=202");
    hears(
        OK_HDR ST("1", "4", "Get", "404") ST("1", "5", "Exec", "200") "<Alert><Item><Data>1200</Data>" META(
            "<Type>urn:x</Type><Format>int</Format>") "<Source><LocURI>./B</LocURI></Source></Item>"
                                                      "<Correlator>j</Correlator><Data>1226</Data><CmdID>11</CmdID></Alert>",
        "#1=404 #2=200 !1226 ./B urn:x informational 1200");
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

static void trap_02_header_status_without_cmd_ref_or_always_212(void)
{
    everything_gets_done(no_cmd_ref);
    everything_gets_done(always_212);
}

static void trap_03_the_same_session_id_for_ever(void)
{
    struct link l;
    begin_bent(&l, 0, NULL);
    l.session_id = "1";
    for (int i = 0; i < 3; i++) {
        link_run(&l);
        CU_ASSERT(l.ended && !l.client_refused && l.first_seen);
        l.first_seen = false;
    }
    link_finish(&l);
}

static void trap_04_session_id_long_or_in_lower_case(void)
{
    static const char *const id[] = { "2f", "0000002f", "a1b2c3d4e5f60718293a4b5c6d7e8f90-and-more", "session one" };
    for (size_t i = 0; i < sizeof id / sizeof id[0]; i++) {
        struct link l;
        begin_bent(&l, (unsigned)i, NULL);
        l.session_id = id[i];
        link_run(&l);
        CU_ASSERT(all_well(&l));
        link_finish(&l);
    }
}

static void no_next_nonce(struct sml_msg *m, struct arena *a)
{
    (void)a;
    for (struct sml_cmd *c = m->cmds; c; c = c->next) {
        c->chal.meta.next_nonce = STR("");
        c->meta.next_nonce = STR("");
    }
}

static void trap_07_a_client_that_gives_no_nonce(void)
{
    struct link l;
    begin_bent(&l, 0, no_next_nonce);
    for (int i = 0; i < 3; i++) {
        link_run(&l);
        CU_ASSERT(l.ended && !l.client_aborted && !l.client_refused);
        CU_ASSERT(
            str_is((struct str){ l.row.server_nonce, l.row.n_server }, "server-nonce-001")); /* absent = unchanged */
    }
    link_finish(&l);
}

static void no_loc_name(struct sml_msg *m, struct arena *a)
{
    (void)a;
    m->source_name = m->target_name = STR("");
}

static void trap_08_no_loc_name(void)
{
    everything_gets_done(no_loc_name);
}

static void trap_10_formats_and_types_as_people_write_them(void)
{
    hears(
        OK_HDR ST("1", "4", "Get", "200") "<Results><CmdID>8</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Item><Source><LocURI>./A</LocURI></Source>" META("<Format> Chr </Format><Type> text/plain</Type>") "<Data>x</Data></Item></Results>" ST(
            "1", "5", "Exec",
            "200") "<Alert><CmdID>12</CmdID><Data>1226</Data><Item>" META("<Format>INT</Format><Type>Reversed-Domain-Name: org.x</Type>") "<Data>1</Data></Item></Alert>"
                                                                                                                                          "<Alert><CmdID>13</CmdID><Data>1226</Data><Item>" META(
                                                                                                                                              "<Format>Int</Format><Type> Reversed-Domain-Name:org.y</Type>") "<Data>2</Data></Item></Alert>",
        "#1=200 ./A[chr,text/plain]=x #2=200 !1226  org.x informational 1 !1226  org.y informational 2");
}

static void first_item_only(struct sml_msg *m, struct arena *a)
{
    (void)a;
    for (struct sml_cmd *c = m->cmds; c; c = c->next)
        if (c->kind != SML_ALERT) CU_ASSERT(!c->items || !c->items->next);
}

static void trap_11_one_item_for_each_command(void)
{
    for (unsigned round = 0; round < 4; round++) {
        struct link l;
        begin_bent(&l, round, NULL);
        server_is_seen = first_item_only; /* what a client reads that knows one Item only is all there is */
        link_run(&l);
        CU_ASSERT(all_well(&l));
        link_finish(&l);
    }
}

static void trap_12_one_status_for_all_items_or_one_for_each(void)
{
    hears(OK_HDR ST("1", "4", "Get", "200") ST("1", "4", "Get", "404") ST("1", "5", "Exec", "200"), "#1=404 #2=200");
    hears(OK_HDR ST("1", "4", "Get", "200") ST("1", "4", "Get", "200") ST("1", "5", "Exec", "200"), "#1=200 #2=200");
}

static bool of(const struct sml_cmd *c, const char *cmd)
{
    return c->kind == SML_STATUS && str_is(c->cmd, cmd);
}

static void no_atomic_status(struct sml_msg *m, struct arena *a)
{
    (void)a;
    for (struct sml_cmd **at = &m->cmds; *at;)
        if (of(*at, "Atomic"))
            *at = (*at)->next;
        else
            at = &(*at)->next;
}

static void sequence_status_last(struct sml_msg *m, struct arena *a)
{
    (void)a;
    for (struct sml_cmd **at = &m->cmds; *at; at = &(*at)->next)
        if (of(*at, "Sequence")) {
            struct sml_cmd *c = *at, **end = at;
            *at = c->next;
            while (*end) end = &(*end)->next;
            *end = c;
            c->next = NULL;
            return;
        }
}

static void trap_13_containers_answered_late_or_not_at_all(void)
{
    struct link l;
    everything_gets_done(sequence_status_last);
    begin_bent(&l, 0, no_atomic_status);
    link_run(&l);
    CU_ASSERT(l.ended && !l.aborted && l.seen[2].code == 0 && l.seen[50].code == 200 && l.seen[51].code == 200 &&
              l.seen[3].code == 200);
    link_finish(&l);
    struct server_fixture d; /* a rejected container whose children stay unanswered */
    struct sml_step in = { .kind = SML_ADD, .tag = 12, .uri = STR("./A") };
    open_desk(&d);
    step(&d, SML_ATOMIC, "")->children = &in;
    begin(&d);
    say(&d, MSG("2", OK_HDR ST("1", "4", "Atomic", "406") "<Final/>"));
    NEWS(&d, "#1=406 #12=0");
    CU_ASSERT(d.over);
    close_desk(&d);
}

static unsigned without_final;
static void quits_without_final(struct sml_msg *m, struct arena *a)
{
    (void)a;
    without_final += !m->final;
}

static void trap_14_a_client_that_needs_final_every_time(void)
{
    for (unsigned round = 0; round < 2; round++) {
        struct link l;
        begin_bent(&l, round, NULL);
        l.large_objects = false; /* DevDetail/LrgObj of such a client */
        server_is_seen = quits_without_final;
        without_final = 0;
        link_run(&l);
        CU_ASSERT(all_well(&l));
        CU_ASSERT_EQUAL(without_final, 0);
        link_finish(&l);
    }
}

static void final_always(struct sml_msg *m, struct arena *a)
{
    (void)a;
    m->final = true;
}

static void trap_15_final_in_every_message(void)
{
    for (unsigned round = 0; round < 2; round++) {
        struct link l;
        begin_bent(&l, round, final_always);
        link_run(&l);
        CU_ASSERT(all_well(&l));
        link_finish(&l);
    }
}

static void trap_17_properties_that_are_not_there(void)
{
    struct server_fixture d;
    static const char *const prop[] = { "./A?prop=Title", "./A?prop=TStamp", "./A?prop=VerNo", "./A?prop=Size" };
    open_desk(&d);
    for (size_t i = 0; i < 4; i++) step(&d, SML_GET, prop[i]);
    begin(&d);
    say(&d, MSG("2", OK_HDR ST("1", "4", "Get", "406") ST("1", "5", "Get", "406") ST("1", "6", "Get", "405")
                         ST("1", "7", "Get", "406") "<Final/>"));
    NEWS(&d, "#1=406 #2=406 #3=405 #4=406");
    CU_ASSERT(d.over && !d.aborted);
    close_desk(&d);
}

static void nul_behind_properties(struct sml_msg *m, struct arena *a)
{
    for (struct sml_cmd *c = m->cmds; c; c = c->next)
        if (c->kind == SML_RESULTS && c->items && str_ends(c->items->source, STR("?prop=Format")))
            c->items->data = arena_printf(a, "%.*s%c", STR_ARG(c->items->data), 0);
}

static void trap_18_a_nul_behind_a_property(void)
{
    struct link l;
    begin_bent(&l, 1, nul_behind_properties); /* WBXML: XML cannot hold one */
    link_set(&l, STR("./V?prop=Format"), STR("chr"), STR("int"));
    link_step(&l, SML_GET, "./V?prop=Format");
    link_run(&l);
    CU_ASSERT(all_well(&l) && str_is(buf_str(&l.seen[7].values), "int"));
    link_finish(&l);
}

static void any_target(struct sml_msg *m, struct arena *a)
{
    (void)a;
    m->target = STR("https://dm.example.net/dm?s=9b0c41f2");
    m->target_name = STR("whoever");
}

static void swapped(struct sml_msg *m, struct arena *a)
{
    (void)a;
    m->target = m->source;
}

static void trap_21_target_is_whatever_it_likes(void)
{
    everything_gets_done(any_target);
    everything_gets_done(swapped);
}

static void no_msg_ref(struct sml_msg *m, struct arena *a)
{
    (void)a;
    for (struct sml_cmd *c = m->cmds; c; c = c->next) c->msg_ref = STR("");
}

static void trap_22_no_msg_ref(void)
{
    everything_gets_done(no_msg_ref);
}

static void trap_23_results_for_an_exec(void)
{
    hears(OK_HDR ST("1", "4", "Get", "404") ST("1", "5", "Exec", "200") RES("1", "5", "./B", "r"),
          "#1=404 #2=200 ./B[chr,text/plain]=r");
}

static void trap_24_white_space_around_everything_but_data(void)
{
    hears(
        "\r\n " OK_HDR
        "\r\n<Status>\r\n <CmdID> 9 </CmdID><MsgRef>\r\n1</MsgRef><CmdRef>\t4\r\n</CmdRef><Cmd> Get </Cmd><Data>\r\n200 </Data></Status>"
        "<Results> <CmdID>8</CmdID><MsgRef> 1</MsgRef><CmdRef>4</CmdRef><Item><Source>\n<LocURI> ./A\r\n</LocURI></Source><Data> kept </Data></Item></Results>" ST(
            "1", "5", "Exec", "200"),
        "#1=200 ./A[chr,text/plain]= kept  #2=200");
}

static void trap_25_prefixes_or_no_namespaces(void)
{
    package_one_is_taken(
        "<SyncML>" HDR("1", "<Meta><MaxMsgSize>5000</MaxMsgSize></Meta>") "<SyncBody>" START
                                                                          "<Final/></SyncBody></SyncML>");
    package_one_is_taken(
        "<s:SyncML xmlns:s='SYNCML:SYNCML1.2' xmlns:a='syncml:metinf'><s:SyncHdr><s:VerDTD>1.2</s:VerDTD><s:VerProto>DM/1.2</s:VerProto>"
        "<s:SessionID>2F</s:SessionID><s:MsgID>1</s:MsgID><s:Target><s:LocURI>x</s:LocURI></s:Target><s:Source><s:LocURI>IMEI:1</s:LocURI></s:Source>"
        "<s:Meta><a:MaxMsgSize>5000</a:MaxMsgSize></s:Meta></s:SyncHdr><s:SyncBody><s:Alert><s:CmdID>1</s:CmdID><s:Data>1201</s:Data></s:Alert>"
        "<s:Replace><s:CmdID>2</s:CmdID><s:Item><s:Source><s:LocURI>./DevInfo/DevId</s:LocURI></s:Source><s:Meta><a:Format>chr</a:Format></s:Meta>"
        "<s:Data>IMEI:1</s:Data></s:Item></s:Replace><s:Final/></s:SyncBody></s:SyncML>");
}

static void trap_26_root_namespace_of_other_days(void)
{
    static const char *const ns[] = { "SYNCML:SYNCML1.1", "syncml:syncml1.1", "syncml:syncml1.2", "SYNCML:SYNCML1.2" };
    for (size_t i = 0; i < sizeof ns / sizeof ns[0]; i++) {
        char xml[3000];
        snprintf(xml, sizeof xml, "<SyncML xmlns='%s'>" HDR("1", "") "<SyncBody>" START "<Final/></SyncBody></SyncML>",
                 ns[i]);
        package_one_is_taken(xml);
    }
}

static void trap_27_bom_and_doctype(void)
{
    package_one_is_taken(
        "\xEF\xBB\xBF<?xml version='1.0' encoding='UTF-8'?>\r\n"
        "<!DOCTYPE SyncML PUBLIC '-//SYNCML//DTD SyncML 1.2//EN' 'http://127.0.0.1:1/no-such.dtd'>\r\n" MSG(
            "1", START "<Final/>") "\r\n");
}

static void interaction_refused(struct sml_msg *m, struct arena *a)
{
    (void)a;
    for (struct sml_cmd *c = m->cmds; c; c = c->next)
        if (of(c, "Alert") && !str_is(c->cmd_ref, "0")) c->data = STR("406");
}

static void trap_30_nobody_to_ask(void)
{
    struct link l;
    struct sml_item ask = { .data = STR("Really?"), .has_data = true }, options = { .next = &ask };
    begin_bent(&l, 0, interaction_refused);
    struct sml_step *p = link_step(&l, SML_ALERT, "");
    p->data = STR("1101");
    p->items = &options;
    link_run(&l);
    CU_ASSERT(all_well(&l) && l.seen[7].code == 406);
    link_finish(&l);
}

/* The deviations of Windows' own client, below the table. */
static void what_windows_says_is_taken(void)
{
    struct server_fixture d;
    open_desk(&d);
    step(&d, SML_GET, "./A");
    say(&d,
        MSG("1", START
            "<Alert><CmdID>3</CmdID><Data>1224</Data><Item><Meta><Type xmlns=\"syncml:metinf\">com.microsoft/MDM/LoginStatus</Type></Meta><Data>user</Data></Item></Alert>"
            "<Alert><CmdID>4</CmdID><Data>1224</Data><Item><Meta><Type>com.microsoft/MDM/AADUserToken</Type></Meta><Data>x</Data></Item></Alert>"
            "<Alert><CmdID>5</CmdID><Data>1226</Data><Item><Meta><Type xmlns=\"syncml:metinf\">com.microsoft:mdm.unenrollment.userrequest</Type>"
            "<Format xmlns=\"syncml:metinf\">int</Format></Meta><Data>1</Data></Item></Alert><Final/>"));
    CU_ASSERT(status_of(&d, "3") == 200 && status_of(&d, "4") == 200 && status_of(&d, "5") == 200 && d.first);
    say(&d,
        MSG("2", OK_HDR
            "<Status><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>7</CmdRef><Cmd>Get</Cmd><Data>200</Data></Status>"
            "<Results><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>7</CmdRef><Cmd>Get</Cmd><Item><Source><LocURI>./A</LocURI></Source>"
            "<Data xmlns:msft=\"http://schemas.microsoft.com/MobileDevice/MDM\" msft:originalerror=\"0x0\">v</Data></Item></Results><Final/>"));
    NEWS(&d, "#1=200 ./A[chr,text/plain]=v");
    CU_ASSERT(d.over && !d.aborted);
    close_desk(&d);
}

TEST_MAIN("conformance.trap", TEST(trap_01_children_in_any_order),
          TEST(trap_02_header_status_without_cmd_ref_or_always_212), TEST(trap_03_the_same_session_id_for_ever),
          TEST(trap_04_session_id_long_or_in_lower_case), TEST(trap_07_a_client_that_gives_no_nonce),
          TEST(trap_08_no_loc_name), TEST(trap_10_formats_and_types_as_people_write_them),
          TEST(trap_11_one_item_for_each_command), TEST(trap_12_one_status_for_all_items_or_one_for_each),
          TEST(trap_13_containers_answered_late_or_not_at_all), TEST(trap_14_a_client_that_needs_final_every_time),
          TEST(trap_15_final_in_every_message), TEST(trap_17_properties_that_are_not_there),
          TEST(trap_18_a_nul_behind_a_property), TEST(trap_21_target_is_whatever_it_likes), TEST(trap_22_no_msg_ref),
          TEST(trap_23_results_for_an_exec), TEST(trap_24_white_space_around_everything_but_data),
          TEST(trap_25_prefixes_or_no_namespaces), TEST(trap_26_root_namespace_of_other_days),
          TEST(trap_27_bom_and_doctype), TEST(trap_30_nobody_to_ask), TEST(what_windows_says_is_taken))
