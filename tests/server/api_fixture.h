/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SERVER_API_FIXTURE_H
#define TESTS_SERVER_API_FIXTURE_H
/* A whole API on a free port over a new database in a new folder, and a client that shows everything an answer has. */
#include "db/sql/sql.h"
#include "server/api/api.h"

#include <jansson.h>

enum { API_FIXTURE_REPLY_BYTES = 1 << 20 };

struct api_fixture {
    char dir[64], database[128], key[128], images_dir[128], webui[128], schema_dir[256], ddf_dir[256];
    struct server_config config;
    struct server srv;
    struct arena arena;
    struct images *images;
    struct api *api;
    struct http_listener *listener;
    struct sql *db; /* the test's own connection */
    char admin[API_TOKEN_BYTES];
    char text[API_FIXTURE_REPLY_BYTES]; /* the last answer, head and body */
    const char *body;
    int status;
    json_t *json;        /* its body, when it is JSON */
    const char *token;   /* who asks; NULL = admin, "" = nobody */
    const char *headers; /* more request headers, each with CR LF; used for one request */
    int64_t now_ms;      /* fixed clock; 0 = the real one */
};

/** A layout file more for the sites that begin from now on; NULL = the shipped one alone. */
extern const char *api_fixture_more_layout;
/** Fatal when something of it does not work: says what on standard error and ends the program. */
struct api_fixture *api_fixture_begin(void);
void api_fixture_end(struct api_fixture *s);
/** One request. @return status */
int api_fixture_call(struct api_fixture *s, const char *method, const char *path, const char *body);
int api_fixture_callf(struct api_fixture *s, const char *method, const char *body, const char *path, ...)
    __attribute__((format(printf, 4, 5)));
/** A member of the last answer: "device.vms.0.id". Texts as they are, numbers and truth values as text, "null", ""
 * when it is not there. */
const char *api_fixture_get(struct api_fixture *s, const char *path);
int64_t api_fixture_int(struct api_fixture *s, const char *path);
/** Elements of a list or members of an object; -1 = not there. */
int api_fixture_count(struct api_fixture *s, const char *path);
/** Value of a header of the last answer, or "". */
const char *api_fixture_header(struct api_fixture *s, const char *name);
/** SQL of the test: fixtures. */
void api_fixture_sql(struct api_fixture *s, const char *text);
int64_t api_fixture_sql_int(struct api_fixture *s, const char *text);
/** A token of this role; authority NULL = all. Good until the end. */
const char *api_fixture_token(struct api_fixture *s, const char *role, const char *authority);
/** Register a device and give it a VM as a device would have told of it. */
void api_fixture_device(struct api_fixture *s, const char *id, const char *labels);
void api_fixture_vm(struct api_fixture *s, const char *device, const char *vm, int state, int lock_state);
/** Send text over a connection that stays open; its descriptor. */
int api_fixture_open(struct api_fixture *s, const char *path);
/** Read from it until `until` came, or 5 s are over. Gives what came since the last call. */
const char *api_fixture_hear(struct api_fixture *s, int fd, const char *until);
#endif
