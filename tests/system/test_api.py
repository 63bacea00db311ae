"""The control API through the real daemon: every route of the contract, who may ask, and what is refused."""
import http.client
import socket

from daemon import *
from harness import *

NEVER_SOON = 'schedule = "0 0 29 2 *";'
OPS = "a-secret-of-operations"
ACME = "a-secret-of-one-tenant"
TOKENS = f'''tokens = ( {{ name = "ops"; secret = "{OPS}"; }},
  {{ name = "acme"; secret = "{ACME}"; tenant = "t-1"; }}, {{ name = "absent"; secret = ""; }} );'''
JOB_KEYS = ["name", "connector", "stream", "enabled", "paused", "schedule", "timezone", "next_run", "running",
            "last_run"]
RUN_KEYS = {"job", "run", "mode", "status", "success", "total", "processed", "created", "updated", "skipped", "errors",
            "errorDetails", "window_start", "at", "message", "warnings", "stats", "started_at", "timestamp",
            "duration_ms", "partitions"}
RUNS = f"/api/v1/jobs/{CUSTOMERS}/runs"
ONE = {"TRDR": "1", "CODE": "A", "NAME": "one"}
CRON = "/api/cron/sync-customers"


def tcp(d, method, path, body=None, headers=None, timeout=30):
    return ask(http.client.HTTPConnection("127.0.0.1", d.port, timeout=timeout), method, path, body, headers)


def job(d, name=CUSTOMERS):
    return d.get("/api/v1/jobs/" + name)


def bearer(secret, **more):
    return {"Authorization": "Bearer " + secret, **{k.replace("_", "-"): v for k, v in more.items()}}


def send(d, request):
    """Bytes as they are; the status of the answer, 0: none."""
    with socket.create_connection(("127.0.0.1", d.port), timeout=30) as s:
        s.sendall(request)
        text = b""
        while part := s.recv(65536):
            text += part
    return int(text.split()[1]) if text.startswith(b"HTTP/1.1 ") else 0


class Case(Test):
    def check_answer(self, answer, status):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
        return answer

    def check_failed(self, answer, status, *texts):
        """{"success":false,"error","timestamp"} with texts in the error."""
        body = self.check_answer(answer, status).json
        self.assertEqual(answer.headers["content-type"], "application/json; charset=utf-8")
        self.assertEqual((body["success"], bool(body["timestamp"])), (False, True), body)
        for text in texts:
            self.assertIn(text, body["error"])
        return body

    def check_run(self, run, **want):
        self.assertLessEqual(RUN_KEYS, set(run), run)
        self.check_counts(run, **want)


