"""The daemon when things go wrong around it: the store is away, processes are stopped and killed, plugins leave
processes behind, signals come at any moment, and secrets are looked for in all that it lets out.

SLUICE_FAULTS_SEED repeats a series of random moments.
"""
import contextlib
import random
import re
import resource
import socket

import private
import processes
from daemon import *
from faulty import SANITIZED, Listener
from harness import *
from hook import *
from processes import children, connector_of, worker_of

EVERY_SECOND = 'schedule = "* * * * * *";'
NEVER_SOON = 'schedule = "0 0 29 2 *";'
HOSTILE = pathlib.Path(os.environ["SLUICE_HOSTILE"])
SEED = int(os.environ.get("SLUICE_FAULTS_SEED", str(random.randrange(1 << 32))))
LONG = 90  # seconds that something may take on a busy machine
RUNS = f"/api/v1/jobs/{CUSTOMERS}/runs"
GOOD = [{"TRDR": "1", "CODE": "A", "NAME": "one"}]


def run(d, job=CUSTOMERS, timeout=LONG):
    return d.ask("POST", f"/api/v1/jobs/{job}/runs", {"wait": True}, timeout=timeout).json


def without_suppliers(d):
    text = (d.dir / "sluice.cfg").read_text()
    d.write("sluice.cfg", re.sub(r', \{ stream = "suppliers".*?\}', "", text))


