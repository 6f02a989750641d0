/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H
/* dmvisor-agent's configuration file (YAML); `dmvisor-agent --help-config` prints it with all settings. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"

struct agent_config {
    const char *id, *manufacturer, *model, *language, *type, *oem, *firmware, *software, *hardware;
    const char *data, *objects, *own;
    const char *root, *images; /* where the objects lie; NULL = where the layout has them */
    const char *hypervisor;
    int kvm; /* enum hv_kvm */
    bool stop_vms_on_exit;
    bool push;
    const char *push_address;
    uint16_t push_port;
    const char *ca;
    bool insecure;
    int encoding; /* enum sml_type */
    uint64_t max_message, max_object;
    unsigned quota_images, quota_vms;
    uint64_t quota_storage;
    int interaction;
    const char *interaction_program;
    unsigned interaction_wait_s; /* enum user_mode */
    int sandbox;                 /* enum sandbox_mode */
    int log_level, log_form;     /* enum log_level, enum log_form */
};

/**
 * Everything is in the arena. All errors are collected in `errors`, one line each. @return RC_IO, RC_PARSE, RC_INVALID
 */
enum rc agent_config_load(const char *file, struct arena *a, struct agent_config *out, struct buf *errors,
                          struct err *e);
void agent_config_help(struct buf *out);
#endif
