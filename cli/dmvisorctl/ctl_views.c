/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl_views.h"

#include <string.h>

/* ---- special cells ---- */

static void push(const json_t *j, struct buf *out)
{
    const char *channel = ctl_text(j, "push.channel"), *address = ctl_text(j, "push.address");
    buf_printf(out, "%s%s%s", channel, address[0] ? ":" : "", address);
}

/* The last refused session, when none has succeeded since. */
static void refused(const json_t *j, struct buf *out)
{
    const json_t *x = ctl_at(j, "refused");
    if (!json_is_object(x)) return;
    buf_printf(out, "%s, %lld %s, last ", ctl_text(x, "why"), (long long)ctl_int(x, "times"),
               ctl_int(x, "times") == 1 ? "time" : "times");
    show_age(ctl_text(x, "at"), out);
    buf_printf(out, " (%s) from %s", ctl_text(x, "at"), ctl_text(x, "remote"));
}

static void crashes(const json_t *j, struct buf *out)
{
    const json_t *x = ctl_at(j, "crashes");
    if (!json_is_object(x)) return;
    buf_printf(out, "%lld, the last one ", (long long)ctl_int(x, "total"));
    show_age(ctl_text(x, "last"), out);
    if (ctl_text(x, "cause")[0]) buf_printf(out, ": %s", ctl_text(x, "cause"));
    if (ctl_int(x, "unacknowledged"))
        buf_printf(out, " (%lld not acknowledged)", (long long)ctl_int(x, "unacknowledged"));
}

/* Empty when the authority or the configuration decides. */
static void record(const json_t *j, struct buf *out)
{
    const json_t *v = ctl_at(j, "record");
    buf_putz(out, json_is_boolean(v) ? json_is_true(v) ? "on" : "off" : "");
}

static void image_name(const json_t *j, struct buf *out)
{
    buf_printf(out, "%s:%s", ctl_text(j, "name"), ctl_text(j, "version"));
}

/* The device is added where a VM's name alone is ambiguous. */
static void vm_with_device(const json_t *j, struct buf *out)
{
    buf_printf(out, "%s %s", ctl_text(j, "device"), ctl_text(j, "id"));
}

static void vm_lock(const json_t *j, struct buf *out)
{
    const char *word = ctl_text(j, "lockText");
    if (word[0])
        buf_putz(out, word);
    else
        buf_putz(out, ctl_true(j, "locked") ? "locked" : "");
}

static void vm_operation(const json_t *j, struct buf *out)
{
    const json_t *o = ctl_at(j, "operation");
    if (!json_is_object(o)) return;
    buf_printf(out, "%s (%lld) %s", ctl_text(o, "kind"), (long long)ctl_int(o, "id"), ctl_text(o, "state"));
    if (ctl_int(o, "percent") > 0) buf_printf(out, " %lld %%", (long long)ctl_int(o, "percent"));
}

static void vm_goal(const json_t *j, struct buf *out)
{
    const char *policy = ctl_text(j, "goalPolicy");
    const json_t *locked = ctl_at(j, "goalLocked");
    buf_putz(out, ctl_text(j, "goal"));
    if (json_is_boolean(locked))
        buf_printf(out, "%s%s", out->n ? ", " : "", json_is_true(locked) ? "locked" : "unlocked");
    if (policy[0] && out->n) buf_printf(out, " (policy %s)", policy);
}

/* The target of an operation: a VM, an image, an address of the tree. */
static void target(const json_t *j, struct buf *out)
{
    if (ctl_text(j, "uri")[0])
        buf_printf(out, "%s %s", ctl_text(j, "command"), ctl_text(j, "uri"));
    else if (ctl_text(j, "command")[0])
        buf_putz(out, ctl_text(j, "command"));
    else
        buf_putz(out, ctl_text(j, "vm")[0] ? ctl_text(j, "vm") : ctl_text(j, "image"));
}

