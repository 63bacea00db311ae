"""The verbs that read: what they print for people and for scripts, their exit codes, and that no secret shows."""
import re
from datetime import datetime
from zoneinfo import ZoneInfo

from harness import *

VERBS = ["serve", "run", "check", "jobs", "status", "runs", "rejects", "cursor", "next", "plugins", "preview", "reload",
         "pause", "resume", "cancel", "version"]
SECRET = "hunter2-S3cret/&\"x"


class Help(Test):
    def test_every_verb_teaches(self):
        with World(sim=False) as w:
            for verb in VERBS:
                with self.subTest(verb):
                    result = w.sluice(verb, "--help")
                    self.assertEqual(result.code, 0, result)
                    self.assertIn("sluice " + verb, result.out)
                    self.assertIn("Example", result.out)

    def test_help_lists_every_verb(self):
        with World(sim=False) as w:
            result = w.sluice("--help")
            self.assertEqual(result.code, 0)
            for verb in VERBS:
                self.assertIn(verb, result.out)

    def test_an_unknown_verb_is_64_and_names_the_nearest(self):
        with World(sim=False) as w:
            result = w.sluice("stauts")
            self.assertEqual(result.code, 64)
            self.assertIn("status", result.err)

    def test_version_needs_no_configuration(self):
        with World(sim=False) as w:
            result = w.sluice("version", config="nothing.cfg")
            self.assertEqual(result.code, 0, result)
            self.assertIn("sluice", result.out)
            self.assertIn("ABI", result.out)
            self.assertEqual(w.sluice("version", "--json").code, 0)


class Check(Test):
    def test_a_good_configuration_is_ok(self):
        with World() as w:
            result = w.sluice("check")
            self.assertEqual(result.code, 0, result)
            self.assertIn("2 jobs", result.out)
            self.assertEqual(w.sluice("check", "--json").json["ok"], True)

    def test_every_problem_is_named_with_its_line(self):
        with World(sim=False) as w:
            w.write("sluice.cfg", f"""store = {{ url = "sqlite:x.db"; }};
plugins = "{PLUGINS}";
connectors = (
  {{ name = "softone"; plugin = "softone";
    settings = {{ url = "http://127.0.0.1:9"; usrname = "u"; password = "${{NO_SUCH_PASSWORD}}"; company = "x"; }};
    jobs = ( {{ stream = "costumers"; }}, {{ stream = "customers"; scheduel = "x"; }} ); }},
  {{ name = "b"; plugin = "no-such-plugin"; jobs = (); }} );
""")
            result = w.sluice("check")
            self.assertEqual(result.code, 78, result)
            text = result.out + result.err
            for word in ("sluice.cfg:5", "NO_SUCH_PASSWORD", "sluice.cfg:6", "scheduel", "schedule"):
                self.assertIn(word, text)

    def test_problems_of_settings_and_streams_are_all_named(self):
        with World(sim=False) as w:
            w.write("sluice.cfg", f"""store = {{ url = "sqlite:x.db"; }};
plugins = "{PLUGINS}";
connectors = (
  {{ name = "softone"; plugin = "softone";
    settings = {{ url = "http://127.0.0.1:9"; usrname = "u"; company = "x"; }};
    jobs = ( {{ stream = "costumers"; }} ); }},
  {{ name = "b"; plugin = "no-such-plugin"; jobs = ( {{ stream = "x"; }} ); }} );
""")
            result = w.sluice("check", "--json")
            self.assertEqual(result.code, 78, result)
            text = " ".join(p["text"] for p in result.json["problems"])
            for word in ("usrname", "username", "password", "company", "costumers", "customers", "no-such-plugin"):
                self.assertIn(word, text)
            self.assertTrue(all(p["line"] > 0 for p in result.json["problems"]), result)

    def test_a_configuration_that_is_not_there_is_66_or_says_so(self):
        with World(sim=False) as w:
            result = w.sluice("check", config="nothing.cfg")
            self.assertEqual(result.code, 66, result)
            self.assertIn("nothing.cfg", result.err)

    def test_live_asks_store_and_sources(self):
        with World("--customers", "3") as w:
            result = w.sluice("check", "--live")
            self.assertEqual(result.code, 0, result)
            w.configure(password="wrong")
            result = w.sluice("check", "--live")
            self.assertEqual(result.code, 77, result)
            self.assertIn("Wrong Username/Password", result.out + result.err)
            self.assertFalse(w.database.exists() and w.query(
                "SELECT name FROM sqlite_master WHERE name = 'softone_customers'"), "check changes nothing")


