"""A receiver of webhooks for tests: keeps what it is sent, and answers as it was told to.

    with Hook() as hook:
        hook.answers = [500]        # then 200
        hook.wait(1)
"""
import http.server
import threading

from harness import *


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        status = self.server.hook.take(self.path, body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Hook:
    def __init__(self):
        self.answers, self.paths, self.bodies = [], [], []
        self.gate = threading.Event()
        self.gate.set()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.hook = self
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()

    def hang(self):
        """From now on keep callers waiting, until go_on()."""
        self.gate.clear()

    def go_on(self):
        self.gate.set()

    def take(self, path, body):
        self.paths.append(path)
        self.bodies.append(body)
        self.gate.wait(120)
        return self.answers.pop(0) if self.answers else 200

    @property
    def alerts(self):
        return [json.loads(body) for body in list(self.bodies)]

    def names(self):
        return [alert["alert"] for alert in self.alerts]

    def wait(self, count, seconds=60):
        """Wait for that many requests; all there are."""
        wait_for(lambda: len(self.bodies) >= count, seconds)
        return self.alerts


__all__ = ["Hook"]