static void percent(const json_t *j, struct buf *out)
{
    if (ctl_int(j, "percent") > 0) buf_printf(out, "%lld %%", (long long)ctl_int(j, "percent"));
}

static void code(const json_t *j, struct buf *out)
{
    const char *text = ctl_text(j, "codeText");
    if (ctl_int(j, "code")) buf_printf(out, "%lld%s%s", (long long)ctl_int(j, "code"), text[0] ? " " : "", text);
}

static void latency(const json_t *j, struct buf *out)
{
    if (json_is_number(ctl_at(j, "latencyMs")))
        buf_printf(out, "%.2f s", json_number_value(ctl_at(j, "latencyMs")) / 1000);
}

/* "safer value (acme one)": with the description that decides it. */
static void value_rule(const json_t *j, struct buf *out)
{
    const char *by = ctl_text(j, "description");
    buf_putz(out, ctl_text(j, "rule"));
    if (by[0]) buf_printf(out, " (%s)", by);
}

static void examples(const json_t *j, struct buf *out)
{
    const json_t *list = ctl_at(j, "examples");
    for (size_t i = 0; i < json_array_size(list); i++)
        buf_printf(out, "%s%s", i ? ", " : "", json_string_value(json_array_get(list, i)));
}

static void value_losers(const json_t *j, struct buf *out)
{
    const json_t *list = ctl_at(j, "losers");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *l = json_array_get(list, i);
        buf_printf(out, "%s%s of %s (%s)", i ? ", " : "", ctl_text(l, "value"), ctl_text(l, "policy"),
                   ctl_text(l, "rule"));
    }
}

static void plan_data(const json_t *j, struct buf *out)
{
    const char *data = ctl_text(j, "data");
    enum { MOST = 60 };
    struct str s = str_of(data);
    size_t n = s.n;
    if (n > MOST)
        for (n = MOST; n && ((unsigned char)data[n] & 0xc0) == 0x80;) /* not inside a character */
            n--;
    buf_printf(out, "%.*s%s", (int)n, data, n < s.n ? "..." : "");
}

static void authority(const json_t *j, struct buf *out)
{
    const char *name = ctl_text(j, "authority");
    buf_putz(out, name[0] ? name : "all");
}

/* ---- views ---- */

static void kind_args(const json_t *op, struct buf *out)
{
    const json_t *args = ctl_at(op, "args");
    for (size_t i = 0; i < json_array_size(args); i++)
        buf_printf(out, "%s%s", i ? ", " : "", ctl_text(json_array_get(args, i), "name"));
}

const struct show_view view_devices = { "devices",
                                        "id",
                                        NULL,
                                        {
                                            { "ID", "id", SHOW_TEXT, NULL },
                                            { "TITLE", "title", SHOW_TEXT, NULL },
                                            { "AUTHORITY", "authority", SHOW_TEXT, NULL },
                                            { "LABELS", "labels", SHOW_LABELS, NULL },
                                            { "SEEN", "seen", SHOW_AGE, NULL },
                                            { "VMS", "vms", SHOW_LIST, NULL },
                                            { "SUMMARY", "summary", SHOW_WORD, NULL },
                                            { "WHY", "why", SHOW_TEXT, NULL },
                                        } };
const struct show_view view_device = { "device",
                                       "id",
                                       NULL,
                                       {
                                           { "Device", "id", SHOW_TEXT, NULL },
                                           { "Title", "title", SHOW_TEXT, NULL },
                                           { "Authority", "authority", SHOW_TEXT, NULL },
                                           { "Summary", "summary", SHOW_WORD, NULL },
                                           { "Why", "why", SHOW_TEXT, NULL },
                                           { "Refused", NULL, SHOW_OWN, refused },
                                           { "Labels", "labels", SHOW_LABELS, NULL },
                                           { "Notified by", NULL, SHOW_OWN, push },
                                           { "Registered", "created", SHOW_AGE, NULL },
                                           { "Seen", "seen", SHOW_AGE, NULL },
                                           { "From", "remote", SHOW_TEXT, NULL },
                                           { "User agent", "userAgent", SHOW_TEXT, NULL },
                                           { "Recorded", NULL, SHOW_OWN, record },
                                           { "Generation", "generation", SHOW_TEXT, NULL },
                                           { "Observed", "observedGeneration", SHOW_TEXT, NULL },
                                       } };
