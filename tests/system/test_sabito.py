"""Sabito's customers, from the wire to the rows: matching inside the tenant, pages that shift, mapping by mapping."""
import datetime
import random
import urllib.parse

from daemon import *
from harness import *

JOB = "sabito.customers"
TABLE = "sabito_customers"
KEY = "demo-key"
SERVER = os.environ.get("SLUICE_TEST_STORE")
CLOCK = "2026-02-10 09:20:03"       # in Athens
OLD = "'2001-02-03T04:05:06Z'"
NOW = "2026-02-10T07:20:03"         # the same in UTC

# The sample of the source's description: each record is awkward in a way of its own.
SAMPLE = [
    {"id": "c-1001", "email": "Shop@Example.com", "name": "Café Ñandú", "phone": "+1 555 010 0001",
     "address": "12 Main St", "city": "Springfield", "state": "IL", "country": "USA", "sourceReferralId": "r-77",
     "sourceType": "referral"},
    {"id": "c-1002", "email": "shop@example.com ", "name": "Café Ñandú (duplicate)", "phone": None, "country": None,
     "sourceReferralId": None, "sourceType": None},
    {"id": "c-1003", "email": "", "name": "No Email Ltd"},
    {"id": "c-1004", "name": "Email Key Missing"},
    {"id": "c-1005", "email": "   ", "name": "Blank Email"},
    {"id": "c-1006", "email": "not-an-address", "name": "Bad Email"},
    {"id": 1007, "email": "numeric.id@example.org", "name": "", "phone": 5550100007, "country": "Ghana"},
    {"id": "c-1001", "email": "new-address@example.com", "name": "Café Ñandú", "country": "USA",
     "sourceType": "direct"},
    {"email": "no.id@example.net", "name": "Missing Id"}]


def mapping(number, tenant=None, **more):
    fields = {"id": f"m-{number:02}", "business_id": f"b-{number:02}", "tenant_id": tenant or f"t-{number:02}", **more}
    return "{ " + " ".join(f'{k} = "{v}";' for k, v in fields.items()) + " }"


def customer(number, email=None, **fields):
    return {"id": f"c-{number}", "email": email or f"c{number}@example.com", "name": f"N{number}", **fields}


class Sabito(World):
    """A World whose only connector reads Sabito; `mappings` is the configuration's text of each."""

    def __init__(self, *sim_options, mappings=None, clock=CLOCK, enabled="true", **options):
        self.mappings, self.enabled = mappings or [mapping(1)], enabled
        super().__init__("--referred", "0", *sim_options, clock=clock, **options)

    def configure(self, mappings=None, **settings):
        self.mappings = mappings or self.mappings
        for name in ("username", "password", "company"):
            self.settings.pop(name, None)
        self.settings.setdefault("api_key", KEY)
        self.settings.update(settings)
        lines = "".join(f'{k} = "{v}"; ' for k, v in self.settings.items())
        self.write("sluice.cfg", f"""
store = {{ url = "{self.store}"; }};
plugins = "{PLUGINS}";
{self.extra}
connectors = ( {{ name = "sabito"; plugin = "sabito"; enabled = "{self.enabled}";
  settings = {{ {lines} mappings = ( {", ".join(self.mappings)} ); }};
  http = {{ timeout = "5s"; connect_timeout = "2s"; attempts = 1; {self.http} }};
  jobs = ( {{ stream = "customers"; {self.job} }} ); }} );
""")

    def source(self, **change):
        """Change what Sabito has; see tests/sim/sabito.c."""
        self.sim.call("POST", "/_sim/sabito", change)

    def asked(self, business="b-01"):
        """The queries for a business so far, as dictionaries."""
        queries = [dict(urllib.parse.parse_qsl(r["query"])) for r in self.sim.requests()]
        return [q for q in queries if q.get("businessId") == business]

    def cursors(self):
        rows = self.query("SELECT * FROM sluice_cursors") if self.has_table("sluice_cursors") else []
        return {r["partition"]: r["cursor"] for r in rows}

    def people(self, *columns, tenant="t-01", order='"sabitoCustomerId"'):
        rows = self.query(f'SELECT * FROM {TABLE} WHERE "tenantId" = ? ORDER BY {order}', tenant)
        return [tuple(r[c] for c in columns) for r in rows] if columns else rows

    def add_by_hand(self, email, name, tenant):
        """A row of an application's, which knows of no Sabito."""
        name = name.replace("'", "''")
        self.execute(f'INSERT INTO {TABLE} (email, name, country, "tenantId", created_at, updated_at, last_sync_at)'
                     f" VALUES ('{email}', '{name}', 'Spain', '{tenant}', {OLD}, {OLD}, {OLD})")

    def is_a_minute_before(self, cursor, now=NOW):
        """...and as much before as the answer took."""
        before = datetime.datetime.fromisoformat(now) - datetime.datetime.fromisoformat(cursor.rstrip("Z"))
        return 60 <= before.total_seconds() < 80

    def part(self, result, name="m-01"):
        return next(p for p in result.json["partitions"] if p["id"] == name)


