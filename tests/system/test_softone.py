"""SoftOne's customers and suppliers, from the wire to the rows: every awkward record, matching, dates, refusals."""
from harness import *

# The sample of the source's description: each record is awkward in a way of its own.
SAMPLE = [
    {"TRDR": "20411", "CODE": "30-00017", "AFM": "012345678", "NAME": "Άνεμος & Υιοί Ο.Ε.",
     "JOBTYPETRD": "ΧΟΝΔΡΙΚΟ ΕΜΠΟΡΙΟ ΕΙΔΩΝ ΥΔΡΕΥΣΗΣ", "ADDRESS": "Λ. Κηφισίας 99½", "CITY": "Ναύπακτος",
     "ZIP": "030 01", "DISTRICT": "", "COUNTRY": "1000", "ISPROSP": "0", "PHONE01": "2100000001",
     "IRSDATA": "ΔΟΥ Αθηνών", "SOCURRENCY": "100", "UPDDATE": "2026-02-10 09:12:44"},
    {"TRDR": 20412, "CODE": "30-00018", "AFM": "123456789", "NAME": "«ΤΟ ΣΤΕΚΙ» – Αναψυκτήριο", "COUNTRY": 1000,
     "ISPROSP": 1, "IRSDATA": "", "IRSDATA_1": "1190", "SOCURRENCY": 100, "UPDDATE": "2026-02-10 09:13:00"},
    {"TRDR": "20413", "CODE": "30-00018-1", "AFM": "123456789", "NAME": "«ΤΟ ΣΤΕΚΙ» – Υποκατάστημα Πάτρας",
     "ISPROSP": "0", "UPDDATE": "2026-02-10 09:13:05"},
    {"TRDR": "20414", "CODE": "30-00019", "AFM": "", "NAME": "ΠΕΛΑΤΗΣ ΛΙΑΝΙΚΗΣ Α", "ISPROSP": "0", "PHONE01": None,
     "UPDDATE": ""},
    {"TRDR": "20415", "CODE": "30-00020", "AFM": "", "NAME": "ΠΕΛΑΤΗΣ ΛΙΑΝΙΚΗΣ Β", "ISPROSP": "0",
     "UPDDATE": "1899-12-30 00:00:00"},
    {"TRDR": "", "CODE": None, "AFM": "DE999999999", "NAME": "@BURO@", "COUNTRY": "1003",
     "ISPROSP": "1", "SOCURRENCY": "", "UPDDATE": "2026-02-10T09:14:30"},
    {"TRDR": "20x17", "CODE": "30-00022", "AFM": "987654321", "NAME": "ΛΑΘΟΣ ΚΛΕΙΔΙ ΑΕ", "ISPROSP": "0",
     "UPDDATE": "10/02/2026"},
    {"TRDR": "20418", "CODE": "30-00023", "AFM": "000000000", "ISPROSP": "01"},
]
SAMPLE_TEXT = json.dumps(SAMPLE, ensure_ascii=False).replace("@BURO@", "B\\u00fcro M\\u00f6bel GmbH")

OLD = "'2001-02-03T04:05:06Z'"


def partner(trdr, **fields):
    return {"TRDR": trdr, "CODE": f"C{trdr}", "AFM": "", "NAME": f"N{trdr}", "ISPROSP": "1", **fields}


