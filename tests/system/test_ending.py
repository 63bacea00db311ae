"""How a run is ended from outside: Ctrl-C and SIGTERM at each stage, twice, to one process or to all of them; and what
becomes of a run whose output nobody takes.
"""
import signal
import socket

import processes
from harness import *
from harness import TIMEOUT
from test_hostile import GRACE, HOSTILE, HostileWorld

SOON = 5  # seconds in which a run that is told to end must have ended, where nothing holds it up


class FullBacklog:
    """An address where connecting hangs: it listens, and its queue is full."""

    def __enter__(self):
        self.server = socket.socket()
        self.server.bind(("127.0.0.1", 0))
        self.server.listen(0)
        self.waiting = []
        for _ in range(8):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(self.server.getsockname())
            self.waiting.append(s)
        self.url = "http://127.0.0.1:%d" % self.server.getsockname()[1]
        return self

    def __exit__(self, *_):
        for s in [self.server, *self.waiting]:
            s.close()


def running(w):
    try:
        return w.query("SELECT * FROM sluice_runs WHERE status = 'running'") if w.database.exists() else []
    except sqlite3.OperationalError:
        return []  # the table is not there yet


class Ending(Test):
    def end(self, w, process, *signals, seconds=SOON, group=False):
        """Send the signals, one after the other; what is told, and what must be true then."""
        started = time.monotonic()
        for number in signals:
            (os.killpg if group else os.kill)(process.pid, number)
            wait_for(lambda: not processes.has_pending(process.pid))  # two that are pending would be one
        out, err = process.communicate(timeout=TIMEOUT)
        self.assertLess(time.monotonic() - started, seconds)
        result = Result(process.returncode, out, err)
        self.assertEqual(result.code, 130, result)
        self.assertEqual(result.json["status"], "cancelled")
        self.assertIn("cancelled", result.json["error"])
        known = [w.sim.process.pid] if w.sim else []
        self.assertEqual(processes.leftovers(known), {}, "a process was left over")
        self.check_counts(result)
        self.assertEqual(running(w), [])
        return result

    def check_row(self, w, result, table="softone_customers"):
        """The run's row says the same, and its rows are in the table."""
        (run,) = w.query("SELECT * FROM sluice_runs")
        self.assertEqual((run["status"], run["created"]), ("cancelled", result.json["created"]))
        if run["created"]:
            self.assertEqual(w.query(f"SELECT count(*) AS n FROM {table}"), [{"n": run["created"]}])
        self.assertEqual(w.query("SELECT * FROM sluice_cursors"), [], "the next run starts where this one did")

    def asked(self, w):
        """The source has been asked, so the run waits for its answer."""
        wait_for(lambda: running(w) and w.sim.requests())

    def end_each_way(self, prepare, wait, **world):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number), World(**world) as w:
                prepare(w)
                process = w.start("run", "--json", CUSTOMERS)
                wait(w)
                result = self.end(w, process, number)
                self.check_row(w, result)

    def test_while_it_connects(self):
        with FullBacklog() as nowhere:
            def prepare(w):
                w.configure(url=nowhere.url)
                text = (w.dir / "sluice.cfg").read_text()
                w.write("sluice.cfg", text.replace('"5s"', '"60s"').replace('"2s"', '"60s"'))
            self.end_each_way(prepare, lambda w: wait_for(lambda: running(w)), sim=False)

    def test_while_it_waits_for_an_answer(self):
        self.end_each_way(lambda w: w.sim.reply(status=200, delay_ms=30000), self.asked)

    def test_while_the_body_hangs(self):
        self.end_each_way(lambda w: w.sim.reply(status=200, fault="hang-in-body"), self.asked)

    def test_while_it_waits_to_ask_again(self):
        self.end_each_way(lambda w: w.sim.reply(status=503, headers={"Retry-After": "30"}, times=0), self.asked)

    def test_while_it_merges(self):
        def merging(w):
            wait_for(lambda: any(r["processed"] > 0 for r in running(w)))
        with World("--customers", "50000", "--prebuild", job="batch = 500;") as w:
            process = w.start("run", "--json", CUSTOMERS)
            merging(w)
            result = self.end(w, process, signal.SIGINT)
            self.check_row(w, result)
            self.assertGreater(result.json["created"], 0)
            self.assertLess(result.json["created"], 50000)
            self.check_counts(w.run(CUSTOMERS), processed=50000, created=50000 - result.json["created"])

    def test_while_the_plugin_listens_to_nothing(self):
        for deed in ("deaf", "endless-rows"):
            with self.subTest(deed), HostileWorld(None, HOSTILE / "hostile.so", deed, deadline=60) as w:
                process = w.start("run", "--json", "h.rows", config="hostile.cfg")
                wait_for(lambda: any(r["processed"] >= 2000 for r in running(w)))
                result = self.end(w, process, signal.SIGINT, seconds=GRACE + SOON)
                self.check_row(w, result, "hostile_rows")

    def test_while_another_program_holds_the_store(self):
        with World() as w:
            w.run(SUPPLIERS)
            holder = sqlite3.connect(w.database, isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")
            process = w.start("run", "--json", CUSTOMERS)
            worker = wait_for(lambda: processes.worker_of(process.pid))
            wait_for(lambda: str(w.database) in " ".join(processes.open_files(worker)))
            result = self.end(w, process, signal.SIGINT, seconds=SOON + 1)
            self.assertIsNone(result.json["run"], "it had not begun")
            holder.execute("ROLLBACK")
            self.check_counts(w.run(CUSTOMERS), status="success")

    def test_a_second_signal_ends_it_at_once(self):
        for signals in ((signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGTERM),
                        (signal.SIGINT, signal.SIGTERM)):
            with self.subTest(signals), HostileWorld(None, HOSTILE / "hostile.so", "deaf", deadline=60) as w:
                process = w.start("run", "--json", "h.rows", config="hostile.cfg")
                wait_for(lambda: any(r["processed"] >= 2000 for r in running(w)))
                result = self.end(w, process, *signals, seconds=1)
                self.assertEqual(result.json["error"], "cancelled at once")
                self.check_row(w, result, "hostile_rows")
                self.assertEqual(w.run(SUPPLIERS).code, 69, "there is no source, but the store is free")

    def test_a_terminals_signal_to_the_whole_group_is_one(self):
        with World() as w:
            w.sim.reply(status=200, delay_ms=30000)
            process = w.start("run", "--json", CUSTOMERS, start_new_session=True)
            self.asked(w)
            self.check_row(w, self.end(w, process, signal.SIGINT, group=True))

    def test_a_signal_to_each_process_is_one(self):
        """As a service manager stops a unit: all of its processes get SIGTERM at once."""
        with World() as w:
            w.sim.reply(status=200, delay_ms=30000)
            process = w.start("run", "--json", CUSTOMERS)
            self.asked(w)
            worker = processes.worker_of(process.pid)
            child = processes.connector_of(worker)
            for pid in (child, worker):
                processes.kill(pid, signal.SIGTERM)
            self.check_row(w, self.end(w, process, signal.SIGTERM))

    def test_a_signal_to_the_connector_child_alone_cancels(self):
        with World() as w:
            w.sim.reply(status=200, delay_ms=30000)
            process = w.start("run", "--json", CUSTOMERS)
            self.asked(w)
            processes.kill(processes.connector_of(processes.worker_of(process.pid)), signal.SIGTERM)
            self.check_row(w, self.end(w, process))

    def test_at_any_moment_of_its_start(self):
        for delay_ms in (0, 2, 5, 10, 15, 20, 30, 40, 60):
            with self.subTest(delay_ms=delay_ms), World() as w:
                w.sim.reply(status=200, delay_ms=30000)
                process = w.start("run", "--json", CUSTOMERS)
                time.sleep(delay_ms / 1000)  # the moment is the point of the test
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=TIMEOUT)
                self.assertIn(process.returncode, (-signal.SIGINT, 130), out + err)
                if process.returncode == 130:
                    self.assertEqual(json.loads(out)["status"], "cancelled")
                self.assertEqual(processes.leftovers([w.sim.process.pid]), {})
                self.assertEqual(running(w), [])

    def test_jobs_that_were_to_follow_do_not_run(self):
        with World() as w:
            w.sim.reply(status=200, delay_ms=30000)
            process = w.start("run", "--json", CUSTOMERS, SUPPLIERS)
            self.asked(w)
            result = self.end(w, process, signal.SIGINT)
            self.assertEqual([o["job"] for o in result.objects], [CUSTOMERS])
            self.assertEqual(len(w.query("SELECT * FROM sluice_runs")), 1)

    def test_a_dry_run_leaves_nothing(self):
        with World("--customers", "30") as w:
            w.run(CUSTOMERS)
            before = list(sqlite3.connect(w.database).iterdump())
            w.sim.call("DELETE", "/_sim/requests")
            w.sim.reply(status=200, delay_ms=30000)
            process = w.start("run", "--json", "--dry-run", CUSTOMERS)
            wait_for(lambda: w.sim.requests())
            self.end(w, process, signal.SIGINT)
            self.assertEqual(list(sqlite3.connect(w.database).iterdump()), before)

    def test_a_command_that_is_stopped_does_not_stop_its_run(self):
        """Ctrl-Z: the worker goes on, and neither waits for somebody to read its progress nor holds the store."""
        with World("--customers", "2000") as w:
            w.sim.reply(status=200, delay_ms=300)
            process = w.start("run", "--json", CUSTOMERS)
            wait_for(lambda: running(w))
            processes.kill(process.pid, signal.SIGSTOP)
            wait_for(lambda: w.query("SELECT * FROM sluice_runs WHERE status = 'success'"))
            processes.kill(process.pid, signal.SIGCONT)
            out, err = process.communicate(timeout=TIMEOUT)
            self.check_counts(json.loads(out), created=2000, status="success")