class Sample(Test):
    @classmethod
    def setUpClass(cls):
        cls.world = Sabito()
        cls.world.source(businesses={"b-01": SAMPLE})
        cls.result = cls.world.run(JOB)
        cls.rows = {r["sabitoCustomerId"]: r for r in cls.world.people()}

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def test_each_record_is_counted_once(self):
        self.assertEqual(self.result.code, 2, self.result)
        self.check_counts(self.result, status="partial", success=True, processed=9, created=2, updated=1, skipped=3,
                          errors=3)
        self.assertEqual(self.result.json["stats"]["ignored"], 3)

    def test_the_rows_are_those_two(self):
        self.assertEqual(sorted(self.rows), ["1007", "c-1001"])

    def test_a_key_that_is_not_sent_leaves_what_is_stored(self):
        row = self.rows["c-1001"]
        self.assertEqual([row[k] for k in ("email", "name", "phone", "address", "city", "state", "country",
                                           "sabitoSourceReferralId", "sabitoSourceType", "howDidYouHear",
                                           "sabitoBusinessId", "tenantId")],
                         ["new-address@example.com", "Café Ñandú", "+1 555 010 0001", "12 Main St", "Springfield",
                          "IL", "USA", "r-77", "direct", "Sabito Referral", "b-01", "t-01"])

    def test_numbers_stand_in_for_texts_and_presets_for_what_is_empty(self):
        row = self.rows["1007"]
        self.assertEqual([row[k] for k in ("email", "name", "phone", "country", "sabitoSourceType",
                                           "sabitoSourceReferralId")],
                         ["numeric.id@example.org", "Unknown", "5550100007", "Ghana", "referral", None])

    def test_the_rejects_say_why(self):
        reasons = {d["key"]: d["reason"] for d in self.result.json["errorDetails"]}
        self.assertEqual(set(reasons), {"c-1002", "c-1006", "no.id@example.net"})
        self.assertEqual(reasons["c-1002"].split(":")[0], "conflict")
        self.assertEqual(reasons["c-1006"], 'email: "not-an-address" is not an address')
        self.assertEqual(reasons["no.id@example.net"], "id: missing")

    def test_the_cursor_is_sabitos_clock_less_a_minute(self):
        ((name, cursor),) = self.world.cursors().items()
        self.assertEqual((name, self.world.is_a_minute_before(cursor), cursor[-1]), ("m-01", True, "Z"), cursor)

    def test_the_request_is_what_sabito_expects(self):
        request = self.world.sim.requests()[0]
        self.assertEqual((request["method"], request["path"]), ("GET", "/api/customers"))
        headers = {k.lower(): v for k, v in request["headers"].items()}
        self.assertEqual(headers["x-api-key"], KEY)
        self.assertEqual(self.world.asked()[0], {"businessId": "b-01", "offset": "0", "limit": "100"})


