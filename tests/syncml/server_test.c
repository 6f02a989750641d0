/* SPDX-License-Identifier: Apache-2.0 */
/* The server machine alone, spoken to in XML text: every deviation of a client is a few lines of what it really
 * sends. */
#include "tests/syncml/server_fixture.h"

/* ---- setup ---- */

/* S-001 S-004 S-005 S-007 S-012 S-121 */
static void the_header_is_answered_first_and_in_kind(void)
{
    struct server_fixture d;
    open_desk(&d);
    step(&d, SML_GET, "./A");
    begin(&d);
    SAYS(&d, "<VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>2F</SessionID><MsgID>1</MsgID>");
    SAYS(&d, "<RespURI>https://dm.example.net/dm?s=tok</RespURI>");
    SAYS(&d, "<SyncBody><Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>"
             "<TargetRef>https://dm.example.net/dm</TargetRef><SourceRef>IMEI:1</SourceRef><Data>200</Data></Status>"
             "<Status><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Alert</Cmd><Data>200</Data></Status>"
             "<Status><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>2</CmdRef><Cmd>Replace</Cmd><Data>200</Data></Status>"
             "<Get><CmdID>4</CmdID><Item><Target><LocURI>./A</LocURI></Target></Item></Get><Final/></SyncBody>");
    say(&d, MSG("2", OK_HDR ST("1", "4", "Get", "404") "<Final/>"));
    SAYS(&d, "<MsgID>2</MsgID>");
    CU_ASSERT(d.over && d.final);
    SAYS(&d, "<Data>200</Data></Status><Final/></SyncBody>"); /* S-501: nothing else */
    say(&d, MSG("3", OK_HDR "<Final/>"));
    CU_ASSERT_EQUAL(d.rc, RC_INVALID);
    close_desk(&d);
}