class Sample(Test):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.world.sim.records("customers", SAMPLE_TEXT)
        cls.first = cls.world.run(CUSTOMERS)
        cls.first_rows = cls.world.rows()
        cls.second = cls.world.run(CUSTOMERS)

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def row(self, trdr):
        return next(r for r in self.first_rows if r["trdr"] == trdr)

    def test_seven_are_created_and_the_bad_one_is_rejected_alone(self):
        self.assertEqual(self.first.code, 2, self.first)
        self.check_counts(self.first, status="partial", success=True, total=8, processed=8, created=7, updated=0,
                          skipped=0, errors=1)
        self.assertEqual([r["trdr"] for r in self.first_rows], [20411, 20412, 20413, 20414, 20415, None, 20418])

    def test_the_same_delivery_again_skips_them_all(self):
        self.check_counts(self.second, processed=8, created=0, updated=0, skipped=7, errors=1)
        self.assertEqual(self.world.rows(), self.first_rows)

    def test_greek_text_arrives_letter_by_letter(self):
        row = self.row(20411)
        self.assertEqual(row["name"], "Άνεμος & Υιοί Ο.Ε.")
        self.assertEqual(row["sotitle"], "Άνεμος & Υιοί Ο.Ε.")
        self.assertEqual(row["address"], "Λ. Κηφισίας 99½")
        self.assertEqual(row["zip"], "030 01")
        self.assertIsNone(row["district"])
        self.assertEqual(row["afm"], "012345678")
        self.assertEqual(row["update"], "2026-02-10T07:12:44Z")

    def test_numbers_stand_in_for_texts_and_the_second_tax_office_for_the_first(self):
        row = self.row(20412)
        self.assertEqual((row["country"], row["socurrency"], row["isactive"], row["irsdata"]),
                         ("1000", 100, "ACTIVE", "1190"))

    def test_branches_with_one_tax_id_are_two_rows(self):
        self.assertEqual(self.row(20412)["afm"], self.row(20413)["afm"])

    def test_null_dates_are_null(self):
        self.assertIsNone(self.row(20414)["update"])
        self.assertIsNone(self.row(20415)["update"])

    def test_escapes_give_letters_that_the_charset_lacks(self):
        row = self.row(None)
        self.assertEqual((row["name"], row["afm"], row["socurrency"]), ("Büro Möbel GmbH", "DE999999999", None))

    def test_a_missing_name_is_empty_and_any_other_flag_is_inactive(self):
        row = self.row(20418)
        self.assertEqual((row["name"], row["isactive"], row["afm"]), ("", "INACTIVE", "000000000"))

    def test_the_reject_is_kept_once_with_reason_and_source(self):
        (reject,) = self.world.query("SELECT * FROM sluice_rejects")
        self.assertEqual((reject["record_key"], reject["seen_count"]), ("20x17", 2))
        self.assertIn("TRDR", reject["reason"])
        self.assertIn("20x17", reject["reason"])
        self.assertIn("ΛΑΘΟΣ ΚΛΕΙΔΙ ΑΕ", reject["payload"])
        self.assertEqual(self.first.json["errorDetails"], [{"key": "20x17", "reason": reject["reason"]}])

    def test_the_window_is_told_as_it_was_sent(self):
        self.assertEqual((self.first.json["window_start"], self.first.json["at"]),
                         ("2026-02-10 09:10:03", "2026-02-10 09:20:03"))
        self.assertEqual(self.world.query("SELECT cursor FROM sluice_cursors"), [{"cursor": "2026-02-10 09:20:03"}])

    def test_the_request_is_what_the_erp_expects(self):
        request = self.world.sim.requests()[0]
        self.assertEqual(request["method"], "POST")
        self.assertEqual(request["path"], "/s1services/JS/webservice.customers/getCustomers")
        self.assertEqual(json.loads(request["body"]),
                         {"username": "demo", "password": "demo", "company": 1000, "sodtype": 13})


