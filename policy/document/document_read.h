/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_DOCUMENT_DOCUMENT_READ_H
#define POLICY_DOCUMENT_DOCUMENT_READ_H
/* Shared by the files that read a policy document, and private to them. */
#include "policy/document/document.h"

struct doc_reader {
    const char *name; /* of the document, for errors */
    const struct ddf_layout *l;
    const struct ddf_schema *s;
    struct arena *a;
    struct pol_policy *p;
    struct buf *errors; /* may be NULL */
    struct err *e;      /* the first one */
    unsigned n_errors;
    size_t settings_cap;
    struct buf *refused; /* of a stored document: "pointer: reason" lines; NULL = they are not collected */
    enum rc rc;          /* RC_NOMEM or RC_LIMIT: reading stops */
};

/** Record one error at the value (or at the key) of d. */
void pol_reader_error(struct doc_reader *r, const struct doc *d, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void pol_reader_key_error(struct doc_reader *r, const struct doc *d, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/** Record one error at the place of a setting. */
void pol_reader_setting_error(struct doc_reader *r, const struct pol_setting *s, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void pol_reader_no_memory(struct doc_reader *r);
/** Record an error for every key of map d that is not in the space-separated list. @return false when d is not a map */
bool pol_reader_keys(struct doc_reader *r, const struct doc *d, const char *allowed);
/** Read the settings below d (spec.vm or spec.device); keys in `structural` are read elsewhere. */
void pol_reader_settings(struct doc_reader *r, const struct doc *d, enum ddf_scope scope, const char *structural);
/** Is `word` one of the words in a space-separated list? */
bool pol_reader_in_list(struct str word, const char *list);
#endif
