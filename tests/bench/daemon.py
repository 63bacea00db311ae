"""What `sluice serve` costs while nothing is due, how soon it is ready, and how exact it is when all is due at once."""
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import time

IDLE_SECONDS = 60
STARTS = 21  # of what takes milliseconds


def configure(bench, url, jobs, schedule, max_runs=4):
    """`jobs` connectors with one job each, so that no lane holds another up."""
    connectors = ",\n".join(
        f'{{ name = "c{i}"; plugin = "softone"; routes = {"true" if i == 0 else "false"}; settings = {{ url = "{url}";'
        f' username = "demo"; password = "demo"; company = "1000"; }};'
        f' jobs = ( {{ stream = "customers"; schedule = "{schedule}"; }} ); }}' for i in range(jobs))
    path = pathlib.Path(bench.config)
    path.write_text(f"""
store = {{ url = "sqlite:sluice.db"; }};
control = {{ listen = ""; socket = "control.sock"; }};
limits = {{ max_runs = {max_runs}; }};
plugins = "{bench.build}/plugins";
connectors = ( {connectors} );
""")
    path.chmod(0o640)
    bench.forget(bench.database)


class Daemon:
    """A running one; its log is in `out`."""

    def __init__(self, bench, *arguments):
        self.log = pathlib.Path(bench.out)
        address = str(bench.dir / "notify")
        pathlib.Path(address).unlink(missing_ok=True)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(address)
        self.notify.settimeout(60)
        with self.log.open("w") as log:
            begin = time.monotonic()
            self.process = subprocess.Popen([bench.sluice, "serve", "-c", bench.config, *arguments], stderr=log,
                                            env={**os.environ, "NOTIFY_SOCKET": address})
        while b"READY=1" not in self.notify.recv(4096):
            pass
        self.ready_seconds = time.monotonic() - begin

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.notify.close()
        time.sleep(0.2)  # its workers end with it

    def memory_mib(self):
        """Resident, and what is its own."""
        text = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        size = {key: int(kib) / 1024 for key, kib in re.findall(r"^(\w+):\s+(\d+) kB", text, re.M)}
        return size["Rss"], size["Private_Clean"] + size["Private_Dirty"]

    def wake_ups(self):
        """How often its threads have waited and were woken."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/status")
        return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", t.read_text(), re.M)[1]) for t in tasks)

    def lines(self, text):
        return [line for line in self.log.read_text().splitlines() if text in line]

    def wait_lines(self, text, count, seconds):
        end = time.monotonic() + seconds
        while len(lines := self.lines(text)) < count:
            if time.monotonic() > end:
                raise SystemExit(f"{len(lines)} and not {count} lines with {text!r}")
            time.sleep(0.05)
        return lines


def idle(bench, url):
    configure(bench, url, 100, "0 0 29 2 *")
    with Daemon(bench) as d:
        time.sleep(3)
        resident, own = d.memory_mib()
        before = d.wake_ups()
        time.sleep(IDLE_SECONDS)
        woken = d.wake_ups() - before
    bench.row("idle daemon with 100 jobs, resident", "MiB", [resident], "< 12")
    bench.row("  private", "MiB", [own], "< 3")
    bench.row(f"  wake-ups in {IDLE_SECONDS} s", "", [woken], "0")


def ready(bench, url):
    """The helper that reads the configuration and describes the plugin, alone, and the daemon with it."""
    configure(bench, url, 1, "0 0 29 2 *")
    helper, whole = [], []
    for _ in range(STARTS):
        begin = time.monotonic()
        subprocess.run(["sh", "-c", '"$0" snapshot "$1" 3>&1 | cat', bench.sluice, bench.config], check=True,
                       stdout=subprocess.DEVNULL)
        helper.append((time.monotonic() - begin) * 1000)
        with Daemon(bench) as d:
            whole.append(d.ready_seconds * 1000)
    bench.row("daemon, exec to ready", "ms", whole)
    bench.row("  beyond describing", "ms", [a - statistics.median(helper) for a in whole], "< 25")


def in_seconds(seconds):
    """A schedule that fires once, so many seconds from now."""
    at = time.gmtime(time.time() + seconds)
    return f"{at.tm_sec} {at.tm_min} {at.tm_hour} {at.tm_mday} {at.tm_mon} *"


def exact(bench, url):
    jobs = 1000
    late, rates = [], []
    for _ in range(min(bench.runs, 3)):
        configure(bench, url, jobs, in_seconds(5), 8)
        with Daemon(bench, "-v") as d:
            lines = d.wait_lines("late_us=", jobs, 60)
            values = sorted(int(re.search(r"late_us=(-?\d+)", line)[1]) / 1000 for line in lines)
            late.append(values[jobs * 99 // 100])
            seconds = [int(t[:2]) * 3600 + int(t[3:5]) * 60 + float(t[6:]) for t in
                       (re.search(r"T([\d:.]+)Z", line)[1] for line in d.wait_lines(" started", 400, 120))]
            rates.append(400 / (seconds[399] - seconds[0]))
    bench.row("1,000 jobs due in one second, p99 until decided", "ms", late, "<= 20")
    bench.row("  workers started, 8 at once, each running to its end", "a second", rates, ">= 100")


def measure(bench, url):
    idle(bench, url)
    ready(bench, url)
    exact(bench, url)
