/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700 /* nftw */
#include "tests/server/api_fixture.h"

#include "base/crypto.h"
#include "base/log.h"
#include "server/events/events.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static void die(const char *what, const struct err *e)
{
    fprintf(stderr, "site: %s: %s\n", what, e ? e->text : "");
    exit(99);
}

static struct api_fixture *current; /* of the clock below: a test program has one site at a time */

static struct world api_fixture_world(void)
{
    struct world w = world_real();
    if (current && current->now_ms) w.now_ms = current->now_ms;
    return w;
}

static const char *source(void)
{
    const char *s = getenv("DMVISOR_SOURCE");
    return s ? s : ".";
}

const char *api_fixture_more_layout;

static void configure(struct api_fixture *s)
{
    snprintf(s->dir, sizeof s->dir, "/tmp/dmvisor-api-XXXXXX");
    if (!mkdtemp(s->dir)) die("mkdtemp", NULL);
    snprintf(s->database, sizeof s->database, "sqlite:%s/db", s->dir);
    snprintf(s->key, sizeof s->key, "%s/key", s->dir);
    snprintf(s->images_dir, sizeof s->images_dir, "%s/images", s->dir);
    snprintf(s->webui, sizeof s->webui, "%s/webui", s->dir);
    snprintf(s->schema_dir, sizeof s->schema_dir, "%s/db/schema", source());
    snprintf(s->ddf_dir, sizeof s->ddf_dir, "%s/ddf", source());
    mkdir(s->webui, 0700);
    s->config = (struct server_config){
        .dm_url = "https://dm.example.net:8443/dm",
        .dm_max_message_bytes = 65536,
        .dm_max_object_bytes = 4 << 20,
        .dm_max_messages = 100,
        .api_max_body_bytes = 4 << 20,
        .webui_dir = s->webui,
        .images_dir = s->images_dir,
        .images_url = "http://127.0.0.1:9/images",
        .images_max_bytes = 1 << 20,
        .database = s->database,
        .schema_dir = s->schema_dir,
        .secret_key_file = s->key,
        .ddf_dir = s->ddf_dir,
        .layouts = { &api_fixture_more_layout, api_fixture_more_layout != NULL },
        .kpi_interval_s = 60,
        .poll_s = 3600,
        .authority = "acme-it",
        .server_id = "com.acme.dm",
        .demo = true,
    };
}

struct api_fixture *api_fixture_begin(void)
{
    struct api_fixture *s = calloc(1, sizeof *s);
    struct err e = { 0 };
    const struct sql_options o = { .busy_ms = 5000 };
    const struct http_config h = { .address = "127.0.0.1",
                                   .max_connections = 50,
                                   .max_body_bytes = 4 << 20,
                                   .idle_timeout_s = 10,
                                   .connection_memory = API_CONNECTION_MEMORY };
    const struct world w = world_real();
    if (!s) die("memory", NULL);
    log_open(LOG_ERROR, LOG_LOGFMT, 2);
    configure(s);
    arena_init(&s->arena, 64 << 20);
    if (server_load(&s->srv, &s->config, &s->arena, &e)) die("load", &e);
    if (server_prepare_database(&s->config, true, w.now_ms, &e)) die("database", &e);
    if (sql_open(s->database, &o, &s->db, &e)) die("open", &e);
    if (api_token_add(s->db, (struct str){ 0 }, STR("root"), STR("admin"), 0, &w, s->admin, &e)) die("token", &e);
    if (events_create(&s->srv, &s->srv.events, &e)) die("events", &e);
    if (images_open(&s->srv, &s->images, &e)) die("images", &e);
    s->srv.metrics = metrics_create();
    if (api_create(&s->srv, s->images, &s->api, &e)) die("api", &e);
    current = s;
    api_set_world(s->api, api_fixture_world);
    if (http_start(&h, api_handle, &api_uploads, s->api, &s->listener, &e)) die("listen", &e);
    return s;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)st, (void)flag, (void)f;
    return remove(path);
}

