/* SPDX-License-Identifier: Apache-2.0 */
#include "base/service.h"

#include <stdarg.h>
#include <stdio.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#else /* boards without it have no manager that would listen */
#define sd_notify(unset, text)       ((void)(text))
#define sd_notifyf(unset, fmt, what) ((void)(what))
#endif

enum { STATUS_BYTES = 256 };

void service_ready(const char *fmt, ...)
{
    char status[STATUS_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(status, sizeof status, fmt, args);
    va_end(args);
    sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void service_reloading(int64_t now_us)
{
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)now_us);
}

void service_stopping(void)
{
    sd_notify(0, "STOPPING=1\nSTATUS=Finishing open sessions and requests");
}