/* S-006; protocol.md 1 and 19 */
static void versions_are_answered_in_kind_or_refused_with_a_list(void)
{
    static const struct {
        const char *dtd, *proto, *ns;
        int code;
    } row[] = {
        { "1.2", "DM/1.2", "SYNCML:SYNCML1.2", 200 },     { "1.2", "DM/1.3", "SYNCML:SYNCML1.2", 200 },
        { "1.1", "DM/1.1", "SYNCML:SYNCML1.1", 200 },     { "1.0", "DM/1.2", "SYNCML:SYNCML1.2", 505 },
        { "2.0", "DM/2.0", "SYNCML:SYNCML1.2", 505 },     { "1.2", "DM/2.0", "SYNCML:SYNCML1.2", 513 },
        { "1.2", "SyncML/1.2", "SYNCML:SYNCML1.2", 513 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct server_fixture d;
        char xml[2000], want[100];
        open_desk(&d);
        step(&d, SML_GET, "./A");
        snprintf(
            xml, sizeof xml,
            "<SyncML xmlns='%s'><SyncHdr><VerDTD>%s</VerDTD><VerProto>%s</VerProto><SessionID>aBc-long-session</SessionID>"
            "<MsgID>1</MsgID><Target><LocURI>x</LocURI></Target><Source><LocURI>IMEI:1</LocURI></Source></SyncHdr><SyncBody>" START
            "<Final/></SyncBody></SyncML>",
            row[i].ns, row[i].dtd, row[i].proto);
        say(&d, xml);
        CU_ASSERT_EQUAL(status_of(&d, "0"), row[i].code);
        if (row[i].code == 200) {
            snprintf(want, sizeof want, "<VerDTD>%s</VerDTD><VerProto>%s</VerProto>", row[i].dtd, row[i].proto);
            SAYS(&d, want);
            SAYS(&d, row[i].ns);
            SAYS(&d, "<Get>");
        } else {
            SAYS(
                &d,
                row[i].code == 505
                    ? "<Item><Data>1.2</Data></Item><Item><Data>1.1</Data></Item>"
                    : "<Item><Data>DM/1.2</Data></Item><Item><Data>DM/1.1</Data></Item><Item><Data>DM/1.3</Data></Item>");
            SAYS_NOT(&d, "<Get>");
            SAYS_NOT(&d, "<CmdRef>1</CmdRef>");
            CU_ASSERT(d.over && d.final && d.who == SML_WHO_UNKNOWN);
        }
        close_desk(&d);
    }
}

/* S-014 S-407 S-408 S-405: what a client may and may not say */
static void each_command_of_a_client_has_its_status(void)
{
    static const struct {
        const char *xml;
        int code;
    } row[] = {
        { "<Get><CmdID>7</CmdID><Item><Target><LocURI>./A</LocURI></Target></Item></Get>", 405 },
        { "<Add><CmdID>7</CmdID><Item><Target><LocURI>./A</LocURI></Target></Item></Add>", 405 },
        { "<Exec><CmdID>7</CmdID><Item><Target><LocURI>./A</LocURI></Target></Item></Exec>", 405 },
        { "<Put><CmdID>7</CmdID><Item/></Put>", 501 },
        { "<Sync><CmdID>7</CmdID></Sync>", 501 },
        { "<Frobnicate><CmdID>7</CmdID></Frobnicate>", 501 },
        { "<Atomic><CmdID>6</CmdID><Delete><CmdID>7</CmdID><Item/></Delete></Atomic>", 405 },
        { "<Alert><CmdID>7</CmdID><Data>1200</Data></Alert>", 200 },
        { "<Alert><CmdID>7</CmdID><Data>1222</Data></Alert>", 200 },
        { "<Alert><CmdID>7</CmdID><Data>1225</Data></Alert>", 200 },
        { "<Alert><CmdID>7</CmdID><Data>1100</Data><Item/><Item><Data>hi</Data></Item></Alert>", 406 },
        { "<Alert><CmdID>7</CmdID><Data>1104</Data></Alert>", 406 },
        { "<Alert><CmdID>7</CmdID><Data>1221</Data></Alert>", 406 },
        { "<Alert><CmdID>7</CmdID><Data>1227</Data></Alert>", 406 },
        { "<Alert><CmdID>7</CmdID></Alert>", 406 },
        { "<Alert><CmdID>7</CmdID><Data>1226</Data></Alert>", 412 },
        { "<Alert><CmdID>7</CmdID><Data>1226</Data><Item><Data>no type</Data></Item></Alert>", 412 },
        { "<Alert><CmdID>7</CmdID><Data>1226</Data><Correlator>c</Correlator><Item><Data>200</Data></Item></Alert>",
          200 },
        { "<Alert><CmdID>7</CmdID><Data>1226</Data><Item>" META("<Type>urn:x</Type>") "</Item></Alert>", 412 },
        { "<Alert><CmdID>7</CmdID><Data>1226</Data><Item>" META(
              "<Format>weird</Format><Type>urn:x</Type>") "<Data/></Item></Alert>",
          415 },
        { "<Alert><CmdID>7</CmdID><Data>1226</Data><Item>" META(
              "<Format>Chr</Format><Type>urn:x</Type>") "<Data/></Item></Alert>",
          200 },
        { "<Alert><CmdID>7</CmdID><Data>1226</Data><Item>" META("<Type>urn:x</Type>") "<Data>1</Data></Item></Alert>",
          200 },
        { "<Alert><CmdID>7</CmdID><Data>1224</Data></Alert>", 406 },
        { "<Alert><CmdID>7</CmdID><Data>1224</Data><Item>" META(
              "<Type>com.microsoft/MDM/LoginStatus</Type>") "<Data>user</Data></Item></Alert>",
          200 },
        { "<Replace><CmdID>7</CmdID></Replace>", 412 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct server_fixture d;
        char xml[3000];
        open_desk(&d);
        snprintf(xml, sizeof xml, MSG("1", START "%s<Final/>"), row[i].xml);
        say(&d, xml);
        CU_ASSERT_EQUAL(status_of(&d, "7"), row[i].code);
        if (status_of(&d, "7") != row[i].code) fprintf(stderr, "%s: %d\n", row[i].xml, status_of(&d, "7"));
        CU_ASSERT_EQUAL(d.who, SML_WHO_KNOWN);
        close_desk(&d);
    }
}

/* DevInfo belongs in package 1, which may be several messages; later a Replace is forbidden. A command without CmdID
 * is answered. */
static void replace_is_for_package_one(void)
{
    struct server_fixture d;
    open_desk(&d);
    say(&d, MSG("1", START)); /* no Final */
    SAYS(&d, "<Data>1222</Data>");
    CU_ASSERT(!d.final && !d.done);
    say(&d,
        MSG("2", OK_HDR
            "<Replace><CmdID>5</CmdID><Item><Source><LocURI>./DevInfo/Ext</LocURI></Source><Data>x</Data></Item></Replace><Final/>"));
    CU_ASSERT_EQUAL(status_of(&d, "5"), 200);
    close_desk(&d);
    open_desk(&d);
    step(&d, SML_GET, "./A");
    begin(&d);
    say(&d,
        MSG("2",
            OK_HDR ST(
                "1", "4", "Get",
                "200") "<Replace><CmdID>5</CmdID><Item><Source><LocURI>./X</LocURI></Source><Data>x</Data></Item></Replace>"
                       "<Delete><Item/></Delete><Final/>"));
    CU_ASSERT_EQUAL(status_of(&d, "5"), 405);
    SAYS(&d, "<Cmd>Delete</Cmd><Data>400</Data>");
    close_desk(&d);
}

/* ---- credentials ---- */

#define CRED(type, data) "<Cred>" META("<Format>b64</Format><Type>" type "</Type>") "<Data>" data "</Data></Cred>"

/* S-117 S-118 and what no client of ours would do */
static void credentials_that_change_their_mind_end_the_session(void)
{
    struct server_fixture d;
    open_desk(&d); /* answers an md5 challenge with basic */
    d.certificate = false;
    d.c.allow_basic = true;
    say(&d, MSG("1", START "<Final/>"));
    CU_ASSERT_EQUAL(status_of(&d, "0"), 407);
    CU_ASSERT(status_of(&d, "1") == 407 && status_of(&d, "2") == 407 && d.final && !d.over);
    SAYS(&d, "syncml:auth-md5");
    SAYS(&d, "NextNonce");
    say(&d, MSG_X("2", CRED("syncml:auth-basic", "ZGV2LTAwMDE6czNjcjN0LVBhNTU="), START "<Final/>"));
    CU_ASSERT(status_of(&d, "0") == 401 && d.over && d.aborted);
    SAYS_NOT(&d, "<Chal>");
    CU_ASSERT_STRING_EQUAL(d.refused, "another scheme than the challenge asked for");
    close_desk(&d);

    open_desk(&d); /* basic without TLS where it is demanded: md5 is asked for instead */
    d.certificate = d.tls = false;
    d.c.allow_basic = true;
    d.acc.auth = SML_AUTH_BASIC;
    say(&d, MSG_X("1", CRED("syncml:auth-basic", "ZGV2LTAwMDE6czNjcjN0LVBhNTU="), START "<Final/>"));
    CU_ASSERT_EQUAL(status_of(&d, "0"), 401);
    SAYS(&d, "syncml:auth-md5");
    close_desk(&d);

    open_desk(&d); /* in a laboratory it may; Cred without Meta is basic; name in any case */
    d.certificate = d.tls = false;
    d.c.allow_basic_plain = true;
    d.acc.auth = SML_AUTH_BASIC;
    say(&d, MSG_X("1", "<Cred><Data> ZGV2LTAwMDE6czNjcjN0LVBhNTU= </Data></Cred>", START "<Final/>"));
    CU_ASSERT_EQUAL(status_of(&d, "0"), 212);
    SAYS_NOT(&d, "<Chal>");
    close_desk(&d);

    open_desk(&d); /* a user of another name with the same password */
    d.certificate = false;
    d.c.allow_basic = true;
    d.acc.auth = SML_AUTH_BASIC;
    d.acc.client_name = STR("dev-0002");
    say(&d, MSG_X("1", CRED("syncml:auth-basic", "ZGV2LTAwMDE6czNjcjN0LVBhNTU="), START "<Final/>"));
    CU_ASSERT_EQUAL(status_of(&d, "0"), 401);
    SAYS(&d, "syncml:auth-basic");
    close_desk(&d);

    open_desk(&d); /* a scheme that nobody here knows, twice */
    d.certificate = false;
    for (int i = 0; i < 2; i++) {
        CU_ASSERT(!d.over);
        say(&d, MSG_X("1", CRED("syncml:auth-SHA256", "eA=="), START "<Final/>"));
        CU_ASSERT_EQUAL(status_of(&d, "0"), 401);
    }
    CU_ASSERT(d.over);
    close_desk(&d);

    open_desk(&d); /* never any credentials */
    d.certificate = false;
    for (int i = 0; i < 4; i++) {
        CU_ASSERT(!d.over);
        say(&d, MSG("1", START "<Final/>"));
        CU_ASSERT_EQUAL(status_of(&d, "0"), 407);
    }
    CU_ASSERT(d.over);
    close_desk(&d);
}

static void mac_of(struct server_fixture *d, const char *xml, struct str nonce, char mac[SML_DIGEST_BYTES + 1])
{
    sml_mac(str_of(ha1_client), nonce, str_of(xml), mac);
    d->hmac = (struct sml_hmac){ .present = true, .username = STR("dev-0001"), .mac = str_of(mac) };
}

/* S-117 */
static void a_message_without_its_mac_ends_the_session(void)
{
    const char *one = MSG("1", START "<Final/>");
    char mac[SML_DIGEST_BYTES + 1];
    for (int i = 0; i < 3; i++) {
        struct server_fixture d;
        open_desk(&d);
        d.certificate = false;
        d.acc.auth = SML_AUTH_MAC;
        d.acc.client_nonce = STR("nonce-nonce-1234");
        step(&d, SML_GET, "./A");
        mac_of(&d, one, d.acc.client_nonce, mac);
        say(&d, one);
        CU_ASSERT(status_of(&d, "0") == 200 && d.first && d.current_nonce);
        SAYS(&d, "syncml:auth-MAC");
        d.hmac.present = i > 0;
        if (i == 2) d.hmac.username = STR("dev-0002");
        say(&d, MSG("2", OK_HDR ST("1", "4", "Get", "200") "<Final/>"));
        CU_ASSERT(status_of(&d, "0") == 401 && d.over && d.who == SML_WHO_REFUSED);
        NEWS(&d, "");
        close_desk(&d);
    }
}

/* ---- answers ---- */

/* S-204 S-205 S-207 and protocol.md 20: traps 1, 2, 12, 13, 18, 22, 23 */
static void answers_are_found_however_they_come(void)
{
    static const struct {
        const char *what, *xml, *news;
    } row[] = {
        { "in order", ST("1", "4", "Get", "200") RES("1", "4", "./A", "a") ST("1", "5", "Exec", "202"),
          "#1=200 ./A[chr,text/plain]=a #2=202" },
        { "Results first, Statuses backwards",
          ST("1", "5", "Exec", "202") RES("1", "4", "./A", "a") ST("1", "4", "Get", "200"),
          "#1=200 ./A[chr,text/plain]=a #2=202" },
        { "two Results for one Get, one with two Items",
          RES("1", "4", "./A/1", "x") "<Results><CmdID>8</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef>" META(
              "<Format>Int</Format>") "<Item><Source><LocURI>./A/2</LocURI></Source><Data>2</Data></Item>"
                                      "<Item><Source><LocURI>./A/3</LocURI></Source>" META(
                                          "<Type>t/x</Type>") "<Data/></Item></Results>" ST("1", "4", "Get", "200"),
          "#1=200 ./A/1[chr,text/plain]=x ./A/2[int,text/plain]=2 ./A/3[int,t/x]= #2=0" },
        { "no MsgRef (22)", "<Status><CmdID>9</CmdID><CmdRef>4</CmdRef><Cmd>Get</Cmd><Data>404</Data></Status>",
          "#1=404 #2=0" },
        { "no refs, but the URI",
          "<Status><CmdID>9</CmdID><Cmd>Get</Cmd><Data>404</Data><TargetRef>./A</TargetRef></Status>", "#1=404 #2=0" },
        { "Results without refs",
          "<Results><CmdID>8</CmdID><Item><Source><LocURI>A</LocURI></Source><Data>v</Data></Item></Results>",
          "#1=200 A[chr,text/plain]=v #2=0" },
        { "Results for Exec (23)", ST("1", "5", "Exec", "200") RES("1", "5", "./B", "r"),
          "#1=0 #2=200 ./B[chr,text/plain]=r" },
        { "per Item, same CmdRef (12)", ST("1", "4", "Get", "200") ST("1", "4", "Get", "404"), "#1=404 #2=0" },
        { "in progress, then done", ST("1", "5", "Exec", "101") ST("1", "5", "Exec", "200"), "#1=0 #2=200" },
        { "only in progress", ST("1", "5", "Exec", "101"), "#1=0 #2=0" },
        { "MsgRef of no message of ours", ST("7", "4", "Get", "404"), "#1=404 #2=0" },
        { "a CmdRef that is none, though the URI is ours",
          "<Status><CmdID>9</CmdID><MsgRef>1</MsgRef><CmdRef>77</CmdRef><Cmd>Get</Cmd><TargetRef>./A</TargetRef><Data>404</Data></Status>",
          "#1=0 #2=0" },
        { "of another command", ST("1", "4", "Delete", "404"), "#1=0 #2=0" },
        { "a code that is none", ST("1", "4", "Get", "wat"), "#1=500 #2=0" },
        { "an unknown code", ST("1", "4", "Get", "299"), "#1=299 #2=0" },
        { "nothing (13)", "", "#1=0 #2=0" },
        { "Results without a Source",
          "<Results><CmdID>8</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Item><Data>v</Data></Item></Results>",
          "#1=200 [chr,text/plain]=v #2=0" },
        { "a NUL-ended property (18)",
          "<Results><CmdID>8</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Item><Source><LocURI>./A?prop=Format</LocURI>"
          "</Source><Data>chr</Data></Item></Results>",
          "#1=200 ./A?prop=Format[chr,text/plain]=chr #2=0" },
        { "CR LF around everything (24)",
          "<Status>\r\n<CmdID> 9 </CmdID><MsgRef>\r\n1</MsgRef><CmdRef> 4\n</CmdRef><Cmd> Get </Cmd><Data>\r\n404 </Data></Status>",
          "#1=404 #2=0" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct server_fixture d;
        char xml[4000];
        open_desk(&d);
        step(&d, SML_GET, "./A");
        step(&d, SML_EXEC, "./B");
        begin(&d);
        CU_ASSERT_EQUAL(d.sent, 2);
        snprintf(xml, sizeof xml, MSG("2", OK_HDR "%s<Final/>"), row[i].xml);
        say(&d, xml);
        NEWS(&d, row[i].news);
        CU_ASSERT(d.over);
        SAYS_NOT(&d, "<Cmd>Results</Cmd>"); /* S-207 */
        close_desk(&d);
    }
}

/* S-204 S-211 S-212 S-213 S-216: what a device may say of containers and interaction, taken as it says it */
static void every_status_of_a_container_finds_its_step(void)
{
    static const struct {
        const char *xml, *news;
    } row[] = {
        { ST("1", "4", "Atomic", "507") ST("1", "5", "Alert", "200") ST("1", "6", "Add", "216")
              ST("1", "7", "Add", "414"),
          "#1=507 #11=200 #12=216 #13=414" },
        { ST("1", "4", "Atomic", "507") ST("1", "5", "Alert", "304") ST("1", "6", "Add", "215")
              ST("1", "7", "Add", "215"),
          "#1=507 #11=304 #12=215 #13=215" },
        { ST("1", "4", "Atomic", "507") ST("1", "5", "Alert", "216") ST("1", "6", "Add", "516")
              ST("1", "7", "Add", "500"),
          "#1=507 #11=216 #12=516 #13=500" },
        { ST("1", "4", "Atomic", "517") ST("1", "5", "Alert", "408") ST("1", "6", "Add", "216")
              ST("1", "7", "Add", "215"),
          "#1=517 #11=408 #12=216 #13=215" },
        { ST("1", "4", "Atomic", "406"), "#1=406 #11=0 #12=0 #13=0" },
        { ST("1", "7", "Add", "200") ST("1", "6", "Add", "200") ST("1", "5", "Alert", "214"),
          "#1=0 #11=214 #12=200 #13=200" },
    };
    for (size_t i = 0; i < 2 * sizeof row / sizeof row[0]; i++) {
        struct server_fixture d;
        struct sml_item ask = { .data = STR("Really?"), .has_data = true }, options = { .next = &ask };
        struct sml_step in[3] = {
            { .kind = SML_ALERT, .tag = 11, .data = STR("1101"), .items = &options, .next = &in[1] },
            { .kind = SML_ADD, .tag = 12, .uri = STR("./A"), .next = &in[2] },
            { .kind = SML_ADD, .tag = 13, .uri = STR("./A") }
        };
        char xml[4000];
        open_desk(&d);
        step(&d, i & 1 ? SML_SEQUENCE : SML_ATOMIC, "")->children = in;
        begin(&d);
        SAYS(
            &d,
            "<Alert><CmdID>5</CmdID><Data>1101</Data><Item></Item><Item><Data>Really?</Data></Item></Alert><Add><CmdID>6</CmdID>");
        snprintf(xml, sizeof xml, MSG("2", OK_HDR "%s<Final/>"), row[i / 2].xml);
        for (char *p = i & 1 ? strstr(xml, "<Cmd>Atomic</Cmd>") : NULL; p; p = NULL) {
            char tail[3000];
            snprintf(tail, sizeof tail, "%s", p + 17);
            snprintf(p, sizeof xml - (size_t)(p - xml), "<Cmd>Sequence</Cmd>%s", tail);
        }
        say(&d, xml);
        NEWS(&d, row[i / 2].news);
        close_desk(&d);
    }
}

/* S-301 S-206: answers over three messages; no command in between, not even when offered */
static void answers_may_come_messages_later(void)
{
    struct server_fixture d;
    open_desk(&d);
    step(&d, SML_GET, "./A");
    step(&d, SML_GET, "./B");
    begin(&d);
    step(&d, SML_DELETE, "./C");
    say(&d, MSG("2", OK_HDR ST("1", "4", "Get", "200")));
    NEWS(&d, "#1=200");
    CU_ASSERT(!d.done && !d.final && d.sent == 0);
    SAYS(&d, "<Alert><CmdID>2</CmdID><Data>1222</Data></Alert></SyncBody>");
    say(&d, MSG("3", OK_HDR ST("2", "2", "Alert", "200") RES("1", "4", "./A", "a") ST("1", "5", "Get", "200")));
    NEWS(&d, "#1=200 ./A[chr,text/plain]=a #2=200");
    SAYS_NOT(&d, "<Delete>");
    say(&d, MSG("4", OK_HDR RES("1", "5", "./B", "b") "<Final/>"));
    NEWS(&d, "#2=200 ./B[chr,text/plain]=b");
    CU_ASSERT(d.done && d.sent == 1);
    SAYS(&d, "<Delete>");
    say(&d, MSG("5", OK_HDR ST("4", "2", "Delete", "200") "<Final/>"));
    NEWS(&d, "#1=200");
    CU_ASSERT(d.over);
    close_desk(&d);
    open_desk(&d); /* a Status for a message that is done with finds nothing in the next one */
    step(&d, SML_GET, "./A");
    begin(&d);
    step(&d, SML_GET, "./A");
    say(&d, MSG("2", OK_HDR "<Final/>"));
    NEWS(&d, "#1=0");
    say(&d, MSG("3", OK_HDR ST("1", "2", "Get", "404") "<Final/>"));
    NEWS(&d, "#1=0");
    close_desk(&d);
}

/* S-401 S-402: one Status when all Items agree, one for each when not */
static void several_alerts_in_one_command(void)
{
    for (int i = 0; i < 2; i++) {
        struct server_fixture d;
        open_desk(&d);
        d.alert_status[1] = i ? 415 : 0;
        say(&d,
            MSG("1", START
                "<Alert><CmdID>3</CmdID><Data>1226</Data><Correlator>j</Correlator>"
                "<Item><Source><LocURI>./V/1</LocURI></Source>" META(
                    "<Format>chr</Format><Type>Reversed-Domain-Name:org.x</Type><Mark>critical</Mark>") "<Data>a</Data></Item>"
                                                                                                        "<Item><Source><LocURI>./V/2</LocURI></Source>" META(
                                                                                                            "<Format>chr</Format><Type> Content-Type: text/plain</Type>") "<Data>b</Data></Item></Alert><Final/>"));
        NEWS(&d, "!1226 ./V/1 org.x critical a !1226 ./V/2 text/plain informational b");
        if (i) {
            SAYS(&d, "<CmdRef>3</CmdRef><Cmd>Alert</Cmd><SourceRef>./V/1</SourceRef><Data>200</Data></Status>");
            SAYS(&d, "<CmdRef>3</CmdRef><Cmd>Alert</Cmd><SourceRef>./V/2</SourceRef><Data>415</Data></Status>");
        } else {
            SAYS(&d, "<CmdRef>3</CmdRef><Cmd>Alert</Cmd><Data>200</Data></Status>");
        }
        close_desk(&d);
    }
}

/* ---- objects in pieces ---- */

#define PIECE(uri, size, data, more)                                                                                   \
    "<Results><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Item><Source><LocURI>" uri                          \
    "</LocURI></Source>" META("<Format>chr</Format>" size) "<Data>" data "</Data>" more "</Item></Results>"
#define SIZE(n) "<Size>" #n "</Size>"
#define MORE    "<MoreData/>"

/* S-306 S-307 S-309 */
static void objects_in_pieces_are_joined_or_refused(void)
{
    static const struct {
        const char *what, *first;
        int first_code;
        const char *second;
        int second_code;
        bool cut;
        const char *news;
    } row[] = {
        { "good", PIECE("./A", SIZE(8), "abcd", MORE), 213, PIECE("./A", "", "efgh", "") "<Final/>", 0, false,
          "#1=200 ./A[chr,text/plain]=abcdefgh" },
        { "Final in every message (15)", PIECE("./A", SIZE(8), "abcd", MORE) "<Final/>", 213,
          PIECE("./A", "", "efgh", "") "<Final/>", 0, false, "#1=200 ./A[chr,text/plain]=abcdefgh" },
        { "one with an alert in between", PIECE("./A", SIZE(8), "abcd", MORE), 213,
          "<Alert><CmdID>7</CmdID><Data>1222</Data></Alert>" PIECE("./A", "", "efgh", "") "<Final/>", 0, false,
          "#1=200 ./A[chr,text/plain]=abcdefgh" },
        { "too short", PIECE("./A", SIZE(8), "abcd", MORE), 213, PIECE("./A", "", "efg", "") "<Final/>", 424, false,
          "#1=424" },
        { "too long", PIECE("./A", SIZE(8), "abcd", MORE), 213, PIECE("./A", "", "efghi", "") "<Final/>", 424, false,
          "#1=424" },
        { "no Size", PIECE("./A", "", "abcd", MORE), 411, "<Final/>", 0, false, "" },
        { "over MaxObjSize", PIECE("./A", SIZE(101), "abcd", MORE), 413, "<Final/>", 0, false, "" },
        { "cut by another", PIECE("./A", SIZE(8), "abcd", MORE), 213, PIECE("./B", "", "b", "") "<Final/>", 0, true,
          "#1=426 ./B[chr,text/plain]=b" },
        { "cut by another object", PIECE("./A", SIZE(8), "abcd", MORE), 213, PIECE("./B", SIZE(4), "b", MORE), 213,
          true, "#1=426" },
        { "cut by the end", PIECE("./A", SIZE(8), "abcd", MORE), 213, "<Final/>", 0, true, "#1=426" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct server_fixture d;
        char xml[4000];
        open_desk(&d);
        step(&d, SML_GET, "./A");
        begin(&d);
        snprintf(xml, sizeof xml, MSG("2", OK_HDR ST("1", "4", "Get", "200") "%s"), row[i].first);
        say(&d, xml);
        CU_ASSERT_EQUAL(status_of(&d, "3"), row[i].first_code);
        CU_ASSERT(!d.done && !d.final);
        SAYS(&d, "<Data>1222</Data>");
        snprintf(xml, sizeof xml, MSG("3", OK_HDR "%s"), row[i].second);
        say(&d, xml);
        CU_ASSERT_EQUAL(status_of(&d, "3"), row[i].second_code);
        CU_ASSERT_EQUAL(says(&d, "<Data>1225</Data>"), row[i].cut);
        if (row[i].cut) SAYS(&d, "<Item><Source><LocURI>./A</LocURI></Source></Item></Alert>");
        if (strcmp(d.news, row[i].news) != 0) fprintf(stderr, "%s:", row[i].what);
        NEWS(&d, row[i].news);
        close_desk(&d);
    }
}

/* S-305 S-308: what the client may say to our pieces */
static void our_pieces_go_on_or_stop(void)
{
    static const struct {
        const char *said, *news;
        bool goes_on;
    } row[] = {
        { ST("1", "4", "Add", "213") "<Alert><CmdID>7</CmdID><Data>1222</Data></Alert>", "", true },
        { ST("1", "4", "Add", "213"), "", true },
        { "<Alert><CmdID>7</CmdID><Data>1222</Data></Alert>", "", true },
        { ST("1", "4", "Add", "200"), "", true },
        { ST("1", "4", "Add", "413"), "#1=413", false },
        { ST("1", "4", "Add", "426") "<Final/>", "#1=426", false },
        { "<Alert><CmdID>7</CmdID><Data>1225</Data></Alert>", "#1=426", false },
    };
    static char big[3000];
    memset(big, 'x', sizeof big);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct server_fixture d;
        char xml[4000];
        open_desk(&d);
        struct sml_step *p = step(&d, SML_ADD, "./A");
        p->data = (struct str){ big, sizeof big };
        p->has_data = true;
        p->format = STR("chr");
        say(&d, MSG_X("1", META("<MaxMsgSize>2000</MaxMsgSize>"), START "<Final/>"));
        CU_ASSERT(d.sent == 1 && !d.final);
        SAYS(&d, "<Size xmlns=\"syncml:metinf\">3000</Size>");
        SAYS(&d, "<MoreData/>");
        step(&d, SML_DELETE, "./B");
        snprintf(xml, sizeof xml, MSG("2", OK_HDR "%s"), row[i].said);
        say(&d, xml);
        NEWS(&d, row[i].news);
        CU_ASSERT_EQUAL(says(&d, "<Add>"), row[i].goes_on);
        CU_ASSERT_EQUAL(says(&d, "<Delete>"), !row[i].goes_on);
        CU_ASSERT_EQUAL(d.done, !row[i].goes_on);
        SAYS_NOT(&d, "<Size");
        close_desk(&d);
    }
}

/* ---- ends ---- */

/* S-406 */
static void an_abort_is_answered_and_that_is_all(void)
{
    struct server_fixture d;
    open_desk(&d);
    step(&d, SML_GET, "./A");
    begin(&d);
    step(&d, SML_GET, "./B");
    say(&d, MSG("2", OK_HDR ST("1", "4", "Get", "404") "<Alert><CmdID>3</CmdID><Data>1223</Data></Alert><Final/>"));
    NEWS(&d, "#1=404");
    CU_ASSERT(d.aborted && d.over && d.final && status_of(&d, "3") == 200);
    SAYS_NOT(&d, "<Get>");
    close_desk(&d);
}

/* S-302 S-502 S-506 */
static void the_server_can_stop(void)
{
    struct server_fixture d;
    open_desk(&d);
    step(&d, SML_GET, "./A");
    begin(&d);
    sml_server_stop(d.s);
    say(&d, MSG("2", OK_HDR));
    SAYS(&d, "<Data>1223</Data></Alert><Final/>");
    CU_ASSERT(d.aborted && d.over);
    NEWS(&d, "#1=0");
    close_desk(&d);
    open_desk(&d);
    d.c.max_messages = 3;
    step(&d, SML_GET, "./A");
    begin(&d);
    say(&d, MSG("2", OK_HDR));
    CU_ASSERT(!d.over);
    say(&d, MSG("3", OK_HDR));
    SAYS(&d, "<Data>1223</Data></Alert><Final/>");
    CU_ASSERT_STRING_EQUAL(d.refused, "the session has too many messages");
    close_desk(&d);
}

static void a_message_of_many_commands_is_too_much(void)
{
    struct server_fixture d;
    struct buf b;
    open_desk(&d);
    d.arena_bytes = 64 << 20;
    buf_init(&b, 0);
    buf_putz(&b, "<SyncML xmlns='SYNCML:SYNCML1.2'>" HDR("1", "") "<SyncBody>");
    for (int i = 0; i < 2100; i++) buf_printf(&b, "<Get><CmdID>%d</CmdID></Get>", i + 1);
    buf_putz(&b, "<Final/></SyncBody></SyncML>");
    say(&d, buf_z(&b));
    CU_ASSERT_EQUAL(d.rc, RC_LIMIT);
    buf_finish(&b);
    close_desk(&d);
}

/* Every allocation in the arena gets its turn to fail; nothing may crash or leak. */
static void survives_running_out_of_memory(void)
{
    for (size_t limit = 16, good = 0; good < 2; limit += 16) {
        struct server_fixture d;
        CU_ASSERT_FATAL(limit < (1 << 20));
        open_desk(&d);
        d.acc.server_name = STR("dm");
        d.acc.server_ha1 = str_of(ha1_server);
        d.acc.server_nonce = STR("nonce-nonce-1234");
        d.arena_bytes = limit;
        step(&d, SML_GET, "./A");
        struct sml_step *p = step(&d, SML_ADD, "./B");
        p->data = STR("\x01\x02");
        p->has_data = true;
        say(&d, MSG("1", START "<Alert><CmdID>3</CmdID><Data>1226</Data><Item>" META(
                             "<Type>t</Type>") "<Data>x</Data></Item></Alert><Final/>"));
        if (!d.rc)
            say(&d,
                MSG("2",
                    "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Chal>" META(
                        "<Format>b64</Format><Type>syncml:auth-md5</Type><NextNonce>ABEiM0RVZneImaq7zN3u/w==</NextNonce>") "</Chal><Data>401</Data></Status><Final/>"));
        CU_ASSERT(d.rc == RC_OK || d.rc == RC_NOMEM);
        good += d.rc == RC_OK;
        close_desk(&d);
    }
}

/* For what never gets a session: overload, nonsense in the header. */
static void a_refusal_is_a_whole_message(void)
{
    struct server_fixture d;
    struct arena a;
    struct sml_msg m = { .msg_id = STR("4"),
                         .session_id = STR("9"),
                         .source = STR("IMEI:1"),
                         .target = STR("x"),
                         .ver_dtd = STR("1.1"),
                         .ver_proto = STR("DM/1.1") };
    struct sml_msg reply;
    open_desk(&d);
    arena_init(&a, 1 << 16);
    CU_ASSERT_EQUAL(sml_server_refuse(&d.c, &m, 503, &a, &reply, NULL), RC_OK);
    CU_ASSERT_EQUAL(sml_encode(SML_XML, &reply, &d.reply, NULL), RC_OK);
    SAYS(&d, "<VerProto>DM/1.1</VerProto><SessionID>9</SessionID><MsgID>1</MsgID>");
    SAYS(
        &d,
        "<MsgRef>4</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><TargetRef>x</TargetRef><SourceRef>IMEI:1</SourceRef><Data>503</Data></Status><Final/>");
    arena_finish(&a);
    close_desk(&d);
}

TEST_MAIN("syncml.server", TEST_OF("S-001 S-004 S-005 S-007 S-012 S-501", the_header_is_answered_first_and_in_kind),
          TEST_OF("S-006", versions_are_answered_in_kind_or_refused_with_a_list),
          TEST_OF("S-014 S-402 S-405 S-407 S-408", each_command_of_a_client_has_its_status),
          TEST(replace_is_for_package_one), TEST_OF("S-118", credentials_that_change_their_mind_end_the_session),
          TEST_OF("S-117", a_message_without_its_mac_ends_the_session),
          TEST_OF("S-204 S-205 S-207 S-218", answers_are_found_however_they_come),
          TEST_OF("S-204 S-211 S-212 S-213 S-216", every_status_of_a_container_finds_its_step),
          TEST_OF("S-206 S-301", answers_may_come_messages_later),
          TEST_OF("S-401 S-402 S-403", several_alerts_in_one_command),
          TEST_OF("S-306 S-307", objects_in_pieces_are_joined_or_refused),
          TEST_OF("S-305 S-308", our_pieces_go_on_or_stop), TEST_OF("S-406", an_abort_is_answered_and_that_is_all),
          TEST_OF("S-302 S-502 S-506", the_server_can_stop), TEST_OF("S-506", a_message_of_many_commands_is_too_much),
          TEST(survives_running_out_of_memory), TEST(a_refusal_is_a_whole_message))
