"""What tests of broken sources share: a world with short time-outs, servers of few words, and what every failure must
leave as it was."""
import contextlib
import re
import socket
import threading

from harness import *

PATH = "/s1services/JS/webservice.customers/getCustomers"
SANITIZED = any(name in pathlib.Path(SLUICE).read_bytes() for name in (b"__asan_init", b"__tsan_init"))
SLOW = 3 if SANITIZED else 1  # how much longer things may take


def partners(first, count):
    return [{"TRDR": str(i), "CODE": f"C{i}", "AFM": str(100000000 + i), "NAME": f"N{i}", "ISPROSP": "1"}
            for i in range(first, first + count)]


class Faulty(World):
    """A world whose http settings are `http` and nothing else."""

    def __init__(self, *sim_options, http="", **options):
        self.whole_http = 'timeout = "1s"; connect_timeout = "1s"; attempts = 2;'
        self.more_http = http
        super().__init__(*sim_options, **options)

    def configure(self, **settings):
        super().configure(**settings)
        text = (self.dir / "sluice.cfg").read_text(encoding="utf-8")
        self.write("sluice.cfg", re.sub(r"http = \{.*?\};", lambda _: "http = { " + self.http_text() + " };", text))

    def http_text(self):
        wanted = dict(re.findall(r"(\w+) *= *([^;]+);", self.whole_http + self.more_http))
        return " ".join(f"{k} = {v};" for k, v in wanted.items())


def everything_but_runs(w):
    """All tables as text, but for the ledger, which also notes the runs that failed."""
    with contextlib.closing(sqlite3.connect(w.database)) as db:
        return [line for line in db.iterdump() if 'INTO "sluice_runs"' not in line]


class FaultTest(Test):
    def begin(self, w):
        """Five customers are there and the cursor stands; what is delivered next are two of them and two new ones."""
        w.sim.records("customers", partners(1, 5))
        self.check_counts(w.run(CUSTOMERS), created=5)
        w.sim.records("customers", partners(4, 4))
        w.sim.call("DELETE", "/_sim/requests")
        return everything_but_runs(w)

    def check_failed(self, w, before, result, code, words, tries):
        """The run failed as it should, and left everything as it was."""
        self.assertEqual(result.code, code, result)
        self.check_counts(result, status="failed", success=False, processed=0, created=0)
        self.assertIn(words, result.json["error"])
        self.assertEqual(len(w.sim.requests()), tries, result)
        self.assertEqual(everything_but_runs(w), before)
        last = w.query("SELECT status, error FROM sluice_runs ORDER BY id DESC LIMIT 1")
        self.assertEqual(last, [{"status": "failed", "error": result.json["error"]}])

    def check_right(self, w, result, created=2, skipped=2):
        self.assertEqual(result.code, 0, result)
        self.check_counts(result, status="success", total=created + skipped, processed=created + skipped,
                          created=created, updated=0, skipped=skipped, errors=0)
        self.assertEqual([r["trdr"] for r in w.rows()], list(range(1, 8)))


# ---- Servers of few words ----

class Listener:
    """A server of few words: what `serve(connection)` does to each connection that comes."""

    def __init__(self, serve=None, address="127.0.0.1", backlog=16):
        self.socket = socket.create_server((address, 0), backlog=backlog)
        self.address = "%s:%d" % self.socket.getsockname()
        self.connections = []
        self.serve = serve
        if serve:
            threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        for c in self.connections:
            c.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.socket.accept()[0]
                self.connections.append(connection)
                threading.Thread(target=self.handle, args=(connection,), daemon=True).start()

    def handle(self, connection):
        with contextlib.suppress(OSError):
            self.serve(connection)


def silent(connection):
    while connection.recv(65536):
        pass


def half_head(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/p")
    silent(connection)


def dripping_head(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def half_body(connection):
    connection.recv(65536)
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"success":true,')
    silent(connection)


def dripping_body(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


def say(status):
    def serve(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 %d Told\r\nContent-Length: 3\r\n\r\nabc" % status)
        silent(connection)
    return serve


__all__ = [name for name in globals() if not name.startswith("_")]
