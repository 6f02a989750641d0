/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "tests/server/api_fixture.h"

#include <string.h>

#define IS(path, want) CU_ASSERT_STRING_EQUAL(api_fixture_get(s, path), want)

static void asks_who_is_there(void)
{
    struct api_fixture *s = api_fixture_begin();
    s->token = "";
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices", NULL), 401);
    CU_ASSERT_STRING_EQUAL(api_fixture_header(s, "WWW-Authenticate"), "Bearer realm=\"dmvisor\"");
    CU_ASSERT_STRING_EQUAL(api_fixture_header(s, "Content-Type"), "application/problem+json");
    s->token = "dmv_wrong";
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices", NULL), 401);
    s->token = "";
    s->headers = "Authorization: Basic cm9vdDpyb290\r\n";
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices", NULL), 401);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/healthz", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/readyz", NULL), 200);
    IS("status", "ready");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/openapi.json", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/metrics", NULL), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(s->body, "dmvisor_api_logins_refused_total 3\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(s->body, "\n# EOF\n"));
    s->token = NULL;
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/whoami", NULL), 200);
    IS("name", "root");
    IS("role", "admin");
    IS("authority", "null");
    api_fixture_end(s);
}

static void each_role_may_what_it_may(void)
{
    static const struct {
        const char *role;
        int list, add, audit, tokens;
    } row[] = {
        { "viewer", 200, 403, 403, 403 },
        { "operator", 200, 201, 403, 403 },
        { "admin", 200, 201, 200, 200 },
        { "auditor", 200, 403, 200, 403 },
    };
    struct api_fixture *s = api_fixture_begin();
    for (size_t i = 0; i < 4; i++) {
        char body[60];
        snprintf(body, sizeof body, "{\"id\":\"phone-%zu\"}", i);
        s->token = api_fixture_token(s, row[i].role, NULL);
        CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices", NULL), row[i].list);
        CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", body), row[i].add);
        CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/audit", NULL), row[i].audit);
        CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/tokens", NULL), row[i].tokens);
    }
    api_fixture_end(s);
}

static void makes_and_ends_tokens(void)
{
    struct api_fixture *s = api_fixture_begin();
    char token[API_TOKEN_BYTES], id[20];
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/tokens",
                                     "{\"name\":\"ci\",\"role\":\"operator\",\"authority\":\"acme-it\"}"),
                    201);
    snprintf(token, sizeof token, "%s", api_fixture_get(s, "token"));
    snprintf(id, sizeof id, "%s", api_fixture_get(s, "id"));
    CU_ASSERT_EQUAL(strncmp(token, "dmv_", 4), 0);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/tokens", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 2);
    CU_ASSERT_PTR_NULL(strstr(s->text, token));
    IS("items.1.authority", "acme-it");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/audit", NULL), 200);
    CU_ASSERT_PTR_NULL(strstr(s->text, token));
    s->token = token;
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/whoami", NULL), 200);
    IS("authority", "acme-it");
    s->token = NULL;
    CU_ASSERT_EQUAL(api_fixture_callf(s, "DELETE", NULL, "/api/v1/tokens/%s", id), 204);
    CU_ASSERT_EQUAL(api_fixture_callf(s, "DELETE", NULL, "/api/v1/tokens/%s", id), 404);
    s->token = token;
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/whoami", NULL), 401);
    s->token = NULL;
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", "/api/v1/tokens/1", NULL), 409); /* the last admin */
    api_fixture_sql(s, "INSERT INTO token (token_id, name, role, hash, created_ms, expires_ms)"
                       " VALUES (77, 'over', 'admin', x'00', 1, 2)");
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", "/api/v1/tokens/77", NULL), 204); /* it was none any more */
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/tokens", "{\"name\":\"x\",\"role\":\"king\"}"), 400);
    IS("pointer", "/role");
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/tokens",
                                     "{\"name\":\"x\",\"role\":\"viewer\",\"expires\":\"2001-01-01T00:00:00Z\"}"),
                    400);
    IS("pointer", "/expires");
    s->now_ms = INT64_C(1900000000000);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/tokens",
                                     "{\"name\":\"x\",\"role\":\"viewer\",\"expires\":\"2031-01-01T00:00:00Z\"}"),
                    201);
    snprintf(token, sizeof token, "%s", api_fixture_get(s, "token"));
    s->token = token;
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/whoami", NULL), 200);
    s->now_ms = INT64_C(1930000000000);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/whoami", NULL), 401);
    api_fixture_end(s);
}

