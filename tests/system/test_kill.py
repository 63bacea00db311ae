"""kill -9 at any moment: nothing is lost, nothing is doubled, the counters are true, and the next run goes on.

SLUICE_KILL_POINTS is how many kills (20), SLUICE_KILL_SEED repeats a series; the seed is printed when one fails.
"""
import random
import resource
import sys

import processes
from harness import *
from harness import SERVER, TIMEOUT
from test_hostile import HOSTILE, HostileWorld

POINTS = int(os.environ.get("SLUICE_KILL_POINTS", "20"))
SEED = int(os.environ.get("SLUICE_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
RECORDS = 50000
TARGETS = ("worker", "child", "both", "command", "all")
DATA = ("trdr, code, afm, name, sotitle, jobtypetrd, address, city, zip, district, country, isactive, phone01, irsdata,"
        ' socurrency, "update"')


def data(w):
    """The rows, less what differs from run to run; on a server what their texts hash to, which is quicker had."""
    if w.on_server:
        return w.query("SELECT count(*) AS rows, md5(string_agg(r::text, ' ' ORDER BY trdr, code)) AS hash"
                       f" FROM (SELECT {DATA} FROM softone_customers) AS r")
    return [tuple(r.values()) for r in w.query(f"SELECT {DATA} FROM softone_customers ORDER BY trdr, code")]


class Kills(Test):
    """One source for all points, one database for each."""

    @classmethod
    def setUpClass(cls):
        cls.source = World("--customers", str(RECORDS), "--prebuild")
        started = time.monotonic()
        result = cls.source.run(CUSTOMERS)
        cls.seconds = time.monotonic() - started
        assert result.code == 0 and result.json["created"] == RECORDS, result
        cls.want = data(cls.source)

    @classmethod
    def tearDownClass(cls):
        cls.source.close()

    def setUp(self):
        self.random = random.Random(SEED)
        self.ended = {}

    def world(self, job):
        return World(sim=False, settings={"url": self.source.sim.url}, job=job)

    def check_ledger(self, w):
        """What holds at every moment: each row of sluice_runs adds up, and all of them make the table."""
        for run in w.query("SELECT * FROM sluice_runs"):
            self.check_counts(run)
        if w.on_server:
            (one,) = w.query("SELECT coalesce(sum(created), 0) AS created, " + ("(SELECT count(*) FROM softone_customers)"
                             if w.has_table("softone_customers") else "0") + " AS rows FROM sluice_runs")
            self.assertEqual(one["created"], one["rows"], "what runs say they created is what is there")
            return
        created, rows = 0, 0
        with sqlite3.connect(w.database, timeout=10) as db:
            db.execute("BEGIN")  # one moment for both figures
            created = db.execute("SELECT coalesce(sum(created), 0) FROM sluice_runs").fetchone()[0]
            if w.has_table("softone_customers"):
                rows = db.execute("SELECT count(*) FROM softone_customers").fetchone()[0]
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchone()[0], "ok")
        self.assertEqual(created, rows, "what runs say they created is what is there")

    def kill_once(self, w, target, delay):
        """Run, kill after `delay` seconds of the worker's life. What the command told, None when it was killed."""
        process = w.start("run", "--json", CUSTOMERS)
        worker = wait_for(lambda: processes.worker_of(process.pid))
        time.sleep(delay)  # the moment is the point of the test
        child = processes.connector_of(worker)
        victims = {"worker": [worker], "child": [child], "both": [worker, child], "command": [process.pid],
                   "all": [process.pid, worker, child]}[target]
        for pid in victims:
            if pid and processes.stat(pid):
                processes.kill(pid)
        out, err = process.communicate(timeout=TIMEOUT)
        self.assertEqual(processes.leftovers([self.source.sim.process.pid]), {}, "a process was left over")
        return Result(process.returncode, out, err)

    def check_killed(self, w, target, result):
        """What was told of the killed run, in its result and in its row; whether it was killed in time at all."""
        if not w.has_table("sluice_runs"):
            return "before"
        self.check_ledger(w)
        runs = w.query("SELECT * FROM sluice_runs")
        self.assertLessEqual(len(runs), 1)
        if not runs:
            return "before"
        (run,) = runs
        if target in ("worker", "child", "both"):
            self.assertNotEqual(run["status"], "running", "the command closes the row of its worker")
            self.assertEqual(result.json["status"], run["status"])
            self.assertEqual({k: result.json[k] for k in COUNTERS}, {k: run[k] for k in COUNTERS})
        if run["status"] == "crashed":
            self.assertEqual(result.code, 1, result)
            self.assertIn("signal 9 (Killed)", run["reason"])
            self.assertIn("signal 9 (Killed)", result.json["error"])
        else:
            self.assertIn(run["status"], ("success", "cancelled", "running") if target in ("command", "all") else
                          ("success",))
        return run["status"]

    def check_next(self, w):
        result = w.run(CUSTOMERS)
        self.assertEqual(result.code, 0, result)
        self.check_counts(result, processed=RECORDS, updated=0, errors=0, status="success")
        self.assertEqual(data(w), self.want)
        self.check_ledger(w)
        (total,) = w.query("SELECT sum(created) AS created FROM sluice_runs")
        self.assertEqual(total["created"], RECORDS)
        self.assertEqual(w.query("SELECT * FROM sluice_runs WHERE status = 'running'"), [])
        for run in w.query("SELECT * FROM sluice_runs WHERE status = 'crashed'"):
            self.assertRegex(run["reason"], r"signal 9 \(Killed\)|process \d+ on \S+ is gone")

    def test_kill_at_random_moments(self):
        for point in range(POINTS):
            target = TARGETS[point % len(TARGETS)]
            delay = self.random.uniform(0, self.seconds)
            batch = self.random.choice((100, 1000, 5000))
            with self.subTest(seed=SEED, point=point, target=target, delay=round(delay, 4), batch=batch):
                with self.world(f"batch = {batch};") as w:
                    ended = self.check_killed(w, target, self.kill_once(w, target, delay))
                    self.ended[ended] = self.ended.get(ended, 0) + 1
                    self.check_next(w)
        told = ", ".join(f"{n} {status}" for status, n in sorted(self.ended.items()))
        print(f"{POINTS} kills, seed {SEED}: {told}", file=sys.stderr)
        self.assertGreater(sum(self.ended.values()) - self.ended.get("success", 0), POINTS // 2,
                           "most kills must come before the end")

    def test_a_job_that_is_killed_again_and_again_ends_with_the_same_rows(self):
        with self.world("batch = 1000;") as w:
            for _ in range(4):
                self.kill_once(w, self.random.choice(TARGETS), self.random.uniform(0, self.seconds / 2))
            self.check_next(w)


class FullStore(Test):
    """A disk that fills up in the middle of a run: a file may grow no further, which the database takes for that."""

    def test_what_was_committed_stays_and_the_next_run_goes_on(self):
        def limited():
            resource.setrlimit(resource.RLIMIT_FSIZE, (400 << 10, 400 << 10))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with World("--customers", "2000", job="batch = 100;") as w:
            result = w.run(CUSTOMERS, preexec_fn=limited)
            self.assertEqual((result.code, result.json["status"]), (69, "failed"), result)
            self.check_counts(result)
            (rows,) = w.query("SELECT count(*) AS n FROM softone_customers")
            self.assertEqual(rows["n"], result.json["created"])
            self.assertGreater(rows["n"], 0)
            self.assertEqual(rows["n"] % 100, 0, "whole batches")
            self.check_counts(w.run(CUSTOMERS), processed=2000, created=2000 - rows["n"], status="success")
            self.assertEqual(w.query("SELECT * FROM sluice_runs WHERE status = 'running'"), [])
            (total,) = w.query("SELECT sum(created) AS created FROM sluice_runs")
            self.assertEqual(total["created"], 2000)


def dump(w):
    with sqlite3.connect(w.database, timeout=10) as db:
        return list(db.iterdump())


class Fence(Test):
    """A worker that is stopped, as a machine that sleeps stops it, and wakes when others have taken its run over."""

    def start_and_stop(self, w):
        """A run whose worker was stopped between two batches."""
        process = w.start("run", "--json", "h.rows", config="hostile.cfg")
        (run,) = wait_for(lambda: w.has_table("sluice_runs") and
                          w.query("SELECT * FROM sluice_runs WHERE status = 'running' AND processed % 1000 > 0"))
        worker = processes.worker_of(process.pid)
        processes.kill(worker, signal.SIGSTOP)  # what has come is committed, and the source is quiet
        wait_for(lambda: processes.stat(worker)[1] == "T")
        return process, worker, run

    def wake(self, w, process, worker):
        """It finds more records waiting, and must not write one."""
        before = dump(w)
        processes.kill(worker, signal.SIGCONT)
        out, err = process.communicate(timeout=TIMEOUT)
        result = Result(process.returncode, out, err)
        self.assertEqual(result.code, 1, result)
        self.assertEqual(result.json["status"], "failed")
        self.assertIn("was taken over by another process; nothing more is written", result.json["error"])
        self.assertEqual(dump(w), before)
        self.assertEqual(processes.leftovers(), {})
        return result

    def take_over(self, w, deadline=60):
        process, worker, run = self.start_and_stop(w)
        w.execute("UPDATE sluice_runs SET status = 'crashed', reason = 'its host was gone' WHERE status = 'running'")
        w.gate.touch()
        other = w.run("h.rows", config="hostile.cfg")
        self.assertEqual(other.code, 0, other)
        self.check_counts(other, processed=6010, created=6010 - run["processed"], skipped=run["processed"])
        return process, worker, run

    def test_a_stopped_worker_that_wakes_after_a_take_over_writes_nothing(self):
        with HostileWorld(None, HOSTILE / "hostile.so", "gate", deadline=60) as w:
            process, worker, run = self.take_over(w)
            result = self.wake(w, process, worker)
            self.check_counts(result, created=run["created"])

    def test_one_that_wakes_past_its_deadline_says_the_same(self):
        with HostileWorld(None, HOSTILE / "hostile.so", "gate", deadline=2) as w:
            started = time.monotonic()
            process, worker, _ = self.take_over(w)
            wait_for(lambda: time.monotonic() - started > 2.5)
            self.wake(w, process, worker)

    def test_nobody_takes_over_from_a_worker_that_is_only_stopped(self):
        with HostileWorld(None, HOSTILE / "hostile.so", "gate", deadline=60) as w:
            process, worker, run = self.start_and_stop(w)
            other = w.run("h.rows", config="hostile.cfg")
            self.assertEqual(other.code, 3, other)
            self.assertIn(f"run {run['id']} of process {worker}", other.json["error"])
            processes.kill(worker, signal.SIGCONT)
            w.gate.touch()
            out, err = process.communicate(timeout=TIMEOUT)
            self.assertEqual(process.returncode, 0, out + err)
            self.check_counts(json.loads(out), created=6010, status="success")

    def test_the_next_run_finds_a_holder_that_is_dead_though_nobody_waited_for_it(self):
        with HostileWorld(None, HOSTILE / "hostile.so", "gate", deadline=60) as w:
            process, worker, run = self.start_and_stop(w)
            processes.kill(process.pid, signal.SIGSTOP)  # the command cannot close the row
            processes.kill(worker)
            wait_for(lambda: processes.stat(worker)[1] == "Z")
            w.gate.touch()
            other = w.run("h.rows", config="hostile.cfg")
            self.assertEqual(other.code, 0, other)
            processes.kill(process.pid, signal.SIGCONT)
            out, err = process.communicate(timeout=TIMEOUT)
            self.assertEqual(json.loads(out)["status"], "crashed", out + err)
            (old,) = w.query("SELECT * FROM sluice_runs WHERE id = ?", run["id"])
            self.assertEqual(old["status"], "crashed")
            self.assertIn(f"process {worker} on", old["reason"])
            self.assertEqual(len(w.query("SELECT * FROM hostile_rows")), 6010)


if __name__ == "__main__":
    unittest.main()
