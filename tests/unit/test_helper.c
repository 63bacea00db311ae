/* The connector's helper library against a host made of tables: what it asks, what it hands over, and that it stops at
 * the first failure, wherever that comes. */
#include "fake_host.h"

/* ---- A connector ---- */

static const sluice_column columns[] = {
    {"id", SLUICE_INT, SLUICE_REQUIRED, .path = "id"},
    {"email", SLUICE_TEXT, SLUICE_TRIM | SLUICE_LOWER, .path = "email"},
    {"active", SLUICE_TEXT, .help = "set by the connector"},
    {"update", SLUICE_TIME, .path = "update"},
};
static const sluice_match rules[] = {{SLUICE_IDENTITY, .columns = "id"}};

static int32_t map_person(sluice_run *run, sluice_str record)
{
    sluice_record *rec = sluice_map(run, record);
    const char *email = sluice_get(rec, "email");
    const char *prospect = sluice_source(rec, "prospect");

    if (prospect)
        sluice_set_text(rec, "active", strcmp(prospect, "1") == 0 ? "ACTIVE" : "INACTIVE");
    if (!*email)
        return sluice_skip(rec, "no email");
    if (!strchr(email, '@'))
        return sluice_reject(rec, "email: \"%s\" is not an address", email);
    return sluice_emit(rec);
}

static int32_t read_people(sluice_run *run)
{
    sluice_call call = {
        .url = sluice_text(run, "${url}/people/%s", "all"),
        .headers = {{"X-Key", "k${company}"}},
        .json = "{'user': ${username}, 'company': ${company}}",
        .charset = "${charset}",
        .hint = "is the path right?",
    };
    sluice_body *body = sluice_ask(run, &call);

    sluice_total(run, sluice_int_of(body, "total"));
    sluice_window(run, sluice_value_of(body, "from"), sluice_value_of(body, "at"));
    if (sluice_has(body, "data"))
        sluice_each(run, body, "data");
    return sluice_checkpoint(run, sluice_value_of(body, "at"));
}

static const sluice_stream people = {
    .name = "people",
    .columns = columns,
    .column_count = LEN(columns),
    .column_stride = sizeof columns[0],
    .matches = rules,
    .match_count = LEN(rules),
    .match_stride = sizeof rules[0],
    .zone = "zone",
    .run = read_people,
    .map = map_person,
};

static const char people_body[] =
    "{\"total\": 1, \"from\": \"2026-02-10 09:10:03\", \"nested\": {\"data\": [1, {\"at\": \"x\"}]},\n \"data\": [\n"
    " {\"id\": \"1\", \"email\": \" Anna@X.example \", \"prospect\": 1, \"update\": \"2026-02-10 09:12:44\"},\n"
    " {\"id\": 2, \"email\": null, \"prospect\": null} ,{\"id\":3,\"email\":\"nobody\"},\n"
    " {\"id\": \"4x\", \"email\": \"B\\u00fc@\\\"}]\", \"prospect\": \"0\"}, {\"email\": \"c@d\"}, {\"id\": 6 "
    "\"email\": \"e\"}, 7\n"
    " ], \"at\": \"2026-02-10 09:20:03\", \"to\\u0074al\" : \"8\" } \n";

static const char people_log[] =
    "send POST https://host.example/root/people/all\n"
    " X-Key: k1000\n"
    " Content-Type: application/json\n"
    " body {\"user\": \"O'Neil \\\"x\\\"\", \"company\": 1000}\n"
    " charset windows-1253\n"
    "total 8\n"
    "window 2026-02-10 09:10:03|2026-02-10 09:20:03|600000000\n"
    "emit 1 'anna@x.example' 'ACTIVE' 1770707564000000\n"
    "skip 2|no email\n"
    "reject 3|email: \"nobody\" is not an address|{\"id\":3,\"email\":\"nobody\"}\n"
    "reject 4x|id: id \"4x\" is not an integer|{\"id\": \"4x\", \"email\": \"B\\u00fc@\\\"}]\", \"prospect\": \"0\"}\n"
    "reject |id: missing|{\"email\": \"c@d\"}\n"
    "reject |not JSON: no comma between two values at byte 9|{\"id\": 6 \"email\": \"e\"}\n"
    "reject |not an object: \"7\"|7\n"
    "checkpoint 2026-02-10 09:20:03\n";