static void an_admin_of_one_authority_stays_in_it(void)
{
    struct api_fixture *s = api_fixture_begin();
    api_fixture_sql(s, "INSERT INTO authority (name, server_id, created_ms) VALUES ('operator-x', 'net.x.dm', 1)");
    s->token = api_fixture_token(s, "admin", "operator-x");
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/tokens",
                                     "{\"name\":\"x\",\"role\":\"admin\",\"authority\":\"acme-it\"}"),
                    404);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/tokens", "{\"name\":\"x\",\"role\":\"admin\"}"), 201);
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM token WHERE name = 'x' AND authority_id = 2"), 1);
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", "/api/v1/tokens/1", NULL), 409);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/authorities", NULL), 200);
    CU_ASSERT_EQUAL(api_fixture_count(s, "items"), 1);
    api_fixture_end(s);
}

static void logs_the_console_in_with_a_cookie(void)
{
    struct api_fixture *s = api_fixture_begin();
    char body[100], cookie[200], header[400];
    s->now_ms = INT64_C(1900000000000);
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", s->admin);
    s->token = "";
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/login", "{\"token\":\"dmv_no\"}"), 401);
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/login", body), 200);
    IS("role", "admin");
    snprintf(cookie, sizeof cookie, "%s", api_fixture_header(s, "Set-Cookie"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cookie, "HttpOnly; SameSite=Strict"));
    CU_ASSERT_PTR_NULL(strstr(cookie, s->admin));
    *strchr(cookie, ';') = '\0';

    snprintf(header, sizeof header, "Cookie: other=1; %s\r\n", cookie);
    s->headers = header;
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/whoami", NULL), 200);
    s->headers = header;
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", "{\"id\":\"a\"}"), 201);
    snprintf(header, sizeof header, "Cookie: %s\r\nOrigin: https://evil.example\r\n", cookie);
    s->headers = header;
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", "{\"id\":\"b\"}"), 403);
    snprintf(header, sizeof header, "Cookie: %s\r\nSec-Fetch-Site: cross-site\r\n", cookie);
    s->headers = header;
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", "{\"id\":\"b\"}"), 403);
    snprintf(header, sizeof header, "Cookie: %s\r\nOrigin: http://127.0.0.1\r\n", cookie);
    s->headers = header;
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", "{\"id\":\"b\"}"), 201);
    s->config.api_url = "https://127.0.0.1"; /* behind a proxy with TLS: the same name without it is another site */
    s->headers = header;
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", "{\"id\":\"c\"}"), 403);
    s->config.api_url = NULL;
    s->headers = header;
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/logout", ""), 204);
    s->headers = header;
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/whoami", NULL), 401);

    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/login", body), 200);
    snprintf(cookie, sizeof cookie, "%s", api_fixture_header(s, "Set-Cookie"));
    *strchr(cookie, ';') = '\0';
    snprintf(header, sizeof header, "Cookie: %s\r\n", cookie);
    s->now_ms += INT64_C(12) * 3600 * 1000 - 1;
    s->headers = header;
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/whoami", NULL), 200);
    s->now_ms += 1;
    s->headers = header;
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/whoami", NULL), 401);
    api_fixture_end(s);
}

static void a_repeated_request_acts_once(void)
{
    struct api_fixture *s = api_fixture_begin();
    char first[4000];
    api_fixture_device(s, "phone", NULL);
    s->headers = "Idempotency-Key: k1\r\n";
    CU_ASSERT_EQUAL(api_fixture_call(s, "PATCH", "/api/v1/devices/phone", "{\"title\":\"T\"}"), 200);
    snprintf(first, sizeof first, "%s", s->body);
    CU_ASSERT_EQUAL(api_fixture_call(s, "PATCH", "/api/v1/devices/phone", "{\"title\":\"U\"}"), 200);
    s->headers = "Idempotency-Key: k1\r\n";
    CU_ASSERT_EQUAL(api_fixture_call(s, "PATCH", "/api/v1/devices/phone", "{\"title\":\"T\"}"), 200);
    CU_ASSERT_STRING_EQUAL(s->body, first);
    CU_ASSERT_STRING_EQUAL(api_fixture_header(s, "Idempotency-Replayed"), "true");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone", NULL), 200);
    IS("title", "U");
    s->headers = "Idempotency-Key: k1\r\n";
    CU_ASSERT_EQUAL(api_fixture_call(s, "PATCH", "/api/v1/devices/phone", "{\"title\":\"other\"}"), 422);
    /* Secrets are not kept, and what was refused may be tried again. */
    s->headers = "Idempotency-Key: k2\r\n";
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", "{\"id\":\"q r\"}"), 400);
    s->headers = "Idempotency-Key: k2\r\n";
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", "{\"id\":\"q\"}"), 201);
    CU_ASSERT_EQUAL(api_fixture_sql_int(s, "SELECT count(*) FROM idempotency WHERE reply LIKE '%assword%'"), 0);
    s->headers = "Idempotency-Key: k2\r\n";
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/api/v1/devices", "{\"id\":\"q\"}"), 409);
    CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_get(s, "detail"), "secret"));
    /* Another's key is another key. */
    s->token = api_fixture_token(s, "operator", NULL);
    s->headers = "Idempotency-Key: k1\r\n";
    CU_ASSERT_EQUAL(api_fixture_call(s, "PATCH", "/api/v1/devices/phone", "{\"title\":\"V\"}"), 200);
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/phone", NULL), 200);
    IS("title", "V");
    api_fixture_end(s);
}

