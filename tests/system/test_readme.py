"""The README and what etc/ ships, held to what they say: keys, configurations, commands, API, a connector, installing."""
import http.server
import re
import shlex
import threading
import urllib.parse

from daemon import UnixConnection, Daemon, ask
from harness import (CUSTOMERS, PLUGINS, SLUICE, SUPPLIERS, Result, Test, World, json, os, pathlib, subprocess, unittest,
                     wait_for)

SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE"])
BUILD = pathlib.Path(os.environ["SLUICE_BUILD"])
README = (SOURCE / "README.md").read_text(encoding="utf-8")


def section(title):
    """The text below the heading `title`, to the next heading of its level or above."""
    start = re.search(rf"^(#+) {re.escape(title)}\n", README, re.M)
    end = re.search(rf"^#{{1,{len(start[1])}}} ", README[start.end():], re.M)
    return README[start.end():start.end() + end.start()] if end else README[start.end():]


def blocks(title):
    """The fenced blocks of a section."""
    return re.findall(r"^```\w*\n(.*?)^```$", section(title), re.M | re.S)


def exit_codes(text):
    """The sentence that lists them, in one line."""
    return " ".join(re.search(r"Exit codes:(.*?130 interrupted)", text, re.S)[1].split())


def program(*arguments, cwd=None, env=None):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}
    environment.update(env or {})
    done = subprocess.run([str(a) for a in arguments], cwd=cwd, env=environment, capture_output=True, text=True,
                          check=False, timeout=120)
    return Result(done.returncode, done.stdout, done.stderr)


NEVER_SOON = "0 0 29 2 *"
OF_THE_DAEMON = ("serve", "reload", "pause", "resume", "cancel")


def commands():
    """Those of the table, as lists of words."""
    cells = [line.split("|")[1] for line in section("Use it").splitlines() if line.startswith("| `sluice ")]
    return [shlex.split(command) for cell in cells for command in re.findall(r"`([^`]+)`", cell)]


class Manual(Daemon):
    """The README's variables and configuration in a directory; only addresses and paths are this test's, and the
    schedules of a daemon, so that nothing runs unasked."""

    def __init__(self, start=False, **variables):
        text, self.configuration, *_ = blocks("Use it")
        self.values = dict(line.split("=", 1) for line in text.splitlines()) | variables
        super().__init__("--username", self.values["SOFTONE_USERNAME"], "--password", self.values["SOFTONE_PASSWORD"],
                         "--company", self.values["SOFTONE_COMPANY"], "--deliver", "all", start=start)

    def configure(self, **_):
        self.values.update(SOFTONE_URL=self.sim.url, DATABASE_URL="sqlite:" + str(self.database))
        self.write("env", "".join(f"{k}={v}\n" for k, v in self.values.items()), mode=0o600)
        self.text = f'plugins = "{PLUGINS}";\n' + self.configuration
        text = re.sub(r'schedule = "[^"]+"', f'schedule = "{NEVER_SOON}"', self.here(self.text))
        self.write("sluice.cfg", text)

    def here(self, text):
        """Text of the README with this test's addresses and paths."""
        for there, here in (("127.0.0.1:8480", f"127.0.0.1:{self.port}"), ("/etc/sluice/env", str(self.dir / "env")),
                            ("/run/sluice/control.sock", str(self.dir / "control.sock"))):
            text = text.replace(there, here)
        return text

    def shell(self, sluice, *arguments):
        """The command as a person types it, with nothing but the configuration's place in the environment."""
        assert sluice == "sluice"
        return program(SLUICE, *arguments, cwd=self.dir, env={"SLUICE_CONFIG": str(self.dir / "sluice.cfg")})


