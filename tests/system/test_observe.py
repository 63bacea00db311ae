"""What the daemon tells of itself: alerts, metrics, the service manager, its log, what it forgets, and the verbs beside
it."""
import collections
import re
import socket

from daemon import *
from harness import *
from hook import *
from processes import children, stat

EVERY_SECOND = 'schedule = "* * * * * *";'
NEVER_SOON = 'schedule = "0 0 29 2 *";'
HOSTILE = pathlib.Path(os.environ["SLUICE_HOSTILE"])
GOOD = [{"TRDR": "1", "CODE": "A", "NAME": "one"}]
LONG = 60  # seconds that something may take on a busy machine


def run(d, job=CUSTOMERS):
    """Have a job run; the run's result."""
    return d.ask("POST", f"/api/v1/jobs/{job}/runs", {"wait": True}, timeout=LONG).json


def fail(d):
    """A run that the source refuses."""
    d.sim.reply(status=403)
    result = run(d)
    assert not result["success"], result


def alerts_to(*receivers):
    return "alerts = ( " + ", ".join("{ " + r + " }" for r in receivers) + " );"


def environ(pid):
    return pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace")


# ---- Alerts ----

class Alerts(Test):
    def setUp(self):
        self.hook = Hook()
        self.addCleanup(self.hook.__exit__)

    def daemon(self, on, *more, job=NEVER_SOON, **options):
        names = ", ".join(f'"{name}"' for name in on)
        d = Daemon(job=job, start=False, **options)
        self.addCleanup(d.close)
        d.told = d.dir / "told"
        d.extra = alerts_to(f'on = [ {names} ]; after = 2; webhook = "{self.hook.url}/hook";'
                            f' command = "cat >> {d.told}";', *more)
        d.configure()
        return d.serve()

    def test_failing_and_recovered_are_told_once_each(self):
        d = self.daemon(["failing", "recovered"])
        d.sim.records("customers", GOOD)
        run(d)
        for _ in range(4):
            fail(d)
        run(d)
        run(d)
        fail(d)
        fail(d)
        self.hook.wait(3)
        d.stop()
        failing, recovered, again = self.hook.alerts
        self.assertEqual(self.hook.names(), ["failing", "recovered", "failing"])
        self.assertEqual((failing["job"], failing["failures"], failing["status"]), (CUSTOMERS, 2, "failed"))
        self.assertIn(f"{CUSTOMERS} has failed 2 times in a row: ", failing["text"])
        self.assertIn("403", failing["text"])
        self.assertEqual(recovered["failures"], 4)
        self.assertEqual(recovered["text"], f"{CUSTOMERS} works again after 4 failed runs")
        self.assertEqual(again["failures"], 2)
        runs = [r["id"] for r in d.runs()]
        self.assertEqual([a["run"] for a in self.hook.alerts], [runs[2], runs[5], runs[8]])
        self.assertEqual(len({a["id"] for a in self.hook.alerts}), 3)

        def command_told():
            return sorted(json.loads(line)["id"] for line in d.told.read_text().splitlines())
        wait_for(lambda: d.told.exists() and len(command_told()) >= 3, LONG)
        self.assertEqual(command_told(), sorted(a["id"] for a in self.hook.alerts))

    def test_what_was_told_is_not_told_again_after_a_restart(self):
        d = self.daemon(["failing", "recovered", "rejects"])
        fail(d)
        fail(d)
        self.hook.wait(1)
        d.stop()
        d.serve()
        fail(d)
        d.stop()
        d.serve()
        d.sim.records("customers", GOOD + [{"TRDR": "bad"}])
        run(d)
        self.hook.wait(3)
        d.stop()
        d.serve()
        run(d)
        fail(d)
        fail(d)
        self.hook.wait(4)
        self.assertEqual(sorted(self.hook.names()[1:3]), ["recovered", "rejects"])
        self.assertEqual(self.hook.names()[0::3], ["failing", "failing"])
        self.assertEqual([a["failures"] for a in self.hook.alerts if a["alert"] == "recovered"], [3])

    def test_a_gap_is_told_with_its_interval_and_not_again_while_it_lasts(self):
        d = self.daemon(["gap"])
        d.sim.records("customers", [])

        def window(start, end, elapsed=0):
            d.execute(f"UPDATE sluice_cursors SET reply_at = reply_at - {elapsed * 1000000}") if elapsed else None
            d.sim.reply(status=200, body=json.dumps({"success": True, "total": 0, "result": [],
                                                     "window_start": "2026-02-10 " + start, "at": "2026-02-10 " + end}))
            run(d)
        window("09:10:03", "09:20:03")
        window("10:10:03", "10:20:03", 3600)
        window("11:10:03", "11:20:03", 3600)
        window("11:20:03", "11:30:03")
        window("12:20:03", "12:30:03", 3600)
        first, second = self.hook.wait(2)
        self.assertEqual(self.hook.names(), ["gap", "gap"])
        self.assertEqual(first["interval"], {"from": "2026-02-10 09:20:03", "to": "2026-02-10 10:10:03"})
        self.assertAlmostEqual(first["gap_seconds"], 3000, delta=LONG)
        self.assertEqual(second["interval"], {"from": "2026-02-10 11:30:03", "to": "2026-02-10 12:20:03"})

    def test_rejects_are_told_without_anything_of_a_record(self):
        d = self.daemon(["rejects"])
        planted = {"TRDR": "PlantedKey", "NAME": "PlantedName", "UPDDATE": "PlantedDate"}
        for records in (GOOD, GOOD + [planted], GOOD + [planted, planted], GOOD, GOOD + [planted]):
            d.sim.records("customers", records)
            run(d)
        first, second = self.hook.wait(2)
        self.assertEqual(self.hook.names(), ["rejects", "rejects"])
        self.assertEqual((first["errors"], first["text"]),
                         (1, f"{CUSTOMERS} rejected 1 of 2 records; `sluice rejects {CUSTOMERS}` lists them"))
        self.assertNotIn("Planted", "".join(self.hook.bodies))
        self.assertNotIn("Planted", "\n".join(d.log("alert")))

    def test_a_job_without_a_good_run_for_three_fires_is_stale_until_there_is_one(self):
        d = self.daemon(["stale", "recovered"], job='schedule = "*/2 * * * * *";', clock="real")
        d.wait_log(CUSTOMERS, "run ended")
        d.wait_log(SUPPLIERS, "run ended")
        d.sim.reply(status=403, times=0)
        wait_for(lambda: self.hook.names().count("stale") >= 2, LONG)
        failed = len(d.log(CUSTOMERS, "status=failed"))
        d.wait_log(CUSTOMERS, "status=failed", count=failed + 3, seconds=LONG)
        self.assertEqual(sorted((a["alert"], a["job"]) for a in self.hook.alerts),
                         [("stale", CUSTOMERS), ("stale", SUPPLIERS)])
        self.assertIn("has had no good run since 20", self.hook.alerts[0]["text"])
        d.sim.call("POST", "/_sim/reset")
        wait_for(lambda: self.hook.names().count("recovered") >= 2, LONG)

    def test_a_job_that_was_paused_is_not_stale(self):
        d = self.daemon(["stale"], job='schedule = "*/2 * * * * *";')
        d.wait_log(CUSTOMERS, "run ended")
        d.ask("POST", f"/api/v1/jobs/{CUSTOMERS}/pause")
        last = d.state()["last_run"]["timestamp"]
        time.sleep(8)  # more than three fires
        d.ask("POST", f"/api/v1/jobs/{CUSTOMERS}/resume")
        wait_for(lambda: d.state()["last_run"]["timestamp"] > last, LONG)
        self.assertEqual([a for a in self.hook.alerts if a["job"] == CUSTOMERS], [])

    def test_a_job_that_cannot_even_begin_is_failing_too(self):
        d = self.daemon(["failing", "recovered"], store="sqlite:data/sluice.db")
        for _ in range(3):
            run(d)
        (failing,) = self.hook.wait(1)
        self.assertEqual((failing["alert"], failing["job"], failing["failures"]), ("failing", CUSTOMERS, 2))
        self.assertIn("cannot open", failing["text"])
        (d.dir / "data").mkdir()
        self.assertTrue(run(d)["success"])
        self.assertEqual([a["alert"] for a in self.hook.wait(2)], ["failing", "recovered"])

    def test_a_webhook_that_fails_is_asked_again_with_the_same_alert(self):
        self.hook.answers = [500, 503]
        d = self.daemon(["failing"])
        fail(d)
        fail(d)
        one, two, three = self.hook.wait(3)
        self.assertEqual(one, two)
        self.assertEqual(one, three)
        self.assertEqual(set(self.hook.paths), {"/hook"})
        self.assertEqual(d.log("was not delivered"), [])

    def test_a_webhook_that_is_away_is_logged_without_its_url(self):
        d = self.daemon(["failing"], 'on = [ "failing" ]; after = 1; webhook = "http://127.0.0.1:1/services/HookKey42";',
                        'on = [ "failing" ]; after = 1; command = "exit 7";')
        fail(d)
        lines = d.wait_log("was not delivered", count=2, seconds=120)
        self.assertTrue(any("to its webhook" in line for line in lines), lines)
        self.assertTrue(any("to its command: it ended with exit code 7" in line for line in lines), lines)
        self.assertNotIn("HookKey42", "\n".join(d.log_lines))

    def test_a_webhook_that_hangs_holds_up_nothing(self):
        d = self.daemon(["failing", "recovered"])
        self.hook.hang()
        fail(d)
        fail(d)
        self.hook.wait(1)
        wait_for(lambda: d.told.exists() and "failing" in d.told.read_text(), LONG)
        d.sim.records("customers", GOOD)
        run(d)
        wait_for(lambda: "recovered" in d.told.read_text(), LONG)
        self.assertEqual(d.ask("GET", "/livez").status, 200)
        processes = children(d.process.pid)
        d.process.terminate()
        self.assertEqual(d.process.wait(10), 0, "it waits for no webhook")
        self.hook.go_on()
        for pid in processes:
            wait_for(lambda: not alive(pid), LONG)
        d.stop()

    def test_a_command_gets_a_small_environment_and_no_secret(self):
        d = Daemon(job=NEVER_SOON, start=False, env={"PASSWORD": "demo", "OTHER_SECRET": "Planted",
                                                     "NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "5000000"})
        self.addCleanup(d.close)
        told = d.dir / "told"
        d.extra = alerts_to(f'on = [ "failing" ]; after = 1; command = "env >> {told}; echo ended >> {told}";')
        d.configure(password="${PASSWORD}")
        d.serve()
        fail(d)
        wait_for(lambda: told.exists() and "ended" in told.read_text(), LONG)
        names = {line.split("=")[0] for line in told.read_text().splitlines()}
        self.assertEqual(names & {"PASSWORD", "OTHER_SECRET", "NOTIFY_SOCKET", "WATCHDOG_USEC"}, set())
        self.assertIn("PATH", names)


# ---- Metrics ----

def series(page):
    """{name: {labels: value}}."""
    found = collections.defaultdict(dict)
    for line in page.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = re.fullmatch(r"([a-z_:]+)(\{.*\})? (\S+)", line).groups()
        found[name][tuple(sorted(re.findall(r'(\w+)="([^"]*)"', labels or "")))] = float(value)
    return found


class Metrics(Test):
    def promtool(self, page):
        try:
            result = subprocess.run(["promtool", "check", "metrics"], input=page, text=True, capture_output=True,
                                    timeout=60)
        except FileNotFoundError:
            raise AssertionError("promtool is missing (Debian's package prometheus has it)") from None
        self.assertEqual((result.returncode, result.stdout + result.stderr), (0, ""))

    def page(self, d):
        answer = d.tcp("GET", "/metrics")
        self.assertEqual(answer.status, 200)
        self.promtool(answer.body)
        return series(answer.body)

    def test_they_are_what_the_ledger_says(self):
        with Daemon(job=NEVER_SOON, http='rate = "600/min";') as d:
            self.page(d)
            d.sim.records("customers", GOOD + [{"TRDR": "2"}, {"TRDR": "bad"}])
            run(d)
            d.sim.records("customers", [{"TRDR": "1", "NAME": "new"}, {"TRDR": "2"}])
            run(d)
            run(d, SUPPLIERS)
            fail(d)
            m = self.page(d)
            rows = d.query("SELECT * FROM sluice_runs")
            for job in (CUSTOMERS, SUPPLIERS):
                mine = [r for r in rows if r["job"] == job]
                for outcome in ("success", "partial", "failed", "crashed", "timeout", "cancelled"):
                    self.assertEqual(m["sluice_runs_total"][("job", job), ("outcome", outcome)],
                                     sum(r["status"] == outcome for r in mine), (job, outcome))
                for outcome, counter in (("created", "created"), ("updated", "updated"), ("skipped", "skipped"),
                                         ("rejected", "errors")):
                    self.assertEqual(m["sluice_records_total"][("job", job), ("outcome", outcome)],
                                     sum(r[counter] for r in mine), (job, outcome))
                self.assertEqual(m["sluice_run_duration_seconds_count"][(("job", job),)], len(mine))
                self.assertEqual(m["sluice_run_duration_seconds_bucket"][("job", job), ("le", "+Inf")], len(mine))
                self.assertGreater(m["sluice_next_run_timestamp_seconds"][(("job", job),)], time.time())
                last = m["sluice_last_success_timestamp_seconds"][(("job", job),)]
                self.assertAlmostEqual(last, time.time(), delta=LONG)
            self.assertEqual(sum(m["sluice_runs_total"].values()), 4)
            self.assertEqual(m["sluice_worker_exits_total"], {(("reason", "result"),): 4})
            self.assertGreater(m["sluice_http_requests_total"][(("code", "200"),)], 3)
            self.assertEqual((m["sluice_config_generation"][()], m["sluice_store_reachable"][()]), (1, 1))
            self.assertIn(dict(list(m["sluice_build_info"])[0])["version"], d.sluice("version").out)

    def test_the_series_of_a_job_that_a_reload_took_away_are_gone_also_when_its_run_ends(self):
        with Daemon(job=NEVER_SOON) as d:
            run(d)
            run(d, SUPPLIERS)
            d.sim.reply(delay_ms=3000)
            d.ask("POST", f"/api/v1/jobs/{SUPPLIERS}/runs")
            wait_for(lambda: len(d.sim.requests()) == 3)
            text = (d.dir / "sluice.cfg").read_text()
            d.write("sluice.cfg", re.sub(r', \{ stream = "suppliers".*?\}', "", text))
            self.assertTrue(d.ask("POST", "/api/v1/reload").json["applied"])
            self.assertNotIn(SUPPLIERS, d.tcp("GET", "/metrics").body)
            d.wait_log(SUPPLIERS, "run ended", count=2)
            m = self.page(d)
            self.assertNotIn(SUPPLIERS, d.tcp("GET", "/metrics").body)
            self.assertEqual(m["sluice_runs_total"][("job", CUSTOMERS), ("outcome", "success")], 1)
            self.assertEqual(m["sluice_reloads_total"][(("result", "applied"),)], 1)
            self.assertEqual(m["sluice_config_generation"][()], 2)

    def test_dead_workers_refused_reloads_and_late_fires_are_counted(self):
        with Daemon(job=EVERY_SECOND) as d:
            d.wait_log(CUSTOMERS, "run ended", count=2)
            d.sim.reply(fault="hang-before-headers")
            worker = wait_for(lambda: (children(d.process.pid) if len(d.sim.requests()) else None))
            os.kill(worker[0], signal.SIGKILL)
            d.wait_log("signal 9")
            good = (d.dir / "sluice.cfg").read_text()
            d.write("sluice.cfg", good.replace("schedule", "shedule"))
            self.assertFalse(d.ask("POST", "/api/v1/reload").json["applied"])
            m = self.page(d)
            self.assertEqual(m["sluice_worker_exits_total"][(("reason", "signal 9"),)], 1)
            self.assertEqual(m["sluice_reloads_total"][(("result", "refused"),)], 1)
            self.assertGreaterEqual(m["sluice_schedule_delay_seconds_count"][()], 2)
            self.assertEqual(m["sluice_config_generation"][()], 1)


# ---- The service manager ----

class Manager:
    """What listens at NOTIFY_SOCKET."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.told = []  # (when, {name: value})
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        try:
            while text := self.socket.recv(65536).decode():
                self.told.append((time.monotonic(), dict(line.split("=", 1) for line in text.splitlines())))
        except OSError:
            pass

    def when(self, name):
        return [at for at, lines in list(self.told) if name in lines]

    def wait(self, name, count=1, seconds=LONG):
        wait_for(lambda: len(self.when(name)) >= count, seconds)
        return [lines for _, lines in list(self.told) if name in lines]

    def close(self):
        self.socket.close()


class Systemd(Test):
    def daemon(self, name=None, watchdog=None, pid="", job=NEVER_SOON):
        d = Daemon(job=job, start=False)
        self.addCleanup(d.close)
        name = name or str(d.dir / "notify")
        manager = Manager(name.replace("@", "\0"))
        self.addCleanup(manager.close)
        d.env = {"NOTIFY_SOCKET": name}
        if watchdog:
            d.env["WATCHDOG_USEC"] = str(watchdog)
        if pid:
            d.env["WATCHDOG_PID"] = pid
        return d, manager

    def test_ready_reloading_and_stopping_are_told(self):
        for name in (None, f"@sluice-test-{os.getpid()}"):
            with self.subTest(name):
                d, manager = self.daemon(name)
                d.serve()
                (ready,) = manager.wait("READY")
                self.assertEqual(ready, {"READY": "1", "STATUS": "generation 1, 2 jobs from 1 connectors"})
                self.assertEqual(d.tcp("GET", "/livez").status, 200)
                before = time.monotonic()
                d.hup()
                _, ready = manager.wait("READY", 2)
                (reloading,) = manager.wait("RELOADING")
                self.assertEqual(reloading["RELOADING"], "1")
                self.assertTrue(before <= int(reloading["MONOTONIC_USEC"]) / 1e6 <= time.monotonic(), reloading)
                self.assertIn("generation 2", ready["STATUS"])
                d.write("sluice.cfg", "nonsense")
                d.hup()
                self.assertIn("generation 2", manager.wait("READY", 3)[2]["STATUS"])
                self.assertEqual(d.stop(), 0)
                self.assertEqual(manager.wait("STOPPING")[0]["STOPPING"], "1")
                self.assertEqual([next(iter(lines)) for _, lines in manager.told],
                                 ["READY", "RELOADING", "READY", "RELOADING", "READY", "STOPPING"])

    def test_the_watchdog_hears_of_it_twice_in_its_interval(self):
        d, manager = self.daemon(watchdog=1000000)
        d.serve()
        manager.wait("WATCHDOG", 6)
        at = manager.when("WATCHDOG")
        self.assertGreater(at[5] - at[0], 1, "more often than it must")
        self.assertGreater(at[0], manager.when("READY")[0])
        os.kill(d.process.pid, signal.SIGSTOP)
        wait_for(lambda: stat(d.process.pid)[1] == "T")
        time.sleep(0.5)  # what it said before is heard by then
        stopped = len(manager.when("WATCHDOG"))
        time.sleep(1.5)
        self.assertEqual(len(manager.when("WATCHDOG")), stopped)
        os.kill(d.process.pid, signal.SIGCONT)
        manager.wait("WATCHDOG", stopped + 2)

    def test_a_watchdog_of_another_process_hears_nothing(self):
        d, manager = self.daemon(watchdog=200000, pid="1", job=EVERY_SECOND)
        d.serve()
        d.wait_log(CUSTOMERS, "run ended", count=2)
        self.assertEqual(manager.when("WATCHDOG"), [])
        self.assertEqual(d.stop(), 0)

    def test_its_variables_go_to_nobody_else(self):
        d, manager = self.daemon(watchdog=5000000)
        d.sim.reply(fault="hang-before-headers", times=0)
        d.serve()
        d.ask("POST", f"/api/v1/jobs/{CUSTOMERS}/runs")
        wait_for(d.sim.requests)
        text = (d.dir / "sluice.cfg").read_text()
        d.write("sluice.cfg", text.replace('plugin = "softone"', f'plugin = "{HOSTILE}/loading_hangs.so"'))
        d.hup()
        helper = wait_for(lambda: next((p for p in children(d.process.pid) if b"snapshot" in
                                        pathlib.Path(f"/proc/{p}/cmdline").read_bytes()), None))
        plugin = wait_for(lambda: next(iter(children(helper)), None))
        pids = [*children(d.process.pid), plugin]
        self.assertEqual(len(pids), 3)
        for pid in pids:
            for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
                self.assertNotIn(name, environ(pid))
        self.assertEqual(d.stop(), 0)


# ---- The log ----

LINE = re.compile(r'time=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) level=(error|warn|info|debug)(?: job=(\S+|"[^"]*"))? '
                  r'msg="((?:[^"\\]|\\["\\nrt]|\\u[0-9a-f]{4})*)"((?: [a-z_]+=(?:[^\s"=\\]+|"(?:[^"\\]|\\.)*"))*)')


def parse(line):
    match = LINE.fullmatch(line)
    if not match:
        raise AssertionError(f"no line of a log: {line!r}")
    found = {"time": match[1], "level": match[2], "msg": match[4]}
    if match[3]:
        found["job"] = match[3]
    for name, value in re.findall(r' ([a-z_]+)=("(?:[^"\\]|\\.)*"|\S+)', match[5]):
        found[name] = int(value) if re.fullmatch(r"-?\d+", value) else value
    return found


class Log(Test):
    SUMMARY = ("run", "mode", "status", "total", "processed", "created", "updated", "skipped", "errors", "duration_ms")

    def eventful(self, *arguments):
        """The log of a daemon to which everything happens that is told."""
        d = Daemon(job=EVERY_SECOND, arguments=arguments, start=False)
        self.addCleanup(d.close)
        d.extra = 'include = "more"; ' + alerts_to('on = [ "failing" ]; after = 1; command = "exit 3";')
        (d.dir / "more").mkdir()
        d.write("more/hostile.cfg", f'''connectors = (
            {{ name = "loads"; plugin = "{HOSTILE}/loading_warns.so";
               jobs = ( {{ stream = "rows"; {EVERY_SECOND} }} ); }},
            {{ name = "talks"; plugin = "{HOSTILE}/worker_speaks.so"; jobs = ( {{ stream = "rows"; on_start = true;
               {NEVER_SOON} }} ); }},
            {{ name = "dies"; plugin = "{HOSTILE}/worker_crashes.so"; jobs = ( {{ stream = "rows"; on_start = true;
               {NEVER_SOON} }} ); }} );''')
        d.configure()
        d.write("env", "X=1\n", 0o644)  # which is warned of
        d.write("sluice.cfg", 'env_file = "env";\n' + (d.dir / "sluice.cfg").read_text())
        d.sim.records("customers", GOOD + [{"TRDR": "bad", "NAME": 'a "quote"'}])
        d.serve()
        d.wait_log("dies.rows", "crashed", seconds=LONG)
        d.wait_log("was not delivered", seconds=LONG)
        d.wait_log("loads.rows", "run ended", seconds=LONG)
        d.wait_log("talks.rows", "run ended", seconds=LONG)
        d.wait_log(CUSTOMERS, "partial", count=2, seconds=LONG)
        good = (d.dir / "sluice.cfg").read_text()
        d.write("sluice.cfg", good.replace("schedule", "shedule"))
        d.hup()
        d.wait_log("reload: refused", seconds=LONG)
        d.write("sluice.cfg", good)
        d.hup()
        d.wait_log("generation 2 is in force", seconds=LONG)
        d.wait_log(SUPPLIERS, "run ended", count=len(d.log(SUPPLIERS, "run ended")) + 1, seconds=LONG)
        self.assertEqual(d.stop(), 0)
        return d

    def check(self, d, lines):
        """The lines tell each run once, as the ledger does."""
        told = {line["run"]: line for line in lines if "duration_ms" in line}
        self.assertEqual(len(told), sum("duration_ms" in line for line in lines), "a run was told twice")
        rows = d.query("SELECT * FROM sluice_runs")
        self.assertEqual(set(told), {row["id"] for row in rows})
        for row in rows:
            line = told[row["id"]]
            self.assertEqual(tuple(k for k in line if k in self.SUMMARY), self.SUMMARY)
            self.assertEqual([line[k] for k in ("job", "mode", "status", *COUNTERS)],
                             [row[k] for k in ("job", "mode", "status", *COUNTERS)])
        texts = [line["msg"] for line in lines]
        for text in ("a warning", "anyone can read this file", "stopping", "ready: generation 1"):
            self.assertTrue(any(text in t for t in texts), text)

    def test_each_line_is_logfmt(self):
        d = self.eventful("-v")
        lines = [parse(line) for line in d.log_lines]
        self.check(d, lines)
        self.assertTrue(any("from the plugin" in line["msg"] for line in lines))
        self.assertTrue(any(line["level"] == "debug" and line["msg"] == "due" for line in lines))

    def test_each_line_is_json_when_asked_for(self):
        d = self.eventful("--log=json")
        lines = [json.loads(line) for line in d.log_lines]
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("error", "warn", "info"))
        self.check(d, lines)

    def test_a_start_that_fails_is_json_too(self):
        with Daemon(arguments=["--log=json"], start=False, job='shedule = "x"; bacth = 5;') as d:
            d.serve(ready=False)
            self.assertEqual(d.process.wait(LONG), 78)
            d.stop()
            lines = [json.loads(line) for line in d.log_lines]
            self.assertGreaterEqual(len(lines), 2)
            self.assertTrue(all("sluice.cfg:" in line["msg"] and line["level"] == "error" for line in lines), lines)

    def test_equal_lines_are_counted_and_not_repeated(self):
        with Daemon(job=EVERY_SECOND, start=False) as d:
            text = (d.dir / "sluice.cfg").read_text()
            d.write("sluice.cfg", re.sub(r', \{ stream = "suppliers".*?\}', "", text))
            d.sim.reply(fault="hang-before-headers")
            d.serve()
            d.wait_log("not run")
            d.wait_log("run ended", seconds=LONG)
            skipped = [parse(line) for line in d.log("not run")]
            self.assertEqual(len(skipped), 2, skipped)
            self.assertGreaterEqual(skipped[1]["repeated"], 2)


# ---- What is forgotten ----

class History(Test):
    def test_old_runs_and_rejects_are_forgotten_and_the_newest_kept(self):
        with Daemon(job=NEVER_SOON, extra='history = { runs = "90d"; rejects = "30d"; };', start=False) as d:
            for i in range(4):
                d.sim.records("customers", GOOD + [{"TRDR": f"bad{i}"}])
                self.assertEqual(d.run(CUSTOMERS).code, 2)
            self.assertEqual(d.run(SUPPLIERS).code, 0)

            def age(table, column, value, days):
                when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - days * 86400))
                more = f", finished_at = '{when}'" if column == "started_at" else f", last_seen_at = '{when}'"
                d.execute(f"UPDATE {table} SET {column} = '{when}'{more} WHERE id = '{value}'")
            runs = [r["id"] for r in d.runs()]
            rejects = [r["id"] for r in d.query("SELECT id FROM sluice_rejects ORDER BY record_key, id")]
            self.assertEqual((len(runs), len(rejects)), (4, 4))
            supplier = d.runs(SUPPLIERS)[0]["id"]
            for value, days in ((runs[0], 400), (runs[1], 91), (runs[2], 89), (supplier, 5000)):
                age("sluice_runs", "started_at", value, days)
            for value, days in ((rejects[0], 31), (rejects[1], 400), (rejects[2], 29)):
                age("sluice_rejects", "rejected_at", value, days)
            d.serve()
            wait_for(lambda: len(d.runs()) == 2 and len(d.query("SELECT * FROM sluice_rejects")) == 2, LONG)
            self.assertEqual({r["id"] for r in d.query("SELECT id FROM sluice_runs")}, {*runs[2:], supplier})
            self.assertEqual({r["id"] for r in d.query("SELECT id FROM sluice_rejects")}, set(rejects[2:]))
            self.assertEqual(len(d.rows()), 1)


# ---- Verbs beside the daemon ----

class Verbs(Test):
    def test_they_say_what_the_daemon_says(self):
        with Daemon(job='schedule = "17 3 * * *"; timezone = "Europe/Athens";') as d:
            d.sim.records("customers", GOOD)
            run(d)
            fires = d.sluice("next", CUSTOMERS, "--json").json["next"]
            self.assertEqual(fires[0], d.state()["next_run"])
            listed = d.sluice("jobs", "--json").json["jobs"]
            self.assertEqual([(j["name"], j["next_run"], j["paused"]) for j in listed],
                             [(j["name"], j["next_run"], j["paused"]) for j in d.get("/api/v1/jobs")["jobs"]])
            status = d.sluice("status", "--json")
            self.assertEqual(status.code, 0, status)
            self.assertIn(d.state()["last_run"]["run"], status.out)
            self.assertEqual(d.sluice("pause", CUSTOMERS).code, 0)
            self.assertTrue(d.sluice("jobs", "--json").json["jobs"][0]["paused"])
            self.assertIn("paused", d.sluice("jobs").out)
            self.assertEqual(d.sluice("resume", CUSTOMERS).code, 0)
            self.assertFalse(d.sluice("jobs", "--json").json["jobs"][0]["paused"])

    def test_a_run_of_the_daemon_is_seen_and_can_be_cancelled_by_name(self):
        with Daemon(job=NEVER_SOON) as d:
            d.sim.reply(fault="hang-before-headers")
            d.ask("POST", f"/api/v1/jobs/{CUSTOMERS}/runs")
            wait_for(d.sim.requests)
            self.assertTrue(d.sluice("jobs", "--json").json["jobs"][0]["running"])
            (row,) = d.query("SELECT id FROM sluice_runs WHERE status = 'running'")
            self.assertEqual(d.sluice("cancel", row["id"]).code, 0)
            d.wait_log(CUSTOMERS, "status=cancelled")
            self.assertFalse(d.sluice("jobs", "--json").json["jobs"][0]["running"])

    def test_what_a_job_needs_first_can_be_cancelled_too(self):
        with Daemon(job=NEVER_SOON, start=False) as d:
            text = (d.dir / "sluice.cfg").read_text()
            d.write("sluice.cfg", text.replace('"suppliers";', '"suppliers"; after = [ "customers" ];'))
            d.sim.reply(fault="hang-before-headers")
            d.serve()
            d.ask("POST", f"/api/v1/jobs/{SUPPLIERS}/runs")
            wait_for(d.sim.requests)
            (row,) = d.query("SELECT id FROM sluice_runs WHERE status = 'running'")
            self.assertEqual(d.ask("DELETE", "/api/v1/runs/" + row["id"]).status, 202)
            d.wait_log(SUPPLIERS, f"not run: {CUSTOMERS}, which runs before it, did not complete")
            self.assertEqual([(r["job"], r["status"]) for r in d.query("SELECT * FROM sluice_runs")],
                             [(CUSTOMERS, "cancelled")])


if __name__ == "__main__":
    unittest.main()
