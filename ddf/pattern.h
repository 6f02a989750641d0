/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DDF_PATTERN_H
#define DDF_PATTERN_H
/* Regular expressions of descriptions (AllowedValues RegEx, UniqueName). The only file of ddf/ that knows PCRE2: an
 * engine whose work, memory and depth have ceilings, since expression and value both come from outside. */
#include "base/rc.h"
#include "base/str.h"

enum {
    DDF_PATTERN_BYTES = 1000,
    DDF_PATTERN_VALUE_BYTES = 64 << 10, /* of a value, or of all parts of a list together */
    DDF_PATTERN_PARTS = 4096            /* of a list */
};

struct ddf_pattern;
/**
 * Read an expression of XML Schema or of Perl's kind ('^' and '$' at its ends are passed over: it always stands for the
 * whole value).
 *
 * @param parts  how many values it is to be held against: they share one ceiling of work
 * @return RC_UNSUPPORTED for an expression that cannot be read (e says why), RC_LIMIT past DDF_PATTERN_BYTES or
 *         DDF_PATTERN_PARTS, RC_NOMEM. Nobody may take these for a match.
 */
enum rc ddf_pattern_create(struct str text, size_t parts, struct ddf_pattern **out, struct err *e);
/** Accepts NULL. */
void ddf_pattern_destroy(struct ddf_pattern *p);
/** @return RC_OK it matches; RC_INVALID it does not (e is left alone); RC_LIMIT the engine gave up, RC_NOMEM (e says so) */
enum rc ddf_pattern_match(const struct ddf_pattern *p, struct str value, struct err *e);
#endif
