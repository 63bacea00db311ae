"""Configurations that are wrong, strange or hostile, through the real binary: every problem is named with its file and
line, nothing is ignored in silence, and nothing hangs or crashes."""
import shutil
import tempfile

from faulty import *

GOOD = 'url = "http://127.0.0.1:9"; username = "u"; password = "p"; company = 1;'
FRAMES = {
    "connector": 'connectors = ( { name = "erp"; plugin = "softone"; settings = { %s }; @@ } );' % GOOD,
    "settings": 'connectors = ( { name = "erp"; plugin = "softone"; settings = { @@ }; } );',
    "http": 'connectors = ( { name = "erp"; plugin = "softone"; settings = { %s }; http = { @@ }; } );' % GOOD,
    "job": 'connectors = ( { name = "erp"; plugin = "softone"; settings = { %s }; '
           'jobs = ( { stream = "customers"; @@ } ); } );' % GOOD,
}
QUICK = 3 * SLOW + BUSY  # seconds that no look at a configuration may take, whatever it holds


def connector(rest="", name="erp", settings=GOOD, plugin="softone"):
    return f'{{ name = "{name}"; plugin = "{plugin}"; routes = false; settings = {{ {settings} }}; {rest} }}'


def connectors(*which):
    return "connectors = ( " + ",\n".join(which or [connector()]) + " );\n"


class ConfigTest(Test):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.environment = {"PATH": os.environ["PATH"]}

    def write(self, name, text, mode=0o640):
        path = self.dir / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    def config(self, text, name="sluice.cfg"):
        """Write a configuration that finds the plugins."""
        own = text if isinstance(text, bytes) else text.encode()
        return self.write(name, own + (b"" if b"plugins" in own else b'\nplugins = "%s";\n' % PLUGINS.encode()))

    def sluice(self, *arguments, config="sluice.cfg", cwd=None, **env):
        named = ["-c", config] if config is not None else []
        done = subprocess.run([SLUICE, *arguments, *named], cwd=cwd or self.dir, env={**self.environment, **env},
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        return Result(done.returncode, done.stdout, done.stderr)

    def check(self, want="", code=78, **options):
        """`sluice check` says exactly this."""
        result = self.sluice("check", **options)
        said = result.err.replace(str(self.dir), "@").replace(PLUGINS, "PLUGINS")
        self.assertEqual(said.rstrip("\n"), want)
        self.assertEqual(result.code, code, result)
        return result

    def check_good(self, words="ok: ", **options):
        result = self.sluice("check", **options)
        self.assertEqual((result.code, result.err), (0, ""), result)
        self.assertIn(words, result.out)


# ---- Wrong files ----

def bad_configs():
    """The table in bad_config.txt: (line, bytes of the file, what is said)."""
    lines = pathlib.Path(__file__).with_name("bad_config.txt").read_text(encoding="utf-8").splitlines()
    block, said = [], []
    for number, line in enumerate([*lines, ""], 1):
        if line.startswith("> "):
            said.append(line[2:])
        elif line:
            block.append(line)
        elif said:
            yield number - len(block) - len(said), as_file("\n".join(block)), said
            block, said = [], []
        else:
            block = []  # a heading


def as_file(text):
    frame, _, rest = text.partition(":")
    if frame in FRAMES:
        text = FRAMES[frame].replace("@@", rest.strip(" "))
    return re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), text.encode())


