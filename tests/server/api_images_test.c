/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "tests/server/api_fixture.h"

#include "base/crypto.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IS(path, want)     CU_ASSERT_STRING_EQUAL(api_fixture_get(s, path), want)
#define NEW(name, version) "/api/v1/images?name=" name "&version=" version "&guestType=linux&arch=aarch64&format=raw"

static int files(struct api_fixture *s, const char *sub)
{
    char path[300];
    int n = 0;
    snprintf(path, sizeof path, "%s/%s", s->images_dir, sub);
    DIR *d = opendir(path);
    for (struct dirent *f; d && (f = readdir(d)) != NULL;)
        n += f->d_name[0] != '.' && strcmp(f->d_name, "incoming") != 0;
    if (d) closedir(d);
    return n;
}

static void stores_an_image_under_its_hash(void)
{
    static const char hello[] = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    struct api_fixture *s = api_fixture_begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", NEW("corp-android", "4.2.0"), "hello"), 201);
    IS("sha256", hello);
    IS("size", "5");
    IS("nodeName", "corp-an-5a2b60f3"); /* of the authority and the content */
    CU_ASSERT_STRING_EQUAL(api_fixture_header(s, "Location"), "/api/v1/images/corp-android/4.2.0");
    CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_get(s, "url"), "http://127.0.0.1:9/images"));
    CU_ASSERT_EQUAL(files(s, ""), 1);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", NEW("corp-android", "4.2.0"), "hello"), 200);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", NEW("corp-android", "4.2.0"), "other"), 409);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/images/corp-android/4.2.0", NULL), 200);
    IS("sha256", hello);
    s->headers = "Content-SHA256: 2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824\r\n";
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", NEW("twin", "1.0"), "hello"), 201);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/images", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 2);
    int before = files(s, "");
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", "/api/v1/images/corp-android/4.2.0", NULL), 204);
    CU_ASSERT_EQUAL(files(s, ""), before); /* twin has the same file */
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", "/api/v1/images/twin/1.0", NULL), 204);
    CU_ASSERT_EQUAL(files(s, ""), before - 1);
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", "/api/v1/images/twin/1.0", NULL), 404);
    CU_ASSERT_EQUAL(files(s, "incoming"), 0);
    api_fixture_end(s);
}

static void refuses_uploads_before_they_come(void)
{
    static const struct {
        const char *path;
        int status;
        const char *word;
    } row[] = {
        { "/api/v1/images", 400, "name" },
        { "/api/v1/images?name=a%20b&version=1.0&guestType=linux&arch=aarch64&format=raw", 400, "name" },
        { NEW("a", "one"), 400, "version" },
        { NEW("a", "1..0"), 400, "version" },
        { "/api/v1/images?name=a&version=1.0&guestType=toaster&arch=aarch64&format=raw", 400, "guestType" },
        { "/api/v1/images?name=a&version=1.0&guestType=linux&arch=z80&format=raw", 400, "arch" },
        { "/api/v1/images?name=a&version=1.0&guestType=linux&arch=aarch64&format=zip", 400, "format" },
    };
    struct api_fixture *s = api_fixture_begin();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        CU_ASSERT_EQUAL(api_fixture_call(s, "POST", row[i].path, "hello"), row[i].status);
        CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_get(s, "detail"), row[i].word));
    }
    s->headers = "Content-SHA256: abc\r\n";
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", NEW("a", "1.0"), "hello"), 400);
    s->token = "";
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", NEW("a", "1.0"), "hello"), 401);
    s->token = api_fixture_token(s, "viewer", NULL);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", NEW("a", "1.0"), "hello"), 403);
    CU_ASSERT_EQUAL(files(s, ""), 0);
    CU_ASSERT_EQUAL(files(s, "incoming"), 0);
    api_fixture_end(s);
}

static void refuses_what_is_damaged_or_too_large(void)
{
    struct api_fixture *s = api_fixture_begin();
    s->headers = "Content-SHA256: 00000000000000000000000000000000000000000000000000000000000000ff\r\n";
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", NEW("a", "1.0"), "hello"), 422);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", NEW("a", "1.0"), ""), 422);
    char *big = malloc((1 << 20) + 2);
    memset(big, 'x', (1 << 20) + 1);
    big[(1 << 20) + 1] = '\0';
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", NEW("a", "1.0"), big), 413);
    big[1 << 20] = '\0';
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", NEW("a", "1.0"), big), 201);
    free(big);
    CU_ASSERT_EQUAL(files(s, "incoming"), 0);
    api_fixture_end(s);
}

static void an_image_in_use_stays_and_one_that_was_waited_for_calls(void)
{
    static const char doc[] =
        "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: work}\nspec:\n  selector: 'label.department'\n"
        "  vm: {id: corp, state: running, image: 'corp:1.0'}\n";
    struct api_fixture *s = api_fixture_begin();
    api_fixture_device(s, "phone", "{\"department\":\"sales\"}");
    CU_ASSERT_EQUAL(api_fixture_call(s, "PUT", "/api/v1/policies/work", doc), 201);
    api_fixture_sql(s, "DELETE FROM notification");
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", NEW("corp", "1.0"), "hello"), 201);
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM notification"), 1);
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", "/api/v1/images/corp/1.0", NULL), 409);
    CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_get(s, "detail"), "policy work"));
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", "/api/v1/policies/work", NULL), 204);
    api_fixture_vm(s, "phone", "corp", 50, 30);
    api_fixture_sql(s, "UPDATE vm SET image = (SELECT node_name FROM image)");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone/vms/corp", NULL), 200);
    IS("image", "corp:1.0");
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", "/api/v1/images/corp/1.0", NULL), 409);
    api_fixture_sql(s, "DELETE FROM vm");
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", "/api/v1/images/corp/1.0", NULL), 204);
    api_fixture_end(s);
}

TEST_MAIN("server.api.images", TEST(stores_an_image_under_its_hash), TEST(refuses_uploads_before_they_come),
          TEST(refuses_what_is_damaged_or_too_large), TEST(an_image_in_use_stays_and_one_that_was_waited_for_calls))
