"""A run over partitions: each with a row, a cursor, rejects and a result of its own, whatever the others come to. The
source is a file for each tenant (hostile/tenants.c)."""
import http.server
import random
import threading

import processes
from harness import *
from test_rejects import earlier

TENANTS = pathlib.Path(os.environ["SLUICE_HOSTILE"]) / "tenants.so"
PEOPLE = "t.people"


class Tenants(World):
    """Tenants a, b, c and their people."""

    def __init__(self, ids=("a", "b", "c"), job="", extra="", url="", more=""):
        self.ids, self.url, self.more = ids, url, more
        super().__init__(sim=False, job=job, extra=extra)
        (self.dir / "people").mkdir()

    def configure(self, **_):
        tenants = ", ".join('{ id = "%s"; town = "town of %s"; }' % (i, i) for i in self.ids)
        self.write("sluice.cfg", f"""
store = {{ url = "{self.store}"; }};
plugins = "{PLUGINS}";
{self.extra}
connectors = ( {{ name = "t"; plugin = "{TENANTS}";
  settings = {{ dir = "{self.dir / 'people'}"; url = "{self.url}"; tenants = ( {tenants} ); }};
  http = {{ attempts = 1; }};
  jobs = ( {{ stream = "people"; {self.job} }} ); }} {self.more});
""")

    def has(self, **tenants):
        """What tenants have from now on: lines of "AT NUMBER NAME", or acts."""
        for tenant, lines in tenants.items():
            self.write(f"people/{tenant}", "".join(line + "\n" for line in lines))

    def run_people(self, *arguments):
        return self.run(PEOPLE, *arguments)

    def people(self):
        return [(r["tenant"], r["number"], r["name"]) for r in self.rows("people", "tenant, number")]

    def cursors(self):
        rows = self.query("SELECT * FROM sluice_cursors") if self.has_table("sluice_cursors") else []
        return {r["partition"]: r["cursor"] for r in rows}

    def ledger(self, condition="parent IS NOT NULL"):
        """Rows by partition."""
        return {r["partition"]: r for r in self.query(f"SELECT * FROM sluice_runs WHERE {condition} ORDER BY id")}


def parts(result):
    return {p["id"]: p for p in result.json["partitions"]}


def statuses(result):
    return {i: p["status"] for i, p in parts(result).items()}


class PartitionsTest(Test):
    def check_sums(self, result):
        """The whole is the sum of its partitions."""
        for key in (*COUNTERS, "total"):
            self.assertEqual(result.json[key], sum(p[key] for p in result.json["partitions"]), (key, result))
        for p in (result.json, *result.json["partitions"]):
            self.check_counts(p)


