"""The Ploomes connector: sales by customer to the cent, from lists that change while they are read.

SLUICE_PLOOMES_RUNS is how many reads are disturbed (20), SLUICE_PLOOMES_STEPS how long a history is (25),
SLUICE_PLOOMES_DEALS how many deals there are in the large account (30,000), SLUICE_PLOOMES_SEED repeats a series.
"""
import random

from daemon import Daemon
from ploomes import *

RUNS = int(os.environ.get("SLUICE_PLOOMES_RUNS", "20"))
STEPS = int(os.environ.get("SLUICE_PLOOMES_STEPS", "25"))
MANY = int(os.environ.get("SLUICE_PLOOMES_DEALS", "30000"))
SEED = int(os.environ.get("SLUICE_PLOOMES_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)


def deal(number, contact, name, status, amount, finish, update, products=None, **more):
    return {"Id": 700100000 + number, "ContactId": contact, "ContactName": name, "StatusId": status, "Amount": amount,
            "StartDate": "2025-03-01T08:00:00-03:00", "FinishDate": finish, "CreateDate": "2025-03-01T08:00:00-03:00",
            "LastUpdateDate": update, "Products": products, **more}


def products(*ids):
    return [{"ProductId": i, "Quantity": 2, "Price": 1.5} for i in ids]


NORTH, JOAO = "Indústria Açaí do Norte S/A", "Comércio de Peças São João Ltda"
SAMPLE_DEALS = [
    deal(1, 7001, NORTH, 2, 1768.21, "2025-03-20T15:37:10.183-03:00", "2025-03-20T15:37:10.2-03:00",
         products(31, 31, 44), Title="Revisão 8.000h - \"Unidade 2\""),
    deal(2, 7001, NORTH, 2, 4000, "2025-04-08T17:24:44.35-03:00", "2025-04-08T17:24:44-03:00", []),
    deal(3, 7001, NORTH, 3, 99999.9, "2024-02-02T10:00:00-03:00", "2025-06-30T23:59:59.9-03:00", products(52)),
    deal(4, 7002, JOAO, 1, 0, None, "2025-05-05T09:30:00.5-03:00"),
    deal(5, None, None, 2, 250.5, "2025-05-06T10:00:00-03:00", "2025-05-06T10:00:00-03:00", []),
    {"Id": 700100006, "ContactId": 7002, "StatusId": 2, "Amount": None, "FinishDate": "2025-07-01T01:00:00Z",
     "CreateDate": "2025-06-30T22:00:00-03:00", "LastUpdateDate": "2025-06-30T22:00:01.04-03:00"},
]
SAMPLE_CONTACTS = [{"Id": 7001, "Name": NORTH, "CNPJ": "12.345.678/0001-90", "CPF": None},
                   {"Id": 7002, "Name": JOAO, "CNPJ": "01234567000100", "CPF": None},
                   {"Id": 7003, "Name": "Oficina Três Irmãos", "CNPJ": None, "CPF": "012.345.678-00"},
                   {"Id": 7004, "Name": "Cooperativa Maçã Verde", "CNPJ": "", "CPF": None}]
OLD = "2025-01-01T00:00:00-03:00"


def contacts(*rows):
    return [{"LastUpdateDate": OLD, **row} for row in rows]


class CrmDaemon(Daemon, Crm):
    """A daemon whose source is the simulated CRM."""


class Sample(CrmTest):
    """The figures of an account that was worked out by hand."""

    def world(self, **options):
        w = Crm(**options)
        self.addCleanup(w.close)
        w.change(deals=SAMPLE_DEALS, contacts=contacts(*SAMPLE_CONTACTS))
        return w

    def test_figures_are_right_to_the_cent(self):
        w = self.world()
        runs = self.sync(w)
        self.assertEqual(list(runs), list(ALL))
        self.check_counts(runs[DEALS], mode="full", total=6, created=6)
        self.check_counts(runs[CONTACTS], total=4, created=4)
        self.check_counts(runs[SALES], created=2)
        stats = runs[SALES]["stats"]
        self.assertEqual([stats[k] for k in ("dealsProcessed", "customersWithSales", "customersSynced")], [6, 2, 2])
        self.assertGreaterEqual(stats["executionTime"], 0)
        self.assertEqual(w.sales(), {
            7001: (NORTH, "12.345.678/0001-90", "5768.21", 3, 2, 1, 0, "5768.21", "2884.11", [31, 44, 52], 3,
                   instant("2025-03-20T18:37:10.183Z"), instant("2025-04-08T20:24:44.35Z")),
            7002: (JOAO, "01234567000100", "0.00", 2, 1, 0, 1, "0.00", "0.00", [], 0, instant("2025-07-01T01:00:00Z"),
                   instant("2025-07-01T01:00:00Z"))})
        self.check_sales(w)
        deals = {r["id"]: r for r in w.rows("ploomes_deals")}
        self.assertEqual(plain(deals[700100001]["product_ids"]), [31, 44])
        self.assertEqual((deals[700100001]["amount"], deals[700100003]["amount"]), ("1768.21", "99999.90"))
        self.assertEqual((deals[700100005]["contact_id"], deals[700100006]["amount"]), (None, None))
        self.assertEqual(stored(deals[700100006]["last_update_date"]), instant("2025-07-01T01:00:01.04Z"))

    def test_a_deal_that_comes_twice_counts_once(self):
        w = self.world()
        again = {**SAMPLE_DEALS[-1], "Title": "repetida por paginação"}
        w.sim.reply(path="Deals", status=200, body=json.dumps({"value": [*SAMPLE_DEALS, again, SAMPLE_DEALS[0]]}))
        runs = self.sync(w)
        self.check_counts(runs[DEALS], created=6, updated=0, errors=0)
        self.assertEqual(runs[SALES]["stats"]["dealsProcessed"], 6)
        self.check_sales(w)

    def test_dates_can_be_those_of_all_deals(self):
        w = self.world(purchase_dates="all")
        self.sync(w)
        self.assertEqual(w.sales()[7001][11:], (instant("2025-03-20T18:37:10.2Z"), instant("2025-07-01T02:59:59.9Z")))
        self.check_sales(w)
        w.purchase_dates = "won"
        w.configure()
        self.check_counts(self.sync(w)[SALES], updated=2)
        self.check_sales(w)

    def test_a_name_is_the_contacts_else_the_deals_else_unknown(self):
        w = self.world()
        w.change(put={"deals": [deal(7, 7003, "Oficina", 1, 1, None, OLD), deal(8, 7009, None, 1, 1, None, OLD),
                                deal(9, 7009, "Novo", 1, 1, None, OLD), deal(10, 7010, "", 1, 1, None, OLD),
                                deal(11, 7004, "Coop", 1, 1, None, OLD), deal(12, 0, "Nobody", 1, 1, None, OLD)]})
        self.sync(w)
        names = {k: v[:2] for k, v in w.sales().items() if k > 7002}
        self.assertEqual(names, {7003: ("Oficina Três Irmãos", "012.345.678-00"), 7009: ("Novo", None),
                                 7004: ("Cooperativa Maçã Verde", None), 7010: ("Unknown", None)})
        w.change(put={"contacts": [{"Id": 7010, "Name": "Agora", "CNPJ": "  ", "CPF": "98765432100"},
                                   {"Id": 7003, "Name": "", "CPF": None}]})
        self.check_counts(self.sync(w)[SALES], updated=2)
        self.assertEqual((w.sales()[7010][:2], w.sales()[7003][:2]), (("Agora", "98765432100"), ("Oficina", None)))

    def test_pricing_belongs_to_others(self):
        w = self.world()
        self.sync(w)
        row = w.rows("customer_sales", "customer_id")[0]
        self.assertEqual((row["has_custom_pricing"], row["pricing_history_count"]), (False, 0))
        w.execute("UPDATE customer_sales SET has_custom_pricing = true, pricing_history_count = 7")
        w.change(put={"deals": [{"Id": 700100002, "Amount": 1}]})
        self.check_counts(self.sync(w)[SALES], updated=1)
        row = w.rows("customer_sales", "customer_id")[0]
        self.assertEqual((row["has_custom_pricing"], row["pricing_history_count"]), (True, 7))

    def test_an_age_goes_up_by_the_day_and_is_no_change(self):
        w = self.world()
        self.sync(w)
        before = w.rows("customer_sales", "customer_id")
        since = datetime.now(timezone.utc) - stored(before[0]["last_purchase_date"])
        self.assertIn(before[0]["days_since_last_purchase"], (since.days, since.days - 1))
        self.assertEqual(self.sync(w)[SALES]["processed"], 0)
        w.execute("UPDATE customer_sales SET days_since_last_purchase = 1, updated_at = created_at;"
                  " UPDATE sluice_cursors SET cursor = 'yesterday' WHERE job = 'ploomes.customer_sales'")
        self.check_counts(self.sync(w)[SALES], processed=2, skipped=2, updated=0)
        after = w.rows("customer_sales", "customer_id")
        for row in before + after:
            row.pop("last_sync_at")
        self.assertEqual(after, before)

    def test_what_32_bits_cannot_hold_is_rejected_alone(self):
        w = self.world()
        w.change(put={"deals": [deal(20, 1 << 31, "Longe", 2, 5, None, OLD),
                                deal(21, 7020, "Perto", 2, 1, None, OLD, products(1 << 33))]})
        runs = self.sync(w, code=2)
        self.check_counts(runs[SALES], created=2, errors=2, status="partial")
        self.assertEqual(sorted(w.sales()), [7001, 7002])

    def test_dashboards_find_their_indexes(self):
        w = self.world()
        self.sync(w)
        sql = ("SELECT indexdef AS line FROM pg_indexes WHERE tablename = 'customer_sales'" if w.on_server else
               "SELECT sql AS line FROM sqlite_master WHERE tbl_name = 'customer_sales' AND type = 'index'")
        lines = " ".join(r["line"] or "" for r in w.query(sql))
        for column in ("total_revenue", "total_deals", "last_purchase_date"):
            self.assertIn(column, lines)

    def test_the_old_path_runs_it(self):
        with CrmDaemon() as d:
            d.change(deals=SAMPLE_DEALS, contacts=contacts(*SAMPLE_CONTACTS))
            answer = d.ask("GET", "/api/cron/sync-customer-sales")
            self.assertEqual((answer.status, answer.json["success"], answer.json["created"]), (200, True, 2), answer)
            for key in ("dealsProcessed", "customersWithSales", "customersSynced", "executionTime"):
                self.assertIn(key, answer.json["stats"])
            self.assertIn("timestamp", answer.json)
            answer = d.ask("POST", "/api/cron/sync-customer-sales")
            self.assertEqual((answer.status, answer.json["processed"]), (200, 0), answer)
            self.assertTrue(answer.json["message"])
            d.sim.reply(path="Deals", status=403, times=0)
            answer = d.ask("GET", "/api/cron/sync-customer-sales")
            self.assertEqual((answer.status, answer.json["success"]), (500, False), answer)
            self.assertIn("timestamp", answer.json)
            self.assertTrue(answer.json["error"])


class Gone(CrmTest):
    def gone(self, w, table="ploomes_deals"):
        return sorted(r["id"] for r in w.rows(table) if r["gone_at"])

    def test_a_full_read_notes_what_is_gone_and_forgets_it_when_it_returns(self):
        with Crm("--deals", "400", "--contacts", "40") as w:
            self.sync(w)
            lost = [d for d in w.listed("Deals") if d["ContactId"]][10:13]
            w.change(delete={"deals": [d["Id"] for d in lost], "contacts": [1001]})
            self.sync(w)
            self.assertEqual(self.gone(w), [])
            self.sync(w, "--full")
            self.assertEqual((self.gone(w), self.gone(w, "ploomes_contacts")), ([d["Id"] for d in lost], [1001]))
            self.check_sales(w)
            del lost[0]["LastUpdateDate"]  # it is edited now
            w.change(put={"deals": json.loads(json.dumps(lost[:1], default=float))})
            self.sync(w)
            self.assertEqual(self.gone(w), [d["Id"] for d in lost[1:]])
            self.check_sales(w)

    def test_more_than_a_fifth_is_not_believed(self):
        with Crm("--deals", "400", "--contacts", "40") as w:
            self.sync(w)
            w.change(delete={"deals": [700000001 + 3 * i for i in range(100)]})
            result = w.run(SALES, "--full")
            self.assertEqual(result.code, 1, result)
            self.assertIn("--allow-gone", result.objects[0]["error"])
            self.assertEqual(self.gone(w), [])
            self.sync(w, "--full", "--allow-gone")
            self.assertEqual(len(self.gone(w)), 100)
            self.check_sales(w)


class Disturbed(CrmTest):
    """Deals are edited and deleted while pages are read."""

    def one(self, w, random):
        before = {d["Id"]: d for d in w.listed("Deals")}
        ids, touched = sorted(before), set()
        for after in range(1, 12):
            if random.random() < 0.5:
                continue
            edited, deleted = random.sample(ids, random.randrange(3)), random.sample(ids, random.randrange(4))
            touched.update(edited, deleted)
            w.change(after=after, put={"deals": [{"Id": i, "Amount": random.randrange(1000), "StatusId": 2}
                                                 for i in edited if i not in deleted]}, delete={"deals": deleted})
        full = random.random() < 0.7
        result = w.run(DEALS, *(["--full"] if full else []))
        w.change(forget=True)
        self.assertEqual(result.code, 0, result)
        have = {r["id"]: r for r in w.rows("ploomes_deals")}
        for i in ids:
            if i not in touched:
                self.assertIn(i, have, result)
                self.assertEqual(have[i]["amount"], money(before[i]["Amount"]), result)
                self.assertIsNone(have[i]["gone_at"], result)

    def test_no_deal_is_lost_that_nobody_touched(self):
        rnd = random.Random(SEED)
        with Crm("--deals", "260", "--contacts", "20", page_size=25, http="parallel = 3;") as w:
            w.run(DEALS)
            for n in range(RUNS):
                with self.subTest(seed=SEED, run=n):
                    if n % 10 == 9:
                        w.sim.call("POST", "/_sim/reset")
                        w.run(DEALS, "--full")
                    w.sim.advance(60)
                    self.one(w, rnd)
            w.sim.call("POST", "/_sim/reset")
            self.sync(w, "--full", "--allow-gone")
            self.check_sales(w)


class History(CrmTest):
    """After any step, what came in parts is what a full read would give."""

    def put(self, w, random, id):
        won = random.random() < 0.5
        month, day, fraction = random.randrange(1, 13), random.randrange(1, 28), random.randrange(1000)
        finish = f"2025-{month:02}-{day:02}T10:00:00.{fraction}-03:00"
        w.change(put={"deals": [{
            "Id": id, "ContactId": random.choice([None, 0, *range(7001, 7009)]),
            "ContactName": random.choice([None, "", "Nome A", "Nome B"]),
            "StatusId": random.choice([1, 2, 2, 3, 4, None]),
            "Amount": random.choice([None, 0, 10, 0.01, 33.33, 1e6, 4.5, -7.25]), "Title": "x",
            "FinishDate": finish if won else None, "StartDate": OLD, "CreateDate": OLD,
            "Products": random.choice([None, [], products(1, 2), products(3, 1, 1), products(0, 9)])}]})

    def step(self, w, random):
        """Some edits; True when deals were deleted, which only a full read sees."""
        for _ in range(random.randrange(4)):
            self.put(w, random, random.randrange(1, 30))
        if random.random() < 0.3:
            w.change(put={"contacts": [{
                "Id": random.randrange(7001, 7009), "Name": random.choice(["C1", "C2", "", None]),
                "CNPJ": random.choice(["1", "", None]), "CPF": random.choice(["2", None])}]})
        if random.random() < 0.2:
            w.change(delete={"deals": [random.randrange(1, 30)]})
            return True
        return False

    def test_parts_equal_the_whole_after_every_step(self):
        rnd = random.Random(SEED)
        with Crm("--deals", "0", "--contacts", "0", purchase_dates=rnd.choice(["won", "all"])) as w:
            for n in range(STEPS):
                with self.subTest(seed=SEED, step=n):
                    full = self.step(w, rnd)
                    w.sim.advance(rnd.choice([0, 1, 60, 600, 4000]))
                    self.sync(w, *(["--full", "--allow-gone"] if full else []))
                    self.check_sales(w)


class Large(CrmTest):
    def test_a_large_account_is_right_to_the_cent(self):
        with Crm("--deals", str(MANY), "--contacts", str(MANY // 15)) as w:
            self.check_counts(self.sync(w)[DEALS], total=MANY, created=MANY)
            self.check_sales(w)
            w.sim.advance(3600)
            w.change(touch={"deals": MANY // 100})
            self.check_counts(self.sync(w)[DEALS], updated=MANY // 100)
            self.check_sales(w)


if __name__ == "__main__":
    unittest.main()
