"""The routes of Sabito's mappings, with the keys that callers of the old endpoints read, and what a tenant's token sees
and runs: its own mappings and nothing of the others'."""
import threading

from daemon import *
from harness import *

JOB = "sabito.customers"
RUNS = f"/api/v1/jobs/{JOB}/runs"
SYNC, STATUS, MAPPINGS = "/api/sabito/sync", "/api/sabito/sync/status", "/api/sabito/mappings"
OPS, FIRST, SECOND, NOBODY = "ops-secret", "first-secret", "second-secret", "nobody-secret"
TOKENS = f'''tokens = ( {{ name = "ops"; secret = "{OPS}"; }},
    {{ name = "first"; secret = "{FIRST}"; tenant = "t-1"; }},
    {{ name = "second"; secret = "{SECOND}"; tenant = "t-2"; }},
    {{ name = "nobody"; secret = "{NOBODY}"; tenant = "t-9"; }} );'''
RESULT = {"success", "businessId", "customersProcessed", "created", "updated", "skipped", "errors", "errorDetails"}
STATE = {"id", "sabitoBusinessId", "businessName", "tenantName", "lastSyncAt", "lastSyncResult", "lastUpdated"}
LAST = {"customersProcessed", "created", "updated", "skipped", "errors", "syncedAt"}


def people(*ids):
    return [{"id": i, "email": f"{i}@example.com", "name": i} for i in ids]


class Sabito(Daemon):
    """Three mappings: two of tenant t-1, one of t-2."""

    def __init__(self, **options):
        super().__init__(control=TOKENS, **options)

    def configure(self, **settings):
        super().configure(**settings)
        text = (self.dir / "sluice.cfg").read_text()
        mappings = ", ".join(
            f'{{ id = "m-{n}"; business_id = "b-0{n}"; business_name = "Shop {n}"; tenant_id = "t-{t}";'
            f' tenant_name = "Tenant {t}"; }}' for n, t in ((1, 1), (2, 2), (3, 1)))
        self.write("sluice.cfg", text[:text.index("connectors =")] + f"""
connectors = ( {{ name = "sabito"; plugin = "sabito";
  settings = {{ url = "{self.settings["url"]}"; api_key = "demo-key"; mappings = ( {mappings} ); }};
  http = {{ timeout = "60s"; connect_timeout = "10s"; attempts = 1; }};
  jobs = ( {{ stream = "customers"; schedule = "0 0 29 2 *"; {self.job} }} ); }} );
""")

    def customers(self, **businesses):
        self.sim.call("POST", "/_sim/sabito",
                      {"businesses": {f"b-0{n}": businesses.get(f"b{n}", []) for n in (1, 2, 3)}})

    def sync(self, path=SYNC, body=None, secret=OPS, method="POST", **headers):
        """Over TCP, with a token."""
        return self.tcp(method, path, body, {"Authorization": "Bearer " + secret, **headers}, timeout=120)

    def seen(self, path, secret):
        return self.sync(path, secret=secret, method="GET")


