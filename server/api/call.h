/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_API_CALL_H
#define SERVER_API_CALL_H
/* One API request: the caller's identity, the request, its transaction, and the answer. Inside server/api/ only. */
#include "db/authority.h"
#include "db/condition.h"
#include "db/selector.h"
#include "db/event.h"
#include "server/api/api.h"
#include "server/api/token_brake.h"
#include "server/api/workers.h"
#include "server/events/events.h"
#include "server/events/json.h"
#include "base/doc.h"
#include "policy/resolve/condition.h"
#include "server/events/operation_json.h"
#include "server/store/generation.h"
#include "server/store/store.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    API_PARAMS = 4, /* parameters in a path */
    API_PAGE = 100,
    API_PAGE_MAX = 1000,
    API_NAME_BYTES = 128, /* device ids */
    API_TITLE_BYTES = 200,
    API_LABELS = 100,
    API_LABEL_BYTES = 256,
    API_IDEMPOTENCY_MS = 24 * 3600 * 1000
};

/* The role that a route requires. An auditor reads everything that a viewer reads, and the audit log. */
enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN, ROLE_AUDITOR };

struct logins; /* cookies of the console (auth.c) */

/* One for all threads of the API; the lock of the mutable members is never held during a database call. */
struct api {
    const struct server *srv;
    struct images *images;
    struct api_worker front; /* of the listener's thread: authenticates before a body is read */
    struct api_workers *desks;
    struct logins *logins;     /* has its own lock */
    struct token_brake *brake; /* has its own lock */
    atomic_bool full_told;     /* the full disk was logged, and it is still full */
    struct world (*now)(void);
    struct metrics *metrics;
    pthread_mutex_t lock; /* protects the following members */
    bool devices_counting;
    int64_t devices_ms, devices_cost_ms; /* when devices were last counted for the metrics, and the time that took */
    char devices_text[1024];
    struct buf openapi_json; /* created at the first request */
    struct arena openapi_arena;
    const struct doc *openapi; /* parsed once, before the first request: parameters are checked against it */
};

struct call;
struct route {
    const char *method, *pattern;
    enum role role;
    enum rc (*run)(struct call *c);
};

struct call {
    struct api *api;
    struct sql *db;
    struct store *store; /* previews */
    bool is_front;       /* on the listener's thread: read only */
    struct http_request *r;
    struct http_reply *reply;
    struct arena *a;
    struct world w;
    struct err e;
    const struct route *route;
    struct str param[API_PARAMS];
    unsigned n_params;
    /* identity */
    int64_t token;           /* 0 = not authenticated */
    int64_t token_authority; /* 0 = all */
    struct str who;
    enum role role;
    bool by_cookie;
    struct str cookie; /* the session's secret */
    int64_t scope;     /* authority of the request; 0 = all that the token may see */
    /* the answer to a changing request */
    bool wrote;       /* wake events and notifier after the commit */
    bool ends_logins; /* and somebody may not read any more */
    bool secret;      /* the reply contains a secret: it is not stored for a repeated request */
    struct str repeat_key;
    struct str repeat_of;
    struct str remove_image; /* SHA-256 of a file that may be unused after this request */
    bool kept;               /* the changes are committed */
    struct str held_image;   /* SHA-256 of an uploaded file without a committed row */
};

