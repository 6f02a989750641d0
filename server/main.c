/* SPDX-License-Identifier: Apache-2.0 */
/* dmvisord: options, start, signals, stop. */
#define _DEFAULT_SOURCE /* setgroups */
#include "base/crypto.h"
#include "base/log.h"
#include "base/service.h"
#include "base/world.h"
#include "db/sql/claim.h"
#include "server/confine.h"
#include "server/api/api.h"
#include "server/events/events.h"
#include "server/core/health.h"
#include "server/images/images.h"
#include "server/core/metrics.h"
#include "server/notify/notifier.h"
#include "server/core/restored.h"
#include "server/jobs/retention.h"
#include "server/core/server.h"
#include "server/dm/worker.h"
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONFIG_ARENA_BYTES = 16 << 20, LOAD_ARENA_BYTES = 64 << 20, CERTIFICATE_DAYS = 825 };

static const char usage[] =
    "usage: dmvisord -f FILE [-n | --new-token NAME:ROLE[:AUTHORITY] | --check-database |\n"
    "                         --accept-database | --backup FILE | --trust-clock]\n"
    "       dmvisord --make-certificate FOLDER HOST...\n"
    "       dmvisord --help-config | --help | --version\n"
    "\n"
    "  -f FILE            configuration (YAML); --help-config prints one with all settings, their defaults and help\n"
    "  -n                 only check the configuration and the files it names\n"
    "  --new-token ...    create a token for the REST API and print it (roles: viewer, operator, admin, auditor)\n"
    "  --check-database   check the whole database for damage\n"
    "  --accept-database  accept changes that another program made to the database file while the server was down\n"
    "  --backup FILE      copy the database to FILE, also while the server runs\n"
    "  --trust-clock      trust the clock although it does not continue from the newest entry: expired rows may "
    "be deleted\n"
    "  --make-certificate write a self-signed P-256 certificate (cert.pem, key.pem) for these hosts, for development\n"
    "\n"
    "Runs in the foreground and logs to standard error. SIGTERM and SIGINT stop it, SIGHUP reloads the "
    "configuration.\n";

enum { RELOADED = 64 };

/* Everything the process owns. */
struct process {
    const char *file;
    struct server_config reloaded[RELOADED];
    unsigned n_reloads;
    struct arena config_arena, load_arena;
    struct server_config config;
    struct server srv;
    struct worker *worker;
    struct images *images;
    struct api *api;
    struct http_listener *api_listener, *image_listener;
    struct sql_claim *claim;
    struct health health;
};

static int complain(const char *what, const struct err *e)
{
    char text[ERR_TEXT_BYTES + 256];
    fprintf(stderr, "dmvisord: %s%s%s\n", what, what[0] ? ": " : "", err_format(e, text, sizeof text));
    return 1;
}

static int load_config(struct process *p)
{
    struct buf errors;
    struct err e = { 0 };
    buf_init(&errors, 1 << 20);
    arena_init(&p->config_arena, CONFIG_ARENA_BYTES);
    enum rc rc = server_config_load(p->file, &p->config_arena, &p->config, &errors, &e);
    if (rc) fputs(buf_z(&errors), stderr);
    buf_finish(&errors);
    return rc ? 1 : 0;
}

/* The server never serves as root: it becomes the configured account before it opens anything. */
static enum rc drop_privileges(const char *user, struct err *e)
{
    if (geteuid() != 0) return RC_OK;
    if (!user)
        return err_set(
            e, RC_DENIED,
            "started as root: set `user` in the configuration to the account to run as, or start dmvisord as "
            "that account");
    const struct passwd *pw = getpwnam(user);
    if (!pw || pw->pw_uid == 0)
        return err_set(e, RC_INVALID, "user: no unprivileged account \"%s\" on this machine", user);
    if (setgroups(0, NULL) != 0 || setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0)
        return err_set(e, RC_IO, "cannot become %s: %s", user, strerror(errno));
    return RC_OK;
}