class Matching(Test):
    def setUp(self):
        self.world = Sabito(mappings=[mapping(1), mapping(2)])
        self.addCleanup(self.world.close)
        self.world.source(businesses={"b-01": [], "b-02": []})

    def test_one_email_in_two_tenants_is_two_customers(self):
        w = self.world
        w.source(put={"b-01": [customer(1, "a@x.org")], "b-02": [customer(2, "A@X.org")]})
        w.sim.advance(3600)
        self.check_counts(w.run(JOB), created=2, updated=0, errors=0)
        w.source(put={"b-01": [customer(1, "a@x.org", city="Here")], "b-02": [customer(1, "a@x.org", city="There")]})
        result = w.run(JOB)
        self.check_counts(result, created=0, updated=2, errors=0)
        self.assertEqual(result.json["stats"]["rebound"], 1)
        self.assertTrue(any("c-2" in text and "c-1" in text for text in result.json["warnings"]), result)
        self.assertEqual(w.people("sabitoCustomerId", "email", "city"), [("c-1", "a@x.org", "Here")])
        self.assertEqual(w.people("sabitoCustomerId", "email", "city", tenant="t-02"), [("c-1", "a@x.org", "There")])

    def test_rows_that_an_application_wrote_in_mixed_case_are_found(self):
        w = self.world
        w.run(JOB)
        w.add_by_hand(" Mixed.Case@Example.COM", "by hand", "t-01")
        w.add_by_hand("mixed.case@example.com", "another tenant's", "t-02")
        w.source(put={"b-01": [{"id": "c-1", "email": "mixed.CASE@example.com\n"}]})
        self.check_counts(w.run(JOB), created=0, updated=1, errors=0)
        self.assertEqual(w.people("sabitoCustomerId", "email", "name", "country"),
                         [("c-1", "mixed.case@example.com", "by hand", "Spain")])
        self.assertEqual(w.people("sabitoCustomerId", "name", tenant="t-02"), [(None, "another tenant's")])

    def test_two_such_rows_are_ambiguous(self):
        w = self.world
        w.run(JOB)
        w.add_by_hand("A@x.org", "a", "t-01")
        w.add_by_hand("a@X.org ", "b", "t-01")
        w.source(put={"b-01": [customer(1, "a@x.org")]})
        result = w.run(JOB)
        self.check_counts(result, created=0, errors=1)
        self.assertTrue(result.json["errorDetails"][0]["reason"].startswith("ambiguous"), result)

    def test_null_takes_the_default_again_and_absence_changes_nothing(self):
        w = self.world
        w.configure(default_country="Greece")
        w.source(put={"b-01": [{"id": "c-1", "email": "a@x.org"},
                               customer(2, country="Ghana", phone="1", sourceType="direct")]})
        w.run(JOB)
        self.assertEqual(w.people("name", "country", "sabitoSourceType"),
                         [("Unknown", "Greece", "referral"), ("N2", "Ghana", "direct")])
        w.source(put={"b-01": [{"id": "c-2", "email": "c2@example.com"}]})
        self.check_counts(w.run(JOB), updated=0, skipped=2)
        w.source(put={"b-01": [customer(2, country=None, phone=None, sourceType=None, name=None)]})
        self.check_counts(w.run(JOB), updated=1, skipped=1)
        self.assertEqual(w.people("name", "country", "sabitoSourceType", "phone")[1],
                         ("Unknown", "Greece", "referral", None))

    def test_five_full_runs_over_two_customers_with_one_email_settle_at_the_first(self):
        w = self.world
        w.source(put={"b-01": [customer(1, "a@x.org"), customer(2, "a@x.org")]})
        self.check_counts(w.run(JOB, "--full"), created=1, errors=1)
        rows = w.people()
        for _ in range(4):
            self.check_counts(w.run(JOB, "--full"), created=0, updated=0, skipped=1, errors=1)
            self.assertEqual(w.people(), rows)

    def test_awkward_emails(self):
        w = self.world
        bad = ["x", "@x.org", "a@", "a@b", "a@b.", "a@.org", "a@b@c.org", "a b@c.org", "a@b .org", "a,b@c.org", True]
        good = ["ΟΔΟΣ@x.org", "a+b@c.co.uk", "o'neill@x.org", "a@xn--b.org"]
        blank = [None, "", " ", "\t\r\n"]
        w.source(put={"b-01": [{"id": f"c-{i}", "email": e} for i, e in enumerate(bad + good + blank)] +
                              [{"id": "c-x", "email": {"is": "an object"}}]})
        result = w.run(JOB)
        self.check_counts(result, created=len(good), skipped=len(blank), errors=len(bad) + 1)
        self.assertEqual(sorted(email for (email,) in w.people("email")), sorted(good))