class Matching(Test):
    def test_a_row_without_identity_is_adopted_by_its_tax_id(self):
        with World() as w:
            w.sim.records("customers", [])
            w.run(CUSTOMERS)
            w.execute("INSERT INTO softone_customers (afm, name, isactive, created_at, updated_at, last_sync_at)"
                      f" VALUES ('111', 'by hand', 'INACTIVE', {OLD}, {OLD}, {OLD})")
            w.sim.records("customers", [partner("5", AFM="111")])
            self.check_counts(w.run(CUSTOMERS), created=0, updated=1)
            (row,) = w.rows()
            self.assertEqual((row["trdr"], row["name"]), (5, "N5"))

    def test_two_rows_to_adopt_are_ambiguous(self):
        with World() as w:
            w.sim.records("customers", [])
            w.run(CUSTOMERS)
            w.execute("INSERT INTO softone_customers (afm, name, isactive, created_at, updated_at, last_sync_at)"
                      f" VALUES ('111', 'a', 'INACTIVE', {OLD}, {OLD}, {OLD}),"
                      f" ('111', 'b', 'INACTIVE', {OLD}, {OLD}, {OLD})")
            w.sim.records("customers", [partner("5", AFM="111"), partner("6")])
            result = w.run(CUSTOMERS)
            self.check_counts(result, created=1, errors=1, status="partial")
            self.assertTrue(result.json["errorDetails"][0]["reason"].startswith("ambiguous"))

    def test_empty_blank_and_dummy_tax_ids_match_nobody(self):
        with World() as w:
            w.sim.records("customers", [partner("1", AFM=""), partner("2", AFM="  "), partner("3", AFM=None),
                                        partner("4", AFM="000000000"), partner("5", AFM="000000000")])
            self.check_counts(w.run(CUSTOMERS), created=5, errors=0)
            self.check_counts(w.run(CUSTOMERS), created=0, skipped=5)

    def test_a_record_without_any_key_is_rejected(self):
        with World() as w:
            w.sim.records("customers", [{"TRDR": "", "AFM": "", "NAME": "nobody"}, {"NAME": "nothing"},
                                        {"TRDR": None, "AFM": "000000000", "NAME": "dummy"}, partner("1")])
            result = w.run(CUSTOMERS)
            self.check_counts(result, created=1, errors=3)
            self.assertEqual({d["reason"].split(":")[0] for d in result.json["errorDetails"]}, {"no-key"})
            self.assertEqual(len(w.query("SELECT * FROM sluice_rejects")), 3)

    def test_the_same_customer_twice_in_one_answer_is_one_row(self):
        with World() as w:
            w.sim.records("customers", [partner("1", NAME="a"), partner("1", NAME="b"), partner("1", NAME="b")])
            self.check_counts(w.run(CUSTOMERS), created=1, updated=1, skipped=1)
            self.assertEqual([r["name"] for r in w.rows()], ["b"])

    def test_a_customer_that_is_also_a_supplier_is_a_row_in_each_table(self):
        with World() as w:
            w.sim.records("customers", [partner("1", AFM="9")])
            w.sim.records("suppliers", [partner("2", AFM="9")])
            result = w.run(CUSTOMERS, SUPPLIERS)
            self.assertEqual([o["created"] for o in result.objects], [1, 1])
            self.assertEqual(len(w.rows("softone_suppliers")), 1)


