/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_SELECTOR_SELECTOR_H
#define POLICY_SELECTOR_SELECTOR_H
/* Selectors choose devices: label.department in ("sales", "field") and hypervisor.arch == "aarch64" and not
 * label.pilot. They have three values: true, false, unknown; unknown never removes anything from a device. The same
 * expression is evaluated in memory for one device and compiled to SQL for all; a test compares both. */
#include "base/arena.h"
#include "base/buf.h"

enum { POL_SELECTOR_BYTES = 4096, POL_SELECTOR_DEPTH = 32, POL_SELECTOR_TERMS = 256 };
enum pol_truth { POL_FALSE, POL_TRUE, POL_UNKNOWN };

struct pol_selector;

/* A known attribute of a device. An attribute that the device may have but has not reported is unknown. A label that
 * is not set is false, because the server owns the labels. */
struct pol_attribute {
    struct str name, value;
    bool unknown;
}; /* "label.department", "devinfo.man", "hypervisor.arch", "device.id" */

/**
 * Grammar: or / and / not / parentheses; comparisons == != < <= > >= in "matches" (glob with * and ?); literals "text",
 * 'text', numbers, true, false; a bare attribute means "is set and not false". < and > compare numbers as numbers, and
 * dotted versions part by part.
 * @param e  column of the offending word, and what was expected
 */
enum rc pol_selector_parse(struct str text, struct arena *a, struct pol_selector **out, struct err *e);
/**
 * @param unknown  when the result is unknown: names of the unknown attributes, comma separated, in the arena (may be
 * NULL)
 */
enum pol_truth pol_selector_eval(const struct pol_selector *s, const struct pol_attribute *attrs, size_t n,
                                 struct arena *a, struct str *unknown);
/** The names of the attributes it uses, each once. */
enum rc pol_selector_attributes(const struct pol_selector *s, struct arena *a, struct str **out, size_t *n);

/* The SQL form: a boolean expression over the table alias `d` (device) and `attribute(device_id, name, value)`;
 * unknown becomes NULL, by SQL's own three-valued logic. Values are parameters :p0, :p1, ... in `params`. */
struct pol_sql {
    struct str text;
    struct str *params;
    size_t n_params;
};
enum rc pol_selector_sql(const struct pol_selector *s, struct arena *a, struct pol_sql *out, struct err *e);
#endif
