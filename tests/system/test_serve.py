"""sluice serve: schedules, overlap, missed fires, stop, dead workers, limits."""
from daemon import *
from harness import *

EVERY_SECOND = 'schedule = "* * * * * *";'
NEVER_SOON = 'schedule = "0 0 29 2 *";'


def pid_of_worker(d):
    """The worker of the run under way."""
    children = pathlib.Path(f"/proc/{d.process.pid}/task/{d.process.pid}/children").read_text().split()
    return int(children[0]) if children else None


class Schedules(Test):
    def test_a_job_runs_at_every_fire_of_its_schedule(self):
        with Daemon(job=EVERY_SECOND) as d:
            d.sim.records("customers", [{"TRDR": "1", "CODE": "A", "NAME": "one"}])
            d.wait_log(CUSTOMERS, "run ended", count=3)
            runs = d.runs()
            self.assertEqual(len(d.rows()), 1)
            seconds = [r["started_at"][:19] for r in runs]
            self.assertEqual(len(set(seconds)), len(seconds), "two runs in one second")
            for r in runs:
                self.check_counts(r)

    def test_a_job_that_still_runs_is_skipped_or_queued_as_overlap_says(self):
        for overlap, again in (("skip", False), ("queue", True)):
            with self.subTest(overlap), Daemon(job=NEVER_SOON + f' overlap = "{overlap}";', start=False) as d:
                d.job = EVERY_SECOND + f' overlap = "{overlap}";'
                d.configure()
                d.sim.reply(fault="hang-before-headers", path="getCustomers")
                d.serve()
                wait_for(lambda: d.sim.requests())
                if not again:
                    d.wait_log(CUSTOMERS, "not run", "overlap")
                d.wait_log(CUSTOMERS, "run ended", count=2)

    def test_one_run_at_a_time_goes_in_the_lane_of_a_connector(self):
        with Daemon(job=EVERY_SECOND) as d:
            d.wait_log(CUSTOMERS, "run ended", count=3)
            d.wait_log(SUPPLIERS, "run ended", count=3)
            d.stop()
            runs = d.query("SELECT started_at, finished_at FROM sluice_runs ORDER BY started_at")
            for before, after in zip(runs, runs[1:]):
                self.assertLessEqual(before["finished_at"], after["started_at"])

    def test_a_job_with_on_start_runs_when_the_daemon_starts(self):
        with Daemon(job=NEVER_SOON + " on_start = true;") as d:
            d.wait_log(CUSTOMERS, "run ended")
            d.wait_log(SUPPLIERS, "run ended")

    def test_fires_that_were_missed_while_nobody_was_there_are_one_run(self):
        with Daemon(job='schedule = "*/2 * * * * *";') as d:
            d.wait_log(CUSTOMERS, "run ended")
            d.stop()
            before = len(d.runs())
            d.job = 'schedule = "0 0 1 1 *"; full_schedule = "0 3 * * *";'
            d.configure()
            d.execute("UPDATE sluice_jobs SET last_fire = '2020-05-05T00:00:00.000Z'")
            d.serve()
            d.wait_log(CUSTOMERS, "run ended")
            d.wait_log(SUPPLIERS, "run ended")
            d.stop()
            runs = d.runs()
            self.assertEqual(len(runs), before + 1)
            d.serve()
            d.stop()
            self.assertEqual(len(d.runs()), before + 1, "caught up with twice")

    def test_catchup_skip_forgets_what_was_missed(self):
        with Daemon(job='schedule = "0 0 1 1 *"; catchup = "skip";') as d:
            wait_for(lambda: d.has_table("sluice_jobs") and len(d.query("SELECT * FROM sluice_jobs")) == 2)
            d.stop()
            d.execute("UPDATE sluice_jobs SET last_fire = '2020-05-05T00:00:00.000Z'")
            d.serve()
            d.wait_log(CUSTOMERS, "missed")
            d.stop()
            self.assertEqual(d.runs(), [])
            self.assertGreater(d.query("SELECT last_fire FROM sluice_jobs")[0]["last_fire"], "2025")

    def test_a_job_that_is_paused_does_not_fire_not_even_after_a_restart(self):
        with Daemon(job=EVERY_SECOND) as d:
            self.assertEqual(d.ask("POST", f"/api/v1/jobs/{CUSTOMERS}/pause").status, 200)
            d.wait_log(CUSTOMERS, "paused")
            d.stop()
            before = len(d.runs())
            d.serve()
            d.wait_log(SUPPLIERS, "run ended", count=2)
            self.assertTrue(d.state()["paused"])
            self.assertEqual(len(d.runs()), before)
            d.ask("POST", f"/api/v1/jobs/{CUSTOMERS}/resume")
            d.wait_log(CUSTOMERS, "run ended")
            self.assertFalse(d.state()["paused"])