class Partitions(PartitionsTest):
    """What is about the store, too."""

    def test_each_has_a_row_a_cursor_and_a_result(self):
        with Tenants() as w:
            w.has(a=["1 1 ann", "2 2 bob"], b=["7 1 cat", "skip"], c=[])
            result = w.run_people()
            self.assertEqual(result.code, 0, result)
            self.check_counts(result, processed=4, created=3, skipped=1, status="success", mode="full", message=None)
            self.check_sums(result)
            self.assertEqual([(p["id"], p["partition"], p["created"], p["mode"]) for p in result.json["partitions"]],
                             [("a", "a", 2, "full"), ("b", "b", 1, "full"), ("c", "c", 0, "full")])
            self.assertEqual(w.people(), [("a", 1, "ann"), ("a", 2, "bob"), ("b", 1, "cat")])
            self.assertEqual({r["town"] for r in w.rows("people")}, {"town of a", "town of b"})
            self.assertEqual(w.cursors(), {"a": "2", "b": "7"})
            (whole,) = w.query("SELECT * FROM sluice_runs WHERE parent IS NULL")
            self.assertEqual((whole["partition"], whole["id"]), ("", result.json["run"]))
            rows = w.ledger()
            self.assertEqual({i: (r["parent"], r["id"], r["status"], r["created"]) for i, r in rows.items()},
                             {i: (whole["id"], p["run"], "success", p["created"]) for i, p in parts(result).items()})

            w.has(b=["7 1 cat", "8 1 kate"], c=["1 1 dan"])
            result = w.run_people()
            self.check_counts(result, processed=2, created=1, updated=1, status="success", mode="incremental")
            self.check_sums(result)
            self.assertEqual({i: (p["mode"], p["message"]) for i, p in parts(result).items()},
                             {"a": ("incremental", "Nothing changed"), "b": ("incremental", None), "c": ("full", None)})
            self.assertEqual(w.cursors(), {"a": "2", "b": "8", "c": "1"})
            self.assertEqual(len({p["stats"]["process"] for p in result.json["partitions"]}), 1, "one child for all")
            w.has(b=["8 1 kate"])
            result = w.run_people("--full")
            self.check_counts(result, processed=4, updated=0, skipped=4, mode="full")

    def test_a_crash_costs_one_partition(self):
        with Tenants(ids=("a", "b", "c", "d", "e", "f")) as w:
            w.has(a=["1 1 ann"], b=["1 1 bob", "crash"], c=["1 1 cat"], d=["exit"], e=["garbage"], f=["1 1 dan"])
            result = w.run_people()
            self.assertEqual(result.code, 1, result)
            self.assertEqual(statuses(result), {"a": "success", "b": "crashed", "c": "success", "d": "crashed",
                                                "e": "failed", "f": "success"})
            self.assertIn("signal 11", parts(result)["b"]["error"])
            self.assertIn("exit code 7", parts(result)["d"]["error"])
            self.assertEqual([p[2] for p in w.people() if p[0] in "acf"], ["ann", "cat", "dan"])
            self.assertEqual(set(w.cursors()), {"a", "c", "f"})
            self.check_sums(result)
            processes_of = {p["stats"]["process"] for p in result.json["partitions"] if p["status"] == "success"}
            self.assertEqual(len(processes_of), 3, "a child that died, or broke the contract, reads no other partition")
            self.assertEqual(w.running(), [])

    def test_one_that_is_busy_is_not_waited_for(self):
        with Tenants() as w:
            go = w.dir / "go"
            w.has(a=["1 1 ann"], b=["1 1 bob", f"hold {go}"], c=["1 1 cat"])
            first = w.start("run", "--json", PEOPLE, "--partition", "b")
            holder = wait_for(w.running)[0]["id"]
            result = w.run_people()
            self.assertEqual(result.code, 3, result)
            self.assertEqual(statuses(result), {"a": "success", "b": "failed", "c": "success"})
            busy = parts(result)["b"]
            self.assertEqual(busy["run"], None)
            self.assertIn(f"partition b of t.people is already running: run {holder}", busy["error"])
            self.check_sums(result)
            again = w.run_people("--partition", "b")
            self.assertEqual(again.code, 3, again)
            self.assertEqual(w.run_people("--partition", "a").code, 0)
            go.write_text("")
            out, err = first.communicate(timeout=60)
            self.check_counts(Result(first.returncode, out, err), status="success", created=1)
            self.assertEqual(len(w.people()), 3)
            self.assertEqual(w.running(), [])

    def test_a_dry_run_tells_and_leaves_nothing(self):
        with Tenants(ids=("a", "b", "c", "d")) as w:
            w.has(a=["1 1 ann", "reject 5"], b=["1 1 bob", "fail -7 a bug"], c=["1 1 cat"], d=["crash"])
            result = w.run_people("--dry-run")
            self.assertEqual(result.code, 1, result)
            self.assertEqual({i: (p["status"], p["created"], p["errors"]) for i, p in parts(result).items()},
                             {"a": ("partial", 1, 1), "b": ("failed", 0, 0), "c": ("success", 1, 0), "d": ("crashed", 0, 0)})
            self.check_sums(result)
            self.assertIn("a bug", parts(result)["b"]["error"])
            self.assertFalse(w.has_table("sluice_runs") or w.has_table("people"))
            w.has(b=["1 1 bob"], d=[])
            self.assertEqual(w.run_people().code, 2)
            before = w.dump()
            w.has(a=["2 1 anne"], d=["1 1 dan"])
            result = w.run_people("--dry-run")
            self.check_counts(result, updated=1, created=1, status="success")
            self.assertEqual(w.dump(), before)

    def test_rejects_are_kept_and_retried_for_each(self):
        with Tenants() as w:
            w.has(a=["1 1 ann"], b=["1 1 bob"], c=["1 1 cat"])
            w.run_people()
            w.refuse("people", "new.name = 'bad'", "constraint: not that name")
            w.has(a=["1 1 ann", "2 2 bad"], b=["1 1 bob", "2 2 bad"], c=["1 1 cat", "2 2 good"])
            result = w.run_people()
            self.assertEqual(result.code, 2, result)
            self.assertEqual(statuses(result), {"a": "partial", "b": "partial", "c": "success"})
            self.assertEqual([d["partition"] for d in result.json["errorDetails"]], ["a", "b"])
            self.check_sums(result)
            w.refuse_no_more("people")
            w.has(a=["1 1 ann"], b=["1 1 bob"])
            retried = w.sluice("rejects", "retry", PEOPLE, "--json")
            self.assertEqual(retried.code, 0, retried)
            self.check_counts(retried, status="success", processed=0, mode="retry")
            self.assertEqual((retried.json["stats"]["retried"], retried.json["stats"]["resolved"]), (2, 2))
            self.assertEqual(set(parts(retried)), {"a", "b"}, "only those that have some")
            self.assertEqual(len(w.people()), 6)
            self.assertEqual(w.sluice("rejects", PEOPLE, "--json").json, {"rejects": []})

    def test_rejects_of_a_partition_that_is_gone_are_told(self):
        with Tenants() as w:
            w.has(a=["reject 1"], b=["reject 2"])
            w.run_people()
            w.ids = ("a",)
            w.configure()
            retried = w.sluice("rejects", "retry", PEOPLE, "--json")
            self.assertEqual(retried.code, 2, retried)
            self.assertEqual(retried.json["warnings"], ["rejects of partitions that the settings do not list any more stay"
                                                        " as they are: b"])
            self.assertEqual((set(parts(retried)), retried.json["stats"]["retried"]), ({"a"}, 1))

    def test_rejects_hold_only_their_own_cursor(self):
        with Tenants() as w:
            w.execute("CREATE TABLE towns (name TEXT PRIMARY KEY); INSERT INTO towns VALUES ('town of a'), ('town of c');"
                      "CREATE TABLE people (id " + SERIAL + " PRIMARY KEY, number BIGINT NOT NULL, name TEXT,"
                      " tenant TEXT NOT NULL, town TEXT REFERENCES towns (name), shelf BIGINT)")
            w.has(a=["1 1 ann"], b=["1 1 bob"], c=["1 1 cat"])
            result = w.run_people()
            self.assertEqual(result.code, 2, result)
            self.assertEqual((w.cursors(), parts(result)["b"]["stats"]["held"]), ({"a": "1", "c": "1"}, 1))
            self.assertRegex(" ".join(result.json["warnings"]), "b: the cursor is held back")
            w.has(a=["2 2 dan"], b=["1 1 bob"], c=[])
            result = w.run_people()
            self.assertEqual(w.cursors(), {"a": "2", "c": "1"})
            w.execute("INSERT INTO towns VALUES ('town of b')")
            result = w.run_people()
            self.assertEqual(result.code, 0, result)
            self.assertEqual((parts(result)["b"]["stats"]["resolved"], w.cursors()), (1, {"a": "2", "b": "1", "c": "1"}))
            self.assertEqual([p[2] for p in w.people()], ["ann", "dan", "bob", "cat"])

    def test_a_cancelled_run_tells_whose_turn_never_came(self):
        with Tenants(ids=[f"t{i:02}" for i in range(70)]) as w:
            w.has(t00=["1 1 ann"], t02=["1 1 bob", "hang"])
            process = w.start("run", "--json", PEOPLE)
            wait_for(lambda: len(w.query("SELECT * FROM sluice_runs WHERE status = 'success'")) > 1
                     if w.has_table("sluice_runs") else False)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
            result = Result(process.returncode, out, err)
            self.assertEqual(result.code, 130, result)
            self.check_counts(result, status="cancelled")
            self.check_sums(result)
            self.assertEqual(statuses(result), {"t00": "success", "t01": "success", "t02": "cancelled"})
            self.assertEqual(result.json["warnings"],
                             ["67 of 70 partitions were not reached: t03, t04, t05 and 64 more"])
            self.assertEqual((w.running(), set(w.ledger())), ([], {"t00", "t01", "t02"}))

    def test_a_killed_worker_is_taken_over(self):
        for target in ("worker", "all"):
            with self.subTest(target), Tenants(ids=[f"t{i:02}" for i in range(70)]) as w:
                w.has(t00=["1 1 ann"], t02=["hang"], t69=["3 1 zoe"])
                process = w.start("run", "--json", PEOPLE)
                wait_for(lambda: len(w.query("SELECT * FROM sluice_runs WHERE status = 'success'")) > 1
                         if w.has_table("sluice_runs") else False)
                worker = processes.worker_of(process.pid)
                for pid in [worker, *([process.pid, processes.connector_of(worker)] if target == "all" else [])]:
                    processes.kill(pid)
                out, err = process.communicate(timeout=60)
                if target == "worker":
                    result = Result(process.returncode, out, err)
                    self.assertEqual(result.code, 1, result)
                    self.check_counts(result, status="crashed", created=1)
                    self.check_sums(result)
                    self.assertEqual(w.running(), [])
                wait_for(lambda: not alive(worker))
                self.assertEqual([p[2] for p in w.people()], ["ann"])
                w.has(t02=["1 1 bob"])
                result = w.run_people()
                self.assertEqual(result.code, 0, result)
                self.check_counts(result, processed=2, created=2)
                self.assertEqual({i: p["mode"] for i, p in parts(result).items()}["t00"], "incremental")
                self.assertEqual(w.running(), [])
                (whole,) = w.query("SELECT * FROM sluice_runs WHERE parent IS NULL AND status = 'crashed'")
                rows = w.query(f"SELECT * FROM sluice_runs WHERE parent = '{whole['id']}'")
                self.assertEqual({r["status"] for r in rows}, {"success", "crashed"})
                self.assertEqual(sum(r["created"] for r in rows), whole["created"])

    def test_a_thousand_quiet_ones_take_few_transactions(self):
        ids = [f"t{i:03}" for i in range(1000)]
        with Tenants(ids=ids) as w:
            w.execute("CREATE TABLE sluice_looked (n INTEGER)")
            w.has(t500=["1 1 ann"])
            result = w.run_people()
            self.assertEqual(result.code, 0, result)
            self.assertEqual([p["id"] for p in result.json["partitions"]], ids)
            self.check_sums(result)
            (whole,) = w.query("SELECT * FROM sluice_runs WHERE parent IS NULL")
            self.assertLess(whole["batch_no"], 100, "each transaction counts the whole's batch number up")
            self.assertEqual({r["status"] for r in w.ledger().values()}, {"success"})
            self.assertEqual(len(w.ledger()), 1000)


