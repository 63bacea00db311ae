"""Every way an answer can be broken: each ends as the contract says, in words that name it; nothing that was there
before is touched, a repeated answer never counts twice, and the next run is right."""
from faulty import *

# What is broken, the exit code, the words that name it, and how often it is asked of two attempts.
FAULTS = [
    ("close-before-headers", 69, "the connection was closed without an answer (2 attempts)", 2),
    ("close-in-headers", 69, "the answer was cut inside its headers (2 attempts)", 2),
    ("cut-body", 69, "the answer was cut after ", 2),
    ("chunked-cut", 69, ", before its last chunk (2 attempts)", 2),
    ("reset", 69, "the connection broke after 0 bytes of the answer: ", 2),
    ("reset-in-body", 69, "Connection reset by peer (2 attempts)", 2),
    ("gzip-cut", 69, "the answer's gzip data was cut after ", 2),
    ("gzip-corrupt", 69, "the answer's gzip data is broken, after ", 2),
    ("hang-before-headers", 69, "no answer within 1 s (http.timeout) (2 attempts)", 2),
    ("hang-in-body", 69, "the answer was not whole within 1 s (http.timeout), ", 2),
    ("drip", 69, "the answer was not whole within 1 s (http.timeout), ", 2),
    ("endless", 1, "the answer is larger than http.max_body, 1048576 bytes", 1),
    ("gzip-bomb", 1, "the answer is larger than http.max_body, 1048576 bytes", 1),
    ("huge-headers", 1, "the answer's headers are larger than 65536 bytes", 1),
    ("wrong-content-length", 1, "answer is cut off", 1),
    ("html-200", 1, 'answer is not JSON (HTML?): "<!DOCTYPE html>', 1),
    ("empty", 1, "answer is empty", 1),
    ("redirect-other", 78, "HTTP 307 leads to http://localhost:", 1),
]
HANGS = ("hang-before-headers", "hang-in-body", "drip")
HARMLESS = ["chunked", "gzip", "gzip-undeclared", "bom", "redirect-same"]

STATUSES = [
    (400, 1, "HTTP 400", 1), (401, 77, "HTTP 401: check ", 1), (403, 77, "HTTP 403: check ", 1),
    (404, 78, "HTTP 404: check ", 1), (405, 1, "HTTP 405", 1), (408, 69, "HTTP 408", 2), (410, 1, "HTTP 410", 1),
    (429, 69, "HTTP 429", 2), (500, 69, "HTTP 500", 2), (502, 69, "HTTP 502", 2), (503, 69, "HTTP 503", 2),
    (504, 69, "HTTP 504", 2), (304, 1, "HTTP 304", 1), (307, 1, "HTTP 307 without a usable Location", 1),
    (204, 1, "answer is empty", 1),
]


class Patient(Faulty):
    """Its time-outs are for hangs, not for a machine that is busy."""

    def __init__(self, *sim_options, http="", **options):
        super().__init__(*sim_options, http='timeout = "30s"; connect_timeout = "30s"; ' + http, **options)


def world(fault, http):
    return (Faulty if fault in HANGS else Patient)(http=http)


class Answers(FaultTest):
    def test_each_fault_has_its_exit_code_and_words_and_changes_nothing(self):
        for fault, code, words, tries in FAULTS:
            with self.subTest(fault), world(fault, 'max_body = "1MiB";') as w:
                before = self.begin(w)
                w.sim.reply(fault=fault, times=tries)
                self.check_failed(w, before, w.run(CUSTOMERS), code, words, tries)
                self.check_right(w, w.run(CUSTOMERS))

    def test_each_fault_that_passes_is_survived_and_counts_once(self):
        for fault, code, _, tries in FAULTS:
            if tries == 1 or fault in ("hang-before-headers", "drip"):
                continue
            with self.subTest(fault), world(fault, "attempts = 3;") as w:
                self.begin(w)
                w.sim.reply(fault=fault, times=2)
                self.check_right(w, w.run(CUSTOMERS))
                self.assertEqual(len(w.sim.requests()), 3)
                self.check_right(w, w.run(CUSTOMERS), created=0, skipped=4)

    def test_what_is_only_packed_in_another_way_is_an_answer(self):
        for fault in HARMLESS:
            with self.subTest(fault), Patient() as w:
                self.begin(w)
                w.sim.reply(fault=fault)
                self.check_right(w, w.run(CUSTOMERS))

    def test_each_status_has_its_exit_code_and_is_repeated_only_where_that_can_help(self):
        for status, code, words, tries in STATUSES:
            with self.subTest(status), Patient() as w:
                before = self.begin(w)
                w.sim.reply(status=status, times=tries)
                self.check_failed(w, before, w.run(CUSTOMERS), code, words, tries)
                self.check_right(w, w.run(CUSTOMERS))

    def test_an_answer_larger_than_announced_is_refused_while_it_comes_and_before_where_it_is_announced(self):
        with Patient("--customers", "20000", "--deliver", "all", http='max_body = "1MiB";') as w:
            for fault in (None, "chunked"):
                w.sim.reply(**({"fault": fault} if fault else {"delay_ms": 0}))
                result = w.run(CUSTOMERS)
                self.assertEqual(result.code, 1, result)
                self.assertIn("the answer is larger than http.max_body, 1048576 bytes", result.json["error"])
            self.assertEqual(w.query("SELECT * FROM sluice_cursors"), [])

    def test_a_body_as_large_as_the_limit_is_taken(self):
        body = '{"success":true,"at":"2026-02-10 09:20:03","total":1,"result":[{"TRDR":"1","NAME":"x"}]}'
        for limit, code in ((65536, 0), (65535, 1)):
            with self.subTest(limit), Patient(http=f"max_body = {limit};") as w:
                w.sim.reply(status=200, body=body.ljust(65536))
                self.assertEqual(w.run(CUSTOMERS).code, code)


