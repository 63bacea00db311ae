/* notify.h - tells the service manager how it goes: sd_notify(3)'s protocol, spoken without its library.
 *
 * Without a service manager that wants to hear it (no $NOTIFY_SOCKET) nothing happens.
 *
 * Threads: one.
 */
#ifndef SLUICE_BASE_NOTIFY_H
#define SLUICE_BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Remember what the service manager said in the environment and take it out of there, so that no child believes that
 * it was meant: before there are children or threads. The first of the others does it, too. */
void notify_open(void);

/* Send lines such as "READY=1\nSTATUS=12 jobs". False when nobody is there or it could not be told in a second. */
bool notify_send(const char *lines);

/* A reload begins; "READY=1" ends it. */
bool notify_reloading(void);

/* Within how many microseconds "WATCHDOG=1" must come, again and again; 0: nobody waits for it. */
int64_t notify_watchdog_us(void);

#endif