class Pages(Test):
    def test_all_customers_of_any_number_arrive(self):
        for options, count, limit in (([], 250, 100), ([], 10000, 500), (["cap"], 250, 100)):
            with self.subTest(count=count, cap=options), Sabito(settings={"limit": str(limit)}) as w:
                w.source(businesses={"b-01": count}, **({"cap": 70} if options else {}))
                result = w.run(JOB)
                self.assertEqual(result.code, 0, result)
                self.check_counts(result, created=count, errors=0)
                self.assertEqual(result.json["warnings"], [])
                self.assertEqual(len(w.people()), count)
                if count == 250:
                    self.check_counts(w.run(JOB, "--full"), created=0, updated=0, skipped=count)

    def test_only_what_has_changed_is_asked_for_again(self):
        with Sabito() as w:
            w.source(businesses={"b-01": 120})
            self.check_counts(w.run(JOB), created=120)
            w.sim.advance(3600)
            w.source(touch={"b-01": 3})
            w.sim.advance(120)
            self.check_counts(w.run(JOB), processed=3, updated=3)
            self.assertTrue(w.is_a_minute_before(w.asked()[-1]["updatedAfter"]), w.asked())
            w.sim.advance(3600)
            before = len(w.asked())
            self.check_counts(w.run(JOB), processed=0)
            self.assertEqual(len(w.asked()) - before, 1)
            self.check_counts(w.run(JOB, "--full"), processed=120, skipped=120)
            self.assertNotIn("updatedAfter", w.asked()[-1])

    def test_what_moves_while_it_is_read_is_not_lost(self):
        with Sabito(settings={"limit": "10"}, http="parallel = 2;") as w:
            w.source(businesses={"b-01": 60}, order="updated")
            w.source(after=2, delete={"b-01": ["c-000003", "c-000004"]})
            w.source(after=3, put={"b-01": [{"id": "c-000007", "email": "moved@example.com"}]})
            result = w.run(JOB)
            self.assertEqual((result.code, result.json["warnings"]), (0, []), result)
            self.check_counts(result, created=60, updated=1)
            self.assertEqual(w.people("email")[7], ("moved@example.com",))
            self.assertEqual(list(w.cursors()), ["m-01"])

    def test_an_order_that_is_none_is_said_and_moves_no_cursor(self):
        with Sabito(settings={"limit": "10"}) as w:
            w.source(businesses={"b-01": 60}, order="none")
            result = w.run(JOB)
            self.assertEqual(result.code, 0, result)
            (warning,) = result.json["warnings"]
            self.assertIn("it cannot be proven that all records came", warning)
            self.assertEqual(w.cursors(), {})
            rows = w.people("sabitoCustomerId")
            self.assertEqual(len(rows), len(set(rows)))
            w.source(order="added")
            self.assertEqual(w.run(JOB).json["warnings"], [])
            self.assertNotIn("updatedAfter", w.asked()[-1])
            self.assertEqual((len(w.people()), list(w.cursors())), (60, ["m-01"]))

    def test_an_answer_that_is_no_list_of_customers_is_no_success(self):
        with Sabito(mappings=[mapping(1), mapping(2)]) as w:
            w.source(businesses={"b-01": 3, "b-02": 3})
            for body, want in (('{"error": "quota"}', 'answer has no list "data": "{"error": "quota"}"'),
                               ('{"data": {"id": "c-1"}}', 'answer has no list "data"'),
                               ('{"data": null}', 'answer has no list "data"'), ("", "answer is empty"),
                               ("null", "answer is not a JSON object"), ("<html>", "answer is not JSON (HTML?)"),
                               ('{"data": [{"id": "c-1"}', "answer is cut off")):
                with self.subTest(body=body):
                    w.sim.reply(query="businessId=b-01", body=body)
                    result = w.run(JOB)
                    self.assertEqual(result.code, 1, result)
                    self.assertIn(want, w.part(result)["error"])
                    self.assertTrue(w.part(result, "m-02")["success"])
            self.assertEqual(list(w.cursors()), ["m-02"])
            self.assertEqual(w.people(), [])
            w.source(wrap=False)
            self.assertEqual(w.run(JOB).code, 0)
            self.assertEqual(len(w.people()), 3)


