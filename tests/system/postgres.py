"""A PostgreSQL of one's own, and rows from it.

tests/postgres starts one server for a whole test program and names it in SLUICE_TEST_STORE: each World then keeps its
tables in a schema of its own there. A test that breaks its server starts one with Server().
"""
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

OPTIONS = ("-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off",
           "-c", "max_connections=50")


def programs():
    """Where initdb is."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    path = str(found[-1]) if found else shutil.which("initdb")
    if not path:
        raise RuntimeError("initdb is missing; on Debian: apt-get install postgresql")
    return pathlib.Path(path).parent


def as_nobody():
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


class Server:
    """A fresh cluster that listens on a socket in its directory, or on a port of 127.0.0.1 as well."""

    def __init__(self, *options, port=0):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-pg-"))
        self.data, self.options = self.dir / "data", options
        self.port = port
        if as_nobody():
            os.chown(self.dir, as_nobody()["user"], as_nobody()["group"])
        self.make()
        self.start()

    def make(self):
        self.call("initdb", "-D", self.data, "-U", "sluice", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def call(self, program, *arguments):
        return subprocess.run([programs() / program, *map(str, arguments)], cwd="/", check=True, capture_output=True,
                              **as_nobody())

    def starting(self):
        options = " ".join([f"-k {self.dir}", *OPTIONS, *self.options])
        return [str(programs() / "pg_ctl"), "-D", str(self.data), "-l", str(self.data / "log"), "-w", "-t", "60",
                "start", "-o", options]

    def start(self):
        subprocess.run(self.starting(), cwd="/", check=True, capture_output=True, **as_nobody())

    def pid(self):
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def stop(self, mode="immediate"):
        self.call("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")

    def close(self):
        try:
            self.stop()
        except subprocess.CalledProcessError:
            pass
        shutil.rmtree(self.dir, ignore_errors=True)

    def url(self, schema=None, database="postgres"):
        return with_schema(f"postgresql://sluice@/{database}?host={urllib.parse.quote(str(self.dir), safe='')}", schema)


class Replica(Server):
    """A streaming replica of a server."""

    def __init__(self, primary, *options):
        self.primary = primary
        super().__init__(*options)

    def make(self):
        self.call("pg_basebackup", "-h", self.primary.dir, "-U", "sluice", "-D", self.data, "-R", "-c", "fast")

    def catch_up(self):
        """Wait until all that the primary has committed is here."""
        wanted = psql(self.primary.url(), "SELECT pg_current_wal_lsn()").strip()
        deadline = time.monotonic() + 30
        while psql(self.url(), f"SELECT pg_last_wal_replay_lsn() >= '{wanted}'").strip() != "t":
            if time.monotonic() > deadline:
                raise RuntimeError("the replica does not catch up")
            time.sleep(0.01)

    def promote(self):
        self.call("pg_ctl", "-D", self.data, "-w", "promote")


class SmallDisk(Server):
    """A server with a tablespace, `small`, on a file system of so many bytes, which nobody else sees."""

    def __init__(self, size):
        self.size = size
        super().__init__()
        psql(self.url(), f"CREATE TABLESPACE small LOCATION '{self.dir}/small'")

    def start(self):
        place = self.dir / "small"
        place.mkdir()
        mount = ["sh", "-c", f'mount -t tmpfs -o size={self.size} sluice {place} && exec "$@"', "sh"]
        if os.geteuid() == 0:
            mount[2] = mount[2].replace("&&", f"&& chown nobody {place} &&")
            mount = ["unshare", "--mount", *mount, "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        else:
            mount = ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount", *mount]
        subprocess.run([*mount, *self.starting()], cwd="/", check=True, capture_output=True)


class Pooler:
    """PgBouncer before a server, in transaction mode: each transaction may meet another session of the `pool` it has."""

    def __init__(self, server, pool=3):
        program = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")
        if not program:
            raise RuntimeError("pgbouncer is missing; on Debian: apt-get install pgbouncer")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-pool-"))
        (self.dir / "ini").write_text(f"""[databases]
* = host={server.dir} port=5432 user=sluice
[pgbouncer]
pool_mode = transaction
default_pool_size = {pool}
server_round_robin = 1
auth_type = any
unix_socket_dir = {self.dir}
listen_port = 6432
pidfile = {self.dir}/pid
ignore_startup_parameters = options
""")
        if as_nobody():
            os.chown(self.dir, as_nobody()["user"], as_nobody()["group"])
        self.process = subprocess.Popen([program, "-q", self.dir / "ini"], cwd="/", stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, **as_nobody())
        deadline = time.monotonic() + 10
        while not (self.dir / ".s.PGSQL.6432").exists():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError("pgbouncer did not start")
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.dir, ignore_errors=True)

    def url(self):
        return f"postgresql://sluice@/postgres?port=6432&host={urllib.parse.quote(str(self.dir), safe='')}"


class Session:
    """psql as another program that uses the server at the same time."""

    def __init__(self, url, name="other"):
        self.url, self.name = url, name
        self.process = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-d", url], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env={**os.environ, "PGAPPNAME": name})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()

    def send(self, sql):
        """Without waiting for what comes of it."""
        self.process.stdin.write(sql + "\n")
        self.process.stdin.flush()

    def do(self, sql):
        """What is printed, also for what was sent before."""
        self.send(sql + ";\n\\echo end")
        lines = []
        while (line := self.process.stdout.readline()) not in ("end\n", ""):
            lines.append(line)
        return "".join(lines)


def waits(url, name="sluice"):
    """Does a session of that name wait for a lock?"""
    return psql(url, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = "
                     f"'{name}'") != ""


def with_schema(url, schema):
    if not schema:
        return url
    return url + ("&" if "?" in url else "?") + "options=" + urllib.parse.quote(f"-csearch_path={schema}", safe="")


def psql(url, sql):
    """What psql prints for these statements; an error is an exception with its text."""
    done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url], input=sql, text=True,
                          capture_output=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def dump(url):
    """All in the schema of `url`; numbers of sequences are left out: a transaction that is undone has used some."""
    schema = psql(url, "SELECT current_schema").strip()
    done = subprocess.run(["pg_dump", "-d", url, "-n", schema, "--no-owner"], text=True, capture_output=True, check=True)
    return [line for line in done.stdout.splitlines() if "setval" not in line and not line.startswith("\\")]


def quoted(value):
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def query(url, sql, *values):
    """Rows as dictionaries, with ? for values. Moments are as SQLite keeps them, numbers with decimals are texts."""
    for value in values:
        sql = sql.replace("?", quoted(value), 1)
    text = psql(url, "SET timezone TO 'UTC'; SELECT row_to_json(r) FROM (" + sql + ") AS r;")
    return [{k: plain(v) for k, v in json.loads(line, parse_float=str).items()} for line in text.splitlines()]


def plain(value):
    if isinstance(value, str) and value.endswith("+00:00") and value[10:11] == "T":
        return value[:-6] + "Z"
    return value


__all__ = ["Pooler", "Replica", "Server", "Session", "SmallDisk", "psql", "query", "waits", "with_schema", "signal"]