class Wrong(ConfigTest):
    def test_each_wrong_file_says_exactly_what_is_wrong_where_and_what_would_be_right(self):
        self.environment["SOFTONE_PASSWORD"] = "hunter2"
        count = 0
        for line, text, said in bad_configs():
            with self.subTest(f"bad_config.txt:{line}"):
                self.config(text)
                result = self.check("\n".join("sluice.cfg:" + s for s in said))
                self.assertEqual(result.out, "")
                self.assertNotIn("hunter2", result.err)
                count += 1
        self.assertGreaterEqual(count, 150)

    def test_all_problems_of_all_files_come_at_once_in_their_order(self):
        self.config('env_file = "env";\ninclude = "d";\n\nlimits = { max_runs = 0; };\n' + connectors(
            connector('enabled = 5;\n tabel = 1;'), connector(name="b", settings='url = "${UNSET}";')))
        self.write("env", "A=1\nB C=2\n")
        self.write("d/one.cfg", "limits = { };\n")
        self.write("d/two.cfg", "connectors = (\n")
        self.check("""sluice.cfg:4: `max_runs` must be a whole number from 1 to 1000, not the number 0
sluice.cfg:5: `enabled` must be true or false, not the number 5
sluice.cfg:6: unknown key `tabel`: a connector has name, plugin, enabled, settings, http, jobs, routes, log
sluice.cfg:7: `url`: `UNSET` is not set: set it in the environment or in env, or write ${UNSET:-}
env:2: this line is not NAME=value (a name is letters, digits and _, with no blank before the =)
d/one.cfg:1: `limits`: an included file holds `connectors` only; the rest stands in sluice.cfg
d/two.cfg:1: this `(` is never closed""")

    def test_scripts_get_the_same_as_json(self):
        self.config(connectors(connector('http = {\n timeout = 30; };')))
        result = self.sluice("check", "--json")
        self.assertEqual(result.code, 78)
        self.assertEqual(result.json, {"ok": False, "problems": [
            {"file": "sluice.cfg", "line": 2, "text": '`timeout` needs a unit, as in "30s"'}]})

    def test_every_verb_that_reads_a_configuration_refuses_a_wrong_one(self):
        self.config("limits = { max_runs = 0; };")
        for verb in (["run", "a.b"], ["preview", "a.b"], ["jobs"], ["status"], ["runs"], ["rejects"], ["cursor", "get"],
                     ["next", "a.b"], ["check"], ["check", "--live"], ["rejects", "retry"], ["rejects", "purge"]):
            with self.subTest(verb):
                result = self.sluice(*verb)
                self.assertEqual(result.code, 78, result)
                self.assertIn("sluice.cfg:1: `max_runs` must be", result.err)


# ---- Large and deep ----

class Hostile(ConfigTest):
    CASES = [  # the file, and what is said; each within seconds
        (lambda: "a = " + "(" * 10000 + ")" * 10000 + ";", "sluice.cfg:1: too many brackets within brackets"),
        (lambda: "a = " + "{a=" * 10000 + "1;" + "}" * 10000 + ";", "sluice.cfg:1: too many brackets within brackets"),
        (lambda: "a = " + "[" * 1000000, "sluice.cfg:1: [ ] holds plain values only; groups and lists stand in ( )"),
        (lambda: "#" + "x" * 10_000_000, "sluice.cfg: larger than 4194304 bytes"),
        (lambda: "/*" + "\n" * 4_000_000, "sluice.cfg:1: this comment is never closed with */"),
        (lambda: '"' * 4_000_000, 'sluice.cfg:1: a name is missing: a group holds lines such as name = "value";'),
        (lambda: "limits = { " + "".join(f"a{i}=1;" for i in range(300000)) + " };",
         "sluice.cfg:1: more than 1000 names in one group"),
        (lambda: "".join(f"a{i}=1;" for i in range(300000)), "sluice.cfg:1: more than 1000 names in one group"),
        (lambda: 'plugins = "' + "${A:-" * 200000 + "x" + "}" * 200000 + '";',
         "sluice.cfg:1: `plugins`: too many defaults within defaults"),
        (lambda: 'plugins = "' + "${A:-}" * 600000 + '";',
         "sluice.cfg:1: `plugins` is empty: name a directory, or take the line out"),
        (lambda: "plugins = " + '"a" ' * 900000 + ";",
         "sluice.cfg:1: `plugins` must be a directory, and @/" + "a" * 100),
        (lambda: "connectors = ( " + ",".join(["{ }"] * 100000) + " );",
         "sluice.cfg:1: `name` is missing: it must be a name of letters, digits, _ and -\n"
         "sluice.cfg:1: `plugin` is missing: it must be a text in double quotes\n"),
        (lambda: 'alerts = ( { command = "x"; on = [ ' + ", ".join(['"gxp"'] * 100000) + " ]; } );",
         'sluice.cfg:1: `on` lists some of failing, recovered, gap, stale, rejects, config, not the text "gxp"\n'),
    ]

    def test_what_is_too_deep_too_long_or_too_much_is_refused_in_seconds_and_few_lines(self):
        for text, words in self.CASES:
            with self.subTest(words[:80]):
                self.config(text())
                began = time.monotonic()
                result = self.sluice("check")
                self.assertLess(time.monotonic() - began, 5 * QUICK)
                self.assertEqual(result.code, 78)
                self.assertEqual(result.err.replace(str(self.dir), "@")[:len(words)], words)
                self.assertLess(len(result.err), 200000)

    def test_more_problems_than_anybody_reads_are_counted(self):
        self.config("connectors = ( " + ",".join(["{ }"] * 3000) + " );")
        result = self.sluice("check")
        lines = result.err.splitlines()
        self.assertEqual((result.code, len(lines), lines[-1]), (78, 1001, "and 5000 more problems"))
        self.assertEqual(self.sluice("check", "--json").json["more"], 5000)

    def test_thousands_of_connectors_and_jobs_are_fine(self):
        job = 'jobs = ( { stream = "customers"; schedule = "*/5 * * * *"; } );'
        self.config(connectors(*(connector(job, name=f"c{i}") for i in range(2000)),
                               connector("jobs = ( " + ", ".join('{ stream = "customers"; name = "j%d"; }' % i
                                                                  for i in range(5000)) + " );")))
        began = time.monotonic()
        self.check_good("ok: 2001 connectors, 7000 jobs, next run c")
        self.assertLess(time.monotonic() - began, 2 * QUICK)

    def test_hundreds_of_included_files_are_read_in_their_order(self):
        self.config('include = "d";')
        for i in range(500):
            self.write(f"d/{i:03}.cfg", connectors(connector(name=f"c{i % 499}")))
        self.check("d/499.cfg:1: the connector `c0` is there twice: d/000.cfg:1 has it already")