class Mappings(Test):
    def test_a_mapping_that_fails_stops_no_other(self):
        with Sabito(mappings=[mapping(i) for i in (1, 2, 3)]) as w:
            w.source(businesses={f"b-0{i}": 5 for i in (1, 2, 3)})
            for status, code in ((500, 69), (401, 77), (403, 77), (404, 78)):
                with self.subTest(status=status):
                    w.sim.reply(query="businessId=b-02", status=status)
                    result = w.run(JOB)
                    self.assertEqual((result.code, result.json["status"]), (code, "partial"), result)
                    self.assertEqual([p["success"] for p in result.json["partitions"]], [True, False, True])
                    error = w.part(result, "m-02")["error"]
                    self.assertIn(str(status), error)
                    if status in (401, 403):
                        self.assertIn("api_key", error)
                        self.assertIn("b-02 of mapping m-02", error)
            self.assertEqual(sorted(w.cursors()), ["m-01", "m-03"])
            self.assertEqual([len(w.people(tenant=f"t-0{i}")) for i in (1, 2, 3)], [5, 0, 5])
            self.check_counts(w.run(JOB, "--partition", "m-02"), created=5)

    def test_a_business_that_sabito_does_not_know_is_named(self):
        with Sabito(mappings=[mapping(1), mapping(9)]) as w:
            w.source(businesses={"b-01": 1})
            result = w.run(JOB)
            self.assertEqual(result.json["status"], "partial")
            self.assertIn("b-09 of mapping m-09", w.part(result, "m-09")["error"])

    def test_settings_that_cannot_be_right_are_configuration_errors(self):
        cases = (({"api_key": ""}, [mapping(1)], "api_key"), ({"url": ""}, [mapping(1)], "url"),
                 ({}, [mapping(1), mapping(2, id="m-01")], "mappings[1].id"),
                 ({}, [mapping(1), mapping(2, business_id="b-01")], "mappings[1].business_id"),
                 ({}, ['{ id = "m"; business_id = "b"; }'], "tenant_id"))
        for settings, mappings, named in cases:
            with self.subTest(named=named), Sabito(mappings=mappings, settings=settings) as w:
                result = w.sluice("check")
                self.assertEqual(result.code, 78, result)
                self.assertIn(named, result.err)
        with Sabito(settings={"limit": "1"}) as w:
            w.source(businesses={"b-01": 1})
            result = w.run(JOB)
            self.assertEqual(result.code, 78, result)
            self.assertIn("limit has to be at least 2", w.part(result)["error"])

    def test_a_mapping_that_moved_to_another_tenant_is_read_in_full(self):
        with Sabito(mappings=[mapping(1), mapping(2)]) as w:
            w.source(businesses={"b-01": [customer(i) for i in (1, 2, 3)], "b-02": [customer(i) for i in (4, 5)]})
            w.sim.advance(3600)
            w.run(JOB)
            kept = w.people()
            w.sim.advance(3600)
            w.configure(mappings=[mapping(1, "t-02"), mapping(2)])
            result = w.run(JOB)
            self.check_counts(result, created=3, updated=0, errors=0)
            self.assertEqual([p["mode"] for p in result.json["partitions"]], ["full", "incremental"])
            (warning,) = w.part(result)["warnings"]
            self.assertIn('its tenantId was "t-01" and is "t-02" now: all of it is read', warning)
            self.assertEqual((w.people(), len(w.people(tenant="t-02"))), (kept, 5))
            w.sim.advance(3600)
            again = w.run(JOB)
            self.check_counts(again, processed=0)
            self.assertEqual((w.part(again)["mode"], w.part(again)["warnings"]), ("incremental", []))

    def test_a_cursor_that_was_set_is_for_the_tenant_of_now(self):
        with Sabito() as w:
            w.source(businesses={"b-01": 3})
            w.run(JOB)
            w.configure(mappings=[mapping(1, "t-02")])
            w.sluice("cursor", "set", JOB, "2026-02-10T00:00:00Z", "--partition", "m-01")
            self.check_counts(w.run(JOB), processed=0)
            self.assertEqual(w.asked()[-1]["updatedAfter"], "2026-02-10T00:00:00Z")

    def test_a_key_that_is_not_set_names_its_variable(self):
        with Sabito(settings={"api_key": "${SABITO_API_KEY}"}) as w:
            result = w.run(JOB, env={"SABITO_API_KEYS": "x"})
            self.assertEqual(result.code, 78, result)
            self.assertIn("`SABITO_API_KEY` is not set; `SABITO_API_KEYS` is: misspelt?", result.err)

    def tenants(self, w, *known):
        """A table of an application's, whose customers belong to tenants that it knows."""
        w.execute("CREATE TABLE tenants (id TEXT PRIMARY KEY)")
        w.execute(f'CREATE TABLE {TABLE} (id {SERIAL} PRIMARY KEY, "sabitoCustomerId" TEXT, email TEXT, name TEXT,'
                  ' "tenantId" TEXT REFERENCES tenants (id))')
        for tenant in known:
            w.execute(f"INSERT INTO tenants VALUES ('{tenant}')")

    def test_rejects_hold_the_cursor_of_their_mapping_and_release_it_once_cured(self):
        with Sabito(mappings=[mapping(1), mapping(2)]) as w:
            self.tenants(w, "t-02")
            w.source(businesses={"b-01": 2, "b-02": 2})
            result = w.run(JOB)
            self.assertEqual((result.code, list(w.cursors())), (2, ["m-02"]), result)
            self.assertEqual(w.part(result)["stats"]["held"], 2)
            w.sim.advance(3600)
            self.assertEqual((w.run(JOB).code, list(w.cursors())), (2, ["m-02"]))
            self.assertNotIn("updatedAfter", w.asked()[-1])
            w.execute("INSERT INTO tenants VALUES ('t-01')")
            result = w.run(JOB)
            self.assertEqual((result.code, sorted(w.cursors())), (0, ["m-01", "m-02"]), result)
            self.assertEqual((w.part(result)["stats"]["resolved"], len(w.people())), (2, 2))

    def test_rejects_that_nobody_cures_are_given_up_after_hold(self):
        with Sabito(job='hold = "10m";') as w:
            self.tenants(w)
            w.source(businesses={"b-01": 2})
            self.assertEqual((w.run(JOB).code, w.cursors()), (2, {}))
            for column in ("rejected_at", "last_seen_at"):
                w.execute(f"UPDATE sluice_rejects SET {column} = '2026-01-01T00:00:00.000Z'")
            result = w.run(JOB)
            self.assertEqual((result.code, list(w.cursors())), (2, ["m-01"]), result)
            self.assertEqual(w.part(result)["stats"]["left_behind"], 2)
            w.execute("INSERT INTO tenants VALUES ('t-01')")
            self.assertEqual(w.part(w.run(JOB))["stats"]["resolved"], 2)
            self.assertEqual(len(w.people()), 2)


