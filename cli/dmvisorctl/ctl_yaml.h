/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMVISORCTL_CTL_YAML_H
#define CLI_DMVISORCTL_CTL_YAML_H
/* JSON values as YAML for people: block style, texts plain where no reader could take them for anything else. */
#include "base/buf.h"

#include <jansson.h>

/** One document, without "---", ending in a line feed. Every YAML 1.1 and 1.2 reader gets the same value back. */
void yaml_write(const json_t *j, struct buf *out);
#endif
