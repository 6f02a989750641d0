/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_DOCUMENT_RULES_H
#define POLICY_DOCUMENT_RULES_H
/* The layout's rules between settings, and errors for those that one document violates. Pure. */
#include "policy/document/document_read.h"

/** Is `word` in a list with this separator? */
bool pol_rules_among(struct str list, char separator, struct str word);
/** Does the rule apply to an instance whose `when` has this text? */
bool pol_rules_apply(const struct ddf_rule *r, struct str when);
/** Do these texts of nodes satisfy the rule? An empty text does. */
bool pol_rules_hold(const struct ddf_rule *r, struct str left, struct str right);
/** The words of a violation between the two texts: "must be at most". */
const char *pol_rules_words(const struct ddf_rule *r);
/** Check the rules between settings of one document: a violation is an error at the line of the left setting. */
void pol_reader_rules(struct doc_reader *r);
#endif
