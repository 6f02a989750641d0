/* SPDX-License-Identifier: Apache-2.0 */
/* The XML decoder: what deviating clients send (protocol.md 20), and what nobody may send. */
#include "tests/syncml/codec_lib.h"
#include "tests/lib/test.h"
#include <pthread.h>

static void puts_every_deviation_right(void)
{
    static const struct {
        const char *what, *in, *want;
    } row[] = {
        { "as the DTD has it",
          "<Get><CmdID>4</CmdID><Item><Target><LocURI>./DevDetail/SwV</LocURI></Target></Item></Get><Final/>",
          "<Get><CmdID>4</CmdID><Item><Target><LocURI>./DevDetail/SwV</LocURI></Target></Item></Get><Final/>" },
        { "trap 1: any order of children",
          "<Final/><Status><Data>200</Data><TargetRef>./a</TargetRef><Cmd>Get</Cmd><CmdRef>4</CmdRef><MsgRef>1</MsgRef><CmdID>2</CmdID></Status>"
          "<Alert><Item><Data>x</Data><Source><LocURI>./s</LocURI></Source></Item><Correlator>c</Correlator><Data>1226</Data><CmdID>3</CmdID></Alert>",
          "<Status><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Cmd>Get</Cmd><TargetRef>./a</TargetRef><Data>200</Data></Status>"
          "<Alert><CmdID>3</CmdID><Data>1226</Data><Correlator>c</Correlator><Item><Source><LocURI>./s</LocURI></Source><Data>x</Data></Item></Alert><Final/>" },
        { "trap 2: Status for SyncHdr without CmdRef",
          "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><Cmd>SyncHdr</Cmd><Data>212</Data></Status>",
          "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><Cmd>SyncHdr</Cmd><Data>212</Data></Status>" },
        { "trap 10: capitalised Format, blanks around Type",
          "<Alert><CmdID>1</CmdID><Data>1226</Data><Item><Meta><Format" M_ ">Chr</Format>"
          "<Type" M_ "> Reversed-Domain-Name: org.x </Type></Meta><Data/></Item></Alert>",
          "<Alert><CmdID>1</CmdID><Data>1226</Data><Item><Meta><Format" M_ ">chr</Format>"
          "<Type" M_ ">Reversed-Domain-Name: org.x</Type></Meta><Data/></Item></Alert>" },
        { "trap 12: one Status for several items, in order",
          "<Status><CmdID>1</CmdID><CmdRef>2</CmdRef><TargetRef>./a</TargetRef><TargetRef>./b</TargetRef><SourceRef>./c</SourceRef>"
          "<TargetRef>./d</TargetRef><Data>200</Data></Status>",
          "<Status><CmdID>1</CmdID><CmdRef>2</CmdRef><TargetRef>./a</TargetRef><TargetRef>./b</TargetRef><TargetRef>./d</TargetRef>"
          "<SourceRef>./c</SourceRef><Data>200</Data></Status>" },
        { "trap 22: Results without MsgRef, with a Cmd (Windows)",
          "<Results><CmdID>3</CmdID><CmdRef>4</CmdRef><Cmd>Get</Cmd><Item><Source><LocURI>./a</LocURI></Source><Data>1</Data></Item></Results>",
          "<Results><CmdID>3</CmdID><CmdRef>4</CmdRef><Cmd>Get</Cmd><Item><Source><LocURI>./a</LocURI></Source><Data>1</Data></Item></Results>" },
        { "trap 24: blanks around structure go, those of Data stay",
          "\r\n <Replace>\r\n<CmdID>\r\n 2 </CmdID><Item><Source><LocURI>\n ./DevInfo/Man\t</LocURI></Source>\r\n<Data> Acme \n</Data></Item></Replace>",
          "<Replace><CmdID>2</CmdID><Item><Source><LocURI>./DevInfo/Man</LocURI></Source><Data> Acme \n</Data></Item></Replace>" },
        { "trap 24: CR LF in Data is LF, as XML says",
          "<Replace><CmdID>2</CmdID><Item><Data>a\r\nb\rc</Data></Item></Replace>",
          "<Replace><CmdID>2</CmdID><Item><Data>a\nb\nc</Data></Item></Replace>" },
        { "a CR that was meant stays one", "<Replace><CmdID>2</CmdID><Item><Data>a&#13;&#xA;b</Data></Item></Replace>",
          "<Replace><CmdID>2</CmdID><Item><Data>a&#13;\nb</Data></Item></Replace>" },
        { "trap 25: Meta with a prefix (Windows)",
          "<Get><CmdID>1</CmdID><Item><Meta><a:Type xmlns:a=\"syncml:metinf\">t</a:Type></Meta></Item></Get>",
          "<Get><CmdID>1</CmdID><Item><Meta><Type" M_ ">t</Type></Meta></Item></Get>" },
        { "trap 25: Meta without a namespace, prefix that nobody declared",
          "<Get><CmdID>1</CmdID><Item><Meta><Type>t</Type><b:Format>int</b:Format></Meta></Item></Get>",
          "<Get><CmdID>1</CmdID><Item><Meta><Format" M_ ">int</Format><Type" M_ ">t</Type></Meta></Item></Get>" },
        { "MetInf wrapper, and all that Meta can hold",
          "<Put><CmdID>1</CmdID><Meta><MetInf" M_
          "><FieldLevel/><Anchor><Last>1</Last><Next>2</Next></Anchor><MaxObjSize>6</MaxObjSize>"
          "<MaxMsgSize>5</MaxMsgSize><NextNonce>Tm9uY2U=</NextNonce><Size>4</Size><Mark>minor</Mark><Type>t</Type><Format>b64</Format>"
          "<EMI>x</EMI><Mem><FreeMem>1</FreeMem></Mem><Version>1</Version></MetInf></Meta></Put>",
          "<Put><CmdID>1</CmdID><Meta><Format" M_ ">b64</Format><Type" M_ ">t</Type><Mark" M_ ">minor</Mark><Size" M_
          ">4</Size>"
          "<NextNonce" M_ ">Tm9uY2U=</NextNonce><MaxMsgSize" M_ ">5</MaxMsgSize><MaxObjSize" M_
          ">6</MaxObjSize></Meta></Put>" },
        { "Type and Format beside Meta (Windows)",
          "<Alert><CmdID>1</CmdID><Data>1224</Data><Item><Type>com.microsoft/MDM/LoginStatus</Type><Data>user</Data></Item></Alert>",
          "<Alert><CmdID>1</CmdID><Data>1224</Data><Item><Meta><Type" M_
          ">com.microsoft/MDM/LoginStatus</Type></Meta><Data>user</Data></Item></Alert>" },
        { "Meta Size that is no number says nothing",
          "<Get><CmdID>1</CmdID><Item><Meta><Size>many</Size><MaxMsgSize>-1</MaxMsgSize><MaxObjSize>99999999999999999999</MaxObjSize></Meta></Item></Get>",
          "<Get><CmdID>1</CmdID><Item><Meta></Meta></Item></Get>" },
        { "Meta Size with blanks, of a command",
          "<Replace><CmdID>1</CmdID><Meta><Size> 48000\n</Size></Meta><Item><Data>x</Data><MoreData/></Item></Replace>",
          "<Replace><CmdID>1</CmdID><Meta><Size" M_
          ">48000</Size></Meta><Item><Data>x</Data><MoreData/></Item></Replace>" },
        { "Data with attributes and namespaces (Windows)",
          "<Results><CmdID>1</CmdID><CmdRef>1</CmdRef><Item><Data msft:originalerror=\"0x80\" xmlns:msft=\"http://schemas.microsoft.com/MobileDevice/MDM\""
          " xmlns:q=\"q\">7</Data></Item></Results>",
          "<Results><CmdID>1</CmdID><CmdRef>1</CmdRef><Item><Data>7</Data></Item></Results>" },
        { "Data with an attribute whose prefix nobody declared",
          "<Status><CmdID>1</CmdID><Data msft:originalerror=\"0x80\">404</Data></Status>",
          "<Status><CmdID>1</CmdID><Data>404</Data></Status>" },
        { "an embedded tree that nobody escaped",
          "<Add><CmdID>1</CmdID><Item><Data><MgmtTree xmlns=\"syncml:dmddf1.2\">\r\n<VerDTD>1.2</VerDTD><Node a='1>'/>&amp;</MgmtTree></Data></Item></Add>",
          "<Add><CmdID>1</CmdID><Item><Data>&lt;MgmtTree xmlns=\"syncml:dmddf1.2\"&gt;&#13;\n&lt;VerDTD&gt;1.2&lt;/VerDTD&gt;&lt;Node a='1&gt;'/&gt;"
          "&amp;amp;&lt;/MgmtTree&gt;</Data></Item></Add>" },
        { "text, markup and a comment in Data",
          "<Add><CmdID>1</CmdID><Item><Data  q='1' > x<Data>y</Data ><!-- z --></Data\n></Item><Item><Data>w</Data></Item></Add>",
          "<Add><CmdID>1</CmdID><Item><Data> x&lt;Data&gt;y&lt;/Data &gt;&lt;!-- z --&gt;</Data></Item><Item><Data>w</Data></Item></Add>" },
        { "an embedded element that is empty", "<Add><CmdID>1</CmdID><Item><Data><node/></Data></Item></Add>",
          "<Add><CmdID>1</CmdID><Item><Data>&lt;node/&gt;</Data></Item></Add>" },
        { "escaped and CDATA markup",
          "<Add><CmdID>1</CmdID><Item><Data>&lt;a>&amp;&quot;&apos;&#x20AC;</Data></Item><Item><Data><![CDATA[<a>&amp;</a>]]></Data></Item></Add>",
          "<Add><CmdID>1</CmdID><Item><Data>&lt;a&gt;&amp;\"'\xE2\x82\xAC</Data></Item><Item><Data>&lt;a&gt;&amp;amp;&lt;/a&gt;</Data></Item></Add>" },
        { "CDATA split by its own end",
          "<Add><CmdID>1</CmdID><Item><Data><![CDATA[a]]]]><![CDATA[>b]]> c</Data></Item></Add>",
          "<Add><CmdID>1</CmdID><Item><Data>a]]&gt;b c</Data></Item></Add>" },
        { "a comment in the middle of a value", "<Status><CmdID>1<!-- one -->2</CmdID><Data>2<?pi?>00</Data></Status>",
          "<Status><CmdID>12</CmdID><Data>200</Data></Status>" },
        { "empty Data is a value, no Data is none",
          "<Add><CmdID>1</CmdID><Item><Data></Data></Item><Item><Data/></Item><Item></Item></Add>",
          "<Add><CmdID>1</CmdID><Item><Data/></Item><Item><Data/></Item><Item></Item></Add>" },
        { "containers",
          "<Sequence><CmdID>5</CmdID><Meta><Type>t</Type></Meta><Alert><CmdID>6</CmdID><Data>1101</Data></Alert><Atomic><CmdID>7</CmdID><Add><CmdID>8</CmdID></Add>"
          "</Atomic><Get><CmdID>9</CmdID></Get></Sequence><Get><CmdID>10</CmdID></Get>",
          "<Sequence><CmdID>5</CmdID><Meta><Type" M_
          ">t</Type></Meta><Alert><CmdID>6</CmdID><Data>1101</Data></Alert><Atomic><CmdID>7</CmdID><Add><CmdID>8</CmdID></Add>"
          "</Atomic><Get><CmdID>9</CmdID></Get></Sequence><Get><CmdID>10</CmdID></Get>" },
        { "what DM does not use is passed over",
          "<Delete><CmdID>1</CmdID><NoResp/><Archive/><SftDel/><Lang>en</Lang><Item><SourceParent><LocURI>x</LocURI></SourceParent>"
          "<Target><LocURI>./a</LocURI><Filter><Item><Data>no</Data></Item></Filter></Target></Item></Delete>",
          "<Delete><CmdID>1</CmdID><NoResp/><Item><Target><LocURI>./a</LocURI></Target></Item></Delete>" },
        { "a command inside a command that is no container", "<Add><CmdID>1</CmdID><Get><CmdID>2</CmdID></Get></Add>",
          "<Add><CmdID>1</CmdID></Add>" },
        { "characters outside ASCII",
          "<Exec><CmdID>1</CmdID><Correlator>\xC3\xA4</Correlator><Item><Target><LocURI>./\xE2\x82\xAC/\xF0\x9F\x98\x80</LocURI></Target></Item></Exec>",
          "<Exec><CmdID>1</CmdID><Correlator>\xC3\xA4</Correlator><Item><Target><LocURI>./\xE2\x82\xAC/\xF0\x9F\x98\x80</LocURI></Target></Item></Exec>" },
        { "credentials of a command, and a challenge",
          "<Status><CmdID>1</CmdID><Chal><Meta><Type>syncml:auth-md5</Type><NextNonce> AA==\n</NextNonce></Meta></Chal>"
          "<Cred><Data> x </Data></Cred></Status>",
          "<Status><CmdID>1</CmdID><Cred><Data>x</Data></Cred><Chal><Meta><Type" M_
          ">syncml:auth-md5</Type><NextNonce" M_ ">AA==</NextNonce></Meta></Chal></Status>" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        char doc[4096];
        arena_init(&a, SML_MSG_ARENA_BYTES);
        snprintf(doc, sizeof doc, "%s%s%s", XML_ROOT XML_HEAD "<SyncBody>", row[i].in, "</SyncBody></SyncML>");
        CU_ASSERT_TRUE(same_text(row[i].what, xml_body(SML_XML, str_of(doc), &a), str_of(row[i].want)));
        arena_finish(&a);
    }
}

#define BODY "<SyncBody><Get><CmdID>1</CmdID></Get></SyncBody>"
#define P(lit)                                                                                                         \
    {                                                                                                                  \
        lit, sizeof(lit) - 1                                                                                           \
    }
#define UTF16(c) c "\0"

static void takes_what_stands_around_a_document(void)
{
    static const struct {
        const char *what;
        struct str in;
        enum sml_dtd dtd;
    } row[] = {
        { "plain", P(XML_ROOT XML_HEAD BODY "</SyncML>"), SML_DTD_1_2 },
        { "declaration", P(XML_DECL XML_ROOT XML_HEAD BODY "</SyncML>"), SML_DTD_1_2 },
        { "trap 27: BOM", P("\xEF\xBB\xBF" XML_DECL XML_ROOT XML_HEAD BODY "</SyncML>"), SML_DTD_1_2 },
        { "trap 24: CR LF before the declaration",
          P("\r\n\r\n " XML_DECL "\r\n" XML_ROOT XML_HEAD BODY "</SyncML>\r\n\r\n"), SML_DTD_1_2 },
        { "BOM behind blanks", P("\n\xEF\xBB\xBF" XML_ROOT XML_HEAD BODY "</SyncML>"), SML_DTD_1_2 },
        { "trap 27: DOCTYPE",
          P(XML_DECL
            "<!DOCTYPE SyncML PUBLIC \"-//SYNCML//DTD SyncML 1.2//EN\" \"http://127.0.0.1:9/none.dtd\">" XML_ROOT
                XML_HEAD BODY "</SyncML>"),
          SML_DTD_1_2 },
        { "DOCTYPE SYSTEM with an empty subset",
          P("<!DOCTYPE SyncML SYSTEM \"file:///etc/hostname\" []>" XML_ROOT XML_HEAD BODY "</SyncML>"), SML_DTD_1_2 },
        { "trap 26: namespace 1.1", P("<SyncML xmlns='SYNCML:SYNCML1.1'>" XML_HEAD BODY "</SyncML>"), SML_DTD_1_1 },
        { "trap 26: lower case", P("<SyncML xmlns='syncml:syncml1.1'>" XML_HEAD BODY "</SyncML>"), SML_DTD_1_1 },
        { "trap 26: lower case 1.2", P("<SyncML xmlns='syncml:SYNCML1.2'>" XML_HEAD BODY "</SyncML>"), SML_DTD_1_2 },
        { "trap 25: no namespace", P("<SyncML>" XML_HEAD BODY "</SyncML>"), SML_DTD_1_2 },
        { "no namespace, VerDTD 1.1",
          P("<SyncML><SyncHdr><VerDTD>1.1</VerDTD><VerProto>DM/1.1</VerProto></SyncHdr>" BODY "</SyncML>"),
          SML_DTD_1_1 },
        { "trap 25: prefix",
          P("<s:SyncML xmlns:s='SYNCML:SYNCML1.2'><s:SyncHdr/><s:SyncBody><s:Get><s:CmdID>1</s:CmdID></s:Get>"
            "</s:SyncBody></s:SyncML>"),
          SML_DTD_1_2 },
        { "body before header", P(XML_ROOT BODY XML_HEAD "</SyncML>"), SML_DTD_1_2 },
        { "trap 18: NULs at the end of texts",
          P(XML_ROOT
            "<SyncHdr><MsgID>1\0</MsgID></SyncHdr><SyncBody><Get><CmdID>1\0</CmdID></Get></SyncBody></SyncML>\0\0"),
          SML_DTD_1_2 },
        { "encoding named in lower case",
          P("<?xml version='1.0' encoding='utf-8' standalone='yes'?>" XML_ROOT XML_HEAD BODY "</SyncML>"),
          SML_DTD_1_2 },
        { "ASCII", P("<?xml version='1.0' encoding='US-ASCII'?>" XML_ROOT XML_HEAD BODY "</SyncML>"), SML_DTD_1_2 },
        { "ISO 8859-1",
          P("\n<?xml version=\"1.0\" encoding = \"iso-8859-1\"?><SyncML><SyncHdr><SessionID>\xE4</SessionID></SyncHdr>" BODY
            "</SyncML>"),
          SML_DTD_1_2 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct sml_msg m = { .dtd = SML_DTD_1_2 };
        struct err e = { 0 };
        arena_init(&a, SML_MSG_ARENA_BYTES);
        enum rc rc = sml_decode(SML_XML, row[i].in, &a, &m, &e);
        if (rc) fprintf(stderr, "\n%s: %s\n", row[i].what, e.text);
        CU_ASSERT_EQUAL(rc, RC_OK);
        CU_ASSERT_EQUAL(m.dtd, row[i].dtd);
        CU_ASSERT_TRUE(m.cmds && str_is(m.cmds->cmd_id, "1"));
        if (i + 1 == sizeof row / sizeof row[0]) CU_ASSERT_TRUE(str_is(m.session_id, "\xC3\xA4"));
        arena_finish(&a);
    }
}

static void takes_utf_16_by_its_bom(void)
{
    static const char doc[] =
        "<?xml version='1.0' encoding='UTF-16'?><SyncML><SyncHdr><MsgID>1</MsgID></SyncHdr><SyncBody/></SyncML>";
    char wide[2][2 * sizeof doc];
    size_t n = sizeof doc - 1;
    for (size_t i = 0; i <= n; i++) {
        unsigned char c = (unsigned char)(i ? doc[i - 1] : 0);
        wide[0][2 * i] = (char)(i ? c : 0xFF);
        wide[0][2 * i + 1] = (char)(i ? 0 : 0xFE);
        wide[1][2 * i] = (char)(i ? 0 : 0xFE);
        wide[1][2 * i + 1] = (char)(i ? c : 0xFF);
    }
    for (int k = 0; k < 2; k++) {
        struct arena a;
        struct sml_msg m = { 0 };
        arena_init(&a, SML_MSG_ARENA_BYTES);
        CU_ASSERT_EQUAL(sml_decode(SML_XML, (struct str){ wide[k], 2 * n + 2 }, &a, &m, NULL), RC_OK);
        CU_ASSERT_TRUE(str_is(m.msg_id, "1"));
        CU_ASSERT_EQUAL(sml_decode(SML_XML, (struct str){ wide[k], 2 * n + 1 }, &a, &m, NULL), RC_PARSE);
        arena_finish(&a);
    }
}

#define BOMB                                                                                                           \
    "<!DOCTYPE SyncML [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>"

static void refuses_what_is_no_message(void)
{
    static const struct {
        const char *what;
        struct str in;
        enum rc rc;
    } row[] = {
        { "nothing", P(""), RC_PARSE },
        { "an element inside an address",
          P("<SyncML>" XML_HEAD "<SyncBody><Get><CmdID>1</CmdID><Item><Target><LocURI>./A<b>/B</b></LocURI></Target>"
            "</Item></Get></SyncBody></SyncML>"),
          RC_PARSE },
        { "blanks", P("  \r\n"), RC_PARSE },
        { "NULs", P("\0\0"), RC_PARSE },
        { "text", P("hello"), RC_PARSE },
        { "WBXML", P("\x03\xA4\x01\x6A\x00\x6D\x6C\x01\x01"), RC_PARSE },
        { "another root", P("<html/>"), RC_PARSE },
        { "a command as root", P("<SyncBody/>"), RC_PARSE },
        { "no header", P("<SyncML>" BODY "</SyncML>"), RC_PARSE },
        { "no body", P("<SyncML>" XML_HEAD "</SyncML>"), RC_PARSE },
        { "two headers", P("<SyncML>" XML_HEAD XML_HEAD BODY "</SyncML>"), RC_PARSE },
        { "two bodies", P("<SyncML>" XML_HEAD BODY BODY "</SyncML>"), RC_PARSE },
        { "two roots", P("<SyncML>" XML_HEAD BODY "</SyncML><SyncML>" XML_HEAD BODY "</SyncML>"), RC_PARSE },
        { "something behind", P("<SyncML>" XML_HEAD BODY "</SyncML>x"), RC_PARSE },
        { "no end", P("<SyncML>" XML_HEAD BODY), RC_PARSE },
        { "wrong end", P("<SyncML>" XML_HEAD "<SyncBody></SyncBod></SyncML>"), RC_PARSE },
        { "entity bomb", P(BOMB "<SyncML>" XML_HEAD "<SyncBody><Get><CmdID>&c;</CmdID></Get></SyncBody></SyncML>"),
          RC_PARSE },
        { "an entity of the document's own", P("<!DOCTYPE SyncML [<!ENTITY a 'x'>]><SyncML>" XML_HEAD BODY "</SyncML>"),
          RC_PARSE },
        { "an external entity",
          P("<!DOCTYPE SyncML [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><SyncML>" XML_HEAD
            "<SyncBody><Get><CmdID>&a;</CmdID></Get></SyncBody></SyncML>"),
          RC_PARSE },
        { "a parameter entity",
          P("<!DOCTYPE SyncML [<!ENTITY % a SYSTEM 'file:///etc/hostname'> %a;]><SyncML>" XML_HEAD BODY "</SyncML>"),
          RC_PARSE },
        { "an unknown entity", P("<SyncML>" XML_HEAD "<SyncBody><Get><CmdID>&nbsp;</CmdID></Get></SyncBody></SyncML>"),
          RC_PARSE },
        { "an unknown entity behind an external DTD",
          P("<!DOCTYPE SyncML SYSTEM 'http://127.0.0.1:9/x.dtd'><SyncML>" XML_HEAD
            "<SyncBody><Get><CmdID>&nbsp;</CmdID></Get></SyncBody></SyncML>"),
          RC_PARSE },
        { "attributes with defaults",
          P("<!DOCTYPE SyncML [<!ATTLIST SyncML x CDATA 'y'>]><SyncML>" XML_HEAD BODY "</SyncML>"), RC_PARSE },
        { "attributes with choices",
          P("<!DOCTYPE SyncML [<!ATTLIST SyncML x (a|b) 'a'>]><SyncML>" XML_HEAD BODY "</SyncML>"), RC_PARSE },
        { "element declarations",
          P("<!DOCTYPE SyncML [<!ELEMENT SyncML (#PCDATA)>]><SyncML>" XML_HEAD BODY "</SyncML>"), RC_PARSE },
        { "notations",
          P("<!DOCTYPE SyncML [<!NOTATION n SYSTEM 'x'><!ENTITY e SYSTEM 'f' NDATA n>]><SyncML>" XML_HEAD BODY
            "</SyncML>"),
          RC_PARSE },
        { "invalid UTF-8", P("<SyncML>" XML_HEAD "<SyncBody><Get><CmdID>\xC3\x28</CmdID></Get></SyncBody></SyncML>"),
          RC_PARSE },
        { "a lone surrogate",
          P("<SyncML>" XML_HEAD "<SyncBody><Get><CmdID>\xED\xA0\x80</CmdID></Get></SyncBody></SyncML>"), RC_PARSE },
        { "Latin-1 that says nothing",
          P("<SyncML>" XML_HEAD "<SyncBody><Get><CmdID>\xE4</CmdID></Get></SyncBody></SyncML>"), RC_PARSE },
        { "a control character", P("<SyncML>" XML_HEAD "<SyncBody><Get><CmdID>\x01</CmdID></Get></SyncBody></SyncML>"),
          RC_PARSE },
        { "the reference to one", P("<SyncML>" XML_HEAD "<SyncBody><Get><CmdID>&#0;</CmdID></Get></SyncBody></SyncML>"),
          RC_PARSE },
        { "a NUL in the middle",
          P("<SyncML>" XML_HEAD "<SyncBody><Get><CmdID>1\0"
            "2</CmdID></Get></SyncBody></SyncML>"),
          RC_PARSE },
        { "another encoding", P("<?xml version='1.0' encoding='EBCDIC-US'?><SyncML>" XML_HEAD BODY "</SyncML>"),
          RC_PARSE },
        { "the same attribute twice", P("<SyncML a='1' a='2'>" XML_HEAD BODY "</SyncML>"), RC_PARSE },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct sml_msg m = { .final = true };
        struct err e = { 0 };
        arena_init(&a, SML_MSG_ARENA_BYTES);
        enum rc rc = sml_decode(SML_XML, row[i].in, &a, &m, &e);
        if (rc != row[i].rc) fprintf(stderr, "\n%s: %s: %s\n", row[i].what, rc_text(rc), e.text);
        CU_ASSERT_EQUAL(rc, row[i].rc);
        CU_ASSERT_TRUE(e.text[0] != '\0');
        CU_ASSERT_TRUE(m.final); /* untouched */
        arena_finish(&a);
    }
}

static void says_where_it_is_wrong(void)
{
    static const struct {
        const char *in;
        unsigned line;
        const char *text;
    } row[] = {
        { "\n\n<SyncML>\n<SyncHdr/>\n<SyncBody>\n<Get></Add></SyncBody></SyncML>", 6, "Get" },
        { "<SyncML>\n<SyncHdr/>\n<SyncHdr/></SyncML>", 3, "second SyncHdr" },
        { "<SyncML>\n\n<SyncBody><Get><CmdID>&x;</CmdID></Get></SyncBody></SyncML>", 3, "x" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct arena a;
        struct sml_msg m;
        struct err e = { 0 };
        arena_init(&a, SML_MSG_ARENA_BYTES);
        CU_ASSERT_EQUAL(sml_decode(SML_XML, str_of(row[i].in), &a, &m, &e), RC_PARSE);
        CU_ASSERT_EQUAL(e.line, row[i].line);
        CU_ASSERT_TRUE(e.column > 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, row[i].text));
        arena_finish(&a);
    }
}

/* before, then n times unit, then after */
static enum rc decode_many(const char *before, const char *unit, size_t n, const char *after)
{
    struct arena a;
    struct buf doc;
    struct sml_msg m;
    arena_init(&a, SML_MSG_ARENA_BYTES);
    buf_init(&doc, 0);
    buf_putz(&doc, before);
    while (n--) buf_putz(&doc, unit);
    buf_putz(&doc, after);
    enum rc rc = sml_decode(SML_XML, buf_str(&doc), &a, &m, NULL);
    buf_finish(&doc);
    arena_finish(&a);
    return rc;
}

static void keeps_its_ceilings(void)
{
    CU_ASSERT_EQUAL(decode_many("<SyncML><SyncHdr/><SyncBody>", "<Sequence>", 1000, ""), RC_LIMIT);
    CU_ASSERT_EQUAL(decode_many("<SyncML><SyncHdr/><SyncBody><Add><Item><Data>", "<Node>", 1000, ""), RC_LIMIT);
    CU_ASSERT_EQUAL(decode_many("<SyncML><SyncHdr/><SyncBody><Delete>", "<Archive/>", SML_ELEMENTS,
                                "</Delete></SyncBody></SyncML>"),
                    RC_LIMIT);
    CU_ASSERT_EQUAL(decode_many("<SyncML><SyncHdr/><SyncBody><Add><Item><Data>", "<n/>", SML_ELEMENTS,
                                "</Data></Item></Add></SyncBody></SyncML>"),
                    RC_LIMIT);
    CU_ASSERT_EQUAL(decode_many("<SyncML><SyncHdr/><SyncBody>", "          ", SML_MSG_BYTES / 10,
                                "</SyncBody></SyncML>"),
                    RC_LIMIT);
    CU_ASSERT_EQUAL(decode_many("<SyncML><SyncHdr/><SyncBody><Get", " a='x'", 100000, "/></SyncBody></SyncML>"),
                    RC_LIMIT);
    CU_ASSERT_EQUAL(decode_many("<SyncML><SyncHdr/><SyncBody><Get b='>'", " a = \"x\"", 1000, "/></SyncBody></SyncML>"),
                    RC_LIMIT);
    CU_ASSERT_EQUAL(decode_many("<SyncML><SyncHdr/><SyncBody>", "<Get a='x'/>", 1000, "</SyncBody></SyncML>"), RC_OK);
    CU_ASSERT_EQUAL(decode_many("<SyncML><SyncHdr/><SyncBody>", "<Get/>", 40000, "</SyncBody></SyncML>"), RC_NOMEM);
    CU_ASSERT_EQUAL(decode_many("<SyncML><SyncHdr/><SyncBody>", "<Get/>", 20000, "</SyncBody></SyncML>"), RC_OK);
    CU_ASSERT_EQUAL(decode_many("<SyncML><SyncHdr/><SyncBody><Status>", "<TargetRef>x</TargetRef>", 40000,
                                "</Status></SyncBody></SyncML>"),
                    RC_OK);
    CU_ASSERT_EQUAL(decode_many("<SyncML><SyncHdr/><SyncBody><Add><Item><Data>", "\xC3\xA4&amp;", 140000,
                                "</Data></Item></Add></SyncBody></SyncML>"),
                    RC_OK);
}

static void survives_running_out_of_memory(void)
{
    static const char doc[] = XML_MSG(
        "<Frob><CmdID>1</CmdID></Frob><Add><CmdID>2</CmdID><Item><Meta><Format>Chr</Format></Meta><Data>a&amp;b</Data></Item></Add>"
        "<Status><TargetRef>x</TargetRef><Cred><Data>a&#13;b</Data></Cred></Status>");
    enum rc rc = RC_NOMEM;
    for (size_t limit = 0; rc == RC_NOMEM; limit += 16) {
        struct arena a;
        struct sml_msg m;
        CU_ASSERT_FATAL(limit < 16384);
        arena_init(&a, limit);
        rc = sml_decode(SML_XML, str_of(doc), &a, &m, NULL);
        arena_finish(&a);
    }
    CU_ASSERT_EQUAL(rc, RC_OK);
}

/* A thread's parser is used again and again, also after a message it did not like, and forgets names nobody needs. */
static void *decode_a_lot(void *arg)
{
    struct arena a;
    struct sml_msg m;
    arena_init(&a, SML_MSG_ARENA_BYTES);
    for (int i = 0; i < 300; i++) {
        char doc[2000];
        arena_reset(&a);
        snprintf(doc, sizeof doc, "<SyncML><SyncHdr/><SyncBody><A%dx><B%dx/><CmdID>%d</CmdID></A%dx></SyncBody>%s", i,
                 i, i, i, i % 3 ? "</SyncML>" : "");
        enum rc rc = sml_decode(SML_XML, str_of(doc), &a, &m, NULL);
        if ((rc == RC_OK) != (i % 3 != 0) || (!rc && (m.cmds->kind != SML_UNKNOWN || atoi(m.cmds->cmd_id.p) != i)))
            *(bool *)arg = false;
    }
    for (int k = 0; k < 3; k++) { /* more names than a parser is kept for */
        struct buf doc;
        buf_init(&doc, 0);
        buf_putz(&doc, "<SyncML><SyncHdr/><SyncBody>");
        for (int i = 0; i < 5000; i++) buf_printf(&doc, "<n%d/>", i + 5000 * k);
        buf_putz(&doc, "</SyncBody></SyncML>");
        arena_reset(&a);
        if (sml_decode(SML_XML, buf_str(&doc), &a, &m, NULL)) *(bool *)arg = false;
        buf_finish(&doc);
    }
    arena_finish(&a);
    return NULL;
}

static void uses_one_parser_for_each_thread(void)
{
    enum { THREADS = 4 };
    pthread_t t[THREADS];
    bool ok[THREADS] = { true, true, true, true };
    for (int i = 0; i < THREADS; i++) CU_ASSERT_EQUAL_FATAL(pthread_create(&t[i], NULL, decode_a_lot, &ok[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        CU_ASSERT_TRUE(ok[i]);
    }
}

/* Texts that stand in one piece are not copied a second time. */
static void borrows_what_it_can(void)
{
    static const char doc[] = XML_MSG(
        "<Get><CmdID>1</CmdID><Item><Target><LocURI>./a</LocURI></Target><Data>value</Data></Item></Get>");
    struct arena a;
    struct sml_msg m;
    arena_init(&a, SML_MSG_ARENA_BYTES);
    CU_ASSERT_EQUAL_FATAL(sml_decode(SML_XML, str_of(doc), &a, &m, NULL), RC_OK);
    CU_ASSERT_EQUAL(a.used, sizeof doc + sizeof(struct sml_cmd) + sizeof(struct sml_item));
    arena_finish(&a);
}

TEST_MAIN("syncml.xml", TEST_OF("S-507", puts_every_deviation_right), TEST(takes_what_stands_around_a_document),
          TEST(takes_utf_16_by_its_bom), TEST_OF("S-505", refuses_what_is_no_message), TEST(says_where_it_is_wrong),
          TEST_OF("S-506", keeps_its_ceilings), TEST(survives_running_out_of_memory),
          TEST(uses_one_parser_for_each_thread), TEST(borrows_what_it_can))
