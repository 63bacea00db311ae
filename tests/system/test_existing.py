"""Tables that were there before sluice and belong to somebody else (contract A5): what does not fit is said before the
source is asked for anything, all of it, with the SQL that cures it; what fits is written to, and that is all."""
from harness import *
import postgres
from postgres import psql

JOB = 'manage = "check"; table = "partners";'
FEW = 'columns = { jobtypetrd = ""; socurrency = ""; irsdata = ""; phone01 = ""; district = ""; country = "";' \
      ' update = ""; address = ""; city = ""; zip = ""; sotitle = ""; code = ""; isactive = ""; };'
RECORDS = [{"TRDR": "1", "AFM": "el1", "NAME": "A"}, {"TRDR": "2", "AFM": "el2", "NAME": "B"}]


def good(on_server, afm="afm", name="name"):
    """A table that fits, with the index that look-ups by the tax id use."""
    trimmed = rf"btrim({afm}, E' \t\n\x0B\f\r')" if on_server else f"trim({afm}, char(9, 10, 11, 12, 13, 32))"
    return (f"CREATE TABLE partners (trdr BIGINT PRIMARY KEY, {afm} TEXT, {name} TEXT);"
            f" CREATE INDEX p ON partners ({trimmed})")


GOOD = good(True)


def partners(job=JOB + FEW, **options):
    w = World(job=job, **options)
    w.sim.records("customers", RECORDS)
    return w


def sql_of(result):
    """The SQL that a refused run tells."""
    (text,) = [w for w in result.json["warnings"] if w.startswith("SQL that makes table ")]
    return text.split("fit:", 1)[1]


class ExistingTest(Test):
    def check_refused(self, w, *words):
        """A run says all of these, and so does a live check; the source of the run was asked for nothing."""
        w.sim.call("DELETE", "/_sim/requests")
        result = w.run(CUSTOMERS)
        self.assertEqual(result.code, 78, result)
        self.assertEqual(w.sim.requests(), [], "it was asked")
        live = w.sluice("check", "--live")
        self.assertEqual(live.code, 78, live)
        for word in words:
            self.assertIn(word, result.json["error"])
            self.assertIn(word, live.out)
        for line in sql_of(result).strip().splitlines():
            self.assertIn(line, live.out)
        return result

    def fits(self, w, **want):
        result = w.run(CUSTOMERS)
        self.check_counts(result, **{"status": "success", **want})
        return [text for text in result.json["warnings"] if "table" in text]