static void says_what_is_possible(void)
{
    struct api_fixture *s = api_fixture_begin();
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1", NULL), 200);
    IS("version", DMVISOR_VERSION);
    IS("authorities.0", "acme-it");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/nothing", NULL), 404);
    CU_ASSERT_EQUAL(api_fixture_call(s, "DELETE", "/api/v1/devices", NULL), 405);
    CU_ASSERT_STRING_EQUAL(api_fixture_header(s, "Allow"), "GET, POST");
    CU_ASSERT_EQUAL(api_fixture_call(s, "OPTIONS", "/api/v1/devices", NULL), 204);
    CU_ASSERT_STRING_EQUAL(api_fixture_header(s, "Allow"), "GET, POST");
    CU_ASSERT_EQUAL(api_fixture_call(s, "HEAD", "/api/v1/devices", NULL), 200);
    CU_ASSERT_STRING_EQUAL(s->body, "");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/devices/a%2Fb", NULL), 404);
    CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_get(s, "detail"), "a/b"));
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/api/v1/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o", NULL), 404);
    CU_ASSERT_STRING_EQUAL(api_fixture_header(s, "X-Content-Type-Options"), "nosniff");
    CU_ASSERT_STRING_EQUAL(api_fixture_header(s, "Content-Security-Policy"),
                           "default-src 'none'; frame-ancestors 'none'");
    api_fixture_end(s);
}

static void write_file(struct api_fixture *s, const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", s->webui, name);
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
}

static void serves_the_console_and_nothing_else(void)
{
    static const char *const no[] = { "/../db",   "/%2e%2e/db", "/..%2fdb",    "/.hidden.js", "/db",
                                      "/a//b.js", "/x.exe",     "/nothing.js", "/a%00.js" };
    struct api_fixture *s = api_fixture_begin();
    s->token = "";
    write_file(s, "index.html", "<!doctype html>");
    write_file(s, "app.js", "export {}");
    write_file(s, ".hidden.js", "secret");
    write_file(s, "x.exe", "MZ");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/", NULL), 200);
    CU_ASSERT_STRING_EQUAL(s->body, "<!doctype html>");
    CU_ASSERT_STRING_EQUAL(api_fixture_header(s, "Content-Type"), "text/html; charset=utf-8");
    CU_ASSERT_PTR_NOT_NULL(strstr(api_fixture_header(s, "Content-Security-Policy"), "script-src 'self';"));
    CU_ASSERT_STRING_EQUAL(api_fixture_header(s, "Cache-Control"), "no-cache");
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/app.js", NULL), 200);
    CU_ASSERT_STRING_EQUAL(api_fixture_header(s, "Content-Type"), "text/javascript; charset=utf-8");
    char header[200];
    snprintf(header, sizeof header, "If-None-Match: %s\r\n", api_fixture_header(s, "ETag"));
    s->headers = header;
    CU_ASSERT_EQUAL(api_fixture_call(s, "GET", "/app.js", NULL), 304);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        int status = api_fixture_call(s, "GET", no[i], NULL);
        CU_ASSERT(status == 404 || status == 400);
    }
    CU_ASSERT_EQUAL(api_fixture_call(s, "POST", "/", ""), 405);
    api_fixture_end(s);
}

TEST_MAIN("server.api.auth", TEST(asks_who_is_there), TEST(each_role_may_what_it_may), TEST(makes_and_ends_tokens),
          TEST(an_admin_of_one_authority_stays_in_it), TEST(logs_the_console_in_with_a_cookie),
          TEST(a_repeated_request_acts_once), TEST(says_what_is_possible), TEST(serves_the_console_and_nothing_else))