const struct show_view view_device_set = { "device",
                                           "id",
                                           NULL,
                                           {
                                               /* attributes that users set */
                                               { "Device", "id", SHOW_TEXT, NULL },
                                               { "Title", "title", SHOW_TEXT, NULL },
                                               { "Notified by", NULL, SHOW_OWN, push },
                                               { "Labels", "labels", SHOW_LABELS, NULL },
                                               { "Recorded", NULL, SHOW_OWN, record },
                                           } };
#define VM_COLUMNS                                                                                                     \
    { "VM", "id", SHOW_TEXT, NULL }, { "TITLE", "title", SHOW_TEXT, NULL },                                            \
        { "STATE", "stateText", SHOW_STATE, NULL }, { "LOCK", NULL, SHOW_OWN, vm_lock },                               \
        { "VERIFIED", "verified", SHOW_TEXT, NULL }, { "SINCE", "stateSince", SHOW_AGE, NULL },                        \
        { "IMAGE", "image", SHOW_TEXT, NULL }, { "GOAL", "goal", SHOW_TEXT, NULL },                                    \
        { "OPERATION", NULL, SHOW_OWN, vm_operation }, { "SUMMARY", "summary", SHOW_WORD, NULL },                      \
    {                                                                                                                  \
        "WHY", "why", SHOW_TEXT, NULL                                                                                  \
    }
const struct show_view view_vms = {
    "VMs", NULL, vm_with_device, { { "DEVICE", "device", SHOW_TEXT, NULL }, VM_COLUMNS }
};
const struct show_view view_vms_of = { "VMs", "id", NULL, { VM_COLUMNS } };
const struct show_view view_vm = { "VM",
                                   "id",
                                   NULL,
                                   {
                                       { "VM", "id", SHOW_TEXT, NULL },
                                       { "Title", "title", SHOW_TEXT, NULL },
                                       { "State", "stateText", SHOW_STATE, NULL },
                                       { "Lock", NULL, SHOW_OWN, vm_lock },
                                       { "Verified", "verified", SHOW_TEXT, NULL },
                                       { "Since", "stateSince", SHOW_AGE, NULL },
                                       { "Reason", "reasonText", SHOW_TEXT, NULL },
                                       { "Image", "image", SHOW_TEXT, NULL },
                                       { "Wanted", NULL, SHOW_OWN, vm_goal },
                                       { "Operation", NULL, SHOW_OWN, vm_operation },
                                       { "Summary", "summary", SHOW_WORD, NULL },
                                       { "Why", "why", SHOW_TEXT, NULL },
                                       { "Problem", "problem", SHOW_TEXT, NULL },
                                       { "Crashes", NULL, SHOW_OWN, crashes },
                                   } };
const struct show_view view_policies = { "policies",
                                         "name",
                                         NULL,
                                         {
                                             { "NAME", "name", SHOW_TEXT, NULL },
                                             { "AUTHORITY", "authority", SHOW_TEXT, NULL },
                                             { "REVISION", "revision", SHOW_NUMBER, NULL },
                                             { "REVISED", "revised", SHOW_AGE, NULL },
                                             { "BY", "revisedBy", SHOW_TEXT, NULL },
                                             { "DEVICES", "devices", SHOW_COUNTS, NULL },
                                             { "NEEDS ATTENTION", "needsAttention.0", SHOW_TEXT, NULL },
                                         } };