class Output(Test):
    """A run is not its output: what nobody reads was still done."""

    def check_done(self, w, process, code=0):
        process.wait(timeout=TIMEOUT)
        err = process.stderr.read() if process.stderr else ""
        self.assertEqual(process.returncode, code, err)
        self.assertEqual(w.query("SELECT status, created FROM sluice_runs ORDER BY job"),
                         [{"status": "success", "created": 100}, {"status": "success", "created": 50}])
        self.assertEqual(w.query("PRAGMA integrity_check"), [{"integrity_check": "ok"}])
        self.assertEqual(processes.leftovers([w.sim.process.pid]), {})
        return err

    def each_form(self, act):
        for form in (["--json"], [], ["-v"]):
            with self.subTest(form), World("--customers", "100", "--suppliers", "50") as w:
                act(w, ["run", *form, CUSTOMERS, SUPPLIERS])

    def test_a_reader_that_goes_away_is_no_error(self):
        def act(w, arguments):
            process = w.start(*arguments)
            process.stdout.close()
            self.assertEqual(self.check_done(w, process).count("output"), 0)
            process.stderr.close()
        self.each_form(act)

    def test_a_full_disk_is(self):
        def act(w, arguments):
            with open("/dev/full", "w") as full:
                process = subprocess.Popen([SLUICE, *arguments, "-c", str(w.dir / "sluice.cfg")], stdout=full,
                                           stderr=subprocess.PIPE, text=True)
                self.assertIn("standard output could not be written", self.check_done(w, process, code=1))
                process.stderr.close()
        self.each_form(act)

    def test_standard_descriptors_that_are_closed_go_nowhere(self):
        """Else the database could get number 1, and the result would be written into it."""
        def act(w, arguments):
            for closed in ("<&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-"):
                for file in w.dir.glob("sluice.db*"):
                    file.unlink(missing_ok=True)  # our own connections may still end
                command = " ".join([SLUICE, *arguments, "-c", str(w.dir / "sluice.cfg"), closed])
                process = subprocess.Popen(["sh", "-c", "exec " + command], stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL)
                self.check_done(w, process)
        self.each_form(act)

    def test_a_preview_ends_when_its_reader_does(self):
        with World("--customers", "5000", "--deliver", "all") as w:
            process = w.start("preview", CUSTOMERS, "-n", "5000")
            process.stdout.readline()
            process.stdout.close()
            process.wait(timeout=15)
            self.assertEqual(process.returncode, 0, process.stderr.read())
            process.stderr.close()
            self.assertEqual(processes.leftovers([w.sim.process.pid]), {})


if __name__ == "__main__":
    unittest.main()
