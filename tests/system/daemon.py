"""A running `sluice serve` for tests: its configuration, its control API, its log.

    with Daemon(job='schedule = "* * * * * *";') as d:
        d.get("/api/v1/jobs")
        d.wait_log("run ended")
"""
import http.client
import socket
import threading

from harness import *


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class Answer:
    """What the control API said."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body!r}"


def ask(connection, method, path, body=None, headers=None):
    data = json.dumps(body) if isinstance(body, (dict, list)) else body
    try:
        connection.request(method, path, data, headers or {})
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode())
    finally:
        connection.close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Daemon(World):
    """`control` replaces the control block's tokens; `arguments` are more of the command line's."""

    def __init__(self, *sim_options, control="", arguments=(), env=None, start=True, **options):
        self.port = free_port()
        self.control = control
        self.arguments, self.env = list(arguments), env
        self.process, self.log_lines, self.reader = None, [], None
        super().__init__(*sim_options, **options)
        if start:
            self.serve()

    def configure(self, **settings):
        super().configure(**settings)
        path = self.dir / "sluice.cfg"
        path.write_text(f'control = {{ listen = "127.0.0.1:{self.port}"; socket = "control.sock"; {self.control} }};\n'
                        + path.read_text())

    def serve(self, ready=True):
        self.log_lines = []
        self.process = self.start("serve", *self.arguments, env=self.env)
        self.reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self.reader.start()
        if ready:
            self.wait_log("ready")
        return self

    def _read(self, process):
        for line in process.stderr:
            self.log_lines.append(line.rstrip("\n"))

    def log(self, *texts):
        """The log's lines that hold all of the texts."""
        return [line for line in list(self.log_lines) if all(text in line for text in texts)]

    def wait_log(self, *texts, count=1, seconds=60):
        """Wait for that many lines that hold all of the texts."""
        def found():
            lines = self.log(*texts)
            if len(lines) >= count:
                return lines
            if self.process.poll() is not None:
                self.reader.join(5)
                if len(self.log(*texts)) < count:
                    raise AssertionError("the daemon ended:\n" + "\n".join(self.log_lines))
            return None
        try:
            return wait_for(found, seconds)
        except AssertionError as e:
            raise AssertionError(f"no {texts}: {e}\n" + "\n".join(self.log_lines[-50:])) from None

    def ask(self, method, path, body=None, headers=None, timeout=60):
        """Over the unix socket."""
        return ask(UnixConnection(self.dir / "control.sock", timeout), method, path, body, headers)

    def tcp(self, method, path, body=None, headers=None, timeout=60):
        """Over TCP."""
        return ask(http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout), method, path, body, headers)

    def get(self, path):
        return self.ask("GET", path).json

    def state(self, name=CUSTOMERS):
        """The job as the control API tells it."""
        return self.get("/api/v1/jobs/" + name)

    def hup(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self, sig=signal.SIGTERM, seconds=60):
        """End it; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        self.process.wait(seconds)
        return self._end()

    def _end(self):
        self.reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.returncode

    def close(self):
        if self.process:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._end()
        super().close()

    def runs(self, job=CUSTOMERS):
        return self.query("SELECT * FROM sluice_runs WHERE job = ? ORDER BY started_at, id", job)


__all__ = ["threading", "Daemon", "UnixConnection", "Answer", "ask", "free_port"]
