"""Servers that cannot be reached, hang, or must not be spoken to: names, connections, proxies, TLS.

The program runs in a network of its own (see private.py)."""
import ssl
import warnings

import private
from faulty import *


def setUpModule():
    private.enter()


@contextlib.contextmanager
def full_listener():
    """A port whose queue is full: what comes next is not even greeted."""
    with Listener(backlog=0) as listener:
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.socket.getsockname())
            fillers.append(filler)
        time.sleep(0.1)
        yield listener
        for filler in fillers:
            filler.close()


NOT_WHOLE = "the answer was not whole within 1 s (http.timeout)"
STAGES = [
    ("while it connects", full_listener, "http", "no connection to LISTENER within 1 s (http.connect_timeout)"),
    ("in the TLS greeting", lambda: Listener(silent), "https",
     "LISTENER takes connections but spoke no TLS within 1 s (http.connect_timeout)"),
    ("before the headers", lambda: Listener(silent), "http", "no answer within 1 s (http.timeout)"),
    ("in the headers", lambda: Listener(half_head), "http", NOT_WHOLE),
    ("dripping headers", lambda: Listener(dripping_head), "http", NOT_WHOLE),
    ("in the body", lambda: Listener(half_body), "http", NOT_WHOLE),
    ("dripping body", lambda: Listener(dripping_body), "http", NOT_WHOLE),
]


class Hangs(Test):
    def interrupt(self, w, ready=lambda: True):
        """Ctrl-C while the run hangs: over soon, told as cancelled."""
        process = w.start("run", "--json", CUSTOMERS)
        wait_for(lambda: w.database.exists() and self.running(w))
        wait_for(ready)
        time.sleep(0.1)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        took = time.monotonic() - began
        self.assertLess(took, 1 + BUSY, err)
        self.assertEqual(process.returncode, 130, out + err)
        self.assertEqual(json.loads(out)["status"], "cancelled")
        self.assertEqual([r["status"] for r in w.query("SELECT status FROM sluice_runs")], ["cancelled"])
        self.assertEqual(w.query("SELECT * FROM sluice_cursors"), [])

    @staticmethod
    def running(w):
        with contextlib.suppress(sqlite3.OperationalError):
            return w.query("SELECT id FROM sluice_runs WHERE status = 'running'")
        return []

    def test_a_hang_at_each_stage_ends_with_its_time_out(self):
        for name, server, scheme, words in STAGES:
            with self.subTest(name), server() as listener, \
                    Faulty(sim=False, http="attempts = 1;", settings={"url": f"{scheme}://{listener.address}"}) as w:
                began = time.monotonic()
                result = w.run(CUSTOMERS)
                took = time.monotonic() - began
                self.assertEqual(result.code, 69, result)
                self.check_counts(result, status="failed", processed=0)
                self.assertIn(words.replace("LISTENER", listener.address), result.json["error"])
                self.assertGreaterEqual(took, 1)
                self.assertLess(took, 2 + BUSY)

    def test_ctrl_c_ends_a_hang_at_each_stage(self):
        for name, server, scheme, _ in STAGES:
            with self.subTest(name), server() as listener, \
                    Faulty(sim=False, http='timeout = "60s"; connect_timeout = "60s";',
                           settings={"url": f"{scheme}://{listener.address}"}) as w:
                self.interrupt(w, lambda: listener.connections or not listener.serve)

    def test_a_name_server_that_never_answers_is_named_and_ctrl_c_ends_the_wait(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, \
                Faulty(sim=False, settings={"url": "https://erp.example"}, http="attempts = 1;") as w:
            server.bind(("127.0.0.1", 53))
            asked = []
            threading.Thread(target=lambda: asked.append(server.recv(512)), daemon=True).start()
            with private.in_place_of("/etc/resolv.conf", w.write("resolv.conf", "nameserver 127.0.0.1\n", 0o644)):
                began = time.monotonic()
                result = w.run(CUSTOMERS)
                self.assertEqual(result.code, 69, result)
                self.assertIn("the name of erp.example was not found within 1 s (http.connect_timeout): no name server "
                              "answers", result.json["error"])
                self.assertLess(time.monotonic() - began, 3 + BUSY)
                self.assertTrue(asked and b"erp" in asked[0])
                w.database.unlink()
                w.more_http = 'connect_timeout = "60s";'
                w.configure()
                self.interrupt(w)

    def test_an_unknown_name_is_told_as_one(self):
        with Faulty(sim=False, settings={"url": "https://erp.example"}, http="attempts = 1;") as w, \
                private.in_place_of("/etc/resolv.conf", w.write("resolv.conf", "nameserver 127.0.0.1\n", 0o644)):
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 69, result)
            self.assertIn("host name erp.example was not found", result.json["error"])

    def test_nobody_there(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        with Faulty(sim=False, settings={"url": f"http://127.0.0.1:{port}"}) as w:
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 69, result)
            self.assertIn(f"no connection to 127.0.0.1:{port}: Connection refused", result.json["error"])
            self.assertIn("(2 attempts)", result.json["error"])

    def test_what_does_not_speak_http_is_told_as_such(self):
        def greet(connection):
            connection.sendall(b"220 mail.example ESMTP\r\n")
            silent(connection)

        with Listener(greet) as listener, Faulty(sim=False, settings={"url": "http://" + listener.address}) as w:
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 1, result)
            self.assertIn("does not speak HTTP", result.json["error"])