static void a_run_is_the_same_with_windows_of_any_size(void **state)
{
    (void)state;
    for (size_t window = 1; window <= sizeof people_body + 1; window++) {
        struct fake f;
        fake_open(&f, &people, people_body);
        assert_non_null(helper_of(&f.run));
        helper_of(&f.run)->window = window;
        assert_int_equal(people.run(&f.run), SLUICE_OK);
        if (strcmp(buf_text(&f.log), people_log) != 0)
            fail_msg("windows of %zu: %s", window, buf_text(&f.log));
        fake_close(&f);
    }
}

static void a_run_that_fails_anywhere_ends_and_hands_nothing_over(void **state)
{
    (void)state;
    static const size_t windows[] = {7, 64, WINDOW};
    for (size_t i = 0; i < LEN(windows); i++) {
        int total = 0;
        for (int fail_at = 0; fail_at <= total; fail_at++) {
            struct fake f;
            fake_open(&f, &people, people_body);
            assert_non_null(helper_of(&f.run));
            helper_of(&f.run)->window = windows[i];
            f.fail_at = fail_at;
            int32_t rc = people.run(&f.run);
            if (!fail_at)
                total = f.calls;
            assert_int_equal(rc, fail_at ? SLUICE_E_RETRY : SLUICE_OK);
            if (f.late || f.calls > total + 30)
                fail_msg("call %d: %s", fail_at, buf_text(&f.log));
            assert_int_equal(strncmp(buf_text(&f.log), people_log, f.log.len), 0);
            fake_close(&f);
        }
    }
}

/* ---- Requests ---- */

static int32_t ask_once(struct fake *f, const sluice_call *call)
{
    return sluice_ask(&f->run, call) ? SLUICE_OK : f->status;
}

static void a_request_is_what_the_call_says(void **state)
{
    (void)state;
    static const struct {
        sluice_call call;
        const char *want;
    } cases[] = {
        {{.url = "http://h/a"}, "send GET http://h/a\n"},
        {{.url = "${url}/b//c?x=//y"}, "send GET https://host.example/root/b/c?x=//y\n"},
        {{.url = "http://h?u=http://x//y"}, "send GET http://h?u=http://x//y\n"},
        {{.url = "http://h/a#b//c"}, "send GET http://h/a#b//c\n"},
        {{.url = "http://h/${unset}${open"}, "send GET http://h/${open\n"},
        {{.url = "http://h/", .method = "PUT", .json = "[]"},
         "send PUT http://h/\n Content-Type: application/json\n body []\n"},
        {{.url = "http://h/", .json = "{'a': ${unset}, 'b': ${open}, 'c': ${percent}, 'd': ${overlap}, 'e': 5}"},
         "send POST http://h/\n Content-Type: application/json\n"
         " body {\"a\": null, \"b\": true, \"c\": \"100%d %s ${url}\", \"d\": 60000000, \"e\": 5}\n"},
        {{.url = "http://h/", .headers = {{"A", "${username}"}, {"B", ""}, {"C", NULL}, {NULL, "x"}, {"D", "x"}}},
         "send GET http://h/\n A: O'Neil \"x\"\n B: \n C: \n"},
        {{.url = "http://h/", .charset = "${unset}"}, "send GET http://h/\n"},
        {{.url = "http://h/", .charset = "iso-8859-7"}, "send GET http://h/\n charset iso-8859-7\n"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct fake f;
        fake_open(&f, &people, "{}");
        assert_int_equal(ask_once(&f, &cases[i].call), SLUICE_OK);
        assert_string_equal(buf_text(&f.log), cases[i].want);
        fake_close(&f);
    }
}

static void settings_are_filled_into_texts_and_never_read_as_formats(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, &people, "{}");
    assert_string_equal(sluice_text(&f.run, "plain"), "plain");
    assert_string_equal(sluice_text(&f.run, "%d%% of %s", 7, "${url}"), "7% of ${url}");
    assert_string_equal(sluice_text(&f.run, "${percent}|%s|${company}", "x"), "100%d %s ${url}|x|1000");
    assert_string_equal(sluice_text(&f.run, "${unset}${open}$ {$"), "true$ {$");
    assert_string_equal(sluice_opt_text(&f.run, "company"), "1000");
    assert_string_equal(sluice_opt_text(&f.run, "unset"), "");
    assert_ptr_equal(sluice_opt_text(&f.run, "username"), sluice_opt_text(&f.run, "username"));
    assert_int_equal(sluice_opt_int(&f.run, "company"), 1000);
    assert_int_equal(sluice_opt_int(&f.run, "overlap"), 60000000);
    assert_int_equal(sluice_opt_int(&f.run, "number"), 42);
    assert_int_equal(sluice_opt_int(&f.run, "unset"), 0);
    assert_int_equal(f.status, SLUICE_OK);
    assert_int_equal(sluice_opt_int(&f.run, "username"), 0);
    assert_int_equal(f.status, SLUICE_E_BUG);
    assert_string_equal(buf_text(&f.log), "fail -7 the setting \"username\" is not a number\n");
    assert_string_equal(sluice_text(&f.run, "${url}"), "");
    assert_string_equal(sluice_text(&f.run, "still %d", 1), "still 1");
    fake_close(&f);

    fake_open(&f, &people, "{}");
    assert_string_equal(sluice_text(&f.run, "${nothing}"), "");
    assert_string_equal(buf_text(&f.log), "fail -7 there is no setting \"nothing\"\n");
    fake_close(&f);
}