class Case(Test):
    def check_shape(self, result):
        self.assertEqual(set(result), RESULT)
        self.assertEqual(result["customersProcessed"],
                         result["created"] + result["updated"] + result["skipped"] + result["errors"])
        self.assertIsInstance(result["errorDetails"], list)

    def check_sync(self, answer, *businesses, status=200):
        """The results by business."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual((answer.json["success"], answer.json["message"]), (True, "Sync completed"))
        self.assertEqual(set(answer.json), {"success", "message", "data"})
        for result in answer.json["data"]:
            self.check_shape(result)
        self.assertEqual([r["businessId"] for r in answer.json["data"]], list(businesses))
        return {r["businessId"]: r for r in answer.json["data"]}


class Routes(Case):
    def test_all_mappings_have_a_result_of_one_shape_whatever_became_of_them(self):
        with Sabito() as d:
            d.customers(b1=people("a", "b") + [{"id": "c", "email": "nowhere"}, {"id": "d"}], b3=people("e"))
            d.sim.reply(status=403, query="businessId=b-02", times=0)
            done = self.check_sync(d.sync(), "b-01", "b-02", "b-03")
            first, failed, last = done["b-01"], done["b-02"], done["b-03"]
            self.assertEqual([first[k] for k in ("success", "customersProcessed", "created", "skipped", "errors")],
                             [True, 4, 2, 1, 1])
            self.assertEqual(len(first["errorDetails"]), 1)
            self.assertIn("nowhere", first["errorDetails"][0]["reason"])
            self.assertEqual([failed[k] for k in ("success", "customersProcessed", "created", "updated", "skipped",
                                                  "errors")], [False, 0, 0, 0, 0, 0])
            self.assertEqual(len(failed["errorDetails"]), 1)
            self.assertIn("403", failed["errorDetails"][0]["reason"])
            self.assertEqual([last[k] for k in ("success", "customersProcessed", "created")], [True, 1, 1])
            d.sim.call("POST", "/_sim/reset")
            d.customers()
            for result in self.check_sync(d.sync(), "b-01", "b-02", "b-03").values():
                self.assertEqual([result[k] for k in ("success", "customersProcessed", "errorDetails")], [True, 0, []])

    def test_when_all_of_them_fail_that_is_a_failure(self):
        with Sabito() as d:
            d.sim.reply(status=403, times=0)
            answer = d.sync()
            self.assertEqual((answer.status, answer.json["success"]), (500, False))
            self.assertIn("403", answer.json["error"])
            self.assertEqual([r["success"] for r in answer.json["data"]], [False] * 3)
            for result in answer.json["data"]:
                self.check_shape(result)

    def test_one_mapping_is_told_as_an_object_and_an_unknown_one_is_not_found(self):
        with Sabito() as d:
            d.customers(b1=people("a"), b2=people("b", "c"))
            answer = d.sync(SYNC + "/m-2")
            self.assertEqual((answer.status, answer.json["message"]), (200, "Sync completed"))
            self.assertTrue(answer.json["success"])
            self.check_shape(answer.json["data"])
            self.assertEqual([answer.json["data"][k] for k in ("businessId", "created")], ["b-02", 2])
            self.assertEqual(len(d.rows("sabito_customers")), 2)
            self.assertEqual(d.sync(SYNC + "/m-7").status, 404)
            self.assertEqual(d.sync(SYNC + "/b-01").status, 404)
            d.sim.reply(status=401, times=0)
            answer = d.sync(SYNC + "/m-1")
            self.assertEqual((answer.status, answer.json["success"]), (500, False))
            self.assertFalse(answer.json["data"]["success"])
            self.check_shape(answer.json["data"])

    def test_full_sync_reads_everything_again(self):
        with Sabito() as d:
            d.customers(b1=people("a"))
            d.sync()
            d.sim.advance(3600)
            asked = len(d.sim.requests())
            for body, after in (({"fullSync": False}, True), ({"fullSync": True}, False), (None, True), ({}, True)):
                self.assertEqual(d.sync(body=body).status, 200)
                new = d.sim.requests()[asked:]
                asked += len(new)
                self.assertEqual({"updatedAfter=" in json.dumps(r) for r in new}, {after}, body)
            self.assertEqual(d.sync(body={"fullSync": "yes"}).status, 400)

    def test_the_status_is_the_last_result_of_each_mapping_also_after_a_restart(self):
        with Sabito() as d:
            answer = d.seen(STATUS, OPS)
            self.assertEqual((answer.status, answer.json["success"]), (200, True))
            for state, n, tenant in zip(answer.json["data"], (1, 2, 3), (1, 2, 1)):
                self.assertEqual(state, {"id": f"m-{n}", "sabitoBusinessId": f"b-0{n}", "businessName": f"Shop {n}",
                                         "tenantName": f"Tenant {tenant}", "lastSyncAt": None, "lastSyncResult": None,
                                         "lastUpdated": None})
            d.customers(b1=people("a"), b2=people("b", "c"))
            d.sync()
            d.customers(b2=people("b", "c", "d"))
            d.sync(SYNC + "/m-2", {"fullSync": True})
            for restart in (False, True):
                if restart:
                    self.assertEqual(d.stop(), 0)
                    d.serve()
                data = d.seen(STATUS, OPS).json["data"]
                for state in data:
                    self.assertEqual((set(state), set(state["lastSyncResult"])), (STATE, LAST))
                    self.assertEqual(state["lastSyncAt"], state["lastSyncResult"]["syncedAt"])
                self.assertEqual([[s["lastSyncResult"][k] for k in ("customersProcessed", "created")] for s in data],
                                 [[1, 1], [3, 1], [0, 0]])
                self.assertGreater(data[1]["lastSyncAt"], data[0]["lastSyncAt"])

    def test_the_mappings_are_told_as_configured(self):
        with Sabito() as d:
            answer = d.seen(MAPPINGS, OPS)
            self.assertEqual((answer.status, answer.json["success"], len(answer.json["data"])), (200, True, 3))
            self.assertEqual(answer.json["data"][1], {"id": "m-2", "sabitoBusinessId": "b-02", "businessName": "Shop 2",
                                                      "tenantId": "t-2", "tenantName": "Tenant 2"})

    def test_who_has_no_token_learns_nothing(self):
        with Sabito() as d:
            for method, path in (("POST", SYNC), ("POST", SYNC + "/m-1"), ("GET", STATUS), ("GET", MAPPINGS)):
                answer = d.tcp(method, path)
                self.assertEqual((answer.status, answer.json["error"]), (401, "Unauthorized"))
            self.assertEqual(d.sim.requests(), [])


class Tenants(Case):
    def test_a_tenant_runs_and_sees_its_own_mappings_only(self):
        with Sabito() as d:
            d.customers(b1=people("a"), b2=people("b"), b3=people("c"))
            self.check_sync(d.sync(secret=FIRST), "b-01", "b-03")
            self.assertEqual({r["tenantId"] for r in d.rows("sabito_customers")}, {"t-1"})
            self.check_sync(d.sync(secret=SECOND), "b-02")
            self.check_sync(d.sync(secret=NOBODY))
            self.assertEqual(d.sync(SYNC + "/m-2", secret=FIRST).status, 404)
            self.assertEqual(d.sync(SYNC + "/m-3", secret=FIRST).status, 200)
            for path in (STATUS, MAPPINGS):
                for secret, want in ((FIRST, ["m-1", "m-3"]), (SECOND, ["m-2"]), (NOBODY, []),
                                     (OPS, ["m-1", "m-2", "m-3"])):
                    self.assertEqual([m["id"] for m in d.seen(path, secret).json["data"]], want)

    def test_the_header_must_name_the_tokens_tenant(self):
        with Sabito() as d:
            d.customers()
            self.assertEqual(d.sync(secret=FIRST, **{"X-Tenant-ID": "t-2"}).status, 403)
            self.check_sync(d.sync(secret=FIRST, **{"X-Tenant-ID": "t-1"}), "b-01", "b-03")
            self.check_sync(d.sync(**{"X-Tenant-ID": "t-2"}), "b-01", "b-02", "b-03")

    def test_of_jobs_runs_and_rejects_a_tenant_sees_its_part(self):
        bad = [{"id": "bad", "email": "nowhere"}]
        with Sabito() as d:
            d.customers(b1=people("a") + bad, b2=people("x", "y") + bad, b3=people("b"))
            whole = d.sync(RUNS, {"wait": True})
            self.assertEqual((whole.status, whole.json["processed"]), (200, 6))
            run = whole.json["run"]
            for secret, ids, created, processed in ((FIRST, {"m-1", "m-3"}, 2, 3), (SECOND, {"m-2"}, 2, 3)):
                job = d.seen("/api/v1/jobs/" + JOB, secret).json
                (listed,) = d.seen("/api/v1/jobs", secret).json["jobs"]
                for seen in (job["last_run"], listed["last_run"], d.seen("/api/v1/runs/" + run, secret).json):
                    self.assertEqual({p["id"] for p in seen["partitions"]}, ids)
                    self.check_counts(seen, created=created, processed=processed, errors=1, run=run)
                    self.assertEqual(len(seen["errorDetails"]), 1)
                runs = d.seen("/api/v1/runs", secret).json["runs"]
                self.assertEqual({r["partition"] for r in runs}, ids)
                self.assertEqual(d.seen("/api/v1/runs/" + runs[0]["run"], secret).status, 200)
                rejects = d.seen("/api/v1/rejects?job=" + JOB, secret).json["rejects"]
                self.assertEqual(len(rejects), 1)
                self.assertIn(rejects[0]["partition"], ids)
            others = {r["run"] for r in d.seen("/api/v1/runs", SECOND).json["runs"]}
            for other in others:
                self.assertEqual(d.seen("/api/v1/runs/" + other, FIRST).status, 404)
            self.assertEqual(len(d.seen("/api/v1/rejects", OPS).json["rejects"]), 2)
            self.assertEqual(d.seen("/api/v1/jobs", NOBODY).json, {"jobs": []})
            self.assertEqual(d.seen("/api/v1/runs", NOBODY).json, {"runs": []})
            self.assertEqual(d.seen("/api/v1/runs/" + run, NOBODY).status, 404)
            for method, path in (("DELETE", "/api/v1/runs/" + run), ("POST", f"/api/v1/jobs/{JOB}/pause"),
                                 ("POST", "/api/v1/reload"), ("GET", "/metrics")):
                self.assertEqual(d.sync(path, secret=FIRST, method=method).status, 403, path)

    def test_a_mapping_that_moves_to_another_tenant_takes_nothing_of_the_old_one_with_it(self):
        with Sabito() as d:
            d.customers(b1=people("a"), b2=people("b"), b3=people("c") + [{"id": "bad", "email": "nowhere"}])
            run = d.sync(RUNS, {"wait": True}).json["run"]
            (old,) = d.seen("/api/v1/runs", OPS).json["runs"]
            text = (d.dir / "sluice.cfg").read_text()
            at = text.index('"m-3"')
            d.write("sluice.cfg", text[:at] + text[at:].replace('"t-1"', '"t-2"', 1))
            d.hup()
            d.wait_log("generation 2 is in force")

            def seen(secret):
                return [{r["partition"] for r in d.seen("/api/v1/runs", secret).json["runs"]},
                        {p["id"] for p in d.seen("/api/v1/runs/" + run, secret).json["partitions"]},
                        {p["id"] for p in d.seen("/api/v1/jobs/" + JOB, secret).json["last_run"]["partitions"]},
                        {m["id"] for m in d.seen(STATUS, secret).json["data"] if m["lastSyncAt"]}]
            self.assertEqual(seen(FIRST), [{"m-1"}] * 4)
            self.assertEqual(seen(SECOND), [{"m-2"}] * 4)
            for secret, count in ((FIRST, 0), (SECOND, 0), (OPS, 1)):
                self.assertEqual(len(d.seen("/api/v1/rejects", secret).json["rejects"]), count)
            self.assertEqual(len(d.seen("/api/v1/runs/" + old["run"], OPS).json["partitions"]), 3)
            self.check_sync(d.sync(secret=SECOND), "b-02", "b-03")
            self.assertEqual({m["id"] for m in d.seen(STATUS, SECOND).json["data"] if m["lastSyncAt"]}, {"m-2", "m-3"})
            self.assertEqual(len(d.seen("/api/v1/rejects", SECOND).json["rejects"]), 1, "the record came again, as its")

    def test_a_run_of_another_mapping_only_is_not_a_tenants_last_one(self):
        with Sabito() as d:
            d.customers(b1=people("a"))
            d.sync(secret=FIRST)
            d.sync(SYNC + "/m-2")
            for secret, ids in ((FIRST, {"m-1", "m-3"}), (SECOND, {"m-2"})):
                last = d.seen("/api/v1/jobs/" + JOB, secret).json["last_run"]
                self.assertIn(last["partition"], ids)


class Partitions(Case):
    def test_one_partition_can_be_asked_for_and_must_be_there(self):
        with Sabito() as d:
            d.customers(b1=people("a"), b2=people("b"))
            answer = d.sync(RUNS, {"partition": "m-2", "wait": True})
            self.assertEqual((answer.status, answer.json["partition"], answer.json["created"]), (200, "m-2", 1), answer)
            for secret, partition in ((OPS, "m-7"), (FIRST, "m-2")):
                self.assertEqual(d.sync(RUNS, {"partition": partition}, secret).status, 404)
            answer = d.sync(RUNS, {"wait": True}, FIRST)
            self.assertEqual([p["id"] for p in answer.json["partitions"]], ["m-1", "m-3"])

    def test_only_the_same_partition_is_in_the_way(self):
        with Sabito() as d:
            d.customers(b1=people("a"), b2=people("b"))
            d.sim.reply(fault="hang-before-headers", query="businessId=b-01")
            first = d.sync(RUNS, {"partition": "m-1"})
            self.assertEqual(first.status, 202)
            wait_for(d.sim.requests)
            for body in ({"partition": "m-1"}, {"partition": "m-1", "wait": True}):
                self.assertEqual(d.sync(RUNS, body).status, 409)
            self.assertEqual(d.sync(RUNS, {"partition": "m-1"}).json["run"], first.json["run"])
            self.assertEqual(d.sync(RUNS, secret=FIRST).status, 409)
            other = d.sync(RUNS, {"partition": "m-2"})
            self.assertEqual(other.status, 202)
            self.assertEqual(d.sync(other.headers["location"], secret=SECOND, method="GET").json["status"], "queued")
            self.assertEqual(d.sync(other.headers["location"], secret=FIRST, method="GET").status, 404)
            everything = d.sync(RUNS)
            self.assertEqual(everything.status, 202)
            for body in ({}, {"partition": "m-3"}):
                self.assertEqual(d.sync(RUNS, body).status, 409)
            self.assertEqual(d.sync(first.headers["location"], method="DELETE").status, 202)

            def statuses():
                rows = d.query("SELECT status FROM sluice_runs WHERE parent IS NULL ORDER BY started_at")
                return [r["status"] for r in rows]
            wait_for(lambda: len(statuses()) == 3 and "running" not in statuses())
            self.assertEqual(statuses(), ["cancelled", "success", "success"])

    def test_partitions_that_failed_for_a_passing_reason_are_run_again_alone(self):
        with Sabito(job="on_start = true;", start=False) as d:
            d.customers(b1=people("a"), b2=people("b"), b3=people("c"))
            d.sim.reply(status=503, query="businessId=b-02")
            d.serve()
            d.wait_log(JOB, "run again in 60 s")
            asked = len(d.sim.requests())
            d.wait_log(JOB, "status=success", seconds=180)
            again = json.dumps(d.sim.requests()[asked:])
            self.assertIn("b-02", again)
            self.assertNotIn("b-01", again)
            self.assertNotIn("b-03", again)
            self.assertEqual({r["sabitoCustomerId"] for r in d.rows("sabito_customers")}, {"a", "b", "c"})


if __name__ == "__main__":
    unittest.main()
