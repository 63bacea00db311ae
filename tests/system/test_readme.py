"""The README, held to what it says: its table of keys, its configuration, its commands, its connector, installing."""
import http.server
import re
import shlex
import threading

from harness import (CUSTOMERS, PLUGINS, SLUICE, SUPPLIERS, Result, Test, World, json, os, pathlib, subprocess, unittest,
                     urllib)

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


class Manual(World):
    """The README's variables and configuration in a directory; only the two addresses and the paths are this test's."""

    def __init__(self):
        variables, configuration, *_ = blocks("Use it")
        self.values = dict(line.split("=", 1) for line in variables.splitlines())
        super().__init__("--username", self.values["SOFTONE_USERNAME"], "--password", self.values["SOFTONE_PASSWORD"],
                         "--company", self.values["SOFTONE_COMPANY"], "--deliver", "all")
        self.values.update(SOFTONE_URL=self.sim.url, DATABASE_URL="sqlite:" + str(self.database))
        self.write("env", "".join(f"{k}={v}\n" for k, v in self.values.items()), mode=0o600)
        self.text = f'plugins = "{PLUGINS}";\n' + configuration
        self.write("sluice.cfg", self.text)

    def configure(self, **_):
        """Nothing: the README's configuration it is."""


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


class Use(Test):
    def test_the_configuration_is_right_with_another_env_file(self):
        with Manual() as w:
            result = w.sluice("check", "--live", "--env-file", str(w.dir / "env"))
            self.assertEqual(result.code, 0, result)

    def test_every_command_of_the_table_does_its_work(self):
        with Manual() as w:
            w.write("sluice.cfg", w.text.replace("/etc/sluice/env", "env"))
            cells = [line.split("|")[1] for line in section("Use it").splitlines() if line.startswith("| `sluice ")]
            commands = [command for cell in cells for command in re.findall(r"`([^`]+)`", cell)]
            self.assertGreater(len(commands), 15)
            for command in commands:
                self.assertTrue(command.startswith("sluice "), command)
                if "ID" in command.split():
                    command = command.replace("ID", self.last_run(w))
                words = {"JOB": CUSTOMERS, "[JOB]": CUSTOMERS, "TEXT": "2026-02-10 09:10:00"}
                result = self.shell(w, *[words.get(word, word) for word in shlex.split(command)])
                self.assertEqual(result.code, 0, f"{command}: {result}")
            self.assertEqual(len(w.rows("softone_customers")), 1000)
            self.assertEqual(len(w.rows("softone_suppliers")), 200)

    def test_its_jobs_find_nothing_new_the_second_time(self):
        with Manual() as w:
            arguments = [CUSTOMERS, SUPPLIERS, "--env-file", str(w.dir / "env")]
            for run in w.run(*arguments).objects:
                self.check_counts(run, created=run["processed"])
            for run in w.run(*arguments).objects:
                self.check_counts(run, skipped=run["processed"])

    @staticmethod
    def shell(w, sluice, *arguments):
        """The command as a person types it, with nothing but the configuration's place in the environment."""
        assert sluice == "sluice"
        return program(SLUICE, *arguments, cwd=w.dir, env={"SLUICE_CONFIG": str(w.dir / "sluice.cfg")})

    def last_run(self, w):
        return json.loads(self.shell(w, "sluice", "runs", "--json").out.splitlines()[0])["runs"][0]["run"]


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
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Crm)
        self.server.asked = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

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
        env = {"CRM_URL": f"http://127.0.0.1:{self.server.server_port}", "CRM_TOKEN": "s3cret"}
        self.assertEqual(w.sluice("check", env=env).code, 0)
        self.check_counts(w.run("crm.people", env=env), created=2, errors=0)
        self.check_counts(w.run("crm.people", env=env), skipped=2, errors=0)

        self.assertEqual([[row[k] for k in ("id", "email", "balance", "seen")] for row in w.rows("crm_people")],
                         [[7, "ann@example.com", "1234567890123.45", "2026-01-31T10:20:30Z"], [8, None, "0.10", None]])
        self.assertEqual(self.server.asked, [("/people", "since=", "Bearer s3cret"),
                                             ("/people", "since=2026-02-01T00:00:00Z", "Bearer s3cret")])


class Install(Test):
    def test_what_is_installed_works(self):
        with World(sim=False) as w:
            prefix = w.dir / "prefix"
            done = program(os.environ["SLUICE_CMAKE"], "--install", BUILD, "--prefix", prefix)
            self.assertEqual(done.code, 0, done)
            for file in ("bin/sluice", "lib/sluice/plugins/softone.so", "include/sluice/abi.h", "include/sluice/sluice.h",
                         "etc/sluice/sluice.cfg", "etc/sluice/connectors.d/softone.cfg"):
                self.assertTrue((prefix / file).is_file(), file)
            self.assertTrue(list(prefix.glob("lib*/**/libsluice_sdk.a")))

            shipped = prefix / "etc/sluice/sluice.cfg"
            shipped.write_text(f'plugins = "{prefix}/lib/sluice/plugins";\n' + shipped.read_text(encoding="utf-8"),
                               encoding="utf-8")
            env = w.write("env", blocks("Use it")[0], mode=0o600)
            for verb in ("plugins", "check"):
                result = program(prefix / "bin/sluice", verb, "-c", shipped, "--env-file", env)
                self.assertEqual(result.code, 0, result)
                self.assertIn("softone" if verb == "plugins" else "", result.out)


if __name__ == "__main__":
    unittest.main()
