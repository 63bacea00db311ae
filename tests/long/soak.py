"""The soak of the daemon: see tests/long/daemon."""
import collections
import datetime
import os
import random
import re
import sys
import time

sys.path[0] = "."  # the system tests

import processes
from daemon import *
from harness import *

SEED = int(os.environ.get("SLUICE_SOAK_SEED", str(random.randrange(1 << 32))))
MINUTES = float(os.environ.get("SLUICE_SOAK_MINUTES", "10"))
CONNECTORS = 4
GROWTH_KIB = 1024
WARM_SECONDS = 30
EVERY_SECOND = 'schedule = "* * * * * *";'
JOBS = [f"c{i}.{stream}" for i in range(CONNECTORS) for stream in ("customers", "suppliers")]


def private_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(re.search(key + r":\s+(\d+)", text).group(1)) for key in ("Private_Dirty", "Private_Clean"))


def descriptors(pid):
    return sorted(re.sub(r"\[\d+\]", "", path) for path in processes.open_files(pid))


def fire_of(line):
    """Which fire a line of the log tells of: its job and its second."""
    at = datetime.datetime.fromisoformat(re.match(r"time=(\S+)Z", line)[1])
    late = int(re.search(r"late_us=(\d+)", line)[1])
    fire = at - datetime.timedelta(microseconds=late)
    return re.search(r"job=(\S+)", line)[1], (fire + datetime.timedelta(milliseconds=500)).replace(microsecond=0)


