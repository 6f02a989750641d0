/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SERVER_SITE_H
#define TESTS_SERVER_SITE_H
/* A whole API on a free port over a new database in a new folder, and a client that shows everything an answer has. */
#include "db/sql/sql.h"
#include "server/api/api.h"

#include <jansson.h>

enum { SITE_REPLY_BYTES = 1 << 20 };

struct site {
    char dir[64], database[128], key[128], images_dir[128], webui[128], schema_dir[256], ddf_dir[256];
    struct server_config config;
    struct server srv;
    struct arena arena;
    struct images *images;
    struct api *api;
    struct http_listener *listener;
    struct sql *db; /* the test's own connection */
    char admin[API_TOKEN_BYTES];
    char text[SITE_REPLY_BYTES]; /* the last answer, head and body */
    const char *body;
    int status;
    json_t *json;        /* its body, when it is JSON */
    const char *token;   /* who asks; NULL = admin, "" = nobody */
    const char *headers; /* more request headers, each with CR LF; used for one request */
    int64_t now_ms;      /* fixed clock; 0 = the real one */
};

/** A layout file more for the sites that begin from now on; NULL = the shipped one alone. */
extern const char *site_more_layout;
/** Fatal when something of it does not work: says what on standard error and ends the program. */
struct site *site_begin(void);
void site_end(struct site *s);
/** One request. @return status */
int site_call(struct site *s, const char *method, const char *path, const char *body);
int site_callf(struct site *s, const char *method, const char *body, const char *path, ...)
    __attribute__((format(printf, 4, 5)));
/** A member of the last answer: "device.vms.0.id". Texts as they are, numbers and truth values as text, "null", ""
 * when it is not there. */
const char *site_get(struct site *s, const char *path);
int64_t site_int(struct site *s, const char *path);
/** Elements of a list or members of an object; -1 = not there. */
int site_count(struct site *s, const char *path);
/** Value of a header of the last answer, or "". */
const char *site_header(struct site *s, const char *name);
/** SQL of the test: fixtures. */
void site_sql(struct site *s, const char *text);
int64_t site_sql_int(struct site *s, const char *text);
/** A token of this role; authority NULL = all. Good until the end. */
const char *site_token(struct site *s, const char *role, const char *authority);
/** Register a device and give it a VM as a device would have told of it. */
void site_device(struct site *s, const char *id, const char *labels);
void site_vm(struct site *s, const char *device, const char *vm, int state, int lock_state);
/** Send text over a connection that stays open; its descriptor. */
int site_open(struct site *s, const char *path);
/** Read from it until `until` came, or 5 s are over. Gives what came since the last call. */
const char *site_hear(struct site *s, int fd, const char *until);
#endif
