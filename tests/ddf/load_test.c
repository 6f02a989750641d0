/* SPDX-License-Identifier: Apache-2.0 */
/* Other people's description files: what is tolerated, what is refused, and that a failure changes nothing. */
#include "base/buf.h"
#include "ddf/schema_int.h"
#include "ddf/xml.h"
#include "tests/lib/test.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DF(access, format)                                                                                             \
    "<DFProperties><AccessType>" access "</AccessType><DFFormat><" format "/></DFFormat></DFProperties>"
#define LEAF(name) "<Node><NodeName>" name "</NodeName>" DF("<Get/><Replace/>", "chr") "</Node>"
#define TREE(body) "<MgmtTree><VerDTD>1.2</VerDTD>" body "</MgmtTree>"

static struct ddf_schema *loaded(const char *text)
{
    struct ddf_schema *s = ddf_schema_create();
    struct err e = { 0 };
    char out[800];
    enum rc rc = ddf_schema_load(s, str_of(text), "test.ddf", &e);
    if (rc) fprintf(stderr, "%s\n", err_format(&e, out, sizeof out));
    CU_ASSERT_EQUAL_FATAL(rc, RC_OK);
    return s;
}

static const struct ddf_node *at(const struct ddf_schema *s, const char *uri)
{
    const struct ddf_node *n = ddf_schema_find(s, str_of(uri));
    if (!n) fprintf(stderr, "%s is not described\n", uri);
    CU_ASSERT_PTR_NOT_NULL_FATAL(n);
    return n;
}

/* ddf-tnds.md 1.1, with all that a description can say. */
static void reads_a_standard_description(void)
{
    struct ddf_schema *s = loaded(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<!DOCTYPE MgmtTree PUBLIC \"-//OMA//DTD-DM-DDF 1.2//EN\" \"http://www.openmobilealliance.org/tech/DTD/DM_DDF-V1_2.dtd\">\n"
        "<MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD><Man>Acme</Man><Mod>Router-9</Mod>"
        "<Node><NodeName>Wifi</NodeName><Path>./Acme</Path><DFProperties><AccessType><Get/><Add/></AccessType>"
        "<Description>Wireless &amp; profiles</Description><DFFormat><node/></DFFormat><Occurrence><One/></Occurrence>"
        "<Scope><Permanent/></Scope><DFType><DDFName>com.acme/1.0/Wifi</DDFName></DFType><CaseSense><CIS/></CaseSense></DFProperties>"
        "<Node><NodeName/><DFProperties><AccessType><Get/><Add/><Delete/></AccessType><DFFormat><node/></DFFormat>"
        "<Occurrence><ZeroOrN>8</ZeroOrN></Occurrence><Scope><Dynamic/></Scope><DFTitle>Profile</DFTitle>"
        "<DFType><DDFName/></DFType></DFProperties>"
        "<Node><NodeName>SSID</NodeName><RTProperties><ACL/><Format><chr/></Format><Type><MIME>text/plain</MIME></Type></RTProperties>"
        "<DFProperties><AccessType><Get/><Add/><Replace/></AccessType><DefaultValue>home</DefaultValue><DFFormat><chr/></DFFormat>"
        "<Occurrence><OneOrMore/></Occurrence><DFType><MIME>text/plain</MIME><MIME>text/xml</MIME></DFType></DFProperties></Node>"
        "</Node></Node></MgmtTree>");
    const struct ddf_node *wifi = at(s, "./Acme/Wifi"), *profile = at(s, "./Acme/Wifi/Home"),
                          *ssid = at(s, "./Acme/Wifi/Home/SSID");
    CU_ASSERT_EQUAL(wifi->access, DDF_GET | DDF_ADD);
    CU_ASSERT(str_is(wifi->description, "Wireless & profiles"));
    CU_ASSERT(str_is(wifi->ddf_name, "com.acme/1.0/Wifi"));
    CU_ASSERT(wifi->permanent);
    CU_ASSERT_EQUAL(wifi->format, DDF_NODE);
    CU_ASSERT_EQUAL(profile->name.n, 0);
    CU_ASSERT_EQUAL(profile->min_occurs, 0);
    CU_ASSERT_EQUAL(profile->max_occurs, 8);
    CU_ASSERT(str_is(profile->title, "Profile"));
    CU_ASSERT_FALSE(profile->permanent);
    CU_ASSERT_EQUAL(ssid->access, DDF_GET | DDF_ADD | DDF_REPLACE);
    CU_ASSERT(ssid->has_default && str_is(ssid->default_value, "home"));
    CU_ASSERT_EQUAL(ssid->min_occurs, 1);
    CU_ASSERT_EQUAL(ssid->max_occurs, UINT_MAX);
    CU_ASSERT(str_is(ssid->mime, "text/plain text/xml"));
    CU_ASSERT_PTR_EQUAL(ssid->parent, profile);
    /* CIS holds for names below, too; the node above is case sensitive */
    CU_ASSERT_PTR_EQUAL(at(s, "./Acme/WIFI/x/ssid"), ssid);
    CU_ASSERT_PTR_NULL(ddf_schema_find(s, STR("./acme/Wifi")));
    CU_ASSERT_PTR_NOT_NULL(ddf_schema_find(s, STR(".")));
    CU_ASSERT_PTR_NULL(ddf_schema_find(s, STR("./Acme/Wifi/Home/SSID/x")));
    CU_ASSERT_PTR_NULL(ddf_schema_find(s, STR("./Acme/")));
    ddf_schema_destroy(s);
}

