/* SPDX-License-Identifier: Apache-2.0 */
/* overview: the state of the fleet. */
#include "cli/dmvisorctl/ctl_views.h"

enum ctl_exit cmd_overview(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    enum ctl_exit code = ctl_get(c, ctl_path(c, "/overview"), &r);
    if (!code && !show_raw(c, &r, NULL)) {
        if (!json_array_size(ctl_at(r.json, "devices"))) ctl_print("no devices\n");
        show_section(c, "Devices", ctl_at(r.json, "devices"), &view_causes);
        show_section(c, "VMs", ctl_at(r.json, "vms"), &view_vm_states);
        show_section(c, "Unacknowledged crashes", ctl_at(r.json, "crashes"), &view_crashes);
        show_section(c, "Sessions that failed in the last day", ctl_at(r.json, "sessions"), &view_failures);
    }
    ctl_reply_finish(&r);
    return code;
}