# ---- Where it is read from ----

class Places(ConfigTest):
    def test_c_wins_over_the_variable_and_that_over_the_default(self):
        self.config(connectors(), "one.cfg")
        self.config("", "two.cfg")
        self.check_good("0 connectors", config="two.cfg", SLUICE_CONFIG="one.cfg")
        self.check_good("1 connector", config=None, SLUICE_CONFIG="one.cfg")
        self.check_good("1 connector", config=None, SLUICE_CONFIG=str(self.dir / "one.cfg"), cwd="/")
        for variable in ({}, {"SLUICE_CONFIG": ""}):
            if os.path.exists("/etc/sluice/sluice.cfg"):
                self.fail("this test needs a machine without /etc/sluice/sluice.cfg")
            self.check("/etc/sluice/sluice.cfg: there is no such file; name the configuration with -c FILE or the "
                       "variable SLUICE_CONFIG", 66, config=None, **variable)

    def test_what_is_no_file_is_refused_without_waiting_for_it(self):
        os.mkfifo(self.dir / "fifo", 0o600)
        (self.dir / "directory").mkdir()
        (self.dir / "dangling").symlink_to("nowhere")
        (self.dir / "loop").symlink_to("loop")
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as s:
            s.bind(str(self.dir / "socket"))
            none = ": there is no such file; name the configuration with -c FILE or the variable SLUICE_CONFIG"
            for name, words, code in (("fifo", ": not a regular file", 78), ("directory", ": not a regular file", 78),
                                      ("socket", ": cannot open: No such device or address", 78),
                                      ("loop", ": cannot open: Too many levels of symbolic links", 78),
                                      ("dangling", none, 66), ("/etc/passwd/x", none, 66)):
                with self.subTest(name):
                    began = time.monotonic()
                    self.check(name + words, code, config=name)
                    self.assertLess(time.monotonic() - began, QUICK)

    def test_included_files_come_in_byte_order_and_others_are_left_alone(self):
        self.config('include = "d";')
        for name in ("b", "B", "a", "10", "9"):
            self.write(f"d/{name}.cfg", connectors(connector('jobs = ( { stream = "customers"; } );', name="c" + name)))
        for name in (".hidden.cfg", "x.cfg~", "x.cfg.bak", "x.CFG", "x.conf", "cfg"):
            self.write("d/" + name, "rubbish")
        jobs = self.sluice("jobs", "--json").json["jobs"]
        self.assertEqual([j["name"] for j in jobs], [f"c{n}.customers" for n in ("10", "9", "B", "a", "b")])

    def test_what_is_included_must_be_files(self):
        self.config('include = "d";')
        (self.dir / "d").mkdir()
        os.mkfifo(self.dir / "d/a.cfg", 0o600)
        (self.dir / "d/b.cfg").mkdir(0o700)
        (self.dir / "d/c.cfg").symlink_to("nowhere")
        self.check("d/a.cfg: not a regular file\nd/b.cfg: not a regular file\nd/c.cfg: no such file")

    def test_relative_paths_are_relative_to_the_file_they_stand_in(self):
        own = self.dir / "here/own.so"
        self.write("here/sluice.cfg", 'plugins = "../plugins";\nstore = { url = "sqlite:data/x.db"; };\n'
                                      'env_file = "env";\ninclude = "more";\n')
        self.write("here/env", "NAME=user\n")
        shutil.copy(PLUGINS + "/softone.so", own)
        (self.dir / "plugins").mkdir(mode=0o755)
        (self.dir / "here/more").mkdir(mode=0o755)
        shutil.copy(PLUGINS + "/softone.so", self.dir / "plugins")
        settings = 'url = "http://127.0.0.1:9"; username = "${NAME}"; password = "${file:secret}"; company = 1;'
        self.write("here/more/a.cfg", connectors(connector(settings=settings),
                                                 connector(name="b", plugin="../own.so", settings=settings)))
        self.write("here/more/secret", "pw\n", 0o600)
        for cwd, config in ((self.dir, "here/sluice.cfg"), (self.dir / "here", "sluice.cfg"),
                            ("/", str(self.dir / "here/sluice.cfg")), (self.dir / "plugins", "../here/sluice.cfg")):
            with self.subTest(config):
                self.check_good("2 connectors", config=config, cwd=cwd)
        result = self.sluice("check", "--live", config="here/sluice.cfg", cwd=self.dir)
        data = f"{self.dir}/here/data"
        self.assertIn(f"store: failed: store: cannot create sqlite:{data}/x.db: {data}: No such file or directory",
                      result.out)