static enum rc start(struct process *p, struct err *e)
{
    const struct server_config *c = &p->config;
    const struct http_config api = { .address = c->api_address,
                                     .port = c->api_port,
                                     .cert_file = c->api_cert,
                                     .key_file = c->api_key,
                                     .max_connections = c->api_max_connections,
                                     .max_per_address = c->api_max_per_address,
                                     .shared_networks = c->shared_networks.items,
                                     .n_shared_networks = c->shared_networks.n,
                                     .max_bodies_bytes = (size_t)c->api_max_bodies,
                                     .max_body_bytes = c->api_max_body_bytes,
                                     .idle_timeout_s = 120,
                                     .head_timeout_ms = c->api_head_timeout_s * 1000,
                                     .body_timeout_ms = c->api_body_timeout_s * 1000,
                                     .connection_memory = API_CONNECTION_MEMORY };
    struct server *srv = &p->srv;
    enum rc rc = (srv->metrics = metrics_create()) ? RC_OK : RC_NOMEM;
    if (!rc) rc = events_create(srv, &srv->events, e);
    if (!rc) rc = images_open(srv, &p->images, e); /* moves files aside, which retention counts */
    if (!rc)
        rc = retention_create(srv, &srv->retention, e); /* it provides the trusted time: created before its users */
    if (!rc) rc = notifier_create(srv, &srv->notifier, e);
    if (!rc) rc = images_listen(p->images, &p->image_listener, e);
    if (!rc) rc = worker_start(srv, &p->worker, e);
    if (!rc) rc = api_create(srv, p->images, &p->api, e);
    if (!rc) rc = http_start(&api, api_handle, &api_uploads, p->api, &p->api_listener, e);
    return rc;
}

/* Stop the DM worker first, so that all answers are stored and no new session begins; then the API. */
static void stop(struct process *p)
{
    worker_stop(p->worker);
    api_stop(p->api);
    http_stop(p->api_listener);
    http_stop(p->image_listener);
    retention_destroy(p->srv.retention);
    notifier_destroy(p->srv.notifier);
    events_destroy(p->srv.events);
    api_destroy(p->api);
    images_close(p->images);
    metrics_destroy(p->srv.metrics);
    sql_claim_give_back(p->claim);
}

/* Reload numbers; texts stay as at start. Threads may still read the former configuration, so a fixed number of slots
 * is used in turn. */
static void take_over(struct process *p, const struct server_config *fresh)
{
    struct server_config *at = &p->reloaded[p->n_reloads++ % RELOADED];
    server_config_take(p->srv.config, fresh, at);
    log_set_level((enum log_level)fresh->log_level);
    p->srv.config = at;
    log_event(LOG_INFO, "reloaded", LOG_Z("file", p->file));
}

/* Threads and listeners are there, requests are answered. */
static void tell_ready(const struct process *p)
{
    service_ready("Serving %s, API on port %u", p->srv.config->dm_url, http_port(p->api_listener));
}

static void reload(struct process *p)
{
    struct process fresh = { .file = p->file };
    const char *fixed;
    service_reloading(world_monotonic_ms() * 1000);
    if (load_config(&fresh))
        log_event(LOG_ERROR, "reload.refused",
                  LOG_Z("why", "the configuration has mistakes; the former one stays in force"));
    else if ((fixed = server_config_needs_restart(p->srv.config, &fresh.config)) != NULL)
        log_event(LOG_ERROR, "reload.refused", LOG_Z("setting", fixed),
                  LOG_Z("why", "this setting needs a restart; the former configuration stays in force"));
    else
        take_over(p, &fresh.config);
    arena_finish(&fresh.config_arena);
    tell_ready(p);
}

static void serve(struct process *p, const sigset_t *signals)
{
    int sig;
    while (sigwait(signals, &sig) == 0 && sig == SIGHUP) reload(p);
    log_event(LOG_INFO, "stopping", LOG_N("signal", sig));
    service_stopping();
    stop(p);
}

/* Called before threads start, and after the last step that needs more rights. */
static enum rc confine(const struct process *p, struct err *e)
{
    struct sandbox_state got;
    enum rc rc = server_confine(&p->config, p->file, &got, e);
    if (rc) return rc;
    log_event(got.missing[0] ? LOG_WARN : LOG_INFO, "sandbox", LOG_Z("new_privileges", got.no_new_privs ? "no" : "yes"),
              LOG_Z("calls", got.calls ? "denied" : "all"), LOG_Z("files", got.files ? "own" : "all"),
              LOG_Z("missing", got.missing));
    return RC_OK;
}

/* Check each listener's certificate: otherwise a device or browser would reject it without a trace in the log. */
static enum rc check_certificates(const struct server_config *c, struct err *e)
{
    const struct {
        const char *cert, *key;
    } pair[] = { { c->dm_cert, c->dm_key }, { c->api_cert, c->api_key }, { c->images_cert, c->images_key } };
    enum rc rc = RC_OK;
    for (size_t i = 0; i < sizeof pair / sizeof pair[0] && !rc; i++)
        if (pair[i].cert && pair[i].key)
            rc = http_certificate_check(pair[i].cert, pair[i].key, world_real().now_ms / 1000, e);
    return rc;
}

