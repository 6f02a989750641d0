#include "cli/ctl.h"

#define OPERATION_OPTIONS { OPT_ARG, OPT_WAIT, OPT_TIMEOUT, OPT_EXPIRES, OPT_NOT_BEFORE }
#define OPERATION(name, help) { name, "DEVICE VM", help, 2, 2, false, cmd_operation, OPERATION_OPTIONS }
#define TREE(name, usage, max, help) \
    { name, usage, help, 2, max, false, cmd_tree, { OPT_FORMAT, OPT_WAIT, OPT_TIMEOUT, OPT_EXPIRES, OPT_NOT_BEFORE } }

const struct ctl_command ctl_commands[] = {
    { "login", "", "check a server and a token, and remember them as a context", 0, 0, true, cmd_login, { OPT_NAME } },
    { "context use", "NAME", "use this context from now on", 1, 1, true, cmd_context_use, { OPT_NONE } },
    { "context list", "", "the contexts that are remembered", 0, 0, true, cmd_context_list, { OPT_NONE } },
    { "context delete", "NAME", "forget a context and its token", 1, 1, true, cmd_context_delete, { OPT_NONE } },
    { "whoami", "", "who the server takes you for", 0, 0, false, cmd_whoami, { OPT_NONE } },

    { "get", "devices|vms|policies|images|operations|triggers|sessions|tokens|audit|authorities [NAME]", "list things", 1, 2, false, cmd_get,
      { OPT_FILTER, OPT_DEVICE, OPT_STATE, OPT_LIMIT, OPT_FROM, OPT_TO, OPT_WATCH, OPT_TIMEOUT } },

    { "device register", "ID", "make a device known; gives the account that its agent needs", 1, 1, false, cmd_device_register,
      { OPT_TITLE, OPT_LABEL, OPT_PUSH, OPT_AUTH, OPT_ACCOUNT_FILE, OPT_FORCE } },
    { "device show", "ID", "all about a device", 1, 1, false, cmd_device_show, { OPT_NONE } },
    { "device desired", "ID", "what the device shall be, with the policy and rule behind each value", 1, 1, false, cmd_device_desired, { OPT_NONE } },
    { "device preview", "ID", "what the device would be sent if it called now", 1, 1, false, cmd_device_preview, { OPT_NONE } },
    { "device tree", "ID [URI]", "the device's management tree as last reported", 1, 2, false, cmd_device_tree, { OPT_DEPTH } },
    { "device label", "ID K=V|K- ...", "set labels, or take them away", 2, CTL_ANY, false, cmd_device_label, { OPT_NONE } },
    { "device set", "ID", "change its title, how it is called, whether its sessions are recorded", 1, 1, false, cmd_device_set,
      { OPT_TITLE, OPT_PUSH, OPT_RECORD } },
    { "device trigger", "ID", "ask the device to call", 1, 1, false, cmd_device_trigger, { OPT_WHY } },
    { "device sessions", "ID", "its last sessions", 1, 1, false, cmd_device_sessions, { OPT_LIMIT } },
    { "device credentials", "ID", "make new credentials; the old ones are no good any more", 1, 1, false, cmd_device_credentials,
      { OPT_ACCOUNT_FILE, OPT_FORCE } },
    { "device delete", "ID", "forget a device and all that is known of it", 1, 1, false, cmd_device_delete, { OPT_NONE } },

    { "apply", "[FILE ...]", "make policies what these documents say (files, folders, - for standard input)", 0, CTL_ANY, false, cmd_apply,
      { OPT_FILE, OPT_DRY_RUN, OPT_PREVIEW } },
    { "delete policy", "NAME", "delete a policy", 1, 1, false, cmd_policy_delete, { OPT_NONE } },
    { "policy show", "NAME", "the document", 1, 1, false, cmd_policy_show, { OPT_REVISION } },
    { "policy history", "NAME", "its revisions", 1, 1, false, cmd_policy_history, { OPT_NONE } },
    { "policy devices", "NAME", "the devices it holds for, and how far they are", 1, 1, false, cmd_policy_devices, { OPT_STATE } },
    { "policy preview", "[FILE ...]", "which devices documents would concern, and what one of them would be sent", 0, CTL_ANY, false, cmd_policy_preview,
      { OPT_FILE, OPT_DEVICE } },
    { "policy validate", "[FILE ...]", "check documents", 0, CTL_ANY, false, cmd_policy_validate, { OPT_FILE } },

    { "image upload", "FILE", "put an image into the store (needs --name and --version)", 1, 1, false, cmd_image_upload,
      { OPT_NAME, OPT_VERSION, OPT_GUEST_TYPE, OPT_ARCH, OPT_FORMAT } },
    { "image show", "NAME VERSION", "all about an image", 2, 2, false, cmd_image_show, { OPT_NONE } },
    { "image delete", "NAME VERSION", "delete an image that nothing uses", 2, 2, false, cmd_image_delete, { OPT_NONE } },

    { "vm list", "DEVICE", "its VMs, there and wanted", 1, 1, false, cmd_vm_list, { OPT_NONE } },
    { "vm show", "DEVICE VM", "all about a VM", 2, 2, false, cmd_vm_show, { OPT_NONE } },
    { "vm kpis", "DEVICE VM", "its last KPIs, or how they went over time", 2, 2, false, cmd_vm_kpis, { OPT_FROM, OPT_TO, OPT_STEP, OPT_METRIC } },
    { "vm wait", "DEVICE VM", "wait until a VM is as said", 2, 2, false, cmd_vm_wait,
      { OPT_STATE, OPT_VERIFIED, OPT_LOCKED, OPT_UNLOCKED, OPT_GONE, OPT_SETTLED, OPT_TIMEOUT } },

    OPERATION("lock", "lock a VM"),
    OPERATION("unlock", "unlock a VM"),
    OPERATION("start", "start a VM"),
    OPERATION("stop", "power a VM off"),
    OPERATION("shutdown", "ask a VM to shut down"),
    OPERATION("reboot", "restart a VM by its own means"),
    OPERATION("reset", "restart a VM at once"),
    OPERATION("pause", "halt a VM where it stands"),
    OPERATION("resume", "let a paused or suspended VM go on"),
    OPERATION("suspend", "write a VM's memory to storage and halt it"),
    OPERATION("wipe", "destroy a VM's data"),
    OPERATION("provision", "make a VM from its definition"),
    OPERATION("delete-vm", "delete a VM from the device"),

    { "operations list", "", "operations, the newest first", 0, 0, false, cmd_operations_list, { OPT_DEVICE, OPT_STATE, OPT_LIMIT } },
    { "operations show", "N", "one operation with its steps", 1, 1, false, cmd_operations_show, { OPT_NONE } },
    { "operations watch", "N", "follow an operation until it is over", 1, 1, false, cmd_operations_watch, { OPT_TIMEOUT } },
    { "operations cancel", "N", "cancel an operation that the device does not have yet", 1, 1, false, cmd_operations_cancel, { OPT_NONE } },
    { "operations create", "DEVICE KIND", "any operation by its name, for a VM or for the whole device", 2, 2, false, cmd_operations_create,
      { OPT_VM, OPT_ARG, OPT_WAIT, OPT_TIMEOUT, OPT_EXPIRES, OPT_NOT_BEFORE } },

    TREE("tree get", "DEVICE URI", 2, "read a part of the device's tree from the device"),
    TREE("tree add", "DEVICE URI [VALUE]", 3, "add a node to the device's tree"),
    TREE("tree replace", "DEVICE URI VALUE", 3, "change a node of the device's tree"),
    TREE("tree delete", "DEVICE URI", 2, "delete a node of the device's tree"),
    TREE("tree exec", "DEVICE URI [VALUE]", 3, "execute a node of the device's tree"),

    { "tree describe", "DEVICE [URI]", "what the descriptions say about an address of the device's tree", 1, 2, false, cmd_tree_describe, { OPT_NONE } },

    { "description upload", "FILE", "a vendor's device description (DDF); one of the same name is replaced", 1, 1, false, cmd_description_upload,
      { OPT_NAME, OPT_MANUFACTURER, OPT_MODEL, OPT_OBJECT } },
    { "description list", "", "the uploaded device descriptions", 0, 0, false, cmd_description_list, { OPT_NONE } },
    { "description delete", "NAME", "take a device description away", 1, 1, false, cmd_description_delete, { OPT_NONE } },

    { "session show", "DEVICE N", "a session of a device; when it was recorded, all that was said in it and why", 2, 2, false, cmd_session_show,
      { OPT_XML } },
    { "session download", "DEVICE N", "its recording, for dmtool replay", 2, 2, false, cmd_session_download, { OPT_FILE, OPT_FORCE } },

    { "authority create", "NAME", "make an authority with a ServerID of its own", 1, 1, false, cmd_authority_create,
      { OPT_SERVER_ID, OPT_TITLE, OPT_OWNER } },
    { "authority set", "NAME", "change its title, or whether all its sessions are recorded", 1, 1, false, cmd_authority_set, { OPT_TITLE, OPT_RECORD } },

    { "events", "", "what happens, as it happens", 0, 0, false, cmd_events, { OPT_TYPES, OPT_DEVICE, OPT_AFTER, OPT_TIMEOUT } },
    { "token create", "NAME", "make a token; it is shown once", 1, 1, false, cmd_token_create, { OPT_ROLE, OPT_EXPIRES, OPT_FILE, OPT_FORCE } },
    { "token delete", "N", "make a token invalid", 1, 1, false, cmd_token_delete, { OPT_NONE } },
    { "audit verify", "", "check that nothing was changed in the audit", 0, 0, false, cmd_audit_verify, { OPT_NONE } },
    { "version", "", "the versions of this program and of the server", 0, 0, true, cmd_version, { OPT_NONE } },
    { "help", "[COMMAND]", "how a command is used", 0, 2, true, cmd_help, { OPT_NONE } },
    { "completion", "bash", "a script that completes commands in bash: source <(dmvisorctl completion bash)", 1, 1, true, cmd_completion, { OPT_NONE } },
};
const size_t ctl_n_commands = sizeof ctl_commands / sizeof ctl_commands[0];
