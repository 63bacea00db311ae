"""Connectors that misbehave, in every way we could think of (hostile/*.c): each costs its own run, which has a status and
a reason that names the plugin; the command ends in time, nothing is left over, memory stays bounded, and the next run of
a real connector on the same store is as if nothing had been.
"""
import concurrent.futures
import re
import shutil

import processes
from harness import *

HOSTILE = pathlib.Path(os.environ["SLUICE_HOSTILE"])
BUILD = pathlib.Path(os.environ["SLUICE_BUILD"])
SANITIZED = "-fsanitize" in (BUILD / "CMakeCache.txt").read_text()
DEADLINE = 12 if SANITIZED else 2
SLACK = 40         # what a busy machine may add
GRACE = 3          # what the worker gives its child
STARTER_GRACE = 10  # what the command gives its worker
MEMORY = 64 << 20
MOST_MEMORY = (MEMORY + (32 << 20)) * (8 if SANITIZED else 1)  # shadow memory is not ours to bound
ROWS = 3000        # of a batch of 1,000: more than the pipe's buffer holds back

CRASH = dict(status="crashed", code=1)
FAIL = dict(status="failed", code=1)
TIMEOUT = dict(status="timeout", code=1, says=f"not done within its deadline of {DEADLINE} s", seconds=DEADLINE + GRACE)
GOOD = dict(status="success", code=0, says=None, created=ROWS + 10)
SANITIZER = "ended itself with exit code 1|" if SANITIZED else ""  # a sanitizer's report comes instead of the signal


def died(signals):
    return dict(CRASH, says=f"plugin \\S*hostile.so: its process ({SANITIZER}died of signal ({signals}) )")


def broke(what):
    return dict(FAIL, says=f"plugin \\S*hostile.so broke the pipe: {what}|plugin \\S*hostile.so: the plugin broke the "
                           f"pipe: {what}")


def bug(what):
    return dict(FAIL, says=f"plugin \\S*hostile.so: {what}")


