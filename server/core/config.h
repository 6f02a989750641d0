/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_CORE_CONFIG_H
#define SERVER_CORE_CONFIG_H
/* dmvisord's one configuration file (YAML): a table of base/settings.h. `dmvisord --help-config` prints it with
 * defaults and help. */
#include "base/log.h"
#include "base/settings.h"

struct server_config {
    /* dm: the DM endpoint */
    const char *dm_address;
    uint16_t dm_port;
    const char *dm_url; /* dm_url: public URL, "https://dm.example.net:8443/dm" */
    const char *dm_cert, *dm_key,
        *dm_client_ca;       /* NULL cert = no TLS: only on loopback with `demo: true`, or behind a proxy */
    int dm_certificate_name; /* enum crypto_name */
    unsigned dm_refusals_per_s, dm_challenges_per_s; /* per address; the former also per device name */
    bool dm_behind_proxy;                            /* a proxy terminates TLS */
    bool allow_basic;
    uint64_t dm_max_message_bytes, dm_max_object_bytes;
    unsigned dm_head_timeout_s, dm_body_timeout_s;
    unsigned dm_max_per_address;
    uint64_t dm_max_bodies;
    unsigned dm_max_connections, dm_max_sessions, dm_session_timeout_s, dm_session_lifetime_s, dm_max_messages,
        dm_alerts_per_hour, dm_turn_ms;
    /* api: REST and console */
    const char *api_address;
    uint16_t api_port;
    const char *api_url, *api_cert, *api_key;
    unsigned api_max_connections, api_head_timeout_s, api_body_timeout_s;
    uint64_t api_max_body_bytes, api_max_bodies;
    unsigned api_max_per_address, api_threads, api_request_timeout_s;
    const char *webui_dir;
    /* images: downloads */
    const char *images_address;
    uint16_t images_port;
    const char *images_url, *images_cert, *images_key;
    const char *images_dir;
    unsigned images_max_per_address;
    unsigned images_max_connections, images_head_timeout_s;
    uint64_t images_max_bytes;
    /* database */
    const char *database;
    bool durable;                /* "sqlite:/var/lib/dmvisor/dmvisor.db" */
    const char *schema_dir;      /* folder of numbered SQL files */
    const char *secret_key_file; /* 32 random octets, mode 0600; created at the first start */
    /* management objects; empty lists: everything below ddf_dir */
    const char *ddf_dir; /* has mo/ and layout/ */
    struct setting_list layouts, ddfs;
    unsigned kpi_interval_s; /* how often KPIs are read if no policy sets an interval */
    unsigned poll_s;         /* polling interval of new accounts */
    /* notifications */
    unsigned notification_rate_per_s;
    struct setting_list notification_retries; /* times, "5s" ...; default 5s 30s 5m 30m 2h */
    /* retention */
    int64_t database_check_ms;
    uint64_t keep_device_samples, keep_device_events, keep_device_sessions, keep_device_operations;
    uint64_t recorder_device_bytes;
    int64_t keep_samples_ms, keep_events_ms, keep_sessions_ms, keep_operations_ms, keep_aside_ms;
    /* flight recorder */
    bool recorder_failures;
    unsigned recorder_sample; /* 0 = none, n = one session in n */
    uint64_t recorder_max_bytes, recorder_session_bytes;
    int64_t recorder_keep_ms;
    /* the first authority, created in a new database */
    const char *authority, *server_id;
    /* log */
    int log_level, log_form;             /* enum log_level, enum log_form */
    bool demo;                           /* allow plain HTTP on loopback */
    int sandbox;                         /* enum sandbox_mode */
    const char *user;                    /* the account to run as when started as root */
    struct setting_list shared_networks; /* networks whose peers share one address */
};

/** All mistakes go into `errors`, one line each, including conflicts between settings (TLS missing, ...). @return
 * RC_PARSE, RC_INVALID, RC_IO */
enum rc server_config_load(const char *file, struct arena *a, struct server_config *out, struct buf *errors,
                           struct err *e);
void server_config_help(struct buf *out);
/** The name of the first changed setting that needs a restart, or NULL. */
const char *server_config_needs_restart(const struct server_config *now, const struct server_config *wanted);
/** The configuration after a reload: `now` with those settings of `wanted` that may change while the server runs. These
 * are numbers; texts and lists stay as in `now`. */
void server_config_take(const struct server_config *now, const struct server_config *wanted, struct server_config *out);
#endif
