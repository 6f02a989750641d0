/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SIM_H
#define SIM_SIM_H
/* dmvisor-sim: many devices in one process, each the agent's own device and session code over the hypervisor and the
 * loader in memory. sim.c: options, phases and figures; sim_run.c: devices and the loop that keeps many sessions in
 * flight; sim_http.c: the wire. */
#include "agent/device.h"
#include "base/vec.h"
#include "sim/sim_http.h"
#include <signal.h>

enum sim_scenario { SIM_NOTHING_CHANGED, SIM_PROVISION };
enum { SIM_LABELS = 8, SIM_ERROR_TEXTS = 8 };

struct sim_options {
    const char *server, *api, *token, *accounts, *prefix, *objects, *own;
    const char *label[SIM_LABELS];
    size_t n_labels;
    size_t devices, concurrency;
    enum sml_type encoding;
    enum sim_scenario scenario;
    double duration_s, rate; /* sessions a second at the most; 0 = as many as go */
    long server_pid;
    bool json, quiet;
};

struct sim_device {
    char id[48];
    struct hv *hv;
    struct download *loader;
    struct device *device;
    int64_t skew_ms; /* its clock before the machine's: time passes in leaps between sessions */
    bool busy, settled, broken;
    unsigned sessions;
};

struct sim_figures {
    uint64_t sessions, messages, errors, bytes_out, bytes_in;
    VEC(uint32_t) latency_us;
    struct {
        char text[160];
        uint64_t n;
    } error[SIM_ERROR_TEXTS];
    size_t n_errors;
    double seconds, cpu_s, server_cpu_s;
    uint64_t running; /* devices whose VM runs (provision) */
};

struct sim {
    struct sim_options o;
    struct mo_shared *shared;
    struct device_config config;
    struct sim_server server, api;
    struct sim_device *devices;
    size_t next;
    struct sim_figures f;
    sigset_t signals; /* blocked; one of them ends the run */
    bool stopped;
};

/* sim_run.c */
/** Make the devices and their accounts: from o.accounts when it is there, else by registering at o.api. */
enum rc sim_register(struct sim *s, struct err *e);
/** Nonces move on with each session: kept for the next run. */
enum rc sim_save_accounts(const struct sim *s, struct err *e);
/** Sessions of all devices until every one has settled (nothing left to do; with SIM_PROVISION: its VM runs) or
 * `seconds` are over. */
enum rc sim_settle(struct sim *s, double seconds, struct err *e);
/** Sessions round and round for so long. */
enum rc sim_measure(struct sim *s, double seconds, struct err *e);
bool sim_stopped(struct sim *s);
void sim_devices_finish(struct sim *s);
void sim_error(struct sim_figures *f, const char *text);
#endif