/* ddf-tnds.md 3: BOM, CRLF, blank in the FPI, internal subset, no namespace, several roots, properties in any order. */
static void reads_files_as_microsoft_writes_them(void)
{
    struct ddf_schema *s = loaded(
        "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
        "<!DOCTYPE MgmtTree PUBLIC \" -//OMA//DTD-DM-DDF 1.2//EN\" \"http://www.openmobilealliance.org/tech/DTD/DM_DDF-V1_2.dtd\" [\r\n"
        "<?oma-dm-ddf-ver supported-versions=\"1.2\"?>\r\n]>\r\n"
        "<MgmtTree xmlns:MSFT=\"http://schemas.microsoft.com/MobileDevice/DM\">\r\n<VerDTD>1.2</VerDTD>\r\n<MSFT:Diagnostics/>\r\n"
        "<Node>\r\n<NodeName>ExampleCsp</NodeName>\r\n<Path>./Device/Vendor/MSFT</Path>" DF(
            "<Get/>",
            "node") "<Node><NodeName>Level</NodeName><DFProperties><AccessType><Add/><Delete/><Get/><Replace/></AccessType>"
                    "<DFType><MIME/></DFType><Scope><Dynamic/></Scope><Occurrence><ZeroOrOne/></Occurrence><DFFormat><int/></DFFormat>"
                    "<DefaultValue>0</DefaultValue>"
                    "<MSFT:AllowedValues ValueType=\"ENUM\"><MSFT:Enum><MSFT:Value>0</MSFT:Value><MSFT:ValueDescription>Off</MSFT:ValueDescription>"
                    "</MSFT:Enum><MSFT:Enum><MSFT:Value>1</MSFT:Value><MSFT:ValueDescription>On</MSFT:ValueDescription></MSFT:Enum></MSFT:AllowedValues>"
                    "<MSFT:Applicability><MSFT:OsBuildVersion>10.0.17763</MSFT:OsBuildVersion></MSFT:Applicability>"
                    "<MSFT:ConflictResolution>HighestValueMostSecureZeroHasNoLimits</MSFT:ConflictResolution></DFProperties></Node>"
                    "<Node><NodeName>Range</NodeName><DFProperties><AccessType><Get/></AccessType><DFFormat><int/></DFFormat>"
                    "<MSFT:AllowedValues ValueType=\"Range\"><MSFT:Value>[-5,4294967295]</MSFT:Value></MSFT:AllowedValues></DFProperties></Node>"
                    "<Node><NodeName>One</NodeName><DFProperties><AccessType><Get/></AccessType><DFFormat><int/></DFFormat>"
                    "<MSFT:AllowedValues ValueType=\"Range\"><MSFT:Value>[7]</MSFT:Value></MSFT:AllowedValues></DFProperties></Node>"
                    "<Node><NodeName>List</NodeName><DFProperties><AccessType><Get/></AccessType><DFFormat><chr/></DFFormat>"
                    "<MSFT:AllowedValues ValueType=\"RegEx\"><MSFT:List Delimiter=\"0xF000\"/><MSFT:Value><![CDATA[[a-z]+]]></MSFT:Value>"
                    "</MSFT:AllowedValues></DFProperties></Node>"
                    "<Node><NodeName>Admx</NodeName><DFProperties><AccessType><Get/></AccessType><DFFormat><chr/></DFFormat>"
                    "<MSFT:AllowedValues ValueType=\"ADMX\"><MSFT:AdmxBacked Area=\"A\" Name=\"N\" File=\"f.admx\"/></MSFT:AllowedValues></DFProperties></Node>"
                    "<Node><NodeName>Flags</NodeName><DFProperties><AccessType><Get/></AccessType><DFFormat><int/></DFFormat>"
                    "<MSFT:AllowedValues ValueType=\"Flag\"><MSFT:Enum><MSFT:Value>1</MSFT:Value></MSFT:Enum><MSFT:Enum><MSFT:Value>4</MSFT:Value>"
                    "</MSFT:Enum></MSFT:AllowedValues></DFProperties></Node>"
                    "</Node>\r\n"
                    "<Node><NodeName>ExampleCsp</NodeName><Path>./User/Vendor/MSFT/</Path>" DF(
                        "<Get/>", "node") "</Node>\r\n</MgmtTree>");
    const struct ddf_node *level = at(s, "./Device/Vendor/MSFT/ExampleCsp/Level"), *n;
    CU_ASSERT_EQUAL(level->format, DDF_INT);
    CU_ASSERT_EQUAL(level->min_occurs, 0);
    CU_ASSERT_EQUAL(level->max_occurs, 1);
    CU_ASSERT_EQUAL(level->hint, DDF_HINT_HIGHEST_SAFE_ZERO_IS_NONE);
    CU_ASSERT_EQUAL(level->allowed.kind, DDF_ALLOW_ENUM);
    CU_ASSERT_EQUAL_FATAL(level->allowed.n, 2);
    CU_ASSERT(str_is(level->allowed.values[1], "1") && str_is(level->allowed.labels[1], "On"));
    CU_ASSERT_EQUAL(ddf_check_value(level, STR("1"), NULL), RC_OK);
    CU_ASSERT_EQUAL(ddf_check_value(level, STR("2"), NULL), RC_INVALID);
    n = at(s, "./Device/Vendor/MSFT/ExampleCsp/Range");
    CU_ASSERT(n->allowed.kind == DDF_ALLOW_RANGE && n->allowed.min == -5 && n->allowed.max == 4294967295);
    n = at(s, "./Device/Vendor/MSFT/ExampleCsp/One");
    CU_ASSERT(n->allowed.kind == DDF_ALLOW_RANGE && n->allowed.min == 7 && n->allowed.max == 7);
    n = at(s, "./Device/Vendor/MSFT/ExampleCsp/List");
    CU_ASSERT(n->allowed.kind == DDF_ALLOW_REGEX && str_is(n->allowed.list_delimiter, "\xEF\x80\x80"));
    CU_ASSERT_EQUAL(ddf_check_value(n,
                                    STR("ab\xEF\x80\x80"
                                        "cd"),
                                    NULL),
                    RC_OK);
    CU_ASSERT_EQUAL(ddf_check_value(n,
                                    STR("ab\xEF\x80\x80"
                                        "c1"),
                                    NULL),
                    RC_INVALID);
    n = at(s, "./Device/Vendor/MSFT/ExampleCsp/Admx");
    CU_ASSERT_EQUAL(n->allowed.kind, DDF_ALLOW_OTHER);
    CU_ASSERT_EQUAL(ddf_check_value(n, STR("<enabled/>"), NULL), RC_OK);
    n = at(s, "./Device/Vendor/MSFT/ExampleCsp/Flags");
    CU_ASSERT_EQUAL(ddf_check_value(n, STR("5"), NULL), RC_OK);
    CU_ASSERT_EQUAL(ddf_check_value(n, STR("2"), NULL), RC_INVALID);
    at(s, "./User/Vendor/MSFT/ExampleCsp");
    at(s, "./User/Vendor"); /* only known as part of a path */
    ddf_schema_destroy(s);
}

