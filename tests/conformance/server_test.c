/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the conformance checklist that no test of a folder proves by itself: the server machine, spoken to in XML. */
#include "tests/syncml/server_fixture.h"

#define CRED(data)           "<Cred>" META("<Format>b64</Format><Type>syncml:auth-md5</Type>") "<Data>" data "</Data></Cred>"
#define DEVINFO(leaf, value) "<Item><Source><LocURI>./DevInfo/" leaf "</LocURI></Source><Data>" value "</Data></Item>"

static void s_003_devinfo_comes_in_any_order(void)
{
    static const char *const items[] = {
        DEVINFO("DevId", "IMEI:1") DEVINFO("Man", "Acme") DEVINFO("Mod", "X") DEVINFO("DmV", "1.2")
            DEVINFO("Lang", "en"),
        DEVINFO("Lang", "en") DEVINFO("DmV", "1.2") DEVINFO("Mod", "X") DEVINFO("Man", "Acme")
            DEVINFO("DevId", "IMEI:1"),
        DEVINFO("Ext/Vendor/Bootloader", "7") DEVINFO("Man", "Acme") DEVINFO("Bearer/GPRS", "")
            DEVINFO("DevId", "IMEI:1") DEVINFO("Mod", "X") DEVINFO("DmV", "1.2") DEVINFO("Lang", "en"),
    };
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        for (int first = 0; first < 2; first++) { /* the Replace before or behind the Alert */
            struct server_fixture d;
            char xml[4000];
            open_desk(&d);
            step(&d, SML_GET, "./A");
            snprintf(xml, sizeof xml, MSG("1", "%s<Replace><CmdID>2</CmdID>%s</Replace>%s<Final/>"),
                     first ? "" : "<Alert><CmdID>1</CmdID><Data>1201</Data></Alert>", items[i],
                     first ? "<Alert><CmdID>1</CmdID><Data>1201</Data></Alert>" : "");
            say(&d, xml);
            CU_ASSERT(status_of(&d, "1") == 200 && status_of(&d, "2") == 200 && d.first);
            SAYS(&d, "<Get>");
            close_desk(&d);
        }
    }
}

static void s_009_resp_uri_is_taken_and_given(void)
{
    struct server_fixture d;
    open_desk(&d);
    step(&d, SML_GET, "./A");
    say(&d, MSG_X("1", "<RespURI>https://device.example/answer</RespURI>", START "<Final/>"));
    SAYS(&d, "<RespURI>https://dm.example.net/dm?s=tok</RespURI>");
    SAYS(&d, "<Get>");
    /* the next message comes to our RespURI, which some clients then take for the Target (trap 21) */
    say(&d,
        "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>2F</SessionID><MsgID>2</MsgID>"
        "<Target><LocURI>https://dm.example.net/dm?s=tok</LocURI></Target><Source><LocURI>IMEI:1</LocURI></Source></SyncHdr><SyncBody>" OK_HDR
            ST("1", "4", "Get", "404") "<Final/></SyncBody></SyncML>");
    NEWS(&d, "#1=404");
    CU_ASSERT(d.over);
    close_desk(&d);
}

/* Exactly the message that asks for the rest of a package, and a piece of an object, have no Final. */
static void s_011_final_is_missing_in_two_cases_only(void)
{
    static char big[4000];
    memset(big, 'x', sizeof big);
    struct server_fixture d;
    open_desk(&d);
    struct sml_step *p = step(&d, SML_ADD, "./Big");
    p->data = (struct str){ big, sizeof big };
    p->has_data = true;
    p->format = STR("chr");
    say(&d, MSG_X("1", META("<MaxMsgSize>2000</MaxMsgSize>"), START));
    CU_ASSERT(!d.final && says(&d, "<Data>1222</Data>")); /* the client's package goes on */
    bool last = false;
    for (int i = 2; i < 10 && !last; i++) {
        char xml[3000], id[8];
        snprintf(id, sizeof id, "%d", i);
        snprintf(
            xml, sizeof xml,
            "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>2F</SessionID>"
            "<MsgID>%s</MsgID><Target><LocURI>x</LocURI></Target><Source><LocURI>IMEI:1</LocURI></Source></SyncHdr><SyncBody>" OK_HDR
            "%s<Final/></SyncBody></SyncML>",
            id, i > 2 ? "<Alert><CmdID>7</CmdID><Data>1222</Data></Alert>" : "");
        say(&d, xml);
        CU_ASSERT_EQUAL(says(&d, "<MoreData/>"), !d.final); /* a piece, or the end of a package */
        last = d.final;
    }
    CU_ASSERT(last);
    close_desk(&d);
}

