"""Reload: by signal, by command and over HTTP; all of a configuration or none of it; under a storm of signals."""
import re
import shutil

from daemon import *
from faulty import SANITIZED
from harness import *

EVERY_SECOND = 'schedule = "* * * * * *";'
NEVER_SOON = 'schedule = "0 0 29 2 *";'


def private_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(re.search(key + r":\s+(\d+)", text).group(1)) for key in ("Private_Dirty", "Private_Clean"))


class Reload(Test):
    def reload(self, d):
        return d.ask("POST", "/api/v1/reload").json

    def test_a_job_can_be_added_changed_and_taken_away(self):
        with Daemon(job=NEVER_SOON) as d:
            self.assertEqual([j["next_run"][4:10] for j in d.get("/api/v1/jobs")["jobs"]], ["-02-29", "-02-29"])
            d.job = EVERY_SECOND
            d.configure()
            d.hup()
            d.wait_log("generation 2 is in force")
            d.wait_log(CUSTOMERS, "run ended", count=2)
            d.job = NEVER_SOON + " enabled = false;"
            d.configure()
            self.assertEqual(self.reload(d), {"generation": 3, "applied": True})
            wait_for(lambda: not any(j["running"] for j in d.get("/api/v1/jobs")["jobs"]))
            runs = len(d.runs())
            self.assertEqual([(j["enabled"], j["next_run"]) for j in d.get("/api/v1/jobs")["jobs"]], [(False, None)] * 2)
            time.sleep(2.2)
            self.assertEqual(len(d.runs()), runs, "it fires although it is disabled")

    def test_a_job_with_on_start_runs_once_a_reload_enables_it(self):
        with Daemon(job=NEVER_SOON + " on_start = true; enabled = false;") as d:
            d.job = NEVER_SOON + " on_start = true;"
            d.configure()
            self.assertEqual(self.reload(d), {"generation": 2, "applied": True})
            d.wait_log(CUSTOMERS, "run ended")
            d.wait_log(SUPPLIERS, "run ended")
            self.assertEqual(self.reload(d), {"generation": 3, "applied": True})
            d.stop()
            self.assertEqual(len(d.runs()), 1)

    def test_a_wrong_configuration_is_refused_as_a_whole_with_every_error(self):
        with Daemon(job=EVERY_SECOND) as d:
            good = (d.dir / "sluice.cfg").read_text()
            d.write("sluice.cfg", good.replace("schedule", "shedule").replace("timeout =", "timeuot ="))
            answer = self.reload(d)
            self.assertEqual((answer["generation"], answer["applied"]), (1, False))
            self.assertTrue(any("shedule" in e and "sluice.cfg:" in e for e in answer["errors"]), answer)
            self.assertTrue(any("timeuot" in e for e in answer["errors"]), answer)
            r = d.sluice("reload")
            self.assertEqual(r.code, 78, r)
            self.assertIn("shedule", r.err + r.out)
            before = len(d.log(CUSTOMERS, "run ended"))
            d.wait_log(CUSTOMERS, "run ended", count=before + 2)
            d.write("sluice.cfg", good)
            r = d.sluice("reload", "--json")
            self.assertEqual((r.code, r.json), (0, {"generation": 2, "applied": True}))

    def test_what_only_a_restart_can_change_is_refused_with_that_reason(self):
        with Daemon(job=NEVER_SOON) as d:
            good = (d.dir / "sluice.cfg").read_text()
            for old, new, key in (("sqlite:sluice.db", "sqlite:other.db", "store.url"),
                                  (f"127.0.0.1:{d.port}", "127.0.0.1:1", "control.listen"),
                                  ('"control.sock"', '"other.sock"', "control.socket")):
                with self.subTest(key):
                    d.write("sluice.cfg", good.replace(old, new))
                    answer = self.reload(d)
                    self.assertFalse(answer["applied"])
                    self.assertEqual(len(answer["errors"]), 1, answer)
                    self.assertIn(key, answer["errors"][0])
                    self.assertIn("restart", answer["errors"][0])
                    self.assertNotIn("other.db", json.dumps(answer))

    def test_an_edited_env_file_is_in_force_after_a_signal(self):
        with World(sim=False) as w, Daemon(job=EVERY_SECOND, start=False) as d:
            d.write("env", "WHO=demo\n", 0o600)
            d.extra = 'env_file = "env";'
            d.configure(username="${WHO}")
            d.serve()
            d.wait_log(CUSTOMERS, "run ended", "status=success")
            d.write("env", "WHO=nobody\n", 0o600)
            d.hup()
            d.wait_log(CUSTOMERS, "status=failed")
            d.write("env", "# WHO is gone\n", 0o600)
            answer = self.reload(d)
            self.assertIn("`WHO` is not set", " ".join(answer["errors"]))
            d.write("env", "WHO=demo\n", 0o600)
            self.assertTrue(self.reload(d)["applied"])

    def test_runs_go_on_with_the_configuration_they_began_with(self):
        with Daemon(job=NEVER_SOON + " on_start = true;", start=False) as d:
            d.sim.reply(delay_ms=3000, path="getCustomers")
            d.serve()
            wait_for(lambda: d.sim.requests())
            text = (d.dir / "sluice.cfg").read_text()
            d.write("sluice.cfg", text.replace('stream = "customers"', 'name = "renamed"; stream = "customers"'))
            self.assertTrue(self.reload(d)["applied"])
            self.assertEqual([j["name"] for j in d.get("/api/v1/jobs")["jobs"]], ["softone.renamed", SUPPLIERS])
            d.wait_log(CUSTOMERS, "run ended", "status=success")
            d.wait_log("softone.renamed", "run ended", "status=success")
            self.assertEqual([r["status"] for r in d.runs()], ["success"])

    def test_a_plugin_file_that_is_overwritten_in_place_costs_one_run_at_most(self):
        with Daemon(job=EVERY_SECOND, start=False) as d:
            plugin = shutil.copy(pathlib.Path(PLUGINS) / "softone.so", d.dir / "mine.so")
            text = (d.dir / "sluice.cfg").read_text()
            d.write("sluice.cfg", text.replace('plugin = "softone"', f'plugin = "{plugin}"'))
            os.chmod(plugin, 0o750)
            d.serve()
            d.wait_log(CUSTOMERS, "run ended", "status=success", count=2)
            whole = pathlib.Path(plugin).read_bytes()
            with open(plugin, "r+b") as f:
                f.truncate(0)
                f.write(whole)
            before = len(d.log("run ended", "status=success"))
            d.wait_log("run ended", "status=success", count=before + 4)
            d.stop()
            bad = d.query("SELECT * FROM sluice_runs WHERE status NOT IN ('success', 'cancelled')")
            self.assertLessEqual(len(bad), 1, bad)

    def test_ten_thousand_signals_lose_no_job_and_no_memory(self):
        with Daemon(job=EVERY_SECOND) as d:
            d.wait_log(CUSTOMERS, "run ended", count=2)
            for i in range(50):
                self.reload(d)
            before = private_kib(d.process.pid)
            for i in range(10000):
                d.hup()
                if i % 20 == 0:
                    time.sleep(0.005)
            d.job = 'schedule = "*/2 * * * * *";'
            d.configure()
            d.hup()
            wait_for(lambda: d.get("/api/v1/jobs")["jobs"][0]["schedule"] == "*/2 * * * * *")
            for job in (CUSTOMERS, SUPPLIERS):
                d.wait_log(job, "run ended", count=len(d.log(job, "run ended")) + 1)
            most = 64 << 10 if SANITIZED else 1024  # what was freed waits in quarantine
            self.assertLess(private_kib(d.process.pid) - before, most, "memory")
            d.stop()
            twice = d.query("SELECT job, substr(started_at, 1, 19) AS s, count(*) AS n FROM sluice_runs"
                            " GROUP BY 1, 2 HAVING count(*) > 1")
            self.assertEqual(twice, [], "fires were doubled")


if __name__ == "__main__":
    unittest.main()