/* The database's pages are mapped: reading past the end of a truncated file raises this signal, and memory cannot be
 * trusted then. The next start checks the file and says how to restore it. */
static void file_cut_short(int signal)
{
    static const char text[] = "level=error event=database.cut_short why=\"the database or its -shm file was truncated "
                               "while the server runs; it stops at once and checks the database at the next start\"\n";
    (void)signal;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(EXIT_FAILURE);
    _exit(EXIT_FAILURE);
}

static int run(struct process *p, bool only_check)
{
    struct err e = { 0 };
    sigset_t signals;
    const struct server_config *c = &p->config;

    if (load_config(p)) return 1;
    log_open((enum log_level)c->log_level, (enum log_form)c->log_form, STDERR_FILENO);
    if (!only_check && drop_privileges(c->user, &e)) return complain("", &e);
    arena_init(&p->load_arena, LOAD_ARENA_BYTES);
    p->srv.health = &p->health;
    if (server_load(&p->srv, c, &p->load_arena, &e)) return complain("", &e);
    if (only_check) {
        if (check_certificates(c, &e)) return complain("", &e);
        printf("%s is valid\n", p->file);
        return 0;
    }
    signal(SIGBUS, file_cut_short);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* EFBIG is then an error like others */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before threads start: they inherit the mask */
    if (confine(p, &e)) return complain("cannot start", &e);
    if (sql_claim(c->database, &p->claim, &e) || server_prepare_database(c, true, world_real().now_ms, &e) ||
        server_key_fits(&p->srv, &e) || restored_look(c, &e) || start(p, &e)) {
        complain("cannot start", &e);
        stop(p);
        return 1;
    }
    if (check_certificates(c, &e))
        log_event(LOG_ERROR, "certificate", LOG_Z("why", e.text)); /* the server starts all the same */
    log_event(LOG_INFO, "started", LOG_Z("version", DMVISOR_VERSION), LOG_Z("dm", c->dm_url),
              LOG_N("dm_port", worker_port(p->worker)), LOG_N("api_port", http_port(p->api_listener)),
              LOG_N("images_port", http_port(p->image_listener)),
              LOG_Z("tls", c->dm_cert           ? "on"
                           : c->dm_behind_proxy ? "in the proxy"
                                                : "off (demo)"));
    tell_ready(p);
    serve(p, &signals);
    log_flush(true);
    log_event(LOG_INFO, "stopped", LOG_Z("version", DMVISOR_VERSION));
    return 0;
}

static int new_token(struct process *p, const char *text)
{
    struct err e = { 0 };
    char token[API_TOKEN_BYTES];
    const struct sql_options o = { .durable = true, .busy_ms = 10000 };
    struct str rest = str_of(text), name, role, authority = { 0 };
    const struct world w = world_real();
    struct sql *db = NULL;

    if (load_config(p)) return 1;
    log_open(LOG_WARN, LOG_LOGFMT, STDERR_FILENO);
    if (!str_cut(&rest, ':', &name) || !str_cut(&rest, ':', &role) || name.n == 0) {
        fprintf(stderr, "dmvisord: --new-token needs NAME:ROLE, or NAME:ROLE:AUTHORITY\n");
        return 2;
    }
    str_cut(&rest, ':', &authority);
    umask(077);
    enum rc rc = drop_privileges(p->config.user, &e);
    if (!rc) rc = server_prepare_database(&p->config, false, w.now_ms, &e);
    if (!rc) rc = sql_open(p->config.database, &o, &db, &e);
    if (!rc) rc = api_token_add(db, authority, name, role, 0, &w, token, &e);
    sql_close(db);
    if (rc) return complain("cannot create the token", &e);
    printf("%s\n", token);
    return 0;
}

/* A consistent copy, also while the server runs. */
static int make_backup(struct process *p, const char *file)
{
    struct err e = { 0 };
    struct sql *db = NULL;
    const struct sql_options o = { .read_only = true, .busy_ms = 10000 };
    if (load_config(p)) return 1;
    log_open(LOG_WARN, LOG_LOGFMT, STDERR_FILENO);
    umask(077);
    enum rc rc = sql_open(p->config.database, &o, &db, &e);
    if (!rc) rc = sql_backup(db, file, &e);
    sql_close(db);
    if (!rc) rc = restored_mark_copy(file, world_real().now_ms, &e);
    if (rc == RC_INVALID) rc = RC_OK; /* a copy with an older schema has no mark */
    if (rc) return complain("cannot make the backup", &e);
    printf("%s holds the database; keep %s and the folder %s with it\n", file, p->config.secret_key_file,
           p->config.images_dir);
    return 0;
}

