/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_API_CALL_H
#define SERVER_API_CALL_H
/* One request on its way through the API: who asks, what for, with which transaction, and the answer. Inside
 * server/api/ only. */
#include "db/authority.h"
#include "db/condition.h"
#include "db/selector.h"
#include "db/event.h"
#include "server/api/api.h"
#include "server/api/token_brake.h"
#include "server/api/workers.h"
#include "server/events/json.h"
#include "base/doc.h"
#include "policy/resolve/condition.h"
#include "server/events/operation_json.h"
#include "server/store/generation.h"
#include "server/store/store.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    API_PARAMS = 4, /* names in a path */
    API_PAGE = 100,
    API_PAGE_MAX = 1000,
    API_NAME_BYTES = 128, /* device ids */
    API_TITLE_BYTES = 200,
    API_LABELS = 100,
    API_LABEL_BYTES = 256,
    API_IDEMPOTENCY_MS = 24 * 3600 * 1000
};

/* What a route asks for. An auditor reads all that a viewer does, and the audit. */
enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN, ROLE_AUDITOR };

struct logins; /* cookies of the console (auth.c) */

/* One for all threads of the API: what changes has a lock, which is never held over a database call. */
struct api {
    const struct server *srv;
    struct images *images;
    struct api_worker front; /* of the listener's thread: who asks, before a body is read */
    struct api_workers *desks;
    struct logins *logins;     /* has a lock of its own */
    struct token_brake *brake; /* so has this */
    atomic_bool full_told;     /* that the disk is full was logged, and it still is */
    struct world (*now)(void);
    struct metrics *metrics;
    pthread_mutex_t lock; /* of what follows */
    bool devices_counting;
    int64_t devices_ms, devices_cost_ms; /* when devices were last counted for the metrics, and how long that took */
    char devices_text[1024];
    struct buf openapi_json; /* made when it is first asked for */
    struct arena openapi_arena;
    const struct doc *openapi; /* what requests may ask for: read once, before the first */
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
    bool is_front;       /* only looked at, nothing is written: on the listener's thread */
    struct http_request *r;
    struct http_reply *reply;
    struct arena *a;
    struct world w;
    struct err e;
    const struct route *route;
    struct str param[API_PARAMS];
    unsigned n_params;
    /* who */
    int64_t token;           /* 0 = nobody */
    int64_t token_authority; /* 0 = all */
    struct str who;
    enum role role;
    bool by_cookie;
    struct str cookie; /* the session's secret */
    int64_t scope;     /* authority the call is about: 0 = all it may see */
    /* the answer to a changing request */
    bool wrote;  /* events and notifier are woken after the commit */
    bool secret; /* the reply holds a secret: it is not kept for a repeated request */
    struct str repeat_key;
    struct str repeat_of;
    struct str remove_image; /* SHA-256 of a file that nothing may name any more once this is over */
    bool kept;               /* what it did is committed */
    struct str held_image;   /* SHA-256 of a file that was uploaded and has no committed row yet */
};