# ---- When to ask again ----

class RetryAfter(FaultTest):
    def timed(self, w, **script):
        w.sim.reply(**script)
        began = time.monotonic()
        result = w.run(CUSTOMERS)
        return result, time.monotonic() - began

    def test_seconds_and_dates_are_waited_for(self):
        for script in ({"status": 503, "headers": {"Retry-After": "2"}}, {"status": 429, "retry_after_date": 2}):
            with self.subTest(script), Patient() as w:
                self.begin(w)
                result, took = self.timed(w, **script)
                self.assertGreaterEqual(took, 2, result)
                self.assertLess(took, 3 + BUSY)
                self.check_right(w, result)

    def test_nonsense_and_the_past_are_not_waited_for(self):
        for script in ({"status": 503, "headers": {"Retry-After": "soon"}}, {"status": 503, "retry_after_date": -3600},
                       {"status": 429, "headers": {"Retry-After": "-5"}}):
            with self.subTest(script), Patient() as w:
                self.begin(w)
                result, took = self.timed(w, **script)
                self.assertLess(took, 1 + BUSY)
                self.check_right(w, result)

    def test_an_absurd_one_ends_with_the_deadline(self):
        for value in ("999999", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"):
            with self.subTest(value), Patient(job='deadline = "1s";') as w:
                before = self.begin(w)
                result, took = self.timed(w, status=503, headers={"Retry-After": value})
                self.assertEqual((result.code, result.json["status"]), (1, "timeout"), result)
                self.assertIn("not done within its deadline of 1 s", result.json["error"])
                self.assertLess(took, 3 + BUSY)
                self.assertEqual(everything_but_runs(w), before)
                self.assertEqual(len(w.sim.requests()), 1)

    def test_an_absurd_one_ends_with_ctrl_c_and_was_cut_to_five_minutes(self):
        with Patient() as w:
            before = self.begin(w)
            w.sim.reply(status=503, headers={"Retry-After": "999999"})
            process = w.start("run", "-v", CUSTOMERS)
            said = next(line for line in process.stderr if "the next one in" in line)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
            self.assertLess(time.monotonic() - began, 1 + BUSY)
            self.assertEqual(process.returncode, 130, out + err)
            self.assertIn("the next one in 300.00 s", said)
            self.assertEqual(everything_but_runs(w), before)


# ---- Redirects ----

class Redirects(FaultTest):
    def test_other_servers_are_not_asked(self):
        with Patient() as w, contextlib.closing(Other(w)) as other:
            before = self.begin(w)
            here, there = w.sim.url[len("http://"):], other.sim.url[len("http://"):]
            for status in (301, 302, 303, 307, 308):
                for target in (f"http://{there}{PATH}", f"//{there}{PATH}", f"https://{here}{PATH}",
                               f"http://{here}@{there}{PATH}", f"http://localhost:{here.split(':')[1]}{PATH}"):
                    with self.subTest(target, status=status):
                        w.sim.call("DELETE", "/_sim/requests")
                        w.sim.reply(status=status, headers={"Location": target})
                        self.check_failed(w, before, w.run(CUSTOMERS), 78, "another server, where credentials are not "
                                          "sent: check the URL", 1)
            self.assertEqual(other.sim.requests(), [])
            self.check_right(w, w.run(CUSTOMERS))

    def test_other_protocols_are_not_asked(self):
        with Patient() as w:
            before = self.begin(w)
            for target in ("file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:1/x"):
                with self.subTest(target):
                    w.sim.call("DELETE", "/_sim/requests")
                    w.sim.reply(status=307, headers={"Location": target})
                    self.check_failed(w, before, w.run(CUSTOMERS), 78, "check the URL", 1)

    def test_the_same_server_is_followed_with_the_request_as_it_was(self):
        for status in (307, 308):
            with self.subTest(status), Patient() as w:
                self.begin(w)
                w.sim.reply(status=status, headers={"Location": PATH + "?moved=1"})
                self.check_right(w, w.run(CUSTOMERS))
                first, second = w.sim.requests()
                self.assertEqual((second["method"], second["body"]), (first["method"], first["body"]))

    def test_what_would_turn_a_post_into_a_get_is_refused(self):
        for status in (301, 302, 303):
            with self.subTest(status), Patient() as w:
                before = self.begin(w)
                w.sim.reply(status=status, headers={"Location": PATH + "?moved=1"})
                self.check_failed(w, before, w.run(CUSTOMERS), 78, "but says not to send the POST there", 1)

    def test_a_circle_ends(self):
        with Patient() as w:
            before = self.begin(w)
            w.sim.reply(fault="redirect-loop", times=6)
            self.check_failed(w, before, w.run(CUSTOMERS), 1, "more than 5 redirects", 6)
            self.check_right(w, w.run(CUSTOMERS))


class Other:
    """A second simulator."""

    def __init__(self, w):
        self.directory = w.dir / "other"
        self.directory.mkdir()
        self.sim = Sim(self.directory)

    def close(self):
        self.sim.stop()


if __name__ == "__main__":
    unittest.main()