class Health(Case):
    def test_alive_ready_overview_and_metrics(self):
        with Daemon(job=NEVER_SOON) as d:
            self.assertEqual(self.check_answer(tcp(d, "GET", "/livez"), 200).json, {"status": "alive"})
            self.assertEqual(self.check_answer(tcp(d, "GET", "/readyz"), 200).json,
                             {"status": "ready", "generation": 1, "store": "reachable"})
            self.assertEqual(tcp(d, "GET", "/").json["generation"], 1)
            self.assertIn(tcp(d, "GET", "/").json["sluice"], d.sluice("version").out)
            page = self.check_answer(tcp(d, "GET", "/metrics"), 200)
            self.assertEqual(page.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
            self.assertIn("# TYPE ", page.body)
            self.assertIn(CUSTOMERS, page.body)
            self.assertIn('code="200"', page.body)

    def test_head_is_get_without_a_body(self):
        with Daemon(job=NEVER_SOON) as d:
            for path in ("/livez", "/api/v1/jobs", "/api/jobs/init", "/metrics"):
                answer = self.check_answer(tcp(d, "HEAD", path), 200)
                self.assertEqual(answer.body, "")
                self.assertGreater(int(answer.headers["content-length"]), 10)

    def test_without_the_store_what_memory_knows_is_told_and_the_rest_says_so(self):
        with Daemon(job=NEVER_SOON) as d:
            d.sim.records("customers", [ONE])
            self.assertEqual(d.ask("POST", RUNS, {"wait": True}).status, 200)
            for name in ("sluice.db", "sluice.db-wal", "sluice.db-shm"):
                if (d.dir / name).exists():
                    (d.dir / name).rename(d.dir / ("away-" + name))
            (d.dir / "sluice.db").mkdir()
            ready = self.check_answer(d.ask("GET", "/readyz"), 503).json
            self.assertEqual((ready["status"], ready["generation"]), ("not ready", 1))
            self.assertRegex(ready["store"], r"^unreachable since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            self.assertEqual(d.ask("GET", "/livez").status, 200)
            jobs = self.check_answer(d.ask("GET", "/api/v1/jobs"), 200).json
            self.assertIn("unreachable since", jobs["store"])
            self.assertEqual(jobs["jobs"][0]["last_run"]["created"], 1)
            one = self.check_answer(d.ask("GET", "/api/v1/jobs/" + CUSTOMERS), 200).json
            self.assertIn("unreachable since", one["store"])
            for method, path in (("GET", "/api/v1/runs"), ("GET", "/api/v1/runs/01ABC"), ("GET", "/api/v1/rejects"),
                                 ("GET", "/api/v1/cursors"), ("DELETE", "/api/v1/runs/01ABC"),
                                 ("POST", f"/api/v1/jobs/{CUSTOMERS}/pause")):
                answer = d.ask(method, path)
                self.check_failed(answer, 503)
                self.assertGreater(int(answer.headers["retry-after"]), 0)
            (d.dir / "sluice.db").rmdir()
            for name in ("sluice.db", "sluice.db-wal", "sluice.db-shm"):
                if (d.dir / ("away-" + name)).exists():
                    (d.dir / ("away-" + name)).rename(d.dir / name)
            self.assertEqual(d.ask("GET", "/readyz").status, 200)
            self.assertEqual(len(d.get("/api/v1/runs")["runs"]), 1)
            self.assertNotIn("store", d.get("/api/v1/jobs"))


class Jobs(Case):
    def test_jobs_are_told_with_the_keys_of_the_contract(self):
        with Daemon(job=NEVER_SOON + ' timezone = "Europe/Athens";') as d:
            body = self.check_answer(tcp(d, "GET", "/api/v1/jobs"), 200).json
            self.assertEqual(list(body), ["jobs"])
            self.assertEqual([j["name"] for j in body["jobs"]], [CUSTOMERS, SUPPLIERS])
            for one in body["jobs"]:
                self.assertEqual(list(one), JOB_KEYS)
            one = body["jobs"][0]
            self.assertEqual((one["connector"], one["stream"], one["enabled"], one["paused"], one["schedule"],
                              one["timezone"], one["running"], one["last_run"]),
                             ("softone", "customers", True, False, "0 0 29 2 *", "Europe/Athens", False, None))
            self.assertRegex(one["next_run"], r"^\d{4}-02-28T22:00:00Z$")
            self.assertEqual(job(d), one)
            self.assertEqual(tcp(d, "GET", "/api/jobs/init").json, {"success": True, "jobs": body["jobs"]})
            self.check_failed(tcp(d, "GET", "/api/v1/jobs/softone.custmers"), 404, f'did you mean "{CUSTOMERS}"?')
            self.check_failed(tcp(d, "POST", "/api/v1/jobs/nothing/runs"), 404, "nothing")

    def test_a_run_of_another_process_is_told_too(self):
        with Daemon(job=NEVER_SOON) as d:
            d.sim.records("customers", [ONE])
            r = d.run(CUSTOMERS)
            self.assertEqual(r.code, 0, r)
            self.assertEqual(job(d)["last_run"]["run"], r.json["run"])
            d.sim.reply(fault="hang-before-headers")
            process = d.start("run", CUSTOMERS)
            wait_for(lambda: job(d)["running"])
            run = d.get("/api/v1/runs?limit=1")["runs"][0]
            self.check_failed(d.ask("DELETE", "/api/v1/runs/" + run["run"]), 409, "not the daemon's")
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
            self.assertFalse(job(d)["running"])

    def test_a_run_that_is_asked_for_can_be_followed_to_its_end(self):
        with Daemon(job=NEVER_SOON) as d:
            d.sim.records("customers", [ONE])
            d.sim.reply(delay_ms=300)
            answer = self.check_answer(tcp(d, "POST", RUNS, {"full": True}), 202)
            run = answer.json["run"]
            self.assertEqual(answer.json, {"run": run, "job": CUSTOMERS})
            self.assertEqual(answer.headers["location"], "/api/v1/runs/" + run)
            first = self.check_answer(tcp(d, "GET", answer.headers["location"]), 200).json
            self.assertIn(first["status"], ("queued", "running"))
            self.check_run(first)
            self.assertEqual(first["run"], run)
            done = wait_for(lambda: (r := d.get("/api/v1/runs/" + run))["status"] == "success" and r)
            self.check_run(done, created=1, mode="full", success=True)
            self.assertEqual(job(d)["last_run"], done)

    def test_a_caller_may_wait_for_the_result(self):
        with Daemon(job=NEVER_SOON) as d:
            d.sim.records("customers", [ONE])
            result = self.check_answer(tcp(d, "POST", RUNS, {"wait": True}), 200).json
            self.check_run(result, created=1, success=True, status="success", job=CUSTOMERS)
            kept = d.get("/api/v1/runs/" + result["run"])
            self.assertEqual({k: kept[k] for k in RUN_KEYS - {"duration_ms"}},
                             {k: result[k] for k in RUN_KEYS - {"duration_ms"}})
            d.sim.reply(status=401, body="{}", times=9)
            result = self.check_answer(tcp(d, "POST", RUNS, {"wait": True}), 500).json
            self.check_run(result, success=False, status="failed")
            self.assertIn("401", result["error"])

    def test_a_job_that_runs_is_not_run_again(self):
        with Daemon(job=NEVER_SOON) as d:
            d.sim.reply(fault="hang-before-headers")
            run = d.ask("POST", RUNS).json["run"]
            wait_for(lambda: d.sim.requests())
            body = self.check_failed(d.ask("POST", RUNS), 409, run)
            self.assertEqual((body["run"], body["job"]), (run, CUSTOMERS))
            self.check_failed(d.ask("POST", RUNS, {"wait": True}), 409, run)
            self.check_failed(tcp(d, "POST", CRON), 409, run)
            self.assertTrue(job(d)["running"])
            queued = d.ask("POST", f"/api/v1/jobs/{SUPPLIERS}/runs").json["run"]  # in the same lane
            self.assertEqual(d.get("/api/v1/runs/" + queued)["status"], "queued")
            self.assertEqual(self.check_answer(d.ask("DELETE", "/api/v1/runs/" + queued), 202).json,
                             {"cancelled": queued})
            self.check_failed(d.ask("GET", "/api/v1/runs/" + queued), 404)
            self.assertEqual(self.check_answer(d.ask("DELETE", "/api/v1/runs/" + run), 202).json, {"cancelled": run})
            wait_for(lambda: d.get("/api/v1/runs/" + run)["status"] == "cancelled")
            wait_for(lambda: not job(d)["running"])
            self.check_failed(d.ask("DELETE", "/api/v1/runs/" + run), 409, "has ended: cancelled")
            self.check_failed(d.ask("DELETE", "/api/v1/runs/01AAAAAAAAAAAAAAAAAAAAAAAA"), 404)

    def test_a_run_of_another_process_is_a_conflict(self):
        with Daemon(job=NEVER_SOON) as d:
            d.sim.reply(fault="hang-before-headers")
            process = d.start("run", CUSTOMERS)
            wait_for(lambda: d.sim.requests())
            self.check_failed(tcp(d, "POST", CRON), 409, "already running")
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)

    def test_a_body_that_is_not_understood_is_refused(self):
        with Daemon(job=NEVER_SOON) as d:
            for body, text in (("{", "no JSON"), ("[]", "JSON object"), ("1", "no JSON"), ('{"ful":true}', '"full"?'),
                               ('{"full":1}', "true or false"), ('{"wait":"yes"}', "true or false"),
                               ('{"partition":7}', "a text"), ('{"full":true,"full":true}', "no JSON"),
                               (b'{"partition":"\xff"}', "no JSON"), ('{"job":"x"}', '"job"')):
                with self.subTest(body):
                    self.check_failed(tcp(d, "POST", RUNS, body), 400, text)
            self.check_failed(tcp(d, "POST", RUNS, "x" * 70000), 413)
            self.assertEqual(d.sim.requests(), [])

    def test_a_pause_stops_the_schedule_and_not_the_caller(self):
        with Daemon(job=NEVER_SOON) as d:
            pause, resume = f"/api/v1/jobs/{CUSTOMERS}/pause", f"/api/v1/jobs/{CUSTOMERS}/resume"
            self.assertEqual(self.check_answer(tcp(d, "POST", pause), 200).json, {"job": CUSTOMERS, "paused": True})
            self.assertEqual((job(d)["paused"], job(d)["next_run"]), (True, None))
            self.assertEqual(d.ask("POST", RUNS, {"wait": True}).status, 200)
            self.assertEqual(self.check_answer(tcp(d, "POST", resume), 200).json, {"job": CUSTOMERS, "paused": False})
            self.assertIsNotNone(job(d)["next_run"])
            self.check_failed(tcp(d, "POST", "/api/v1/jobs/nothing/pause"), 404)

    def test_a_job_that_is_disabled_is_not_run(self):
        with Daemon(job=NEVER_SOON + " enabled = false;") as d:
            self.check_failed(d.ask("POST", RUNS), 409, "not enabled")
            self.check_failed(tcp(d, "POST", CRON), 409, "not enabled")


class History(Case):
    def test_runs_are_listed_the_newest_first(self):
        with Daemon(job=NEVER_SOON) as d:
            self.assertEqual(d.get("/api/v1/runs"), {"runs": []})
            ids = [d.ask("POST", f"/api/v1/jobs/{name}/runs", {"wait": True}).json["run"]
                   for name in (CUSTOMERS, SUPPLIERS, CUSTOMERS)]
            runs = self.check_answer(tcp(d, "GET", "/api/v1/runs"), 200).json["runs"]
            self.assertEqual([r["run"] for r in runs], ids[::-1])
            for run in runs:
                self.check_run(run)
            self.assertEqual([r["run"] for r in d.get(f"/api/v1/runs?job={CUSTOMERS}")["runs"]], [ids[2], ids[0]])
            self.assertEqual([r["run"] for r in d.get(f"/api/v1/runs?limit=1&job={CUSTOMERS}")["runs"]], [ids[2]])
            self.check_failed(tcp(d, "GET", "/api/v1/runs?job=softone.custmers"), 404, "did you mean")
            for limit in ("0", "-1", "1001", "x", "", "1.5", "%201"):
                self.check_failed(tcp(d, "GET", "/api/v1/runs?limit=" + limit), 400, "limit")
            self.check_failed(tcp(d, "GET", "/api/v1/runs/01NOTHERE"), 404, "01NOTHERE")

    def test_rejects_and_cursors_are_listed(self):
        with Daemon(job=NEVER_SOON) as d:
            d.sim.records("customers", [{"CODE": str(i), "NAME": "no key"} for i in range(3)])
            result = d.ask("POST", RUNS, {"wait": True})
            self.assertEqual((result.status, result.json["status"]), (200, "partial"))
            rejects = self.check_answer(tcp(d, "GET", "/api/v1/rejects"), 200).json["rejects"]
            self.assertEqual([r["job"] for r in rejects], [CUSTOMERS] * 3)
            self.assertLessEqual({"id", "run", "job", "partition", "key", "reason", "payload", "count"},
                                 set(rejects[0]))
            some = d.get(f"/api/v1/rejects?limit=2&job={CUSTOMERS}")
            self.assertEqual(some, {"rejects": rejects[:2], "next": rejects[1]["id"]})
            self.assertEqual(d.get("/api/v1/rejects?limit=2&after=" + some["next"]), {"rejects": rejects[2:]})
            self.assertEqual(d.get("/api/v1/rejects?limit=3"), {"rejects": rejects})
            self.assertEqual(d.get(f"/api/v1/rejects?job={SUPPLIERS}"), {"rejects": []})
            cursors = d.get("/api/v1/cursors")["cursors"]
            self.assertEqual([(c["job"], c["cursor"]) for c in cursors], [(CUSTOMERS, "2026-02-10 09:20:03")])
            self.assertEqual(d.ask("POST", f"/api/v1/jobs/{SUPPLIERS}/runs", {"wait": True}).status, 200)
            self.assertEqual([c["job"] for c in d.get("/api/v1/cursors")["cursors"]], [CUSTOMERS, SUPPLIERS])
            self.assertEqual(d.get("/api/v1/cursors?limit=1"), {"cursors": cursors})


class OldEndpoints(Case):
    def test_they_run_the_job_and_tell_its_result(self):
        with Daemon(job=NEVER_SOON) as d:
            d.sim.records("customers", [ONE])
            self.check_run(self.check_answer(tcp(d, "POST", CRON, "not looked at"), 200).json, created=1, success=True)
            again = self.check_answer(tcp(d, "GET", CRON), 200).json
            self.check_run(again, skipped=1, success=True, message="Nothing changed")
            self.check_run(tcp(d, "POST", "/api/cron/sync-suppliers").json, job=SUPPLIERS, success=True)

    def test_a_failure_is_told_with_three_keys(self):
        with Daemon(job=NEVER_SOON) as d:
            d.sim.reply(status=403, body="no", times=9)
            body = self.check_failed(tcp(d, "POST", CRON), 500, "403")
            self.assertEqual(set(body), {"success", "error", "timestamp"})

    def test_they_are_there_as_the_plugin_declares_them_and_routes_says(self):
        with Daemon(job=NEVER_SOON) as d:
            for method in ("PUT", "DELETE", "HEAD", "OPTIONS"):
                answer = self.check_answer(tcp(d, method, CRON), 405)
                self.assertEqual(answer.headers["allow"], "POST, GET")
            self.check_failed(tcp(d, "POST", CRON + "/x"), 404)
            text = (d.dir / "sluice.cfg").read_text()
            d.write("sluice.cfg", text.replace('plugin = "softone";', 'plugin = "softone"; routes = false;'))
            self.assertTrue(d.ask("POST", "/api/v1/reload").json["applied"])
            self.check_failed(tcp(d, "POST", CRON), 404)
            self.assertEqual(d.sim.requests(), [])

    def test_a_caller_that_goes_away_does_not_cancel_the_run(self):
        with Daemon(job=NEVER_SOON) as d:
            d.sim.records("customers", [ONE])
            d.sim.reply(delay_ms=500)
            with socket.create_connection(("127.0.0.1", d.port)) as s:
                s.sendall(f"POST {CRON} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                wait_for(lambda: job(d)["running"])
            d.wait_log(CUSTOMERS, "run ended", "status=success")
            self.assertEqual(len(d.rows()), 1)


class Reload(Case):
    def test_it_answers_the_truth_after_the_fact(self):
        with Daemon(job=NEVER_SOON) as d:
            self.assertEqual(self.check_answer(tcp(d, "POST", "/api/v1/reload"), 200).json,
                             {"generation": 2, "applied": True})
            good = (d.dir / "sluice.cfg").read_text()
            d.write("sluice.cfg", good.replace("schedule", "shedule"))
            body = self.check_answer(tcp(d, "POST", "/api/v1/reload", {}), 200).json
            self.assertEqual((body["generation"], body["applied"]), (2, False))
            self.assertIn("shedule", " ".join(body["errors"]))
            self.assertEqual(d.get("/")["generation"], 2)
            self.check_failed(tcp(d, "POST", "/api/v1/reload", {"force": True}), 400, "force")


class Who(Case):
    def test_a_token_is_asked_for_once_one_is_configured(self):
        with Daemon(job=NEVER_SOON, control=TOKENS) as d:
            for path in ("/livez", "/readyz"):
                self.assertEqual(tcp(d, "GET", path).status, 200)
            wrong = ({}, bearer("wrong"), bearer(OPS + "x"), bearer(OPS[:-1]), bearer(""), {"Authorization": OPS},
                     {"Authorization": "Basic " + OPS}, {"X-Tenant-ID": "t-1"})
            for method, path in (("GET", "/"), ("GET", "/metrics"), ("GET", "/api/v1/jobs"), ("POST", CRON),
                                 ("GET", "/api/jobs/init"), ("POST", RUNS), ("POST", "/api/v1/reload"),
                                 ("GET", "/api/v1/runs"), ("GET", "/no/such/thing"), ("PUT", "/api/v1/jobs")):
                for headers in wrong:
                    answer = self.check_answer(tcp(d, method, path, None, headers), 401)
                    self.assertEqual(answer.body, '{"success":false,"error":"Unauthorized"}')
                    self.assertEqual(answer.headers["www-authenticate"], "Bearer")
            self.assertEqual(d.sim.requests(), [])
            for headers in (bearer(OPS), {"Authorization": "bEaReR " + OPS}, bearer(OPS, X_Tenant_ID="anything"),
                            bearer(OPS, Host="sluice.example.com", Sec_Fetch_Site="cross-site")):
                self.assertEqual(tcp(d, "GET", "/api/v1/jobs", None, headers).status, 200, headers)
            self.assertEqual(tcp(d, "POST", CRON, None, bearer(OPS)).status, 200)
            self.assertEqual(tcp(d, "GET", "/metrics", None, bearer(OPS)).status, 200)
            self.assertEqual(len(d.get("/api/v1/jobs")["jobs"]), 2)  # over the unix socket

    def test_a_token_with_a_tenant_sees_nothing_of_streams_that_have_none(self):
        with Daemon(job=NEVER_SOON, control=TOKENS) as d:
            self.assertEqual(d.ask("POST", RUNS, {"wait": True}).status, 200)
            run = d.get("/api/v1/runs")["runs"][0]["run"]
            me = bearer(ACME)
            self.assertEqual(tcp(d, "GET", "/api/v1/jobs", None, me).json, {"jobs": []})
            self.assertEqual(tcp(d, "GET", "/api/jobs/init", None, me).json, {"success": True, "jobs": []})
            self.assertEqual(tcp(d, "GET", "/api/v1/runs", None, me).json, {"runs": []})
            self.assertEqual(tcp(d, "GET", "/api/v1/rejects", None, me).json, {"rejects": []})
            for method, path in (("GET", "/api/v1/jobs/" + CUSTOMERS), ("POST", RUNS), ("POST", CRON),
                                 ("DELETE", "/api/v1/runs/" + run),
                                 ("POST", f"/api/v1/jobs/{CUSTOMERS}/pause"), ("POST", "/api/v1/reload"),
                                 ("GET", "/metrics")):
                self.check_failed(tcp(d, method, path, None, me), 403)
            self.check_failed(tcp(d, "GET", "/api/v1/runs/" + run, None, me), 404, "there is no run")
            self.assertEqual(tcp(d, "GET", "/api/v1/jobs", None, bearer(ACME, X_Tenant_ID="t-1")).status, 200)
            self.assertEqual(tcp(d, "GET", "/api/v1/jobs", None, bearer(ACME, X_Tenant_ID="t-2")).status, 403)
            self.assertEqual(len(d.runs()), 1)

    def test_without_a_token_a_page_from_elsewhere_may_not_ask(self):
        with Daemon(job=NEVER_SOON) as d:
            for headers in ({"Host": "sluice.example.com"}, {"Host": "127.0.0.1.example.com"},
                            {"Sec-Fetch-Site": "cross-site"}):
                for method, path in (("GET", "/api/v1/jobs"), ("POST", CRON), ("POST", RUNS)):
                    answer = self.check_answer(tcp(d, method, path, None, headers), 403)
                    self.assertIn("token", answer.json["error"])
            for headers in ({"Host": "localhost"}, {"Host": "[::1]:1"}, {"Sec-Fetch-Site": "same-origin"}):
                self.assertEqual(tcp(d, "GET", "/api/v1/jobs", None, headers).status, 200)
            self.assertEqual(d.sim.requests(), [])

    def test_an_open_listener_without_a_token_does_not_start(self):
        with Daemon(job=NEVER_SOON, start=False) as d:
            text = (d.dir / "sluice.cfg").read_text()
            d.write("sluice.cfg", text.replace(f"127.0.0.1:{d.port}", f"0.0.0.0:{d.port}"))
            r = d.sluice("serve")
            self.assertEqual(r.code, 78, r)
            self.assertIn("token", r.err)

    def test_no_answer_holds_a_secret(self):
        with Daemon(job=NEVER_SOON, control=TOKENS, settings={"password": "hush-hush"}) as d:
            answer = tcp(d, "GET", f"/{OPS}/hush-hush", None, bearer(OPS))
            self.check_failed(answer, 404, "***/***")
            d.sim.reply(status=500, body="the password is hush-hush and the token " + OPS, times=9)
            answer = tcp(d, "POST", CRON, None, bearer(OPS))
            self.assertEqual(answer.status, 500)
            for text in (answer.body, d.ask("GET", "/api/v1/runs").body, d.ask("GET", "/api/v1/jobs").body,
                         "\n".join(d.log_lines)):
                self.assertNotIn("hush-hush", text)
                self.assertNotIn(OPS, text)


class Limits(Case):
    def test_other_methods_and_paths_are_refused_with_what_there_is(self):
        with Daemon(job=NEVER_SOON) as d:
            for method, path, allow in (("POST", "/livez", "GET, HEAD"), ("DELETE", "/api/v1/jobs", "GET, HEAD"),
                                        ("GET", RUNS, "POST"), ("POST", "/api/v1/runs/x", "GET, HEAD, DELETE"),
                                        ("GET", "/api/v1/reload", "POST"), ("PATCH", "/", "GET, HEAD"),
                                        ("BREW", "/metrics", "GET, HEAD")):
                answer = tcp(d, method, path)
                self.check_failed(answer, 405, method)
                self.assertEqual(answer.headers["allow"], allow)
            for path in ("/x", "/api", "/api/v1", "/api/v1/jobs/", "/livez/", "/api/v1/jobs/a/b/c", "//livez",
                         "/api/v2/jobs", "/favicon.ico"):
                self.check_failed(tcp(d, "GET", path), 404, path)
            self.check_failed(tcp(d, "GET", "/caf%C3%A9"), 404, "/café")

    def test_what_is_malformed_or_too_long_is_refused_and_the_daemon_goes_on(self):
        with Daemon(job=NEVER_SOON) as d:
            for request, status in ((b"GET /%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400),
                                    (b"GET /%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400),
                                    (b"GET / HTTP/1.1\r\n\r\n", 400),
                                    (b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
                                    (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 40000 + b"\r\n\r\n", 431),
                                    (b"\x16\x03\x01\x02\r\n\r\n", 0)):
                self.assertEqual(send(d, request), status, request[:40])
            self.assertEqual(tcp(d, "GET", "/livez").status, 200)

    def test_so_many_callers_may_wait_and_no_more(self):
        names = "".join(f'{{ stream = "customers"; name = "c{i}"; {NEVER_SOON} }}, ' for i in range(33))
        names += '{ stream = "customers"; name = "off"; enabled = false; }, '
        with Daemon(job=NEVER_SOON, start=False) as d:
            text = (d.dir / "sluice.cfg").read_text().replace('timeout = "5s"', 'timeout = "60s"', 1)
            d.write("sluice.cfg", text.replace("jobs = (", "jobs = ( " + names))
            d.sim.records("customers", [ONE])
            d.sim.reply(fault="hang-before-headers")
            d.serve()
            body = b'{"wait":true}'
            waiting = []
            for i in range(32):
                s = socket.create_connection(("127.0.0.1", d.port), timeout=60)
                s.sendall(b"POST /api/v1/jobs/softone.c%d/runs HTTP/1.1\r\nHost: localhost\r\n"
                          b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (i, len(body), body))
                waiting.append(s)
            off = lambda: d.ask("POST", "/api/v1/jobs/softone.off/runs", {"wait": True})  # never runs
            self.check_failed(wait_for(lambda: (a := off()).status == 503 and a), 503, "wait")
            answer = d.ask("POST", "/api/v1/jobs/softone.c32/runs", {"wait": True})
            self.check_failed(answer, 503, "wait")
            self.assertGreater(int(answer.headers["retry-after"]), 0)
            self.check_failed(tcp(d, "POST", CRON), 503)
            running = wait_for(lambda: [j for j in d.get("/api/v1/jobs")["jobs"] if j["running"]])
            self.assertEqual(len(running), 1)  # in the lane of the connector
            last = d.ask("POST", "/api/v1/jobs/softone.c32/runs")  # does not wait
            self.assertEqual(last.status, 202)

            waiting[0].close()  # which makes a place for one caller, and cancels nothing
            wait_for(lambda: off().status == 409)
            wait_for(lambda: d.sim.requests())
            hung = d.query("SELECT id FROM sluice_runs WHERE status = 'running'")[0]["id"]
            self.assertEqual(d.ask("DELETE", "/api/v1/runs/" + hung).status, 202)
            answers = []
            for s in waiting[1:]:
                with s, s.makefile("rb") as file:
                    answers.append(file.read())
            failed = [a for a in answers if not a.startswith(b"HTTP/1.1 200 ")]
            self.assertLessEqual(len(failed), 1, failed)
            wait_for(lambda: d.get("/api/v1/runs/" + last.json["run"])["status"] == "success")
            self.assertEqual(len(d.query("SELECT 1 FROM sluice_runs WHERE status = 'success'")), 32)

    def test_callers_that_wait_are_answered_when_the_daemon_stops(self):
        with Daemon(job=NEVER_SOON) as d:
            d.sim.reply(fault="hang-before-headers", times=9)
            with socket.create_connection(("127.0.0.1", d.port), timeout=30) as s:
                s.sendall(f"POST {CRON} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                wait_for(lambda: d.sim.requests())
                d.process.send_signal(signal.SIGTERM)
                text = s.recv(65536)
            self.assertTrue(text.startswith((b"HTTP/1.1 500 ", b"HTTP/1.1 503 ")), text)
            self.assertEqual(d.stop(), 0)
            self.assertFalse((d.dir / "control.sock").exists())


class CommandLine(Case):
    def test_reload_pause_resume_and_cancel_talk_to_the_daemon(self):
        with Daemon(job=NEVER_SOON, control=TOKENS) as d:
            r = d.sluice("pause", CUSTOMERS)
            self.assertEqual((r.code, r.out), (0, f"{CUSTOMERS} is paused until `sluice resume {CUSTOMERS}`\n"), r)
            self.assertTrue(job(d)["paused"])
            r = d.sluice("resume", CUSTOMERS, "--json")
            self.assertEqual((r.code, r.json), (0, {"job": CUSTOMERS, "paused": False}), r)
            r = d.sluice("pause", "softone.custmers")
            self.assertEqual(r.code, 66, r)
            self.assertIn(f'did you mean "{CUSTOMERS}"?', r.err)
            r = d.sluice("reload")
            self.assertEqual((r.code, r.out), (0, "generation 2 is in force\n"), r)
            r = d.sluice("reload", "--json")
            self.assertEqual((r.code, r.json), (0, {"generation": 3, "applied": True}), r)

            d.sim.reply(fault="hang-before-headers", times=2)
            for more in ([], ["--json"]):
                run = d.ask("POST", RUNS).json["run"]
                wait_for(lambda: d.get("/api/v1/runs/" + run)["mode"])
                r = d.sluice("cancel", run[:-2] if more else run, *more)
                self.assertEqual(r.code, 0, r)
                if more:
                    self.assertEqual(r.json, {"cancelled": run})
                wait_for(lambda: d.get("/api/v1/runs/" + run)["status"] == "cancelled")
                wait_for(lambda: not job(d)["running"])
            r = d.sluice("cancel", run)
            self.assertEqual(r.code, 1, r)
            self.assertIn("has ended: cancelled", r.err)
            r = d.sluice("cancel", "01NOTHERE")
            self.assertEqual((r.code, r.out), (66, ""), r)
            self.assertIn("01NOTHERE", r.err)

    def test_a_refused_reload_tells_every_error_and_ends_with_78(self):
        with Daemon(job=NEVER_SOON) as d:
            good = (d.dir / "sluice.cfg").read_text()
            d.write("sluice.cfg", good.replace("schedule", "shedule").replace("attempts", "atempts"))
            for options in ([], ["--socket", str(d.dir / "control.sock")]):
                r = d.sluice("reload", *options)
                self.assertEqual((r.code, r.out), (78, ""), r)
                self.assertIn("shedule", r.err)
                self.assertIn("atempts", r.err)
            self.assertIn("generation 1 stays in force", r.err)
            r = d.sluice("reload", "--json", *options)
            self.assertEqual((r.code, r.json["applied"], r.json["generation"]), (78, False, 1))

    def test_without_a_daemon_they_end_with_69(self):
        with Daemon(job=NEVER_SOON, start=False) as d:
            for arguments in (["reload"], ["pause", CUSTOMERS], ["resume", CUSTOMERS], ["cancel", "01ABC"]):
                r = d.sluice(*arguments)
                self.assertEqual((r.code, r.out), (69, ""), r)
                self.assertIn("is `sluice serve` running?", r.err)
            d.write("sluice.cfg", (d.dir / "sluice.cfg").read_text().replace('"control.sock"', '""'))
            r = d.sluice("reload")
            self.assertEqual(r.code, 78, r)
            self.assertIn("control.socket", r.err)

    def test_wrong_arguments_end_with_64_and_help_teaches(self):
        with Daemon(job=NEVER_SOON, start=False) as d:
            for arguments in (["reload", "x"], ["pause"], ["resume", "a", "b"], ["cancel"], ["cancel", ""],
                              ["pause", CUSTOMERS, "--now"]):
                self.assertEqual(d.sluice(*arguments).code, 64, arguments)
            for verb in ("reload", "pause", "resume", "cancel"):
                r = d.sluice(verb, "--help")
                self.assertEqual(r.code, 0, r)
                self.assertIn("Example: ", r.out)
                self.assertIn(f"  {verb} ", d.sluice("--help").out)

    def test_another_daemon_cannot_take_the_socket(self):
        with Daemon(job=NEVER_SOON) as d:
            r = d.sluice("serve")
            self.assertEqual(r.code, 78, r)
            self.assertIn("another `sluice serve` listens there", r.err)
            self.assertEqual(d.ask("GET", "/livez").status, 200)


if __name__ == "__main__":
    unittest.main()
