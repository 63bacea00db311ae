"""Secrets planted in every setting that can hold one, with every character that is awkward, and searched for in all
that sluice lets out: output of all verbs, errors, logs, tables, arguments, environments, files.

A planted secret begins and ends with letters that every way of writing it leaves as they are (plain, JSON, URL). So
finding either of its ends anywhere means that it, or a piece of it, got out.
"""
import base64
import contextlib
import shutil
import urllib.parse

from faulty import *
from processes import children

AWKWARD = "\"q\" \\b \\u00e9 'a' %41 & + = ; # < é ü € 𝄞 ${x} $1 "


class Planted:
    """A secret with a head and a tail of its own."""

    def __init__(self, name, middle=AWKWARD):
        self.head, self.tail = f"Hd{name}Zq", f"Qz{name}Tl"
        self.text = self.head + middle + self.tail

    def config(self):
        """As libconfig writes it."""
        return self.text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${")

    def url(self):
        return urllib.parse.quote(self.text, safe="")

    def forms(self):
        """Every way in which somebody may write it."""
        as_json, as_ascii = json.dumps(self.text, ensure_ascii=False)[1:-1], json.dumps(self.text)[1:-1]
        lower = re.sub(r"%[0-9A-F]{2}", lambda m: m[0].lower(), self.url())
        upper = re.sub(r"(?<!\\)\\u[0-9a-f]{4}", lambda m: "\\u" + m[0][2:].upper(), as_ascii)
        return [self.text, as_json, as_json.replace("'", "\\u0027"), as_ascii, upper,
                self.url(), lower, urllib.parse.quote_plus(self.text), urllib.parse.quote(self.text, safe="é€ü𝄞 '&+")]


PASSWORD, TOKEN, WEBHOOK, PROXY, OTHER = (Planted(n) for n in ("pw", "tok", "hook", "prx", "oth"))
ALL = [PASSWORD, TOKEN, WEBHOOK, PROXY, OTHER]

EXTRA = f"""
control = {{ tokens = ( {{ name = "ops"; secret = "{TOKEN.config()}"; }} ); }};
alerts = ( {{ on = [ "failing" ]; webhook = "https://hooks.example/T0/{WEBHOOK.url()}?key={OTHER.url()}"; }} );
"""
PROXY_URL = f"http://user:{PROXY.url()}@127.0.0.1:1"


class SecretTest(Test):
    def assertClean(self, text, what=""):
        for secret in ALL:
            for end in (secret.head, secret.tail):
                at = text.find(end)
                if at >= 0:
                    self.fail(f"{what}: {end} shows in …{text[max(0, at - 200):at + 200]}…")

    def check_output(self, w, *arguments, code=None, **options):
        """Run a verb; nothing of a secret shows in what it prints."""
        result = w.sluice(*arguments, **options)
        if code is not None:
            self.assertEqual(result.code, code, result)
        self.assertClean(result.out + result.err, " ".join(arguments))
        return result

    def check_tables(self, w):
        """Nothing shows in the database, not even in pages that were freed."""
        if not w.database.exists():
            return
        with contextlib.closing(sqlite3.connect(w.database)) as db:
            self.assertClean("\n".join(db.iterdump()), "tables")
        for path in w.dir.glob("sluice.db*"):
            self.assertClean(path.read_bytes().decode("utf-8", "replace"), path.name)


def planted_world(*options, **more):
    return Faulty(*options, "--password", PASSWORD.text, extra=EXTRA, http=f'proxy = "{PROXY_URL}";',
                  settings={"password": PASSWORD.config()}, **more)


VERBS = [
    ["check"], ["check", "--json"], ["check", "--live"], ["check", "--live", "--json"], ["-v", "run", CUSTOMERS],
    ["run", CUSTOMERS, SUPPLIERS], ["run", "--json", CUSTOMERS], ["run", "--full", CUSTOMERS],
    ["run", "--dry-run", CUSTOMERS], ["preview", CUSTOMERS], ["preview", "--json", CUSTOMERS],
    ["jobs"], ["jobs", "--json"],
    ["status"], ["status", "--json"], ["runs"], ["runs", "--json"], ["runs", CUSTOMERS],
    ["rejects"], ["rejects", "--json"],
    ["-v", "rejects"], ["rejects", "retry"], ["rejects", "retry", "--json"], ["cursor", "get"],
    ["cursor", "get", "--json"], ["cursor", "set", CUSTOMERS, "x"], ["cursor", "reset", CUSTOMERS], ["next", CUSTOMERS],
    ["plugins"], ["plugins", "--json"], ["plugins", "show", "softone"], ["plugins", "show", "softone", "--json"],
    ["version"], ["--help"], ["run", "softone.nothing"], ["run", CUSTOMERS, "--nothing"], ["rejects", "purge"],
]


# ---- All verbs ----

class Verbs(SecretTest):
    def all_verbs(self, w):
        for arguments in VERBS:
            with self.subTest(arguments):
                self.check_output(w, *arguments)
        for run in w.sluice("runs", "--json").json["runs"][:3]:
            self.check_output(w, "runs", "show", run["run"])
            self.check_output(w, "runs", "show", run["run"], "--json")
        self.check_tables(w)

    def test_nothing_shows_while_all_is_well(self):
        with planted_world("--customers", "5", "--deliver", "all", "--escape") as w:
            self.check_counts(w.run(CUSTOMERS), created=5)
            used = {json.loads(r["body"])["password"] for r in w.sim.requests()}
            self.assertEqual(used, {PASSWORD.text})
            self.all_verbs(w)

    def test_nothing_shows_when_the_source_is_away_or_refuses(self):
        for script in ({"status": 403, "times": 0}, {"status": 500, "times": 0}, {"fault": "html-200", "times": 0},
                       {"status": 200, "times": 0,
                        "body": '{"success":true,"total":1,"at":"x","result":[{"TRDR":"x"}]}'}):
            with self.subTest(script), planted_world() as w:
                w.more_http += " attempts = 1;"
                w.configure()
                w.sim.reply(**script)
                self.all_verbs(w)

    def test_nothing_shows_through_a_proxy_that_is_away(self):
        with planted_world() as w:
            w.configure(url="https://erp.invalid")
            result = self.check_output(w, "run", "--json", CUSTOMERS, code=69)
            self.assertIn("no connection to the proxy http://127.0.0.1:1", result.json["error"])

    def test_each_way_to_write_a_setting_gives_the_same_secret_and_hides_it(self):
        quoted = PASSWORD.text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
        for value, env_file, env in (
                (PASSWORD.config(), "", {}), ("${PW}", "", {"PW": PASSWORD.text}), ("${PW}", f'PW="{quoted}"\n', {}),
                ("${PW}", f"PW={PASSWORD.text}\n", {"PW": "no"}), ("${file:secret}", "", {}),
                (f"${{UNSET:-{PASSWORD.config().replace('$${x}', '')}}}", "", {}),
                ("${file:$CREDENTIALS_DIRECTORY/secret}", "", {"CREDENTIALS_DIRECTORY": "."})):
            with self.subTest(value[:30], env_file=env_file[:10]), planted_world() as w:
                w.extra += 'env_file = "env";\n'
                w.write("env", env_file, 0o600)
                w.write("secret", PASSWORD.text + "\n", 0o600)
                w.configure(password=value)
                for arguments in (["run", "--json", CUSTOMERS], ["check", "--live"], ["preview", CUSTOMERS]):
                    self.check_output(w, *arguments, env=env)
                (password,) = {json.loads(r["body"])["password"] for r in w.sim.requests()}
                self.assertEqual(password, PASSWORD.text.replace("${x}", "") if "UNSET" in value else PASSWORD.text)
                self.check_tables(w)


# ---- Wrong configurations ----

class Problems(SecretTest):
    PW = PASSWORD.config()
    CASES = [  # what is wrong about or around a secret
        f'settings = {{ url = "u"; username = "u"; password = [ "{PW}" ]; company = 1; }};',
        f'settings = {{ url = "u"; username = "u"; password = {{ a = "{PW}"; }}; company = 1; }};',
        f'settings = {{ url = "u"; username = "u"; pasword = "{PW}"; company = 1; }};',
        f'settings = {{ url = "u"; username = "u"; password = "{PW}; company = 1; }};',
        f'settings = {{ url = "u"; username = "u"; password = "{PW}" company = 1 1; }};',
        f"settings = {{ url = \"u\"; username = \"u\"; password = '{PW}'; company = 1; }};",
        f'settings = {{ url = "u"; username = "u"; password = {PASSWORD.head}; company = 1; }};',
        f'settings = {{ url = "u"; username = "u"; password = "{PASSWORD.text}"; company = 1; }};',
        f'settings = {{ url = "u"; username = "u"; password = "${{{PW}}}"; company = 1; }};',
        f'settings = {{ url = "u"; username = "u"; password = "p"; password = "{PW}"; company = 1; }};',
        'settings = { url = "u"; username = "u"; password = "p"; company = "${PW}"; };',
        'settings = { url = "u"; username = "u"; password = "p"; company = 1; timezone = "${PW}"; charset = "${PW}"; };',
        'settings = { url = "u"; username = "u"; password = "p"; company = 1; }; log = "${PW}"; enabled = "${PW}";',
        'settings = { }; http = { timeout = "${PW}"; rate = "${PW}"; max_body = "${PW}"; proxy = "${PW}"; };',
        f'settings = {{ }}; http = {{ proxy = "user:{PROXY.url()}@proxy:3128"; ca_file = "${{PW}}"; }};',
        'settings = { }; jobs = ( { stream = "${PW}"; schedule = "${PW}"; timezone = "${PW}"; table = "${PW}"; } );',
        'settings = { }; jobs = ( { stream = "customers"; after = [ "${PW}" ]; columns = { code = "${PW}"; }; } );',
    ]
    GLOBAL = [
        f'control = {{ tokens = ( {{ name = "{TOKEN.config()}"; secret = "{TOKEN.config()}"; }} ); }};',
        f'control = {{ tokens = ( {{ name = "x"; secret = [ "{TOKEN.config()}" ]; }} ); }};',
        f'control = {{ tokens = ( {{ name = "x"; secret = "{TOKEN.config()}"; scret = 1; }} ); listen = "${{PW}}"; }};',
        f'alerts = ( {{ webhook = "hooks.example/{WEBHOOK.url()}"; }} );',
        f'alerts = ( {{ webhook = 5; on = [ "${{PW}}" ]; command = "{OTHER.config()}"; }} );',
        f'store = {{ url = "mysql://user:{OTHER.url()}@db/x"; }};', f'store = {{ url = "postgres:{OTHER.url()}"; }};',
        'store = { url = "${PW}"; };', 'plugins = "${PW}";', 'include = "${PW}";', 'env_file = "${PW}";',
        'limits = { max_runs = "${PW}"; memory = "${PW}"; deadline = "x${PW}x"; };',
        f'limits = {{ max_runs = 0; }}; # "{OTHER.text}"', f'/* {OTHER.text}',
    ]

    def test_problems_of_settings_quote_no_secret(self):
        for case in self.CASES:
            self.check_case(f'connectors = ( {{ name = "erp"; plugin = "softone"; {case} }} );')

    def test_problems_of_the_rest_quote_no_secret(self):
        for case in self.GLOBAL:
            self.check_case(case)

    def check_case(self, text):
        with self.subTest(text), World(sim=False) as w:
            w.write("sluice.cfg", text + ("" if "plugins" in text else f'\nplugins = "{PLUGINS}";\n'))
            for arguments in (["jobs"], ["check", "--json"], ["check"]):
                result = self.check_output(w, *arguments, env={"PW": PASSWORD.text})
            self.assertEqual(result.code, 78, result)
            self.assertIn("sluice.cfg", result.err)

    def test_wrong_lines_of_an_env_file_are_named_without_what_they_hold(self):
        with World(sim=False) as w:
            w.extra = 'env_file = "env";'
            w.configure()
            w.write("env", f"export {OTHER.text}\n{OTHER.text}\nPW='{OTHER.head}\nPW=\"x\"{OTHER.tail}\n"
                           f"A B={OTHER.text}\n")
            result = self.check_output(w, "check", code=78)
            self.assertEqual(result.err.count(f"{w.dir}/env:"), 5)


# ---- URLs ----

class Urls(SecretTest):
    def test_the_password_of_a_store_that_is_away_shows_nowhere(self):
        url = OTHER.url()
        for store in (f"postgresql://user:{url}@127.0.0.1:1/db", f"postgresql://127.0.0.1:1/db?user=u&password={url}",
                      f"postgres://a@b:{url}@127.0.0.1:1,127.0.0.1:2/db", 
                      f"postgresql://user:{OTHER.head}@{OTHER.tail}@h/db"):
            with self.subTest(store), planted_world() as w:
                text = (w.dir / "sluice.cfg").read_text(encoding="utf-8")
                w.write("sluice.cfg", text.replace('"sqlite:sluice.db"', '"' + store + '"'))
                for arguments in VERBS:
                    result = self.check_output(w, *arguments)
                self.assertNotEqual(self.check_output(w, "run", CUSTOMERS).code, 0)


    def test_the_password_in_a_url_that_is_not_written_right_shows_nowhere(self):
        for mark in "/?#@:%[ ":
            for url in (f"http://user:{OTHER.head}{mark}{OTHER.tail}@127.0.0.1:1",
                        f"socks5h://user:{OTHER.head}{mark}{mark}{OTHER.tail}@[::1]:x"):
                with self.subTest(url), Faulty(http=f'attempts = 1; proxy = "{url}";',
                                               settings={"url": "https://erp.invalid"}) as w:
                    for arguments in (["check"], ["check", "--live"], ["run", CUSTOMERS], ["run", "--json", CUSTOMERS]):
                        result = self.check_output(w, *arguments)
                    self.assertNotEqual(result.code, 0)
                    self.check_tables(w)
                with self.subTest(url, setting="url"), \
                        Faulty(sim=False, settings={"url": url}, http="attempts = 1;") as w:
                    result = self.check_output(w, "run", "--json", CUSTOMERS)
                    self.assertNotEqual(result.code, 0)
                    self.check_tables(w)


# ---- What the source sends back ----

def encoded(text):
    return base64.b64encode(text.encode()).decode()


class Echoes(SecretTest):
    """A source that repeats the password in its refusal, in any writing, cut anywhere."""

    def refuse(self, w, **script):
        w.sim.reply(**script)
        result = self.check_output(w, "run", "--json", CUSTOMERS)
        self.assertNotEqual(result.code, 0)
        return result.json["error"]

    def test_in_every_writing(self):
        with planted_world() as w:
            w.configure(charset="utf-8")
            for form in PASSWORD.forms():
                with self.subTest(form):
                    self.assertIn('HTTP 403: check that', self.refuse(w, status=403, body_base64=encoded(f"<{form}>")))
                    self.assertIn("<***>", self.refuse(w, status=403, body_base64=encoded(f"<{form}>")))
            self.check_tables(w)

    def test_in_bodies_that_are_cut_for_the_message(self):
        with planted_world() as w:
            w.configure(charset="utf-8")
            for form in (PASSWORD.text, PASSWORD.url(), json.dumps(PASSWORD.text)[1:-1]):
                for before in (0, 42, 100, 140, 158, 172, 180, 185, 190, 194, 196, 198, 200):
                    for status in (403, 200):
                        with self.subTest(form[:20], before=before, status=status):
                            body = "x" * before + form + "y" * 300
                            self.refuse(w, status=status, body_base64=encoded(body))
            self.check_tables(w)

    def test_in_places_that_redirects_lead_to(self):
        with planted_world() as w:
            for form in (PASSWORD.url(), urllib.parse.quote(PASSWORD.text, safe="é\"'ü€&;=")):
                for before in (0, 180, 210, 220, 231):
                    for target in ("http://127.0.0.1:1/" + "x" * before + form, "http://127.0.0.1:1/?a=" + form,
                                   "http://127.0.0.1:1/#" + form, f"http://u:{form}@127.0.0.1:1/",
                                   "/" + "x" * before + form):
                        with self.subTest(target[:60]):
                            self.refuse(w, status=302, headers={"Location": target})
            self.check_tables(w)

    def test_in_the_erps_own_refusal_and_in_records(self):
        with planted_world("--escape") as w:
            w.configure(charset="utf-8")
            for key in ("message", "error"):
                for before in (0, 100, 440, 480, 500, 900, 980, 1000):
                    body = json.dumps({"success": False, "code": 250, key: "x" * before + PASSWORD.text + "y" * 900})
                    self.assertEqual(self.check_output_of_body(w, body).code, 77)
            for before in range(0, 64, 5):
                record = {"TRDR": "x" * before + PASSWORD.text, "NAME": "n", "UPDDATE": "y" * before + PASSWORD.text}
                body = json.dumps({"success": True, "total": 1, "at": "x", "result": [record]})
                result = self.check_output_of_body(w, body)
                self.assertEqual(result.json["errors"], 1)
            for arguments in (["rejects"], ["rejects", "--json"], ["-v", "rejects"], ["runs", "--json"]):
                self.check_output(w, *arguments)
            self.check_tables(w)

    def check_output_of_body(self, w, body):
        w.sim.reply(status=200, body_base64=encoded(body))
        return self.check_output(w, "run", "--json", CUSTOMERS)


# ---- Processes ----

class Processes(SecretTest):
    def hang(self, w, **options):
        """A run that waits for its source, and its processes."""
        w.sim.reply(status=200, delay_ms=30000)
        process = w.start("run", CUSTOMERS, **options)
        wait_for(w.sim.requests)
        worker, = children(process.pid)
        child, = children(worker)
        return process, [process.pid, worker, child]

    def end(self, process):
        process.terminate()
        process.communicate(timeout=15)

    def test_arguments_environments_and_names_of_files_show_nothing(self):
        with planted_world() as w:
            w.extra += 'env_file = "env";\n'
            w.write("env", f"PW={PASSWORD.text}\n", 0o600)
            w.configure(password="${PW}")
            process, pids = self.hang(w)
            for pid in pids:
                for name in ("cmdline", "environ", "comm", "maps"):
                    self.assertClean(pathlib.Path(f"/proc/{pid}/{name}").read_bytes().decode("utf-8", "replace"), name)
                for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                    self.assertClean(os.readlink(fd), "descriptors")
            self.end(process)

    def test_a_workers_environment_is_scrubbed_of_the_users(self):
        with planted_world() as w:
            w.configure(password="${PW}")
            process, (_, worker, child) = self.hang(w, env={"PW": PASSWORD.text, "TMPDIR": str(w.dir), "TZ": "UTC"})
            for pid in (worker, child):
                environ = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
                self.assertNotIn(b"PW=", environ)
                self.assertIn(b"TMPDIR=", environ)
            self.end(process)

    def test_no_process_leaves_a_core_or_lets_others_look_inside(self):
        """As another user than root, because root's processes look alike whether they can be dumped or not."""
        if os.geteuid() != 0:
            self.fail("this test becomes another user: run it as root")
        with planted_world() as w:
            binary = shutil.copy(SLUICE, w.dir / "sluice")
            (w.dir / "plugins").mkdir()
            shutil.copy(PLUGINS + "/softone.so", w.dir / "plugins")
            text = (w.dir / "sluice.cfg").read_text(encoding="utf-8").replace(f'"{PLUGINS}"', '"plugins"')
            w.write("sluice.cfg", text)
            for path in [w.dir, *w.dir.rglob("*")]:
                os.chown(path, 65534, 65534)
            w.sim.reply(status=200, delay_ms=30000)
            process = subprocess.Popen([binary, "run", CUSTOMERS, "-c", w.dir / "sluice.cfg"], user=65534, group=65534,
                                       extra_groups=[], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=w.dir)
            wait_for(w.sim.requests)
            worker, = children(process.pid)
            pids = [process.pid, worker, *children(worker)]
            self.assertEqual(len(pids), 3)
            for pid in pids:
                self.assertEqual(pathlib.Path(f"/proc/{pid}").stat().st_uid, 65534)
                self.assertEqual(pathlib.Path(f"/proc/{pid}/environ").stat().st_uid, 0, "can be looked into")
                limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
                self.assertRegex(limits, r"Max core file size +0 +0 ")
            self.end(process)

    def test_files_that_are_left_are_not_for_everyone_and_hold_nothing(self):
        with planted_world("--customers", "5") as w:
            before = set(os.listdir(w.dir))
            old = os.umask(0)
            try:
                self.assertEqual(w.run(CUSTOMERS, env={"TMPDIR": str(w.dir)}).code, 0)
            finally:
                os.umask(old)
            for name in set(os.listdir(w.dir)) - before:
                self.assertEqual((w.dir / name).stat().st_mode & 0o007, 0, name)
            self.check_tables(w)


if __name__ == "__main__":
    unittest.main()
