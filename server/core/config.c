/* SPDX-License-Identifier: Apache-2.0 */
#include "server/core/config.h"
#include "base/text.h"
#include "server/http/http_address.h"
#include <stddef.h>
#include <string.h>

#ifndef DMVISOR_DATA
#define DMVISOR_DATA "/usr/share/dmvisor"
#endif

static const char *const sandboxes[] = { "prefer", "require", "off", NULL }; /* enum sandbox_mode */
static const char *const levels[] = { "error", "warn", "info", "debug", NULL };
static const char *const certificate_names[] = { "cn", "uid", "serialNumber", "san-dns", "san-uri", "san-email", NULL };
static const char *const forms[] = { "logfmt", "json", NULL };

/* One list of all settings. The first column tells whether a reload may change the setting. */
#define SETTINGS(X)                                                                                                    \
    X(true, demo, "demo", SET_BOOL, "false", 0, 0, NULL, false, "allow plain HTTP on loopback addresses")              \
    X(false, user, "user", SET_TEXT, NULL, 0, 0, NULL, false, "account to run as when started as root")                \
    X(false, sandbox, "sandbox", SET_WORD, "prefer", 0, 0, sandboxes, false,                                           \
      "sandbox at start, no other files or system calls: prefer (as far as the kernel can), require, off")             \
    X(false, shared_networks, "sharedNetworks", SET_LIST, NULL, 1, 0, NULL, false,                                     \
      "load balancers and NATs, such as [192.0.2.0/24]: many peers share one address, so no limit per address")        \
    X(false, authority, "authority.name", SET_TEXT, "default", 0, 0, NULL, false,                                      \
      "first authority, created in a new database")                                                                    \
    X(false, server_id, "authority.serverId", SET_TEXT, NULL, 0, 0, NULL, true,                                        \
      "its ServerID: at most 23 of A-Z a-z 0-9 . -")                                                                   \
    X(false, dm_address, "dm.address", SET_TEXT, "127.0.0.1", 0, 0, NULL, false, "DM endpoint: address to listen on")  \
    X(false, dm_port, "dm.port", SET_PORT, "8443", 0, 0, NULL, false, "port for devices")                              \
    X(false, dm_url, "dm.url", SET_TEXT, NULL, 0, 0, NULL, true,                                                       \
      "public URL of the DM endpoint, https://host:port/dm")                                                           \
    X(false, dm_cert, "dm.certificate", SET_PATH, NULL, 0, 0, NULL, false,                                             \
      "PEM certificate chain (P-256 is cheapest)")                                                                     \
    X(false, dm_key, "dm.key", SET_PATH, NULL, 0, 0, NULL, false, "PEM private key")                                   \
    X(false, dm_client_ca, "dm.clientCa", SET_PATH, NULL, 0, 0, NULL, false,                                           \
      "PEM of the CA of device certificates; requests a certificate from each device")                                 \
    X(false, dm_certificate_name, "dm.certificateName", SET_WORD, "cn", 0, 0, certificate_names, false,                \
      "certificate field with the device's name; a certificate must have it exactly once")                             \
    X(true, dm_refusals_per_s, "dm.refusalsPerSecond", SET_UINT, "5", 1, 100000, NULL, false,                          \
      "wrong credentials, tokens and SessionIDs of one address or one device before answers are delayed a second")     \
    X(true, dm_challenges_per_s, "dm.challengesPerSecond", SET_UINT, "200", 1, 100000, NULL, false,                    \
      "the same for messages without credentials of one address; a burst of ten seconds' worth is allowed")            \
    X(false, dm_behind_proxy, "dm.behindProxy", SET_BOOL, "false", 0, 0, NULL, false,                                  \
      "a proxy in front of this server terminates TLS")                                                                \
    X(true, allow_basic, "dm.allowBasic", SET_BOOL, "false", 0, 0, NULL, false,                                        \
      "accept syncml:auth-basic (over TLS only)")                                                                      \
    X(true, dm_max_message_bytes, "dm.maxMessage", SET_BYTES, "64Ki", 0, 0, NULL, false,                               \
      "largest message accepted from a device")                                                                        \
    X(true, dm_max_object_bytes, "dm.maxObject", SET_BYTES, "4Mi", 0, 0, NULL, false,                                  \
      "largest object accepted in chunks (large object)")                                                              \
    X(false, dm_max_connections, "dm.maxConnections", SET_UINT, "1000", 1, 1000000, NULL, false,                       \
      "open connections of devices")                                                                                   \
    X(false, dm_max_per_address, "dm.maxConnectionsPerAddress", SET_UINT, "250", 0, 1000000, NULL, false,              \
      "open connections from one address (IPv6: one /64); 0 = no limit; see sharedNetworks")                           \
    X(false, dm_max_bodies, "dm.maxBodies", SET_BYTES, "64Mi", 0, 0, NULL, false,                                      \
      "all messages and answers in progress together; past it 503")                                                    \
    X(false, dm_head_timeout_s, "dm.headTimeout", SET_SECONDS, "20s", 1, 3600, NULL, false,                            \
      "longest time for the whole head of a request; past it 408")                                                     \
    X(false, dm_body_timeout_s, "dm.bodyTimeout", SET_SECONDS, "60s", 1, 3600, NULL, false,                            \
      "longest time for a message")                                                                                    \
    X(true, dm_max_sessions, "dm.maxSessions", SET_UINT, "10000", 1, 10000000, NULL, false,                            \
      "open sessions; past it devices are asked to retry later")                                                       \
    X(true, dm_session_timeout_s, "dm.sessionTimeout", SET_SECONDS, "120s", 1, 86400, NULL, false,                     \
      "a session ends after this time without a message")                                                              \
    X(true, dm_session_lifetime_s, "dm.sessionLifetime", SET_SECONDS, "1h", 1, 86400, NULL, false, "longest session")  \
    X(true, dm_max_messages, "dm.maxMessages", SET_UINT, "500", 4, 100000, NULL, false, "messages in one session")     \
    X(true, dm_alerts_per_hour, "dm.alertsPerHour", SET_UINT, "1000", 1, 1000000000, NULL, false,                      \
      "alerts accepted from one device in an hour; the rest is refused with 420")                                      \
    X(true, dm_turn_ms, "dm.turnMs", SET_UINT, "20", 1, 1000, NULL, false,                                             \
      "longest turn of the DM loop before it commits (ms)")                                                            \
    X(false, api_address, "api.address", SET_TEXT, "127.0.0.1", 0, 0, NULL, false,                                     \
      "REST API and console: address to listen on")                                                                    \
    X(false, api_port, "api.port", SET_PORT, "8444", 0, 0, NULL, false, "port for admins")                             \
    X(false, api_url, "api.url", SET_TEXT, NULL, 0, 0, NULL, false, "public URL of the console")                       \
    X(false, api_cert, "api.certificate", SET_PATH, NULL, 0, 0, NULL, false,                                           \
      "PEM certificate chain; default: that of dm")                                                                    \
    X(false, api_key, "api.key", SET_PATH, NULL, 0, 0, NULL, false, "PEM private key; default: that of dm")            \
    X(false, api_max_connections, "api.maxConnections", SET_UINT, "500", 1, 100000, NULL, false,                       \
      "open connections of admins")                                                                                    \
    X(false, api_max_per_address, "api.maxConnectionsPerAddress", SET_UINT, "250", 0, 100000, NULL, false,             \
      "open connections from one address")                                                                             \
    X(false, api_max_bodies, "api.maxBodies", SET_BYTES, "64Mi", 0, 0, NULL, false,                                    \
      "all request and answer bodies in progress together; past it 503; one token may use half of it")                 \
    X(false, api_threads, "api.threads", SET_UINT, "4", 2, 64, NULL, false,                                            \
      "requests processed at once; one token may use half of them")                                                    \
    X(true, api_request_timeout_s, "api.requestTimeout", SET_SECONDS, "30s", 1, 3600, NULL, false,                     \
      "longest time of database work for one request; past it 503")                                                    \
    X(false, api_head_timeout_s, "api.headTimeout", SET_SECONDS, "20s", 1, 3600, NULL, false,                          \
      "longest time for the head of a request")                                                                        \
    X(false, api_body_timeout_s, "api.bodyTimeout", SET_SECONDS, "60s", 1, 3600, NULL, false,                          \
      "longest time for the body of a request; for each 64Ki of an image upload")                                      \
    X(true, api_max_body_bytes, "api.maxBody", SET_BYTES, "8Mi", 0, 0, NULL, false,                                    \
      "largest request body except image uploads; device descriptions can have several megabytes")                     \
    X(false, webui_dir, "api.webui", SET_PATH, DMVISOR_DATA "/webui", 0, 0, NULL, false, "the console's files")        \
    X(false, images_address, "images.address", SET_TEXT, "127.0.0.1", 0, 0, NULL, false,                               \
      "image downloads: address to listen on")                                                                         \
    X(false, images_port, "images.port", SET_PORT, "8445", 0, 0, NULL, false, "port for image downloads")              \
    X(false, images_url, "images.url", SET_TEXT, NULL, 0, 0, NULL, true,                                               \
      "public URL of image downloads, https://host:port")                                                              \
    X(false, images_cert, "images.certificate", SET_PATH, NULL, 0, 0, NULL, false,                                     \
      "PEM certificate chain; default: that of dm")                                                                    \
    X(false, images_key, "images.key", SET_PATH, NULL, 0, 0, NULL, false, "PEM private key; default: that of dm")      \
    X(false, images_dir, "images.directory", SET_PATH, "/var/lib/dmvisor/images", 0, 0, NULL, false,                   \
      "folder of the image files")                                                                                     \
    X(false, images_max_connections, "images.maxConnections", SET_UINT, "200", 1, 100000, NULL, false,                 \
      "downloads at once")                                                                                             \
    X(false, images_max_per_address, "images.maxConnectionsPerAddress", SET_UINT, "100", 0, 100000, NULL, false,       \
      "downloads at once from one address")                                                                            \
    X(false, images_head_timeout_s, "images.headTimeout", SET_SECONDS, "20s", 1, 3600, NULL, false,                    \
      "longest time for a request; a download may take longer while it makes progress")                                \
    X(true, images_max_bytes, "images.maxSize", SET_BYTES, "16Gi", 0, 0, NULL, false, "largest image")                 \
    X(false, database, "database.target", SET_TEXT, "sqlite:/var/lib/dmvisor/dmvisor.db", 0, 0, NULL, false,           \
      "sqlite:FILE")                                                                                                   \
    X(false, durable, "database.durable", SET_BOOL, "true", 0, 0, NULL, false, "a commit survives a power cut")        \
    X(false, schema_dir, "database.schema", SET_PATH, DMVISOR_DATA "/schema", 0, 0, NULL, false,                       \
      "numbered schema files")                                                                                         \
    X(false, secret_key_file, "database.secretKey", SET_PATH, "/var/lib/dmvisor/secret.key", 0, 0, NULL, false,        \
      "key that seals credentials; created at the first start; keep a copy")                                           \
    X(false, ddf_dir, "objects.directory", SET_PATH, DMVISOR_DATA "/ddf", 0, 0, NULL, false,                           \
      "device descriptions (mo/) and layouts (layout/)")                                                               \
    X(false, ddfs, "objects.descriptions", SET_LIST, NULL, 1, 0, NULL, false, "additional device description files")   \
    X(false, layouts, "objects.layouts", SET_LIST, NULL, 1, 0, NULL, false, "additional layout files")                 \
    X(true, kpi_interval_s, "kpi.interval", SET_SECONDS, "60s", 1, 86400, NULL, false,                                 \
      "how often KPIs are read if no policy sets an interval")                                                         \
    X(true, poll_s, "poll.interval", SET_SECONDS, "15m", 5, 2592000, NULL, false, "polling interval of new devices")   \
    X(true, notification_rate_per_s, "notifications.rate", SET_UINT, "50", 1, 100000, NULL, false,                     \
      "maximum notifications per second")                                                                              \
    X(false, notification_retries, "notifications.retries", SET_LIST, NULL, 0, 0, NULL, false,                         \
      "waits before a notification is repeated; default 5s 30s 5m 30m 2h")                                             \
    X(true, keep_samples_ms, "keep.samples", SET_MS, "30d", 0, 0, NULL, false, "how long KPI samples are kept")        \
    X(true, keep_events_ms, "keep.events", SET_MS, "7d", 0, 0, NULL, false,                                            \
      "how long the event stream can be resumed")                                                                      \
    X(true, keep_operations_ms, "keep.operations", SET_MS, "90d", 0, 0, NULL, false,                                   \
      "how long ended operations are kept")                                                                            \
    X(true, keep_sessions_ms, "keep.sessions", SET_MS, "30d", 0, 0, NULL, false,                                       \
      "how long the history of sessions and notifications is kept")                                                    \
    X(true, keep_aside_ms, "keep.imagesAside", SET_MS, "90d", 0, 0, NULL, false,                                       \
      "how long image files that an older backup does not name are kept in the folder aside")                          \
    X(true, database_check_ms, "database.check", SET_MS, "1h", 0, 0, NULL, false,                                      \
      "pause between two background checks of the whole database for damage")                                          \
    X(true, keep_device_samples, "keep.samplesPerDevice", SET_UINT, "100000", 1, 1000000000, NULL, false,              \
      "KPI samples kept per device; past it the oldest are deleted")                                                   \
    X(true, keep_device_events, "keep.eventsPerDevice", SET_UINT, "20000", 1, 1000000000, NULL, false,                 \
      "events kept per device; past it the oldest are deleted")                                                        \
    X(true, keep_device_sessions, "keep.sessionsPerDevice", SET_UINT, "2000", 1, 1000000000, NULL, false,              \
      "sessions, and notifications, kept per device; past it the oldest are deleted")                                  \
    X(true, keep_device_operations, "keep.operationsPerDevice", SET_UINT, "2000", 1, 1000000000, NULL, false,          \
      "ended policy operations kept per device; past it the oldest are deleted")                                       \
    X(true, recorder_failures, "recorder.failures", SET_BOOL, "true", 0, 0, NULL, false,                               \
      "record sessions that are aborted or lost")                                                                      \
    X(true, recorder_sample, "recorder.sample", SET_UINT, "0", 0, 1000000000, NULL, false,                             \
      "record one in this many sessions; 0 = none, 1 = all")                                                           \
    X(true, recorder_session_bytes, "recorder.maxSession", SET_BYTES, "1Mi", 0, 0, NULL, false,                        \
      "longest recording of a session")                                                                                \
    X(true, recorder_max_bytes, "recorder.maxSize", SET_BYTES, "256Mi", 0, 0, NULL, false,                             \
      "all recordings together; past it the oldest are deleted")                                                       \
    X(true, recorder_device_bytes, "recorder.maxDevice", SET_BYTES, "16Mi", 0, 0, NULL, false,                         \
      "all recordings of one device together; past it the oldest are deleted")                                         \
    X(true, recorder_keep_ms, "recorder.keep", SET_MS, "14d", 0, 0, NULL, false, "how long recordings are kept")       \
    X(true, log_level, "log.level", SET_WORD, "info", 0, 0, levels, false, "least important level that is logged")     \
    X(false, log_form, "log.form", SET_WORD, "logfmt", 0, 0, forms, false, "one line per event: key=value or JSON")