class Tables(Test):
    def test_the_table_of_keys_is_the_programs_own(self):
        shown = re.findall(r"^\|.*\|$", section("Configuration keys"), re.M)
        wanted = program(os.environ["SLUICE_KEYS"]).out.splitlines()
        self.assertEqual(shown, wanted)

    def test_the_exit_codes_are_those_of_the_help(self):
        self.assertEqual(exit_codes(README), exit_codes(program(SLUICE, "run", "--help").out))

    def test_every_file_that_it_names_is_there(self):
        for path in re.findall(r"\]\(([^)#]+)\)", README):
            self.assertTrue((SOURCE / path).exists(), path)
        for block in blocks("Try it"):
            self.assertTrue(os.access(SOURCE / block.strip(), os.X_OK), block)
        headings = [heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", README, re.M)]
        for anchor in re.findall(r"\]\(#([^)]+)\)", README):
            self.assertIn(anchor, headings)
        for directory in re.findall(r"^(\w+/) ", blocks("The house")[0], re.M):
            self.assertTrue((SOURCE / directory).is_dir(), directory)

    def test_every_preset_that_it_names_exists(self):
        presets = json.loads((SOURCE / "CMakePresets.json").read_text())["configurePresets"]
        for name in re.findall(r"--preset (\w+)", README):
            self.assertIn(name, [p["name"] for p in presets])


    def test_the_packages_are_those_that_cmake_looks_for(self):
        needed = re.findall(r"sluice_need\(\w+ \S+ (\S+)\)", (SOURCE / "cmake/SluiceDependencies.cmake").read_text())
        self.assertEqual(set(re.findall(r"\b\S+-dev\b", section("Build and install"))), set(needed) - {"libcmocka-dev"})


class Use(Test):
    def test_the_configuration_is_right_with_another_env_file(self):
        with Manual() as w:
            w.write("sluice.cfg", w.text)
            result = w.sluice("check", "--live", "--env-file", str(w.dir / "env"))
            self.assertEqual(result.code, 0, result)

    def test_every_command_of_the_table_does_its_work(self):
        with Manual() as w:
            words = {"JOB": CUSTOMERS, "[JOB]": CUSTOMERS, "TEXT": "2026-02-10 09:10:00"}
            mine = [command for command in commands() if command[1] not in OF_THE_DAEMON]
            self.assertGreater(len(mine), 15)
            for command in mine:
                if "ID" in command:
                    words["ID"] = json.loads(w.shell("sluice", "runs", "--json").out.splitlines()[0])["runs"][0]["run"]
                result = w.shell(*[words.get(word, word) for word in command])
                self.assertEqual(result.code, 0, f"{command}: {result}")
            self.assertEqual(len(w.rows("softone_customers")), 1000)
            self.assertEqual(len(w.rows("softone_suppliers")), 200)

    def test_its_jobs_find_nothing_new_the_second_time(self):
        with Manual() as w:
            for run in w.run(CUSTOMERS, SUPPLIERS).objects:
                self.check_counts(run, created=run["processed"])
            for run in w.run(CUSTOMERS, SUPPLIERS).objects:
                self.check_counts(run, skipped=run["processed"])


class Operate(Test):
    def test_every_command_to_the_daemon_does_its_work(self):
        with Manual(start=True) as w:
            mine = [command for command in commands() if command[1] in OF_THE_DAEMON]
            self.assertEqual([command[1] for command in mine], list(OF_THE_DAEMON))
            w.sim.reply(fault="hang-before-headers")
            run = w.ask("POST", f"/api/v1/jobs/{CUSTOMERS}/runs").json["run"]
            for command in mine[1:]:
                result = w.shell(*[{"JOB": CUSTOMERS, "RUN": run}.get(word, word) for word in command])
                self.assertEqual(result.code, 0, f"{command}: {result}")
            w.wait_log("reload: generation 2 is in force")
            w.wait_log("paused")
            w.wait_log("resumed")
            w.wait_log(run, "status=cancelled")
            self.assertEqual(w.stop(), 0)

    def test_what_it_says_of_signals_and_of_the_log(self):
        with Manual() as w:
            self.assertIn("`sluice serve --log=json`", README)
            w.arguments = ["--log=json"]
            w.serve()
            w.hup()
            w.wait_log("generation 2 is in force")
            w.write("sluice.cfg", (w.dir / "sluice.cfg").read_text().replace("store ", "sture ", 1))
            w.hup()
            w.wait_log("reload: refused; generation 2 stays in force")
            self.assertTrue(w.log("sture"), "the mistake is named")
            self.assertEqual(w.stop(), 0)
            self.assertEqual(json.loads(w.log_lines[0])["level"], "info")

    def test_what_only_a_restart_changes_is_what_the_table_says(self):
        fixed = re.findall(r"^\| `([^`]+)` \|.*\| no \| [^|]*\|$", section("Configuration keys"), re.M)
        self.assertGreater(len(fixed), 2)
        sentence = " ".join(re.search(r"began with\. (.*?) take a\s+restart", section("Operate it"), re.S)[1].split())
        self.assertEqual(re.findall(r"`([^`]+)`", sentence), fixed)


class Control(Test):
    """What curl would do with the README's lines."""

    @staticmethod
    def curl(w, line):
        program_name, *words = shlex.split(w.here(line).replace("$CRON_SECRET", w.values["CRON_SECRET"]))
        assert program_name == "curl"
        options = {"-H": None, "-X": None, "-d": None, "--unix-socket": None}
        while len(words) > 1:
            name = words.pop(0)
            assert name in options, name
            options[name] = words.pop(0)
        url = urllib.parse.urlsplit(words[0])
        headers = dict([options["-H"].split(": ", 1)]) if options["-H"] else {}
        socket = options["--unix-socket"]
        connection = UnixConnection(socket) if socket else http.client.HTTPConnection(url.netloc, timeout=60)
        path = url.path + ("?" + url.query if url.query else "")
        return ask(connection, options["-X"] or ("POST" if options["-d"] else "GET"), path, options["-d"], headers)

    def test_its_examples_are_answered(self):
        with Manual(start=True) as w:
            jobs, sync, run, runs = [self.curl(w, line) for line in blocks("Control API")[0].splitlines()]
            self.assertEqual((jobs.status, [j["name"] for j in jobs.json["jobs"]]), (200, [CUSTOMERS, SUPPLIERS]))
            self.assertEqual((sync.status, sync.json["success"], sync.json["created"]), (200, True, 1000))
            self.assertEqual((run.status, run.headers["location"]), (202, "/api/v1/runs/" + run.json["run"]))
            self.assertEqual((runs.status, runs.json["runs"][-1]["run"]), (200, sync.json["run"]))
            alone = self.curl(w, "curl http://127.0.0.1:8480/api/v1/jobs")
            self.assertEqual((alone.status, alone.json), (401, {"success": False, "error": "Unauthorized"}))

    def test_its_table_has_every_route_and_no_other(self):
        cells = [line.split("|")[1] for line in section("Control API").splitlines() if line.startswith("| `")]
        shown = [route.split() for cell in cells for route in re.findall(r"`([^`]+)`", cell)]
        host = re.findall(r'\{"([A-Z]+)", "([^"]+)", api_\w+', (SOURCE / "host/control/api.c").read_text())
        self.assertGreater(len(host), 10)
        own = {(method, re.sub("JOB|ID", ":", path)) for method, path in shown}
        self.assertLessEqual(set(host), own)
        with Manual(start=True) as w:
            for method, path in shown:
                answer = w.ask("PUT", path.replace("JOB", CUSTOMERS))
                self.assertEqual(answer.status, 405, path)
                self.assertIn(method, answer.headers["allow"].split(", "), path)
            for path in (path for _, path in shown if path.startswith("/api/cron/")):
                self.assertIn("GET", w.ask("PUT", path).headers["allow"].split(", "))

    def test_it_names_every_metric(self):
        with Manual(start=True) as w:
            page = w.ask("GET", "/metrics").body
            self.assertEqual(set(re.findall(r"`(sluice_\w+)`", section("Metrics and alerts"))),
                             set(re.findall(r"^# TYPE (\w+) ", page, re.M)))

    def test_its_alert_is_what_a_webhook_gets(self):
        hook = Listener(Hook)
        self.addCleanup(hook.stop)
        sample = json.loads(blocks("Metrics and alerts")[0])
        with Manual(start=True, ALERT_URL=hook.url + "/hook") as w:
            w.sim.reply(status=403, times=3)
            for _ in range(3):
                self.assertEqual(w.ask("POST", f"/api/v1/jobs/{CUSTOMERS}/runs", {"wait": True}).status, 500)
            alert = wait_for(lambda: hook.server.asked)[0]
            self.assertEqual(list(alert), list(sample))
            for key in ("alert", "job", "status", "failures", "errors"):
                self.assertEqual(alert[key], sample[key])
            self.assertTrue(alert["text"].startswith(sample["text"].rstrip("…")), alert)
            w.ask("POST", f"/api/v1/jobs/{CUSTOMERS}/runs", {"wait": True})
            self.assertEqual(wait_for(lambda: hook.server.asked[1:])[0]["alert"], "recovered")


class Listener:
    """An HTTP server on a port of its own; what it was asked is in server.asked."""

    def __init__(self, handler):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.asked = []
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):  # noqa: N802, the base class wants this name
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Nothing on the tests' output."""