/* ddf-tnds.md 3: what a form or a person wants to know besides. */
static void keeps_what_vendors_say_besides(void)
{
#define NOTED(name, notes)                                                                                             \
    "<Node><NodeName>" name "</NodeName><DFProperties><AccessType><Get/><Replace/></AccessType>" notes                 \
    "<DFFormat><chr/></DFFormat></DFProperties></Node>"
    struct ddf_schema *s = loaded(TREE(
        "<Node><NodeName>Top</NodeName><DFProperties><AccessType><Get/></AccessType><DFFormat><node/></DFFormat>"
        "<MSFT:Applicability><MSFT:OsBuildVersion>10.0.22000, 10.0.19043.1202</MSFT:OsBuildVersion>"
        "<MSFT:CspVersion>1.2</MSFT:CspVersion><MSFT:EditionAllowList>0x4;0x1B;</MSFT:EditionAllowList></MSFT:Applicability>"
        "<MSFT:Future><MSFT:Value>x</MSFT:Value></MSFT:Future></DFProperties>"
        "<Node><NodeName/><DFProperties><AccessType><Add/><Get/></AccessType><DFFormat><node/></DFFormat>"
        "<MSFT:DynamicNodeNaming><MSFT:UniqueName>[a-z]{2,4}</MSFT:UniqueName></MSFT:DynamicNodeNaming></DFProperties></Node>" NOTED(
            "Old",
            "<MSFT:Deprecated OsBuildDeprecated='10.0.18362'/><MSFT:AtomicRequired/>"
            "<MSFT:RebootBehavior>ServerInitiated</MSFT:RebootBehavior><MSFT:GpMapping GpEnglishName='Allow &amp; ask' GpAreaPath='a~b'/>"
            "<MSFT:DependencyBehavior><MSFT:DependencyGroup FriendlyId='g'><MSFT:Dependency Type='DependsOn'>"
            "<MSFT:DependencyUri>Top/Range</MSFT:DependencyUri></MSFT:Dependency><MSFT:Dependency Type='Not'>"
            "<MSFT:DependencyUri>Top/Xsd</MSFT:DependencyUri><MSFT:DependencyAllowedValue ValueType='ENUM'><MSFT:Enum>"
            "<MSFT:Value>1</MSFT:Value></MSFT:Enum></MSFT:DependencyAllowedValue></MSFT:Dependency></MSFT:DependencyGroup>"
            "</MSFT:DependencyBehavior>")
            NOTED("Range",
                  "<MSFT:AllowedValues ValueType='Range'><MSFT:Value>[10-20]</MSFT:Value><MSFT:Value>[1,2]</MSFT:Value>"
                  "<MSFT:Value>[15]</MSFT:Value></MSFT:AllowedValues>")
                NOTED(
                    "Xsd",
                    "<MSFT:AllowedValues ValueType='XSD'><MSFT:Value><![CDATA[<xs:schema/>]]></MSFT:Value></MSFT:AllowedValues>")
                    NOTED(
                        "Admx",
                        "<MSFT:AllowedValues ValueType='ADMX'><MSFT:AdmxBacked Area='A' Name='N' File='f.admx'/></MSFT:AllowedValues>")
                        NOTED("List",
                              "<MSFT:AllowedValues ValueType='ENUM'><MSFT:Enum><MSFT:Value>a</MSFT:Value></MSFT:Enum>"
                              "<MSFT:List Delimiter=''/></MSFT:AllowedValues>") "</Node>"));
    const struct ddf_node *old = at(s, "./Top/Old"), *any = at(s, "./Top/x"), *n;
    const struct ddf_notes *applies = ddf_node_applies(old);
    int status;
    CU_ASSERT_PTR_NOT_NULL_FATAL(applies);
    CU_ASSERT(str_is(applies->os_build, "10.0.22000, 10.0.19043.1202") && str_is(applies->version, "1.2") &&
              str_is(applies->editions, "0x4;0x1B;"));
    CU_ASSERT_PTR_NULL(ddf_node_applies(at(s, ".")));
    CU_ASSERT_PTR_NOT_NULL_FATAL(old->notes);
    CU_ASSERT(old->notes->deprecated && str_is(old->notes->deprecated_since, "10.0.18362"));
    CU_ASSERT(old->notes->atomic_required && str_is(old->notes->reboot, "ServerInitiated"));
    CU_ASSERT(str_is(old->notes->group_policy, "Allow & ask"));
    CU_ASSERT(str_is(old->notes->depends_on, "DependsOn Top/Range\nNot Top/Xsd"));
    CU_ASSERT_EQUAL(old->allowed.kind, DDF_ALLOW_ANY); /* what it depends on is not what it may be */
    CU_ASSERT(str_is(old->document, "test.ddf"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(any->notes);
    CU_ASSERT(any->notes->naming == DDF_NAME_UNIQUE && str_is(any->notes->name_pattern, "[a-z]{2,4}"));
    CU_ASSERT_EQUAL(ddf_check(s, DDF_ADD, STR("./Top/abc"), STR("node"), STR(""), STR(""), false, true, &status, NULL),
                    RC_OK);
    CU_ASSERT_EQUAL(ddf_check(s, DDF_ADD, STR("./Top/ABC"), STR("node"), STR(""), STR(""), false, true, &status, NULL),
                    RC_INVALID);
    CU_ASSERT_EQUAL(status, 400);
    n = at(s, "./Top/Range");
    CU_ASSERT(n->allowed.kind == DDF_ALLOW_RANGE && n->allowed.min == 1 && n->allowed.max == 20);
    CU_ASSERT_PTR_NULL(n->notes);
    n = at(s, "./Top/Xsd");
    CU_ASSERT(n->allowed.kind == DDF_ALLOW_OTHER && str_is(n->allowed.type, "XSD"));
    CU_ASSERT(n->allowed.n == 1 && str_is(n->allowed.values[0], "<xs:schema/>"));
    n = at(s, "./Top/Admx");
    CU_ASSERT(n->allowed.kind == DDF_ALLOW_OTHER && str_is(n->allowed.type, "ADMX") &&
              str_is(n->allowed.values[0], "A/N (f.admx)"));
    n = at(s, "./Top/List"); /* nobody can tell its parts: nothing is refused */
    CU_ASSERT(n->allowed.kind == DDF_ALLOW_ENUM && n->allowed.is_list && n->allowed.n == 1);
    CU_ASSERT_EQUAL(ddf_check_value(n, STR("b"), NULL), RC_OK);
    CU_ASSERT(ddf_schema_bytes(s) > 1000);
    ddf_schema_destroy(s);
}

static void reads_older_files(void)
{
    struct ddf_schema *s = loaded(
        "<!DOCTYPE MgmtTree SYSTEM \"dm.dtd\">"
        "<MgmtTree><VerDTD>1.1.2</VerDTD><Node><NodeName>.</NodeName>"
        "<Node><NodeName>Old</NodeName><Format><int/></Format><Type><MIME>text/plain</MIME></Type></Node>"
        "<Node><NodeName>Bare</NodeName></Node>"
        "<Node><NodeName>Text</NodeName><DFProperties><DFFormat> Chr </DFFormat></DFProperties></Node>"
        "<Node><NodeName>Both</NodeName><RTProperties><Format><bin/></Format></RTProperties>"
        "<DFProperties><DFFormat><b64/></DFFormat></DFProperties></Node>"
        "<Node><NodeName>Turned</NodeName><DFProperties><DFFormat><b64/></DFFormat></DFProperties>"
        "<RTProperties><Format><bin/></Format></RTProperties></Node>"
        "<Node><NodeName>Elsewhere</NodeName><Path>./Deep/*/</Path>" DF(
            "<Exec/>", "null") "</Node>"
                               "<Node><NodeName>Here</NodeName><Path>Relative</Path>" DF(
                                   "<Get/>", "bool") "<Value>true</Value></Node>"
                                                     "<Node><NodeName>&lt;X&gt;</NodeName>" DF("<Get/>", "node")
                                                         LEAF("Leaf") "</Node>"
                                                                      "</Node></MgmtTree>");
    CU_ASSERT_EQUAL(at(s, "./Old")->format, DDF_INT);
    CU_ASSERT_EQUAL(at(s, "./Old")->access, DDF_GET); /* no DFProperties: may be read */
    CU_ASSERT_EQUAL(at(s, "./Old")->min_occurs, 1);   /* no Occurrence: One */
    CU_ASSERT_FALSE(at(s, "./Old")->permanent);       /* no Scope: Dynamic */
    CU_ASSERT_EQUAL(at(s, "./Bare")->format, DDF_CHR);
    CU_ASSERT_EQUAL(at(s, "./Text")->format, DDF_CHR);
    CU_ASSERT_EQUAL(at(s, "./Both")->format, DDF_B64);
    CU_ASSERT_EQUAL(at(s, "./Turned")->format, DDF_B64);
    CU_ASSERT_EQUAL(at(s, "./Deep/any/Elsewhere")->access, DDF_EXEC);
    CU_ASSERT_EQUAL(at(s, "./Deep/any")->name.n, 0);
    CU_ASSERT_EQUAL(at(s, "./Here")->format, DDF_BOOL);
    CU_ASSERT(at(s, "./Here")->has_default && str_is(at(s, "./Here")->default_value, "true"));
    CU_ASSERT(str_is(at(s, "./whatever/Leaf")->name, "Leaf"));
    ddf_schema_destroy(s);
}

static void passes_over_what_it_does_not_know(void)
{
    struct ddf_schema *s = loaded(TREE(
        "<New><Node><NodeName>No</NodeName></Node></New><x:Node xmlns:x=\"urn:x\"><NodeName>Yes</NodeName><MSFT:Undeclared><Node/></MSFT:Undeclared>"
        "<DFProperties><AccessType><Get/><Fly/></AccessType><DFFormat><colour/></DFFormat><Occurrence><Sometimes/></Occurrence>"
        "<Occurrence><ZeroOrN>many</ZeroOrN></Occurrence></DFProperties></x:Node>"));
    CU_ASSERT_PTR_NULL(ddf_schema_find(s, STR("./No")));
    CU_ASSERT_EQUAL(at(s, "./Yes")->access, DDF_GET);
    CU_ASSERT_EQUAL(at(s, "./Yes")->format, DDF_CHR);
    CU_ASSERT_EQUAL(at(s, "./Yes")->max_occurs, UINT_MAX);
    ddf_schema_destroy(s);
}

static void unites_documents(void)
{
    struct ddf_schema *s = loaded(
        TREE("<Node><NodeName>A</NodeName><Path>.</Path>" DF("<Get/>", "node") LEAF("B") "</Node>"));
    const struct ddf_node *a = at(s, "./A");
    CU_ASSERT_EQUAL(ddf_schema_load(s,
                                    STR(TREE("<Node><NodeName>C</NodeName><Path>./A</Path>" DF(
                                        "<Exec/>", "null") "</Node>"
                                                           "<Node><NodeName>B</NodeName><Path>./A</Path>" DF(
                                                               "<Get/>", "int") "</Node>")),
                                    "2", NULL),
                    RC_OK);
    CU_ASSERT_PTR_EQUAL(at(s, "./A"), a);
    CU_ASSERT_EQUAL(a->access, DDF_GET);              /* a Path does not describe the nodes it passes */
    CU_ASSERT_EQUAL(at(s, "./A/B")->format, DDF_INT); /* the later one holds */
    CU_ASSERT_PTR_EQUAL(at(s, "./A/B")->parent, a);
    CU_ASSERT_EQUAL(at(s, "./A/C")->access, DDF_EXEC);
    CU_ASSERT_PTR_EQUAL(ddf_node_child(a, STR("C")), at(s, "./A/C"));
    ddf_schema_destroy(s);
}

static void says_what_is_wrong_and_where(void)
{
    static const struct {
        const char *text;
        enum rc want;
        unsigned line;
        const char *says;
    } row[] = {
        { "", RC_PARSE, 0, "empty" },
        { "plain words", RC_PARSE, 1, "" },
        { "<MgmtTree>\n<Node>\n</MgmtTree>", RC_PARSE, 3, "Node" },
        { "<MgmtTree/>", RC_INVALID, 0, "no node" },
        { "<SyncML/>", RC_INVALID, 1, "SyncML" },
        { "\xFF\xFE<\0", RC_PARSE, 0, "UTF-8" },
        { "<MgmtTree><Node><NodeName>\xE4</NodeName></Node></MgmtTree>", RC_PARSE, 0, "UTF-8" },
        { TREE("\n<Node><NodeName>a/b</NodeName></Node>"), RC_INVALID, 2, "a/b" },
        { TREE("\n<Node><NodeName>a</NodeName><Path>./../b</Path></Node>"), RC_INVALID, 2, "Path" },
        { "<!DOCTYPE MgmtTree [<!ENTITY a \"b\">]>" TREE(LEAF("a")), RC_PARSE, 1, "entity" },
        { "<!DOCTYPE MgmtTree [<!ENTITY % a SYSTEM \"file:///etc/passwd\">%a;]>" TREE(LEAF("a")), RC_PARSE, 1,
          "entity" },
        { "<!DOCTYPE MgmtTree [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>" TREE(LEAF("&a;")), RC_PARSE, 1, "entity" },
        { TREE(LEAF("&a;")), RC_PARSE, 1, "a" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct ddf_schema *s = ddf_schema_create();
        struct err e = { 0 };
        enum rc rc = ddf_schema_load(s, str_of(row[i].text), "bad.ddf", &e);
        if (rc != row[i].want || e.line != row[i].line || !strstr(e.text, row[i].says))
            fprintf(stderr, "row %zu: rc %d line %u: %s\n", i, rc, e.line, e.text);
        CU_ASSERT_EQUAL(rc, row[i].want);
        CU_ASSERT_EQUAL(e.rc, row[i].want);
        CU_ASSERT_EQUAL(e.line, row[i].line);
        CU_ASSERT(str_is(STR("bad.ddf"), e.where));
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, row[i].says));
        CU_ASSERT_PTR_NULL(ddf_schema_find(s, STR("."))->first); /* nothing was changed */
        ddf_schema_destroy(s);
    }
    struct ddf_schema *s = ddf_schema_create();
    struct err e = { 0 };
    CU_ASSERT_EQUAL(ddf_schema_load_file(s, "/nonexistent/x.ddf", &e), RC_IO);
    CU_ASSERT_STRING_EQUAL(e.where, "/nonexistent/x.ddf");
    ddf_schema_destroy(s);
}

/* Ten levels of ten: a billion characters for a parser that believes it. */
static void an_entity_bomb_is_refused_at_its_first_declaration(void)
{
    struct buf b;
    struct ddf_schema *s = ddf_schema_create();
    struct err e = { 0 };
    buf_init(&b, 0);
    buf_putz(&b, "<!DOCTYPE MgmtTree [<!ENTITY l0 \"ha\">");
    for (int i = 1; i < 10; i++) {
        buf_printf(&b, "<!ENTITY l%d \"", i);
        for (int k = 0; k < 10; k++) buf_printf(&b, "&l%d;", i - 1);
        buf_putz(&b, "\">");
    }
    buf_putz(&b, "]><MgmtTree a=\"&l9;\"><Node><NodeName>&l9;</NodeName></Node></MgmtTree>");
    CU_ASSERT_EQUAL(ddf_schema_load(s, buf_str(&b), "bomb", &e), RC_PARSE);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "entity"));
    buf_finish(&b);
    ddf_schema_destroy(s);
}