def private_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(re.search(key + r":\s+(\d+)", text).group(1)) for key in ("Private_Dirty", "Private_Clean"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Case(Test):
    def check_ledger(self, d):
        """No run goes on, each adds up, none was doubled."""
        self.assertEqual(d.query("SELECT * FROM sluice_runs WHERE status = 'running'"), [])
        for row in d.query("SELECT * FROM sluice_runs"):
            self.check_counts(row)
        self.assertEqual(d.query("PRAGMA integrity_check"), [{"integrity_check": "ok"}])

    def check_no_process(self, d, *known):
        left = processes.leftovers([d.sim.process.pid, *known] if d.sim else known, LONG)
        self.assertEqual(left, {}, "these processes were left over")


# ---- The store is away ----

class Store(Case):
    def test_away_at_the_start_and_there_later(self):
        with Daemon(job=EVERY_SECOND, store="sqlite:data/sluice.db") as d:
            d.database = d.dir / "data/sluice.db"
            d.wait_log("nothing is run by schedule until the store answers")
            self.assertEqual(d.tcp("GET", "/livez").status, 200)
            self.assertEqual(d.tcp("GET", "/readyz").status, 503)
            answer = run(d)
            self.assertFalse(answer["success"])
            self.assertIn("sluice.db", answer["error"])
            self.assertEqual(len(d.log("nothing is run by schedule")), 1)
            (d.dir / "data").mkdir()
            d.wait_log("the store answers", seconds=LONG)
            d.wait_log(CUSTOMERS, "status=success", count=2, seconds=LONG)
            self.assertEqual(d.tcp("GET", "/readyz").status, 200)
            self.assertEqual(d.stop(), 0)
            self.check_ledger(d)

    def test_away_in_between_fails_runs_that_are_run_again_and_loses_nothing(self):
        with Daemon(job=EVERY_SECOND) as d:
            d.sim.records("customers", GOOD)
            d.wait_log(CUSTOMERS, "status=success")
            names = [n for n in os.listdir(d.dir) if n.startswith("sluice.db")]
            (d.dir / "away").mkdir()
            for name in names:
                (d.dir / name).rename(d.dir / "away" / name)
            d.database.mkdir()
            d.wait_log(CUSTOMERS, "level=error", "store", count=2, seconds=LONG)
            self.assertEqual(d.tcp("GET", "/livez").status, 200)
            self.assertEqual(d.tcp("GET", "/api/v1/jobs").status, 200)
            d.database.rmdir()
            for name in names:
                (d.dir / "away" / name).rename(d.dir / name)
            before = len(d.log(CUSTOMERS, "status=success"))
            d.wait_log(CUSTOMERS, "status=success", count=before + 2, seconds=LONG)
            self.assertEqual(d.tcp("GET", "/readyz").status, 200)
            self.assertEqual(d.stop(), 0)
            self.assertEqual(len(d.rows()), 1)
            self.check_ledger(d)

    def test_a_database_that_was_removed_is_made_again_and_used(self):
        with Daemon(job=EVERY_SECOND) as d:
            d.sim.records("customers", GOOD)
            d.wait_log(CUSTOMERS, "status=success")
            for file in d.dir.glob("sluice.db*"):
                file.unlink()
            wait_for(lambda: d.database.exists() and d.has_table("sluice_runs") and d.has_table("softone_customers")
                     and len(d.runs()) >= 3 and len(d.rows()) == 1, LONG)
            self.assertEqual(d.ask("POST", f"/api/v1/jobs/{CUSTOMERS}/pause").status, 200)
            self.assertEqual(d.stop(), 0)
            self.check_ledger(d)
            d.serve()
            self.assertTrue(wait_for(lambda: d.state())["paused"])

    def test_locked_by_another_process_holds_up_nobody_who_asks(self):
        with Daemon(job=EVERY_SECOND) as d:
            d.sim.records("customers", GOOD)
            d.wait_log(CUSTOMERS, "status=success", seconds=LONG)
            db = sqlite3.connect(d.database, isolation_level=None, timeout=60)
            db.execute("BEGIN EXCLUSIVE")
            until = time.monotonic() + 15
            slowest = 0
            while time.monotonic() < until:
                started = time.monotonic()
                self.assertEqual(d.tcp("GET", "/livez").status, 200)
                self.assertEqual(d.tcp("GET", "/metrics").status, 200)
                slowest = max(slowest, time.monotonic() - started)
                time.sleep(0.05)
            self.assertLess(slowest, 5)
            db.execute("ROLLBACK")
            db.close()
            before = len(d.log(CUSTOMERS, "status=success"))
            d.wait_log(CUSTOMERS, "status=success", count=before + 2, seconds=LONG)
            self.assertEqual(d.stop(), 0)
            self.check_ledger(d)

    def test_sigterm_while_the_store_is_locked_ends_in_time_and_a_second_one_at_once(self):
        for twice in (False, True):
            with self.subTest(twice=twice), Daemon(job=EVERY_SECOND) as d:
                d.wait_log(CUSTOMERS, "run ended", seconds=LONG)
                with contextlib.closing(sqlite3.connect(d.database, isolation_level=None, timeout=60)) as db:
                    db.execute("BEGIN EXCLUSIVE")
                    d.wait_log("not run: the run before it has not ended", count=4, seconds=LONG)
                    started = time.monotonic()
                    d.process.terminate()
                    d.wait_log("stopping")
                    if twice:
                        d.process.terminate()
                    self.assertEqual(d.process.wait(LONG), 0)
                    self.assertLess(time.monotonic() - started, 8 if twice else 30)
                    self.assertLessEqual(len(d.log("is not noted")), 2)
                d.stop()
                d.serve()  # closes what nobody could
                d.wait_log(SUPPLIERS, "run ended", seconds=LONG)
                self.assertEqual(d.stop(), 0)
                self.check_ledger(d)
                self.check_no_process(d)

    def test_who_waits_is_answered_when_it_stops(self):
        with Daemon(job=NEVER_SOON) as d:
            d.sim.reply(fault="hang-before-headers")
            sent = {}

            def send(name, path, body=None):
                sent[name] = UnixConnection(d.dir / "control.sock", LONG)
                sent[name].request("POST", path, json.dumps(body) if body else None)
            send("run", RUNS, {"wait": True})
            wait_for(d.sim.requests)
            send("queued", f"/api/v1/jobs/{SUPPLIERS}/runs", {"wait": True})
            for _ in range(5):
                d.ask("GET", "/livez")  # by then it has seen that one, too
            text = (d.dir / "sluice.cfg").read_text()
            d.write("sluice.cfg", text.replace('plugin = "softone"', f'plugin = "{HOSTILE}/loading_hangs.so"'))
            send("reload", "/api/v1/reload")
            wait_for(lambda: len(children(d.process.pid)) == 2)
            d.process.terminate()
            answers = {}
            for name, connection in sent.items():
                answer = connection.getresponse()
                answers[name] = Answer(answer.status, {}, answer.read().decode())
                connection.close()
            self.assertEqual((answers["run"].status, answers["run"].json["status"]), (500, "cancelled"))
            self.assertEqual(answers["queued"].status, 503)
            self.assertEqual(answers["reload"].json,
                             {"generation": 1, "applied": False, "errors": ["the daemon stops"]})
            self.assertEqual(d.stop(), 0)
            self.check_no_process(d)

    def test_a_pause_while_the_store_is_locked_is_what_the_store_says(self):
        with Daemon(job=NEVER_SOON) as d:
            d.wait_log("ready")
            self.assertEqual(d.ask("POST", f"/api/v1/jobs/{CUSTOMERS}/resume").status, 200)
            db = sqlite3.connect(d.database, isolation_level=None, timeout=60)
            db.execute("BEGIN EXCLUSIVE")
            answers = []
            asking = threading.Thread(target=lambda: answers.append(
                d.ask("POST", f"/api/v1/jobs/{CUSTOMERS}/pause", timeout=LONG)))
            asking.start()
            time.sleep(10.5)  # past the deadline of an ask
            db.execute("ROLLBACK")
            db.close()
            asking.join(LONG)
            self.assertIn(answers[0].status, (200, 503))  # it was told before the store had it, or not
            wait_for(lambda: [{"paused": int(d.state()["paused"])}] ==
                     d.query("SELECT paused FROM sluice_jobs WHERE job = ?", CUSTOMERS))

    def test_a_full_disk_fails_runs_and_nothing_else(self):
        private.enter()
        with Daemon(job=EVERY_SECOND, store="sqlite:data/sluice.db", start=False) as d:
            d.database = d.dir / "data/sluice.db"
            d.database.parent.mkdir()
            with private.small_disk(d.database.parent, "2m"):
                d.sim.records("customers", GOOD)
                d.serve()
                d.wait_log(CUSTOMERS, "status=success", seconds=LONG)
                filler = d.database.parent / "filler"
                with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as f:
                    while True:
                        f.write(bytes(4096))
                d.sim.records("customers", [{"TRDR": str(i), "NAME": "n" * 500} for i in range(1, 3000)])
                d.wait_log(CUSTOMERS, "full", count=2, seconds=LONG)
                self.assertEqual(d.tcp("GET", "/livez").status, 200)
                d.sim.records("customers", GOOD)
                filler.unlink()
                before = len(d.log(CUSTOMERS, "status=success"))
                d.wait_log(CUSTOMERS, "status=success", count=before + 2, seconds=LONG)
                self.assertEqual(d.stop(), 0)
                self.check_ledger(d)


# ---- Again ----

class Again(Case):
    def test_a_run_that_failed_for_a_passing_reason_is_run_again_until_the_next_fire(self):
        """One job recovers by being run again; the next fire, and a good run, end that of the other two."""
        with Daemon(job=NEVER_SOON + " on_start = true;", arguments=["-v"], start=False) as d:
            text = (d.dir / "sluice.cfg").read_text()
            other = re.search(r"\{ name = \"softone\".*\} \);", text, re.S).group(0)[:-3]
            other = re.sub(r', \{ stream = "suppliers".*?\}', "", other).replace('name = "softone"', 'name = "other"')
            d.write("sluice.cfg", text.rstrip()[:-3] + ", " + other.replace("jobs =", "routes = false; jobs =")
                    .replace('stream = "customers"', 'stream = "customers"; table = "others"') + " );\n")
            d.sim.reply(status=503, times=6)  # two attempts of each
            d.serve()
            for job in (CUSTOMERS, SUPPLIERS, "other.customers"):
                d.wait_log(job, "run again in 60 s", seconds=LONG)
            planned = time.monotonic()
            d.sim.records("customers", GOOD)
            self.assertTrue(run(d, SUPPLIERS)["success"])
            text = (d.dir / "sluice.cfg").read_text()
            at = text.index('name = "other"')
            d.write("sluice.cfg", text[:at] + text[at:].replace("0 0 29 2 *", "*/10 * * * * *"))
            d.hup()
            d.wait_log("generation 2 is in force", seconds=LONG)
            d.wait_log(CUSTOMERS, "status=success", seconds=60 + LONG)
            self.assertGreater(time.monotonic() - planned, 45)
            self.assertGreaterEqual(len(d.log("other.customers", 'msg="due"')), 3)
            due = len(d.log("other.customers", 'msg="due"'))
            d.wait_log("other.customers", 'msg="due"', count=due + 1, seconds=LONG)
            d.stop()
            due, ended = (len(d.log("other.customers", text)) for text in ('msg="due"', "duration_ms="))
            self.assertLessEqual(ended, due + 1, "it was run again although a fire came")
            self.assertEqual(len(d.runs(SUPPLIERS)), 2, "it was run again although a run was good")
            self.assertEqual([r["status"] for r in d.runs()], ["failed", "success"])

    def test_a_worker_that_cannot_be_started_is_tried_again(self):
        for seconds in (5, 20, 60):  # until the fire: the daemon must have been bound before it comes
            due = time.time() + seconds
            with Daemon(job=time.strftime('schedule = "%S %M %H %d %m *";', time.gmtime(due)), start=False) as d:
                without_suppliers(d)
                before = resource.getrlimit(resource.RLIMIT_NOFILE)
                d.serve()
                wait_for(lambda: d.ask("GET", "/readyz").status == 200, LONG)  # the store has been opened
                resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, (3, before[1]))  # not one more than it has
                if time.time() > int(due):
                    continue
                d.wait_log(CUSTOMERS, "cannot", seconds=LONG)
                d.wait_log(CUSTOMERS, "run again in 60 s")
                resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, before)
                self.assertTrue(run(d)["success"])
                self.assertEqual(d.stop(), 0)
                return
        self.fail("this machine did not start the daemon within a minute")

    def test_a_gap_asks_for_a_full_run_right_after(self):
        path = "/s1services/JS/webservice.customers/getAllCustomers"
        with Daemon("--customers", "5", job=NEVER_SOON + ' on_gap = "full";',
                    settings={"customers_full_path": path}) as d:
            run(d)
            run(d)
            d.execute("UPDATE sluice_cursors SET reply_at = reply_at - 7200000000")
            result = run(d)
            self.assertEqual((result["mode"], result["total"]), ("full", 5))
            self.assertEqual([r["mode"] for r in d.runs()], ["full", "incremental", "incremental", "full"])
            self.assertIn("window gap", "\n".join(d.log(CUSTOMERS, "level=warn")))
            self.check_ledger(d)

    def test_what_a_job_needs_runs_first_in_the_same_turn(self):
        with Daemon(job=NEVER_SOON, start=False) as d:
            text = (d.dir / "sluice.cfg").read_text()
            d.write("sluice.cfg", text.replace('"suppliers";',
                                               '"suppliers"; after = [ "customers" ]; on_start = true;'))
            d.sim.reply(delay_ms=1500)
            d.serve()
            wait_for(d.sim.requests)
            asked = d.ask("POST", RUNS, timeout=LONG)  # waits for the whole turn, since it is in the same lane
            self.assertEqual(asked.status, 202)
            d.wait_log(CUSTOMERS, "run ended", count=2, seconds=LONG)
            order = [re.search(r"job=(\S+)", line)[1] for line in d.log("run ended")]
            self.assertEqual(order, [CUSTOMERS, SUPPLIERS, CUSTOMERS])
            d.sim.reply(status=403)
            answer = d.ask("POST", f"/api/v1/jobs/{SUPPLIERS}/runs", {"wait": True}, timeout=LONG)
            self.assertEqual(answer.status, 500)
            self.assertIn(f"not run: {CUSTOMERS}, which runs before it, did not complete", answer.json["error"])
            self.assertEqual(len(d.runs(SUPPLIERS)), 1)
            d.wait_log(SUPPLIERS, "level=error", f"not run: {CUSTOMERS}, which runs before it, did not complete")