class Soak:
    def __init__(self):
        self.random = random.Random(SEED)
        self.done = dict.fromkeys(("reloads", "broken reloads", "kills", "stops", "pauses", "runs by hand", "cancels",
                                   "requests"), 0)
        self.wrong = []
        self.paused = set()

    def world(self):
        d = Daemon(start=False, arguments=["-v"], extra='limits = { max_runs = 3; deadline = "20s"; };')
        d.configure()
        self.write(d)
        d.sim.records("customers", [{"TRDR": str(i), "NAME": f"n{i}"} for i in range(1, 200)] + [{"TRDR": "bad"}])
        return d

    def write(self, d, schedule=EVERY_SECOND):
        settings = "".join(f'{k} = "{v}"; ' for k, v in d.settings.items())
        connectors = ", ".join(
            f'{{ name = "c{i}"; plugin = "softone"; routes = false; settings = {{ {settings} }};'
            f' http = {{ timeout = "5s"; connect_timeout = "2s"; attempts = 2; }};'
            f' jobs = ( {{ stream = "customers"; table = "c{i}"; {schedule} }},'
            f' {{ stream = "suppliers"; table = "s{i}"; {schedule} overlap = "queue"; }} ); }}'
            for i in range(CONNECTORS))
        text = (d.dir / "sluice.cfg").read_text()
        d.write("sluice.cfg", text[:text.index("connectors")] + f"connectors = ( {connectors} );\n")

    def rest(self, d):
        """Nothing runs any more, and nothing is due."""
        for job in set(self.paused):
            d.ask("POST", f"/api/v1/jobs/{job}/resume", timeout=60)
        self.paused.clear()
        self.write(d, 'schedule = "0 0 29 2 *";')
        if not d.ask("POST", "/api/v1/reload", timeout=60).json["applied"]:
            self.wrong.append("a good configuration was refused")
        wait_for(lambda: not processes.children(d.process.pid), 60)
        d.ask("GET", "/readyz", timeout=60)
        time.sleep(1)  # connections that were closed are gone, too
        return private_kib(d.process.pid), descriptors(d.process.pid)

    # ---- What happens to it ----

    def reload(self, d):
        self.write(d, self.random.choice((EVERY_SECOND, EVERY_SECOND, 'schedule = "*/2 * * * * *";')))
        for _ in range(self.random.choice((1, 1, 3, 50))):
            d.hup()
        self.done["reloads"] += 1

    def break_config(self, d):
        text = (d.dir / "sluice.cfg").read_text()
        d.write("sluice.cfg", text.replace("schedule", "shedule"))
        if d.ask("POST", "/api/v1/reload", timeout=60).json["applied"]:
            self.wrong.append("a broken configuration was applied")
        d.write("sluice.cfg", text)
        self.done["broken reloads"] += 1

    def worker(self, d):
        workers = [p for p in processes.children(d.process.pid) if processes.is_worker(p)]
        return self.random.choice(workers) if workers else None

    def kill(self, d):
        worker = self.worker(d)
        victim = self.random.choice((worker, processes.connector_of(worker)))
        if victim:
            processes.kill(victim)
            self.done["kills"] += 1

    def stop_for_a_while(self, d):
        worker = self.worker(d)
        if worker:
            processes.kill(worker, signal.SIGSTOP)
            time.sleep(self.random.random())
            processes.kill(worker, signal.SIGCONT)
            self.done["stops"] += 1

    def pause(self, d):
        job = self.random.choice(JOBS)
        verb = "resume" if job in self.paused else "pause"
        if d.ask("POST", f"/api/v1/jobs/{job}/{verb}", timeout=60).status != 200:
            self.wrong.append(f"{verb} {job} was refused")
        self.paused ^= {job}
        self.done["pauses"] += 1

    def run_by_hand(self, d):
        result = d.run(self.random.choice(JOBS), *self.random.choice(((), ("--full",), ("--dry-run",))))
        if result.code not in (0, 2, 3):
            self.wrong.append(f"by hand: {result}")
        self.done["runs by hand"] += 1

    def cancel(self, d):
        runs = d.query("SELECT id FROM sluice_runs WHERE status = 'running'")
        if runs:
            d.ask("DELETE", "/api/v1/runs/" + self.random.choice(runs)["id"], timeout=60)
            self.done["cancels"] += 1

    def ask_much(self, d):
        for path in ("/livez", "/metrics", "/api/v1/jobs", "/api/v1/runs"):
            if d.tcp("GET", path, timeout=60).status != 200:
                self.wrong.append(f"{path} was refused")
            self.done["requests"] += 1

    def happen(self, d, until):
        what = [self.reload, self.break_config, self.kill, self.kill, self.stop_for_a_while, self.pause,
                self.run_by_hand, self.cancel, self.ask_much]
        self.write(d)
        d.hup()
        while time.monotonic() < until and d.process.poll() is None:
            if self.random.random() < 0.3:
                d.sim.reply(delay_ms=self.random.randrange(1500), times=self.random.randrange(1, 5))
            self.random.choice(what)(d)
            time.sleep(self.random.random() * 0.5)

    # ---- What must hold ----

    def check(self, d):
        running = d.query("SELECT id FROM sluice_runs WHERE status = 'running'")
        if running:
            self.wrong.append(f"rows still run: {running}")
        for row in d.query("SELECT * FROM sluice_runs"):
            if row["processed"] != row["created"] + row["updated"] + row["skipped"] + row["errors"]:
                self.wrong.append(f"does not add up: {row}")
        fires = collections.Counter(fire_of(line) for line in d.log('msg="due"'))
        if any(n > 1 for n in fires.values()):
            self.wrong.append(f"fires were doubled: {[fire for fire, n in fires.items() if n > 1]}")
        due = collections.Counter(job for job, _ in fires)
        if set(due) != set(JOBS):
            self.wrong.append(f"some jobs were never due: {set(JOBS) - set(due)}")
        again = len(d.log("run again in"))
        for row in d.query("SELECT job, count(*) AS n FROM sluice_runs GROUP BY 1"):
            most = due[row["job"]] + self.done["runs by hand"] + again
            if row["n"] > most:
                self.wrong.append(f"{row['job']}: {row['n']} runs of {most} that were due or asked for")
        # The end of a run that died is when that was noticed, perhaps by the next one.
        overlaps = d.query("SELECT a.id FROM sluice_runs a JOIN sluice_runs b ON a.job = b.job AND a.id <> b.id"
                           " AND a.started_at < b.started_at AND b.started_at < a.finished_at"
                           " WHERE a.status IN ('success', 'partial') LIMIT 5")
        if overlaps:
            self.wrong.append(f"runs of one job overlap: {overlaps}")
        return len(fires)

    def soak(self, d, started):
        """How many KiB more there were after each minute, and the descriptors at the end."""
        self.happen(d, started + min(WARM_SECONDS, MINUTES * 20))
        kib, fds = self.rest(d)
        grown = []
        while time.monotonic() < started + MINUTES * 60:
            self.happen(d, min(time.monotonic() + 60, started + MINUTES * 60))
            now, fds_now = self.rest(d)
            grown.append(now - kib)
        if grown[-1] > GROWTH_KIB:
            self.wrong.append(f"{grown[-1]} KiB more memory")
        if fds_now != fds:
            self.wrong.append(f"descriptors were {fds} and are {fds_now}")
        return grown, fds_now

    def run(self):
        started = time.monotonic()
        with self.world() as d:
            d.serve()
            grown, fds = self.soak(d, started)
            code = d.stop()
            if code:
                self.wrong.append(f"exit code {code}")
            fires = self.check(d)
            runs = d.query("SELECT status, count(*) AS n FROM sluice_runs GROUP BY 1 ORDER BY 1")
            self.wrong += [f"{left} was left over" for left in processes.leftovers([d.sim.process.pid]).values()]
        for text in self.wrong:
            print("WRONG:", text)
        print(f"daemon: {time.monotonic() - started:.0f} s, {fires} fires,",
              ", ".join(f"{row['n']} {row['status']}" for row in runs) + " runs;",
              ", ".join(f"{n} {what}" for what, n in self.done.items()) + ";",
              "KiB more by the minute:", " ".join(f"{n:+}" for n in grown) + f"; {len(fds)} descriptors;",
              (f"{len(self.wrong)} WRONG" if self.wrong else "all held") + f"; seed {SEED}")
        return 1 if self.wrong else 0


if __name__ == "__main__":
    sys.exit(Soak().run())
