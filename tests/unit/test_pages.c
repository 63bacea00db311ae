/* Lists in pages against a source whose rows are edited, moved and deleted between two requests: what is said to be
 * complete is complete, and nothing comes twice. */
#include "fake_host.h"
#include "seen.h"

#include <inttypes.h>

#define ROWS 400

/* ---- A source ---- */

struct row {
    int id, version;
    bool touched; /* since the first request */
};

struct source {
    struct row rows[ROWS];
    int count;
    int next_id;
    int cap;        /* most records it gives; 0: any */
    bool ignores;   /* the offset */
    bool shuffles;  /* another order each time */
    bool bare;      /* answers with the list itself */
    int announced;  /* added to the true total */
    int ends_early; /* the list ends at this many; 0: where it should */
    unsigned random;
    void (*edit)(struct source *); /* after each request */
};

static unsigned draw(struct source *s, unsigned below)
{
    s->random = s->random * 1664525u + 1013904223u;
    return (unsigned)((uint64_t)(s->random >> 8) * below >> 24);
}

static int64_t argument(const char *url, const char *name, int64_t none)
{
    char key[32];
    snprintf(key, sizeof key, "%s=", name);
    const char *at = strstr(url, key);
    return at ? strtoll(at + strlen(key), NULL, 10) : none;
}

static void shuffle(struct source *s)
{
    for (int i = s->count - 1; i > 0; i--) {
        int other = (int)draw(s, (unsigned)i + 1);
        struct row row = s->rows[i];
        s->rows[i] = s->rows[other];
        s->rows[other] = row;
    }
}

static char *answer(struct fake *f, const char *url)
{
    struct source *s = f->context;
    struct buf out = {0};
    int limit = (int)argument(url, "limit", ROWS);
    int from = s->ignores ? 0 : (int)argument(url, "offset", 0);
    int end = s->ends_early && s->ends_early < s->count ? s->ends_early : s->count;
    if (s->cap && limit > s->cap)
        limit = s->cap;
    if (s->shuffles)
        shuffle(s);
    if (!s->bare)
        buf_printf(&out, "{\"total\": %d, \"data\": ", s->count + s->announced);
    buf_add_char(&out, '[');
    for (int i = from; i < end && i < from + limit; i++)
        buf_printf(&out, "%s{\"name\": \"x\", \"id\": %d, \"version\": %d}", i > from ? ", " : "", s->rows[i].id,
                   s->rows[i].version);
    buf_add_str(&out, s->bare ? "]" : "]}");
    if (s->edit)
        s->edit(s);
    char *text = strdup(buf_text(&out));
    buf_free(&out);
    assert_non_null(text);
    return text;
}

static void source_fill(struct source *s, int count)
{
    s->count = count;
    s->next_id = count;
    for (int i = 0; i < count; i++)
        s->rows[i] = (struct row){.id = i};
}

/* ---- Its edits ---- */

static void take_out(struct source *s, int i)
{
    memmove(&s->rows[i], &s->rows[i + 1], (size_t)(s->count - i - 1) * sizeof s->rows[0]);
    s->count--;
}

static void put_in(struct source *s, int i, struct row row)
{
    if (s->count == ROWS)
        return;
    memmove(&s->rows[i + 1], &s->rows[i], (size_t)(s->count - i) * sizeof s->rows[0]);
    s->rows[i] = row;
    s->count++;
}

static void edit_sorted(struct source *s)
{
    for (unsigned edits = draw(s, 3); edits && s->count; edits--) {
        int i = (int)draw(s, (unsigned)s->count);
        if (draw(s, 3) == 0)
            put_in(s, s->count, (struct row){.id = s->next_id++, .touched = true});
        else if (draw(s, 2) == 0)
            s->rows[i] = (struct row){.id = s->rows[i].id, .version = s->rows[i].version + 1, .touched = true};
        else
            take_out(s, i);
    }
}

static void edit_unsorted(struct source *s)
{
    for (unsigned edits = draw(s, 3); edits && s->count; edits--) {
        int i = (int)draw(s, (unsigned)s->count);
        struct row row = s->rows[i];
        row.touched = true;
        row.version += draw(s, 4) != 0;
        take_out(s, i);
        if (draw(s, 3) == 0)
            row = (struct row){.id = s->next_id++, .touched = true};
        if (draw(s, 3) == 0)
            put_in(s, 0, row);
        else if (draw(s, 3) != 0)
            put_in(s, s->count, row);
    }
}