# ---- Many at once ----

class Load(Case):
    def test_no_more_run_at_once_than_the_limit_and_all_of_them_do(self):
        with Daemon(job=NEVER_SOON, start=False, extra='limits = { max_runs = 3; }; include = "more";') as d:
            (d.dir / "more").mkdir()
            settings = "".join(f'{k} = "{v}"; ' for k, v in d.settings.items())
            connectors = ", ".join(
                f'{{ name = "c{i}"; plugin = "softone"; routes = false; settings = {{ {settings} }};'
                f' jobs = ( {{ stream = "customers"; table = "t{i}"; on_start = true; {NEVER_SOON} }} ); }}'
                for i in range(20))
            d.write("more/many.cfg", f"connectors = ( {connectors} );\n")
            d.sim.reply(delay_ms=300, times=0)
            d.serve()
            most = 0
            while len(d.log("run ended")) < 20:
                most = max(most, sum(map(processes.is_worker, children(d.process.pid))))
                self.assertLess(len(d.log("level=error")), 1, d.log("level=error"))
                time.sleep(0.01)
            self.assertEqual(most, 3)
            self.assertEqual(d.stop(), 0)
            rows = d.query("SELECT * FROM sluice_runs")
            self.assertEqual(sorted((r["job"], r["status"]) for r in rows),
                             sorted((f"c{i}.customers", "success") for i in range(20)))
            self.check_ledger(d)

    def test_two_hundred_runs_cost_no_descriptor_and_no_memory(self):
        with Daemon(job=NEVER_SOON) as d:
            d.sim.records("customers", GOOD + [{"TRDR": "bad"}])
            for _ in range(50):
                run(d)
            fds, kib = descriptors(d.process.pid), private_kib(d.process.pid)
            for i in range(200):
                self.assertTrue(run(d)["run"])
                if i % 20 == 0:
                    d.tcp("GET", "/metrics")
            wait_for(lambda: descriptors(d.process.pid) <= fds, LONG)
            self.assertLess(private_kib(d.process.pid) - kib, 64 << 10 if SANITIZED else 256)
            self.assertEqual(children(d.process.pid), [])
            self.assertEqual(d.stop(), 0)
            self.assertEqual(len(d.runs()), 250)
            self.check_ledger(d)


