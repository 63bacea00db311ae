"""Streams that are derived from others which have landed, and rows that did not come any more (contract A3, A6.8,
A6.10), with a source that is two files (hostile/shop.c)."""
from harness import *

HOSTILE = pathlib.Path(os.environ["SLUICE_HOSTILE"])
ORDERS, CUSTOMERS_, SALES = "shop.orders", "shop.customers", "shop.sales"


class Shop(World):
    """Orders and customers in two files, sales from both."""

    def __init__(self, **options):
        self.jobs = {"orders": "", "customers": "", "sales": ""}
        self.probe = ""
        super().__init__(sim=False, **options)
        self.orders()
        self.customers()

    def configure(self, **_):
        jobs = ", ".join(f'{{ stream = "{name}"; {keys} }}' for name, keys in self.jobs.items())
        self.write("sluice.cfg", f"""
store = {{ url = "{self.store}"; }};
plugins = "{PLUGINS}";
connectors = ( {{ name = "shop"; plugin = "{HOSTILE / 'shop.so'}";
  settings = {{ orders = "{self.dir / 'orders'}"; customers = "{self.dir / 'customers'}"; probe = "{self.probe}";
                gate = "{self.dir / 'gate'}"; }};
  jobs = ( {jobs} ); }} );
""")

    def change(self, probe="", **jobs):
        self.probe = probe
        self.jobs.update(jobs)
        self.configure()

    def source(self, name, records):
        """What the source has from now on; a record that does not say when it changed did so at once."""
        lines = [r if isinstance(r, str) else json.dumps({"at": 0, **r}, separators=(",", ":")) for r in records]
        self.write(name, "".join(line + "\n" for line in lines))

    def orders(self, *records):
        self.source("orders", records)

    def customers(self, *records):
        self.source("customers", records)

    def sales(self):
        return [(s["customer"], s["name"], s["orders"], str(s["revenue"])) for s in self.rows("sales", "customer")]

    def gone(self, table="orders"):
        return [r["id"] for r in self.query(f"SELECT id FROM {table} WHERE gone_at IS NOT NULL ORDER BY id")]


def order(id, customer=1, total="1.00", **more):
    return {"id": id, "customer": customer, "total": total, **more}


def orders(first, last, **more):
    return [order(i, **more) for i in range(first, last + 1)]


ANNA, BEN = {"id": 1, "name": "Anna"}, {"id": 2, "name": "Ben"}


