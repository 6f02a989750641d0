/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "tests/server/api_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IS(path, want) CU_ASSERT_STRING_EQUAL(api_fixture_get(s, path), want)

#define WORK(vm)                                                                                                       \
    "# who it is for\napiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: work, authority: acme-it}\nspec:\n"     \
    "  selector: 'label.department == \"sales\"'\n  vm:\n    id: corp\n" vm
static const char policy[] = "/api/v1/policies/work";

static struct api_fixture *begin(void)
{
    struct api_fixture *s = api_fixture_begin();
    api_fixture_device(s, "a", "{\"department\":\"sales\"}");
    api_fixture_device(s, "b", "{\"department\":\"field\"}");
    api_fixture_device(s, "c", "{\"department\":\"sales\"}");
    api_fixture_sql(s, "DELETE FROM notification");
    return s;
}

static void applies_a_policy_and_keeps_its_revisions(void)
{
    struct api_fixture *s = begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, WORK("    state: running\n")), 201);
    IS("policy", "work");
    IS("revision", "1");
    IS("changed", "true");
    IS("affected", "2");
    IS("unknown", "0");
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM notification"), 2);
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, WORK("    state: 'running'  # the same\n")), 200);
    IS("changed", "false");
    IS("revision", "1");
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, WORK("    state: stopped\n")), 200);
    IS("revision", "2");
    IS("changed", "true");
    CU_ASSERT_STRING_EQUAL(api_fixture_header(s, "ETag"), "\"2\"");
    s->headers = "If-Match: \"1\"\r\n";
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, WORK("    state: absent\n")), 412);
    s->headers = "If-Match: \"2\"\r\n";
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, WORK("    state: absent\n")), 200);

    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", policy, NULL), 200);
    IS("revision", "3");
    IS("spec.vm.state", "absent");
    CU_ASSERT_EQUAL(strncmp(api_fixture_get(s, "document"), "# who it is for\n", 16), 0);
    s->headers = "Accept: application/yaml\r\n";
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", policy, NULL), 200);
    CU_ASSERT_STRING_EQUAL(s->body, WORK("    state: absent\n"));
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/policies/work/revisions", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 3);
    IS("items.0.inForce", "true");
    IS("items.1.inForce", "false");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/policies/work/revisions/2", NULL), 200);
    IS("spec.vm.state", "stopped");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/policies/work/revisions/9", NULL), 404);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/policies", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 1);
    api_fixture_end(s);
}

static void deletes_and_brings_back(void)
{
    struct api_fixture *s = begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, WORK("    state: running\n")), 201);
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", policy, NULL), 204);
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", policy, NULL), 404);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/policies", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 0);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", policy, NULL), 200); /* its history stays */
    CU_ASSERT_STRING_NOT_EQUAL(api_fixture_get(s, "deleted"), "");
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, WORK("    state: running\n")), 200);
    IS("changed", "true");
    IS("revision", "2");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/policies", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 1);
    api_fixture_end(s);
}

static void says_what_is_wrong_with_a_document_and_where(void)
{
    static const struct {
        const char *text;
        int status;
        const char *line, *pointer;
    } row[] = {
        { "", 400, "", "" },
        { "nonsense: [", 422, "", "" },
        { WORK("    state: flying\n"), 422, "9", "/spec/vm/state" },
        { WORK("    colour: red\n"), 422, "9", "/spec/vm/colour" },
        { WORK("    resources: {cpu: {vcpus: many}}\n"), 422, "9", "/spec/vm/resources/cpu/vcpus" },
    };
    struct api_fixture *s = begin();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, row[i].text), row[i].status);
        CU_ASSERT_STRING_EQUAL(api_fixture_header(s, "Content-Type"), "application/problem+json");
        if (row[i].line[0]) IS("errors.0.line", row[i].line);
        IS("pointer", row[i].pointer);
        if (row[i].pointer[0]) IS("errors.0.pointer", row[i].pointer);
        CU_ASSERT(strlen(api_fixture_get(s, "detail")) > 5);
    }
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, WORK("    state: flying\n    colour: red\n")), 422);
    CU_ASSERT_EQUAL(api_fixture_count(s, "errors"), 2);
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", "/api/v1/policies/other", WORK("    state: running\n")), 400);
    IS("pointer", "/metadata/name");
    CU_ASSERT_EQUAL(
        api_fixture_call(s, "PUT", policy, WORK("    state: running\n") "---\n" WORK("    state: running\n")), 400);
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM policy"), 0);
    api_fixture_end(s);
}