# ---- Processes ----

class Processes(Case):
    def test_a_worker_that_is_stopped_can_be_cancelled(self):
        with Daemon(job=NEVER_SOON) as d:
            d.sim.reply(fault="hang-before-headers")
            asked = d.ask("POST", RUNS)
            wait_for(d.sim.requests)
            worker = worker_of(d.process.pid)
            os.kill(worker, signal.SIGSTOP)
            self.assertEqual(d.tcp("GET", "/livez").status, 200)
            self.assertEqual(d.ask("DELETE", asked.headers["location"]).status, 202)
            d.wait_log(CUSTOMERS, "status=cancelled", seconds=LONG)
            self.assertEqual([r["status"] for r in d.runs()], ["cancelled"])
            self.assertFalse(alive(worker))
            self.assertTrue(run(d)["success"])
            self.check_ledger(d)

    def test_nothing_that_a_plugin_starts_outlives_its_run(self):
        deeds = ("nothing", "fork-bomb-hidden", "orphans-and-crash", "hidden-stopped", "fork-twice-back", "kill-parent",
                 "fork-bomb", "stop-parent")
        with Daemon(job=NEVER_SOON, start=False,
                    extra='include = "more"; limits = { max_runs = 2; deadline = "6s"; };') as d:
            (d.dir / "more").mkdir()
            plugins = [(deed, "hostile", f'settings = {{ deed = "{deed}"; }};') for deed in deeds]
            plugins += [("leaves-in-worker", "worker_leaves", ""), ("leaves", "loading_leaves", "")]
            d.write("more/hostile.cfg", "connectors = ( " + ", ".join(
                f'{{ name = "h-{name}"; plugin = "{HOSTILE}/{plugin}.so"; {settings}'
                f' jobs = ( {{ stream = "rows"; table = "t{i}"; {NEVER_SOON} }} ); }}'
                for i, (name, plugin, settings) in enumerate(plugins)) + " );\n")
            d.serve()
            for name, _, _ in plugins:
                with self.subTest(name):
                    result = run(d, f"h-{name}.rows")
                    wait_for(lambda: children(d.process.pid) == [], LONG)
                    if name in ("kill-parent", "orphans-and-crash"):
                        self.assertEqual(result["status"], "crashed", result)
            self.assertTrue(run(d)["success"])
            self.assertEqual(d.stop(), 0)
            self.check_ledger(d)
            self.check_no_process(d)

    def test_a_daemon_that_was_killed_leaves_a_ledger_that_the_next_one_puts_right(self):
        r = random.Random(SEED)
        with Daemon(job=EVERY_SECOND + " on_start = true;", start=False) as d:
            d.sim.records("customers", [{"TRDR": str(i), "NAME": f"n{i}"} for i in range(1, 2000)])
            for _ in range(6):
                d.serve()
                if r.random() < 0.5:
                    d.sim.reply(delay_ms=r.randrange(2000))
                time.sleep(r.random() * 1.5)
                d.process.kill()
                d.process.wait()
                d.stop()
            d.serve()
            d.wait_log(CUSTOMERS, "status=success", seconds=LONG)
            d.wait_log(SUPPLIERS, "status=success", seconds=LONG)
            self.assertEqual(d.stop(), 0, f"seed {SEED}")
            self.check_ledger(d)
            self.assertEqual(len(d.rows()), 1999)
            rows = d.query("SELECT count(*) AS n, count(DISTINCT trdr) AS ids FROM softone_customers")
            self.assertEqual(rows, [{"n": 1999, "ids": 1999}])
            self.check_no_process(d)

    def test_a_second_daemon_is_refused_and_disturbs_nothing(self):
        with Daemon(job=EVERY_SECOND) as d:
            d.wait_log(CUSTOMERS, "run ended")
            r = d.sluice("serve")
            self.assertEqual(r.code, 78, r)
            self.assertIn("control.sock: another `sluice serve` listens there", r.err)
            text = (d.dir / "sluice.cfg").read_text()
            d.write("second.cfg", text.replace('"control.sock"', '"second.sock"'))
            r = d.sluice("serve", config="second.cfg")
            self.assertEqual(r.code, 78, r)
            self.assertIn(f"cannot listen on 127.0.0.1:{d.port}", r.err)
            self.assertFalse((d.dir / "second.sock").exists())
            self.assertEqual(d.ask("GET", "/livez").status, 200)
            d.wait_log(CUSTOMERS, "run ended", count=3)
            self.assertEqual(d.stop(), 0)
            self.assertFalse((d.dir / "control.sock").exists())
            self.check_ledger(d)

    def test_two_daemons_with_one_store_run_each_fire_once(self):
        with Daemon(job=EVERY_SECOND) as d:
            text = (d.dir / "sluice.cfg").read_text()
            d.write("second.cfg", text.replace('"control.sock"', '"second.sock"')
                    .replace(str(d.port), str(free_port())))
            second = d.start("serve", config="second.cfg")
            started = time.monotonic()
            lines = []
            reader = threading.Thread(target=lambda: lines.extend(second.stderr), daemon=True)
            reader.start()
            d.wait_log(CUSTOMERS, "run ended", count=4, seconds=LONG)
            wait_for(lambda: any("run ended" in line for line in list(lines)), LONG)
            second.terminate()
            self.assertEqual(second.wait(LONG), 0)
            self.assertEqual(d.stop(), 0)
            seconds = time.monotonic() - started
            reader.join(10)
            second.stdout.close()
            second.stderr.close()
            self.assertLessEqual(len(d.runs()), seconds + 4, "fires were doubled")
            self.check_ledger(d)

    def test_a_run_by_hand_beside_one_of_the_daemon_is_told_who_runs(self):
        with Daemon(job=NEVER_SOON) as d:
            d.sim.reply(fault="hang-before-headers")
            d.ask("POST", RUNS)
            wait_for(d.sim.requests)
            worker = worker_of(d.process.pid)
            r = d.sluice("run", CUSTOMERS)
            self.assertEqual(r.code, 3, r)
            self.assertIn(str(worker), r.err + r.out)
            self.assertEqual(d.sluice("run", SUPPLIERS).code, 0)

    def test_a_helper_that_dies_refuses_the_reload_and_leaves_nothing(self):
        with Daemon(job=NEVER_SOON) as d:
            good = (d.dir / "sluice.cfg").read_text()
            d.write("sluice.cfg", good.replace('plugin = "softone"', f'plugin = "{HOSTILE}/loading_hangs.so"'))
            answers = []
            asking = threading.Thread(target=lambda: answers.append(d.ask("POST", "/api/v1/reload", timeout=LONG)))
            asking.start()
            helper = wait_for(lambda: next(iter(children(d.process.pid)), None))
            plugin = wait_for(lambda: next(iter(children(helper)), None))
            os.kill(helper, signal.SIGKILL)
            asking.join(LONG)
            answer = answers[0].json
            self.assertEqual((answer["generation"], answer["applied"]), (1, False))
            self.assertIn("signal 9", " ".join(answer["errors"]))
            wait_for(lambda: not alive(plugin), LONG)
            d.write("sluice.cfg", good)
            self.assertTrue(d.ask("POST", "/api/v1/reload").json["applied"])
            self.assertEqual(d.stop(), 0)
            self.check_no_process(d)

    def test_nobody_who_reads_its_log_or_gave_it_descriptors_is_needed(self):
        with Daemon(job=EVERY_SECOND, start=False) as d:
            command = [SLUICE, "serve", "-v", "-c", str(d.dir / "sluice.cfg")]
            reader, writer = os.pipe()
            d.process = subprocess.Popen(command, stderr=writer)
            os.close(writer)
            wait_for(lambda: d.has_table("sluice_runs") and len(d.runs()) >= 1, LONG)
            os.close(reader)
            before = len(d.runs())
            wait_for(lambda: len(d.runs()) >= before + 2, LONG)
            d.process.terminate()
            self.assertEqual(d.process.wait(LONG), 0)
            d.process = subprocess.Popen(["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", *command])
            before = len(d.runs())
            wait_for(lambda: len(d.runs()) >= before + 2, LONG)
            d.process.terminate()
            self.assertEqual(d.process.wait(LONG), 0)
            d.process = None
            self.check_ledger(d)