class Deriving(Test):
    def test_is_exact_and_from_all_that_has_landed(self):
        with Shop() as w:
            w.customers(BEN, ANNA, {"id": 3, "name": "Carl"})
            w.orders(order(1, 2, "0.10", day="2025-03-20T15:37:10.2-03:00", products=[31, 31, 44]),
                     order(2, 2, "0.20", day="2025-03-20T18:37:10Z", products=[]),
                     order(3, 1, "1234567890123.45"), order(4, None, "5"), order(5, 9, "-1.01", products=[7]))
            r = w.run(SALES)
            self.assertEqual([o["job"] for o in r.objects], [ORDERS, CUSTOMERS_, SALES], r)
            self.assertEqual(r.code, 0, r)
            self.check_counts(r.objects[-1], created=4, status="success", mode="full")
            self.assertEqual(r.objects[-1]["stats"]["ordersProcessed"], 5)
            self.assertIsInstance(r.objects[-1]["stats"]["executionTime"], int)
            self.assertEqual(w.sales(), [(0, "Unknown", 1, "5.00"), (1, "Anna", 1, "1234567890123.45"),
                                         (2, "Ben", 2, "0.30"), (9, "Unknown", 1, "-1.01")])
            row = w.rows("sales", "customer")[2]
            if w.on_server:
                self.assertEqual(row["products"], [31, 44])
                self.assertEqual(str(row["last_day"])[:21].replace("T", " "), "2025-03-20 18:37:10.2")
            else:
                self.assertEqual(row["products"], "[31,44]")
                self.assertEqual(row["last_day"], "2025-03-20T18:37:10.2Z")

    def test_reads_tables_and_columns_as_their_jobs_call_them(self):
        with Shop() as w:
            w.change(orders='table = "bestellungen"; columns = { customer = "kunde"; total = "summe"; };',
                     customers='table = "kunden";')
            w.customers(ANNA)
            w.orders(*orders(1, 3))
            r = w.run(SALES)
            self.assertEqual(r.code, 0, r)
            self.assertEqual(w.sales(), [(1, "Anna", 3, "3.00")])

    def test_does_nothing_when_nothing_has_changed(self):
        with Shop() as w:
            w.customers(ANNA)
            w.orders(order(1))
            w.run(SALES)
            r = w.run(SALES)
            self.check_counts(r.objects[-1], processed=0, message="Nothing changed", mode="incremental")
            self.assertEqual(r.objects[-1]["stats"].get("idle"), 1, r)
            w.orders(order(1), order(2, at=1))
            r = w.run(SALES)
            self.check_counts(r.objects[-1], processed=1, updated=1)
            self.assertEqual(w.sales(), [(1, "Anna", 2, "2.00")])
            self.check_counts(w.run(SALES).objects[-1], processed=0)
            w.customers({"id": 1, "name": "Anne", "at": 1})
            self.check_counts(w.run(SALES).objects[-1], updated=1)
            r = w.run(SALES, "--full")
            self.check_counts(r.objects[-1], processed=1, skipped=1)

    def test_leaves_alone_what_others_set(self):
        with Shop() as w:
            w.customers(ANNA)
            w.orders(order(1))
            w.run(SALES)
            w.execute("UPDATE sales SET checked = true")
            w.orders(order(1), order(2, at=1))
            w.run(SALES)
            self.assertTrue(w.rows("sales", "customer")[0]["checked"])

    def test_of_many_rows_waits_for_nobody(self):
        with Shop() as w:
            w.customers(*({"id": i, "name": f"customer {i}"} for i in range(0, 3000, 2)))
            w.orders(*(order(i, i % 3000, "0.01", products=[i % 7, i % 5]) for i in range(12000)))
            r = w.run(SALES)
            self.assertEqual(r.code, 0, r)
            self.check_counts(r.objects[-1], created=3000)
            self.assertEqual(w.query("SELECT count(*) AS n, sum(orders) AS orders FROM sales"),
                             [{"n": 3000, "orders": 12000}])
            self.assertEqual(w.sales()[7][1:], ("Unknown", 4, "0.04"))

    def test_sees_one_moment_however_long_it_takes(self):
        with Shop() as w:
            w.customers(ANNA, BEN)
            w.orders(order(1), order(2, 2))
            w.run(ORDERS, CUSTOMERS_)
            w.change(probe="gate", sales="after = [];")
            process = w.start("run", "--json", SALES)
            wait_for((w.dir / "gate.reached").exists)
            w.execute("DELETE FROM customers WHERE id = 2; UPDATE customers SET name = 'Zoe'; DELETE FROM orders")
            w.write("gate", "")
            out, err = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, (out, err))
            self.assertEqual(w.sales(), [(1, "Anna", 1, "1.00"), (2, "Ben", 1, "1.00")])

    def test_of_a_stream_that_never_came_to_its_end_is_refused(self):
        with Shop() as w:
            w.change(sales="after = [];")
            r = w.run(SALES)
            self.assertEqual((r.code, r.json["status"]), (1, "failed"), r)
            self.assertIn("shop.sales is derived from shop.orders, which has never been read completely: run "
                          "shop.orders first", r.json["error"])
            w.customers(ANNA)
            w.orders(order(1), "fail")
            w.run(ORDERS, CUSTOMERS_)
            r = w.run(SALES)
            self.assertIn("shop.orders, whose last full read did not come to its end", r.json["error"])
            self.assertFalse(w.query("SELECT 1 FROM sales") if w.has_table("sales") else [])
            w.orders(order(1), order(2))
            w.run(ORDERS)
            self.assertEqual(w.run(SALES).code, 0)
            w.orders(order(1, total="3.00", at=9), "fail")
            w.run(ORDERS, "--full")
            self.assertIn("did not come to its end", w.run(SALES).json["error"])
            self.assertEqual(w.sales(), [(1, "Anna", 2, "2.00")])
            w.orders(order(1, total="3.00", at=9), order(2, total="7.00"))
            w.run(ORDERS)
            self.assertEqual(w.run(SALES).code, 0)
            self.assertEqual(w.sales(), [(1, "Anna", 2, "4.00")])

    def test_of_a_stream_that_was_cut_is_refused(self):
        with Shop() as w:
            w.customers(ANNA)
            w.orders(*orders(1, 3))
            r = w.run(SALES, "--limit", "2")
            self.assertEqual([o["status"] for o in r.objects], ["success", "success", "failed"], r)
            self.assertIn("shop.orders, whose last full read did not come to its end", r.objects[-1]["error"])

    def test_a_dry_run_says_what_it_lacks(self):
        with Shop() as w:
            w.customers(ANNA)
            w.orders(order(1))
            r = w.run(SALES, "--dry-run")
            self.assertIn("run shop.orders first (a dry run leaves nothing to read)", r.objects[-1]["error"])
            w.run(ORDERS, CUSTOMERS_)
            before = w.dump()
            r = w.run(SALES, "--dry-run")
            self.check_counts(r.objects[-1], created=1)
            self.assertEqual(w.dump(), before)

    def test_is_not_run_after_a_stream_that_failed(self):
        with Shop() as w:
            w.customers(ANNA)
            w.orders(order(1))
            w.run(SALES)
            w.orders("fail")
            r = w.run(SALES)
            self.assertEqual(r.code, 69, r)
            self.assertEqual([o["status"] for o in r.objects], ["failed", "success", "failed"])
            self.assertIn("not run: shop.orders, which runs before it, did not complete", r.objects[-1]["error"])
            self.assertEqual(w.sales(), [(1, "Anna", 1, "1.00")])

    def test_reads_no_column_that_its_job_leaves_out(self):
        with Shop() as w:
            w.change(orders='columns = { total = ""; };')
            w.orders(order(1))
            r = w.run(SALES)
            self.assertEqual(r.code, 78, r)
            self.assertIn('shop.sales reads the column total of shop.orders, which that job leaves out of its table: '
                          'take "total" out of the `columns` of shop.orders', r.objects[-1]["error"])

    def test_needs_a_job_for_what_it_reads(self):
        with Shop() as w:
            del w.jobs["customers"]
            w.configure()
            r = w.sluice("check")
            self.assertEqual(r.code, 78, r)
            self.assertIn("`sales` reads what `customers` has landed, and there is no job for that: add "
                          '{ stream = "customers"; }', r.err + r.out)

    def test_has_a_preview(self):
        with Shop() as w:
            w.customers(ANNA)
            w.orders(order(1))
            r = w.sluice("preview", SALES)
            self.assertNotEqual(r.code, 0)
            self.assertRegex(r.err, "there is no store yet|the store is empty")
            w.run(ORDERS, CUSTOMERS_)
            r = w.sluice("preview", "--json", SALES)
            self.assertEqual(r.code, 0, r)
            self.assertIn('"revenue"', r.out)
            self.assertIn('"1.00"', r.out)

    def test_reads_the_rows_that_it_had_before(self):
        with Shop() as w:
            w.customers(ANNA)
            w.orders(order(1))
            w.change(probe="own")
            for own in (0, 1):
                runs = {run["job"]: run for run in w.run(SALES, "--full").objects}
                self.assertEqual((runs[SALES]["status"], runs[SALES]["stats"]["own"]), ("success", own), runs)

    def test_asks_for_what_there_is(self):
        cases = {
            "no-stream": 'scan of offers: this is none that the stream needs: "offers"',
            "no-column": 'scan of orders: it has no column "amount"',
            "no-columns": "scan of orders: no columns, or too many, are asked for",
            "bad-order": 'scan of orders: it has no column "when"',
            "by-decimal": 'scan of orders: rows cannot be ordered by a decimal or a list, as is "total"',
            "by-list": 'scan of orders: rows cannot be ordered by a decimal or a list, as is "products"',
            "many": "scan of orders: more scans than a run may open",
        }
        with Shop() as w:
            w.run(ORDERS, CUSTOMERS_)
            for probe, why in cases.items():
                with self.subTest(probe):
                    w.change(probe=probe, sales="after = [];")
                    r = w.run(SALES)
                    self.assertEqual((r.code, r.json["status"]), (1, "failed"), r)
                    self.assertIn("shop.so: " + why, r.json["error"])

    def test_that_takes_no_rows_is_ended_at_its_deadline(self):
        with Shop() as w:
            w.orders(*orders(1, 2000))
            w.run(ORDERS, CUSTOMERS_)
            w.change(probe="flood", sales='after = []; deadline = "1s";')
            r = w.run(SALES)
            self.assertEqual(r.json["status"], "timeout", r)
            self.assertEqual(r.json["error"], "not done within its deadline of 1 s")

    def test_is_cancelled_while_it_reads(self):
        with Shop() as w:
            w.orders(order(1))
            w.run(ORDERS, CUSTOMERS_)
            w.change(probe="gate", sales="after = [];")
            process = w.start("run", "--json", SALES)
            wait_for((w.dir / "gate.reached").exists)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 130, (out, err))
            self.assertEqual(json.loads(out)["status"], "cancelled")


