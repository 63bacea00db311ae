"""The lists of the Ploomes connector: what it asks for, and what it makes of refusals, caps and faults."""
from ploomes import *


class Reading(CrmTest):
    def test_a_quiet_run_asks_once_for_each_list_and_derives_nothing(self):
        with Crm("--deals", "2000", "--contacts", "100") as w:
            self.sync(w)
            w.asked()
            runs = self.sync(w)
            asked = w.asked()
            self.assertEqual([entity for entity, _ in asked], ["Deals", "Contacts"])
            for _, query in asked:
                self.assertIn("$filter=LastUpdateDate ge 2026-02-10T07:15:0", query)
                self.assertNotIn(" le ", query)
                self.assertIn("$orderby=Id&$count=true&$skip=0&$top=300", query)
            self.assertEqual([run["processed"] for run in runs.values()], [0, 0, 0])
            self.assertNotIn("dealsProcessed", runs[SALES]["stats"])

    def test_only_what_was_updated_since_is_asked_for(self):
        with Crm("--deals", "900", "--contacts", "60", page_size=50) as w:
            self.sync(w)
            w.sim.advance(3600)
            w.change(touch={"deals": 120, "contacts": 3})
            w.asked()
            runs = self.sync(w)
            self.check_counts(runs[DEALS], mode="incremental", total=120, updated=120)
            self.check_counts(runs[CONTACTS], updated=3)
            self.assertEqual(sorted(q.split("$skip=")[1] for e, q in w.asked() if e == "Deals"),
                             ["0&$top=50", "49&$top=50", "98&$top=50"])
            self.check_sales(w)
            self.sync(w, "--full")
            self.check_sales(w)

    def test_a_field_that_the_job_adds_is_asked_for(self):
        fields = 'fields = ( { from = "Title"; column = "title"; type = "text"; } );'
        with Crm("--deals", "3", fields=fields) as w:
            self.check_counts(w.run(DEALS), created=3)
            self.assertIn("Revisão", w.rows("ploomes_deals")[0]["title"])
            w.fields = fields.replace("Title", "Win")
            w.configure()
            result = w.run(DEALS)
            self.assertEqual(result.code, 77, result)
            self.assertIn("queried fields are allowed (Id,ContactId", result.json["error"])
            self.assertIn("Win)", result.json["error"])
            self.assertIn("The request has been forbidden.", result.json["error"])

    def test_a_key_that_is_refused_is_named_and_not_shown(self):
        with Crm("--deals", "3") as w:
            w.configure(api_key="0123456789abcdef")
            result = w.run(SALES)
            self.assertEqual(result.code, 77, result)
            error = result.json["error"]
            for word in ("HTTP 403", "api_key", "PLOOMES_API_KEY", "misspelt", "may read Deals", "<h1>Forbidden</h1>"):
                self.assertIn(word, error)
            self.assertNotIn("0123456789abcdef", result.out + result.err)
            self.assertEqual([entity for entity, _ in w.asked()], ["Deals", "Contacts"])

    def test_a_filter_that_is_refused_is_done_without(self):
        with Crm("--deals", "700", "--contacts", "10") as w:
            self.sync(w)
            w.change(refuse_filter=True, put={"deals": [{"Id": 700000001, "Amount": 3.25}]})
            w.asked()
            runs = self.sync(w)
            self.check_counts(runs[DEALS], total=700, updated=1, skipped=699)
            self.assertIn("refused to filter Deals", " ".join(runs[DEALS]["warnings"]))
            self.assertEqual([("$filter" in q) for e, q in w.asked() if e == "Deals"], [True, False, False, False])
            self.check_sales(w)

    def test_a_cap_that_is_hit_is_no_success_and_derives_nothing(self):
        with Crm("--deals", "700", "--contacts", "10") as w:
            self.sync(w)
            before = w.rows("customer_sales", "customer_id")
            w.configure(max_pages=2)
            w.change(put={"deals": [{"Id": 700000001, "Amount": 3.25, "StatusId": 2}]})
            result = w.run(SALES, "--full")
            self.assertEqual(result.code, 1, result)
            self.assertIn("after 2 pages", result.objects[0]["error"])
            self.assertEqual(w.rows("customer_sales", "customer_id"), before)

    def test_the_accounts_limit_is_waited_for(self):
        with Crm("--deals", "1500", "--contacts", "10") as w:
            w.change(rate=4, rate_ms=700)
            self.sync(w)
            self.assertEqual(len(w.rows("ploomes_deals")), 1500)

    def test_pages_need_a_seam(self):
        with Crm("--deals", "3", page_size=1) as w:
            result = w.run(DEALS)
            self.assertEqual((result.code, len(w.asked())), (78, 0), result)
            self.assertIn("page_size", result.json["error"])

    def test_a_fault_at_any_page_leaves_all_as_it_was(self):
        with Crm("--deals", "90", "--contacts", "12", page_size=30, http="parallel = 1;") as w:
            self.sync(w)
            self.check_sales(w)
            edited = [{"Id": 700000004, "Amount": 77, "StatusId": 2}]
            w.change(touch={"deals": 90, "contacts": 12}, put={"deals": edited})
            sales_before = w.rows("customer_sales", "customer_id")
            cursor = "SELECT cursor FROM sluice_cursors WHERE job = 'ploomes.deals'"
            cursors = w.query(cursor)
            faults = ({"status": 500, "times": 2}, {"fault": "cut-body", "times": 2}, {"status": 200, "body": "<html>"},
                      {"status": 200, "body": "{}"}, {"status": 403, "body": "no"})
            for page in range(4):
                for fault in faults:
                    if page:
                        w.sim.reply(path="Deals", times=page)
                    w.sim.reply(path="Deals", **fault)
                    result = w.run(DEALS if page else SALES, "--full")
                    self.assertNotEqual(result.code, 0, (page, fault))
                    self.assertEqual(result.objects[0]["status"], "failed")
                    self.assertEqual(w.query(cursor), cursors)
                    self.assertEqual(w.rows("customer_sales", "customer_id"), sales_before)
            w.sim.reply(path="Deals", fault="cut-body")  # once: tried again
            self.sync(w, "--full")
            self.check_sales(w)


if __name__ == "__main__":
    unittest.main()