class Plugins(Test):
    def test_they_are_listed_with_their_streams(self):
        with World(sim=False) as w:
            result = w.sluice("plugins")
            self.assertEqual(result.code, 0, result)
            self.assertRegex(result.out, r"softone.*customers")
            self.assertEqual(w.sluice("plugins", "--json").code, 0)

    def test_show_is_a_help_page_with_every_setting_and_column(self):
        with World(sim=False) as w:
            result = w.sluice("plugins", "show", "softone")
            self.assertEqual(result.code, 0, result)
            for word in ("password", "customers_full_path", "windows-1253", "trdr", "IRSDATA|IRSDATA_1", "no identity"):
                self.assertIn(word, result.out)
            self.assertEqual(w.sluice("plugins", "show", "softone", "--json").json["name"], "softone")

    def test_what_is_not_a_plugin_is_told_why(self):
        with World(sim=False) as w:
            w.write("broken.so", "not an ELF file")
            result = w.sluice("plugins", "show", str(w.dir / "broken.so"))
            self.assertNotEqual(result.code, 0)
            self.assertIn("broken.so", result.err)


class Reading(Test):
    def test_before_the_first_run_there_is_nothing_and_that_is_no_error(self):
        with World() as w:
            for arguments in (["jobs"], ["status"], ["runs"], ["rejects"], ["cursor", "get"]):
                with self.subTest(arguments):
                    self.assertEqual(w.sluice(*arguments).code, 0)
                    self.assertEqual(w.sluice(*arguments, "--json").code, 0)
            self.assertFalse(w.database.exists(), "reading makes no database")

    def test_jobs_have_the_contracts_keys(self):
        with World(job='schedule = "*/5 * * * *"; timezone = "Europe/Athens";') as w:
            w.run(CUSTOMERS)
            jobs = w.sluice("jobs", "--json").json["jobs"]
            self.assertEqual([j["name"] for j in jobs], [CUSTOMERS, SUPPLIERS])
            self.assertEqual(set(jobs[0]), {"name", "connector", "stream", "enabled", "paused", "schedule", "timezone",
                                            "next_run", "running", "last_run"})
            self.assertEqual(jobs[0]["last_run"]["status"], "success")
            self.assertIsNone(jobs[1]["last_run"])
            self.assertRegex(jobs[0]["next_run"], r"^\d{4}-\d\d-\d\dT\d\d:\d[05]:00(\.000)?Z$")

    def test_next_tells_fires_in_zone_and_utc(self):
        with World(job='schedule = "0 6 * * *"; timezone = "Europe/Athens";') as w:
            result = w.sluice("next", CUSTOMERS, "-n", "3", "--json")
            self.assertEqual(result.json["timezone"], "Europe/Athens")
            self.assertEqual(len(result.json["next"]), 3)
            self.assertRegex(result.json["next"][0], r"^\d{4}-\d\d-\d\dT0[34]:00:00Z$")
            self.assertEqual(set(result.json), {"job", "timezone", "next"})
            self.assertEqual(result.json["job"], CUSTOMERS)

    def test_next_follows_daylight_saving(self):
        with World(job='schedule = "30 6 * * *"; full_schedule = "0 3 1 * *"; timezone = "Europe/Athens";') as w:
            zone, offsets = ZoneInfo("Europe/Athens"), set()
            fires = [datetime.fromisoformat(f) for f in w.sluice("next", CUSTOMERS, "-n", "400", "--json").json["next"]]
            rows = w.sluice("next", CUSTOMERS, "-n", "400").out.splitlines()[-400:]
            self.assertEqual(len(fires), 400)
            for row, fire in zip(rows, fires):
                local = fire.astimezone(zone)
                offsets.add(local.utcoffset())
                self.assertIn((local.hour, local.minute), [(6, 30), (3, 0)])
                self.assertRegex(row, f"^{re.escape(str(local)[:19])} [+]0{str(local.utcoffset())[:4]}  *"
                                      f"{fire:%Y-%m-%dT%H:%M:%SZ}$")
            self.assertEqual(len(offsets), 2, "a year has summer and winter")

    def test_runs_and_one_run_with_its_errors(self):
        with World() as w:
            w.sim.records("customers", [{"TRDR": "x"}, {"TRDR": "1"}])
            w.run(CUSTOMERS)
            run = w.run(CUSTOMERS).json
            runs = w.sluice("runs", "--json").json["runs"]
            self.assertEqual([r["run"] for r in runs][0], run["run"], "newest first")
            self.assertEqual(len(w.sluice("runs", SUPPLIERS, "--json").json["runs"]), 0)
            shown = w.sluice("runs", "show", run["run"])
            self.assertEqual(shown.code, 0, shown)
            self.assertIn("TRDR", shown.out)
            self.assertEqual(w.sluice("runs", "show", run["run"], "--json").json["errorDetails"], run["errorDetails"])
            self.assertEqual(w.sluice("runs", "show", "01NOSUCHRUN").code, 66)

    def test_cursors_are_read_moved_and_reset(self):
        with World() as w:
            w.run(CUSTOMERS)
            (cursor,) = w.sluice("cursor", "get", CUSTOMERS, "--json").json
            self.assertEqual(set(cursor), {"job", "partition", "cursor", "updated_at"})
            self.assertEqual(cursor["cursor"], "2026-02-10 09:20:03")
            self.assertEqual(w.sluice("cursor", "set", CUSTOMERS, "2026-01-01 00:00:00").code, 0)
            (cursor,) = w.sluice("cursor", "get", CUSTOMERS, "--json").json
            self.assertEqual(cursor["cursor"], "2026-01-01 00:00:00")
            self.assertEqual(w.sluice("cursor", "reset", CUSTOMERS).code, 0)
            self.assertEqual(w.sluice("cursor", "get", CUSTOMERS, "--json").json, [])

    def test_preview_shows_records_and_writes_nothing(self):
        with World() as w:
            w.sim.records("customers", [{"TRDR": "1", "NAME": "Άνεμος"}, {"TRDR": "x"}, {"TRDR": "2"}])
            result = w.sluice("preview", CUSTOMERS, "-n", "2")
            self.assertEqual(result.code, 0, result)
            self.assertIn("Άνεμος", result.out)
            self.assertIn("rejected", result.out)
            self.assertFalse(w.database.exists())
            objects = w.sluice("preview", CUSTOMERS, "--json").objects
            self.assertEqual([list(o)[0] for o in objects], ["values", "rejected", "values"])
            self.assertEqual(objects[0]["values"]["trdr"], 1)


