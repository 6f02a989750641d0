/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_DOCUMENT_RULES_H
#define POLICY_DOCUMENT_RULES_H
/* The layout's rules between settings, and those that one document breaks by itself. Pure. */
#include "policy/document/document_read.h"

/** Is `word` in a list with this separator? */
bool rules_among(struct str list, char separator, struct str word);
/** What is no number holds: its kind is checked elsewhere. */
bool rules_at_most(const struct ddf_rule *r, int64_t left, struct str right);
/** Does the rule hold between these texts of nodes? An empty one holds. */
bool rules_hold(const struct ddf_rule *r, struct str left, struct str right);
/** "must be at most": between the two texts when it does not hold. */
const char *rules_words(const struct ddf_rule *r);
/** Rules between settings of one document: an error at the line of the left one for each that does not hold. */
void reader_rules(struct reader *r);
#endif