const struct show_view view_policy_devices = { "devices",
                                               "device",
                                               NULL,
                                               {
                                                   { "DEVICE", "device", SHOW_TEXT, NULL },
                                                   { "REVISION", "revision", SHOW_NUMBER, NULL },
                                                   { "SELECTED", "selected", SHOW_TEXT, NULL },
                                                   { "STATE", "state", SHOW_WORD, NULL },
                                                   { "SINCE", "at", SHOW_AGE, NULL },
                                                   { "WHY", "why", SHOW_TEXT, NULL },
                                               } };
const struct show_view view_device_policies = { "policies",
                                                "name",
                                                NULL,
                                                {
                                                    { "POLICY", "name", SHOW_TEXT, NULL },
                                                    { "REVISION", "revision", SHOW_NUMBER, NULL },
                                                    { "SELECTED", "selected", SHOW_TEXT, NULL },
                                                    { "STATE", "state", SHOW_WORD, NULL },
                                                    { "SINCE", "at", SHOW_AGE, NULL },
                                                    { "WHY", "why", SHOW_TEXT, NULL },
                                                } };
const struct show_view view_revisions = { "revisions",
                                          "revision",
                                          NULL,
                                          {
                                              { "REVISION", "revision", SHOW_NUMBER, NULL },
                                              { "CREATED", "created", SHOW_AGE, NULL },
                                              { "BY", "createdBy", SHOW_TEXT, NULL },
                                              { "IN FORCE", "inForce", SHOW_TEXT, NULL },
                                              { "HASH", "hash", SHOW_TEXT, NULL },
                                          } };
const struct show_view view_images = { "images",
                                       NULL,
                                       image_name,
                                       {
                                           { "NAME", "name", SHOW_TEXT, NULL },
                                           { "VERSION", "version", SHOW_TEXT, NULL },
                                           { "AUTHORITY", "authority", SHOW_TEXT, NULL },
                                           { "GUEST", "guestType", SHOW_TEXT, NULL },
                                           { "ARCH", "arch", SHOW_TEXT, NULL },
                                           { "FORMAT", "format", SHOW_TEXT, NULL },
                                           { "SIZE", "size", SHOW_SIZE, NULL },
                                           { "ON DEVICES", "nodeName", SHOW_TEXT, NULL },
                                           { "CREATED", "created", SHOW_AGE, NULL },
                                       } };
const struct show_view view_image = { "image",
                                      NULL,
                                      image_name,
                                      {
                                          { "Image", NULL, SHOW_OWN, image_name },
                                          { "Authority", "authority", SHOW_TEXT, NULL },
                                          { "Guest", "guestType", SHOW_TEXT, NULL },
                                          { "Architecture", "arch", SHOW_TEXT, NULL },
                                          { "Format", "format", SHOW_TEXT, NULL },
                                          { "Size", "size", SHOW_SIZE, NULL },
                                          { "SHA-256", "sha256", SHOW_TEXT, NULL },
                                          { "On devices", "nodeName", SHOW_TEXT, NULL },
                                          { "URL", "url", SHOW_TEXT, NULL },
                                          { "Created", "created", SHOW_AGE, NULL },
                                          { "By", "createdBy", SHOW_TEXT, NULL },
                                      } };
const struct show_view view_operations = { "operations",
                                           "id",
                                           NULL,
                                           {
                                               { "ID", "id", SHOW_NUMBER, NULL },
                                               { "DEVICE", "device", SHOW_TEXT, NULL },
                                               { "KIND", "kind", SHOW_TEXT, NULL },
                                               { "TARGET", NULL, SHOW_OWN, target },
                                               { "STATE", "state", SHOW_WORD, NULL },
                                               { "DONE", NULL, SHOW_OWN, percent },
                                               { "BY", "createdBy", SHOW_TEXT, NULL },
                                               { "UPDATED", "updated", SHOW_AGE, NULL },
                                               { "REASON", "reason", SHOW_TEXT, NULL },
                                           } };