PEOPLE = [{"id": 7, "contact": {"email": " Ann@Example.COM "}, "balance": 1234567890123.45,
           "last_seen": "2026-01-31T10:20:30Z"},
          {"id": 8, "contact": None, "balance": "0.1", "last_seen": None}]


class Crm(http.server.BaseHTTPRequestHandler):
    """What the example connector asks."""

    def do_GET(self):  # noqa: N802, the base class wants this name
        path, query = urllib.parse.urlsplit(self.path)[2:4]
        self.server.asked.append((path, query, self.headers["Authorization"]))
        body = json.dumps({"as_of": "2026-02-01T00:00:00Z", "people": PEOPLE}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing on the tests' output."""


class Connector(Test):
    def setUp(self):
        self.world = World(sim=False)
        self.addCleanup(self.world.close)
        self.crm = Listener(Crm)
        self.addCleanup(self.crm.stop)

    def command(self, text):
        """A line of the README, with the paths of this build."""
        text = text.replace("build-release/bin/sluice", SLUICE).replace("build-release", str(BUILD))
        text = text.replace("sdk/include", str(SOURCE / "sdk/include"))
        return program(*shlex.split(text), cwd=self.world.dir)

    def test_the_example_builds_and_syncs(self):
        w = self.world
        example, lines = blocks("Write a connector")
        w.write("crm.c", example)
        for line in lines.splitlines():
            shown = self.command(line)
            self.assertEqual(shown.code, 0, shown)
            self.assertNotIn("warning", shown.err)
        self.assertIn("people of a CRM", shown.out)

        block = shown.out[shown.out.index("  connectors = ("):]
        w.write("sluice.cfg", f'store = {{ url = "sqlite:sluice.db"; }};\n{block}')
        env = {"CRM_URL": self.crm.url, "CRM_TOKEN": "s3cret"}
        self.assertEqual(w.sluice("check", env=env).code, 0)
        self.check_counts(w.run("crm.people", env=env), created=2, errors=0)
        self.check_counts(w.run("crm.people", env=env), skipped=2, errors=0)

        self.assertEqual([[row[k] for k in ("id", "email", "balance", "seen")] for row in w.rows("crm_people")],
                         [[7, "ann@example.com", "1234567890123.45", "2026-01-31T10:20:30Z"], [8, None, "0.10", None]])
        self.assertEqual(self.crm.server.asked, [("/people", "since=", "Bearer s3cret"),
                                                 ("/people", "since=2026-02-01T00:00:00Z", "Bearer s3cret")])


class Shipped(Test):
    WANTED = {"SOFTONE_URL": "https://name.oncloud.gr", "SOFTONE_USERNAME": "web", "SOFTONE_PASSWORD": "secret",
              "SOFTONE_COMPANY": "1000", "SABITO_API_URL": "https://api.sabito.example", "SABITO_API_KEY": "secret",
              "PLOOMES_API_KEY": "secret"}
    TAKEN = {"CRON_SECRET": "secret", "DATABASE_URL": "sqlite:/nowhere/sluice.db", "SABITO_SYNC_ENABLED": "yes",
             "SABITO_SYNC_INTERVAL": "@hourly", "SABITO_SYNC_ON_STARTUP": "0"}

    def setUp(self):
        self.world = World(sim=False)
        self.addCleanup(self.world.close)
        files = ["sluice.cfg", *(f"connectors.d/{path.name}" for path in (SOURCE / "etc/connectors.d").iterdir())]
        text = "".join((SOURCE / "etc" / name).read_text() for name in files)
        self.variables = set(re.findall(r"\$\{([A-Z_]+)[:}]", text)) - {"NAME"}
        self.world.write("sluice.cfg", f'plugins = "{PLUGINS}";\n' + (SOURCE / "etc/sluice.cfg").read_text())
        (self.world.dir / "connectors.d").mkdir(mode=0o750)
        for name in files[1:]:
            self.world.write(name, (SOURCE / "etc" / name).read_text())

    def check(self, variables):
        env = self.world.write("env", "".join(f"{k}={v}\n" for k, v in variables.items()))
        return self.world.sluice("check", "--env-file", str(env))

    def test_it_names_these_variables_and_no_other(self):
        self.assertEqual(self.variables, set(self.WANTED | self.TAKEN))

    def test_the_example_of_an_env_file_has_them_all(self):
        lines = (SOURCE / "etc/env.example").read_text().splitlines()
        values = dict(line.split("=", 1) for line in lines if line and line[0] != "#")
        self.assertEqual(set(values), self.variables)
        self.assertEqual(self.check({k: v or "x" for k, v in values.items() if k != "DATABASE_URL"}).code, 0)

    def test_it_is_right_with_the_variables_that_it_wants(self):
        for variables in (self.WANTED, self.WANTED | self.TAKEN):
            result = self.check(variables)
            self.assertEqual((result.code, result.err), (0, ""), result)

    def test_it_says_which_one_is_not_set(self):
        for missing in self.WANTED:
            result = self.check({k: v for k, v in self.WANTED.items() if k != missing})
            self.assertEqual(result.code, 78, result)
            self.assertIn(f"`{missing}` is not set", result.err)

    def test_a_source_that_is_off_wants_none_of_its_variables(self):
        for word in ("false", "FALSE", "False", "no", "off", "0"):
            variables = {k: v for k, v in self.WANTED.items() if not k.startswith("SABITO_")}
            result = self.check(variables | {"SABITO_SYNC_ENABLED": word})
            self.assertEqual((result.code, result.err), (0, ""), result)


class Install(Test):
    """The README's lines, in a directory that stands for the machine; what needs root is only noted."""

    NOTED = ("useradd", "chown", "systemctl")

    def setUp(self):
        self.world = World(sim=False)
        self.addCleanup(self.world.close)
        self.prefix, self.etc = self.world.dir / "usr/local", self.world.dir / "etc"
        (self.world.dir / "bin").mkdir()
        self.etc.mkdir()
        for name in self.NOTED:
            self.world.write(f"bin/{name}", f'#!/bin/sh\necho "{name} $*" >>"{self.world.dir}/noted"\n', mode=0o755)

    def test_what_is_installed_works(self):
        w = self.world
        done = program(os.environ["SLUICE_CMAKE"], "--install", BUILD, "--prefix", self.prefix)
        self.assertEqual(done.code, 0, done)
        for file in ("bin/sluice", "lib/sluice/plugins/softone.so", "include/sluice/abi.h", "include/sluice/sluice.h",
                     "etc/sluice/sluice.cfg", "etc/sluice/connectors.d/softone.cfg",
                     "etc/sluice/connectors.d/sabito.cfg", "lib/sluice/plugins/sabito.so",
                     "etc/sluice/connectors.d/ploomes.cfg", "lib/sluice/plugins/ploomes.so",
                     "lib/systemd/system/sluice.service"):
            self.assertTrue((self.prefix / file).is_file(), file)
        self.assertTrue(list(self.prefix.glob("lib*/**/libsluice_sdk.a")))

        w.write("env", blocks("Use it")[0])
        lines = blocks("Operate it")[0]
        here = re.sub(r"(?<=[ ])/etc/", f"{self.etc}/", lines.replace("/usr/local", str(self.prefix)))
        done = program("sh", "-euc", here, cwd=w.dir, env={"PATH": f"{w.dir}/bin:{os.environ['PATH']}"})
        self.assertEqual(done.code, 0, done)
        noted = (w.dir / "noted").read_text().splitlines()
        self.assertEqual([line.split()[0] for line in noted], ["useradd", "chown", "systemctl", "systemctl"])
        unit = (self.prefix / "lib/systemd/system/sluice.service").read_text()
        self.assertIn(f"\nUser={noted[0].split()[-1]}\n", unit)

        shipped = self.etc / "sluice/sluice.cfg"
        self.assertEqual(shipped.stat().st_mode & 0o007, 0)
        shipped.write_text(f'plugins = "{self.prefix}/lib/sluice/plugins";\n' + shipped.read_text(encoding="utf-8"),
                           encoding="utf-8")
        for verb in ("plugins", "check"):
            result = program(self.prefix / "bin/sluice", verb, "-c", shipped, "--env-file", self.etc / "sluice/env")
            self.assertEqual(result.code, 0, result)
            self.assertIn("softone" if verb == "plugins" else "", result.out)


if __name__ == "__main__":
    unittest.main()
