/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config.h"
#include "base/settings.h"
#include <stddef.h>
#include <string.h>

#ifndef DMVISOR_DATA
#define DMVISOR_DATA "/usr/share/dmvisor"
#endif

static const char *const encodings[] = { "xml", "wbxml", NULL }; /* in the order of enum sml_type */
static const char *const interactions[] = { "nobody", "deny", "accept", "program", NULL }; /* enum user_mode */
static const char *const sandboxes[] = { "prefer", "require", "off", NULL };               /* enum sandbox_mode */
static const char *const kvm_uses[] = { "auto", "trial", "never", NULL };                  /* enum hv_kvm */
static const char *const levels[] = { "error", "warn", "info", "debug", NULL };
static const char *const forms[] = { "logfmt", "json", NULL };

#define C(member) offsetof(struct agent_config, member)
static const struct setting table[] = {
    { "device.id", SET_TEXT, C(id), NULL, 0, 0, NULL, false,
      "device id for servers, e.g. IMEI:001010000000017; default: generated once and kept" },
    { "device.manufacturer", SET_TEXT, C(manufacturer), "dmvisor", 0, 0, NULL, false, "DevInfo: manufacturer" },
    { "device.model", SET_TEXT, C(model), "agent", 0, 0, NULL, false, "DevInfo: model" },
    { "device.language", SET_TEXT, C(language), "en-GB", 0, 0, NULL, false, "DevInfo: language" },
    { "device.type", SET_TEXT, C(type), "phone", 0, 0, NULL, false, "DevDetail: kind of device" },
    { "device.oem", SET_TEXT, C(oem), "dmvisor", 0, 0, NULL, false, "DevDetail: original manufacturer" },
    { "device.firmware", SET_TEXT, C(firmware), "1.0", 0, 0, NULL, false, "DevDetail: firmware version" },
    { "device.software", SET_TEXT, C(software), DMVISOR_VERSION, 0, 0, NULL, false, "DevDetail: software version" },
    { "device.hardware", SET_TEXT, C(hardware), "1", 0, 0, NULL, false, "DevDetail: hardware version" },
    { "data", SET_PATH, C(data), "/var/lib/dmvisor-agent", 0, 0, NULL, false, "folder for the state, images and VMs" },
    { "objects.directory", SET_PATH, C(objects), DMVISOR_DATA "/ddf", 0, 0, NULL, false,
      "descriptions (mo/) and layout (layout/) of the management objects" },
    { "objects.agent", SET_PATH, C(own), NULL, 0, 0, NULL, false,
      "the agent's own files (standard.yaml, schema/); default: agent/ beside objects.directory" },
    { "objects.root", SET_TEXT, C(root), NULL, 0, 0, NULL, false,
      "address of the virtualization object, e.g. ./Vendor/Acme/VirtMO; default: where the layout has it" },
    { "objects.images", SET_TEXT, C(images), NULL, 0, 0, NULL, false,
      "address of the images' object; default: where the layout has it" },
    { "hypervisor.uri", SET_TEXT, C(hypervisor), "qemu:///system", 0, 0, NULL, false,
      "libvirt's URI of the hypervisor; \"sim:\" simulates VMs in memory" },
    { "hypervisor.kvm", SET_WORD, C(kvm), "auto", 0, 0, kvm_uses, false,
      "auto: a probe at the start finds what is too slow, the first VM shows the rest; trial: only the first VM; never" },
    { "hypervisor.stopVmsOnExit", SET_BOOL, C(stop_vms_on_exit), "false", 0, 0, NULL, false,
      "power VMs off when the agent ends; otherwise they keep running and are found again" },
    { "push.enabled", SET_BOOL, C(push), "true", 0, 0, NULL, false, "listen for notifications" },
    { "push.address", SET_TEXT, C(push_address), "0.0.0.0", 0, 0, NULL, false, "address to listen on" },
    { "push.port", SET_PORT, C(push_port), "2948", 0, 0, NULL, false, "UDP port to listen on" },
    { "server.ca", SET_PATH, C(ca), NULL, 0, 0, NULL, false,
      "PEM certificates to trust for servers and image downloads; default: the system's" },
    { "server.insecure", SET_BOOL, C(insecure), "false", 0, 0, NULL, false,
      "do not check servers' certificates (demonstrations only)" },
    { "encoding", SET_WORD, C(encoding), "wbxml", 0, 0, encodings, false, "encoding of messages: xml or wbxml" },
    { "maxMessage", SET_BYTES, C(max_message), "64Ki", 0, 0, NULL, false, "largest message that this device accepts" },
    { "maxObject", SET_BYTES, C(max_object), "4Mi", 0, 0, NULL, false,
      "largest value that this device accepts as a large object" },
    { "quota.images", SET_UINT, C(quota_images), "32", 1, 64, NULL, false, "images that one server may describe" },
    { "quota.vms", SET_UINT, C(quota_vms), "32", 1, 64, NULL, false, "VMs that one server may define" },
    { "quota.storage", SET_BYTES, C(quota_storage), "0", 0, 0, NULL, false,
      "storage for one server's image files, system disks and volumes together; 0 = no limit" },
    { "interaction.answers", SET_WORD, C(interaction), "nobody", 0, 0, interactions, false,
      "how prompts of a server are answered: nobody, deny, accept or program" },
    { "interaction.program", SET_PATH, C(interaction_program), NULL, 0, 0, NULL, false,
      "program that shows a prompt and returns the user's answer; run without a shell" },
    { "interaction.wait", SET_SECONDS, C(interaction_wait_s), "60s", 1, 600, NULL, false,
      "time limit for an answer, when the server sets none" },
    { "sandbox", SET_WORD, C(sandbox), "prefer", 0, 0, sandboxes, false,
      "drop system calls and access to other files at the start: prefer (as far as kernel and hypervisor allow), require, off" },
    { "log.level", SET_WORD, C(log_level), "info", 0, 0, levels, false, "error, warn, info or debug" },
    { "log.form", SET_WORD, C(log_form), "logfmt", 0, 0, forms, false, "logfmt or json" },
};
enum { SETTINGS = sizeof table / sizeof table[0], MESSAGE_MIN = 1024, MESSAGE_MAX = 1 << 20 };