const struct show_view view_operation = { "operation",
                                          "id",
                                          NULL,
                                          {
                                              { "Operation", "id", SHOW_TEXT, NULL },
                                              { "Kind", "kind", SHOW_TEXT, NULL },
                                              { "Device", "device", SHOW_TEXT, NULL },
                                              { "Target", NULL, SHOW_OWN, target },
                                              { "Arguments", "args", SHOW_LABELS, NULL },
                                              { "State", "state", SHOW_WORD, NULL },
                                              { "Done", NULL, SHOW_OWN, percent },
                                              { "Code", NULL, SHOW_OWN, code },
                                              { "Reason", "reason", SHOW_TEXT, NULL },
                                              { "Tries", "tries", SHOW_TEXT, NULL },
                                              { "By", "createdBy", SHOW_TEXT, NULL },
                                              { "Created", "created", SHOW_AGE, NULL },
                                              { "Not before", "notBefore", SHOW_AGE, NULL },
                                              { "Expires", "expires", SHOW_AGE, NULL },
                                          } };
const struct show_view view_kinds = { "operations",
                                      "command",
                                      NULL,
                                      {
                                          { "OPERATION", "command", SHOW_TEXT, NULL },
                                          { "OF", "scope", SHOW_TEXT, NULL },
                                          { "LABEL", "label", SHOW_TEXT, NULL },
                                          { "FROM", "from", SHOW_LIST, NULL },
                                          { "ASKS", "destructive", SHOW_TEXT, NULL },
                                          { "ARGUMENTS", NULL, SHOW_OWN, kind_args },
                                      } };
const struct show_view view_steps = { "steps",
                                      "state",
                                      NULL,
                                      {
                                          { "WHEN", "at", SHOW_AGE, NULL },
                                          { "STATE", "state", SHOW_WORD, NULL },
                                          { "CODE", NULL, SHOW_OWN, code },
                                          { "REASON", "reason", SHOW_TEXT, NULL },
                                      } };
/* The value that a command read, or that the device reported later. */
static void found(const json_t *j, struct buf *out)
{
    const json_t *result = ctl_at(j, "result");
    size_t n = json_array_size(result);
    if (n == 1)
        buf_putz(out, ctl_text(result, "0.value"));
    else if (n)
        buf_printf(out, "%zu values", n);
    else
        buf_putz(out, ctl_text(j, "reported.value"));
}

const struct show_view view_commands = { "commands",
                                         "command",
                                         NULL,
                                         {
                                             { "COMMAND", "command", SHOW_TEXT, NULL },
                                             { "URI", "uri", SHOW_TEXT, NULL },
                                             { "DATA", NULL, SHOW_OWN, plan_data },
                                             { "CODE", NULL, SHOW_OWN, code },
                                             { "REPORTED", NULL, SHOW_OWN, found },
                                         } };
const struct show_view view_notifications = { "notifications",
                                              "id",
                                              NULL,
                                              {
                                                  { "ID", "id", SHOW_NUMBER, NULL },
                                                  { "DEVICE", "device", SHOW_TEXT, NULL },
                                                  { "STATE", "state", SHOW_WORD, NULL },
                                                  { "SESSION", "sessionId", SHOW_TEXT, NULL },
                                                  { "CHANNEL", "channel", SHOW_TEXT, NULL },
                                                  { "ADDRESS", "address", SHOW_TEXT, NULL },
                                                  { "TRIES", "tries", SHOW_NUMBER, NULL },
                                                  { "CREATED", "created", SHOW_AGE, NULL },
                                                  { "ANSWERED", NULL, SHOW_OWN, latency },
                                                  { "WHY", "why", SHOW_TEXT, NULL },
                                                  { "ERROR", "error", SHOW_TEXT, NULL },
                                              } };
