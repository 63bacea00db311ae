/* Times: what is read prints, and what was printed reads back the same. */
#include "date.h"
#include "fuzz.h"

#define US INT64_C(1000000)

/* Print and read back. */
static void round_trip(int64_t us)
{
    struct buf text = {0}, again = {0};
    int64_t back = 0;

    MUST(date_print(&text, us));
    MUST(date_parse(buf_str(&text), NULL, &back) && back == us);
    MUST(date_print(&again, back) && same_bytes(buf_str(&text), buf_str(&again)));
    buf_clear(&text);
    MUST(date_print_ms(&text, us));
    MUST(date_parse(buf_str(&text), NULL, &back));
    MUST(back <= us && us - back < 1000 && (back % 1000 == 0));
    buf_free(&text);
    buf_free(&again);
}

static void check_day(int64_t us)
{
    int64_t days = (us - (us % (86400 * US) + 86400 * US) % (86400 * US)) / (86400 * US);
    int year, month, day;

    date_civil(days, &year, &month, &day);
    MUST(year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= 31);
    MUST(date_days(year, month, day) == days);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct zone *athens;
    char *copy = copy_of(data, size);
    sluice_str text = {copy, size};
    int64_t us = 0, local = 0;

    if (!athens)
        athens = zone_open("Europe/Athens");
    bool is_time = date_parse(text, NULL, &us);
    if (is_time) {
        MUST(us >= date_days(1, 1, 1) * 86400 * US && us < date_days(10000, 1, 1) * 86400 * US);
        round_trip(us);
        check_day(us);
    }
    /* a zone moves a time by hours, or not at all where the text has an offset of its own */
    if (athens && date_parse(text, athens, &local)) {
        round_trip(local);
        MUST(!is_time || (us - local >= 0 && us - local <= 4 * 3600 * US));
    }
    free(copy);
    return 0;
}