# ---- Proxies ----

class Proxies(Test):
    CASES = [ # what the proxy does, the URL, exit code, words
        (say(407), "https://erp.example", 77, "the proxy refused with HTTP 407: check http.proxy and its credentials"),
        (say(403), "https://erp.example", 77, "the proxy refused with HTTP 403: check http.proxy and its credentials"),
        (say(502), "https://erp.example", 69, "the proxy answered HTTP 502: check http.proxy"),
        (say(407), "http://erp.example", 77, "HTTP 407: check the credentials in http.proxy"),
        (silent, "https://erp.example", 69, "the proxy http://PROXY made no connection to erp.example within 1 s "
                                            "(http.connect_timeout)"),
        (lambda c: c.recv(65536) and c.close(), "https://erp.example", 69,
         "the proxy http://PROXY broke the connection off at once"),
    ]

    def check(self, proxy, url, code, words):
        with Faulty(sim=False, settings={"url": url}, http=f'attempts = 1; insecure = true; proxy = "{proxy}";') as w:
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, code, result)
            self.assertIn(words, result.json["error"])
            self.assertNotIn("pr0xy", result.out + result.err)

    def test_what_it_refuses_or_breaks_is_told_as_its_doing(self):
        for serve, url, code, words in self.CASES:
            with self.subTest(words), Listener(serve) as proxy:
                self.check(f"http://user:pr0xy@{proxy.address}", url, code, words.replace("PROXY", proxy.address))

    def test_one_that_is_not_there_is_named(self):
        for proxy in ("http://user:pr0xy@127.0.0.1:1", "socks5h://user:pr0xy@127.0.0.1:1"):
            with self.subTest(proxy):
                self.check(proxy, "https://erp.example", 69, "no connection to the proxy "
                           f"{proxy.split(':')[0]}://127.0.0.1:1: Connection refused: check http.proxy")
        with private.in_place_of("/etc/resolv.conf", "/dev/null"):
            self.check("http://proxy.example:3128", "https://erp.example", 69,
                       "the name of the proxy http://proxy.example:3128 was not found: check http.proxy")

    def test_it_is_asked_by_its_name_and_credentials_and_for_no_local_host(self):
        heads = []

        def refuse(connection):
            heads.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")

        with Listener(refuse) as proxy:
            self.check(f"http://user:pr0xy@{proxy.address}", "https://erp.example", 77, "the proxy refused")
            self.assertRegex(heads[0], rb"^CONNECT erp.example:443 HTTP/1.1\r\n")
            self.assertIn(b"Proxy-Authorization: Basic dXNlcjpwcjB4eQ==", heads[0])
            with Faulty(http=f'proxy = "http://{proxy.address}";') as w:
                self.assertEqual(w.run(CUSTOMERS).code, 0)
            self.assertEqual(len(heads), 1, "127.0.0.1 is asked directly")

    def test_those_of_the_environment_are_ignored(self):
        with Listener(say(403)) as proxy, Faulty(settings={"url": f"http://{private.FOREIGN}:1"},
                                                 http="insecure = true; attempts = 1;") as w:
            url = "http://" + proxy.address
            result = w.run(CUSTOMERS, env={"http_proxy": url, "HTTP_PROXY": url, "ALL_PROXY": url, "all_proxy": url})
            self.assertIn(f"no connection to {private.FOREIGN}:1: Connection refused", result.json["error"])
            self.assertEqual(proxy.connections, [])


# ---- TLS ----