static void delete_first(struct source *s)
{
    if (s->count > 10)
        take_out(s, 0);
}

static void change_last(struct source *s)
{
    if (s->count)
        s->rows[s->count - 1] = (struct row){.id = s->rows[s->count - 1].id, .version = 1, .touched = true};
}

static void add_first(struct source *s)
{
    put_in(s, 0, (struct row){.id = s->next_id++, .touched = true});
}

/* ---- A connector ---- */

static const sluice_column columns[] = {
    {"id", SLUICE_INT, SLUICE_REQUIRED, .path = "id"},
    {"version", SLUICE_INT, .path = "version"},
};
static const sluice_match rules[] = {{SLUICE_IDENTITY, .columns = "id"}};
static const sluice_stream stream = {
    .name = "rows",
    .columns = columns,
    .column_count = LEN(columns),
    .column_stride = sizeof columns[0],
    .matches = rules,
    .match_count = LEN(rules),
    .match_stride = sizeof rules[0],
    .map = sluice_map_table,
};

static const sluice_call plain = {
    .url = "http://h/rows", .list = "data", .limit = "limit", .offset = "offset", .id = "id", .page_size = 5};

static void open_source(struct fake *f, struct source *s)
{
    fake_open(f, &stream, "");
    f->answer = answer;
    f->context = s;
    f->clock = 1000;
    f->run.parallel = 4;
}