DEEDS = {
    "nothing": GOOD,
    "null-pointer": died("11"),
    "abort": died("6"),
    "double-free": died("6"),
    "stack-overflow": died("11"),
    "exit-0": dict(CRASH, says="plugin \\S*hostile.so: its process ended itself with exit code 0 in the middle"),
    "exit-7": dict(CRASH, says="plugin \\S*hostile.so: its process ended itself with exit code 7 in the middle"),
    "thread-exit": dict(CRASH, says="plugin \\S*hostile.so: its process ended itself with exit code 0 in the middle"),
    "exec-true": dict(CRASH, says="plugin \\S*hostile.so: its process ended itself with exit code 0 in the middle"),
    "exec-sleep": dict(CRASH, says="plugin \\S*hostile.so: it closed the pipe to its host", seconds=GRACE),
    "kill-parent": dict(CRASH, says="the worker died of signal 9"),
    "kill-group": died("9"),
    "endless": TIMEOUT,
    "endless-rows": TIMEOUT,
    "deaf": TIMEOUT,
    "stop-self": TIMEOUT,
    "stop-group": TIMEOUT,
    "stop-parent": dict(TIMEOUT, says=f"its deadline of {DEADLINE} s; the worker did not end and was killed",
                        seconds=DEADLINE + STARTER_GRACE),
    "memory": dict(CRASH, says="plugin \\S*hostile.so: its process died of signal 11 .*; it held \\d+ MiB, limits.memory "
                               "is 64 MiB", unless_sanitized=True),
    "memory-to-the-last": dict(says="it held \\d+ MiB, limits.memory is 64 MiB", unless_sanitized=True),
    "descriptors": dict(status="failed", code=69, says="the plugin's process has no descriptor left"),
    "huge-text": dict(code=1, says="more than 64 MiB in one call|no memory left for the plugin's process"),
    "flood": dict(code=2, status="partial", says=None),
    "many-figures": dict(FAIL, says="plugin \\S*hostile.so gave more than 1000 figures"),
    "chatter": GOOD,
    "fork-bomb": GOOD,
    "fork-bomb-hidden": GOOD,
    "orphans-and-crash": died("11"),
    "hidden-stopped": GOOD,
    "fork-twice-back": GOOD,
    "garbage": broke("a frame of \\d+ bytes"),
    "garbage-type": broke("a frame of an unknown type"),
    "garbage-row": broke("a row that is not one"),
    "garbage-half": broke(""),
    "close-all": dict(CRASH, says="plugin \\S*hostile.so: its process ended itself with exit code 0|closed the pipe"),
    "close-all-and-stay": dict(CRASH, says="plugin \\S*hostile.so: it closed the pipe to its host", seconds=GRACE),
    "wrong-type": bug("emit: column id is of type 2 and was given a value of type 3"),
    "unknown-type": bug("emit: column id is of type 2 and was given a value of type 99"),
    "reserved-member": bug("emit: column id was given a value whose reserved member is not zero"),
    "wrong-count": bug("emit: more values than the stream has columns"),
    "no-values": bug("emit: values is NULL"),
    "long-list": bug("emit: column list: a record's lists have more than 65536 numbers"),
    "unknown-option": bug('the plugin asks for a setting "no such thing" that it does not declare'),
    "not-utf8": dict(code=2, status="partial", says=None),
    "fail-not-utf8": dict(FAIL, says="the source said \ufffd\ufffd"),
    "cursor-too-long": dict(FAIL, says="the plugin's cursor has 100000 bytes"),
    "changed-after-emit": dict(GOOD, created=ROWS + 11),
    "kept-pointers": dict(CRASH, says="ended itself with exit code 1") if SANITIZED else GOOD,
    "drop-twice": dict(status=("crashed", "failed"), code=1, says="hostile.so"),
    "thread-left": GOOD,
    "thread-emits": bug("emit\\(\\) was called from another thread than run\\(\\)'s"),
    "thread-emits-late": dict(status=("success", "failed"), says="^$|emit\\(\\) was called from another thread"),
    "thread-logs": dict(GOOD, created=ROWS + 5010),
    "handlers": GOOD,
    "return 42": bug("its run\\(\\) ended with 42 without a reason, which is no result that there is"),
    "return -99": bug("its run\\(\\) ended with -99 without a reason, which is no result"),
    "return -6": bug("its run\\(\\) ended with -6 without a reason"),
    "return -3": dict(status="failed", code=69, says="its run\\(\\) ended with -3 without a reason"),
    "return -7": bug("its run\\(\\) ended with -7 without a reason"),
}

# Connectors that misbehave while they are loaded: what the configuration check says of them ...
LOADING = {
    "loading_crashes": "loading_crashes.so: (crashed while it was loaded: signal 11|ended its process while it was "
                       "loaded, with exit code 1)",
    "loading_crashes_later": "loading_crashes_later.so: (crashed while it was loaded: signal 11|ended its process while "
                             "it was loaded, with exit code 1)",
    "loading_exits": "loading_exits.so: ended its process while it was loaded, with exit code 3",
    "loading_hangs": "loading_hangs.so: did not describe itself within 10 s",
    "loading_other_major": "loading_other_major.*sluice_connector_v0",
    "loading_no_entry": "loading_no_entry.*sluice_connector_v0",
    "loading_newer": "loading_newer.*60000",
    "not_elf": "not_elf",
    "not_there": "not_there",
}

# ... and those that behave until they meet a run.
IN_WORKER = {
    "worker_crashes": dict(CRASH, says=f"plugin \\S*worker_crashes.so: its process ({SANITIZER}died of signal 11 )"),
    "worker_exits": dict(CRASH, says="plugin \\S*worker_exits.so: its process ended itself with exit code 3"),
    "worker_hangs": TIMEOUT,
    "worker_leaves": dict(status="success", code=0, says=None),
    "worker_speaks": dict(status="success", code=0, says=None),
    "loading_leaves": dict(status="success", code=0, says=None),
    "loading_speaks": dict(status="success", code=0, says=None),
}