static enum rc load_buf(struct buf *b)
{
    struct ddf_schema *s = ddf_schema_create();
    struct err e = { 0 };
    enum rc rc = buf_ok(b) ? ddf_schema_load(s, buf_str(b), "big", &e) : RC_INTERNAL;
    ddf_schema_destroy(s);
    buf_finish(b);
    return rc;
}

static void repeat(struct buf *b, const char *text, unsigned n)
{
    while (n--) buf_putz(b, text);
}

static void ceilings_are_ordinary_outcomes(void)
{
    struct buf b;
    for (unsigned depth = DDF_DEPTH; depth <= DDF_DEPTH + 1; depth++) {
        buf_init(&b, 0);
        buf_putz(&b, "<MgmtTree>");
        repeat(&b, "<Node><NodeName>n</NodeName>", depth);
        repeat(&b, "</Node>", depth);
        buf_putz(&b, "</MgmtTree>");
        CU_ASSERT_EQUAL(load_buf(&b), depth == DDF_DEPTH ? RC_OK : RC_LIMIT);
    }
    buf_init(&b, 0);
    buf_putz(&b, "<MgmtTree><Node><NodeName>a</NodeName>");
    repeat(&b, "<x>", DDF_XML_DEPTH);
    CU_ASSERT_EQUAL(load_buf(&b), RC_LIMIT);

    for (unsigned n = DDF_CHILDREN; n <= DDF_CHILDREN + 1; n++) {
        buf_init(&b, 0);
        buf_putz(&b, "<MgmtTree>");
        for (unsigned i = 0; i < n; i++) buf_printf(&b, "<Node><NodeName>n%u</NodeName></Node>", i);
        buf_putz(&b, "</MgmtTree>");
        CU_ASSERT_EQUAL(load_buf(&b), n == DDF_CHILDREN ? RC_OK : RC_LIMIT);
    }
    buf_init(&b, 0); /* each is compared with those before */
    buf_putz(&b, "<MgmtTree><Node><NodeName>a</NodeName><DFProperties><DFType>");
    for (unsigned i = 0; i < 100000; i++) buf_printf(&b, "<MIME>text/x-%u</MIME>", i);
    buf_putz(&b, "</DFType></DFProperties></Node></MgmtTree>");
    CU_ASSERT_EQUAL(load_buf(&b), RC_LIMIT);

    buf_init(&b, 0); /* as one name all are one node, but each was read */
    buf_putz(&b, "<MgmtTree>");
    repeat(&b, "<Node/>", DDF_NODES + 1);
    buf_putz(&b, "</MgmtTree>");
    CU_ASSERT_EQUAL(load_buf(&b), RC_LIMIT);

    buf_init(&b, 0);
    buf_putz(&b, "<MgmtTree><Node><NodeName>");
    repeat(&b, "x", DDF_NODE_NAME_BYTES + 1);
    buf_putz(&b, "</NodeName></Node></MgmtTree>");
    CU_ASSERT_EQUAL(load_buf(&b), RC_LIMIT);

    buf_init(&b, 0); /* an attribute is compared with each other attribute */
    buf_putz(&b, "<MgmtTree><Node ");
    for (unsigned i = 0; i < 200000; i++) buf_printf(&b, "a%u='' ", i);
    buf_putz(&b, "/></MgmtTree>");
    CU_ASSERT_EQUAL(load_buf(&b), RC_LIMIT);

    buf_init(&b, 0);
    buf_putz(&b, "<MgmtTree>");
    repeat(&b, "                ", DDF_BYTES / 16);
    buf_putz(&b, "</MgmtTree>");
    CU_ASSERT_EQUAL(load_buf(&b), RC_LIMIT);
}