/* Problem answers: the reply is a problem document; the returned rc makes the router roll back. */
enum rc api_refuse(struct call *c, int status, const char *title, const char *pointer, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/** A 400 for a word that is not in a list ("viewer, operator"), with a suggestion. */
enum rc api_refuse_word(struct call *c, const char *pointer, const char *what, struct str word, struct str list);
/** A 404 that names the missing object. */
enum rc api_missing(struct call *c, const char *what, struct str name);
/** The problem for the error in c->e; 5xx are logged and do not reveal internal details. */
void api_problem_of(struct call *c, enum rc rc);

/** Answer with j; takes j. */
enum rc api_answer(struct call *c, int status, json_t *j);
enum rc api_answer_nothing(struct call *c);
enum rc api_answer_text(struct call *c, const char *type, struct str text);
void api_answer_header(struct call *c, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Collections. */
struct page {
    int64_t cursor, limit;
    json_t *items;
    int64_t last, n;
    struct str cursor_text, last_text; /* of lists whose cursor is a text */
};
/** Read limit and cursor. @param start  cursor of the first page; -1 = the cursor is a text */
enum rc api_page_begin(struct call *c, int64_t start, struct page *p);
/** Call for each row: true while the row belongs to this page (the query reads limit + 1 rows). */
bool api_page_more(struct page *p, int64_t id);
enum rc api_page_end(struct call *c, struct page *p, enum rc rc);

/* Changes. */
/** Begin the transaction, which the router commits if the request succeeds. Does nothing if it has begun. */
enum rc api_write_begin(struct call *c);
/** @param before,after  borrowed, may be NULL */
enum rc api_audit(struct call *c, int64_t authority, const char *action, struct str target, const json_t *before,
                  const json_t *after);
/** Verify the chain. @param broken  number of the first row with a wrong hash, 0 = none */
enum rc api_audit_check(struct sql *db, int64_t *rows, int64_t *broken, struct err *e);
/** Add an event for the live stream; takes j. */
enum rc api_event(struct call *c, int64_t authority, const char *type, struct str device, json_t *j);
/** Compare If-Match with the current version of the object: 412 when it differs. @param version without quotes */
enum rc api_if_match(struct call *c, const char *version);

/** The authority of a new object: `name` if not empty, else the scope, else the only authority. */
enum rc api_authority_for(struct call *c, struct str name, const char *pointer, int64_t *id, struct str *found,
                          struct str *server_id);
/** The DM URL of an authority's devices; it stays valid when more authorities are added. */
struct str api_dm_url(struct call *c, struct str authority);
/** A copy that lives as long as the request. */
struct str api_keep(struct call *c, struct str s);
struct str api_query(struct call *c, const char *name);
/** Parse a time in the query: RFC 3339, "now" or "-15m". */
enum rc api_query_time(struct call *c, const char *name, int64_t otherwise, int64_t *out);

/* Routes, one list for each file. */
extern const struct route routes_auth[], routes_devices[], routes_device_changes[], routes_vms[], routes_operations[],
    routes_policies[], routes_preview[], routes_images[], routes_notifications[], routes_audit[], routes_live[],
    routes_about[], routes_authorities[], routes_recordings[], routes_describe[], routes_descriptions[],
    routes_overview[], routes_layouts[];
/** Every list, NULL at the end; each list ends with a row without method. */
extern const struct route *const api_routes[];

/* The authorities that the caller may see (authorities.c). */
enum rc api_authorities_json(struct call *c, json_t *list, bool names_only);

/** Refuse parameters and values that openapi.yaml does not list, with a suggestion (parameters.c). */
enum rc api_parameters_check(struct call *c);
enum rc api_parameters_open(struct api *api, struct err *e);
void api_parameters_close(struct api *api);

/* Authentication (auth.c). */
enum rc api_logins_create(struct logins **out, struct err *e);
void api_logins_destroy(struct logins *s);
/** Set the caller's identity; 401 or 403 when it lacks the route's role. */
enum rc api_authenticate(struct call *c);
/** For a stream that this call opens. */
struct events_reader api_reader(const struct call *c);

/* Devices (devices.c). */
struct device_row {
    int64_t id, authority, created_ms, seen_ms, generation, observed_generation;
    struct str authority_name, name, title, user_agent, remote, channel, address;
    struct str found; /* summary of the last plan: settled, working ... */
    struct pol_condition condition;
    struct { /* the last refused login; at_ms 0 = never */
        int64_t at_ms, times;
        struct str remote, why;
    } refused;
    int64_t poll_ms; /* polling interval */
    int record;      /* flight recorder: 1, 0, -1 the authority's setting */
    const struct ddf_layout *layout;
};
/** Find by name in the scope: 404, or 409 when two authorities have a device of that name. */
enum rc api_device_find(struct call *c, struct str name, struct device_row *out);
/** The arguments of queries with the conditions of db/condition.h. */
struct db_condition api_condition_now(const struct call *c);
struct db_selector api_db_selector_of(const struct pol_sql *sql);
enum rc api_device_json(struct call *c, const struct device_row *d, bool whole, json_t **out);
/** Version for the ETag, over the properties that users set. */
enum rc api_device_version(struct call *c, const struct device_row *d, char out[33]);

/* VMs (vms.c). */
enum rc api_vms_json(struct call *c, const struct device_row *d, json_t *out);

/** Count VMs by state, over all devices in the scope. */
enum rc api_vms_count(struct call *c, json_t *out);

/* KPIs (kpis.c). */
enum rc api_kpis_latest(struct call *c, const struct device_row *d, struct str vm,
                        json_t **out); /* null when there are none */
enum rc api_kpis(struct call *c);

/* Desired state and plan for one device, by the functions that enforcement uses (preview.c). */
struct preview {
    struct dm_device device;
    struct pol_facts facts;
    struct pol_desired desired;
};
enum rc api_preview_resolve(struct call *c, const struct device_row *d, struct pol_policy *extra, struct preview *out);
/** Names of the layout's operations whose nodes the device has told of; NULL when it has told of none. */
json_t *api_operations_there(struct call *c, const struct preview *p, enum ddf_scope scope, struct str owner);
/** Adds settled, steps, waits and syncml to `out`. */
enum rc api_preview_plan(struct call *c, struct preview *p, json_t *out);
enum rc api_desired_json(struct call *c, const struct preview *p, json_t **out);

/* Policies (policies.c). */
struct documents {
    struct pol_policy *policy;
    struct str text;
    struct documents *next;
};
/** Parse the request's body: one or several documents; a problem has errors[] with line and column. */
enum rc api_documents_read(struct call *c, struct documents **out);
/** The result that applying the document would have: revision, changed, and warnings. */
enum rc api_policy_would_be(struct call *c, const struct documents *d, int64_t authority, int64_t affected,
                            int64_t unknown, json_t *out, json_t *warnings);

/** A policy in force, and its document as far as it parses (*out = NULL: not at all). */
enum rc api_policy_stored(struct call *c, struct str name, int64_t *id, int64_t *authority, struct pol_policy **out);

/* Mark a device as changed and notify it (inside a transaction). */
enum rc api_touch(struct call *c, int64_t authority, int64_t device, struct str why);

/* An image upload (images.c). */
struct upload {
    struct image_upload *up;
    enum rc rc;
    struct err e;
};
/** Check the query parameters of an upload, before its body is read. */
enum rc api_upload_check(struct call *c);

/* The console's files (console.c). */
enum rc api_console_serve(struct call *c);
void api_security_headers(struct call *c, bool console);
#endif
