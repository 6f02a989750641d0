/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_API_OPENAPI_H
#define SERVER_API_OPENAPI_H
/* openapi.yaml as it lay in the source tree when this was built (embed.py). */
#include <stddef.h>
extern const unsigned char api_openapi[];
extern const size_t api_openapi_bytes;
#endif
