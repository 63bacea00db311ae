"""What a worker tells the process that started it, which is this test here: the job on two sealed descriptors, events
on a third."""
from harness import *


class Worker(Test):
    def options(self, w):
        """The settings of a connector, with the presets that the host fills in."""
        plugin = w.sluice("plugins", "show", PLUGINS + "/softone.so", "--json").json
        options = {o["name"]: o["preset"] for o in plugin["options"] if o["preset"] is not None}
        return {**options, **w.settings, "company": int(w.settings["company"])}

    def memfd(self, value):
        fd = os.memfd_create("spec")
        os.write(fd, json.dumps(value).encode())
        return fd

    def work(self, w, http=None, store=None, **connector):
        """The events of one run."""
        ends = os.pipe()
        fds = [self.memfd({"plugin": PLUGINS + "/softone.so", "stream": "customers", "partition": "",
                           "options": self.options(w), "fields": [], "memory": 0, **connector,
                           "http": {"timeout_us": 5000000, "attempts": 2, "proxy": "", "ca_file": "", **(http or {})}}),
               self.memfd({"parent": os.getpid(), "what": 0, "job": CUSTOMERS, "plugin_name": "softone",
                           "store_url": f"sqlite:{w.database}", "table": "softone_customers", "columns": [],
                           "match": [], **(store or {})}),
               ends[1]]

        def place():
            for i, fd in enumerate([os.dup2(fd, 20 + i) for i, fd in enumerate(fds)]):
                os.dup2(fd, 3 + i)

        process = subprocess.Popen([SLUICE, "worker"], preexec_fn=place, close_fds=False)
        for fd in fds:
            os.close(fd)
        with open(ends[0], encoding="utf-8") as events:
            told = [json.loads(line) for line in events]
        self.assertEqual(process.wait(60), 0)
        return told

    def test_the_result_tells_what_the_requests_cost(self):
        with World("--customers", "10") as w:
            told = self.work(w)
            self.assertEqual([e["event"] for e in told if e["event"] != "progress"], ["starting", "started", "result"])
            self.assertEqual(told[-1]["run"]["status"], "success", told)
            cost = told[-1]["http"]
            self.assertEqual((cost["requests"], cost["retries"]), (len(w.sim.requests()), 0))
            self.assertGreater(cost["bytes"], 100)
            self.assertEqual(cost["throttled_us"], 0)

    def test_a_run_that_failed_tells_it_too(self):
        with World() as w:
            w.sim.reply(status=503, times=2)
            result = self.work(w)[-1]
            self.assertEqual(result["run"]["status"], "failed", result)
            self.assertEqual((result["http"]["requests"], result["http"]["retries"]), (2, 1))

    def test_one_that_was_ended_tells_nothing(self):
        with World() as w:
            w.sim.reply(fault="hang-before-headers")
            result = self.work(w, store={"deadline_us": 500000}, http={"timeout_us": 60000000})[-1]
            self.assertEqual(result["run"]["status"], "timeout", result)
            self.assertEqual(result["http"], {"requests": 0, "retries": 0, "throttled_us": 0, "bytes": 0})


if __name__ == "__main__":
    unittest.main()
