/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMVISORCTL_CTL_YAML_H
#define CLI_DMVISORCTL_CTL_YAML_H
/* Writes JSON values as YAML: block style, texts plain where every reader takes them for texts. */
#include "base/buf.h"

#include <jansson.h>

/** One document, without "---", ending in a line feed. Every YAML 1.1 and 1.2 reader reads the same value. */
void yaml_write(const json_t *j, struct buf *out);
#endif
