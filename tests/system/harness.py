"""What the system tests share: the real binary, the simulator, a configuration and the database, each in a temporary
directory of its own.

    with World() as w:
        w.sim.records("customers", [...])
        r = w.run("softone.customers")
        w.rows("softone_customers")
"""
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

SLUICE = os.environ["SLUICE_BINARY"]
SIM = os.environ["SLUICE_SIM"]
PLUGINS = os.environ["SLUICE_PLUGINS"]
TIMEOUT = 60

CUSTOMERS = "softone.customers"
SUPPLIERS = "softone.suppliers"


class Sim:
    """The simulator, with its clock standing at a known time unless told otherwise."""

    def __init__(self, directory, *options, clock="2026-02-10 09:20:03"):
        port_file = directory / "port"
        self.process = subprocess.Popen(
            [SIM, "--listen", "127.0.0.1:0", "--port-file", str(port_file), "--clock", clock, "--die-with-parent",
             *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not (port_file.exists() and port_file.read_text().strip()):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError("the simulator did not start")
            time.sleep(0.01)
        self.url = "http://127.0.0.1:" + port_file.read_text().strip()

    def call(self, method, path, body=None):
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text.strip() else None

    def records(self, stream, records):
        """What the ERP delivers from now on: a list, or the raw text of one."""
        text = records if isinstance(records, str) else json.dumps(records, ensure_ascii=False)
        self.call("POST", "/_sim/records?stream=" + stream, text.encode())

    def reply(self, **script):
        """Script the next answer: status, headers, body, body_base64, times, fault, delay_ms, path."""
        self.call("POST", "/_sim/reply", script)

    def requests(self):
        return self.call("GET", "/_sim/requests")

    def advance(self, seconds):
        self.call("POST", "/_sim/clock", {"advance": seconds})

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Result:
    """What a command did: exit code and texts, and for --json the objects it printed."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def objects(self):
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]

    @property
    def json(self):
        return self.objects[0]

    def __repr__(self):
        return f"exit {self.code}\n{self.out}\n{self.err}"


class World:
    """A directory with a configuration, a database and a simulator that plays the source."""

    def __init__(self, *sim_options, clock="2026-02-10 09:20:03", settings=None, job="", http="", extra="", sim=True):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-test-"))
        self.database = self.dir / "sluice.db"
        self.sim = Sim(self.dir, *sim_options, clock=clock) if sim else None
        self.settings = {"url": self.sim.url if sim else "http://127.0.0.1:9", "username": "demo",
                         "password": "demo", "company": "1000"}
        self.settings.update(settings or {})
        self.job, self.http, self.extra = job, http, extra
        self.configure()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.sim:
            self.sim.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def configure(self, **settings):
        """(Re)write the configuration with these settings changed."""
        self.settings.update(settings)
        lines = "".join(f'{k} = "{v}"; ' for k, v in self.settings.items())
        self.write("sluice.cfg", f"""
store = {{ url = "sqlite:sluice.db"; }};
plugins = "{PLUGINS}";
{self.extra}
connectors = ( {{ name = "softone"; plugin = "softone";
  settings = {{ {lines} }};
  http = {{ timeout = "5s"; connect_timeout = "2s"; attempts = 2; {self.http} }};
  jobs = ( {{ stream = "customers"; {self.job} }}, {{ stream = "suppliers"; {self.job} }} ); }} );
""")

    def write(self, name, text, mode=0o640):
        path = self.dir / name
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    def start(self, *arguments, config="sluice.cfg", env=None, **options):
        """Start sluice and do not wait for it."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}
        environment.update(env or {})
        return subprocess.Popen([SLUICE, *arguments, "-c", str(self.dir / config)], text=True, env=environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def sluice(self, *arguments, **options):
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=TIMEOUT)
        return Result(process.returncode, out, err)

    def run(self, *arguments, **options):
        return self.sluice("run", "--json", *arguments, **options)

    def query(self, sql, *values):
        """Rows as dictionaries."""
        with sqlite3.connect(self.database, timeout=10) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql, values)]

    def execute(self, sql):
        db = sqlite3.connect(self.database, timeout=10)
        with db:
            db.executescript(sql)
        db.close()

    def rows(self, table="softone_customers", order="id"):
        return self.query(f'SELECT * FROM "{table}" ORDER BY {order}')


COUNTERS = ("processed", "created", "updated", "skipped", "errors")


class Test(unittest.TestCase):
    """A test case that knows what a result must always satisfy."""

    maxDiff = None

    def check_counts(self, result, **want):
        """Status, counters and what binds them."""
        run = result.json if isinstance(result, Result) else result
        self.assertEqual(run["processed"], run["created"] + run["updated"] + run["skipped"] + run["errors"], result)
        self.assertEqual({k: run[k] for k in want}, want, result)


def wait_for(condition, seconds=10):
    """Wait until `condition()` is true; its value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("waited in vain")


def alive(pid):
    """Does it run? What has died and is not waited for does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


__all__ = ["CUSTOMERS", "SUPPLIERS", "COUNTERS", "Result", "Sim", "Test", "World", "alive", "signal", "sqlite3",
           "subprocess", "time", "unittest", "wait_for", "os", "json", "pathlib", "urllib", "PLUGINS", "SLUICE"]
