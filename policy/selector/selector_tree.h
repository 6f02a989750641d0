/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_SELECTOR_SELECTOR_TREE_H
#define POLICY_SELECTOR_SELECTOR_TREE_H
/* A parsed selector: shared by parser, evaluation and SQL, and private to them. */
#include "policy/selector/selector.h"

enum { POL_ATTRIBUTE_BYTES = 128 };
enum sel_kind {
    SEL_CONST,
    SEL_AND,
    SEL_OR,
    SEL_NOT,
    SEL_SET, /* is set and not "false" */
    SEL_EQ,
    SEL_LT,
    SEL_LE,
    SEL_GT,
    SEL_GE,
    SEL_IN,
    SEL_MATCHES
};
/* A text compares as text with == and in, and as a dotted version with < and >; a number compares as a number
 * everywhere. */
struct sel_literal {
    enum { SEL_TEXT, SEL_NUMBER } kind;
    struct str text;
    double number;
};
struct sel_node {
    enum sel_kind kind;
    bool constant;
    struct str attribute;
    struct sel_literal *literals;
    size_t n_literals;
    struct sel_node *first, *next; /* operands of AND, OR, NOT */
};
struct pol_selector {
    struct sel_node *root;
};

/* A dotted version as a text that memcmp orders: SEL_PARTS parts, each of digits padded with zeroes to
 * SEL_PART_BYTES (a part that is longer, or has other characters, is kept), missing parts are zero. The SQL builds
 * the same text. */
enum { SEL_PARTS = 6, SEL_PART_BYTES = 18 };

/** -?digits[.digits], at most 15 bytes, so that double and SQL's REAL agree. */
bool selector_number(struct str s, double *out);
bool selector_version_key(struct str version, struct arena *a, struct str *key);
/** The server owns the labels: a missing one is known to be unset. The device's id is always known. */
bool selector_is_label(struct str attribute);
bool selector_is_device_id(struct str attribute);
#endif
