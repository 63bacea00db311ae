#include "redact.h"

#include "hex.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MASK "***"
#define MASK_LEN 3
#define ESCAPE_LEN 12 /* the longest one: \ud83d\udd11 */

struct secret {
    char *ptr;
    size_t len;
};

static struct {
    struct secret *list;
    size_t count;
    bool starts[256]; /* bytes a secret can begin with, in any of its forms */
} secrets;

/* An error can arise in one thread while another one learns new secrets. */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static bool is_known(const char *secret, size_t len)
{
    for (size_t i = 0; i < secrets.count; i++)
        if (secrets.list[i].len == len && memcmp(secrets.list[i].ptr, secret, len) == 0)
            return true;
    return false;
}

static bool add(const char *secret, size_t len)
{
    if (is_known(secret, len))
        return true;

    struct secret *list = realloc(secrets.list, (secrets.count + 1) * sizeof *list);
    if (!list)
        return false;
    secrets.list = list;
    char *copy = malloc(len);
    if (!copy)
        return false;
    memcpy(copy, secret, len);
    secrets.list[secrets.count++] = (struct secret){copy, len};

    secrets.starts[(unsigned char)secret[0]] = true;
    secrets.starts['\\'] = true;
    secrets.starts['%'] = true;
    if (secret[0] == ' ')
        secrets.starts['+'] = true;
    return true;
}

bool redact_add(const char *secret, size_t len)
{
    if (len < MASK_LEN)
        return true;

    pthread_rwlock_wrlock(&lock);
    bool added = add(secret, len);
    pthread_rwlock_unlock(&lock);
    return added;
}

void redact_forget(void)
{
    pthread_rwlock_wrlock(&lock);
    for (size_t i = 0; i < secrets.count; i++) {
        explicit_bzero(secrets.list[i].ptr, secrets.list[i].len);
        free(secrets.list[i].ptr);
    }
    free(secrets.list);
    memset(&secrets, 0, sizeof secrets);
    pthread_rwlock_unlock(&lock);
}

/* ---- One unit of text, decoded ---- */

/* What the next unit of a text stands for. */
struct unit {
    size_t taken;  /* bytes of the text it takes */
    size_t len;    /* bytes it stands for */
    char bytes[4];
};

/* `digits` hexadecimal digits at `text` as a number; -1 when they are not all there. */
static int32_t hex_number(const char *text, size_t len, size_t digits)
{
    if (len < digits)
        return -1;
    int32_t number = 0;
    for (size_t i = 0; i < digits; i++) {
        int value = hex_digit(text[i]);
        if (value < 0)
            return -1;
        number = number * 16 + value;
    }
    return number;
}

static struct unit unit_of_byte(char c, size_t taken)
{
    return (struct unit){.taken = taken, .len = 1, .bytes = {c}};
}

static struct unit unit_of_codepoint(uint32_t cp, size_t taken)
{
    struct unit u = {.taken = taken};
    if (cp < 0x80) {
        u.bytes[u.len++] = (char)cp;
    } else if (cp < 0x800) {
        u.bytes[u.len++] = (char)(0xC0 | cp >> 6);
        u.bytes[u.len++] = (char)(0x80 | (cp & 0x3F));
    } else if (cp < 0x10000) {
        u.bytes[u.len++] = (char)(0xE0 | cp >> 12);
        u.bytes[u.len++] = (char)(0x80 | (cp >> 6 & 0x3F));
        u.bytes[u.len++] = (char)(0x80 | (cp & 0x3F));
    } else {
        u.bytes[u.len++] = (char)(0xF0 | cp >> 18);
        u.bytes[u.len++] = (char)(0x80 | (cp >> 12 & 0x3F));
        u.bytes[u.len++] = (char)(0x80 | (cp >> 6 & 0x3F));
        u.bytes[u.len++] = (char)(0x80 | (cp & 0x3F));
    }
    return u;
}

static struct unit next_plain(const char *text, size_t len)
{
    (void)len;
    return unit_of_byte(text[0], 1);
}

static struct unit next_url(const char *text, size_t len)
{
    if (text[0] == '%') {
        int32_t byte = hex_number(text + 1, len - 1, 2);
        if (byte >= 0)
            return unit_of_byte((char)byte, 3);
    }
    return unit_of_byte(text[0], 1);
}

