/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "tests/server/api_fixture.h"

#include <string.h>

#define IS(path, want) CU_ASSERT_STRING_EQUAL(api_fixture_get(s, path), want)
#define SAYS(path, part)                                                                                               \
    do {                                                                                                               \
        if (!strstr(api_fixture_get(s, path), part)) printf("%s\n", api_fixture_get(s, path));                         \
        CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_get(s, path), part));                                                \
    } while (0)

#define WORK(vcpus)                                                                                                    \
    "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: work, authority: acme-it}\nspec:\n"                      \
    "  selector: 'label.department == \"sales\"'\n  vm: {id: corp, resources: {cpu: {vcpus: " vcpus                    \
    ", maxVcpus: 8}}}\n"
#define VCPUS(max)                                                                                                       \
    "<MgmtTree xmlns:MSFT=\"http://schemas.microsoft.com/MobileDevice/DM\"><VerDTD>1.2</VerDTD><Node><NodeName>VCPUs"    \
    "</NodeName><Path>./Virtualization/VM/*/Resources/CPU</Path><DFProperties><AccessType><Get/><Replace/></AccessType>" \
    "<DFFormat><int/></DFFormat><DFType><MIME>text/plain</MIME></DFType>"                                                \
    "<MSFT:AllowedValues ValueType=\"Range\"><MSFT:Value>[1-" max "]</MSFT:Value></MSFT:AllowedValues>"                  \
    "</DFProperties></Node></MgmtTree>"
static const char policy[] = "/api/v1/policies/work", all[] = "/api/v1/descriptions";

static void model(struct api_fixture *s, const char *device, const char *mod)
{
    char text[400];
    snprintf(
        text, sizeof text,
        "INSERT INTO attribute_row (device_id, name, value) SELECT device_id, 'devinfo.man', 'Acme' FROM device WHERE name = '%s';"
        " INSERT INTO attribute_row (device_id, name, value) SELECT device_id, 'devinfo.mod', '%s' FROM device WHERE name = '%s'",
        device, mod, device);
    api_fixture_sql(s, text);
}

static struct api_fixture *begin(void)
{
    struct api_fixture *s = api_fixture_begin();
    static const char *const devices[] = { "a", "b", "c", "d" };
    for (int i = 0; i < 4; i++)
        api_fixture_device(s, devices[i], i == 3 ? "{\"department\":\"field\"}" : "{\"department\":\"sales\"}");
    model(s, "a", "Small");
    model(s, "b", "Small");
    model(s, "c", "Big");
    model(s, "d", "Small");
    return s;
}

static void a_policy_says_for_how_many_devices_a_description_rules_it_out(void)
{
    struct api_fixture *s = begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/policies:preview", WORK("2")), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "warnings"), 0);
    CU_ASSERT_EQUAL(
        api_fixture_call(s, "POST", "/api/v1/descriptions?name=small&manufacturer=Acme&model=Small", VCPUS("1")), 201);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/policies:preview", WORK("2")), 200);
    IS("affected", "3");
    CU_ASSERT_EQUAL(api_fixture_count(s, "warnings"), 1);
    SAYS("warnings.0", "policy work: resources.cpu.vcpus = 2 will not be sent to 2 devices: ");
    SAYS("warnings.0",
         "./Virtualization/VM/corp/Resources/CPU/VCPUs (description small): \"2\" is not allowed for VCPUs");
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/policies:preview", WORK("1")), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "warnings"), 0);
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, WORK("2")), 201);
    CU_ASSERT_EQUAL(api_fixture_count(s, "warnings"), 1);
    /* The device's own preview is by its own description. */
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/a/desired", NULL), 200);
    IS("vms.0.values.1.name", "resources.cpu.vcpus");
    api_fixture_end(s);
}

static void who_is_concerned_is_planned_anew_and_not_in_the_request(void)
{
    struct api_fixture *s = begin();
    CU_ASSERT_EQUAL(
        api_fixture_call(s, "POST", "/api/v1/descriptions?name=x&manufacturer=Acme&model=Small", VCPUS("1")), 201);
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM replan"),
                    0); /* without policies there is nothing to plan */
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, WORK("2")), 201);
    api_fixture_sql(s, "UPDATE device SET observed_generation = generation");
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/descriptions?name=x&manufacturer=Acme&model=Big", VCPUS("2")),
                    200);
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM replan WHERE man = 'Acme'"),
                    2); /* those it was for, and is for */
    CU_ASSERT_EQUAL(
        api_fixture_sql_int(s, "SELECT count(*) FROM replan WHERE mod = 'Big' AND why = 'description x replaced'"), 1);
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM device WHERE observed_generation < generation"), 0);
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", "/api/v1/descriptions/x", NULL), 204);
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM replan WHERE why = 'description x deleted'"), 1);
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", "/api/v1/descriptions/x", NULL), 404);
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM replan"), 3);
    api_fixture_end(s);
}

/* Beside each other stand only those that may be meant for one device. */
static void as_many_for_many_models_or_for_one_as_one_likes(void)
{
    struct api_fixture *s = begin();
    for (int i = 0; i < 60; i++)
        CU_ASSERT_EQUAL(api_fixture_callf(s, "POST", VCPUS("2"), "%s?name=m%d&manufacturer=Acme&model=M%d", all, i, i),
                        201);
    for (int i = 0; i < 52; i++)
        CU_ASSERT_EQUAL(api_fixture_callf(s, "POST", VCPUS("2"), "%s?name=s%d&manufacturer=Acme&model=Small", all, i),
                        201);
    api_fixture_sql(
        s, "WITH RECURSIVE n(i) AS (SELECT 52 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)"
           " INSERT INTO description (authority_id, name, man, mod, mo, objects, nodes, bytes, data, created_ms,"
           " created_by) SELECT authority_id, 's' || i, man, mod, mo, objects, nodes, bytes, data, created_ms,"
           " created_by FROM description, n WHERE name = 's0'");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/a/tree/description?uri=./Virtualization", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_callf(s, "POST", VCPUS("2"), "%s?name=s49&manufacturer=Acme&model=Small", all), 200);
    api_fixture_end(s);
}

