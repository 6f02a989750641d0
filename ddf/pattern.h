/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DDF_PATTERN_H
#define DDF_PATTERN_H
/* Regular expressions of descriptions (AllowedValues RegEx, UniqueName). The only file of ddf/ that knows PCRE2, an
 * engine with limits for work, memory and depth: expression and value both come from outside. */
#include "base/rc.h"
#include "base/str.h"

enum {
    DDF_PATTERN_BYTES = 1000,
    DDF_PATTERN_VALUE_BYTES = 64 << 10, /* of a value, or of all parts of a list together */
    DDF_PATTERN_PARTS = 4096            /* of a list */
};

struct ddf_pattern;
/**
 * Compile an expression in the syntax of XML Schema or Perl ('^' and '$' at its ends are ignored: it always covers the
 * whole value).
 *
 * @param parts  the number of values that will be matched: they share one limit of work
 * @return RC_UNSUPPORTED for an expression that cannot be read (e says why), RC_LIMIT past DDF_PATTERN_BYTES or
 * DDF_PATTERN_PARTS, RC_NOMEM. Callers must not treat these as a match.
 */
enum rc ddf_pattern_create(struct str text, size_t parts, struct ddf_pattern **out, struct err *e);
/** Accepts NULL. */
void ddf_pattern_destroy(struct ddf_pattern *p);
/**
 * @return RC_OK for a match; RC_INVALID for none (e is unchanged); RC_LIMIT when the engine gave up, RC_NOMEM (both
 * with the reason in e)
 */
enum rc ddf_pattern_match(const struct ddf_pattern *p, struct str value, struct err *e);
#endif