static void s_103_missing_credentials_get_407_and_a_challenge(void)
{
    struct server_fixture d;
    open_desk(&d);
    d.certificate = false;
    step(&d, SML_GET, "./A");
    say(&d, MSG("1", START "<Alert><CmdID>3</CmdID><Data>1226</Data><Item>" META(
                         "<Type>t</Type>") "<Data>x</Data></Item></Alert><Final/>"));
    CU_ASSERT(status_of(&d, "0") == 407 && status_of(&d, "1") == 407 && status_of(&d, "2") == 407 &&
              status_of(&d, "3") == 407);
    SAYS(&d, "<Cmd>SyncHdr</Cmd>");
    SAYS(&d, "<Chal>");
    SAYS(&d, ">b64</Format>");
    SAYS(&d, ">syncml:auth-md5</Type>");
    SAYS(&d, "<NextNonce");
    SAYS_NOT(&d, "<Get>");
    CU_ASSERT(d.final && !d.over && d.who != SML_WHO_KNOWN);
    NEWS(&d, ""); /* S-119 */
    close_desk(&d);
}

static void s_104_wrong_credentials_get_401_and_a_challenge(void)
{
    struct server_fixture d;
    open_desk(&d);
    d.certificate = false;
    step(&d, SML_GET, "./A");
    say(&d, MSG_X("1", CRED("AAAAAAAAAAAAAAAAAAAAAA=="), START "<Final/>"));
    CU_ASSERT(status_of(&d, "0") == 401 && status_of(&d, "1") == 401 && status_of(&d, "2") == 401);
    SAYS(&d, ">syncml:auth-md5</Type>");
    SAYS(&d, "<NextNonce");
    SAYS_NOT(&d, "<Get>");
    CU_ASSERT(d.final && !d.over && d.who != SML_WHO_KNOWN);
    close_desk(&d);
}

static void md5_of(const char *nonce, char out[SML_DIGEST_BYTES + 1])
{
    sml_md5_digest(str_of(ha1_client), str_of(nonce), out);
}

static void s_107_authenticated_is_212_with_a_next_nonce(void)
{
    char digest[SML_DIGEST_BYTES + 1], xml[3000];
    struct server_fixture d;
    open_desk(&d);
    d.certificate = false;
    d.acc.client_nonce = STR("nonce-nonce-1234");
    md5_of("nonce-nonce-1234", digest);
    snprintf(xml, sizeof xml, MSG_X("1", CRED("%s"), START "<Final/>"), digest);
    say(&d, xml);
    CU_ASSERT(status_of(&d, "0") == 212 && d.who == SML_WHO_KNOWN);
    SAYS(&d, "<NextNonce");
    CU_ASSERT(d.keep.client_nonce_next.n >= SML_NONCE_MIN && d.current_nonce);
    close_desk(&d);
}

static void s_114_a_stranger_changes_no_nonce(void)
{
    struct server_fixture d;
    open_desk(&d);
    d.certificate = false;
    d.acc.client_nonce = STR("nonce-nonce-1234");
    d.acc.server_nonce = STR("server-nonce-001");
    say(&d,
        "<SyncML xmlns='SYNCML:SYNCML1.2'>" HDR(
            "1",
            "") "<SyncBody>"
                "<Status><CmdID>7</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Chal>" META(
                    "<Format>b64</Format><Type>syncml:auth-md5</Type><NextNonce>ABEiM0RVZneImaq7zN3u/w==</NextNonce>") "</Chal><Data>407</Data></Status>" START
                                                                                                                       "<Final/></SyncBody></SyncML>");
    CU_ASSERT_EQUAL(status_of(&d, "0"), 407);
    CU_ASSERT_EQUAL(d.keep.server_nonce.n, 0); /* what it says of our nonce is not believed */
    close_desk(&d);
}

static void s_121_credentials_stand_in_the_header_only(void)
{
    struct server_fixture d;
    open_desk(&d);
    d.c.per_message = true;
    d.acc.server_name = STR("dm");
    d.acc.server_ha1 = str_of(ha1_server);
    d.acc.server_nonce = STR("server-nonce-001");
    step(&d, SML_GET, "./A");
    step(&d, SML_EXEC, "./B");
    begin(&d);
    const char *cred = strstr(buf_z(&d.reply), "<Cred>"), *body = strstr(buf_z(&d.reply), "<SyncBody>");
    CU_ASSERT(cred != NULL && body != NULL && cred < body);
    CU_ASSERT_PTR_NULL(body ? strstr(body, "<Cred>") : NULL);
    close_desk(&d);
}

TEST_MAIN("conformance.server", TEST(s_003_devinfo_comes_in_any_order), TEST(s_009_resp_uri_is_taken_and_given),
          TEST(s_011_final_is_missing_in_two_cases_only), TEST(s_103_missing_credentials_get_407_and_a_challenge),
          TEST(s_104_wrong_credentials_get_401_and_a_challenge), TEST(s_107_authenticated_is_212_with_a_next_nonce),
          TEST(s_114_a_stranger_changes_no_nonce), TEST(s_121_credentials_stand_in_the_header_only))