# ---- Signals at any moment ----

class Signals(Case):
    POINTS = 30

    def caught(self, pid):
        """Has it taken the signals over?"""
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        masks = [int(re.search(name + r":\s+(\w+)", status).group(1), 16) for name in ("SigBlk", "SigCgt")]
        return any(mask >> (signal.SIGTERM - 1) & 1 for mask in masks)

    def one(self, d, r):
        d.serve(ready=False)
        wait_for(lambda: d.process.poll() is not None or self.caught(d.process.pid))
        until = time.monotonic() + r.choice((0, 0.01, 0.05, 0.3, 1, 2)) * r.random()
        while time.monotonic() < until:
            if r.random() < 0.3:
                d.hup()
            time.sleep(r.random() * 0.05)
        d.process.terminate()
        for _ in range(r.randrange(4)):
            time.sleep(r.random() * 0.01)
            with contextlib.suppress(ProcessLookupError):
                d.hup()
        started = time.monotonic()
        code = d.process.wait(LONG)
        seconds = time.monotonic() - started
        self.assertEqual(code, 0, "\n".join(d.log_lines))
        self.assertLess(seconds, 14 + (LONG if SANITIZED else BUSY), "it took longer than the grace of a run")
        self.assertFalse((d.dir / "control.sock").exists(), "the socket was left")
        self.check_no_process(d)
        d.stop()

    def test_sigterm_ends_it_cleanly_whatever_it_does(self):
        r = random.Random(SEED)
        with Daemon(job=EVERY_SECOND + " on_start = true;", start=False) as d:
            d.sim.records("customers", [{"TRDR": str(i), "NAME": f"n{i}"} for i in range(1, 500)])
            for i in range(self.POINTS):
                with self.subTest(i, seed=SEED):
                    if r.random() < 0.3:
                        d.sim.reply(delay_ms=r.randrange(1000))
                    self.one(d, r)
            d.serve()
            d.wait_log(CUSTOMERS, "status=success", seconds=LONG)
            self.assertEqual(d.stop(), 0)
            self.check_ledger(d)
            self.assertEqual(len(d.rows()), 499)

    def test_sigterm_while_a_plugin_hangs_in_a_start_or_a_reload(self):
        with Daemon(job=NEVER_SOON, start=False) as d:
            good = (d.dir / "sluice.cfg").read_text()
            for plugin in ("loading_hangs", "loading_leaves"):
                bad = good.replace('plugin = "softone"', f'plugin = "{HOSTILE}/{plugin}.so"')
                for reload in (False, True):
                    with self.subTest(plugin, reload=reload):
                        d.write("sluice.cfg", good if reload else bad)
                        d.serve(ready=reload)
                        d.write("sluice.cfg", bad)
                        if reload:
                            d.hup()
                        wait_for(lambda: any(map(children, children(d.process.pid))) or d.log("refused") or
                                 d.process.poll() is not None)  # one that does not hang may be over already
                        d.process.terminate()
                        started = time.monotonic()
                        code = d.process.wait(LONG)
                        self.assertIn(code, (0,) if plugin == "loading_hangs" or reload else (0, 78))
                        self.assertLess(time.monotonic() - started, 8)
                        self.check_no_process(d)
                        self.assertFalse((d.dir / "control.sock").exists())
                        d.stop()