class Model:
    """What must be in the table: each customer that came, one after the other, by the rules of the contract."""

    KEPT = {"name": "name", "phone": "phone", "country": "country", "sourceType": "sabitoSourceType"}
    PRESETS = {"name": "Unknown", "country": "USA", "sabitoSourceType": "referral", "phone": None}

    def __init__(self):
        self.rows = []  # of all tenants

    def find(self, tenant, column, value):
        return next((r for r in self.rows if r["tenantId"] == tenant and r[column] == value), None)

    def deliver(self, tenant, business, customers, used):
        """A mapping's part of a run; its counters. `used` are the rows that the run has used."""
        counts = dict.fromkeys(COUNTERS, 0)
        for c in customers:
            counts["processed"] += 1
            counts[self.take(tenant, business, c, used)] += 1
        return counts

    def take(self, tenant, business, c, used):
        email = (c.get("email") or "").strip().lower()
        if not email:
            return "skipped"
        if "@" not in email:
            return "errors"
        row = self.find(tenant, "sabitoCustomerId", c["id"])
        if not row:
            row = self.find(tenant, "email", email)
            like = [r for r in self.rows if r["tenantId"] == tenant and r["email"] == email]
            if len(like) > 1 or any(r is row for r in used):
                return "errors"  # ambiguous, or a conflict
        new = {"sabitoCustomerId": c["id"], "email": email, "tenantId": tenant, "sabitoBusinessId": business}
        new |= {to: c[key] or self.PRESETS[to] for key, to in self.KEPT.items() if key in c}
        before = dict(row) if row else None
        if not row:
            row = dict(self.PRESETS)
            self.rows.append(row)
        row.update(new)
        used.append(row)
        return "created" if before is None else "skipped" if before == row else "updated"


