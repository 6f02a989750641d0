/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_DOCUMENT_WINDOW_H
#define POLICY_DOCUMENT_WINDOW_H
/* A time of the week in which an action is allowed: "Sun 01:00-05:00 device", "Mon-Fri 22:00-06:00 UTC", "daily
 * 02:00-04:00 +02:00". */
#include "base/rc.h"
#include "base/str.h"

struct pol_window {
    unsigned days;        /* bit 0 = Sunday; the day on which the window opens */
    int from_min, to_min; /* minutes of the day; to <= from: it closes on the next day */
    bool device_zone;     /* in the device's local time */
    int offset_min;       /* east of UTC, when it is not the device's */
};

/** Days: names (three letters) or ranges, comma separated, or "daily"; then hh:mm-hh:mm; then "device" (default),
 * "UTC" or +hh:mm. */
enum rc pol_window_parse(struct str text, struct pol_window *out, struct err *e);
/**
 * The window that is open at `now_ms`, or that opens next. @param device_offset_min  east of UTC, used for device_zone
 */
void pol_window_next(const struct pol_window *w, int64_t now_ms, int device_offset_min, int64_t *opens_ms,
                     int64_t *closes_ms);
#endif
