/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_VM_VM_RECORD_H
#define AGENT_VM_VM_RECORD_H
/* The tables for writing and reading a VM's record. Only vm_record.c uses them; they are declared for the test that
 * compares them with the structs: each member has a row, and returns unchanged from a record. */
#include "agent/vm/vm_int.h"

enum record_kind {
    RECORD_INT, /* int, unsigned (below 2^31) or enum */
    RECORD_I64,
    RECORD_BOOL,
    RECORD_TEXT,
    RECORD_PART,           /* a struct with a table of its own */
    RECORD_LIST,           /* an array of such */
    RECORD_OPERATION_KIND, /* a pointer into the table of operations, stored as the operation's name */
    RECORD_NOT_KEPT
};
struct record_table;
struct record_row {
    const char *key;
    enum record_kind kind;
    size_t offset, size;
    const struct record_table *table; /* of PART and of LIST's elements */
    bool counted;                     /* LIST: an int at count_offset holds the length; else it is fixed */
    size_t count_offset;
    const char *why; /* of NOT_KEPT */
};
struct record_table {
    const struct record_row *rows;
    size_t n, size; /* size: of the struct */
};
extern const struct record_table vm_record_table, vm_record_private;
#endif