class Histories(Test):
    """The connector against the model, over random histories of two businesses of one tenant and one of another."""

    HISTORIES, STEPS = int(os.environ.get("SLUICE_HISTORIES", "2" if SERVER else "4")), 6
    TENANTS = {"b-01": "t-01", "b-02": "t-01", "b-03": "t-02"}

    def random_customer(self, rng):
        c = {"id": f"c-{rng.randrange(8)}"}
        email = rng.choice([f"e{rng.randrange(6)}@x.org"] * 6 + [f" E{rng.randrange(6)}@X.org ", "", None, "bad"])
        if rng.random() < 0.95:
            c["email"] = email
        for key in Model.KEPT:
            if rng.random() < 0.5:
                c[key] = rng.choice([None, "", f"v{rng.randrange(3)}"])
        return c

    def step(self, w, rng, model):
        for business in self.TENANTS:
            w.source(put={business: [self.random_customer(rng) for _ in range(rng.randrange(4))]})
            if rng.random() < 0.3:
                w.source(delete={business: [f"c-{rng.randrange(8)}"]})
        w.sim.advance(rng.choice([10, 3600]))
        full = rng.random() < 0.3
        cursors = {} if full else w.cursors()
        delivered = []
        for number, business in enumerate(self.TENANTS, 1):
            query = {"businessId": business, "limit": "1000"}
            if f"m-{number:02}" in cursors:
                query["updatedAfter"] = cursors[f"m-{number:02}"]
            request = urllib.request.Request(f"{w.sim.url}/api/customers?{urllib.parse.urlencode(query)}",
                                             headers={"X-API-Key": KEY})
            with urllib.request.urlopen(request, timeout=10) as answer:
                delivered.append((business, json.load(answer)["data"]))
        result, used = w.run(JOB, *["--full"] * full), []
        for number, (business, customers) in enumerate(delivered, 1):
            want = model.deliver(self.TENANTS[business], business, customers, used)
            self.check_counts(w.part(result, f"m-{number:02}"), **want)
        columns = ("tenantId", "sabitoBusinessId", "sabitoCustomerId", "email", *Model.KEPT.values())
        stored = sorted((tuple(r[c] or "" for c in columns) for r in w.rows(TABLE)))
        self.assertEqual(stored, sorted(tuple(r[c] or "" for c in columns) for r in model.rows))

    def test_tables_and_counters_are_those_of_the_model(self):
        for seed in range(self.HISTORIES):
            with self.subTest(seed=seed), Sabito(
                    mappings=[mapping(i, tenant) for i, tenant in enumerate(self.TENANTS.values(), 1)],
                    settings={"limit": str(2 + seed % 4)}) as w:
                w.source(businesses={b: [] for b in self.TENANTS})
                rng, model = random.Random(seed), Model()
                for _ in range(self.STEPS):
                    self.step(w, rng, model)


class SabitoDaemon(Daemon, Sabito):
    def reload(self):
        result = self.sluice("reload")
        if result.code:
            raise AssertionError(result)