/* Refusals: the reply is a problem document, the result an rc that makes the router take back what was written. */
enum rc api_refuse(struct call *c, int status, const char *title, const char *pointer, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/** A 400 for a word that is none of a list ("viewer, operator"), with the one that was probably meant. */
enum rc api_refuse_word(struct call *c, const char *pointer, const char *what, struct str word, struct str list);
/** A 404 that names what is not there. */
enum rc api_missing(struct call *c, const char *what, struct str name);
/** The problem for what c->e says; 5xx are logged and do not tell inner details. */
void api_problem_of(struct call *c, enum rc rc);

/** Takes j. */
enum rc api_answer(struct call *c, int status, json_t *j);
enum rc api_answer_nothing(struct call *c);
enum rc api_answer_text(struct call *c, const char *type, struct str text);
void api_answer_header(struct call *c, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Collections. */
struct page {
    int64_t cursor, limit;
    json_t *items;
    int64_t last, n;
    struct str cursor_text, last_text; /* of lists that page by a text */
};
/** Reads limit and cursor. @param start  cursor of the first page; -1 = the cursor is a text */
enum rc api_page_begin(struct call *c, int64_t start, struct page *p);
/** For each row, whose id is `id`: true while the row belongs to this page (the query asks for limit + 1 rows). */
bool api_page_more(struct page *p, int64_t id);
enum rc api_page_end(struct call *c, struct page *p, enum rc rc);

/* Changes. */
/** Begin the transaction that the router commits when the call went well. Nothing when it has begun. */
enum rc api_write_begin(struct call *c);
/** @param before,after  borrowed, may be NULL */
enum rc api_audit(struct call *c, int64_t authority, const char *action, struct str target, const json_t *before,
                  const json_t *after);
/** Walk the chain. @param broken  number of the first row that does not fit, 0 = none */
enum rc api_audit_check(struct sql *db, int64_t *rows, int64_t *broken, struct err *e);
/** One row for the live stream; takes j. */
enum rc api_event(struct call *c, int64_t authority, const char *type, struct str device, json_t *j);
/** If-Match against the present version of what is changed: 412 when it differs. @param version without quotes */
enum rc api_if_match(struct call *c, const char *version);

/** The authority a new thing belongs to: `name` when it is not empty, else the scope, else the only one there is. */
enum rc api_authority_for(struct call *c, struct str name, const char *pointer, int64_t *id, struct str *found,
                          struct str *server_id);
/** Where the devices of an authority call: stays right when there are several authorities later. */
struct str api_dm_url(struct call *c, struct str authority);
/** A copy that lives as long as the call. */
struct str api_keep(struct call *c, struct str s);
struct str api_query(struct call *c, const char *name);
/** A time in the query, RFC 3339, "now" or "-15m". */
enum rc api_query_time(struct call *c, const char *name, int64_t otherwise, int64_t *out);

/* Routes, one list for each file. */
extern const struct route routes_auth[], routes_devices[], routes_device_changes[], routes_vms[], routes_operations[],
    routes_policies[], routes_preview[], routes_images[], routes_notifications[], routes_audit[], routes_live[],
    routes_about[], routes_authorities[], routes_recordings[], routes_describe[], routes_descriptions[],
    routes_overview[], routes_layouts[];
/** Every list, NULL at the end; each list ends with a row without method. */
extern const struct route *const api_routes[];

/* Authorities that the caller may see (authorities.c). */
enum rc api_authorities_json(struct call *c, json_t *list, bool names_only);

/** Refuses parameters and words that the API's description does not have, with a suggestion (parameters.c). */
enum rc api_parameters_check(struct call *c);
enum rc api_parameters_open(struct api *api, struct err *e);
void api_parameters_close(struct api *api);

/* Who asks (auth.c). */
enum rc api_logins_create(struct logins **out, struct err *e);
void api_logins_destroy(struct logins *s);
/** Fills in who; refuses with 401 or 403 when the route's role is not reached. */
enum rc api_authenticate(struct call *c);

/* Devices (devices.c). */
struct device_row {
    int64_t id, authority, created_ms, seen_ms, generation, observed_generation;
    struct str authority_name, name, title, user_agent, remote, channel, address;
    struct str found; /* by its last plan: settled, working ... */
    struct pol_condition condition;
    struct { /* the last time it was not let in; at_ms 0 = never */
        int64_t at_ms, times;
        struct str remote, why;
    } refused;
    int64_t poll_ms; /* how often it shall call */
    int record;      /* flight recorder: 1, 0, -1 as the authority says */
    const struct ddf_layout *layout;
};
/** By name in the scope: 404, or 409 when two authorities have one of that name. */
enum rc api_device_find(struct call *c, struct str name, struct device_row *out);
/** What questions with the conditions of db/condition.h need. */
struct db_condition api_condition_now(const struct call *c);
struct db_selector api_db_selector_of(const struct pol_sql *sql);
enum rc api_device_json(struct call *c, const struct device_row *d, bool whole, json_t **out);
/** Version for ETag: over what people set. */
enum rc api_device_version(struct call *c, const struct device_row *d, char out[33]);

/* VMs (vms.c). */
enum rc api_vms_json(struct call *c, const struct device_row *d, json_t *out);

/** How many there are in each state, of all devices in the scope. */
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
/** The request's body: one or several documents; problems are answered with errors[] that have line and column. */
enum rc api_documents_read(struct call *c, struct documents **out);
/** What applying it would come to: revision, changed, and the warnings that it would give. */
enum rc api_policy_would_be(struct call *c, const struct documents *d, int64_t authority, int64_t affected,
                            int64_t unknown, json_t *out, json_t *warnings);

/** A policy in force, and its document as far as it can be read (*out = NULL: not at all). */
enum rc api_policy_stored(struct call *c, struct str name, int64_t *id, int64_t *authority, struct pol_policy **out);

/* The scope of a device's next plan: stamp it, call it (wants a transaction). */
enum rc api_touch(struct call *c, int64_t authority, int64_t device, struct str why);

/* An image on its way in (images.c). */
struct upload {
    struct image_upload *up;
    enum rc rc;
    struct err e;
};
/** Query parameters of an upload, before its body comes. */
enum rc api_upload_check(struct call *c);

/* The console's files (console.c). */
enum rc api_console_serve(struct call *c);
void api_security_headers(struct call *c, bool console);
#endif