/* Together too many: the second document leaves the first as it was. */
static void a_failure_changes_nothing(void)
{
    struct ddf_schema *s = loaded(
        TREE("<Node><NodeName>A</NodeName>" DF("<Get/>", "node") LEAF("B") LEAF("Z") "</Node>"));
    struct buf b;
    buf_init(&b, 0);
    buf_putz(&b, "<MgmtTree><Node><NodeName>B</NodeName><Path>./A</Path>" DF("<Exec/>", "null") "</Node>");
    for (unsigned i = 1; i < DDF_CHILDREN; i++) /* it alone would fit */
        buf_printf(&b, "<Node><NodeName>n%u</NodeName><Path>./A</Path></Node>", i);
    buf_putz(&b, "</MgmtTree>");
    CU_ASSERT_EQUAL(ddf_schema_load(s, buf_str(&b), "second", NULL), RC_LIMIT);
    CU_ASSERT_EQUAL(at(s, "./A/B")->format, DDF_CHR);
    CU_ASSERT_PTR_NULL(ddf_schema_find(s, STR("./A/n1")));
    buf_finish(&b);
    ddf_schema_destroy(s);
    ddf_schema_destroy(NULL);
}

/* Every allocation gets its turn to fail; none may crash or leak. */
static void survives_running_out_of_memory(void)
{
    enum rc rc = RC_NOMEM;
    for (size_t limit = 0; rc == RC_NOMEM; limit += 64) {
        struct schema_doc d = { .n_nodes = 0 };
        CU_ASSERT_FATAL(limit < 100000);
        arena_init(&d.a, limit);
        rc = schema_read(
            STR(TREE(
                "<Node><NodeName>A</NodeName><Path>./x/y</Path><DFProperties><AccessType><Get/></AccessType>"
                "<Description>d</Description><DFFormat><int/></DFFormat><DFType><MIME>a</MIME><MIME>b</MIME></DFType>"
                "<MSFT:AllowedValues ValueType='ENUM'><MSFT:Enum><MSFT:Value>1</MSFT:Value></MSFT:Enum>"
                "</MSFT:AllowedValues><MSFT:Applicability><MSFT:OsBuildVersion>1</MSFT:OsBuildVersion></MSFT:Applicability>"
                "<MSFT:DependencyBehavior><MSFT:DependencyGroup><MSFT:Dependency Type='Not'><MSFT:DependencyUri>A"
                "</MSFT:DependencyUri></MSFT:Dependency></MSFT:DependencyGroup></MSFT:DependencyBehavior></DFProperties>" LEAF(
                    "B") "</Node>")),
            "t", STR("t"), &d, NULL);
        arena_finish(&d.a);
    }
    CU_ASSERT_EQUAL(rc, RC_OK);
}