static struct unit next_json_u(const char *text, size_t len)
{
    int32_t high = hex_number(text + 2, len - 2, 4);
    if (high < 0)
        return unit_of_byte(text[0], 1);
    if (high >= 0xD800 && high < 0xDC00 && len >= 12 && text[6] == '\\' && text[7] == 'u') {
        int32_t low = hex_number(text + 8, 4, 4);
        if (low >= 0xDC00 && low < 0xE000)
            return unit_of_codepoint((uint32_t)(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), 12);
    }
    return unit_of_codepoint((uint32_t)high, 6);
}

static struct unit next_json(const char *text, size_t len)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";

    if (text[0] != '\\' || len < 2)
        return unit_of_byte(text[0], 1);
    if (text[1] == 'u')
        return next_json_u(text, len);
    const char *letter = memchr(letters, text[1], sizeof letters - 1);
    return letter ? unit_of_byte(meanings[letter - letters], 2) : unit_of_byte(text[0], 1);
}

/* ---- Matching ---- */

/* Does this begin with the mark of a cut? */
static bool is_mark(const char *text, size_t len)
{
    return len >= 3 && (memcmp(text, "...", 3) == 0 || memcmp(text, "…", 3) == 0);
}

/* Where a text was cut at `at` or inside the escape that begins there; 0 when it was not. */
static size_t cut_at(const char *text, size_t len, size_t at)
{
    size_t end = at;
    if (at < len && (text[at] == '%' || text[at] == '\\'))
        while (end < len && end - at < ESCAPE_LEN && !is_mark(text + end, len - end))
            end++;
    return is_mark(text + end, len - end) ? end : 0;
}

typedef struct unit unit_reader(const char *text, size_t len);

/* How many bytes at `text` stand for the whole secret, or for as much of it as was left by a cut, when read with
 * `next`; 0 when they do not. A "+" may be a blank: harmless where it is none, as everything else must fit as well. */
static size_t match_form(const char *text, size_t len, const struct secret *secret, unit_reader *next)
{
    size_t at = 0, matched = 0, cut = 0;
    while (matched < secret->len) {
        if (matched >= MASK_LEN && cut_at(text, len, at))
            cut = cut_at(text, len, at);
        if (at == len)
            return cut;
        struct unit u = next(text + at, len - at);
        bool plus_for_blank = next == next_url && text[at] == '+' && secret->ptr[matched] == ' ';
        if (!plus_for_blank &&
            (u.len > secret->len - matched || memcmp(u.bytes, secret->ptr + matched, u.len) != 0))
            return cut;
        matched += u.len;
        at += u.taken;
    }
    return at;
}

/* The length of the longest secret that begins at `text`, in any form; 0: none. */
static size_t match_any(const char *text, size_t len)
{
    static unit_reader *const forms[] = {next_plain, next_json, next_url};
    size_t longest = 0;
    for (size_t i = 0; i < secrets.count; i++)
        for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
            size_t n = match_form(text, len, &secrets.list[i], forms[f]);
            longest = n > longest ? n : longest;
        }
    return longest;
}

/* Where the secrets end that begin at `at` or, overlapping, inside one that does; `at` itself when none does. */
static size_t secrets_end(const char *text, size_t len, size_t at)
{
    size_t end = at;
    for (size_t i = at; i == at || i < end; i++) {
        if (!secrets.starts[(unsigned char)text[i]])
            continue;
        size_t n = match_any(text + i, len - i);
        if (i + n > end)
            end = i + n;
    }
    return end;
}

static size_t mask(char *text, size_t len)
{
    if (secrets.count == 0)
        return len;

    size_t out = 0;
    for (size_t at = 0; at < len;) {
        size_t end = secrets_end(text, len, at);
        if (end == at) {
            text[out++] = text[at++];
        } else {
            memcpy(text + out, MASK, MASK_LEN);
            out += MASK_LEN;
            at = end;
        }
    }
    if (out < len)
        text[out] = '\0';
    return out;
}

size_t redact(char *text, size_t len)
{
    pthread_rwlock_rdlock(&lock);
    size_t left = mask(text, len);
    pthread_rwlock_unlock(&lock);
    return left;
}