class Vanishing(Test):
    def test_is_noted_by_a_complete_full_run_and_undone_when_the_row_returns(self):
        with Shop() as w:
            w.orders(*orders(1, 10))
            r = w.run(ORDERS)
            self.check_counts(r, created=10)
            self.assertEqual(r.json["stats"]["gone"], 0)
            w.orders(*orders(2, 9))
            self.check_counts(w.run(ORDERS), processed=0)  # what changed says nothing of what vanished
            self.assertEqual(w.gone(), [])
            r = w.run(ORDERS, "--full")
            self.check_counts(r, skipped=8, message=None)
            self.assertEqual(r.json["stats"]["gone"], 2)
            self.assertEqual(w.gone(), [1, 10])
            since = w.rows("orders")[0]
            self.assertEqual(since["gone_at"], since["last_sync_at"])
            r = w.run(ORDERS, "--full")
            self.check_counts(r, skipped=8, message="Nothing changed")
            self.assertEqual((r.json["stats"]["gone"], w.rows("orders")[0]), (0, since))
            w.orders(*orders(2, 9), order(1, at=5))
            self.check_counts(w.run(ORDERS), updated=1)
            self.assertEqual(w.gone(), [10])
            w.orders(*orders(1, 10))
            self.check_counts(w.run(ORDERS, "--full"), updated=1, skipped=9)
            self.assertEqual(w.gone(), [])

    def test_is_not_believed_of_more_than_a_fifth(self):
        with Shop() as w:
            w.orders(*orders(1, 10))
            w.run(ORDERS)
            cursor = w.query("SELECT cursor, updated_at FROM sluice_cursors")
            w.orders(*orders(4, 10), order(11, at=7))
            r = w.run(ORDERS, "--full")
            self.assertEqual(r.code, 1, r)
            self.check_counts(r, status="failed", created=1, skipped=7)
            self.assertIn("3 of 11 rows of table orders did not come any more, more than 20 %", r.json["error"])
            self.assertIn("run it with --full --allow-gone", r.json["error"])
            self.assertEqual(w.gone(), [])
            self.assertEqual(len(w.rows("orders")), 11)
            self.assertEqual(w.query("SELECT cursor, updated_at FROM sluice_cursors"), cursor)
            r = w.run(ORDERS, "--full", "--allow-gone")
            self.assertEqual((r.code, r.json["stats"]["gone"], w.gone()), (0, 3, [1, 2, 3]), r)
            self.assertEqual(w.query("SELECT cursor FROM sluice_cursors")[0]["cursor"], "7")

    def test_is_noted_by_nothing_that_is_incomplete(self):
        with Shop() as w:
            w.orders(*orders(1, 10))
            w.run(ORDERS)
            for records, options in (([*orders(1, 9), "fail"], ()), (orders(1, 9), ("--limit", "9")),
                                     (orders(1, 9), ("--limit", "100")), (["total 10", *orders(1, 9)], ())):
                with self.subTest(options):
                    w.orders(*records)
                    r = w.run(ORDERS, "--full", *options)
                    self.assertEqual((w.gone(), r.json["stats"].get("gone", 0)), ([], 0), r)
            self.assertIn("1 record fewer came than the source announced: nobody knows which rows are gone, so none "
                          "was noted", r.json["warnings"])

    def test_is_not_said_of_a_record_that_was_left_out_or_rejected(self):
        with Shop() as w:
            w.orders(*orders(1, 10))
            w.run(ORDERS)
            w.orders(*orders(4, 10), order(1, skip="by rule"), order(2, refuse="by rule"), order(3, total="much"))
            r = w.run(ORDERS, "--full")
            self.check_counts(r, skipped=8, errors=2, status="partial")
            self.assertEqual((w.gone(), r.json["stats"]["gone"]), ([], 0))
            w.refuse("orders", "new.total > '8'" if not w.on_server else "new.total > 8", "too much")
            w.orders(*orders(2, 10), order(1, total="9.00"))
            r = w.run(ORDERS, "--full")
            self.check_counts(r, errors=1, skipped=9)
            self.assertEqual(w.gone(), [])

    def test_is_noted_by_nobody_where_a_record_has_no_identity(self):
        with Shop() as w:
            w.orders(*orders(1, 10))
            w.run(ORDERS)
            for record in ({"total": "1"}, "{\"at\":0,broken", {"id": None, "skip": "by rule"}):
                with self.subTest(record):
                    w.orders(*orders(1, 9), record)
                    r = w.run(ORDERS, "--full")
                    self.assertIn("1 record came without a usable identity: nobody knows which rows are gone, so none "
                                  "was noted", r.json["warnings"], r)
                    self.assertEqual(w.gone(), [])

    def test_of_a_dry_run_is_counted_and_undone(self):
        with Shop() as w:
            w.orders(*orders(1, 10))
            w.run(ORDERS)
            w.orders(*orders(1, 9))
            before = w.dump()
            r = w.run(ORDERS, "--full", "--dry-run")
            self.assertEqual((r.code, r.json["stats"]["gone"]), (0, 1), r)
            self.assertEqual(w.dump(), before)

    def test_takes_a_row_from_what_is_derived(self):
        with Shop() as w:
            w.customers(ANNA)
            w.orders(*orders(1, 10))
            w.run(SALES)
            w.orders(*orders(2, 10))
            w.run(ORDERS, "--full")
            r = w.run(SALES)
            self.check_counts(r.objects[-1], updated=1)
            self.assertEqual(w.sales(), [(1, "Anna", 9, "9.00")])

    def test_of_many_rows_is_noted_exactly(self):
        with Shop() as w:
            w.orders(*orders(1, 6000))
            w.run(ORDERS)
            w.orders(*(order(i) for i in range(1, 6001) if i % 10))
            r = w.run(ORDERS, "--full")
            self.check_counts(r, skipped=5400)
            self.assertEqual(r.json["stats"]["gone"], 600)
            self.assertEqual(w.gone(), list(range(10, 6001, 10)))


if __name__ == "__main__":
    unittest.main()