# ---- Where it listens ----

class Listens(Case):
    def refused(self, control, *says, listen=None):
        with Daemon(job=NEVER_SOON, start=False, control=control) as d:
            text = (d.dir / "sluice.cfg").read_text()
            if listen:
                d.write("sluice.cfg", text.replace(f"127.0.0.1:{d.port}", listen))
            r = d.sluice("serve")
            self.assertEqual(r.code, 78, r)
            for text in says:
                self.assertIn(text, r.err)
            self.assertFalse(d.database.exists(), "the store was touched")
            return r

    def test_a_foreign_address_without_a_token_is_refused(self):
        everywhere = f"0.0.0.0:{free_port()}"
        for control in ("", 'tokens = ( { name = "x"; secret = "${UNSET:-}"; } );'):
            self.refused(control, "sluice.cfg:1: `listen`", "token", listen=everywhere)

    def test_a_port_in_use_is_named(self):
        with Listener() as taken:
            self.refused("", "control.listen", taken.address, "Address already in use", listen=taken.address)

    def test_a_socket_that_cannot_be_made_is_named_and_what_is_there_stays(self):
        with Daemon(job=NEVER_SOON, start=False) as d:
            good = (d.dir / "sluice.cfg").read_text()
            d.write("file", "precious")
            for socket_path, says in (("missing/control.sock", "there is no directory"), ("file", "is no socket"),
                                      ("file/control.sock", "Not a directory"), ("x" * 200, "too long")):
                with self.subTest(socket_path[:30]):
                    d.write("sluice.cfg", good.replace('"control.sock"', f'"{socket_path}"'))
                    r = d.sluice("serve")
                    self.assertEqual(r.code, 78, r)
                    self.assertIn("control.socket", r.err)
                    self.assertIn(says, r.err)
            self.assertEqual((d.dir / "file").read_text(), "precious")

    def test_a_socket_that_a_killed_daemon_left_is_taken_over(self):
        with Daemon(job=NEVER_SOON) as d:
            d.process.kill()
            d.process.wait()
            d.stop()
            self.assertTrue((d.dir / "control.sock").exists())
            d.serve()
            self.assertEqual(d.ask("GET", "/livez").status, 200)
            self.assertEqual((d.dir / "control.sock").stat().st_mode & 0o777, 0o660)