static int times(const struct fake *f, const char *what)
{
    int n = 0;
    for (const char *at = buf_text(&f->log); (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

static int emitted(const struct fake *f, int id)
{
    char line[32];
    snprintf(line, sizeof line, "emit %d ", id);
    return times(f, line);
}

/* ---- Tests ---- */

static void a_query_is_filled_in_and_encoded_and_leaves_out_what_is_empty(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, &stream, "{}");
    sluice_call call = {.url = "${url}/a?b=c",
                        .query = {{"$filter", "T ge 1 & \"+03:00\""},
                                  {"who", "${username}"},
                                  {"none", "${unset}"},
                                  {"after", ""},
                                  {"company", "${company}"},
                                  {NULL, "x"}}};
    assert_non_null(sluice_ask(&f.run, &call));
    assert_string_equal(buf_text(&f.log),
                        "send GET https://host.example/root/a?b=c&$filter=T%20ge%201%20%26%20%22%2B03:"
                        "00%22&who=O'Neil%20%22x%22&company=1000\n");
    fake_close(&f);
}

static void each_record_comes_once_whatever_the_source_caps(void **state)
{
    (void)state;
    for (int i = 0; i < 24 * 5 * 2 * 2 * 4; i++) {
        struct source s = {.cap = i / 24 % 5, .bare = i / 240 % 2};
        struct fake f;
        sluice_call call = plain;
        source_fill(&s, i % 24);
        open_source(&f, &s);
        call.overlap = i / 120 % 2;
        call.ascending = i / 480 % 2;
        f.run.parallel = (uint32_t)(i / 480);
        bool seamless = s.cap == 1 && call.overlap && s.count > 1;
        assert_int_equal(sluice_read_pages(&f.run, &call), seamless ? 0 : 1001);
        assert_int_equal(f.status, SLUICE_OK);
        assert_int_equal(times(&f, "warn"), seamless ? 1 : 0);
        const char *at = buf_text(&f.log);
        for (int id = 0; id < s.count; id++) {
            char line[32];
            snprintf(line, sizeof line, "emit %d 0\n", id);
            at = strstr(at, line);
            if (!at || emitted(&f, id) != 1)
                fail_msg("case %d: record %d in %s", i, id, buf_text(&f.log));
        }
        assert_int_equal(times(&f, "emit"), s.count);
        assert_int_equal(f.open, 0);
        fake_close(&f);
    }
}

static void pages_are_asked_for_by_the_rows_that_came(void **state)
{
    (void)state;
    static const struct {
        int count, cap, overlap, parallel;
        const char *total, *offsets;
    } cases[] = {
        {0, 0, 1, 4, NULL, "0"},
        {3, 0, 0, 4, NULL, "0 3"},
        {3, 0, 1, 4, NULL, "0 2"},
        {3, 0, 1, 4, "total", "0"},
        {1, 0, 1, 4, NULL, "0 1"},
        {12, 0, 0, 0, NULL, "0 5 10 12"},
        {12, 3, 0, 0, NULL, "0 3 6 9 12"},
        {12, 0, 1, 0, NULL, "0 4 8 11"},
        {12, 0, 1, 3, NULL, "0 4 8 12 16 11"},
        {12, 0, 1, 3, "total", "0 4 8"},
        {12, 3, 0, 2, NULL, "0 3 6 9 12 15"},
        {10, 0, 0, 0, "total", "0 5 10"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct source s = {.cap = cases[i].cap};
        struct fake f;
        struct buf sent = {0};
        sluice_call call = plain;
        source_fill(&s, cases[i].count);
        open_source(&f, &s);
        call.overlap = cases[i].overlap;
        call.total = cases[i].total;
        f.run.parallel = (uint32_t)cases[i].parallel;
        assert_int_equal(sluice_read_pages(&f.run, &call), 1001);
        for (const char *at = buf_text(&f.log); (at = strstr(at, "send ")); at++)
            buf_printf(&sent, "%s%" PRId64, sent.len ? " " : "", argument(at, "offset", -1));
        assert_string_equal(buf_text(&sent), cases[i].offsets);
        assert_int_equal(times(&f, "total "), cases[i].total ? 1 : 0);
        buf_free(&sent);
        fake_close(&f);
    }
}

/* What was there from the first request to the end and did not change has come, once, if the list is said to be
 * complete; if not, a warning says so. */
static void check_history(const sluice_call *call, struct source *s, int *complete)
{
    struct fake f;
    open_source(&f, s);
    f.run.parallel = 1 + s->random % 4;
    int before = s->next_id;
    int64_t mark = sluice_read_pages(&f.run, call);
    bool repeated = f.status == SLUICE_E_REMOTE && times(&f, "repeats an earlier one") == 1;
    if (f.status != SLUICE_OK && !repeated)
        fail_msg("%s", buf_text(&f.log));
    assert_true(repeated || times(&f, "warn it cannot be proven") == (mark ? 0 : 1));
    assert_true(mark == 0 || mark == 1001);
    *complete += mark != 0;
    for (int i = 0; i < s->count; i++) {
        int n = emitted(&f, s->rows[i].id);
        if (!s->rows[i].touched && s->rows[i].id < before && (mark ? n != 1 : n > 1))
            fail_msg("row %d came %d times: %s", s->rows[i].id, n, buf_text(&f.log));
    }
    fake_close(&f);
}

static void what_is_said_to_be_complete_is_complete_while_rows_shift(void **state)
{
    (void)state;
    int complete[2] = {0};
    for (unsigned seed = 0; seed < 2000; seed++) {
        struct source s = {.random = seed, .edit = seed % 2 ? edit_sorted : edit_unsorted};
        sluice_call call = plain;
        call.overlap = 1 + (int)(seed / 2 % 2);
        call.ascending = seed % 2;
        call.page_size = 4 + seed / 4 % 5;
        source_fill(&s, (int)(seed % 61));
        check_history(&call, &s, &complete[seed % 2]);
    }
    assert_in_range(complete[0], 200, 1000);
    assert_in_range(complete[1], 980, 1000);
}

static void a_seam_that_shifted_is_joined_by_going_back(void **state)
{
    (void)state;
    static void (*const edits[])(struct source *) = {delete_first, change_last, add_first};
    for (size_t i = 0; i < LEN(edits); i++) {
        for (int ascending = 0; ascending < 2; ascending++) {
            struct source s = {.edit = edits[i]};
            int complete = 0;
            sluice_call call = plain;
            if (ascending && edits[i] == add_first)
                continue;
            call.overlap = 1;
            call.ascending = ascending;
            source_fill(&s, 60);
            check_history(&call, &s, &complete);
            if (!complete)
                fail_msg("edit %zu, ascending %d", i, ascending);
        }
    }
}

static void an_order_that_is_none_is_never_called_complete(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 200; seed++) {
        for (int overlap = 0; overlap < 2; overlap++) {
            struct source s = {.shuffles = true, .random = seed};
            struct fake f;
            sluice_call call = plain;
            call.overlap = overlap;
            source_fill(&s, 60);
            open_source(&f, &s);
            assert_int_equal(sluice_read_pages(&f.run, &call), 0);
            assert_int_equal(f.status, SLUICE_OK);
            assert_int_equal(times(&f, "warn it cannot be proven that all records came: "), 1);
            for (int id = 0; id < 60; id++)
                assert_in_range(emitted(&f, id), 0, 1);
            fake_close(&f);
        }
    }
}

static void a_page_that_repeats_ends_the_run_or_the_list(void **state)
{
    (void)state;
    for (int count = 1; count < 12; count++) {
        for (int overlap = 0; overlap < 2; overlap++) {
            struct source s = {.ignores = true};
            struct fake f;
            sluice_call call = plain;
            call.overlap = overlap;
            source_fill(&s, count);
            open_source(&f, &s);
            assert_int_equal(sluice_read_pages(&f.run, &call), 0);
            assert_int_equal(f.status, count < 5 ? SLUICE_OK : SLUICE_E_REMOTE);
            assert_int_equal(times(&f, "repeats an earlier one: does the source ignore \"offset\"?"), count >= 5);
            assert_int_equal(times(&f, "the source seems to ignore the offset"), count < 5);
            assert_int_equal(times(&f, "emit"), count < 5 ? count : 5);
            assert_int_equal(f.open, 0);
            fake_close(&f);
        }
    }
}

static void a_cap_on_the_pages_is_a_failure_when_more_is_there(void **state)
{
    (void)state;
    for (int overlap = 0; overlap < 2; overlap++) {
        for (int count = 0; count < 20; count++) {
            int most = overlap ? 13 : 15; /* in three pages */
            struct source s = {0};
            struct fake f;
            sluice_call call = plain;
            call.overlap = overlap;
            call.max_pages = 3;
            source_fill(&s, count);
            open_source(&f, &s);
            assert_int_equal(sluice_read_pages(&f.run, &call), count <= most ? 1001 : 0);
            assert_int_equal(f.status, count <= most ? SLUICE_OK : SLUICE_E_LIMIT);
            assert_int_equal(times(&f, "the list goes on after 3 pages"), count > most ? 1 : 0);
            assert_int_equal(times(&f, "emit"), count < most ? count : most);
            fake_close(&f);
        }
    }
}

static void a_total_that_disagrees_is_noticed(void **state)
{
    (void)state;
    static const struct {
        struct source s;
        int32_t status;
        const char *want;
    } cases[] = {
        {{.ends_early = 7}, SLUICE_E_RETRY, "the source announced 12 records, and its list ends after 7"},
        {{.ends_early = 10}, SLUICE_E_RETRY, "the source announced 12 records, and its list ends after 10"},
        {{.announced = 1}, SLUICE_E_RETRY, "the source announced 13 records, and its list ends after 12"},
        {{.announced = -7}, SLUICE_OK, "total 5"},
        {{.edit = add_first}, SLUICE_OK, "cannot be proven that all records came: records came twice"},
        {{.edit = delete_first}, SLUICE_OK, "the number of records changed"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct source s = cases[i].s;
        struct fake f;
        sluice_call call = plain;
        call.total = "total";
        source_fill(&s, 12);
        open_source(&f, &s);
        f.run.parallel = 0;
        assert_int_equal(sluice_read_pages(&f.run, &call) != 0, cases[i].s.announced == -7);
        assert_int_equal(f.status, cases[i].status);
        if (!strstr(buf_text(&f.log), cases[i].want))
            fail_msg("%s", buf_text(&f.log));
        fake_close(&f);
    }
}

static void a_source_that_does_not_understand_can_be_asked_another_way(void **state)
{
    (void)state;
    struct source s = {0};
    struct fake f;
    sluice_call call = plain;
    call.may_refuse = 1;
    source_fill(&s, 12);
    open_source(&f, &s);
    f.refuse_at = 1;
    assert_int_equal(sluice_read_pages(&f.run, &call), SLUICE_REFUSED);
    assert_int_equal(f.status, SLUICE_OK);
    assert_int_equal(times(&f, "send"), 1);
    assert_int_equal(times(&f, "emit") + times(&f, "warn"), 0);
    assert_true(sluice_read_pages(&f.run, &call) > 0);
    assert_int_equal(times(&f, "emit"), 12);
    fake_close(&f);

    open_source(&f, &s);
    f.refuse_at = 2;
    assert_int_equal(sluice_read_pages(&f.run, &call), 0);
    assert_int_equal(f.status, SLUICE_E_REMOTE);
    assert_non_null(strstr(buf_text(&f.log), "HTTP 400 to the page at offset=5"));
    assert_int_equal(times(&f, "emit"), 5);
    fake_close(&f);
}

static char *text_answer(struct fake *f, const char *url)
{
    const char *const *bodies = f->context;
    int64_t page = argument(url, "offset", 0) / 2;
    char *text = strdup(bodies[page]);
    assert_non_null(text);
    return text;
}

static void answers_without_a_list_end_the_run(void **state)
{
    (void)state;
    static const struct {
        const char *body, *want;
    } cases[] = {
        {"{\"error\": \"no\"}", "answer has no list \"data\": \"{\"error\": \"no\"}\" (HTTP 200); check the key"},
        {"{\"data\": null}", "answer has no list \"data\": \"{\"data\": null}\" (HTTP 200); check the key"},
        {"{\"data\": {}}", "answer has no list \"data\": \"{\"data\": {}}\" (HTTP 200); check the key"},
        {"", "answer is empty: \"\" (HTTP 200); check the key"},
        {"7", "answer is not a JSON object: \"7\" (HTTP 200); check the key"},
        {"[] []", "answer goes on behind its list: \"[] []\" (HTTP 200); check the key"},
        {"[1", "answer is cut off: \"[1\" (HTTP 200); check the key"},
        {"{\"data\": [1 2]}", "the list \"data\" is broken at byte 12 of the answer"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct fake f;
        sluice_call call = plain;
        call.hint = "the key";
        fake_open(&f, &stream, cases[i].body);
        assert_int_equal(sluice_read_pages(&f.run, &call), 0);
        assert_int_equal(f.status, SLUICE_E_REMOTE);
        if (!strstr(buf_text(&f.log), cases[i].want))
            fail_msg("%s", buf_text(&f.log));
        assert_int_equal(times(&f, "emit"), 0);
        assert_int_equal(f.open, 0);
        fake_close(&f);
    }
}

static void records_that_come_again_count_once_unless_they_changed(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"data\": [{\"id\": 1, \"version\": 1}, {\"id\": 1, \"version\": 2}]}",
        "{\"data\": [{\"id\": 1, \"version\": 2}, {\"id\": 2, \"version\": 1}]}",
        "{\"data\": [{\"id\": 2, \"version\": 2}, {\"version\": 9}]}",
        "{\"data\": [{\"version\": 9}, {\"id\": 3}]}",
        "{\"data\": []}",
    };
    struct fake f;
    sluice_call call = plain;
    fake_open(&f, &stream, "");
    f.answer = text_answer;
    f.context = (void *)(uintptr_t)bodies;
    call.page_size = 2;
    assert_int_equal(sluice_read_pages(&f.run, &call), 0);
    assert_int_equal(f.status, SLUICE_OK);
    struct buf verdicts = {0};
    for (char *line = strtok(f.log.ptr, "\n"); line; line = strtok(NULL, "\n")) {
        if (strncmp(line, "emit", 4) == 0 || strncmp(line, "reject", 6) == 0)
            buf_printf(&verdicts, "%s\n", line);
    }
    assert_string_equal(buf_text(&verdicts), "emit 1 1\nemit 1 2\nemit 2 1\nemit 2 2\n"
                                             "reject |id: missing|{\"version\": 9}\nemit 3 -\n");
    buf_free(&verdicts);
    fake_close(&f);
}

static void a_list_that_fails_anywhere_ends_and_hands_nothing_over(void **state)
{
    (void)state;
    int total = 0;
    for (int fail_at = 0; fail_at <= total; fail_at++) {
        struct source s = {.edit = delete_first};
        struct fake f;
        sluice_call call = plain;
        call.overlap = 1;
        call.total = "total";
        call.headers[0] = (sluice_pair){"X-Key", "${company}"};
        source_fill(&s, 40);
        open_source(&f, &s);
        f.fail_at = fail_at;
        int64_t mark = sluice_read_pages(&f.run, &call);
        int32_t rc = sluice_checkpoint(&f.run, sluice_iso(&f.run, mark));
        if (!fail_at)
            total = f.calls;
        assert_int_equal(rc, fail_at ? SLUICE_E_RETRY : SLUICE_OK);
        if (fail_at && fail_at < total)
            assert_int_equal(mark, 0);
        if (f.late || f.open || f.calls > total + 30 || (fail_at && times(&f, "checkpoint")))
            fail_msg("call %d of %d: %s", fail_at, total, buf_text(&f.log));
        fake_close(&f);
    }
    assert_true(total > 60);
}

static void what_cannot_be_read_in_pages_is_a_bug_of_the_connector(void **state)
{
    (void)state;
    sluice_call calls[4] = {plain, plain, plain, plain};
    calls[0].list = NULL;
    calls[1].offset = NULL;
    calls[2].page_size = calls[2].overlap = 1;
    calls[3].overlap = -1;
    for (size_t i = 0; i < LEN(calls); i++) {
        struct source s = {0};
        struct fake f;
        open_source(&f, &s);
        assert_int_equal(sluice_read_pages(&f.run, &calls[i]), 0);
        assert_int_equal(f.status, SLUICE_E_BUG);
        assert_int_equal(times(&f, "send"), 0);
        fake_close(&f);
    }
}

static void times_and_figures_are_handed_over_as_text(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, &stream, "{}");
    assert_string_equal(sluice_iso(&f.run, INT64_C(1760172525123456)), "2025-10-11T08:48:45.123Z");
    assert_string_equal(sluice_iso(&f.run, INT64_C(1760172525000000)), "2025-10-11T08:48:45.000Z");
    assert_string_equal(sluice_iso(&f.run, 0), "");
    assert_string_equal(sluice_iso(&f.run, -60000000), "");
    sluice_stat(&f.run, "pages", 7);
    assert_string_equal(buf_text(&f.log), "stat pages 7\n");
    fake_close(&f);
}

static struct seen_row seen_number(uint64_t n, uint64_t content)
{
    return (struct seen_row){seen_hash((sluice_str){(const char *)&n, sizeof n}, 0), content};
}

static void the_newest_records_are_remembered(void **state)
{
    (void)state;
    struct seen seen = {0};
    int found;
    uint64_t count = SEEN_KEPT * 3;
    for (uint64_t n = 0; n < count; n++) {
        assert_true(seen_put(&seen, seen_number(n, 1), &found));
        assert_int_equal(found, SEEN_NEW);
        if (n % 1000 == 0 && n >= SEEN_KEPT)
            assert_int_equal(seen_find(&seen, seen_number(n - SEEN_KEPT + 1, 1)), SEEN_SAME);
    }
    for (uint64_t n = count - SEEN_KEPT; n < count; n++) {
        assert_int_equal(seen_find(&seen, seen_number(n, 1)), SEEN_SAME);
        assert_int_equal(seen_find(&seen, seen_number(n, 2)), SEEN_CHANGED);
    }
    assert_int_equal(seen_find(&seen, seen_number(0, 1)), SEEN_NEW);
    seen_free(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_is_filled_in_and_encoded_and_leaves_out_what_is_empty),
        cmocka_unit_test(each_record_comes_once_whatever_the_source_caps),
        cmocka_unit_test(pages_are_asked_for_by_the_rows_that_came),
        cmocka_unit_test(what_is_said_to_be_complete_is_complete_while_rows_shift),
        cmocka_unit_test(a_seam_that_shifted_is_joined_by_going_back),
        cmocka_unit_test(an_order_that_is_none_is_never_called_complete),
        cmocka_unit_test(a_page_that_repeats_ends_the_run_or_the_list),
        cmocka_unit_test(a_cap_on_the_pages_is_a_failure_when_more_is_there),
        cmocka_unit_test(a_total_that_disagrees_is_noticed),
        cmocka_unit_test(a_source_that_does_not_understand_can_be_asked_another_way),
        cmocka_unit_test(answers_without_a_list_end_the_run),
        cmocka_unit_test(records_that_come_again_count_once_unless_they_changed),
        cmocka_unit_test(a_list_that_fails_anywhere_ends_and_hands_nothing_over),
        cmocka_unit_test(what_cannot_be_read_in_pages_is_a_bug_of_the_connector),
        cmocka_unit_test(times_and_figures_are_handed_over_as_text),
        cmocka_unit_test(the_newest_records_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
