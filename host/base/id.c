#include "id.h"

#include "clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TIME_CHARS 10
#define RANDOM_BYTES 10 /* 80 bits: 16 characters of five bits */

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void fill_random(uint8_t *bytes, size_t len)
{
    ssize_t got;
    do
        got = getrandom(bytes, len, 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)len)
        abort(); /* so few bytes come whole, or the kernel has no getrandom() at all */
}

void id_new(char out[ID_BYTES])
{
    uint64_t ms = (uint64_t)(clock_wall_us() / 1000);
    for (int i = TIME_CHARS - 1; i >= 0; i--) {
        out[i] = digits[ms & 31];
        ms >>= 5;
    }

    uint8_t random[RANDOM_BYTES];
    fill_random(random, sizeof random);
    char *next = out + TIME_CHARS;
    uint32_t bits = 0;
    int bit_count = 0;
    for (size_t i = 0; i < sizeof random; i++) {
        bits = bits << 8 | random[i];
        for (bit_count += 8; bit_count >= 5; bit_count -= 5)
            *next++ = digits[bits >> (bit_count - 5) & 31];
    }
    *next = '\0';
}

/* The next one in order: one more, as in any number. */
static void count_up(char id[ID_BYTES])
{
    for (size_t i = ID_BYTES - 1; i-- > 0;) {
        const char *digit = strchr(digits, id[i]);
        bool carries = !digit || digit[1] == '\0';
        id[i] = carries ? '0' : digit[1];
        if (!carries)
            return;
    }
}

void id_new_after(const char *last, char out[ID_BYTES])
{
    char id[ID_BYTES];

    id_new(id);
    if (strcmp(id, last) <= 0) {
        memcpy(id, last, ID_BYTES);
        count_up(id);
    }
    memcpy(out, id, ID_BYTES);
}
