/* SPDX-License-Identifier: Apache-2.0 */
/* dmvisor-sim: see sim.h. */
#include "sim/sim.h"
#include "base/json_out.h"
#include "base/log.h"
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef DMVISOR_DATA
#define DMVISOR_DATA "/usr/share/dmvisor"
#endif
enum { SETTLE_S = 600 };

static const char usage[] =
    "usage: dmvisor-sim --server URL --devices N [--register-url URL --token T] [options]\n"
    "  --server URL          DM address for the sessions (plain HTTP), e.g. http://127.0.0.1:8443/dm\n"
    "  --devices N           number of devices (default 100)\n"
    "  --register-url URL    REST API to register them at, e.g. http://127.0.0.1:8444\n"
    "  --token T             its bearer token (or in the environment: DMVISOR_TOKEN)\n"
    "  --accounts FILE       file for the accounts; when it exists, no device is registered\n"
    "  --label KEY=VALUE     label of the devices (several times)\n"
    "  --prefix TEXT         beginning of the device ids (default sim:)\n"
    "  --concurrency C       sessions in flight, one connection each (default 32)\n"
    "  --encoding xml|wbxml  of messages (default wbxml)\n"
    "  --scenario NAME       nothing-changed: settled devices start session after session (default)\n"
    "                        provision: devices start sessions until the VM of their policy runs\n"
    "  --duration S          seconds to measure (nothing-changed), or time limit (provision); default 10\n"
    "  --rate R              limit in sessions per second\n"
    "  --server-pid PID      report this process's CPU time and memory as the server's\n"
    "  --objects DIR         descriptions and layout (default " DMVISOR_DATA "/ddf)\n"
    "  --json                figures as JSON on standard output\n"
    "  --quiet               print only the figures\n";

/* CPU seconds and resident memory of a process, from /proc. */
static bool process_figures(long pid, double *cpu_s, long *rss_kb)
{
    unsigned long long user = 0, sys = 0;
    long rss = 0;
    char path[64], text[1024], *p;
    size_t n;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    f = pid > 0 ? fopen(path, "re") : NULL;
    if (!f) return false;
    n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    p = strrchr(text, ')');
    if (!p ||
        sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %*u %*u %ld",
               &user, &sys, &rss) != 3)
        return false;
    *cpu_s = (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
    *rss_kb = rss * (sysconf(_SC_PAGESIZE) / 1024);
    return true;
}

