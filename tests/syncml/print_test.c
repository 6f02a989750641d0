/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/syncml/codec_lib.h"
#include "tests/lib/test.h"

static void print_of(const char *xml, struct buf *out)
{
    struct arena a;
    struct sml_msg m;
    struct err e = { 0 };
    arena_init(&a, SML_MSG_ARENA_BYTES);
    if (sml_decode(SML_XML, str_of(xml), &a, &m, &e))
        fprintf(stderr, "%s\n", e.text);
    else
        sml_print(&m, out);
    arena_finish(&a);
}

static void shows_a_message_on_one_page(void)
{
    static const char xml[] = XML_MSG(
        "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><TargetRef>t</TargetRef><SourceRef>s</SourceRef><Data>212</Data></Status>"
        "<Results><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Item><Source><LocURI>./a</LocURI></Source><Meta><Format>chr</Format><Size>9</Size></Meta>"
        "<Data>x\n&lt;</Data><MoreData/></Item></Results><Alert><CmdID>3</CmdID><Data>1226</Data><Correlator>job</Correlator></Alert>"
        "<Sequence><CmdID>4</CmdID><Copy><CmdID>5</CmdID><Item><Target><LocURI>./t</LocURI></Target><Source><LocURI>./s</LocURI></Source></Item></Copy></Sequence><Get/>");
    static const char want[] = "SyncML 1.2 DM/1.2 session 2F message 1\n"
                               "  from IMEI:001010000000017  to https://dm.example.net/dm\n"
                               "1 Status for SyncHdr 0 of message 1: 212 Authentication accepted target t source s\n"
                               "2 Results 4 of message 1\n"
                               "  - ./a chr size 9 = \"x\\n<\" ... more pieces follow\n"
                               "3 Alert 1226 correlator job\n"
                               "4 Sequence\n"
                               "  5 Copy\n"
                               "    - ./t from ./s\n"
                               "- Get\n"
                               "(no Final: more messages of this package follow)\n";
    struct buf out;
    buf_init(&out, 0);
    print_of(xml, &out);
    CU_ASSERT_TRUE(same_text("print", buf_str(&out), str_of(want)));
    buf_finish(&out);
}

static void shows_no_secret(void)
{
    static const char xml[] =
        "<SyncML><SyncHdr><Cred><Meta><Type>syncml:auth-basic</Type></Meta><Data>HIDEME</Data></Cred><Meta><NextNonce>HIDEME</NextNonce></Meta></SyncHdr><SyncBody>"
        "<Status><CmdID>1</CmdID><Chal><Meta><Type>syncml:auth-md5</Type><NextNonce>HIDEME</NextNonce></Meta></Chal><Data>401</Data></Status>"
        "<Add><CmdID>2</CmdID><Cred><Data>HIDEME</Data></Cred><Item><Target><LocURI>./DMAcc/x/AppAuth/1/AAuthSecret</LocURI></Target><Data>HIDEME</Data></Item>"
        "<Item><Target><LocURI>AAuthData</LocURI></Target><Data>HIDEME</Data></Item>"
        "<Item><Target><LocURI>./Wifi/x/WpaPassphrase</LocURI></Target><Data>HIDEME</Data></Item>"
        "<Item><Target><LocURI>./x</LocURI></Target><Data>&lt;Node>&lt;NodeName>AAuthSecret&lt;/NodeName>&lt;Value>HIDEME&lt;/Value>&lt;/Node></Data></Item>"
        "<Item><Target><LocURI>./x</LocURI></Target><Meta><Type>application/vnd.syncml.dmtnds+xml</Type></Meta><Data> password HIDEME</Data></Item>"
        "<Item><Target><LocURI>./Secrets/Count</LocURI></Target><Data>SHOWME</Data></Item></Add>"
        "<Results><Item><Source><LocURI>./a/password</LocURI></Source><Data>HIDEME</Data></Item></Results></SyncBody></SyncML>";
    struct buf out;
    buf_init(&out, 0);
    print_of(xml, &out);
    CU_ASSERT_PTR_NULL(strstr(buf_z(&out), "HIDEME"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&out), "SHOWME"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&out), "syncml:auth-basic ***"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&out), "AAuthSecret = ***"));
    buf_finish(&out);
}

static void cuts_what_is_long_and_shows_octets_as_hex(void)
{
    struct sml_item octets = { .target = STR("./b"), .data = { "\xFF\x00\x01", 3 }, .has_data = true };
    char *p = malloc(5001);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    memset(p, 'a', 5001);
    for (size_t i = 1; i + 1 < 5001; i += 2) /* two octets each, so that the cut may fall into one */
        memcpy(p + i, "\xC3\xA4", 2);
    struct sml_item text = { .target = STR("./c\n\x1B[2J"), .data = { p, 5001 }, .has_data = true, .next = &octets };
    struct sml_cmd add = { .kind = SML_ADD, .cmd_id = STR("1"), .items = &text };
    struct sml_msg m = { .cmds = &add };
    struct buf out;
    buf_init(&out, 0);
    sml_print(&m, &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&out), "... (5001 octets)\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&out), "- ./b = <3 octets: ff 00 01>\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&out), "- ./c??[2J = \""));
    CU_ASSERT_TRUE(str_is_utf8(buf_str(&out)));
    CU_ASSERT_TRUE(out.n < 1000);
    buf_finish(&out);
    free(p);
}

/* However it is written, a secret's name is one. */
static void secret_names_are_known_in_every_spelling(void)
{
    static const struct {
        const char *uri;
        bool secret;
    } row[] = { { "./DMAcc/a/AppAuth/1/AAuthSecret", true },
                { "./DMAcc/a/AppAuth/1/AAuth%53ecret", true },
                { "./DMAcc/a/AppAuth/1/%41Auth%73%65cret", true },
                { "./V/pass%77ord", true },
                { "./V/pin", true },
                { "./V/SimPIN", true },
                { "./V/PS%4B", true },
                { "./V/WPAPreSharedKey", true },
                { "./V/Mapping", false },
                { "./V/Pinned", false },
                { "./V/100%", false },
                { "./V/%", false },
                { "./V/a%2", false },
                { "./V/Name", false } };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        CU_ASSERT_EQUAL(sml_uri_is_secret(str_of(row[i].uri)), row[i].secret);
}

TEST_MAIN("syncml.print", TEST(secret_names_are_known_in_every_spelling), TEST(shows_a_message_on_one_page),
          TEST(shows_no_secret), TEST(cuts_what_is_long_and_shows_octets_as_hex))
