/* listen.h - the address that the control API listens on. */
#ifndef SLUICE_CONFIG_LISTEN_H
#define SLUICE_CONFIG_LISTEN_H

#include <stdbool.h>

/* Is the text HOST:PORT, with an IPv6 address in brackets, and what of it? *loopback: only this host can reach it. */
bool listen_parse(const char *text, bool *loopback);

#endif
