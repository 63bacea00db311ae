/* Any bytes in any charset become valid UTF-8, the same however they are cut into pieces. The first byte of the input
 * picks the charset: 'a' the first of them, and so on. */
#include "charset.h"
#include "fuzz.h"

static const char *const names[] = {
    "utf-8",       "windows-1253", "iso-8859-7", "utf-16le",     "utf-16", "shift_jis",  "gb18030",
    "iso-2022-jp", "euc-tw",       "ibm037",     "windows-1255", "utf-32", "big5-hkscs",
};

#define COUNT (sizeof names / sizeof names[0])

/* Decode in pieces of up to `most` bytes, each in memory of its own. */
static uint64_t decode(struct charset *cs, sluice_str bytes, size_t most, struct chance *chance, struct buf *out)
{
    uint64_t before = charset_replaced(cs);

    for (size_t from = 0; from < bytes.len;) {
        size_t len = 1 + chance_below(chance, most);
        if (len > bytes.len - from)
            len = bytes.len - from;
        char *piece = copy_of(bytes.ptr + from, len);
        MUST(charset_feed(cs, (sluice_str){piece, len}, out));
        free(piece);
        from += len;
    }
    MUST(charset_end(cs, out));
    return charset_replaced(cs) - before;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct charset *open[COUNT];
    static const size_t sizes[] = {1, 2, 5, 50};
    struct buf whole = {0}, pieces = {0};

    if (size == 0)
        return 0;
    size_t which = (uint8_t)(data[0] - 'a') % COUNT;
    if (!open[which])
        open[which] = charset_open(names[which]);
    struct charset *cs = open[which];
    if (!cs) /* a system without it */
        return 0;
    struct chance chance = chance_of(data, size);
    sluice_str bytes = {(const char *)data + 1, size - 1};

    uint64_t replaced = decode(cs, bytes, size, &(struct chance){0}, &whole);
    MUST(is_utf8(buf_str(&whole)));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        buf_clear(&pieces);
        MUST(decode(cs, bytes, sizes[i], &chance, &pieces) == replaced);
        MUST(same_bytes(buf_str(&whole), buf_str(&pieces)));
    }
    if (which == 0 && is_utf8(bytes)) {
        bool bom = bytes.len >= 3 && memcmp(bytes.ptr, "\xEF\xBB\xBF", 3) == 0;
        MUST(replaced == 0);
        MUST(same_bytes(buf_str(&whole), bom ? (sluice_str){bytes.ptr + 3, bytes.len - 3} : bytes));
    }
    buf_free(&whole);
    buf_free(&pieces);
    return 0;
}
