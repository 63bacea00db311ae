/* id.h - names for runs: ULIDs, 26 characters that sort by the time they were made and need no one to hand them out.
 *
 * Threads: any.
 */
#ifndef SLUICE_BASE_ID_H
#define SLUICE_BASE_ID_H

#define ID_BYTES 27 /* 26 characters and a NUL */

/* A new id: ten characters of wall time in milliseconds, sixteen of randomness, in Crockford's base 32. */
void id_new(char out[ID_BYTES]);

/* A new id that sorts behind `last` ("": any does), also when it is made in the same millisecond. `out` may be
 * `last`. */
void id_new_after(const char *last, char out[ID_BYTES]);

#endif