/* Actions on the database that also work while the server runs. */
static int with_database(struct process *p, bool trust)
{
    struct err e = { 0 };
    struct sql *db = NULL;
    if (load_config(p)) return 1;
    log_open(LOG_WARN, LOG_LOGFMT, STDERR_FILENO);
    umask(077);
    enum rc rc = drop_privileges(p->config.user, &e);
    if (!rc && !trust) rc = server_check_database(&p->config, &e);
    if (!rc && trust) rc = retention_open(&p->config, NULL, &db, &e);
    if (!rc && trust) rc = retention_trust(db, world_real().now_ms, &e);
    sql_close(db);
    if (rc) return complain("", &e);
    puts(trust ? "the clock is trusted" : "the database is intact");
    return 0;
}

static int accept_database(struct process *p)
{
    struct err e = { 0 };
    int64_t pages = 0;
    if (load_config(p)) return 1;
    log_open(LOG_WARN, LOG_LOGFMT, STDERR_FILENO);
    enum rc rc = drop_privileges(p->config.user, &e);
    if (!rc) rc = server_accept_database(&p->config, &pages, &e);
    if (rc) return complain("", &e);
    printf("the database is accepted: %lld pages were written by another program\n", (long long)pages);
    return 0;
}

static int make_certificate(int n, char **arg)
{
    struct err e = { 0 };
    char cert[1024], key[1024];
    if (n < 2) {
        fprintf(stderr, "dmvisord: --make-certificate needs a folder and at least one host name or address\n");
        return 2;
    }
    snprintf(cert, sizeof cert, "%s/cert.pem", arg[0]);
    snprintf(key, sizeof key, "%s/key.pem", arg[0]);
    if (crypto_make_certificate(cert, key, (const char *const *)(arg + 1), (size_t)n - 1, CERTIFICATE_DAYS, &e))
        return complain("cannot create the certificate", &e);
    return 0;
}

static int help_config(void)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    server_config_help(&b);
    fputs(buf_z(&b), stdout);
    buf_finish(&b);
    return 0;
}

int main(int argc, char **argv)
{
    enum { TOKEN = 256, CERTIFICATE, HELP_CONFIG, CHECK_DATABASE, ACCEPT_DATABASE, TRUST_CLOCK, BACKUP };
    static const struct option options[] = {
        { "file", required_argument, NULL, 'f' },
        { "check", no_argument, NULL, 'n' },
        { "new-token", required_argument, NULL, TOKEN },
        { "make-certificate", no_argument, NULL, CERTIFICATE },
        { "check-database", no_argument, NULL, CHECK_DATABASE },
        { "accept-database", no_argument, NULL, ACCEPT_DATABASE },
        { "trust-clock", no_argument, NULL, TRUST_CLOCK },
        { "backup", required_argument, NULL, BACKUP },
        { "help-config", no_argument, NULL, HELP_CONFIG },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    struct process p = { 0 };
    const char *token = NULL, *backup = NULL;
    bool check = false, certificate = false, whole = false, accept = false, trust = false;
    for (int o; (o = getopt_long(argc, argv, "f:nhV", options, NULL)) != -1;) switch (o) {
        case 'f': p.file = optarg; break;
        case 'n': check = true; break;
        case TOKEN: token = optarg; break;
        case CERTIFICATE: certificate = true; break;
        case CHECK_DATABASE: whole = true; break;
        case ACCEPT_DATABASE: accept = true; break;
        case TRUST_CLOCK: trust = true; break;
        case BACKUP: backup = optarg; break;
        case HELP_CONFIG: return help_config();
        case 'h': fputs(usage, stdout); return 0;
        case 'V': puts("dmvisord " DMVISOR_VERSION); return 0;
        default: fputs(usage, stderr); return 2;
        }
    if (certificate) return make_certificate(argc - optind, argv + optind);
    if (!p.file || optind < argc) {
        fputs(usage, stderr);
        return 2;
    }
    int code = token            ? new_token(&p, token)
               : accept         ? accept_database(&p)
               : backup         ? make_backup(&p, backup)
               : whole || trust ? with_database(&p, trust)
                                : run(&p, check);
    server_unload(&p.srv);
    arena_finish(&p.load_arena);
    arena_finish(&p.config_arena);
    return code;
}