void api_fixture_end(struct api_fixture *s)
{
    api_stop(s->api);
    http_stop(s->listener);
    events_destroy(s->srv.events);
    api_destroy(s->api);
    images_close(s->images);
    metrics_destroy(s->srv.metrics);
    server_unload(&s->srv);
    sql_close(s->db);
    json_decref(s->json);
    arena_finish(&s->arena);
    nftw(s->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    current = NULL;
    free(s);
}

static int dial(struct api_fixture *s)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(http_port(s->listener)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval tv = { 5, 0 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) die("connect", NULL);
    return fd;
}

static void say(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0) return;
        p += k;
        n -= (size_t)k;
    }
}

static void ask(struct api_fixture *s, int fd, const char *method, const char *path, const char *body, bool close_after)
{
    struct buf b;
    const char *token = s->token ? s->token : s->admin;
    buf_init(&b, 0);
    buf_printf(&b, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s", method, path, close_after ? "Connection: close\r\n" : "");
    if (token[0]) buf_printf(&b, "Authorization: Bearer %s\r\n", token);
    if (s->headers) buf_putz(&b, s->headers);
    if (body && !(s->headers && strstr(s->headers, "Content-Type:")))
        buf_putz(&b, "Content-Type: application/json\r\n");
    if (body) buf_printf(&b, "Content-Length: %zu\r\n", strlen(body));
    buf_putz(&b, "\r\n");
    if (body) buf_putz(&b, body);
    say(fd, b.p, b.n);
    buf_finish(&b);
    s->headers = NULL;
}

/* Chunked bodies do not occur: only streams have them. */
static void read_all(struct api_fixture *s, int fd)
{
    size_t n = 0;
    for (;;) {
        ssize_t k = recv(fd, s->text + n, sizeof s->text - 1 - n, 0);
        if (k <= 0) break;
        n += (size_t)k;
    }
    s->text[n] = '\0';
}

int api_fixture_call(struct api_fixture *s, const char *method, const char *path, const char *body)
{
    int fd = dial(s);
    ask(s, fd, method, path, body, true);
    read_all(s, fd);
    close(fd);
    json_decref(s->json);
    s->json = NULL;
    s->status = 0;
    sscanf(s->text, "HTTP/1.1 %d", &s->status);
    char *end = strstr(s->text, "\r\n\r\n");
    s->body = end ? end + 4 : "";
    if (strstr(api_fixture_header(s, "Content-Type"), "json")) s->json = json_loads(s->body, 0, NULL);
    return s->status;
}

int api_fixture_callf(struct api_fixture *s, const char *method, const char *body, const char *path, ...)
{
    char text[4096];
    va_list ap;
    va_start(ap, path);
    vsnprintf(text, sizeof text, path, ap);
    va_end(ap);
    return api_fixture_call(s, method, text, body);
}

static json_t *find(struct api_fixture *s, const char *path)
{
    json_t *j = s->json;
    struct str rest = str_of(path), part;
    int64_t i;
    while (j && str_cut(&rest, '.', &part)) {
        char key[100];
        snprintf(key, sizeof key, "%.*s", STR_ARG(part));
        for (char *at = key; *at; at++)
            if (*at == '/') *at = '.'; /* "labels.a/b" is the member "a.b" */
        if (json_is_array(j))
            j = str_to_i64(part, &i) ? json_array_get(j, (size_t)i) : NULL;
        else
            j = json_object_get(j, key);
    }
    return j;
}

const char *api_fixture_get(struct api_fixture *s, const char *path)
{
    static char number[4][64];
    static unsigned turn;
    json_t *j = find(s, path);
    char *out = number[turn++ % 4];
    if (!j) return "";
    if (json_is_string(j)) return json_string_value(j);
    if (json_is_integer(j))
        snprintf(out, 64, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
    else if (json_is_real(j))
        snprintf(out, 64, "%g", json_real_value(j));
    else
        return json_is_true(j) ? "true" : json_is_false(j) ? "false" : json_is_null(j) ? "null" : "?";
    return out;
}

int64_t api_fixture_int(struct api_fixture *s, const char *path)
{
    json_t *j = find(s, path);
    return json_is_integer(j) ? json_integer_value(j) : -1;
}

int api_fixture_count(struct api_fixture *s, const char *path)
{
    json_t *j = path[0] ? find(s, path) : s->json;
    return json_is_array(j) ? (int)json_array_size(j) : json_is_object(j) ? (int)json_object_size(j) : -1;
}

const char *api_fixture_header(struct api_fixture *s, const char *name)
{
    static char value[1024];
    const char *end = strstr(s->text, "\r\n\r\n");
    size_t n = strlen(name);
    for (const char *at = s->text; at && at < end; at = strstr(at, "\r\n")) {
        at += at == s->text ? 0 : 2;
        if (str_eq_fold((struct str){ at, n }, str_of(name)) && at[n] == ':') {
            const char *stop = strstr(at, "\r\n");
            snprintf(value, sizeof value, "%.*s", (int)(stop - at - (long)n - 2), at + n + 2);
            return value;
        }
    }
    return "";
}

void api_fixture_sql(struct api_fixture *s, const char *text)
{
    struct err e = { 0 };
    if (sql_exec(s->db, text, &e)) die(text, &e);
}

int64_t api_fixture_sql_int(struct api_fixture *s, const char *text)
{
    struct sql_rows *r = NULL;
    struct err e = { 0 };
    int64_t v = -1;
    if (sql_start_text(s->db, str_of(text), NULL, 0, &r, &e)) die(text, &e);
    if (sql_step(r, &e) == RC_OK) v = sql_int(r, 0);
    sql_end(r);
    return v;
}

const char *api_fixture_token(struct api_fixture *s, const char *role, const char *authority)
{
    struct err e = { 0 };
    const struct world w = world_real();
    char *out = arena_alloc(&s->arena, API_TOKEN_BYTES);
    if (api_token_add(s->db, str_of(authority), str_of(role), str_of(role), 0, &w, out, &e)) die("token", &e);
    return out;
}

void api_fixture_device(struct api_fixture *s, const char *id, const char *labels)
{
    char body[1000];
    snprintf(body, sizeof body,
             "{\"id\":\"%s\",\"labels\":%s,\"push\":{\"channel\":\"udp\",\"address\":\"127.0.0.1:9\"}}", id,
             labels ? labels : "{}");
    if (api_fixture_call(s, "POST", "/api/v1/devices", body) != 201) die(s->text, NULL);
}

void api_fixture_vm(struct api_fixture *s, const char *device, const char *vm, int state, int lock_state)
{
    char text[500];
    snprintf(
        text, sizeof text,
        "INSERT INTO vm (device_id, vm, title, state, lock_state, reason, verified, state_ms, summary)"
        " SELECT device_id, '%s', 'Corporate', %d, %d, 1, 1, 1700000000000, 'settled' FROM device WHERE name = '%s'",
        vm, state, lock_state, device);
    api_fixture_sql(s, text);
}

int api_fixture_open(struct api_fixture *s, const char *path)
{
    int fd = dial(s);
    ask(s, fd, "GET", path, NULL, false);
    return fd;
}

const char *api_fixture_hear(struct api_fixture *s, int fd, const char *until)
{
    size_t n = 0;
    s->text[0] = '\0';
    while (n < sizeof s->text - 1) {
        ssize_t k = recv(fd, s->text + n, sizeof s->text - 1 - n, 0);
        if (k <= 0) break;
        n += (size_t)k;
        s->text[n] = '\0';
        if (until && strstr(s->text, until)) break;
    }
    return s->text;
}