class Tables(ExistingTest):
    def test_all_that_does_not_fit_is_said_at_once_and_its_sql_cures_it(self):
        with partners() as w:
            w.execute("CREATE TABLE partners (x INTEGER, name INTEGER,"
                      " afm TEXT GENERATED ALWAYS AS ('') STORED)")
            result = self.check_refused(w, 'column "trdr" is missing', 'column "name" is of type ',
                                        'column "afm" is generated', 'no index serves match rule 1',
                                        'no index serves match rule 2')
            w.execute(sql_of(result))
            self.assertEqual(self.fits(w, created=2), [])
            self.assertEqual(self.fits(w, skipped=2), [])

    def test_a_column_that_nothing_fills_is_told_of(self):
        with partners() as w:
            w.execute(good(w.on_server) + "; ALTER TABLE partners ADD COLUMN filled TEXT NOT NULL DEFAULT 'x'")
            self.assertEqual(self.fits(w, created=2), [])
            w.execute("DROP TABLE partners; " + good(w.on_server).replace("name TEXT", "name TEXT, other TEXT NOT NULL"))
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 78, result)
            self.assertIn('column "other" is NOT NULL without a default, and nothing fills it', result.json["error"])

    def test_a_table_that_is_not_there_comes_with_the_sql_that_makes_it(self):
        with partners(JOB) as w:
            result = self.check_refused(w, "table partners is not there")
            self.assertFalse(w.has_table("partners"))
            w.execute(sql_of(result))
            self.assertEqual(self.fits(w, created=2), [])

    def test_a_view_is_refused(self):
        for manage in "check", "create":
            with self.subTest(manage=manage), partners(f'manage = "{manage}"; table = "partners";' + FEW) as w:
                w.execute("CREATE TABLE t (trdr BIGINT, afm TEXT, name TEXT); CREATE VIEW partners AS SELECT * FROM t")
                self.check_refused(w, "it is a view")

    def test_all_problems_are_told_however_many_they_are(self):
        with partners(JOB) as w:
            w.execute("CREATE TABLE partners (x INTEGER)")
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 78, result)
            self.assertEqual(sql_of(result).count("ADD COLUMN"), 16)
            w.execute(sql_of(result))
            self.fits(w, created=2)

    def definitions(self, w):
        lines = [line for line in w.dump() if line.startswith(("CREATE", "ALTER")) and "partners" in line]
        self.assertTrue(lines)
        return lines

    def test_nothing_but_rows_changes_in_a_table_that_is_only_checked(self):
        with partners() as w:
            w.execute(good(w.on_server) + "; ALTER TABLE partners ADD COLUMN updated_at TEXT")
            before = self.definitions(w)
            self.assertEqual(self.fits(w, created=2), [])
            self.assertEqual(self.definitions(w), before)
            rows = w.rows("partners", "trdr")
            self.assertEqual([sorted(r) for r in rows], [["afm", "name", "trdr", "updated_at"]] * 2)
            self.assertTrue(all(r["updated_at"] for r in rows), "it is there, so it is filled")

    def test_columns_are_renamed_and_left_out(self):
        with partners(JOB + FEW.replace("columns = {", 'columns = { name = "full name"; afm = "tax";')) as w:
            w.execute(good(w.on_server, "tax", '"full name"'))
            self.assertEqual(self.fits(w, created=2), [])
            self.assertEqual([tuple(r.values()) for r in w.rows("partners", "trdr")],
                             [(1, "el1", "A"), (2, "el2", "B")])
            self.assertEqual(self.fits(w, skipped=2), [])

    def test_a_table_of_others_gets_columns_and_no_index(self):
        with partners('table = "partners";') as w:
            w.execute("CREATE TABLE partners (trdr BIGINT, name TEXT)")
            (text,) = self.fits(w, created=2)
            self.assertIn("is slow to write to", text)
            for sql in ('CREATE UNIQUE INDEX "partners_match_1" ON "partners" ("trdr");',
                        'CREATE INDEX "partners_match_2" ON "partners" ('):
                self.assertIn(sql, text)
            self.assertIn("last_sync_at", w.rows("partners", "trdr")[0])
            self.assertEqual([line for line in w.dump() if line.startswith("CREATE") and "partners_match" in line], [])
            live = w.sluice("check", "--live")
            self.assertEqual(live.code, 0, "slow is no failure")
            self.assertIn("is slow to write to", live.out)
            w.execute(text.split("cures it:", 1)[1])
            self.assertEqual(self.fits(w, skipped=2), [])

    def test_its_own_table_has_one_row_for_each_identity(self):
        with partners("") as w:
            self.assertEqual(self.fits(w, created=2), [])
            columns = "trdr, name, isactive, created_at, updated_at, last_sync_at"
            insert = f"INSERT INTO softone_customers ({columns}) SELECT {columns} FROM softone_customers"
            self.assertRaisesRegex((RuntimeError, sqlite3.IntegrityError), "(?i)unique", w.execute, insert)

    def rewriting(self, w, column, value):
        """A trigger that stores `value` in the column, whatever is written."""
        if w.on_server:
            w.execute("CREATE FUNCTION rewrite() RETURNS trigger LANGUAGE plpgsql AS"
                      f" $$ BEGIN new.{column} = {value.replace('NEW.', 'new.')}; RETURN new; END $$;"
                      " CREATE TRIGGER rewrite BEFORE INSERT OR UPDATE ON partners"
                      " FOR EACH ROW EXECUTE FUNCTION rewrite()")
            return
        for event in "INSERT", f"UPDATE OF {column}":
            w.execute(f'CREATE TRIGGER "rewrite {event}" AFTER {event} ON partners BEGIN'
                      f" UPDATE partners SET {column} = {value} WHERE rowid = NEW.rowid; END")

    def test_a_trigger_that_rewrites_what_was_sent_is_warned_of_once_a_run(self):
        with partners() as w:
            w.execute(good(w.on_server))
            self.rewriting(w, "name", "NEW.name || '!'")
            for want in ({"created": 2}, {"updated": 2}):
                (text,) = self.fits(w, **want)
                self.assertIn('a trigger of table partners rewrites what the source sent in "name"', text)
            self.assertEqual([r["name"] for r in w.rows("partners", "trdr")], ["A!", "B!"])

    def test_a_trigger_that_rewrites_a_key_is_warned_of(self):
        with partners() as w:
            w.execute(good(w.on_server))
            self.rewriting(w, "trdr", "NEW.trdr + 1000")
            (text,) = self.fits(w, created=2)
            self.assertIn('rewrites what the source sent in "trdr": the row is not found again', text)

    def test_a_trigger_that_leaves_mapped_columns_alone_is_not_spoken_of(self):
        with partners() as w:
            w.execute(good(w.on_server) + "; ALTER TABLE partners ADD COLUMN search TEXT")
            self.rewriting(w, "search", "'x'")
            self.assertEqual(self.fits(w, created=2), [])
            self.assertEqual(self.fits(w, skipped=2), [])