enum rc agent_config_load(const char *file, struct arena *a, struct agent_config *out, struct buf *errors,
                          struct err *e)
{
    enum rc rc = file ? settings_load(file, table, SETTINGS, out, a, errors, e)
                      : settings_defaults(table, SETTINGS, out, a);

    if (rc) return rc;
    if (!out->own) {
        struct str own = arena_printf(a, "%s/../agent", out->objects);
        out->own = own.p;
        if (!own.p) return err_set(e, RC_NOMEM, "no memory for the configuration");
    }
    if (out->max_message < MESSAGE_MIN || out->max_message > MESSAGE_MAX) {
        buf_printf(errors, "%s: /maxMessage: between %d and %d bytes are expected\n", file ? file : "defaults",
                   MESSAGE_MIN, MESSAGE_MAX);
        return err_at(e, RC_INVALID, file, 0, 0, "/maxMessage: between %d and %d bytes are expected", MESSAGE_MIN,
                      MESSAGE_MAX);
    }
    if (interactions[out->interaction] && !strcmp(interactions[out->interaction], "program") &&
        !out->interaction_program) {
        buf_printf(errors, "%s: /interaction/program: a program that shows prompts is needed\n",
                   file ? file : "defaults");
        return err_at(e, RC_INVALID, file, 0, 0, "/interaction/program: a program that shows prompts is needed");
    }
    return RC_OK;
}

void agent_config_help(struct buf *out)
{
    settings_help(table, SETTINGS, out);
}