class Secrets(Test):
    def test_no_secret_shows_anywhere(self):
        with World(sim=False) as w:
            w.write("secret", SECRET + "\n", mode=0o600)
            w.settings.update(password="${file:%s/secret}" % w.dir, username="u")
            w.sim = None
            w.configure()
            outputs = []
            for arguments in (["run", CUSTOMERS], ["run", "--json", CUSTOMERS], ["check"], ["check", "--live"],
                              ["preview", CUSTOMERS], ["jobs", "--json"], ["plugins", "show", "softone"],
                              ["runs", "--json"], ["-v", "run", CUSTOMERS]):
                result = w.sluice(*arguments)
                outputs.append(result.out + result.err)
            if w.database.exists():
                outputs.append("\n".join(sqlite3.connect(w.database).iterdump()))
            for text in outputs:
                self.assertNotIn("hunter2", text)

    def test_a_source_that_echoes_the_password_does_not_leak_it(self):
        with World() as w:
            w.configure(password="hunter2-S3cret")
            w.sim.reply(status=200, body='{"success":false,"code":250,"message":"bad login demo/hunter2-S3cret"}')
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 77)
            self.assertNotIn("hunter2", result.out + result.err)
            self.assertNotIn("hunter2", "\n".join(sqlite3.connect(w.database).iterdump()))
            self.assertIn("***", result.json["error"])

    def test_no_process_shows_it_in_its_arguments_or_environment(self):
        with World() as w:
            w.write("env", "PW=hunter2-S3cret\n", mode=0o600)
            w.configure(password="${PW}")
            w.sim.reply(status=200, delay_ms=30000)
            process = w.start("run", CUSTOMERS, "--env-file", str(w.dir / "env"))
            run = wait_for(lambda: w.database.exists() and self.running(w))
            worker = run["host"].rsplit("/", 1)[1].split(".")[0]
            for pid in [str(process.pid), worker, *pathlib.Path(f"/proc/{worker}/task/{worker}/children").read_text().split()]:
                for name in ("cmdline", "environ"):
                    self.assertNotIn(b"hunter2", pathlib.Path(f"/proc/{pid}/{name}").read_bytes())
            process.terminate()
            process.communicate(timeout=15)

    @staticmethod
    def running(w):
        try:
            rows = w.query("SELECT host FROM sluice_runs WHERE status = 'running'")
        except sqlite3.OperationalError:
            return None
        return rows[0] if rows else None


if __name__ == "__main__":
    unittest.main()
