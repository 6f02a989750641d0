/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmvisorctl/ctl_plan.h"

#include "cli/dmvisorctl/ctl_views.h"

#include <stdio.h>
#include <string.h>

static void show_vm(struct ctl *c, const json_t *vm)
{
    const json_t *locked = ctl_at(vm, "locked.value");
    ctl_print("\nVM %s", ctl_text(vm, "id"));
    if (ctl_text(vm, "state.value")[0])
        ctl_print(": %s (policy %s, revision %lld)", ctl_text(vm, "state.value"), ctl_text(vm, "state.policy"),
                  (long long)ctl_int(vm, "state.revision"));
    if (json_is_boolean(locked))
        ctl_print(", %s (policy %s)", json_is_true(locked) ? "locked" : "unlocked", ctl_text(vm, "locked.policy"));
    ctl_print("\n");
    if (ctl_text(vm, "problem")[0]) ctl_print("problem: %s\n", ctl_text(vm, "problem"));
    if (json_array_size(ctl_at(vm, "values"))) show_items(c, ctl_at(vm, "values"), &view_values);
}

/* Values that a policy set and that no policy sets any more. */
static void show_no_longer_said(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);
        const char *change = ctl_text(x, "change"), *when = ctl_text(x, "when"), *comma = *when ? ", " : "";
        if (!i) ctl_print("\nNo longer set by a policy\n");
        if (strcmp(change, "default") == 0)
            ctl_print("  %s returns to its default \"%s\"%s%s\n", ctl_text(x, "name"), ctl_text(x, "value"), comma,
                      when);
        else if (strcmp(change, "removed") == 0)
            ctl_print("  %s is removed%s%s\n", ctl_text(x, "name"), comma, when);
        else
            ctl_print("  %s stays: %s\n", ctl_text(x, "name"), ctl_text(x, "why"));
    }
}

static void show_left(const json_t *vm)
{
    if (ctl_at(vm, "held")) ctl_print("\nVM %s: %s\n", ctl_text(vm, "id"), ctl_text(vm, "held.why"));
    if (ctl_at(vm, "left"))
        ctl_print("\nVM %s: the device has left policy %s (onLeave: %s)\n", ctl_text(vm, "id"),
                  ctl_text(vm, "left.policy"), ctl_text(vm, "left.onLeave"));
    show_no_longer_said(ctl_at(vm, "noLongerSaid"));
}

void plan_show_desired(struct ctl *c, const json_t *desired)
{
    const json_t *vms = ctl_at(desired, "vms"), *unknown = ctl_at(desired, "unknown"),
                 *warnings = ctl_at(desired, "warnings");
    ctl_print("Desired state %.12s\n", ctl_text(desired, "hash"));
    for (size_t i = 0; i < json_array_size(vms); i++) {
        show_vm(c, json_array_get(vms, i));
        show_left(json_array_get(vms, i));
    }
    if (!json_array_size(vms)) ctl_print("no policy defines a VM on this device\n");
    show_section(c, "Device", ctl_at(desired, "device"), &view_values);
    show_no_longer_said(ctl_at(desired, "deviceNoLongerSaid"));
    for (size_t i = 0; i < json_array_size(unknown); i++)
        ctl_print("\nnot known yet whether policy %s applies: %s\n", ctl_text(json_array_get(unknown, i), "policy"),
                  ctl_text(json_array_get(unknown, i), "why"));
    for (size_t i = 0; i < json_array_size(warnings); i++)
        ctl_print("warning: %s\n", json_string_value(json_array_get(warnings, i)));
}

/* Children of an Atomic are listed below it, indented. */
static void flatten(const json_t *steps, const char *before, json_t *out)
{
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *s = json_array_get(steps, i);
        json_t *row = json_object();
        char verb[32];
        json_object_update(row, (json_t *)(union {
                                    const json_t *in;
                                    json_t *out;
                                }){ s }
                                    .out);
        snprintf(verb, sizeof verb, "%s%s", before, ctl_text(s, "verb"));
        json_object_set_new(row, "verb", json_string(verb));
        json_array_append_new(out, row);
        if (json_array_size(ctl_at(s, "children"))) flatten(ctl_at(s, "children"), before[0] ? before : "- ", out);
    }
}

void plan_show(struct ctl *c, const json_t *plan)
{
    const json_t *steps = ctl_at(plan, "steps");
    json_t *rows = json_array();
    if (ctl_true(plan, "settled") && !json_array_size(steps))
        ctl_print("settled: the device is in the desired state\n");
    else
        ctl_print("%zu steps in the next session\n", json_array_size(steps));
    flatten(steps, "", rows);
    show_section(c, "Steps", rows, &view_plan);
    show_section(c, "Waits", ctl_at(plan, "waits"), &view_waits);
    const char *xml = ctl_text(plan, "syncml");
    if (xml[0]) {
        ctl_print(
            "\nThe next message: %lld of %lld for these steps, with %lld of them; the answers decide what follows\n",
            (long long)ctl_int(plan, "message"), (long long)ctl_int(plan, "messages"),
            (long long)ctl_int(plan, "stepsInMessage"));
        ctl_put(str_of(xml));
        ctl_print("\n");
    }
    json_decref(rows);
}