const struct show_view view_notification = { "notification",
                                             "id",
                                             NULL,
                                             {
                                                 { "Notification", "id", SHOW_TEXT, NULL },
                                                 { "Device", "device", SHOW_TEXT, NULL },
                                                 { "State", "state", SHOW_WORD, NULL },
                                                 { "Session", "sessionId", SHOW_TEXT, NULL },
                                                 { "Channel", "channel", SHOW_TEXT, NULL },
                                                 { "Address", "address", SHOW_TEXT, NULL },
                                                 { "Tries", "tries", SHOW_TEXT, NULL },
                                                 { "Why", "why", SHOW_TEXT, NULL },
                                                 { "Next try", "next", SHOW_AGE, NULL },
                                                 { "Error", "error", SHOW_TEXT, NULL },
                                             } };
const struct show_view view_sessions = { "sessions",
                                         "id",
                                         NULL,
                                         {
                                             { "ID", "id", SHOW_NUMBER, NULL },
                                             { "DEVICE", "device", SHOW_TEXT, NULL },
                                             { "SESSION", "sessionId", SHOW_TEXT, NULL },
                                             { "STARTED", "started", SHOW_AGE, NULL },
                                             { "ENDED", "ended", SHOW_AGE, NULL },
                                             { "MESSAGES", "messages", SHOW_NUMBER, NULL },
                                             { "OUTCOME", "outcome", SHOW_WORD, NULL },
                                             { "NOTIFICATION", "notification", SHOW_NUMBER, NULL },
                                             { "RECORDED", "recorded", SHOW_TEXT, NULL },
                                             { "WHY", "why", SHOW_TEXT, NULL },
                                         } };
const struct show_view view_session = { "session",
                                        "id",
                                        NULL,
                                        {
                                            { "Session", "id", SHOW_TEXT, NULL },
                                            { "SessionID", "sessionId", SHOW_TEXT, NULL },
                                            { "Started", "started", SHOW_AGE, NULL },
                                            { "Ended", "ended", SHOW_AGE, NULL },
                                            { "Messages", "messages", SHOW_TEXT, NULL },
                                            { "Outcome", "outcome", SHOW_WORD, NULL },
                                            { "Why", "why", SHOW_TEXT, NULL },
                                            { "Notification", "notification", SHOW_TEXT, NULL },
                                            { "Recorded", "recorded", SHOW_TEXT, NULL },
                                            { "Recording reason", "recording.why", SHOW_TEXT, NULL },
                                        } };
const struct show_view view_causes = { "devices",
                                       NULL,
                                       NULL,
                                       {
                                           { "DEVICES", "count", SHOW_NUMBER, NULL },
                                           { "STATE", "summary", SHOW_WORD, NULL },
                                           { "LIKE", NULL, SHOW_OWN, examples },
                                           { "WHY", "why", SHOW_TEXT, NULL },
                                       } };
const struct show_view view_vm_states = { "VMs",
                                          NULL,
                                          NULL,
                                          {
                                              { "VMS", "count", SHOW_NUMBER, NULL },
                                              { "STATE", "stateText", SHOW_STATE, NULL },
                                              { "LOCKED", "locked", SHOW_TEXT, NULL },
                                          } };
const struct show_view view_crashes = { "crashes",
                                        NULL,
                                        NULL,
                                        {
                                            { "CRASHES", "count", SHOW_NUMBER, NULL },
                                            { "DEVICE", "device", SHOW_TEXT, NULL },
                                            { "VM", "vm", SHOW_TEXT, NULL },
                                            { "LAST", "at", SHOW_AGE, NULL },
                                            { "CAUSE", "cause", SHOW_TEXT, NULL },
                                        } };
const struct show_view view_failures = { "sessions",
                                         NULL,
                                         NULL,
                                         {
                                             { "SESSIONS", "count", SHOW_NUMBER, NULL },
                                             { "DEVICES", "devices", SHOW_NUMBER, NULL },
                                             { "OUTCOME", "outcome", SHOW_WORD, NULL },
                                             { "LAST", "at", SHOW_AGE, NULL },
                                             { "SESSION", "session", SHOW_NUMBER, NULL },
                                             { "OF", "device", SHOW_TEXT, NULL },
                                             { "WHY", "why", SHOW_TEXT, NULL },
                                         } };
