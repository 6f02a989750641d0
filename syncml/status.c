/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/status.h"
#include <stddef.h>

enum { OKAY = 1, RETRY = 2 };

/* code, words, whether it is a success and whether the same command may succeed later (protocol.md 6) */
#define STATUSES(X)                                                                                                    \
    X(101, "In progress", 0)                                                                                           \
    X(200, "OK", OKAY)                                                                                                 \
    X(201, "Item added", OKAY)                                                                                         \
    X(202, "Accepted for processing", OKAY)                                                                            \
    X(203, "Non-authoritative response", OKAY)                                                                         \
    X(204, "No content", OKAY)                                                                                         \
    X(205, "Reset content", OKAY)                                                                                      \
    X(206, "Partial content", OKAY)                                                                                    \
    X(207, "Conflict resolved by merge", OKAY)                                                                         \
    X(208, "Conflict resolved, client wins", OKAY)                                                                     \
    X(209, "Conflict resolved with duplicate", OKAY)                                                                   \
    X(210, "Deleted without archive", OKAY)                                                                            \
    X(211, "Item not deleted", OKAY)                                                                                   \
    X(212, "Authentication accepted", OKAY)                                                                            \
    X(213, "Chunk accepted and buffered", 0)                                                                           \
    X(214, "Operation cancelled", 0)                                                                                   \
    X(215, "Not executed", 0)                                                                                          \
    X(216, "Atomic rolled back", 0)                                                                                    \
    X(300, "Multiple choices", 0)                                                                                      \
    X(301, "Moved permanently", 0)                                                                                     \
    X(302, "Found elsewhere", 0)                                                                                       \
    X(303, "See other", 0)                                                                                             \
    X(304, "Not modified", 0)                                                                                          \
    X(305, "Use proxy", 0)                                                                                             \
    X(400, "Bad request", 0)                                                                                           \
    X(401, "Invalid credentials", 0)                                                                                   \
    X(402, "Payment needed", 0)                                                                                        \
    X(403, "Forbidden", 0)                                                                                             \
    X(404, "Not found", 0)                                                                                             \
    X(405, "Command not allowed", 0)                                                                                   \
    X(406, "Optional feature not supported", 0)                                                                        \
    X(407, "Missing credentials", 0)                                                                                   \
    X(408, "Request timeout", RETRY)                                                                                   \
    X(409, "Conflict", 0)                                                                                              \
    X(410, "Gone", 0)                                                                                                  \
    X(411, "Size required", 0)                                                                                         \
    X(412, "Incomplete command", 0)                                                                                    \
    X(413, "Request entity too large", 0)                                                                              \
    X(414, "URI too long", 0)                                                                                          \
    X(415, "Unsupported media type or format", 0)                                                                      \
    X(416, "Requested size too big", 0)                                                                                \
    X(417, "Retry later", RETRY)                                                                                       \
    X(418, "Already exists", 0)                                                                                        \
    X(419, "Conflict resolved with server data", 0)                                                                    \
    X(420, "Device full", RETRY)                                                                                       \
    X(421, "Unknown search grammar", 0)                                                                                \
    X(422, "Bad CGI script", 0)                                                                                        \
    X(423, "Soft-delete conflict", 0)                                                                                  \
    X(424, "Size mismatch", 0)                                                                                         \
    X(425, "Permission denied", 0)                                                                                     \
    X(426, "Partial item not accepted", 0)                                                                             \
    X(427, "Item not empty", 0)                                                                                        \
    X(428, "Move failed", 0)                                                                                           \
    X(500, "Command failed", RETRY)                                                                                    \
    X(501, "Command not implemented", 0)                                                                               \
    X(502, "Bad gateway", 0)                                                                                           \
    X(503, "Service unavailable", RETRY)                                                                               \
    X(504, "Gateway timeout", 0)                                                                                       \
    X(505, "DTD version not supported", 0)                                                                             \
    X(506, "Processing error", RETRY)                                                                                  \
    X(507, "Atomic failed", 0)                                                                                         \
    X(508, "Refresh required", 0)                                                                                      \
    X(510, "Data store failure", RETRY)                                                                                \
    X(511, "Server failure", 0)                                                                                        \
    X(512, "Synchronisation failed", 0)                                                                                \
    X(513, "Protocol version not supported", 0)                                                                        \
    X(514, "Operation cancelled before processing", 0)                                                                 \
    X(516, "Atomic rollback failed", 0)                                                                                \
    X(517, "Atomic response too large", 0)

static const struct status {
    int code;
    const char *text;
    unsigned flags;
} statuses[] = {
#define X(code, text, flags) { code, text, flags },
    STATUSES(X)
#undef X
};

static const struct status *find(int code)
{
    size_t low = 0, high = sizeof statuses / sizeof statuses[0];
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (statuses[mid].code == code) return &statuses[mid];
        if (statuses[mid].code < code)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

const char *sml_status_text(int code)
{
    const struct status *s = find(code);
    if (s) return s->text;
    switch (code / 100) {
    case 1: return "Under way";
    case 2: return "Success";
    case 3: return "Redirected";
    case 4: return "Refused";
    case 5: return "Failed";
    case 12: return "Success of the managed object";
    default: return code >= 1000 && code < 10000 ? "Result of the managed object" : "Unknown status";
    }
}

bool sml_status_ok(int code)
{
    const struct status *s = find(code);
    if (s) return s->flags & OKAY;
    return code / 100 == 2 || code / 100 == 12; /* an unknown code counts as its class */
}

bool sml_status_retry(int code)
{
    const struct status *s = find(code);
    return s && s->flags & RETRY;
}

int sml_status_of_rc(enum rc rc)
{
    static const int codes[RC_COUNT] = {
        [RC_OK] = 200,          [RC_NOMEM] = 420,     [RC_LIMIT] = 414,  [RC_PARSE] = 400,    [RC_INVALID] = 415,
        [RC_UNSUPPORTED] = 406, [RC_NOT_FOUND] = 404, [RC_EXISTS] = 418, [RC_DENIED] = 425,   [RC_CONFLICT] = 409,
        [RC_BUSY] = 417,        [RC_TIMEOUT] = 408,   [RC_IO] = 510,     [RC_INTERNAL] = 500,
    };
    return (unsigned)rc < RC_COUNT ? codes[rc] : 500;
}