# ---- Secrets ----

class Secrets(Case):
    ALL = PASSWORD, TOKEN, HOOK, ENV, STORE = tuple(f"Planted{name}Secret42" for name in
                                                    ("Password", "Token", "Hook", "Env", "Store"))

    def assertClean(self, text, what, allowed=()):
        for secret in self.ALL:
            if secret in text and secret not in allowed:
                at = text.find(secret)
                self.fail(f"{what}: {secret} in …{text[max(0, at - 200):at + 100]}…")

    def check_process(self, pid, what):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for name in ("cmdline", "environ", "comm"):
                self.assertClean(pathlib.Path(f"/proc/{pid}/{name}").read_bytes().decode("utf-8", "replace"),
                                 f"{name} of {what}")
            for path in processes.open_files(pid):
                self.assertClean(path, f"descriptors of {what}")

    def test_they_show_nowhere(self):
        with Hook() as hook, Daemon("--password", self.PASSWORD, job=EVERY_SECOND, start=False, arguments=["-v"],
                                    control=f'tokens = ( {{ name = "ops"; secret = "{self.TOKEN}"; }} );') as d:
            hook.hang()
            d.extra = (f'env_file = "env"; include = "more"; alerts = ( {{ on = [ "failing", "recovered" ]; after = 1;'
                       f' webhook = "{hook.url}/{self.HOOK}?key=${{HOOKKEY}}"; command = "sleep 3"; }} );')
            d.write("env", f"PW={self.PASSWORD}\nHOOKKEY={self.ENV}\nOTHER={self.ENV}\n", 0o600)
            (d.dir / "more").mkdir()
            d.configure(password="${PW}")
            d.serve()
            d.wait_log(CUSTOMERS, "run ended", seconds=LONG)
            echo = {"success": False, "code": 250, "message": f"no {self.PASSWORD} for you"}
            d.sim.reply(status=200, body=json.dumps(echo), times=2)
            d.wait_log("status=failed", seconds=LONG)
            hook.wait(1, LONG)
            d.sim.reply(fault="hang-before-headers")
            seen = set()

            def look():
                for pid in (d.process.pid, *children(d.process.pid)):
                    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                        kind = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1:2]
                        seen.update(kind)
                        self.check_process(pid, kind)
                        for child in children(pid):
                            self.check_process(child, f"a child of {kind}")
                            seen.add(b"child")
                return {b"serve", b"worker", b"alert", b"child"} <= seen
            wait_for(look, LONG)
            good = (d.dir / "sluice.cfg").read_text()
            d.write("sluice.cfg", good.replace('plugin = "softone"', f'plugin = "{HOSTILE}/loading_hangs.so"'))
            d.hup()
            wait_for(lambda: look() and b"snapshot" in seen, LONG)
            d.write("sluice.cfg", good.replace("sqlite:sluice.db", f"postgresql://u:{self.STORE}@127.0.0.1:1/x"))
            token = {"Authorization": "Bearer " + self.TOKEN}
            answer = d.ask("POST", "/api/v1/reload", headers=token, timeout=LONG)
            self.assertFalse(answer.json["applied"])
            self.assertClean(answer.body, "the reload's answer")
            d.write("sluice.cfg", good.replace("company", "compnay").replace("timeout", "timeuot"))
            self.assertClean(d.ask("POST", "/api/v1/reload", headers=token, timeout=LONG).body, "the reload's answer")
            d.write("sluice.cfg", good)
            self.assertTrue(d.ask("POST", "/api/v1/reload", headers=token, timeout=LONG).json["applied"])
            runs = d.ask("GET", "/api/v1/runs", headers=token).json["runs"]
            paths = ["/", "/livez", "/readyz", "/metrics", "/api/jobs/init", "/api/v1/jobs", f"/api/v1/jobs/{CUSTOMERS}",
                     "/api/v1/runs", "/api/v1/rejects", "/api/v1/cursors", "/nothing"]
            for path in paths + ["/api/v1/runs/" + r["run"] for r in runs[:5]]:
                for headers in (token, {"Authorization": "Bearer " + self.TOKEN[:-1]}, {}):
                    answer = d.tcp("GET", path, headers=headers)
                    self.assertClean(answer.body + str(answer.headers), path)
            for verb in ("jobs", "status", "runs", "rejects", "cursor get", "reload", "next " + CUSTOMERS):
                r = d.sluice(*verb.split())
                self.assertClean(r.out + r.err, verb)
            hook.go_on()
            d.wait_log(CUSTOMERS, "status=success", count=len(d.log(CUSTOMERS, "status=success")) + 1, seconds=LONG)
            self.assertEqual(d.stop(), 0)
            self.assertClean("\n".join(d.log_lines), "the log")
            self.assertTrue(d.log("no *** for you"), "it was not even tried")
            self.assertClean("".join(hook.bodies), "alerts")
            self.assertEqual({p.split("?")[0] for p in hook.paths}, {"/" + self.HOOK})
            self.assertClean("\n".join(map(str, d.dump())), "tables")
            for file in d.dir.glob("sluice.db*"):
                self.assertClean(file.read_bytes().decode("utf-8", "replace"), file.name)

    def test_what_the_daemon_inherited_goes_to_no_worker_and_no_alert(self):
        with Daemon(job=NEVER_SOON, start=False, env={"PW": "demo", "INHERITED": self.ENV}) as d:
            d.extra = 'alerts = ( { on = [ "failing" ]; after = 1; command = "sleep 2"; } );'
            d.configure(password="${PW}")
            d.serve()
            d.sim.reply(status=403)
            run(d)
            d.sim.reply(fault="hang-before-headers")
            d.ask("POST", RUNS)
            wait_for(lambda: len(d.sim.requests()) == 2)
            worker = worker_of(d.process.pid)
            pids = [*children(d.process.pid), connector_of(worker)]
            self.assertGreaterEqual(len(pids), 2)
            for pid in pids:
                self.check_process(pid, "a process of the daemon's")


if __name__ == "__main__":
    unittest.main()