const struct show_view view_tokens = { "tokens",
                                       "id",
                                       NULL,
                                       {
                                           { "ID", "id", SHOW_NUMBER, NULL },
                                           { "NAME", "name", SHOW_TEXT, NULL },
                                           { "ROLE", "role", SHOW_TEXT, NULL },
                                           { "AUTHORITY", NULL, SHOW_OWN, authority },
                                           { "CREATED", "created", SHOW_AGE, NULL },
                                           { "EXPIRES", "expires", SHOW_AGE, NULL },
                                           { "USED", "used", SHOW_AGE, NULL },
                                       } };
const struct show_view view_audit = { "audit entries",
                                      "id",
                                      NULL,
                                      {
                                          { "ID", "id", SHOW_NUMBER, NULL },
                                          { "WHEN", "at", SHOW_AGE, NULL },
                                          { "WHO", "who", SHOW_TEXT, NULL },
                                          { "AUTHORITY", "authority", SHOW_TEXT, NULL },
                                          { "ACTION", "action", SHOW_TEXT, NULL },
                                          { "TARGET", "target", SHOW_TEXT, NULL },
                                      } };
const struct show_view view_authorities = { "authorities",
                                            "name",
                                            NULL,
                                            {
                                                { "NAME", "name", SHOW_TEXT, NULL },
                                                { "SERVER ID", "serverId", SHOW_TEXT, NULL },
                                                { "TITLE", "title", SHOW_TEXT, NULL },
                                                { "OWNER", "owner", SHOW_TEXT, NULL },
                                                { "RECORDED", NULL, SHOW_OWN, record },
                                                { "URL", "dmUrl", SHOW_TEXT, NULL },
                                            } };
static void node_value(const json_t *j, struct buf *out)
{
    const char *text = ctl_text(j, "value");
    buf_printf(out, "%s%s", text, text[0] && ctl_text(j, "encoding")[0] ? " (base64)" : "");
}

const struct show_view view_tree = { "nodes",
                                     "uri",
                                     NULL,
                                     {
                                         { "URI", "uri", SHOW_TEXT, NULL },
                                         { "FORMAT", "format", SHOW_TEXT, NULL },
                                         { "VALUE", NULL, SHOW_OWN, node_value },
                                         { "KNOWN", "known", SHOW_TEXT, NULL },
                                         { "AT", "at", SHOW_AGE, NULL },
                                     } };
const struct show_view view_values = { "values",
                                       "name",
                                       NULL,
                                       {
                                           { "SETTING", "name", SHOW_TEXT, NULL },
                                           { "VALUE", "value", SHOW_TEXT, NULL },
                                           { "POLICY", "policy", SHOW_TEXT, NULL },
                                           { "REVISION", "revision", SHOW_NUMBER, NULL },
                                           { "RULE", NULL, SHOW_OWN, value_rule },
                                           { "INSTEAD OF", NULL, SHOW_OWN, value_losers },
                                       } };
const struct show_view view_plan = { "steps",
                                     "uri",
                                     NULL,
                                     {
                                         { "STEP", "verb", SHOW_TEXT, NULL },
                                         { "URI", "uri", SHOW_TEXT, NULL },
                                         { "FORMAT", "format", SHOW_TEXT, NULL },
                                         { "DATA", NULL, SHOW_OWN, plan_data },
                                         { "FOR", "for", SHOW_TEXT, NULL },
                                         { "WHY", "why", SHOW_TEXT, NULL },
                                     } };
const struct show_view view_waits = { "waits",
                                      "vm",
                                      NULL,
                                      {
                                          { "VM", "vm", SHOW_TEXT, NULL },
                                          { "STATE", "state", SHOW_WORD, NULL },
                                          { "CODE", NULL, SHOW_OWN, code },
                                          { "UNTIL", "until", SHOW_AGE, NULL },
                                          { "WHY", "why", SHOW_TEXT, NULL },
                                      } };