/* Many children below one node, as vendors' whole devices have them: each is found by its name, also when a later document
 * describes it again or adds others. */
static void many_children_are_united_by_name(void)
{
    enum { CHILDREN = 4000 };
    struct ddf_schema *s = ddf_schema_create();
    for (unsigned round = 0; round < 3; round++) {
        struct buf b;
        buf_init(&b, 0);
        buf_putz(&b, "<MgmtTree><VerDTD>1.2</VerDTD>");
        for (unsigned i = round; i < CHILDREN + round; i++)
            buf_printf(
                &b,
                "<Node><NodeName>N%u</NodeName><Path>./Vendor/Many</Path><DFProperties><AccessType><Get/></AccessType>"
                "<Description>%u</Description><DFFormat><int/></DFFormat></DFProperties></Node>",
                i, round);
        buf_putz(&b, "</MgmtTree>");
        CU_ASSERT_EQUAL_FATAL(ddf_schema_load(s, buf_str(&b), "many", NULL), RC_OK);
        buf_finish(&b);
    }
    for (unsigned i = 0; i < CHILDREN + 2; i++) {
        char uri[64];
        snprintf(uri, sizeof uri, "./Vendor/Many/N%u", i);
        const struct ddf_node *n = ddf_schema_find(s, str_of(uri));
        CU_ASSERT_PTR_NOT_NULL_FATAL(n);
        CU_ASSERT(str_is(n->description, i >= 2 ? "2" : i == 1 ? "1" : "0"));
    }
    unsigned n = 0;
    for (const struct ddf_node *c = ddf_schema_find(s, STR("./Vendor/Many"))->first; c; c = c->next) n++;
    CU_ASSERT_EQUAL(n, CHILDREN + 2);
    ddf_schema_destroy(s);
}

TEST_MAIN("ddf.load", TEST(reads_a_standard_description), TEST(reads_files_as_microsoft_writes_them),
          TEST(keeps_what_vendors_say_besides), TEST(reads_older_files), TEST(passes_over_what_it_does_not_know),
          TEST(unites_documents), TEST(many_children_are_united_by_name), TEST(says_what_is_wrong_and_where),
          TEST(an_entity_bomb_is_refused_at_its_first_declaration), TEST(ceilings_are_ordinary_outcomes),
          TEST(a_failure_changes_nothing), TEST(survives_running_out_of_memory))