class Values(Test):
    def test_what_is_not_sent_stays_and_what_is_sent_empty_is_cleared(self):
        with World() as w:
            w.sim.records("customers", [partner("1", CITY="Πάτρα", PHONE01="210", COUNTRY="1000", SOCURRENCY=100,
                                                UPDDATE="2026-02-10 09:00:00")])
            w.run(CUSTOMERS)
            w.sim.records("customers", [{"TRDR": "1", "CITY": "", "PHONE01": None}])
            self.check_counts(w.run(CUSTOMERS), updated=1)
            (row,) = w.rows()
            self.assertEqual((row["city"], row["phone01"], row["country"], row["socurrency"], row["name"],
                              row["isactive"]), (None, None, "1000", 100, "N1", "ACTIVE"))
            self.assertIsNone(row["update"], "UPDDATE that is not sent is none: the declared exception")

    def test_only_changed_rows_are_written(self):
        with World() as w:
            w.sim.records("customers", [partner("1"), partner("2")])
            w.run(CUSTOMERS)
            w.execute(f"UPDATE softone_customers SET updated_at = {OLD}, last_sync_at = {OLD}")
            w.sim.records("customers", [partner("1"), partner("2", NAME="new")])
            self.check_counts(w.run(CUSTOMERS), updated=1, skipped=1)
            one, two = w.rows()
            self.assertEqual((one["updated_at"], one["last_sync_at"]), (OLD.strip("'"), OLD.strip("'")))
            self.assertRegex(two["updated_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            self.assertEqual(two["updated_at"], two["last_sync_at"])

    def test_dates_in_every_form_and_across_daylight_saving(self):
        cases = {"2025-07-01 12:00:00": "2025-07-01T09:00:00Z", "2025-01-01": "2024-12-31T22:00:00Z",
                 "2025-01-01T10:00:00": "2025-01-01T08:00:00Z", "2025-01-01 10:00:00.25": "2025-01-01T08:00:00.25Z",
                 "2025-01-01T10:00:00Z": "2025-01-01T10:00:00Z", "2025-10-26 03:30:00": "2025-10-26T00:30:00Z"}
        with World() as w:
            w.sim.records("customers", [partner(str(i + 1), UPDDATE=d) for i, d in enumerate(cases)])
            w.run(CUSTOMERS)
            self.assertEqual([r["update"] for r in w.rows()], list(cases.values()))

    def test_values_that_do_not_fit_are_rejected_with_field_and_value(self):
        bad = [("TRDR", "12abc"), ("TRDR", "99999999999999999999"), ("TRDR", "1.5"), ("SOCURRENCY", "EUR"),
               ("UPDDATE", "10/02/2026"), ("UPDDATE", "2026-02-30 10:00:00"), ("NAME", {"a": 1})]
        with World() as w:
            w.sim.records("customers", [{**partner(str(i + 1)), k: v} for i, (k, v) in enumerate(bad)])
            result = w.run(CUSTOMERS)
            self.check_counts(result, created=0, errors=len(bad))
            for (key, value), detail in zip(bad, result.json["errorDetails"]):
                self.assertIn(key, detail["reason"])
                if isinstance(value, str):
                    self.assertIn(value, detail["reason"])

    def test_a_broken_record_is_rejected_alone(self):
        with World() as w:
            w.sim.records("customers", '[{"TRDR":"1","NAME":"a"},{"TRDR":tru},{"TRDR":"2" "NAME":"x"},17,{"TRDR":"3"}]')
            result = w.run(CUSTOMERS)
            self.check_counts(result, processed=5, created=2, errors=3)
            self.assertEqual(len(w.query("SELECT * FROM sluice_rejects")), 3)

    def test_activity_follows_the_settings(self):
        with World(settings={"active_field": "ISACTIVE", "active_value": "yes"}) as w:
            w.sim.records("customers", [partner("1", ISACTIVE="yes", ISPROSP="0"), partner("2", ISACTIVE="no")])
            w.run(CUSTOMERS)
            self.assertEqual([r["isactive"] for r in w.rows()], ["ACTIVE", "INACTIVE"])

    def test_activity_that_is_not_sent_is_inactive_for_new_rows_and_kept_for_old_ones(self):
        with World() as w:
            w.sim.records("customers", [partner("1")])
            w.run(CUSTOMERS)
            w.sim.records("customers", [{"TRDR": "1", "NAME": "N1"}, {"TRDR": "2", "NAME": "N2"}])
            w.run(CUSTOMERS)
            self.assertEqual([r["isactive"] for r in w.rows()], ["ACTIVE", "INACTIVE"])

    def test_extra_fields_renames_and_left_out_columns(self):
        job = ('table = "people"; fields = ( { from = "EMAIL"; column = "email"; type = "text"; } );'
               ' columns = { phone01 = "phone"; sotitle = ""; };')
        with World(job=job) as w:
            w.sim.records("customers", [partner("1", EMAIL="a@b.gr", PHONE01="210")])
            result = w.run(CUSTOMERS)
            self.check_counts(result, created=1)
            (row,) = w.rows("people")
            self.assertEqual((row["email"], row["phone"]), ("a@b.gr", "210"))
            self.assertNotIn("sotitle", row)
            self.assertNotIn("phone01", row)


class Refusals(Test):
    def test_a_wrong_password_is_77_with_the_erps_own_text_and_code(self):
        with World(settings={"password": "s3cret-wrong"}) as w:
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 77, result)
            self.check_counts(result, status="failed", success=False, processed=0)
            self.assertIn("Wrong Username/Password", result.json["error"])
            self.assertIn("250", result.json["error"])
            self.assertNotIn("s3cret-wrong", result.out + result.err)
            self.assertEqual(w.query("SELECT * FROM sluice_cursors"), [])

    def test_html_with_status_200_is_named(self):
        with World() as w:
            w.sim.reply(status=200, body="<!DOCTYPE html><html>Login</html>", headers={"Content-Type": "text/html"})
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 1, result)
            self.assertIn("<!DOCTYPE html>", result.json["error"])

    def test_answers_that_are_not_what_they_should_be(self):
        at = '"at":"2026-02-10 09:20:03"'
        cases = [("", "empty"), ("[]", "object"), ("{}", "success"), ('{"success":true,"total":3}', "result"),
                 ('{"success":true,%s}' % at, "result"), ('{"success":true,"total":2,"result":[],%s}' % at, "2"),
                 ('{"success":true,"total":1,"result":{"a":1}}', "list"),
                 ('{"success":true,"total":1,"result":[{"TRDR":"1"}', ""),
                 ('{"success":false,"error":"No licence","errorcode":-11}', "No licence")]
        for body, want in cases:
            with self.subTest(body), World() as w:
                w.sim.reply(status=200, body=body)
                result = w.run(CUSTOMERS)
                self.assertEqual(result.code, 1, result)
                self.assertIn(want, result.json["error"])
                self.assertEqual(w.query("SELECT * FROM sluice_cursors"), [])

    def test_a_path_that_is_not_there_says_what_to_check(self):
        with World(settings={"customers_path": "/s1services/JS/nothing"}) as w:
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 78, result)
            self.assertIn("404", result.json["error"])
            self.assertIn("script of this installation", result.json["error"])

    def test_a_source_that_is_away_is_69(self):
        with World(settings={"url": "http://127.0.0.1:9"}) as w:
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 69, result)

    def test_a_total_that_disagrees_is_a_warning(self):
        with World() as w:
            w.sim.reply(status=200, body='{"success":true,"total":5,"at":"2026-02-10 09:20:03",'
                                         '"window_start":"2026-02-10 09:10:03","result":[{"TRDR":"1"}]}')
            result = w.run(CUSTOMERS)
            self.check_counts(result, status="success", total=5, processed=1, created=1)
            self.assertIn("announced 5", " ".join(result.json["warnings"]))

    def test_bytes_without_a_character_are_kept_as_such_and_warned_of(self):
        import base64
        body = b'{"success":true,"total":1,"at":"x","result":[{"TRDR":"1","NAME":"a\xaab"}]}'
        with World() as w:
            w.sim.reply(status=200, body_base64=base64.b64encode(body).decode())
            result = w.run(CUSTOMERS)
            self.check_counts(result, created=1)
            self.assertEqual(w.rows()[0]["name"], "a\ufffdb")
            self.assertIn("U+FFFD", " ".join(result.json["warnings"]))


