/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SERVICE_H
#define BASE_SERVICE_H
/* What a program reports to the service manager that started it (sd_notify(3)). Without one nothing happens. */
#include <stdint.h>

/** The program serves; `fmt` is shown by `systemctl status`. */
void service_ready(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** The configuration is read again, until service_ready. @param now_us  CLOCK_MONOTONIC */
void service_reloading(int64_t now_us);
/** The program ends: it finishes what is under way. */
void service_stopping(void);
#endif
