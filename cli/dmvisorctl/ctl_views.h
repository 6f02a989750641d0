/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMVISORCTL_CTL_VIEWS_H
#define CLI_DMVISORCTL_CTL_VIEWS_H
/* The table views of all resources. */
#include "cli/dmvisorctl/ctl_show.h"

extern const struct show_view view_devices, view_device, view_device_set, view_vms, view_vms_of, view_vm, view_policies,
    view_policy_devices, view_device_policies, view_revisions, view_images, view_image, view_operations, view_operation,
    view_steps, view_notifications, view_notification, view_sessions, view_session, view_causes, view_vm_states,
    view_failures, view_crashes, view_tokens, view_audit, view_authorities, view_tree, view_values, view_commands,
    view_plan, view_waits, view_kinds;
#endif
