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

import postgres

SERVER = os.environ.get("SLUICE_TEST_STORE")  # tests/postgres: keep the tables there, in a schema for each World
SERIAL = "SERIAL" if SERVER else "INTEGER"            # a column that numbers its rows, before PRIMARY KEY
SLUICE = os.environ["SLUICE_BINARY"]
SIM = os.environ["SLUICE_SIM"]
PLUGINS = os.environ["SLUICE_PLUGINS"]
TIMEOUT = 120
BUSY = 10  # seconds that a busy machine may add to what is quick

# A shell that puts this into the background has it ignore ^C, and all that it starts with it.
signal.signal(signal.SIGINT, signal.default_int_handler)

CUSTOMERS = "softone.customers"
SUPPLIERS = "softone.suppliers"


class Sim:
    """The simulator, with its clock standing at a known time unless told otherwise."""

    def __init__(self, directory, *options, clock="2026-02-10 09:20:03"):
        port_file = directory / "port"
        self.process = subprocess.Popen(
            [SIM, "--listen", "127.0.0.1:0", "--port-file", str(port_file), "--clock", clock, "--die-with-parent",
             *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not (port_file.exists() and port_file.read_text().strip()):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError("the simulator did not start")
            time.sleep(0.01)
        self.url = "http://127.0.0.1:" + port_file.read_text().strip()

    def call(self, method, path, body=None):
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
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
        self.process.wait(60)


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

    def __init__(self, *sim_options, clock="2026-02-10 09:20:03", settings=None, job="", http="", extra="", sim=True,
                 store=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-test-"))
        self.database = self.dir / "sluice.db"
        self.store = store or self.new_schema()
        self.sim = Sim(self.dir, *sim_options, clock=clock) if sim else None
        self.settings = {"url": self.sim.url if sim else "http://127.0.0.1:9", "username": "demo",
                         "password": "demo", "company": "1000"}
        self.settings.update(settings or {})
        self.job, self.http, self.extra = job, http, extra
        self.configure()

    @staticmethod
    def new_schema():
        """The URL of a store of its own: a file beside the configuration, or a schema on the server."""
        if not SERVER:
            return "sqlite:sluice.db"
        World.schemas = getattr(World, "schemas", 0) + 1
        name = f"world_{os.getpid()}_{World.schemas}"
        postgres.psql(SERVER, f"CREATE SCHEMA {name}")
        return postgres.with_schema(SERVER, name)

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
store = {{ url = "{self.store}"; }};
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

    @property
    def on_server(self):
        return self.store.startswith("postgresql:")

    def has_table(self, name):
        if self.on_server:
            return self.query("SELECT 1 WHERE to_regclass(?) IS NOT NULL", name)
        return self.database.exists() and self.query("SELECT 1 FROM sqlite_master WHERE name = ?", name)

    def running(self):
        """The rows of runs under way, as soon as there is a table for them."""
        return self.query("SELECT * FROM sluice_runs WHERE status = 'running'") if self.has_table("sluice_runs") else []

    def refuse(self, table, condition, why):
        """Let the table refuse each new or changed row, `new`, of which the condition holds."""
        if self.on_server:
            self.execute(f"CREATE FUNCTION refuse_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {condition}"
                         f" THEN RAISE EXCEPTION '{why}'; END IF; RETURN new; END $$;"
                         f" CREATE TRIGGER refuse_row BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW"
                         " EXECUTE FUNCTION refuse_row()")
            return
        for event in ("INSERT", "UPDATE"):
            self.execute(f"CREATE TRIGGER refuse_{event} BEFORE {event} ON {table} WHEN {condition}"
                         f" BEGIN SELECT raise(ABORT, '{why}'); END")

    def refuse_no_more(self, table):
        self.execute(f"DROP TRIGGER refuse_row ON {table}" if self.on_server else
                     "DROP TRIGGER refuse_INSERT; DROP TRIGGER refuse_UPDATE")

    def dump(self):
        """All that the store holds, as SQL."""
        if self.on_server:
            return postgres.dump(self.store)
        with sqlite3.connect(self.database, timeout=60) as db:
            return list(db.iterdump())

    def forget(self):
        """Begin with an empty store."""
        if self.on_server:
            self.store = self.new_schema()
            self.configure()
        for file in self.dir.glob("sluice.db*"):
            file.unlink(missing_ok=True)

    def query(self, sql, *values):
        """Rows as dictionaries."""
        if self.on_server:
            return postgres.query(self.store, sql, *values)
        with sqlite3.connect(self.database, timeout=60) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql, values)]

    def execute(self, sql):
        if self.on_server:
            postgres.psql(self.store, sql)
            return
        db = sqlite3.connect(self.database, timeout=60)
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


def wait_for(condition, seconds=60):
    """Wait until `condition()` is true; its value. Only what fails waits for so long."""
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
           "subprocess", "time", "unittest", "wait_for", "SERIAL", "os", "json", "pathlib", "urllib", "PLUGINS",
           "SLUICE", "BUSY"]