class Results(PartitionsTest):
    def test_a_limit_is_that_of_the_whole(self):
        with Tenants() as w:
            w.has(a=["1 1 ann"], b=["1 1 bob", "2 2 cat"], c=["1 1 dan"])
            result = w.run_people("--limit", "2")
            self.assertEqual(result.code, 0, result)
            self.check_counts(result, processed=2, created=2, status="success")
            self.check_sums(result)
            self.assertEqual(statuses(result), {"a": "success", "b": "success"})
            self.assertIn("Stopped at the limit", result.json["message"])
            self.assertEqual(result.json["warnings"], ["1 of 3 partitions was not reached: c"])
            self.assertEqual((w.cursors(), w.running(), set(w.ledger())), ({}, [], {"a", "b"}))

    def test_history_shows_them(self):
        with Tenants() as w:
            w.has(a=["1 1 ann"], b=["fail -3 away"], c=[])
            run = w.run_people().json
            shown = w.sluice("runs", "show", run["run"], "--json").json
            self.assertEqual(shown["partitions"], run["partitions"])
            self.assertEqual({k: shown[k] for k in COUNTERS}, {k: run[k] for k in COUNTERS})
            text = w.sluice("runs", "show", run["run"]).out
            for words in ("PARTITION", "a  ", "away", "Nothing changed"):
                self.assertIn(words, text)
            part = w.sluice("runs", "show", parts(Result(0, json.dumps(run), ""))["b"]["run"], "--json").json
            self.assertEqual((part["partition"], part["status"]), ("b", "failed"))
            self.assertEqual(len(w.sluice("runs", PEOPLE, "--json").json["runs"]), 1)
            self.assertIn("1 of 3 partitions failed: b: away", w.sluice("status").out)

    def test_cursors_are_seen_and_moved_one_by_one(self):
        with Tenants() as w:
            w.has(a=["5 1 ann"], b=["6 1 bob"], c=[])
            w.run_people()
            listed = w.sluice("cursor", "get", PEOPLE, "--json").json
            self.assertEqual([(c["partition"], c["cursor"]) for c in listed], [("a", "5"), ("b", "6")])
            self.assertEqual(w.sluice("cursor", "set", PEOPLE, "1", "--partition", "c").code, 0)
            self.assertEqual(w.sluice("cursor", "reset", PEOPLE, "--partition", "a").code, 0)
            self.assertEqual(w.cursors(), {"b": "6", "c": "1"})
            w.ids = ("a", "c")
            w.configure()
            self.assertEqual(w.sluice("cursor", "get", PEOPLE, "--partition", "b", "--json").json[0]["cursor"], "6")
            self.assertEqual(w.sluice("cursor", "reset", PEOPLE, "--partition", "b").code, 0)
            result = w.run_people()
            self.assertEqual({i: p["mode"] for i, p in parts(result).items()}, {"a": "full", "c": "incremental"})
            self.assertEqual(w.sluice("cursor", "reset", PEOPLE).code, 0)
            self.assertEqual(w.cursors(), {})

    def test_one_partition_by_itself(self):
        with Tenants() as w:
            w.has(a=["1 1 ann"], b=["1 1 bob", "reject 9"], c=["1 1 cat"])
            result = w.run_people("--partition", "b")
            self.assertEqual(result.code, 2, result)
            self.check_counts(result, processed=2, created=1, errors=1, partition="b", mode="full", partitions=[])
            self.assertEqual(w.people(), [("b", 1, "bob")])
            self.assertEqual(w.rows("people")[0]["town"], "town of b")
            (row,) = w.query("SELECT * FROM sluice_runs")
            self.assertEqual((row["partition"], row["parent"]), ("b", None))
            self.assertEqual(w.cursors(), {"b": "1"})
            self.assertIn("t.people b", w.sluice("runs").out)
            self.assertIn("partial of b", w.sluice("status").out)

    def test_one_at_a_time_as_a_whole(self):
        with Tenants() as w:
            go = w.dir / "go"
            w.has(a=[f"hold {go}"], b=["1 1 bob"], c=[])
            first = w.start("run", "--json", PEOPLE)
            wait_for(lambda: len(w.running()) == 4)
            second = w.run_people()
            self.assertEqual(second.code, 3, second)
            self.check_counts(second, status="running")
            part = w.run_people("--partition", "b")
            self.assertEqual(part.code, 3, part)
            self.assertEqual(w.sluice("cursor", "set", PEOPLE, "5", "--partition", "b").code, 3)
            go.write_text("")
            first.communicate(timeout=60)
            self.assertEqual((first.returncode, w.running()), (0, []))

    def test_the_child_that_comes_later_holds_nothing_of_the_store(self):
        with Tenants() as w:
            go = w.dir / "go"
            w.has(a=["crash"], b=[f"hold {go}"], c=[])
            process = w.start("run", "--json", PEOPLE)
            worker = wait_for(lambda: processes.worker_of(process.pid))
            second = wait_for(lambda: next(filter(self.is_fresh, processes.children(worker)), None))
            wait_for(lambda: not any("sluice-job" in f for f in processes.open_files(second)))  # its half, read and closed
            shared = set(processes.open_files(second)) & set(processes.open_files(worker))
            self.assertEqual([f for f in shared if f != "/dev/null" and not f.startswith("pipe:")], [])
            go.write_text("")
            out, err = process.communicate(timeout=60)
            self.assertEqual(statuses(Result(process.returncode, out, err)), {"a": "crashed", "b": "success", "c": "success"})

    @staticmethod
    def is_fresh(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sluice\0connector\0")
        except (FileNotFoundError, ProcessLookupError):
            return False

    def test_the_worst_of_them_is_the_exit_code(self):
        cases = ((["fail -3 x"], ["fail -2 x"], 77), (["fail -4 x"], ["reject 3"], 1), (["reject 3"], [], 2),
                 (["fail -2 x"], ["fail -1 x"], 78), (["crash"], ["fail -3 x"], 69))
        for one, other, code in cases:
            with self.subTest(code=code, one=one), Tenants(ids=("a", "b", "c")) as w:
                w.has(a=one, b=other, c=["1 1 ann"])
                result = w.run_people()
                self.assertEqual((result.code, result.json["status"]), (code, "partial"), result)

    def test_all_failed_is_failed(self):
        with Tenants(ids=[f"t{i}" for i in range(6)]) as w:
            w.has(**{i: [f"fail -3 {i} is away"] for i in w.ids})
            result = w.run_people()
            self.assertEqual(result.code, 69, result)
            self.check_counts(result, status="failed", success=False, processed=0)
            self.assertEqual(result.json["error"], "6 of 6 partitions failed: t0: t0 is away; t1: t1 is away; "
                             "t2: t2 is away; and 3 more")
            person = w.sluice("run", PEOPLE)
            self.assertIn("error: 6 of 6 partitions failed", person.err)
            self.assertIn("  t5: failed: 0 processed: t5 is away", person.err)

    def test_a_partition_that_is_not_there(self):
        with Tenants(more=f', {{ name = "feed"; plugin = "{TENANTS.parent / "feed.so"}"; settings = {{ file = "x"; }};'
                          ' jobs = ( { stream = "orders"; } ); }') as w:
            for arguments in (["run", PEOPLE], ["preview", PEOPLE], ["cursor", "set", PEOPLE, "1"],
                              ["cursor", "get", PEOPLE], ["cursor", "reset", PEOPLE]):
                with self.subTest(arguments):
                    result = w.sluice(*arguments, "--partition", "d")
                    self.assertEqual(result.code, 66, result)
                    self.assertIn('t.people has no partition "d"; `tenants` of connector t lists a, b, c', result.err)
            for arguments in (["run", "feed.orders"], ["preview", "feed.orders"], ["cursor", "set", "feed.orders", "1"]):
                with self.subTest(arguments):
                    result = w.sluice(*arguments, "--partition", "a")
                    self.assertEqual(result.code, 64, result)
                    self.assertIn("feed.orders has no partitions; leave the option out", result.err)
            result = w.sluice("cursor", "set", PEOPLE, "1")
            self.assertEqual(result.code, 64, result)
            self.assertIn('t.people has a cursor for each partition, as "a": which --partition?', result.err)

    def test_preview_shows_whose_they_are(self):
        with Tenants() as w:
            w.has(a=["1 1 ann"], b=["1 1 bob", "2 2 cat"], c=["1 3 dan"])
            result = w.sluice("preview", PEOPLE, "-n", "3", "--json")
            self.assertEqual(result.code, 0, result)
            self.assertEqual([(r["partition"], r["values"]["name"]) for r in result.objects],
                             [("a", "ann"), ("b", "bob"), ("b", "cat")])
            self.assertIn("record 1, of partition c", w.sluice("preview", PEOPLE, "--partition", "c").out)
            w.has(a=["fail -2 no"])
            result = w.sluice("preview", PEOPLE, "-n", "1", "--json")
            self.assertEqual((result.code, result.json["partition"]), (77, "b"), result)
            self.assertIn("1 of 3 partitions failed: a: no", result.err)
            self.assertFalse(w.has_table("people"))

    def test_the_deadline_is_that_of_the_whole(self):
        with Tenants(job='deadline = "2s";') as w:
            w.has(a=["1 1 ann"], b=["1 1 bob", "hang"], c=["1 1 cat"])
            result = w.run_people()
            self.assertEqual(result.code, 1, result)
            self.check_counts(result, status="timeout", error="not done within its deadline of 2 s")
            self.assertEqual(statuses(result), {"a": "success", "b": "timeout"})
            self.assertEqual(result.json["warnings"], ["1 of 3 partitions was not reached: c"])
            self.assertEqual((w.cursors(), w.running(), set(w.ledger())), ({"a": "1"}, [], {"a", "b"}))

    def test_a_failing_one_stops_no_other(self):
        codes = (("-1 set it right", 78), ("-2 who are you", 77), ("-3 away", 69), ("-4 nonsense", 1), ("-5 too much", 1),
                 ("-7 a bug", 1))
        with Tenants() as w:
            for number, (act, code) in enumerate(codes):
                with self.subTest(act):
                    at = number + 1
                    w.has(a=[f"{at} 1 a{at}"], b=[f"{at} {at} b{at}", f"fail {act}"], c=[f"{at} 1 c{at}"])
                    before = w.cursors().get("b")
                    result = w.run_people()
                    self.assertEqual(result.code, code, result)
                    self.assertEqual(statuses(result), {"a": "success", "b": "failed", "c": "success"})
                    self.check_sums(result)
                    self.check_counts(result, status="partial", success=True)
                    why = act.split(" ", 1)[1]
                    self.assertIn(why, parts(result)["b"]["error"])
                    self.assertRegex(result.json["error"], f"^1 of 3 partitions failed: b: .*{why}$")
                    self.assertEqual({i: c for i, c in w.cursors().items() if i != "b"}, {"a": str(at), "c": str(at)})
                    self.assertEqual(w.cursors().get("b"), before)
                    self.assertEqual([p for p in w.people() if p[0] != "b"], [("a", 1, f"a{at}"), ("c", 1, f"c{at}")])


class Kills(Test):
    """kill -9 at any moment: SLUICE_KILL_POINTS is how many, SLUICE_KILL_SEED repeats a series."""

    IDS = [f"t{i:03}" for i in range(150)]

    def check_ledger(self, w):
        """What holds at every moment: partitions make the whole, and all of them the table."""
        with sqlite3.connect(w.database, timeout=10) as db:
            db.row_factory = sqlite3.Row
            db.execute("BEGIN")  # one moment for all figures
            runs = [dict(r) for r in db.execute("SELECT * FROM sluice_runs")]
            rows = list(db.execute("SELECT tenant FROM people")) if w.has_table("people") else []
            cursors = {r["partition"] for r in db.execute("SELECT * FROM sluice_cursors")}
        for whole in runs:
            if not whole["parent"]:
                own = [r for r in runs if r["parent"] == whole["id"]]
                for key in COUNTERS:
                    self.assertEqual(whole[key], sum(r[key] for r in own), key)
                if whole["status"] != "running":
                    self.assertNotIn("running", {r["status"] for r in own})
        self.assertEqual(sum(r["created"] for r in runs if r["parent"]), len(rows))
        self.assertEqual(cursors, {r["partition"] for r in runs if r["parent"] and r["status"] == "success"})

    def test_kill_at_random_moments(self):
        seed = int(os.environ.get("SLUICE_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
        moments = random.Random(seed)
        with Tenants(ids=self.IDS) as w:
            w.has(**{i: ["1 1 ann", "2 2 bob"] if n % 4 == 0 else ["skip", "3 3 cat"]
                     for n, i in enumerate(self.IDS) if n % 4 < 2})
            started = time.monotonic()
            self.assertEqual(w.run_people().code, 0)
            seconds = time.monotonic() - started
            people, cursors = w.people(), w.cursors()
            for point in range(int(os.environ.get("SLUICE_KILL_POINTS", "6"))):
                target = ("worker", "child", "all")[point % 3]
                with self.subTest(seed=seed, point=point, target=target):
                    w.forget()
                    self.kill_once(w, target, moments.uniform(0, seconds))
                    if w.has_table("sluice_runs"):
                        self.check_ledger(w)
                    result = w.run_people()
                    self.assertEqual(result.code, 0, result)
                    self.check_ledger(w)
                    self.assertEqual((w.people(), w.cursors(), w.running()), (people, cursors, []))

    def kill_once(self, w, target, delay):
        process = w.start("run", "--json", PEOPLE)
        worker = wait_for(lambda: processes.worker_of(process.pid))
        time.sleep(delay)  # the moment is the point of the test
        child = processes.connector_of(worker)
        for pid in {"worker": [worker], "child": [child], "all": [process.pid, worker, child]}[target]:
            if pid and processes.stat(pid):
                processes.kill(pid)
        process.communicate(timeout=60)
        wait_for(lambda: not alive(worker))


class Server(http.server.BaseHTTPRequestHandler):
    """Answers at once, and keeps its connections."""
    protocol_version = "HTTP/1.1"
    connections = 0

    def setup(self):
        super().setup()
        Server.connections += 1

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "13")
        self.end_headers()
        self.wfile.write(b'{"data": [ ]}')

    def log_message(self, *_):
        pass


class Requests(Test):
    def test_no_source_is_asked_for_a_table_that_does_not_fit(self):
        with Tenants(url="http://127.0.0.1:9") as w:
            w.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, number BIGINT, tenant TEXT, also TEXT NOT NULL)")
            result = w.run_people()
            self.assertEqual(result.code, 78, result)
            self.assertIn("also", result.json["error"])
            self.assertEqual(statuses(result), {"a": "failed"})
            self.assertEqual(result.json["warnings"][-1], "2 of 3 partitions were not reached: b, c")

    def test_connections_live_on_from_one_to_the_next(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Tenants(ids=[f"t{i}" for i in range(20)], url=f"http://127.0.0.1:{server.server_port}") as w:
            result = w.run_people()
            self.assertEqual(result.code, 0, result)
            self.assertEqual(Server.connections, 1)
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    unittest.main()