static const struct setting table[] = {
#define X(reload, member, name, kind, standard, min, max, words, required, help)                                       \
    { name, kind, offsetof(struct server_config, member), standard, min, max, words, required, help },
    SETTINGS(X)
#undef X
};
enum { N = sizeof table / sizeof table[0] };

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 || strcmp(address, "localhost") == 0;
}

/* Report a conflict between settings. */
static enum rc wrong(const char *file, struct buf *errors, struct err *e, const char *text)
{
    if (errors) buf_printf(errors, "%s: %s\n", file, text);
    return err_at(e, RC_INVALID, file, 0, 0, "%s", text);
}

static bool is_server_id(const char *id)
{
    size_t n = strlen(id);
    return n > 0 && n <= 23 && strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-") == n;
}

static enum rc check(const char *file, struct server_config *c, struct arena *a, struct buf *errors, struct err *e)
{
    enum rc rc = RC_OK;
    int64_t ms;
    if (!c->api_cert) {
        c->api_cert = c->dm_cert;
        c->api_key = c->dm_key;
    }
    if (!c->images_cert) {
        c->images_cert = c->dm_cert;
        c->images_key = c->dm_key;
    }
    if (!is_server_id(c->server_id))
        rc = wrong(
            file, errors, e,
            "authority.serverId must be 1 to 23 characters of A-Z a-z 0-9 . -: not every phone accepts longer ones");
    if ((c->dm_cert && !c->dm_key) || (c->api_cert && !c->api_key) || (c->images_cert && !c->images_key))
        rc = wrong(file, errors, e, "a certificate needs its key: set both `certificate` and `key`");
    if (!c->dm_cert && !c->dm_behind_proxy && !(c->demo && is_loopback(c->dm_address)))
        rc = wrong(file, errors, e,
                   "dm.certificate is missing: devices connect over TLS (or set dm.behindProxy, or `demo: true` with a "
                   "loopback address)");
    if (!c->api_cert && !c->dm_behind_proxy && !(c->demo && is_loopback(c->api_address)))
        rc = wrong(file, errors, e,
                   "api.certificate is missing: tokens travel over TLS only (or `demo: true` with a loopback address)");
    if (!c->images_cert && !c->dm_behind_proxy && !(c->demo && is_loopback(c->images_address)))
        rc = wrong(file, errors, e, "images.certificate is missing (or `demo: true` with a loopback address)");
    if (c->dm_max_message_bytes < 2048 || c->dm_max_message_bytes > 1 << 20)
        rc = wrong(file, errors, e, "dm.maxMessage must lie between 2Ki and 1Mi");
    for (size_t i = 0; i < c->shared_networks.n; i++) {
        struct http_network n;
        struct err why = { 0 };
        if (http_network_parse(str_of(c->shared_networks.items[i]), &n, &why))
            rc = wrong(file, errors, e, arena_printf(a, "sharedNetworks: %s", why.text).p);
    }
    for (size_t i = 0; i < c->notification_retries.n; i++)
        if (!text_duration_parse(str_of(c->notification_retries.items[i]), &ms) || ms < 100)
            rc = wrong(file, errors, e, "notifications.retries must be a list of times such as [5s, 30s, 5m]");
    return rc;
}

