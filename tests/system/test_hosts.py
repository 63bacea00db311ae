"""Hosts that share one PostgreSQL: each fire is run once, a run is its host's as long as that lives, and a host that
died is noticed. Hosts are processes with a host name of their own (unshare --uts) on one machine.
"""
from daemon import *
from harness import *
from hook import Hook
import processes

EVERY_SECOND = 'schedule = "* * * * * *";'
NEVER_SOON = 'schedule = "0 0 29 2 *";'
RECORDS = [{"TRDR": "1", "CODE": "A", "NAME": "one"}]


class Host(Daemon):
    """A host of that name, which has the store and the source of `other`, another host."""

    def __init__(self, name, other=None, **options):
        self.name = name
        if other:
            options.update(store=other.store, sim=False, settings={"url": other.sim.url})
        super().__init__(start=False, **options)

    def start(self, *arguments, config="sluice.cfg", env=None, **options):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}
        environment.update(env or {})
        namespace = ["--uts"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--uts"]
        command = ["unshare", *namespace, "sh", "-c", 'hostname "$0" && exec "$@"', self.name, SLUICE, *arguments, "-c",
                   str(self.dir / config)]
        return subprocess.Popen(command, text=True, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                **options)

    def runs_of(self, name, condition="TRUE"):
        return self.query(f"SELECT * FROM sluice_runs WHERE job = ? AND host LIKE ? AND {condition}"
                          " ORDER BY started_at, id", CUSTOMERS, name + "/%")

    def held_run(self, command):
        """The run that `command`, a process on this host, has begun, and its worker, stopped while it waits for the
        source: it holds its job and does nothing."""
        worker = wait_for(lambda: processes.worker_of(command.pid), 20)
        run = wait_for(lambda: self.has_table("sluice_runs") and self.runs_of(self.name, "status = 'running'"), 20)[0]
        wait_for(lambda: self.sim.requests(), 20)
        os.kill(worker, signal.SIGSTOP)
        return run, worker

    def wait_beats(self, run):
        """Until this host has beaten so long after the run began that it would be dead without."""
        return wait_for(lambda: self.query("SELECT 1 FROM sluice_hosts WHERE host LIKE ? AND CAST(beat_at AS TIMESTAMPTZ)"
                                           " > CAST(? AS TIMESTAMPTZ) + interval '17 s'", self.name + "/%",
                                           run["started_at"]), 60)

    def run_by_id(self, run):
        return self.query("SELECT * FROM sluice_runs WHERE id = ?", run["id"])[0]


def end(command, worker):
    """The machine has died, as far as others see. The worker goes last: whoever started it would tell of its end."""
    command.kill()
    command.wait()
    processes.kill(worker)


class Hosts(Test):
    def check_one_at_a_time(self, host):
        runs = host.query("SELECT * FROM sluice_runs WHERE job = ? AND status = 'success' ORDER BY started_at, id",
                          CUSTOMERS)
        for before, after in zip(runs, runs[1:]):
            self.assertLessEqual(before["finished_at"], after["started_at"])
        return runs

    def test_hosts_with_one_schedule_run_each_fire_once(self):
        with Host("north", job=EVERY_SECOND) as north, Host("south", north, job=EVERY_SECOND) as south:
            north.sim.records("customers", RECORDS)
            north.serve()
            south.serve()
            # Then there are tables to look at.
            wait_for(lambda: north.log(CUSTOMERS, "run ended") or south.log(CUSTOMERS, "run ended"), 60)
            wait_for(lambda: len(self.check_one_at_a_time(north)) >= 8, 60)
            self.assertEqual(north.stop(), 0)
            self.assertEqual(south.stop(), 0)
            runs = self.check_one_at_a_time(north)
            seconds = north.query("SELECT EXTRACT(EPOCH FROM CAST(? AS TIMESTAMPTZ) - CAST(? AS TIMESTAMPTZ)) AS s",
                                  runs[-1]["started_at"], runs[0]["started_at"])[0]["s"]
            self.assertLessEqual(len(runs), float(seconds) + 3, "more runs than fires")
            self.assertEqual(north.query("SELECT * FROM sluice_runs WHERE status IN ('running', 'crashed', 'failed')"), [])
            self.assertEqual(len(north.rows()), 1)
            hosts = north.query("SELECT * FROM sluice_hosts ORDER BY host")
            self.assertEqual([h["host"].split("/")[0] for h in hosts], ["north", "south"])
            for h in hosts:
                self.assertEqual(h["generation"], 1)
                self.assertRegex(h["config_hash"], "^[0-9a-f]{16}$")
                self.assertTrue(h["version"])

    def test_hosts_that_start_together_run_on_start_once_and_one_that_starts_later_does_so_again(self):
        job = NEVER_SOON + " on_start = true;"
        with Host("north", job=job) as north, Host("south", north, job=job) as south, Host("west", north, job=job) as west:
            north.sim.records("customers", RECORDS)
            for host in (north, south, west):
                host.serve(ready=False)
            for host in (north, south, west):
                wait_for(lambda: host.log(CUSTOMERS, "run ended") or host.log(CUSTOMERS, "that started at the same time")
                         or host.log(CUSTOMERS, "already running"), 40)
            self.assertEqual(len(north.runs()), 1, north.runs())
            south.stop()
            later = "to_char(now() AT TIME ZONE 'UTC' - interval '61 s', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
            north.execute(f"UPDATE sluice_jobs SET last_fire = {later}, start_at = {later}, start_host = 'another'")
            south.serve()
            south.wait_log(CUSTOMERS, "run ended")
            south.stop()
            south.serve()  # nobody else did since
            south.wait_log(CUSTOMERS, "run ended")
            self.assertEqual(len(north.runs()), 3, north.runs())
            self.assertEqual([r["host"].split("/")[0] for r in north.runs()][1:], ["south", "south"])

    def test_hosts_whose_jobs_differ_raise_an_alert_once(self):
        with Hook() as hook:
            extra = f'alerts = ( {{ webhook = "{hook.url}/hook"; }} );'
            with Host("north", job=NEVER_SOON, extra=extra) as north, Host("south", north, job=NEVER_SOON) as south:
                north.serve()
                south.serve()
                south.job = NEVER_SOON + ' deadline = "7m";'
                south.configure()
                south.hup()
                north.wait_log("the jobs of this host are not those of south", seconds=60)
                south.wait_log("the jobs of this host are not those of north", seconds=60)
                hook.wait(1)
                (alert,) = hook.alerts
                self.assertEqual((alert["alert"], alert["job"], alert["host"]), ("config", None, "north"))
                self.assertIn("the jobs of host north are not those of south", alert["text"])
                south.job = NEVER_SOON
                south.configure()
                south.hup()
                north.wait_log("have the same jobs again", seconds=60)
                self.assertEqual(len(north.log("the jobs of this host are not those")), 1)
                self.assertEqual(len(hook.alerts), 1)

    def test_a_host_that_dies_loses_its_run_to_another_one_and_not_before(self):
        with Host("north", job=EVERY_SECOND) as north, Host("south", north, job=EVERY_SECOND) as south:
            north.sim.records("customers", RECORDS)
            north.sim.reply(fault="hang-before-headers", path="getCustomers")
            north.serve()
            run, worker = north.held_run(north.process)
            south.serve()
            south.wait_log(CUSTOMERS, "already running", count=2)
            north.wait_beats(run)
            self.assertEqual(north.run_by_id(run)["status"], "running")
            self.assertTrue(south.state()["running"])
            end(north.process, worker)
            wait_for(lambda: north.run_by_id(run)["status"] == "crashed", 60)
            self.assertIn("on north is gone", north.run_by_id(run)["reason"])
            wait_for(lambda: south.runs_of("south", "status = 'success'"), 30)
            self.assertEqual(len(north.rows()), 1)

    def test_a_host_that_stood_still_finds_its_run_taken_over_and_goes_on(self):
        with Host("north", job=EVERY_SECOND) as north, Host("south", north, job=EVERY_SECOND) as south:
            north.sim.records("customers", RECORDS)
            north.sim.reply(fault="hang-before-headers", path="getCustomers")
            north.serve()
            run, worker = north.held_run(north.process)
            stopped = [north.process.pid, worker, *processes.children(worker)]
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            south.serve()
            wait_for(lambda: south.runs_of("south", "status = 'success'"), 60)
            taken = north.run_by_id(run)
            self.assertEqual(taken["status"], "crashed")
            for pid in reversed(stopped):
                os.kill(pid, signal.SIGCONT)
            north.wait_log(CUSTOMERS, "taken over by another process", seconds=60)
            self.assertEqual(north.run_by_id(run), taken)
            self.assertEqual(south.stop(), 0)
            since = south.query("SELECT max(started_at) AS t FROM sluice_runs")[0]["t"]
            wait_for(lambda: north.runs_of("north", f"status = 'success' AND started_at > '{since}'"), 60)
            self.assertEqual(len(north.rows()), 1)
            self.check_one_at_a_time(north)

    def test_a_run_in_the_foreground_has_its_host_live_until_it_is_killed(self):
        with Host("north") as north, Host("south", north) as south:
            north.sim.records("customers", RECORDS)
            north.sim.reply(fault="hang-before-headers", path="getCustomers")
            with north.start("run", CUSTOMERS) as command:
                run, worker = north.held_run(command)
                north.wait_beats(run)
                self.assertEqual(south.run(CUSTOMERS).code, 3)
                end(command, worker)
            result = wait_for(lambda: next((r for r in [south.run(CUSTOMERS)] if r.code != 3), None), 60)
            self.assertEqual(result.code, 0, result)
            self.assertEqual(north.run_by_id(run)["status"], "crashed")

    def test_what_was_killed_on_a_host_that_lives_is_closed_by_that_host(self):
        with Host("north", job=NEVER_SOON) as north:
            north.sim.reply(fault="hang-before-headers", path="getCustomers")
            north.serve()
            with north.start("run", CUSTOMERS) as command:
                run, worker = north.held_run(command)
                end(command, worker)
            wait_for(lambda: north.run_by_id(run)["status"] == "crashed", 60)
            self.assertIn("on north is gone", north.run_by_id(run)["reason"])
