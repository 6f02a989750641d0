/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SIM_H
#define SIM_SIM_H
/* dmvisor-sim: many devices in one process. Each is the agent's own device and session code with the hypervisor and
 * the downloads simulated in memory. sim.c: options, phases and figures; sim_run.c: devices, and the loop that keeps
 * many sessions in flight; sim_http.c: HTTP. */
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
    double duration_s, rate; /* limit in sessions per second; 0 = none */
    long server_pid;
    bool json, quiet;
};

struct sim_device {
    char id[48];
    struct hv *hv;
    struct download *loader;
    struct device *device;
    int64_t skew_ms; /* difference of its clock from the machine's: time advances in steps between sessions */
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
    sigset_t signals; /* blocked; any of them ends the run */
    bool stopped;
};

/* sim_run.c */
/**
 * Create the devices and their accounts: from o.accounts when the file exists, otherwise by registering them at o.api.
 */
enum rc sim_register(struct sim *s, struct err *e);
/** Write the accounts with their nonces, which change with each session, for the next run. */
enum rc sim_save_accounts(const struct sim *s, struct err *e);
/**
 * Run sessions of all devices until each has settled (nothing left to do; with SIM_PROVISION: its VM runs) or `seconds`
 * have passed.
 */
enum rc sim_settle(struct sim *s, double seconds, struct err *e);
/** Run sessions continuously for this time. */
enum rc sim_measure(struct sim *s, double seconds, struct err *e);
bool sim_stopped(struct sim *s);
void sim_devices_finish(struct sim *s);
void sim_error(struct sim_figures *f, const char *text);
#endif