enum rc server_config_load(const char *file, struct arena *a, struct server_config *out, struct buf *errors,
                           struct err *e)
{
    memset(out, 0, sizeof *out);
    enum rc rc = settings_load(file, table, N, out, a, errors, e);
    return rc ? rc : check(file, out, a, errors, e);
}

void server_config_help(struct buf *out)
{
    settings_help(table, N, out);
}

static const bool may_reload[] = {
#define X(reload, member, name, kind, standard, min, max, words, required, help) reload,
    SETTINGS(X)
#undef X
};

static size_t size_of(const struct setting *s)
{
    switch (s->kind) {
    case SET_TEXT:
    case SET_PATH: return sizeof(const char *);
    case SET_LIST: return sizeof(struct setting_list);
    case SET_BOOL: return sizeof(bool);
    case SET_PORT: return sizeof(uint16_t);
    case SET_BYTES:
    case SET_MS: return sizeof(uint64_t);
    case SET_UINT:
    case SET_SECONDS:
    case SET_WORD: break;
    }
    return sizeof(unsigned);
}

static bool same(const struct setting *s, const void *x, const void *y)
{
    const char *p = (const char *)x + s->offset, *q = (const char *)y + s->offset;
    if (s->kind == SET_TEXT || s->kind == SET_PATH) {
        const char *a = *(const char *const *)(const void *)p, *b = *(const char *const *)(const void *)q;
        return a == b || (a && b && strcmp(a, b) == 0);
    }
    if (s->kind == SET_LIST) {
        const struct setting_list *a = (const void *)p, *b = (const void *)q;
        bool equal = a->n == b->n;
        for (size_t i = 0; equal && i < a->n; i++) equal = strcmp(a->items[i], b->items[i]) == 0;
        return equal;
    }
    return memcmp(p, q, size_of(s)) == 0;
}

const char *server_config_needs_restart(const struct server_config *now, const struct server_config *wanted)
{
    for (size_t i = 0; i < N; i++)
        if (!may_reload[i] && !same(&table[i], now, wanted)) return table[i].name;
    return NULL;
}

void server_config_take(const struct server_config *now, const struct server_config *wanted, struct server_config *out)
{
    *out = *now;
    for (size_t i = 0; i < N; i++) {
        const size_t at = table[i].offset;
        if (may_reload[i]) memcpy((char *)out + at, (const char *)wanted + at, size_of(&table[i]));
    }
}