class HostileWorld(World):
    """One connector that misbehaves beside a real one, on one store."""

    def __init__(self, source, plugin, deed="nothing", deadline=DEADLINE, rows=ROWS):
        self.streams = ("rows",)
        self.hostile = f'plugin = "{plugin}"; settings = {{ }};'
        if plugin.name == "hostile.so":
            self.streams = ("rows", "maps", "marks")
            self.hostile = f'plugin = "{plugin}"; settings = {{ deed = "{deed}"; rows = "{rows}"; gate = "GATE"; }};'
        super().__init__(sim=False, settings={"url": source.url if source else "http://127.0.0.1:9"},
                         extra=f'limits = {{ memory = "{MEMORY}"; deadline = "{deadline}s"; }};')

    def change_deed(self, deed):
        self.hostile = re.sub('deed = "[^"]*"', f'deed = "{deed}"', self.hostile)
        self.configure()

    def configure(self, **settings):
        super().configure(**settings)
        self.gate = self.dir / "gate"
        self.hostile = self.hostile.replace("GATE", str(self.gate))
        jobs = ", ".join(f'{{ stream = "{s}"; batch = 1000; }}' for s in self.streams)
        text = (self.dir / "sluice.cfg").read_text()
        self.write("hostile.cfg", re.sub(r"connectors = \(.*", f'connectors = ( {{ name = "h"; {self.hostile} '
                                         f'http = {{ attempts = 1; }}; jobs = ( {jobs} ); }} );\n',
                                         text, flags=re.S))

    def run_measured(self, *arguments, seconds):
        """Run with files for outputs: the result, and the most memory that any of its processes held."""
        out, err = self.dir / "out", self.dir / "err"
        with open(out, "wb") as o, open(err, "wb") as e:
            process = subprocess.Popen([SLUICE, *arguments, "-c", str(self.dir / "hostile.cfg")], stdout=o, stderr=e,
                                       stdin=subprocess.DEVNULL)
        code, memory = processes.finish(process, seconds)
        return Result(code, out.read_text(), err.read_text()), memory


