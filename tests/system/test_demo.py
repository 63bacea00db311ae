"""etc/demo, with the programs of the build under test: what it shows, what it leaves running, and what it does not."""
import http.client
import re
import shutil
import socket
import tempfile

from daemon import ask, free_port
from harness import *

SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE"])
BUILD = pathlib.Path(os.environ["SLUICE_BUILD"])


class Demo(Test):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-test-")).resolve()
        self.addCleanup(shutil.rmtree, self.dir)
        for name in ("bin", "plugins"):
            (self.dir / name).symlink_to(BUILD / name)
        self.port = free_port()
        self.addCleanup(self.demo, "--stop")

    def start(self, *arguments):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("SLUICE_", "DEMO_", "SOFTONE_", "SABITO_"))}
        environment.update(DEMO_BUILD=str(self.dir), DEMO_PORT=str(self.port))
        return subprocess.Popen([SOURCE / "etc/demo", *arguments], cwd="/", env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)

    def demo(self, *arguments):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return Result(process.returncode, out, err)

    def running(self):
        """Command lines of processes that have to do with this demo."""
        lines = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(self.dir) in line:
                lines.append(line)
        return sorted(lines)

    def pids(self):
        return [(self.dir / "demo" / f"{name}.pid").read_text() for name in ("serve", "sim")]

    def get(self, path):
        return ask(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20), "GET", path)

    def check_synced(self, result):
        """Two syncs, the first of which found all new and the second nothing."""
        self.assertEqual(result.code, 0, result)
        for job, count in ((CUSTOMERS, 2000), (SUPPLIERS, 300)):
            counts = re.findall(rf"^{job}: success: .* (\d+) created, 0 updated, (\d+) skipped, 0 errors", result.out, re.M)
            self.assertEqual(counts, [(str(count), "0"), ("0", str(count))], result)
        counts = re.findall(r"^sabito.customers: success: .* (\d+) created, 0 updated, 0 skipped, 0 errors", result.out, re.M)
        self.assertEqual(counts, ["500", "0"], result)
        counts = re.findall(r"^ploomes.(\w+): success: .* (\d+) created, 0 updated, \d+ skipped, 0 errors", result.out, re.M)
        self.assertEqual([count for job, count in counts if job == "deals"], ["3000", "0"], result)
        self.assertEqual([count for job, count in counts if job == "contacts"], ["400", "0"], result)
        sales = [int(count) for job, count in counts if job == "customer_sales"]
        self.assertTrue(sales[0] > 390 and sales[1:] == [0], result)
        self.assertIn("Ρήγας Κώστας", result.out)
        self.assertIn("customer.2@shop", result.out)
        self.assertIn("To read real systems", result.out)

    def test_once_syncs_twice_and_leaves_nothing_running(self):
        result = self.demo("--once")
        self.check_synced(result)
        self.assertEqual(self.running(), [])
        self.assertNotIn("sluice serve", result.out)

    def test_it_leaves_a_daemon_that_runs_the_jobs_until_it_is_stopped(self):
        result = self.demo()
        self.check_synced(result)
        self.assertEqual(len(self.running()), 2, self.running())
        urls = re.findall(rf"http://127\.0\.0\.1:{self.port}(/\S+)", result.out)
        self.assertEqual(urls, ["/api/v1/jobs", "/api/v1/runs", "/metrics"])
        for url in urls:
            self.assertEqual(self.get(url).status, 200)
        wait_for(lambda: len(self.get("/api/v1/runs").json["runs"]) >= 6, 30)
        self.assertEqual({run["status"] for run in self.get("/api/v1/runs").json["runs"]} - {"running"}, {"success"})

        before = self.pids()
        self.check_synced(self.demo())
        self.assertEqual(len(self.running()), 2, self.running())
        self.assertEqual(set(before) & set(self.pids()), set(), "it is another daemon now")
        self.assertEqual(self.get("/livez").status, 200)

        for _ in range(2):
            result = self.demo("--stop")
            self.assertEqual((result.code, result.out, result.err), (0, "", ""))
            self.assertEqual(self.running(), [])

    def test_a_port_that_is_taken_is_named_with_the_way_out(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", self.port))
            other.listen()
            result = self.demo()
        self.assertEqual(result.code, 1, result)
        self.assertIn(f"cannot listen on 127.0.0.1:{self.port}", result.err)
        self.assertIn("DEMO_PORT=", result.err)
        self.assertEqual(self.running(), [])

    def test_ctrl_c_leaves_nothing(self):
        for name in ("sim.pid", "sluice.db", "serve.pid"):
            with self.subTest(name):
                process = self.start()
                wait_for(lambda: (self.dir / "demo" / name).exists(), 60)
                os.killpg(process.pid, signal.SIGINT)
                out, err = process.communicate(timeout=60)
                if process.returncode == 0:  # it had ended before
                    self.demo("--stop")
                else:
                    self.assertEqual(process.returncode, 130, (out, err))
                wait_for(lambda: not self.running())

    def test_what_it_does_not_know_it_does_not_do(self):
        result = self.demo("--twice")
        self.assertEqual((result.code, result.out), (64, ""))
        self.assertIn("etc/demo --stop", result.err)
        self.assertEqual(list(self.dir.glob("demo")), [])


if __name__ == "__main__":
    unittest.main()