/* ---- Answers ---- */

static void answers_that_are_not_one_json_object_end_the_run(void **state)
{
    (void)state;
    static const struct {
        const char *body, *want;
    } cases[] = {
        {"", "answer is empty: \"\" (HTTP 200); check look"},
        {" \n", "answer is empty: \" \\n\" (HTTP 200); check look"},
        {"<!DOCTYPE html>\n<p>", "answer is not JSON (HTML?): \"<!DOCTYPE html>\\n<p>\" (HTTP 200); check look"},
        {"\xEF\xBB\xBF<html>", "answer is not JSON (HTML?): \"\xEF\xBB\xBF<html>\" (HTTP 200); check look"},
        {"pong", "answer is not a JSON object: \"pong\" (HTTP 200); check look"},
        {"[{}]", "answer is not a JSON object: \"[{}]\" (HTTP 200); check look"},
        {"{", "answer is cut off: \"{\" (HTTP 200); check look"},
        {"{\"a", "answer is cut off: \"{\"a\" (HTTP 200); check look"},
        {"{\"a\"", "answer is cut off: \"{\"a\"\" (HTTP 200); check look"},
        {"{\"a\":", "answer is cut off: \"{\"a\":\" (HTTP 200); check look"},
        {"{\"a\":1", "answer is cut off: \"{\"a\":1\" (HTTP 200); check look"},
        {"{\"a\":1,", "answer is cut off: \"{\"a\":1,\" (HTTP 200); check look"},
        {"{\"data\":[{\"id\":1},{\"i", "answer is cut off: \"{\"data\":[{\"id\":1},{\"i\" (HTTP 200); check look"},
        {"{\"data\":[}", "answer is not JSON: \"{\"data\":[}\" (HTTP 200); check look"},
        {"{error}", "answer is not JSON: \"{error}\" (HTTP 200); check look"},
        {"{\"a\":,}", "answer is not JSON: \"{\"a\":,}\" (HTTP 200); check look"},
        {"{\"a\":1,}", "answer is not JSON: \"{\"a\":1,}\" (HTTP 200); check look"},
        {"{\"a\" 1}", "answer is not JSON: \"{\"a\" 1}\" (HTTP 200); check look"},
        {"{\"\\x\":1}", "answer is not JSON: \"{\"\\x\":1}\" (HTTP 200); check look"},
        {"{1:1}", "answer is not JSON: \"{1:1}\" (HTTP 200); check look"},
        {"{} {}", "answer goes on behind its JSON object: \"{} {}\" (HTTP 200); check look"},
        {"{}}", "answer goes on behind its JSON object: \"{}}\" (HTTP 200); check look"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        for (size_t window = 1; window < 40; window += 3) {
            struct fake f;
            sluice_call call = {.url = "http://h/", .hint = "look"};
            fake_open(&f, &people, cases[i].body);
            helper_of(&f.run)->window = window;
            assert_null(sluice_ask(&f.run, &call));
            assert_int_equal(f.status, SLUICE_E_REMOTE);
            char want[256];
            snprintf(want, sizeof want, "send GET http://h/\nfail -4 %s\n", cases[i].want);
            assert_string_equal(buf_text(&f.log), want);
            fake_close(&f);
        }
    }
}

static void a_failure_quotes_200_bytes_of_the_answer(void **state)
{
    (void)state;
    struct fake f;
    struct buf body = {0};
    sluice_call call = {.url = "http://h/"};
    buf_add_str(&body, "<");
    for (int i = 0; i < 150; i++)
        buf_add_str(&body, "Ω");
    fake_open(&f, &people, buf_text(&body));
    assert_null(sluice_ask(&f.run, &call));
    const char *failure = strstr(buf_text(&f.log), "\"<");
    assert_non_null(failure);
    assert_int_equal(strcspn(failure + 1, "\xE2"), 199);
    assert_string_equal(failure + 200, "…\" (HTTP 200)\n");
    fake_close(&f);
    buf_free(&body);
}

static void a_body_shorter_than_announced_ends_the_run(void **state)
{
    (void)state;
    struct fake f;
    sluice_call call = {.url = "http://h/"};
    fake_open(&f, &people, "{\"a\":1}");
    f.announced = 20;
    assert_null(sluice_ask(&f.run, &call));
    assert_string_equal(buf_text(&f.log), "send GET http://h/\nfail -4 the answer ends before its announced size\n");
    fake_close(&f);
}

static void keys_are_found_wherever_they_stand(void **state)
{
    (void)state;
    static const char body_text[] =
        "\xEF\xBB\xBF "
        "{\"n\":null,\"t\":true,\"f\":false,\"i\":42,\"d\":12.50,\"s\":\"a\\u00e9\\n\",\"si\":\"7\",\"e\":\"\","
        "\"big\":99999999999999999999,\"o\":{\"in\":1},\"l\":[1,2],\"rep\":1,\"rep\":{\"a\":2},\"\\u006b\\\"\":\"v\","
        "\"rep\":3,"
        "\"ts\":\"true\",\"bad\":tru,\"worse\":\"\\x\"}";
    struct fake f;
    sluice_call call = {.url = "http://h/"};
    fake_open(&f, &people, body_text);
    sluice_body *b = sluice_ask(&f.run, &call);
    assert_non_null(b);
    assert_false(sluice_has(b, "n"));
    assert_false(sluice_has(b, "in"));
    assert_false(sluice_has(b, "nothing"));
    assert_true(sluice_has(b, "t") && sluice_has(b, "f") && sluice_has(b, "e") && sluice_has(b, "o"));
    assert_true(sluice_true_of(b, "t"));
    assert_false(sluice_true_of(b, "f") || sluice_true_of(b, "ts") || sluice_true_of(b, "i") || sluice_true_of(b, "x"));
    assert_int_equal(sluice_int_of(b, "i"), 42);
    assert_int_equal(sluice_int_of(b, "si"), 7);
    assert_int_equal(sluice_int_of(b, "rep"), 3);
    assert_int_equal(sluice_int_of(b, "d"), -1);
    assert_int_equal(sluice_int_of(b, "big"), -1);
    assert_int_equal(sluice_int_of(b, "n"), -1);
    assert_int_equal(sluice_int_of(b, "l"), -1);
    assert_string_equal(sluice_value_of(b, "s"), "aé\n");
    assert_string_equal(sluice_value_of(b, "d"), "12.50");
    assert_string_equal(sluice_value_of(b, "t"), "true");
    assert_string_equal(sluice_value_of(b, "k\""), "v");
    assert_string_equal(sluice_value_of(b, "n"), "");
    assert_string_equal(sluice_value_of(b, "o"), "");
    assert_string_equal(sluice_value_of(b, "l"), "");
    assert_ptr_equal(sluice_value_of(b, "s"), sluice_value_of(b, "s"));
    assert_int_equal(f.status, SLUICE_OK);
    assert_string_equal(sluice_value_of(b, "bad"), "");
    assert_int_equal(f.status, SLUICE_E_REMOTE);
    assert_non_null(strstr(buf_text(&f.log), "the value of \"bad\" is not JSON: no value where one must be"));
    assert_string_equal(sluice_value_of(b, "worse"), "");
    assert_false(sluice_has(NULL, "a") || sluice_true_of(NULL, "a"));
    assert_int_equal(sluice_int_of(NULL, "a"), -1);
    assert_string_equal(sluice_value_of(NULL, "a"), "");
    fake_close(&f);
}

static void a_single_value_has_an_end(void **state)
{
    (void)state;
    struct fake f;
    struct buf body = {0};
    sluice_call call = {.url = "http://h/"};
    buf_add_str(&body, "{\"a\":\"");
    for (int i = 0; i < 70000; i++)
        buf_add_char(&body, 'x');
    buf_add_str(&body, "\",\"b\":1}");
    fake_open(&f, &people, buf_text(&body));
    sluice_body *b = sluice_ask(&f.run, &call);
    assert_true(sluice_has(b, "a"));
    assert_int_equal(sluice_int_of(b, "b"), 1);
    assert_string_equal(sluice_value_of(b, "a"), "");
    assert_non_null(strstr(buf_text(&f.log), "fail -4 the value of \"a\" is too long"));
    fake_close(&f);
    buf_free(&body);
}

/* ---- Lists ---- */

/* Ask for `body` and map its "data"; the log without the request. */
static const char *each_of(struct fake *f, const sluice_stream *stream, const char *body, int64_t *count)
{
    static const sluice_call call = {.url = "http://h/", .hint = "look"};
    fake_open(f, stream, body);
    *count = sluice_each(&f->run, sluice_ask(&f->run, &call), "data");
    const char *line = strchr(buf_text(&f->log), '\n');
    return line ? line + 1 : "";
}

static const sluice_column one_column[] = {{"id", SLUICE_INT, .path = "id"}};
static const sluice_stream plain = {.columns = one_column,
                                    .column_count = 1,
                                    .column_stride = sizeof one_column[0],
                                    .matches = rules,
                                    .match_count = 1,
                                    .match_stride = sizeof rules[0],
                                    .map = sluice_map_table};

static void a_list_is_mapped_in_order_or_ends_the_run(void **state)
{
    (void)state;
    static const struct {
        const char *body, *want;
        int64_t count;
    } cases[] = {
        {"{\"data\":[]}", "", 0},
        {"{\"data\": [ ] }", "", 0},
        {"{\"data\":[{\"id\":1}]}", "emit 1\n", 1},
        {"{\"data\":[{\"id\":1},{\"id\":2},{}],\"x\":[{\"id\":3}]}", "emit 1\nemit 2\nemit -\n", 3},
        {"{\"data\":[{\"id\":1}],\"data\":[{\"id\":2}]}", "emit 2\n", 1},
        {"{\"data\":[1,\"a\",null]}",
         "reject |not an object: \"1\"|1\nreject |not an object: \"\"a\"\"|\"a\"\nreject |not an object: "
         "\"null\"|null\n",
         3},
        {"{\"data\":[[{\"id\":1}]]}", "reject |not an object: \"[{\"id\":1}]\"|[{\"id\":1}]\n", 1},
        {"{\"data\":[{\"id\":tru},{\"id\":2}]}",
         "reject |not JSON: no value where one must be at byte 6|{\"id\":tru}\nemit 2\n", 2},
        {"{\"data\":[{\"id\":1},]}", "emit 1\nfail -4 the list \"data\" is broken at byte 18 of the answer\n", 1},
        {"{\"data\":[{\"id\":1} {\"id\":2}]}", "emit 1\nfail -4 the list \"data\" is broken at byte 18 of the answer\n",
         1},
        {"{\"data\":[,{\"id\":1}]}", "fail -4 the list \"data\" is broken at byte 9 of the answer\n", 0},
        {"{\"data\":[{\"id\":1},,{\"id\":2}]}",
         "emit 1\nfail -4 the list \"data\" is broken at byte 18 of the answer\n", 1},
        {"{\"data\":[{\"id\":1}:{\"id\":2}]}", "emit 1\nfail -4 the list \"data\" is broken at byte 17 of the answer\n",
         1},
        {"{}", "fail -4 answer has no list \"data\": \"{}\" (HTTP 200); check look\n", 0},
        {"{\"data\":null}", "fail -4 answer has no list \"data\": \"{\"data\":null}\" (HTTP 200); check look\n", 0},
        {"{\"data\":{}}", "fail -4 answer has no list \"data\": \"{\"data\":{}}\" (HTTP 200); check look\n", 0},
        {"{\"x\":{\"data\":[]}}", "fail -4 answer has no list \"data\": \"{\"x\":{\"data\":[]}}\" (HTTP 200); check look\n",
         0},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct fake f;
        int64_t count;
        assert_string_equal(each_of(&f, &plain, cases[i].body, &count), cases[i].want);
        assert_int_equal(count, cases[i].count);
        fake_close(&f);
    }
}

static void a_record_larger_than_a_window_comes_in_one_piece(void **state)
{
    (void)state;
    struct buf body = {0};
    struct fake f;
    int64_t count;
    buf_add_str(&body, "{\"data\":[{\"pad\":\"");
    for (size_t i = 0; i < WINDOW * 3; i++)
        buf_add_char(&body, 'x');
    buf_add_str(&body, "\",\"id\":5},{\"id\":6}]}");
    assert_string_equal(each_of(&f, &plain, buf_text(&body), &count), "emit 5\nemit 6\n");
    fake_close(&f);
    buf_free(&body);
}

static int32_t map_without_verdict(sluice_run *run, sluice_str record)
{
    sluice_map(run, record);
    return SLUICE_OK;
}

static int32_t map_with_two_verdicts(sluice_run *run, sluice_str record)
{
    sluice_record *rec = sluice_map(run, record);
    sluice_emit(rec);
    return sluice_skip(rec, "again");
}

static int32_t map_twice(sluice_run *run, sluice_str record)
{
    sluice_map_table(run, record);
    return sluice_map_table(run, record);
}

static int32_t map_gives_up(sluice_run *run, sluice_str record)
{
    (void)run;
    (void)record;
    return SLUICE_E_REMOTE;
}

static int32_t map_bad_column(sluice_run *run, sluice_str record)
{
    sluice_record *rec = sluice_map(run, record);
    sluice_set_text(rec, sluice_get(rec, "nothing"), "x");
    return sluice_emit(rec);
}

static int32_t map_not_a_text(sluice_run *run, sluice_str record)
{
    sluice_record *rec = sluice_map(run, record);
    sluice_set_text(rec, "id", "x");
    return sluice_emit(rec);
}

static void each_record_ends_in_exactly_one_verdict(void **state)
{
    (void)state;
    static const struct {
        int32_t (*map)(sluice_run *, sluice_str);
        const char *want;
    } cases[] = {
        {map_without_verdict, "fail -7 map() ended a record with 0 verdicts\n"},
        {map_with_two_verdicts, "emit 1\nfail -7 a record got two verdicts\n"},
        {map_twice, "emit 1\nemit 1\nfail -7 map() ended a record with 2 verdicts\n"},
        {map_gives_up, "fail -4 map() gave up without a reason\n"},
        {map_bad_column, "fail -7 there is no column \"nothing\"\n"},
        {map_not_a_text, "fail -7 the column \"id\" is not a text\n"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct fake f;
        int64_t count;
        sluice_stream stream = plain;
        stream.map = cases[i].map;
        assert_string_equal(each_of(&f, &stream, "{\"data\":[{\"id\":1},{\"id\":2}]}", &count), cases[i].want);
        assert_int_equal(count, 0);
        fake_close(&f);
    }
}

static void old_answers_keep_their_keys_and_give_their_bytes_back(void **state)
{
    (void)state;
    struct fake f;
    sluice_call call = {.url = "http://h/"};
    fake_open(&f, &plain, "{\"data\":[{\"id\":1}],\"at\":\"x\"}");
    sluice_body *first = sluice_ask(&f.run, &call);
    for (int i = 1; i < ANSWERS_OPEN; i++)
        sluice_ask(&f.run, &call);
    assert_int_equal(sluice_each(&f.run, first, "data"), 1);
    for (int i = 0; i < 100; i++)
        sluice_ask(&f.run, &call);
    assert_int_equal(f.open, ANSWERS_OPEN);
    assert_string_equal(sluice_value_of(first, "at"), "x");
    assert_true(sluice_has(first, "data"));
    assert_int_equal(f.status, SLUICE_OK);
    assert_int_equal(sluice_each(&f.run, first, "data"), 0);
    assert_int_equal(f.status, SLUICE_E_BUG);
    fake_close(&f);
}

/* ---- Records ---- */

static void a_record_shows_its_columns_and_its_source(void **state)
{
    (void)state;
    static const sluice_column many[] = {
        {"i", SLUICE_INT, .path = "i"},
        {"t", SLUICE_TEXT, .path = "t"},
        {"b", SLUICE_BOOL, .path = "b"},
        {"d", SLUICE_DECIMAL, .path = "d", .scale = 2},
        {"at", SLUICE_TIME, .path = "at"},
        {"n", SLUICE_INTS, .path = "n"},
        {"set", SLUICE_TEXT, .help = "set by the connector"},
        {"blank", SLUICE_TEXT, SLUICE_BLANK, .help = "set by the connector"},
    };
    static const sluice_stream stream = {
        .columns = many, .column_count = LEN(many), .column_stride = sizeof many[0], .zone = "zone"};
    struct fake f;
    fake_open(&f, &stream, "{}");
    for (int round = 0; round < 3; round++) {
        sluice_record *rec =
            sluice_map(&f.run, str_of("{\"i\":7,\"t\":\"a\\tb\",\"b\":1,\"d\":2,\"at\":\"2026-02-10 02:00\","
                                      "\"n\":[1,2],\"x\":\"\\u03a9\",\"y\":null,\"z\":[1, 2],\"x\":5}"));
        assert_string_equal(sluice_get(rec, "i"), "7");
        assert_string_equal(sluice_get(rec, "t"), "a\tb");
        assert_string_equal(sluice_get(rec, "b"), "true");
        assert_string_equal(sluice_get(rec, "d"), "2.00");
        assert_string_equal(sluice_get(rec, "at"), "2026-02-10T00:00:00Z");
        assert_string_equal(sluice_get(rec, "n"), "[1,2]");
        assert_string_equal(sluice_get(rec, "set"), "");
        assert_string_equal(sluice_source(rec, "x"), "5");
        assert_string_equal(sluice_source(rec, "y"), "");
        assert_string_equal(sluice_source(rec, "z"), "[1, 2]");
        assert_string_equal(sluice_source(rec, "t"), "a\tb");
        assert_null(sluice_source(rec, "w"));
        sluice_set_text(rec, "set", "new");
        assert_string_equal(sluice_get(rec, "set"), "new");
        sluice_set_text(rec, "set", "");
        sluice_set_text(rec, "blank", "");
        buf_clear(&f.log);
        assert_int_equal(sluice_emit(rec), SLUICE_OK);
        assert_string_equal(buf_text(&f.log), "emit 7 'a\tb' 1 200 1770681600000000 [2] null ''\n");
        assert_string_equal(sluice_get(rec, "i"), "");
        assert_null(sluice_source(rec, "i"));
    }
    assert_int_equal(f.status, SLUICE_OK);
    fake_close(&f);
}

static void a_record_that_is_not_json_is_rejected_whatever_map_says(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, &plain, "{}");
    sluice_record *rec = sluice_map(&f.run, str_of("{\"id\":1"));
    assert_string_equal(sluice_get(rec, "id"), "");
    assert_null(sluice_source(rec, "id"));
    sluice_skip(rec, "no id");
    sluice_reject(sluice_map(&f.run, str_of("x")), "no %s", "id");
    assert_string_equal(buf_text(&f.log), "reject |not JSON: no comma between two values at byte 7|{\"id\":1\n"
                                          "reject |not JSON: no value where one must be at byte 0|x\n");
    fake_close(&f);
}

static void helpers_accept_what_a_failed_run_gave(void **state)
{
    (void)state;
    struct fake f;
    sluice_call call = {.url = "http://h/"};
    fake_open(&f, &people, "{\"data\":[{\"id\":1}]}");
    sluice_body *body = sluice_ask(&f.run, &call);
    sluice_fail(&f.run, SLUICE_E_AUTH, "user %d", 5);
    assert_int_equal(sluice_fail(&f.run, SLUICE_E_BUG, "later"), SLUICE_E_AUTH);
    assert_null(sluice_ask(&f.run, &call));
    assert_int_equal(sluice_each(&f.run, body, "data"), 0);
    assert_int_equal(sluice_each(&f.run, NULL, "data"), 0);
    assert_null(sluice_map(&f.run, str_of("{}")));
    assert_string_equal(sluice_get(NULL, "id"), "");
    assert_null(sluice_source(NULL, "id"));
    sluice_set_text(NULL, "id", "x");
    assert_int_not_equal(sluice_emit(NULL), SLUICE_OK);
    assert_int_not_equal(sluice_skip(NULL, "x"), SLUICE_OK);
    assert_int_not_equal(sluice_reject(NULL, "x"), SLUICE_OK);
    assert_int_equal(sluice_checkpoint(&f.run, "x"), SLUICE_E_AUTH);
    assert_string_equal(buf_text(&f.log), "send GET http://h/\nfail -2 user 5\n");
    fake_close(&f);
}

static void tables_that_are_wrong_end_the_run(void **state)
{
    (void)state;
    static const sluice_column bad[] = {{"c", SLUICE_TEXT, .path = "a[].b"}};
    sluice_stream stream = {.columns = bad, .column_count = 1, .column_stride = sizeof bad[0]};
    struct fake f;
    fake_open(&f, &stream, "{}");
    assert_null(sluice_map(&f.run, str_of("{}")));
    assert_string_equal(buf_text(&f.log), "fail -7 c: the path \"a[].b\" is not one, or not for this type\n");
    fake_close(&f);

    stream.zone = "bad_zone";
    fake_open(&f, &stream, "{}");
    assert_null(sluice_map(&f.run, str_of("{}")));
    assert_string_equal(buf_text(&f.log), "fail -1 bad_zone: this system has no time zone \"Europe/Nowhere\"\n");
    fake_close(&f);
}

/* ---- The run ---- */

static void empty_notes_are_not_handed_over(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, &people, "{}");
    assert_int_equal(sluice_checkpoint(&f.run, ""), SLUICE_OK);
    assert_int_equal(sluice_total(&f.run, -1), SLUICE_OK);
    assert_int_equal(sluice_window(&f.run, "", ""), SLUICE_OK);
    assert_string_equal(buf_text(&f.log), "");
    sluice_checkpoint(&f.run, "c");
    sluice_total(&f.run, 0);
    sluice_warn(&f.run, "%d of %d", 1, 2);
    sluice_window(&f.run, "2026-02-10 09:10:03", "2026-02-10 09:10:03.5");
    sluice_window(&f.run, "2026-02-10 09:10:03", "yesterday");
    sluice_window(&f.run, "", "2026-02-10 09:10:03");
    sluice_window(&f.run, "2026-02-10 01:00", "2026-02-10 00:00");
    assert_string_equal(buf_text(&f.log), "checkpoint c\ntotal 0\nwarn 1 of 2\n"
                                          "window 2026-02-10 09:10:03|2026-02-10 09:10:03.5|500000\n"
                                          "window 2026-02-10 09:10:03|yesterday|0\n"
                                          "window |2026-02-10 09:10:03|0\n"
                                          "window 2026-02-10 01:00|2026-02-10 00:00|-3600000000\n");
    fake_close(&f);
}