class Hostile(Test):
    @classmethod
    def setUpClass(cls):
        cls.home = World("--customers", "3")
        cls.source = cls.home.sim
        cls.plugins = pathlib.Path(cls.home.dir)

    @classmethod
    def tearDownClass(cls):
        cls.home.close()

    def check_told(self, result, want):
        """The result's status, code and reason."""
        if "code" in want:
            self.assertEqual(result.code, want["code"], result)
        if "status" in want:
            statuses = want["status"] if isinstance(want["status"], tuple) else (want["status"],)
            self.assertIn(result.json["status"], statuses, result)
        if want["says"]:
            self.assertRegex(result.json.get("error", ""), want["says"])
        self.assertEqual(len(result.objects), 1, "one line on standard output, and nothing of the plugin's")
        self.check_counts(result.json)
        if "created" in want:
            self.assertEqual((result.json["created"], result.json["processed"]), (want["created"], want["created"]),
                             result)

    def check_store(self, w, result):
        """The ledger says what was told, and adds up; the table has what it says."""
        (run,) = w.query("SELECT * FROM sluice_runs")
        self.assertEqual(run["status"], result.json["status"])
        self.assertEqual({k: run[k] for k in COUNTERS}, {k: result.json[k] for k in COUNTERS})
        self.assertEqual(run["error"], result.json.get("error"))
        if w.query("SELECT 1 FROM sqlite_master WHERE name = 'hostile_rows'"):
            (rows,) = w.query("SELECT count(*) AS n, count(DISTINCT id) AS ids FROM hostile_rows")
            self.assertEqual((rows["n"], rows["ids"]), (run["created"], run["created"]))

    def check_next(self, w):
        result = w.run(CUSTOMERS)
        self.assertEqual(result.code, 0, result)
        self.check_counts(result, created=3, status="success")
        self.assertEqual(w.query("PRAGMA integrity_check"), [{"integrity_check": "ok"}])

    def run_case(self, plugin, deed, want):
        """One connector that misbehaves once."""
        deadline = DEADLINE if want.get("status") == "timeout" else 60
        with HostileWorld(self.source, plugin, deed, deadline) as w:
            started = time.monotonic()
            result, memory = w.run_measured("run", "--json", "h.rows", seconds=90)
            seconds = time.monotonic() - started
            self.check_told(result, want)
            self.check_store(w, result)
            self.assertLess(seconds, want.get("seconds", 0) + SLACK, "it must end in time")
            self.assertLess(memory, MOST_MEMORY, "memory is bounded")
            self.check_next(w)
            return result

    def each(self, cases):
        """Run (name, function) pairs side by side, since most of them wait; then nothing may be left over."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            waiting = [(name, pool.submit(function)) for name, function in cases]
            for name, future in waiting:
                with self.subTest(name):
                    future.result()
        self.assertEqual(processes.leftovers([self.source.process.pid]), {}, "these processes were left over")

    def test_each_costs_no_more_than_its_own_run(self):
        cases = [(n, 10, lambda n=n, s=s: self.refuse(n, s)) for n, s in LOADING.items()]
        cases += [(n, w.get("seconds", 0), lambda n=n, w=w: self.run_case(HOSTILE / f"{n}.so", "", w))
                  for n, w in IN_WORKER.items()]
        cases += [(d, w.get("seconds", 0), lambda d=d, w=w: self.run_case(HOSTILE / "hostile.so", d, w))
                  for d, w in DEEDS.items() if not (SANITIZED and w.get("unless_sanitized"))]
        cases.sort(key=lambda case: -case[1])  # those that wait for a deadline go first
        self.each([(name, function) for name, _, function in cases])

    def refuse(self, name, says):
        """A connector that cannot even be described is a configuration error, with the place that names it."""
        with HostileWorld(self.source, self.plugin_file(name)) as w:
            started = time.monotonic()
            result, memory = w.run_measured("run", "--json", "h.rows", seconds=60)
            self.assertLess(time.monotonic() - started, SLACK)
            self.assertEqual((result.code, result.out), (78, ""), result)
            self.assertRegex(result.err, r"hostile.cfg:\d+: connector h: .*" + says)
            self.assertLess(memory, MOST_MEMORY)
            self.assertFalse(w.database.exists(), "no run has begun")
            self.check_next(w)

    def plugin_file(self, name):
        file = HOSTILE / f"{name}.so"
        if name == "not_elf":
            file = self.plugins / "not_elf.so"
            file.write_text("#!/bin/sh\necho this is no shared object\n" * 100)
        return file

    def test_a_wrong_verdict_on_a_kept_record_fails_the_retry_alone(self):
        def case(deed, code, says, rows):
            with HostileWorld(self.source, HOSTILE / "hostile.so", deed) as w:
                first, _ = w.run_measured("run", "--json", "h.maps", seconds=30)
                self.check_counts(first, status="partial", errors=1)
                result, _ = w.run_measured("rejects", "retry", "--json", "h.maps", seconds=30)
                self.assertEqual(result.code, code, result)
                if says:
                    self.assertRegex(result.json["error"], says)
                open_rejects = w.query("SELECT * FROM sluice_rejects WHERE resolved_at IS NULL")
                self.assertEqual(len(open_rejects), 0 if deed == "one-verdict" else 1, "it stays what it was")
                self.assertEqual(len(w.query("SELECT * FROM hostile_maps")), rows)
                self.assertEqual(w.query("SELECT * FROM sluice_runs WHERE status = 'running'"), [])
                self.check_next(w)
        self.each([(c[0], lambda c=c: case(*c)) for c in (
            ("one-verdict", 0, None, 1),
            ("no-verdict", 1, "its map\\(\\) gave no verdict on a record", 0),
            ("two-verdicts", 1, "its map\\(\\) gave more than one verdict on a record", 0),
            ("verdict-and-crash", 1, "died of signal 6|exit code 1", 0),
        )])

    def test_a_mark_is_kept_with_the_rows_before_it_or_not_at_all(self):
        def case(deed, kept):
            with HostileWorld(self.source, HOSTILE / "hostile.so") as w:
                for number, (what, rows) in enumerate((("nothing", 10), (deed, kept), ("nothing", kept + 10))):
                    w.change_deed(what)
                    result, _ = w.run_measured("run", "--json", "h.marks", seconds=30)
                    self.assertEqual(result.json["status"] == "success", what == "nothing", result)
                    ids = [r["id"] for r in w.query("SELECT id FROM hostile_marks ORDER BY id")]
                    self.assertEqual(ids, list(range(1, rows + 1)), f"after run {number}, {what}")
                    (cursor,) = w.query("SELECT cursor FROM sluice_cursors")
                    self.assertEqual(cursor["cursor"], str(rows))
        self.each([(c[0], lambda c=c: case(*c)) for c in (
            ("wrong-type", 10),    # a broken contract: its batch is not trusted
            ("garbage-type", 10),
            ("fail-not-utf8", 20),  # it says itself that it failed, after its mark
            ("exit-7", 10),        # before anything was sent
        )])

    def test_a_preview_of_one_costs_no_more_than_the_preview(self):
        for deed, says in (("exit-7", "ended itself with exit code 7"), ("garbage-type", "broke the pipe"),
                           ("wrong-type", "emit: column id is of type 2"), ("endless", "deadline")):
            with self.subTest(deed), HostileWorld(self.source, HOSTILE / "hostile.so", deed,
                                                  DEADLINE if deed == "endless" else 60, rows=3) as w:
                result, memory = w.run_measured("preview", "h.rows", seconds=DEADLINE + GRACE + SLACK)
                self.assertEqual(result.code, 69 if deed == "endless" else 1, result)
                self.assertRegex(result.err, "sluice: h.rows: .*" + says)
                self.assertFalse(w.database.exists())
                self.assertLess(memory, MOST_MEMORY)
        self.assertEqual(processes.leftovers([self.source.process.pid]), {})

    def test_what_it_prints_is_told_only_when_asked_for(self):
        with HostileWorld(self.source, HOSTILE / "worker_speaks.so") as w:
            quiet, _ = w.run_measured("run", "h.rows", seconds=30)
            self.assertNotIn("from the plugin", quiet.out + quiet.err)
            loud, _ = w.run_measured("run", "h.rows", "-v", seconds=30)
            self.assertNotIn("from the plugin", loud.out)
            self.assertIn('h.rows: {"hello": "from the plugin"}', loud.err)

    def test_what_is_not_utf8_is_kept_as_far_as_it_is(self):
        with HostileWorld(self.source, HOSTILE / "hostile.so", "not-utf8") as w:
            result, _ = w.run_measured("run", "--json", "h.rows", seconds=30)
            text = "bad \ufffd( \ufffd\ufffd\ufffd \ufffd end"
            self.check_counts(result, skipped=1, created=ROWS + 10)
            self.assertEqual(result.json["window_start"], text)
            self.assertIn(text, result.json["warnings"])
            self.assertIn(text, result.json["stats"])
            self.assertIn({"key": text, "reason": text}, result.json["errorDetails"])
            reasons = [d["reason"] for d in result.json["errorDetails"]]
            self.assertTrue(any("name" in r and "UTF-8" in r for r in reasons), reasons)

    def test_a_flood_of_texts_is_cut(self):
        with HostileWorld(self.source, HOSTILE / "hostile.so", "flood") as w:
            result, _ = w.run_measured("run", "--json", "h.rows", seconds=30)
            self.check_counts(result, errors=100, created=ROWS + 10)
            self.assertLess(len(result.out), 8 << 20)
            self.assertEqual(result.json["warnings"][-1], "and more warnings, which are not kept")


if __name__ == "__main__":
    unittest.main()