static void validates_a_stream_with_the_right_lines(void)
{
    struct api_fixture *s = begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/policies:validate",
                                     "---\n" WORK("    state: running\n") "---\n" WORK("    locked: true\n")),
                    200);
    IS("valid", "true");
    CU_ASSERT_EQUAL(api_fixture_count(s, "policies"), 2);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/policies:validate",
                                     WORK("    state: running\n") "---\n" WORK("    state: flying\n")),
                    422);
    IS("errors.0.line", "19");
    CU_ASSERT_EQUAL(
        api_fixture_call(s, "POST", "/api/v1/policies:validate",
                         "{\"apiVersion\":\"dmvisor/v1\",\"kind\":\"VmPolicy\",\"metadata\":{\"name\":\"j\"},"
                         "\"spec\":{\"selector\":\"label.a\",\"vm\":{\"id\":\"corp\",\"state\":\"running\"}}}"),
        200);
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM policy"), 0);
    api_fixture_end(s);
}

static void previews_what_enforcement_would_do(void)
{
    struct api_fixture *s = begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/policies:preview", WORK("    state: running\n")), 200);
    IS("affected", "2");
    IS("devices.0", "a");
    IS("devices.1", "c");
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/policies:preview?device=a",
                                     WORK("    state: running\n    image: corp:1.0\n")),
                    200);
    IS("device.id", "a");
    IS("device.desired.vms.0.id", "corp");
    IS("device.desired.vms.0.state.value", "running");
    CU_ASSERT_STRING_NOT_EQUAL(api_fixture_get(s, "device.desired.vms.0.problem"), "");
    CU_ASSERT(api_fixture_count(s, "device.steps") > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_get(s, "device.syncml"), "<SyncML"));
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM policy"), 0);

    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, WORK("    state: running\n    image: corp:1.0\n")), 201);
    CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_get(s, "warnings.0"), "corp:1.0"));
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/a/desired", NULL), 200);
    IS("vms.0.state.policy", "work");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/a/preview", NULL), 200);
    IS("settled", "false");
    CU_ASSERT(api_fixture_count(s, "steps") > 0);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/b/desired", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "vms"), 0);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/a/vms", NULL), 200);
    IS("items.0.id", "corp");
    IS("items.0.stateText", "missing");
    IS("items.0.goal", "running");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/z/preview", NULL), 404);
    api_fixture_end(s);
}

static void shows_how_far_a_policy_is(void)
{
    struct api_fixture *s = begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, WORK("    state: running\n")), 201);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", policy, NULL), 200);
    IS("devices.pending", "2"); /* nobody has fetched it yet */
    IS("devices.settled", "");
    api_fixture_sql(
        s,
        "UPDATE assignment SET state = 'settled', why = '' WHERE device_id = 1; UPDATE assignment SET state = 'waiting', why = 'image is coming' WHERE device_id = 3");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", policy, NULL), 200);
    IS("devices.settled", "1");
    IS("devices.waiting", "1");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/policies/work/devices", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 2);
    IS("items.1.why", "image is coming");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/policies/work/devices?state=settled", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 1);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/a", NULL), 200);
    IS("policies.0.name", "work");
    IS("policies.0.selected", "true");
    api_fixture_end(s);
}