class OnServer(ExistingTest):
    """What only a server has: schemas, roles and rights."""

    @classmethod
    def setUpClass(cls):
        cls.server = postgres.Server()
        cls.count = 0

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def clerk(self, job, rights="", table=GOOD):
        """A world whose store is opened by a role of its own, that owns the schema of sluice's tables but not `app`."""
        type(self).count += 1
        n = self.count
        psql(self.server.url(), f"DROP SCHEMA IF EXISTS app CASCADE; CREATE SCHEMA app; CREATE ROLE clerk{n} LOGIN;"
                                f"CREATE SCHEMA own{n} AUTHORIZATION clerk{n}; SET search_path TO app; {table};"
                                + rights.replace("clerk", f"clerk{n}"))
        url = postgres.with_schema(self.server.url(), f"own{n}").replace("sluice@", f"clerk{n}@")
        return partners(job, store=url), f"clerk{n}"

    def admin(self, sql):
        psql(postgres.with_schema(self.server.url(), "app"), sql)

    ALL = "GRANT USAGE ON SCHEMA app TO clerk; GRANT SELECT, INSERT, UPDATE ON partners TO clerk;"
    APP = 'manage = "check"; table = "app.partners";' + FEW

    def test_a_table_of_another_schema_is_written_to(self):
        w, _ = self.clerk(self.APP, self.ALL)
        with w:
            self.assertEqual(self.fits(w, created=2), [])
            self.assertEqual(self.fits(w, skipped=2), [])
            self.assertEqual(psql(self.server.url(), "SELECT count(*) FROM app.partners").strip(), "2")

    def test_rights_on_each_column_do(self):
        w, _ = self.clerk(self.APP, "GRANT USAGE ON SCHEMA app TO clerk; GRANT SELECT, INSERT (trdr, afm, name),"
                                    " UPDATE (trdr, afm, name) ON partners TO clerk")
        with w:
            self.assertEqual(self.fits(w, created=2), [])

    def test_a_schema_that_may_not_be_used_comes_with_its_grants(self):
        w, role = self.clerk(self.APP)
        with w:
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 78, result)
            grants = f'GRANT USAGE ON SCHEMA app TO {role}; GRANT SELECT, INSERT, UPDATE ON "app"."partners" TO {role};'
            self.assertIn(grants, result.json["error"])
            live = w.sluice("check", "--live")
            self.assertEqual(live.code, 78, live)
            self.assertIn(grants, live.out)
            self.admin(grants)
            self.assertEqual(self.fits(w, created=2), [])

    def test_rights_that_are_missing_come_with_their_grants(self):
        w, role = self.clerk(self.APP, "GRANT USAGE ON SCHEMA app TO clerk; GRANT SELECT ON partners TO clerk",
                             GOOD.replace("name TEXT", "name TEXT, n SERIAL"))
        with w:
            result = self.check_refused(w, f"role {role} may not INSERT, UPDATE",
                                        f"role {role} may not use the sequence that numbers its rows")
            self.assertIn(f'GRANT INSERT, UPDATE ON "app"."partners" TO "{role}";', sql_of(result))
            self.assertIn(f"GRANT USAGE ON SEQUENCE app.partners_n_seq TO {role};", sql_of(result))
            self.admin(sql_of(result))
            self.assertEqual(self.fits(w, created=2), [])

    def test_row_level_security_that_is_in_force_is_refused(self):
        w, role = self.clerk(self.APP, self.ALL + "ALTER TABLE partners ENABLE ROW LEVEL SECURITY")
        with w:
            result = self.check_refused(w, "row-level security is in force", f"hidden from role {role}")
            self.admin(sql_of(result))
            self.assertEqual(self.fits(w, created=2), [])

    def test_row_level_security_that_lets_everything_pass_is_none(self):
        w, role = self.clerk(self.APP, self.ALL + "ALTER TABLE partners ENABLE ROW LEVEL SECURITY")
        allow = "CREATE POLICY on_{0} ON partners AS PERMISSIVE FOR {0} TO {1} {2}"
        with w:
            for policy in (allow.format("SELECT", role, "USING (true)"),
                           allow.format("INSERT", "PUBLIC", "WITH CHECK (true)"),
                           allow.format("UPDATE", role, "USING (trdr > 0)"),
                           allow.format("ALL", "pg_monitor", "USING (true)"),  # another role's
                           "ALTER POLICY on_update ON partners USING (true) WITH CHECK (trdr > 0)"):
                self.admin(policy)
                self.check_refused(w, "row-level security is in force", f"hidden from role {role}")
            self.admin("ALTER POLICY on_update ON partners WITH CHECK (true)")
            self.assertEqual(self.fits(w, created=2), [])
            self.assertEqual(self.fits(w, skipped=2), [])
            self.admin("CREATE POLICY narrow ON partners AS RESTRICTIVE USING (trdr > 0)")
            self.check_refused(w, "row-level security is in force", f"hidden from role {role}")
            for name in ("narrow", "on_select", "on_insert", "on_update"):
                self.admin(f"DROP POLICY {name} ON partners")
            self.admin(f"CREATE POLICY whole ON partners TO {role} USING (true)")
            self.assertEqual(self.fits(w, skipped=2), [])

    def test_what_may_not_be_added_is_told_to_the_owner(self):
        w, _ = self.clerk('table = "app.partners";' + FEW.replace('code = "";', ""), self.ALL)
        with w:
            result = self.check_refused(w, 'column "code" is missing, and only the owner of the table can add it')
            self.admin(sql_of(result))
            self.assertEqual(self.fits(w, created=2), [])

    def test_columns_that_the_server_fills_itself_and_system_columns_are_cured_too(self):
        w, _ = self.clerk(self.APP, self.ALL, "CREATE TABLE partners (trdr BIGINT PRIMARY KEY GENERATED ALWAYS AS"
                          " IDENTITY, afm BYTEA, name TEXT GENERATED ALWAYS AS ('x') STORED, updated_at INTEGER,"
                          " last_sync_at DATE)")
        with w:
            result = self.check_refused(w, 'column "trdr" is generated', 'column "name" is generated',
                                        'column "afm" is of type bytea, which',
                                        'column "updated_at" is of type integer')
            self.assertNotIn("last_sync_at", result.json["error"])
            self.admin(sql_of(result))
            self.assertEqual(self.fits(w, created=2), [])
            self.assertEqual(self.fits(w, skipped=2), [])

    def test_a_column_that_a_trigger_fills_is_filled(self):
        fill = ("CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql"
                " AS $$ BEGIN new.other = 'x'; RETURN new; END $$;"
                "CREATE TRIGGER fill BEFORE INSERT ON partners FOR EACH ROW EXECUTE FUNCTION fill();")
        table = GOOD.replace("name TEXT", "name TEXT, other TEXT NOT NULL")
        w, _ = self.clerk(self.APP, self.ALL, table)
        with w:
            result = self.check_refused(w, 'column "other" is NOT NULL without a default, and nothing fills it')
            self.admin(fill)
            self.assertEqual(self.fits(w, created=2), [])
            self.admin("DROP TRIGGER fill ON partners; TRUNCATE partners;" + sql_of(result))
            self.assertEqual(self.fits(w, created=2), [])


if __name__ == "__main__":
    unittest.main()