class Routes(Test):
    RESULT = {"success", "businessId", "customersProcessed", "created", "updated", "skipped", "errors", "errorDetails"}
    STATUS = {"id", "sabitoBusinessId", "businessName", "tenantName", "lastSyncAt", "lastSyncResult", "lastUpdated"}

    def setUp(self):
        self.world = SabitoDaemon(mappings=[mapping(1, business_name="One", tenant_name="T"), mapping(2)])
        self.addCleanup(self.world.close)
        self.world.source(businesses={"b-01": SAMPLE, "b-02": 3})

    def test_the_old_endpoints_answer_with_their_keys(self):
        w = self.world
        status = w.get("/api/sabito/sync/status")
        self.assertTrue(status["success"])
        self.assertEqual(status["data"], [
            {"id": "m-01", "sabitoBusinessId": "b-01", "businessName": "One", "tenantName": "T", "lastSyncAt": None,
             "lastSyncResult": None, "lastUpdated": None},
            {"id": "m-02", "sabitoBusinessId": "b-02", "businessName": None, "tenantName": None, "lastSyncAt": None,
             "lastSyncResult": None, "lastUpdated": None}])
        self.assertEqual([m["id"] for m in w.get("/api/sabito/mappings")["data"]], ["m-01", "m-02"])

        answer = w.ask("POST", "/api/sabito/sync", {"fullSync": False})
        self.assertEqual((answer.status, answer.json["success"], answer.json["message"]), (200, True, "Sync completed"))
        first, second = answer.json["data"]
        self.assertEqual((set(first), set(second)), (self.RESULT, self.RESULT))
        details = first.pop("errorDetails")
        self.assertEqual(first, {"success": True, "businessId": "b-01", "customersProcessed": 9, "created": 2,
                                 "updated": 1, "skipped": 3, "errors": 3})
        self.assertEqual(len(details), 3)
        self.assertEqual((second["businessId"], second["created"], second["errorDetails"]), ("b-02", 3, []))

        first, second = w.get("/api/sabito/sync/status")["data"]
        self.assertEqual((set(first), set(second)), (self.STATUS, self.STATUS))
        self.assertEqual({k: v for k, v in first["lastSyncResult"].items() if k != "syncedAt"},
                         {"customersProcessed": 9, "created": 2, "updated": 1, "skipped": 3, "errors": 3})
        self.assertEqual(first["lastSyncResult"]["syncedAt"], first["lastSyncAt"])
        self.assertEqual(second["lastSyncResult"]["created"], 3)

        one = w.ask("POST", "/api/sabito/sync/m-02", {"fullSync": True})
        self.assertEqual((one.status, set(one.json["data"])), (200, self.RESULT))
        self.assertEqual((one.json["data"]["customersProcessed"], one.json["data"]["skipped"]), (3, 3))
        self.assertNotIn("updatedAfter", w.asked("b-02")[-1])
        self.assertEqual(w.ask("POST", "/api/sabito/sync/m-09", {}).status, 404)

        first, second = w.get("/api/sabito/sync/status")["data"]
        self.assertEqual((first["lastSyncResult"]["created"], second["lastSyncResult"]["skipped"]), (2, 3))

    def test_a_mapping_that_fails_is_told_beside_the_others(self):
        w = self.world
        w.sim.reply(query="businessId=b-01", status=403)
        answer = w.ask("POST", "/api/sabito/sync", {})
        self.assertEqual((answer.status, answer.json["success"]), (200, True), answer)
        first, second = answer.json["data"]
        self.assertEqual((first["success"], first["customersProcessed"], second["success"]), (False, 0, True))
        self.assertIn("403", first["errorDetails"][0]["reason"])
        self.assertEqual(second["created"], 3)


class Switch(Test):
    def test_the_three_variables_are_followed_by_a_reload(self):
        with SabitoDaemon(mappings=[mapping(1)], enabled="${SABITO_SYNC_ENABLED:-true}",
                          settings={"api_key": "${SABITO_API_KEY}"}, extra='env_file = "env";',
                          job='schedule = "${SABITO_SYNC_INTERVAL:-0 */6 * * *}";'
                              ' on_start = "${SABITO_SYNC_ON_STARTUP:-true}";', start=False) as w:
            def variables(**more):
                w.write("env", "".join(f"{k}={v}\n" for k, v in more.items()))
            w.source(businesses={"b-01": 2})
            variables(SABITO_SYNC_ENABLED="FALSE")
            w.serve()
            self.assertFalse(w.state(JOB)["enabled"])
            variables(SABITO_API_KEY=KEY, SABITO_SYNC_ENABLED="yes")
            w.reload()
            wait_for(lambda: len(w.people()) == 2 if w.has_table(TABLE) else None)
            self.assertEqual(w.state(JOB)["schedule"], "0 */6 * * *")
            variables(SABITO_API_KEY=KEY, SABITO_SYNC_INTERVAL="@hourly", SABITO_SYNC_ON_STARTUP="off")
            w.reload()
            self.assertEqual(w.state(JOB)["schedule"], "@hourly")
            variables(SABITO_SYNC_ENABLED="0")
            w.reload()
            self.assertFalse(w.state(JOB)["enabled"])


if __name__ == "__main__":
    unittest.main()