/* ---- two management objects ---- */

/* The shipped layout for another object, with one setting more. */
static void write_other_layout(char file[64])
{
    static const char mo[] = "\nmo: urn:oma:mo:x-virmo:1.0", vm[] = "\nvm:\n  settings:\n";
    static char text[200000];
    const char *root = getenv("DMVISOR_SOURCE");
    char shipped[512];
    snprintf(shipped, sizeof shipped, "%s/ddf/layout/x-virmo-1.0.yaml", root ? root : ".");
    FILE *in = fopen(shipped, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(in);
    text[fread(text, 1, sizeof text - 1, in)] = '\0';
    fclose(in);
    char *at_mo = strstr(text, mo), *at_vm = strstr(text, vm);
    CU_ASSERT_FATAL(at_mo && at_vm && at_mo < at_vm);
    strcpy(file, "/tmp/dmvisor-layout-XXXXXX");
    int fd = mkstemp(file);
    CU_ASSERT_FATAL(fd >= 0);
    FILE *out = fdopen(fd, "w");
    fprintf(
        out,
        "%.*s\nmo: urn:oma:mo:x-other:1.0%.*s%s    turbo: {path: Turbo, format: bool, kind: bool, change: live}\n%s",
        (int)(at_mo - text), text, (int)(at_vm - at_mo - (long)strlen(mo)), at_mo + strlen(mo), vm, at_vm + strlen(vm));
    fclose(out);
}

#define TURBO(who)                                                                                                     \
    "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: work, authority: acme-it}\nspec:\n"                      \
    "  selector: '" who "'\n  vm:\n    id: corp\n    state: running\n    turbo: true\n"

static void a_document_holds_for_each_layout_that_it_can_meet(void)
{
    char file[64];
    write_other_layout(file);
    api_fixture_more_layout = file;
    struct api_fixture *s = begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, TURBO("true")), 422); /* no device has said what it has */
    CU_ASSERT_EQUAL(api_fixture_int(s, "errors.0.line"), 9);
    CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_get(s, "errors.0.detail"), "(layout urn:oma:mo:x-virmo:1.0)"));
    CU_ASSERT_EQUAL(api_fixture_count(s, "errors"), 1);
    api_fixture_sql(s, "UPDATE device SET layout_mo = 'urn:oma:mo:x-virmo:1.0'");
    api_fixture_sql(s, "UPDATE device SET layout_mo = 'urn:oma:mo:x-other:1.0' WHERE name = 'b'");
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, TURBO("true")), 422);
    CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_get(s, "errors.0.detail"), "(layout urn:oma:mo:x-virmo:1.0)"));
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, TURBO("label.department == \"sales\"")), 422);
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, TURBO("label.department == \"field\"")), 201);
    IS("affected", "1");
    /* What is wrong in all of them is told once, and of none in particular. */
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", policy, WORK("    state: running\n    colour: red\n")), 422);
    CU_ASSERT_EQUAL(api_fixture_count(s, "errors"), 1);
    CU_ASSERT_PTR_NULL(strstr(api_fixture_get(s, "errors.0.detail"), "layout urn:"));
    /* Shown as stored: what one of its layouts refuses since is named. */
    api_fixture_sql(s, "UPDATE device SET layout_mo = 'urn:oma:mo:x-virmo:1.0'");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", policy, NULL), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_get(s, "needsAttention.0"), "turbo"));
    api_fixture_end(s);
    api_fixture_more_layout = NULL;
    unlink(file);
}

TEST_MAIN("server.api.policies", TEST(a_document_holds_for_each_layout_that_it_can_meet),
          TEST(applies_a_policy_and_keeps_its_revisions), TEST(deletes_and_brings_back),
          TEST(says_what_is_wrong_with_a_document_and_where), TEST(validates_a_stream_with_the_right_lines),
          TEST(previews_what_enforcement_would_do), TEST(shows_how_far_a_policy_is))