static void tells_a_form_all_it_wants_to_know(void)
{
    static const char ddf[] =
        "<MgmtTree xmlns:MSFT=\"http://schemas.microsoft.com/MobileDevice/DM\"><VerDTD>1.2</VerDTD><Node><NodeName>Csp</NodeName>"
        "<Path>./Vendor</Path><DFProperties><AccessType><Get/></AccessType><DFFormat><node/></DFFormat><Scope><Permanent/></Scope>"
        "<DFType><DDFName>urn:acme:csp</DDFName></DFType><CaseSense><CIS/></CaseSense><MSFT:Applicability><MSFT:OsBuildVersion>10.0.1"
        "</MSFT:OsBuildVersion></MSFT:Applicability></DFProperties>"
        "<Node><NodeName>Mode</NodeName><DFProperties><AccessType><Add/><Delete/><Get/><Replace/></AccessType><DefaultValue>0"
        "</DefaultValue><Description>How it goes</Description><DFFormat><int/></DFFormat><Occurrence><ZeroOrOne/></Occurrence>"
        "<DFTitle>Mode</DFTitle><DFType><MIME>text/plain</MIME></DFType><MSFT:AllowedValues ValueType=\"ENUM\"><MSFT:Enum>"
        "<MSFT:Value>0</MSFT:Value><MSFT:ValueDescription>Off</MSFT:ValueDescription></MSFT:Enum><MSFT:Enum><MSFT:Value>1"
        "</MSFT:Value></MSFT:Enum><MSFT:List Delimiter=\";\"/></MSFT:AllowedValues><MSFT:ConflictResolution>LastWrite"
        "</MSFT:ConflictResolution><MSFT:Deprecated OsBuildDeprecated=\"10.0.9\"/><MSFT:RebootBehavior>Automatic"
        "</MSFT:RebootBehavior></DFProperties></Node>"
        "<Node><NodeName>Schema</NodeName><DFProperties><AccessType><Replace/></AccessType><DFFormat><xml/></DFFormat>"
        "<Occurrence><One/></Occurrence><MSFT:AllowedValues ValueType=\"XSD\"><MSFT:Value><![CDATA[<x/>]]></MSFT:Value></MSFT:AllowedValues>"
        "</DFProperties></Node>"
        "<Node><NodeName/><DFProperties><AccessType><Add/></AccessType><DFFormat><node/></DFFormat><Occurrence><ZeroOrN>7</ZeroOrN>"
        "</Occurrence><MSFT:DynamicNodeNaming><MSFT:UniqueName>[a-z]+</MSFT:UniqueName></MSFT:DynamicNodeNaming></DFProperties>"
        "<Node><NodeName>Rex</NodeName><DFProperties><AccessType><Replace/></AccessType><DFFormat><chr/></DFFormat>"
        "<MSFT:AllowedValues ValueType=\"RegEx\"><MSFT:Value>[0-9]{2}</MSFT:Value></MSFT:AllowedValues></DFProperties></Node></Node>"
        "</Node></MgmtTree>";
    struct api_fixture *s = begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/descriptions?name=csp", ddf), 201);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/a/tree/description?uri=./vendor/csp", NULL), 404);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/a/tree/description?uri=./Vendor/csp", NULL), 200);
    IS("document", "csp");
    IS("object", "urn:acme:csp");
    IS("permanent", "true");
    IS("ignoreCase", "true");
    IS("notes.osBuild", "10.0.1");
    CU_ASSERT_EQUAL(api_fixture_count(s, "children"), 3);
    IS("children.0.title", "Mode");
    IS("children.0.description", "How it goes");
    IS("children.0.format", "int");
    IS("children.0.mime", "text/plain");
    IS("children.0.default", "0");
    IS("children.0.permanent", "false");
    IS("children.0.minOccurs", "0");
    IS("children.0.maxOccurs", "1");
    IS("children.0.safest", "last write");
    IS("children.0.allowed.kind", "enum");
    IS("children.0.allowed.list", "true");
    IS("children.0.allowed.delimiter", ";");
    IS("children.0.allowed.values.0.label", "Off");
    IS("children.0.allowed.values.1.label", "1");
    IS("children.0.notes.deprecated", "true");
    IS("children.0.notes.deprecatedSince", "10.0.9");
    IS("children.0.notes.reboot", "Automatic");
    IS("children.0.notes.osBuild", "10.0.1"); /* what is said of the node above holds below it */
    IS("children.1.allowed.kind", "other");
    IS("children.1.allowed.type", "XSD");
    IS("children.1.allowed.text", "<x/>");
    IS("children.2.name", "");
    IS("children.2.maxOccurs", "7");
    IS("children.2.notes.names", "unique");
    IS("children.2.notes.namePattern", "[a-z]+");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/a/tree/description?uri=./Vendor/Csp/x/Rex", NULL), 200);
    IS("allowed.kind", "pattern");
    IS("allowed.pattern", "[0-9]{2}");
    api_fixture_end(s);
}

TEST_MAIN("server.api_descriptions", TEST(a_policy_says_for_how_many_devices_a_description_rules_it_out),
          TEST(who_is_concerned_is_planned_anew_and_not_in_the_request),
          TEST(as_many_for_many_models_or_for_one_as_one_likes), TEST(tells_a_form_all_it_wants_to_know))