class Windows(Test):
    def test_an_empty_window_is_a_success_that_writes_nothing(self):
        for body in ('"total":0,"result":[]', '"total":0', '"total":0,"result":null'):
            with self.subTest(body), World() as w:
                w.sim.reply(status=200, body='{"success":true,"at":"2026-02-10 09:20:03",'
                                             '"window_start":"2026-02-10 09:10:03",%s}' % body)
                result = w.run(CUSTOMERS)
                self.assertEqual(result.code, 0, result)
                self.check_counts(result, status="success", total=0, processed=0)
                self.assertTrue(result.json["message"])

    def run_twice(self, first_window, second_window, elapsed, **world):
        """Two runs; the first is made to look `elapsed` seconds old."""
        w = World(**world)
        w.sim.records("customers", [])
        for window, at in ((first_window, "09:20:03"), (second_window, "10:20:03")):
            w.sim.reply(status=200, body=json.dumps({"success": True, "at": "2026-02-10 " + at, "total": 0,
                                                     "window_start": "2026-02-10 " + window, "result": []}))
            result = w.run(CUSTOMERS)
            w.execute(f"UPDATE sluice_cursors SET reply_at = reply_at - {elapsed * 1000000}")
        self.addCleanup(w.close)
        return result

    def test_a_window_that_joins_the_last_one_has_no_gap(self):
        result = self.run_twice("09:10:03", "10:10:03", 600)
        self.assertEqual(result.json["stats"]["gap_seconds"], 0)

    def test_a_gap_between_windows_names_the_interval(self):
        result = self.run_twice("09:10:03", "10:10:03", 3600)
        self.assertAlmostEqual(result.json["stats"]["gap_seconds"], 3000, delta=5)
        warning = " ".join(result.json["warnings"])
        self.assertIn("2026-02-10 09:20:03", warning)
        self.assertIn("2026-02-10 10:10:03", warning)
        self.assertEqual(result.code, 0)

    def test_a_gap_within_the_tolerance_is_only_a_figure(self):
        result = self.run_twice("09:10:03", "10:10:03", 620)
        self.assertAlmostEqual(result.json["stats"]["gap_seconds"], 20, delta=5)
        self.assertNotIn("gap", " ".join(result.json["warnings"]))

    def test_a_length_that_jumps_is_a_clock_change_and_the_last_good_one_stands(self):
        result = self.run_twice("09:10:03", "09:10:03", 640)  # 70 minutes instead of 10
        self.assertAlmostEqual(result.json["stats"]["gap_seconds"], 40, delta=5)

    def test_a_gap_can_ask_for_a_full_run(self):
        path = "/s1services/JS/webservice.customers/getAllCustomers"
        with World("--customers", "5", job='on_gap = "full";', settings={"customers_full_path": path}) as w:
            w.run(CUSTOMERS)
            w.run(CUSTOMERS)
            w.execute("UPDATE sluice_cursors SET reply_at = reply_at - 7200000000")
            window, full = w.run(CUSTOMERS).objects
            self.assertGreater(window["stats"]["gap_seconds"], 6000)
            self.assertEqual((full["mode"], full["total"]), ("full", 5))
            self.assertEqual(w.sim.requests()[-1]["path"], path)

    def test_the_first_run_says_that_older_records_will_not_come(self):
        with World() as w:
            first, second = w.run(CUSTOMERS), w.run(CUSTOMERS)
            self.assertIn("older records", " ".join(first.json["warnings"]))
            self.assertEqual(second.json["warnings"], [])
            self.assertEqual(first.json["mode"], "incremental")

    def test_a_full_path_is_used_by_the_first_run_and_by_full_ones(self):
        path = "/s1services/JS/webservice.customers/getAllCustomers"
        with World(settings={"customers_full_path": path}) as w:
            results = [w.run(CUSTOMERS), w.run(CUSTOMERS), w.run(CUSTOMERS, "--full")]
            self.assertEqual([r["path"] for r in w.sim.requests()],
                             [path, "/s1services/JS/webservice.customers/getCustomers", path])
            self.assertEqual([r.json["mode"] for r in results], ["full", "incremental", "full"])

    def test_suppliers_are_asked_their_own_way(self):
        path = "/s1services/JS/webservice.customers/getCustomers"
        with World(settings={"suppliers_full_path": path}) as w:
            w.run(SUPPLIERS)
            w.run(SUPPLIERS)
            full, window = (json.loads(r["body"]) for r in w.sim.requests())
            self.assertEqual(full["sodtype"], 12)
            self.assertNotIn("sodtype", window)

    def test_a_failed_run_leaves_the_cursor_for_the_next(self):
        with World() as w:
            w.sim.records("customers", [partner("1")])
            w.run(CUSTOMERS)
            before = w.query("SELECT * FROM sluice_cursors")
            w.sim.reply(status=200, body="<html>")
            self.assertEqual(w.run(CUSTOMERS).code, 1)
            self.assertEqual(w.query("SELECT * FROM sluice_cursors"), before)


if __name__ == "__main__":
    unittest.main()
