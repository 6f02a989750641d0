#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H
/* dmvisord's one configuration file (YAML). Every setting is a row of one table in config.c: name, kind, default, limits, help text, whether a
 * reload may change it. `dmvisord --help-config` prints it. Unknown names and wrong values are errors with file, line and column. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/rc.h"

struct server_config {
    /* dm: where devices call */
    const char *dm_address; uint16_t dm_port; const char *dm_url;      /* dm_url: as devices see it, "https://dm.example.net:8443/dm" */
    const char *dm_cert, *dm_key, *dm_client_ca;                        /* NULL cert = no TLS: refused unless `demo: true` or dm_behind_proxy */
    bool allow_basic;
    uint64_t dm_max_message_bytes, dm_max_object_bytes;
    unsigned dm_max_connections, dm_max_sessions, dm_session_timeout_s, dm_session_lifetime_s, dm_max_messages, dm_turn_ms;
    /* api: REST and console */
    const char *api_address; uint16_t api_port; const char *api_url, *api_cert, *api_key;
    unsigned api_max_connections; uint64_t api_max_body_bytes;
    const char *webui_dir;
    /* downloads */
    const char *images_address; uint16_t images_port; const char *images_url, *images_cert, *images_key; const char *images_dir;
    uint64_t images_max_bytes;
    /* database */
    const char *database; bool durable;         /* "sqlite:/var/lib/dmvisor/dmvisor.db" */
    const char *data_dir;                       /* installed ddf/ and db/schema/ */
    const char *secret_key_file;                /* 32 random octets, mode 0600; made at first start */
    /* policy */
    const char *const *layouts; size_t n_layouts; const char *const *ddfs; size_t n_ddfs;    /* default: all that are installed */
    int64_t kpi_interval_s;                     /* default when no policy says */
    int64_t poll_s;                             /* handed out with new accounts */
    /* triggers */
    unsigned trigger_rate_per_s; const int64_t *trigger_retry_ms; size_t n_trigger_retry;   /* default 5s 30s 5m 30m 2h */
    /* retention */
    int64_t keep_samples_ms, keep_events_ms, keep_sessions_ms;
    /* log */
    enum log_level log_level; enum log_form log_form;
    bool demo;                                  /* allows plain HTTP on loopback */
    const char *user;                           /* to run as when started as root */
};

/** Everything is in the arena. All errors are collected in `errors`, one line each. @return RC_PARSE, RC_INVALID, RC_IO */
enum rc server_config_load(const char *file, struct arena *a, struct server_config *out, struct buf *errors, struct err *e);
void server_config_help(struct buf *out);
#endif