# ---- Variables ----

class Variables(ConfigTest):
    def test_an_edited_env_file_takes_effect_on_the_next_run_and_wins_over_the_environment(self):
        with World() as w:
            w.write("env", "SOFTONE_PASSWORD=wrong\n")
            w.extra = 'env_file = "env";'
            w.configure(password="${SOFTONE_PASSWORD}")
            env = {"SOFTONE_PASSWORD": "wrong too"}
            self.assertEqual(w.run(CUSTOMERS, env=env).code, 77)
            w.write("env", "# edited\nexport SOFTONE_PASSWORD='demo'\n")
            self.assertEqual(w.run(CUSTOMERS, env=env).code, 0)
            w.write("env", "")
            self.assertEqual(w.run(CUSTOMERS, env={"SOFTONE_PASSWORD": "demo"}).code, 0)
            w.write("other", "SOFTONE_PASSWORD=wrong\n")
            result = w.run(CUSTOMERS, "--env-file", str(w.dir / "other"), env={"SOFTONE_PASSWORD": "demo"})
            self.assertEqual(result.code, 77)
            self.assertEqual([json.loads(r["body"])["password"] for r in w.sim.requests()],
                             ["wrong", "demo", "demo", "wrong"])

    def test_what_is_disabled_may_have_unset_variables_and_no_plugin(self):
        unset = 'url = "${UNSET}"; username = "${UNSET}"; password = "${file:$UNSET/x}"; company = "${UNSET}";'
        self.config(connectors(connector("enabled = false;", settings=unset),
                               connector('enabled = "${ON:-no}";', "b", unset, "no-such-plugin"),
                               connector('jobs = ( { stream = "customers"; enabled = false; '
                                         'schedule = "${UNSET}"; } );', "c")))
        self.check_good("1 connector, 0 jobs")
        self.config(connectors(connector('enabled = "${ON:-no}";', settings=unset)))
        self.assertEqual(self.sluice("check", ON="yes").code, 78)

    def test_a_disabled_job_or_connector_is_not_run(self):
        self.config(connectors(connector('enabled = false; jobs = ( { stream = "customers"; } );')))
        result = self.sluice("run", "erp.customers")
        self.assertEqual(result.code, 78, result)
        self.assertIn("not enabled", result.err)