class TlsServer(Listener):
    """Hands what it decrypts to the simulator."""

    def __init__(self, directory, sim_url, names, versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)):
        self.certificate = directory / "certificate.pem"
        key = directory / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=" + names, "-keyout", str(key), "-out",
                        str(self.certificate)], check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_ciphers("DEFAULT@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self.context.minimum_version, self.context.maximum_version = versions
        self.context.load_cert_chain(self.certificate, key)
        self.sim = ("127.0.0.1", int(sim_url.rsplit(":", 1)[1]))
        super().__init__(self.relay)

    def relay(self, plain):
        with self.context.wrap_socket(plain, server_side=True) as tls, socket.create_connection(self.sim) as sim:
            sim.sendall(tls.recv(65536))
            while data := sim.recv(65536):
                tls.sendall(data)


class Tls(FaultTest):
    def check_untrusted(self, w, before, words):
        result = w.run(CUSTOMERS)
        self.check_failed(w, before, result, 78, words, 0)
        return result.json["error"]

    def test_a_certificate_that_is_not_trusted_names_ca_file_and_works_with_it(self):
        with Faulty() as w, TlsServer(w.dir, w.sim.url, "IP:127.0.0.1") as server:
            before = self.begin(w)
            w.configure(url="https://" + server.address)
            error = self.check_untrusted(w, before, "the certificate is not trusted: ")
            self.assertIn("or name the authority's in http.ca_file", error)
            w.more_http = 'ca_file = "certificate.pem";'
            w.configure()
            self.check_right(w, w.run(CUSTOMERS))

    def test_insecure_is_about_http_and_trusts_no_certificate(self):
        with Faulty(http="insecure = true;") as w, TlsServer(w.dir, w.sim.url, "IP:127.0.0.1") as server:
            before = self.begin(w)
            w.configure(url="https://" + server.address)
            self.check_untrusted(w, before, "the certificate is not trusted: ")

    def test_a_certificate_of_another_host_is_not_trusted(self):
        with Faulty() as w, TlsServer(w.dir, w.sim.url, "DNS:other.example") as server:
            before = self.begin(w)
            w.more_http = 'ca_file = "certificate.pem";'
            w.configure(url="https://" + server.address)
            error = self.check_untrusted(w, before, "the certificate is not trusted: ")
            self.assertIn("check the URL's host name", error)

    def test_a_ca_file_that_holds_no_certificate_is_named(self):
        with Faulty() as w, Listener(silent) as listener:
            before = self.begin(w)
            w.write("ca.pem", "no certificate\n")
            w.more_http = 'ca_file = "ca.pem";'
            w.configure(url="https://" + listener.address)
            self.check_untrusted(w, before, f"http.ca_file {w.dir}/ca.pem cannot be used")

    def test_old_protocols_are_refused(self):
        with Faulty() as w, \
                TlsServer(w.dir, w.sim.url, "IP:127.0.0.1", (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)) as server:
            before = self.begin(w)
            w.more_http = 'ca_file = "certificate.pem"; attempts = 1;'
            w.configure(url="https://" + server.address)
            result = w.run(CUSTOMERS)
            self.check_failed(w, before, result, 69, "check that this port speaks TLS 1.2 or newer", 0)

    def test_what_speaks_no_tls_is_told_as_such(self):
        with Listener(say(400)) as listener, \
                Faulty(sim=False, settings={"url": "https://" + listener.address}, http="attempts = 1;") as w:
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 69, result)
            self.assertIn(f"no TLS with {listener.address}: ", result.json["error"])


class Unencrypted(Test):
    def test_http_to_another_host_is_refused_before_anything_is_sent(self):
        for url in ("http://ADDRESS", "HTTP://ADDRESS", "http://user:pw@ADDRESS"):
            with self.subTest(url), Listener(silent, private.FOREIGN) as listener:
                url = url.replace("ADDRESS", listener.address)
                with Faulty(sim=False, settings={"url": url}) as w:
                    result = w.run(CUSTOMERS)
                    self.assertEqual(result.code, 78, result)
                    self.assertIn(f"://{listener.address}{PATH}: http:// would send credentials unencrypted: use "
                                  "https://, or say insecure = true", result.json["error"])
                    time.sleep(0.05)
                    self.assertEqual(listener.connections, [])

    def test_insecure_says_it_in_words(self):
        with Listener(say(403), private.FOREIGN) as listener:
            with Faulty(sim=False, settings={"url": "http://" + listener.address}, http="insecure = true;") as w:
                result = w.run(CUSTOMERS)
                self.assertEqual(result.code, 77, result)
                self.assertEqual(len(listener.connections), 1)


if __name__ == "__main__":
    unittest.main()