static double own_cpu_s(void)
{
    struct rusage r;

    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static double percentile(const struct sim_figures *f, double p)
{
    size_t i;

    if (!f->latency_us.n) return 0;
    i = (size_t)(p / 100 * (double)(f->latency_us.n - 1) + 0.5);
    return (double)f->latency_us.at[i] / 1000;
}

static void report(const struct sim *s, const struct sim_figures *f, long server_rss_kb)
{
    double seconds = f->seconds > 0 ? f->seconds : 1, messages = f->messages ? (double)f->messages : 1;
    const char *scenario = s->o.scenario == SIM_PROVISION ? "provision" : "nothing-changed",
               *encoding = s->o.encoding == SML_XML ? "xml" : "wbxml";
    struct buf texts = { 0 };

    if (f->latency_us.n) qsort(f->latency_us.at, f->latency_us.n, sizeof f->latency_us.at[0], by_value);
    if (s->o.json) {
        struct json_out j;
        json_out_begin(&j, &texts);
        json_out_array(&j, NULL);
        for (size_t i = 0; i < f->n_errors; i++) {
            json_out_object(&j, NULL);
            json_out_z(&j, "text", f->error[i].text);
            json_out_i64(&j, "count", (int64_t)f->error[i].n);
            json_out_end(&j);
        }
        json_out_end(&j);
        printf(
            "{\"scenario\":\"%s\",\"encoding\":\"%s\",\"devices\":%zu,\"concurrency\":%zu,\"seconds\":%.3f,\"sessions\":%llu,\"messages\":%llu,"
            "\"sessionsPerS\":%.1f,\"messagesPerS\":%.1f,\"messagesPerSession\":%.3f,\"latencyMs\":{\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"max\":%.3f},"
            "\"bytesOutPerMessage\":%.0f,\"bytesInPerMessage\":%.0f,\"clientCpuUsPerMessage\":%.2f,\"serverCpuUsPerMessage\":%.2f,\"serverRssKb\":%ld,"
            "\"vmsRunning\":%llu,\"errors\":%llu,\"errorTexts\":%s}\n",
            scenario, encoding, s->o.devices, s->o.concurrency, f->seconds, (unsigned long long)f->sessions,
            (unsigned long long)f->messages, (double)f->sessions / seconds, (double)f->messages / seconds,
            f->sessions ? (double)f->messages / (double)f->sessions : 0, percentile(f, 50), percentile(f, 90),
            percentile(f, 99), percentile(f, 100), (double)f->bytes_out / messages, (double)f->bytes_in / messages,
            f->cpu_s * 1e6 / messages, f->server_cpu_s * 1e6 / messages, server_rss_kb, (unsigned long long)f->running,
            (unsigned long long)f->errors, buf_z(&texts));
        buf_finish(&texts);
        return;
    }
    printf("%s, %s: %zu devices, %zu sessions in flight, %.1f s\n", scenario, encoding, s->o.devices, s->o.concurrency,
           f->seconds);
    printf("  sessions  %10llu   %10.1f /s\n", (unsigned long long)f->sessions, (double)f->sessions / seconds);
    printf("  messages  %10llu   %10.1f /s   (%.0f bytes sent, %.0f received)\n", (unsigned long long)f->messages,
           (double)f->messages / seconds, (double)f->bytes_out / messages, (double)f->bytes_in / messages);
    printf("  latency of a message   p50 %.3f ms   p90 %.3f ms   p99 %.3f ms   max %.3f ms\n", percentile(f, 50),
           percentile(f, 90), percentile(f, 99), percentile(f, 100));
    printf("  CPU of a message       simulator %.1f us", f->cpu_s * 1e6 / messages);
    if (s->o.server_pid)
        printf("   server %.1f us   server's memory %ld KiB", f->server_cpu_s * 1e6 / messages, server_rss_kb);
    printf("\n");
    if (s->o.scenario == SIM_PROVISION)
        printf("  VMs running   %llu of %zu\n", (unsigned long long)f->running, s->o.devices);
    printf("  errors    %10llu\n", (unsigned long long)f->errors);
    for (size_t i = 0; i < f->n_errors; i++)
        printf("    %llu x %s\n", (unsigned long long)f->error[i].n, f->error[i].text);
}

/* Measure one phase: counters start at zero, and the CPU time of both sides is taken before and after it. */
static enum rc phase(struct sim *s, enum rc (*run)(struct sim *s, double seconds, struct err *e), double seconds,
                     struct err *e)
{
    double own = own_cpu_s(), before = 0, after = 0;
    long rss;
    enum rc rc;

    VEC_FREE(&s->f.latency_us);
    memset(&s->f, 0, sizeof s->f);
    process_figures(s->o.server_pid, &before, &rss);
    rc = run(s, seconds, e);
    s->f.cpu_s = own_cpu_s() - own;
    if (process_figures(s->o.server_pid, &after, &rss)) s->f.server_cpu_s = after - before;
    return rc;
}

static enum rc run(struct sim *s, struct err *e)
{
    double unused;
    long rss = 0;
    const struct mo_places places = { .objects = s->o.objects, .own = s->o.own };
    enum rc rc = mo_shared_load(&places, &s->shared, e);

    if (!rc && s->o.api) rc = sim_server_of(s->o.api, &s->api, e);
    if (!rc) rc = sim_server_of(s->o.server, &s->server, e);
    if (!rc) rc = sim_register(s, e);
    if (rc) return rc;
    rc = phase(s, sim_settle, s->o.scenario == SIM_PROVISION ? s->o.duration_s : SETTLE_S, e);
    if (!rc && s->o.scenario == SIM_NOTHING_CHANGED && !sim_stopped(s)) {
        if (!s->o.quiet)
            fprintf(stderr, "settled after %llu sessions, %llu messages, %llu errors; now measuring\n",
                    (unsigned long long)s->f.sessions, (unsigned long long)s->f.messages,
                    (unsigned long long)s->f.errors);
        for (size_t i = 0; !s->o.quiet && i < s->f.n_errors; i++)
            fprintf(stderr, "  %llu x %s\n", (unsigned long long)s->f.error[i].n, s->f.error[i].text);
        rc = phase(s, sim_measure, s->o.duration_s, e);
    }
    process_figures(s->o.server_pid, &unused, &rss);
    if (!rc) report(s, &s->f, rss);
    return rc ? rc : sim_save_accounts(s, e);
}

static bool number(const char *text, double min, double *out)
{
    char *end;

    *out = strtod(text, &end);
    return *text && !*end && *out >= min;
}

enum {
    SERVER = 256,
    DEVICES,
    REGISTER,
    TOKEN,
    ACCOUNTS,
    LABEL,
    PREFIX,
    CONCURRENCY,
    ENCODING,
    SCENARIO,
    DURATION,
    RATE,
    PID,
    OBJECTS,
    JSON,
    QUIET
};

static bool take(struct sim_options *o, int option, const char *arg)
{
    double n = 0;

    switch (option) {
    case SERVER: o->server = arg; return true;
    case REGISTER: o->api = arg; return true;
    case TOKEN: o->token = arg; return true;
    case ACCOUNTS: o->accounts = arg; return true;
    case PREFIX: o->prefix = arg; return strlen(arg) < 32 && !strpbrk(arg, "\"\\ ");
    case OBJECTS: o->objects = arg; return true;
    case JSON: return o->json = true;
    case QUIET: return o->quiet = true;
    case LABEL:
        if (o->n_labels == SIM_LABELS || !strchr(arg, '=') || strpbrk(arg, "\"\\")) return false;
        o->label[o->n_labels++] = arg;
        return true;
    case ENCODING:
        o->encoding = strcmp(arg, "xml") ? SML_WBXML : SML_XML;
        return !strcmp(arg, "xml") || !strcmp(arg, "wbxml");
    case SCENARIO:
        o->scenario = strcmp(arg, "provision") ? SIM_NOTHING_CHANGED : SIM_PROVISION;
        return !strcmp(arg, "provision") || !strcmp(arg, "nothing-changed");
    case DURATION: return number(arg, 0.1, &o->duration_s);
    case RATE: return number(arg, 0, &o->rate);
    case PID:
        if (!number(arg, 1, &n)) return false;
        o->server_pid = (long)n;
        return true;
    default:
        if (!number(arg, 1, &n) || n > 10000000) return false;
        *(option == DEVICES ? &o->devices : &o->concurrency) = (size_t)n;
        return true;
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "server", 1, NULL, SERVER },
        { "devices", 1, NULL, DEVICES },
        { "register-url", 1, NULL, REGISTER },
        { "token", 1, NULL, TOKEN },
        { "accounts", 1, NULL, ACCOUNTS },
        { "label", 1, NULL, LABEL },
        { "prefix", 1, NULL, PREFIX },
        { "concurrency", 1, NULL, CONCURRENCY },
        { "encoding", 1, NULL, ENCODING },
        { "scenario", 1, NULL, SCENARIO },
        { "duration", 1, NULL, DURATION },
        { "rate", 1, NULL, RATE },
        { "server-pid", 1, NULL, PID },
        { "objects", 1, NULL, OBJECTS },
        { "json", 0, NULL, JSON },
        { "quiet", 0, NULL, QUIET },
        { "help", 0, NULL, 'h' },
        { "version", 0, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    struct sim s = { .o = { .devices = 100,
                            .concurrency = 32,
                            .duration_s = 10,
                            .prefix = "sim:",
                            .objects = DMVISOR_DATA "/ddf",
                            .encoding = SML_WBXML,
                            .token = getenv("DMVISOR_TOKEN") } };
    char own[1024], text[1024];
    struct err e = { 0 };
    enum rc rc;

    for (int o; (o = getopt_long(argc, argv, "hV", options, NULL)) != -1;) {
        if (o == 'h') return fputs(usage, stdout) < 0;
        if (o == 'V') return puts("dmvisor-sim " DMVISOR_VERSION) < 0;
        if (o == '?' || !take(&s.o, o, optarg)) {
            if (o != '?') fprintf(stderr, "dmvisor-sim: \"%s\" is not valid there\n", optarg);
            return fputs(usage, stderr), 2;
        }
    }
    if (!s.o.server || optind < argc) return fputs(usage, stderr), 2;
    if (s.o.concurrency > s.o.devices) s.o.concurrency = s.o.devices;
    snprintf(own, sizeof own, "%s/../agent", s.o.objects);
    s.o.own = own;
    s.config = (struct device_config){ .mo.manufacturer = "dmvisor",
                                       .mo.model = "simulated",
                                       .mo.version = "dmvisor-sim " DMVISOR_VERSION,
                                       .mo.language = "en-GB",
                                       .mo.type = "phone",
                                       .mo.oem = "dmvisor",
                                       .mo.firmware = "1",
                                       .mo.software = DMVISOR_VERSION,
                                       .mo.hardware = "1",
                                       .mo.images_dir = "",
                                       .mo.vms_dir = "",
                                       .dm.max_msg_bytes = 65536,
                                       .dm.max_obj_bytes = 1 << 20,
                                       .dm.encoding = s.o.encoding };
    mallopt(M_TRIM_THRESHOLD, 256 << 20); /* the next message needs the same memory at once */
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    log_open(LOG_ERROR, LOG_LOGFMT, STDERR_FILENO); /* thousands of devices would report each VM */
    sigemptyset(&s.signals);
    sigaddset(&s.signals, SIGINT);
    sigaddset(&s.signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &s.signals, NULL); /* checked between rounds (sim_stopped) */
    signal(SIGPIPE, SIG_IGN);
    rc = run(&s, &e);
    if (rc) fprintf(stderr, "dmvisor-sim: %s\n", err_format(&e, text, sizeof text));
    sim_devices_finish(&s);
    mo_shared_destroy(s.shared);
    VEC_FREE(&s.f.latency_us);
    return rc != RC_OK;
}