# ---- Who may change what ----

class Owners(ConfigTest):
    """Another user's files are made by root, who runs these tests where they land; others cannot make them."""

    def give_away(self, path):
        os.chown(path, 65534, 65534)

    def test_files_that_others_can_change_are_refused_with_the_command_that_helps(self):
        cases = [
            ("sluice.cfg", 0o646, "sluice.cfg: this file can be changed by others: chmod go-w sluice.cfg"),
            ("d", 0o777, "sluice.cfg:2: the include directory can be changed by others: chmod go-w d"),
            ("d/a.cfg", 0o666, "d/a.cfg: this file can be changed by others: chmod go-w d/a.cfg"),
            ("env", 0o602, "env: this file can be changed by others: chmod go-w env"),
            ("plugins", 0o777, "sluice.cfg:3: the plugin directory can be changed by others: chmod go-w @/plugins"),
            ("plugins/softone.so", 0o666, "d/a.cfg:1: the plugin can be changed by others: chmod go-w "
                                          "@/plugins/softone.so"),
            ("own.so", 0o646, "d/a.cfg:2: the plugin can be changed by others: chmod go-w @/d/../own.so"),
            ("secret", 0o602, "d/a.cfg:1: the secret file can be changed by anyone: chmod o-w d/../secret"),
        ]
        self.make()
        self.check_good("2 connectors")
        for name, mode, words in cases:
            with self.subTest(name):
                path = self.dir / name
                before = path.stat().st_mode
                path.chmod(mode)
                self.check(words)
                path.chmod(before)
        self.check_good("2 connectors")

    def test_files_of_others_are_refused(self):
        if os.geteuid() != 0:
            self.fail("this test gives files to another user: run it as root")
        self.make()
        words = "belongs to neither root nor the user that runs sluice: chown root"
        for name, place, what in (("sluice.cfg", "sluice.cfg", "this file"),
                                  ("d", "sluice.cfg:2", "the include directory"),
                                  ("d/a.cfg", "d/a.cfg", "this file"), ("env", "env", "this file"),
                                  ("plugins", "sluice.cfg:3", "the plugin directory"),
                                  ("own.so", "d/a.cfg:2", "the plugin")):
            with self.subTest(name):
                self.give_away(self.dir / name)
                shown = {"plugins": "@/plugins", "own.so": "@/d/../own.so"}.get(name, name)
                self.check(f"{place}: {what} {words} {shown}")
                os.chown(self.dir / name, 0, 0)

    def test_an_env_file_that_anyone_can_read_is_warned_of(self):
        self.make()
        (self.dir / "env").chmod(0o644)
        result = self.sluice("check")
        self.assertEqual(result.code, 0, result)
        self.assertIn('level=warn msg="env: anyone can read this file, and it holds secrets: chmod 640 env"', result.err)

    def make(self):
        self.config('env_file = "env";\ninclude = "d";\nplugins = "plugins";\n')
        self.write("env", "A=1\n")
        self.write("secret", "p\n")
        (self.dir / "plugins").mkdir(mode=0o755)
        shutil.copyfile(PLUGINS + "/softone.so", self.dir / "plugins/softone.so")
        shutil.copyfile(PLUGINS + "/softone.so", self.dir / "own.so")
        for name in ("plugins/softone.so", "own.so"):
            (self.dir / name).chmod(0o644)
        self.write("d/a.cfg", connectors(connector(settings=GOOD.replace('"p"', '"${file:../secret}"')),
                                         connector(name="b", plugin="../own.so")))
        (self.dir / "d").chmod(0o755)


if __name__ == "__main__":
    unittest.main()
