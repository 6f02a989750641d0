/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_DOCUMENT_RULES_H
#define POLICY_DOCUMENT_RULES_H
/* The layout's rules between settings, and those that one document breaks by itself. Pure. */
#include "policy/document/document_read.h"

/** Is `word` in a list with this separator? */
bool pol_rules_among(struct str list, char separator, struct str word);
/** Is it a rule at all for an instance whose `when` has this text? */
bool pol_rules_apply(const struct ddf_rule *r, struct str when);
/** Does the rule hold between these texts of nodes? An empty one holds. */
bool pol_rules_hold(const struct ddf_rule *r, struct str left, struct str right);
/** "must be at most": between the two texts when it does not hold. */
const char *pol_rules_words(const struct ddf_rule *r);
/** Rules between settings of one document: an error at the line of the left one for each that does not hold. */
void pol_reader_rules(struct doc_reader *r);
#endif
