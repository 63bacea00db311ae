/* Any text as a source's record through a table that has every kind of column. */
#include "charset.h"
#include "decimal.h"
#include "fuzz.h"
#include "mapping.h"

#define COUNT(a) (uint32_t)(sizeof(a) / sizeof((a)[0]))

static const sluice_column columns[] = {
    {"code", SLUICE_INT, SLUICE_REQUIRED, .path = "CODE"},
    {"small", SLUICE_INT, SLUICE_NARROW, .path = "a.small"},
    {"mail", SLUICE_TEXT, SLUICE_TRIM | SLUICE_LOWER, .path = "MAIL|a.mail|mails"},
    {"name", SLUICE_TEXT, SLUICE_REQUIRED, .path = "NAME", .preset = "Unknown"},
    {"note", SLUICE_TEXT, SLUICE_BLANK | SLUICE_CLEAR, .path = "a.b.note", .empty = "-|none"},
    {"money", SLUICE_DECIMAL, .path = "money", .scale = 2},
    {"exact", SLUICE_DECIMAL, .path = "money", .scale = 18},
    {"seen", SLUICE_TIME, .path = "seen|a.seen", .empty = "1899-12-30 00:00:00"},
    {"active", SLUICE_BOOL, .path = "active"},
    {"products", SLUICE_INTS, SLUICE_NARROW, .path = "items[].product.id"},
    {"tags", SLUICE_INTS, .path = "a.tags[]|tags[]"},
    {"deep", SLUICE_INTS, .path = "x[].y[].z[]"},
    {"fixed", SLUICE_TEXT, .value = "constant"},
    {"set", SLUICE_TEXT, .help = "set by map()"},
};
static const sluice_match matches[] = {
    {SLUICE_IDENTITY, 0, "code", NULL},
    {SLUICE_ADOPT, 0, "mail note", NULL},
    {SLUICE_ADOPT, 0, "mail", "nobody none"},
};
static const sluice_stream stream = {
    .name = "partners",
    .columns = columns,
    .matches = matches,
    .column_count = COUNT(columns),
    .column_stride = sizeof columns[0],
    .match_count = COUNT(matches),
    .match_stride = sizeof matches[0],
};

struct bench {
    struct region run, record;
    struct mapping m;
    struct buf key;
};

static void bench_open(struct bench *b)
{
    struct buf why = {0};

    *b = (struct bench){.record = {.max = (size_t)1 << 20}};
    MUST(mapping_init(&b->m, &stream, NULL, &b->run, &b->record, &why));
}

static void bench_close(struct bench *b)
{
    mapping_free(&b->m);
    region_free(&b->run);
    region_free(&b->record);
    buf_free(&b->key);
}

/* Read the record; false when its memory ran out. */
static bool bench_read(struct bench *b, sluice_str record)
{
    region_reset(&b->record);
    if (!mapping_read(&b->m, record))
        return false;
    mapping_check_required(&b->m);
    buf_clear(&b->key);
    mapping_key(&b->m, &b->key);
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void check_text(const sluice_column *c, sluice_str s)
{
    MUST(is_utf8(s));
    MUST(s.len > 0 || (c->flags & SLUICE_BLANK));
    if ((c->flags & SLUICE_TRIM) && s.len)
        MUST(!is_blank(s.ptr[0]) && !is_blank(s.ptr[s.len - 1]));
    for (size_t i = 0; (c->flags & SLUICE_LOWER) && i < s.len; i++)
        MUST(s.ptr[i] < 'A' || s.ptr[i] > 'Z');
}

static void check_value(const sluice_column *c, const sluice_value *v)
{
    const int64_t limit = INT64_C(1000000000000000);

    MUST(v->type <= SLUICE_NULL || v->type == c->type);
    if (v->type == SLUICE_TEXT)
        check_text(c, v->as.s);
    if (v->type == SLUICE_BOOL)
        MUST(v->as.i == 0 || v->as.i == 1);
    if (v->type == SLUICE_DECIMAL)
        MUST(v->as.i < limit && v->as.i > -limit);
    if (v->type == SLUICE_INT && (c->flags & SLUICE_NARROW))
        MUST(v->as.i >= INT32_MIN && v->as.i <= INT32_MAX);
    for (size_t i = 0; v->type == SLUICE_INTS && (c->flags & SLUICE_NARROW) && i < v->as.n.len; i++)
        MUST(v->as.n.ptr[i] >= INT32_MIN && v->as.n.ptr[i] <= INT32_MAX);
    if (c->value || (!c->path && !c->value))
        MUST(v->type == SLUICE_ABSENT);
}

static bool same_value(const sluice_value *a, const sluice_value *b)
{
    if (a->type != b->type)
        return false;
    if (a->type == SLUICE_TEXT)
        return same_bytes(a->as.s, b->as.s);
    if (a->type == SLUICE_INTS)
        return a->as.n.len == b->as.n.len &&
               (a->as.n.len == 0 || memcmp(a->as.n.ptr, b->as.n.ptr, a->as.n.len * sizeof(int64_t)) == 0);
    return a->type <= SLUICE_NULL || a->as.i == b->as.i;
}

/* What one mapping has learned of the records before must make no difference. */
static void must_be_same(const struct bench *a, const struct bench *b)
{
    for (uint32_t i = 0; i < stream.column_count; i++)
        MUST(same_value(&a->m.values[i], &b->m.values[i]));
    MUST(same_bytes(buf_str(&a->m.why), buf_str(&b->m.why)));
    MUST(same_bytes(buf_str(&a->key), buf_str(&b->key)));
    MUST(a->m.broken == b->m.broken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bench old;
    static bool made;
    struct bench new;
    struct charset *cs = charset_open("utf-8");
    struct buf text = {0};

    if (!made)
        bench_open(&old);
    made = true;
    bench_open(&new);
    MUST(cs && charset_feed(cs, (sluice_str){(const char *)data, size}, &text) && charset_end(cs, &text));
    char *copy = copy_of(text.ptr, text.len);
    sluice_str record = {copy, text.len};

    bool fits = bench_read(&old, record);
    MUST(bench_read(&new, record) == fits);
    if (fits) {
        must_be_same(&old, &new);
        for (uint32_t i = 0; i < stream.column_count; i++)
            check_value(&columns[i], &old.m.values[i]);
        MUST(is_utf8(buf_str(&old.m.why)) && is_utf8(buf_str(&old.key)));
        MUST(!old.m.broken || (old.m.why.len && old.key.len == 0));
    }
    bench_close(&new);
    free(copy);
    buf_free(&text);
    charset_close(cs);
    return 0;
}
