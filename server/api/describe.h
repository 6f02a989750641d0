#ifndef SERVER_API_DESCRIBE_H
#define SERVER_API_DESCRIBE_H
/* What a device's tree may contain: the descriptions that the server ships, with the uploaded ones that are meant
 * for the device merged over them. Merged schemas are kept for the combinations used last. Inside server/api/ only. */
#include "server/api/call.h"

enum { DESCRIBE_SCHEMAS = 4, DESCRIBE_KEY_BYTES = 512, DESCRIBE_ARENA_BYTES = 1 << 20 };

enum rc describe_create(struct describe **out, struct err *e);
void describe_destroy(struct describe *d);
/** Good until the next call. */
enum rc describe_schema(struct call *c, const struct device_row *d, const struct ddf_schema **out);
/** The shipped descriptions and all of the authority's with `text` over them. @return RC_PARSE, RC_INVALID, RC_LIMIT
 * for a text that is none */
enum rc describe_try(struct call *c, int64_t authority, struct str name, struct str text);
#endif