class Ends(Test):
    def test_sigterm_ends_a_run_cleanly_and_its_fire_is_caught_up_with(self):
        with Daemon(job='schedule = "0 0 1 1 *";', start=False) as d:
            d.serve()
            d.stop()
            d.execute("UPDATE sluice_jobs SET last_fire = '2020-05-05T00:00:00.000Z'")
            d.sim.reply(fault="hang-before-headers")
            d.serve()
            wait_for(lambda: d.sim.requests())
            self.assertEqual(d.stop(), 0)
            statuses = {r["status"] for r in d.query("SELECT status FROM sluice_runs")}
            self.assertEqual(statuses, {"cancelled"})
            d.sim.call("POST", "/_sim/reset")
            d.serve()
            d.wait_log(CUSTOMERS, "run ended", "status=success")
            d.wait_log(SUPPLIERS, "run ended", "status=success")

    def test_a_second_sigterm_ends_all_at_once(self):
        with Daemon(job=NEVER_SOON + " on_start = true;", start=False) as d:
            d.sim.reply(fault="hang-before-headers")
            d.serve()
            wait_for(lambda: d.sim.requests())
            worker = pid_of_worker(d)
            os.kill(worker, signal.SIGSTOP)  # it will not end when told
            d.process.send_signal(signal.SIGTERM)
            d.wait_log("stopping")
            started = time.monotonic()
            self.assertEqual(d.stop(), 0)
            self.assertLess(time.monotonic() - started, 8, "it waited for the grace")
            self.assertEqual([r["status"] for r in d.query("SELECT status FROM sluice_runs")], ["cancelled"])

    def test_a_worker_that_dies_is_told_with_its_signal_and_leaves_no_running_row(self):
        with Daemon(job=NEVER_SOON + " on_start = true;", start=False) as d:
            d.sim.reply(fault="hang-before-headers")
            d.serve()
            wait_for(lambda: d.sim.requests())
            os.kill(pid_of_worker(d), signal.SIGKILL)
            d.wait_log("signal 9")
            run = wait_for(lambda: d.query("SELECT * FROM sluice_runs WHERE status = 'crashed'"))[0]
            self.assertIn("signal 9", run["reason"])
            d.wait_log("run ended", "status=success")

    def test_a_worker_that_does_not_keep_its_deadline_is_killed(self):
        with Daemon(job=NEVER_SOON + ' on_start = true; deadline = "1s";', start=False) as d:
            d.sim.reply(fault="hang-before-headers")
            d.serve()
            wait_for(lambda: d.sim.requests())
            os.kill(pid_of_worker(d), signal.SIGSTOP)
            run = wait_for(lambda: d.query("SELECT * FROM sluice_runs WHERE status = 'timeout'"), 30)[0]
            self.assertIn("deadline", run["reason"])

    def test_runs_of_a_daemon_that_was_killed_are_closed_by_the_next_one(self):
        with Daemon(job=NEVER_SOON + " on_start = true;", start=False) as d:
            d.sim.reply(fault="hang-before-headers")
            d.serve()
            wait_for(lambda: d.sim.requests())
            worker = pid_of_worker(d)
            os.kill(worker, signal.SIGSTOP)
            d.process.kill()
            d.process.wait()
            os.kill(worker, signal.SIGKILL)
            wait_for(lambda: not alive(worker))
            d.stop()
            d.sim.call("POST", "/_sim/reset")
            d.serve()
            d.wait_log(CUSTOMERS, "run ended", "status=success")
            d.wait_log(SUPPLIERS, "run ended", "status=success")
            self.assertEqual(d.query("SELECT * FROM sluice_runs WHERE status = 'running'"), [])
            self.assertIn("is gone", d.runs()[0]["reason"])

    def test_it_is_a_good_process_1(self):
        with Daemon(job=NEVER_SOON + " on_start = true;", start=False) as d:
            d.sim.reply(fault="hang-before-headers", times=1)
            command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", SLUICE, "serve", "-c",
                       str(d.dir / "sluice.cfg")]
            if os.geteuid() != 0:
                command.insert(1, "--map-root-user")
            d.process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            d.reader = threading.Thread(target=d._read, args=(d.process,), daemon=True)
            d.reader.start()
            wait_for(lambda: d.sim.requests())
            inner = int(pathlib.Path(f"/proc/{d.process.pid}/task/{d.process.pid}/children").read_text().split()[0])
            worker = int(pathlib.Path(f"/proc/{inner}/task/{inner}/children").read_text().split()[0])
            os.kill(worker, signal.SIGKILL)  # its connector child is process 1's now
            d.wait_log("signal 9")
            d.wait_log("run ended", "status=success")
            wait_for(lambda: not pathlib.Path(f"/proc/{inner}/task/{inner}/children").read_text().strip())
            os.kill(inner, signal.SIGTERM)
            self.assertEqual(d.process.wait(20), 0)


if __name__ == "__main__":
    unittest.main()