static void what_a_run_keeps_has_a_limit(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, &people, "{}");
    char *text = calloc(1, (1 << 20) + 1);
    assert_non_null(text);
    memset(text, 'x', 1 << 20);
    for (int i = 0; i < 15; i++)
        assert_int_equal(strlen(sluice_text(&f.run, "%s", text)), 1 << 20);
    assert_int_equal(f.status, SLUICE_OK);
    assert_string_equal(sluice_text(&f.run, "%s", text), "");
    assert_int_equal(f.status, SLUICE_E_LIMIT);
    assert_string_equal(buf_text(&f.log), "fail -5 the connector keeps more than 16 MiB of text\n");
    free(text);
    fake_close(&f);
}

static void a_record_that_needs_too_much_ends_the_run(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, &people, "{}");
    helper_of(&f.run)->record_memory.max = 100;
    struct buf record = {0};
    buf_printf(&record, "{\"id\":1,\"email\":\"%0101d\"}", 0);
    assert_null(sluice_map(&f.run, buf_str(&record)));
    assert_string_equal(buf_text(&f.log), "fail -4 record too large: its texts need more than 64 MiB\n");
    buf_free(&record);
    fake_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_the_same_with_windows_of_any_size),
        cmocka_unit_test(a_run_that_fails_anywhere_ends_and_hands_nothing_over),
        cmocka_unit_test(a_request_is_what_the_call_says),
        cmocka_unit_test(settings_are_filled_into_texts_and_never_read_as_formats),
        cmocka_unit_test(answers_that_are_not_one_json_object_end_the_run),
        cmocka_unit_test(a_failure_quotes_200_bytes_of_the_answer),
        cmocka_unit_test(a_body_shorter_than_announced_ends_the_run),
        cmocka_unit_test(keys_are_found_wherever_they_stand),
        cmocka_unit_test(a_single_value_has_an_end),
        cmocka_unit_test(a_list_is_mapped_in_order_or_ends_the_run),
        cmocka_unit_test(a_record_larger_than_a_window_comes_in_one_piece),
        cmocka_unit_test(each_record_ends_in_exactly_one_verdict),
        cmocka_unit_test(old_answers_keep_their_keys_and_give_their_bytes_back),
        cmocka_unit_test(a_record_shows_its_columns_and_its_source),
        cmocka_unit_test(a_record_that_is_not_json_is_rejected_whatever_map_says),
        cmocka_unit_test(helpers_accept_what_a_failed_run_gave),
        cmocka_unit_test(tables_that_are_wrong_end_the_run),
        cmocka_unit_test(empty_notes_are_not_handed_over),
        cmocka_unit_test(what_a_run_keeps_has_a_limit),
        cmocka_unit_test(a_record_that_needs_too_much_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
