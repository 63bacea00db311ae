"""A dry run says exactly what the run that follows does, and leaves nothing: random deliveries into a table that has
rules of its own.

SLUICE_DRY_CASES is how many deliveries (100), SLUICE_DRY_SEED repeats a series; the seed is printed when one fails.
"""
import random
import sys

from harness import *

CASES = int(os.environ.get("SLUICE_DRY_CASES", "100"))
SEED = int(os.environ.get("SLUICE_DRY_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)

# A table that was there before us: a check, a trigger, a foreign key, a unique code, rows of its own.
TABLE = f"""
CREATE TABLE towns (name TEXT PRIMARY KEY);
INSERT INTO towns VALUES ('Πάτρα'), ('Volos');
CREATE TABLE softone_customers (id {SERIAL} PRIMARY KEY, trdr BIGINT, code TEXT UNIQUE, afm TEXT,
    name TEXT CHECK (length(name) < 12), city TEXT REFERENCES towns (name), mine TEXT DEFAULT 'kept');
"""
TRIGGER = """
CREATE TRIGGER not_on_hold BEFORE UPDATE ON softone_customers WHEN old.mine = 'hold' AND new.mine = 'hold'
    BEGIN SELECT raise(ABORT, 'on hold'); END;
"""
TRIGGER_SERVER = """
CREATE FUNCTION refuse_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'on hold'; END $$;
CREATE TRIGGER not_on_hold BEFORE UPDATE ON softone_customers FOR EACH ROW
    WHEN (old.mine = 'hold' AND new.mine = 'hold') EXECUTE FUNCTION refuse_row();
"""
ROWS = """
INSERT INTO softone_customers (code, afm, name) VALUES ('OLD1', '100', 'old'), ('OLD2', '100', 'older'),
    ('OLD3', '101', 'oldest');
"""


class Deliveries:
    """Random lists of few customers, so that records meet each other and rows of earlier runs."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.last = []

    def choose(self, *values):
        return self.random.choice(values)

    def record(self):
        r = self.random
        record = {"TRDR": str(r.randrange(1, 15)), "CODE": f"C{r.randrange(1, 40)}", "NAME": r.choice("abcd") * 3,
                  "AFM": self.choose("", "0", "000000000", "100", "101", "102", "103", None)}
        if r.random() < 0.2:
            record["NAME"] = self.choose("a name that is too long", "", None, "Ωμέγα")
        if r.random() < 0.3:
            record["CITY"] = self.choose("Πάτρα", "Volos", "Athens", "Larisa", "", None)
        if r.random() < 0.1:
            record["TRDR"] = self.choose("", "x", None, 7, "99999999999999999999")
        if r.random() < 0.2:
            record["SOCURRENCY"] = self.choose("100", "EUR", "", 47)
        if r.random() < 0.3:
            record["ISPROSP"] = self.choose("0", "1", 1, None)
        if r.random() < 0.3:
            record["UPDDATE"] = self.choose("2026-02-10 09:12:44", "1899-12-30 00:00:00", "10/02/2026", "")
        for key in ("NAME", "AFM", "CODE"):
            if r.random() < 0.1:
                del record[key]
        return record

    def records(self):
        """New ones, or the last ones again, but for a few."""
        if self.last and self.random.random() < 0.4:
            self.last = [self.record() if self.random.random() < 0.1 else r for r in self.last]
        else:
            self.last = [self.record() for _ in range(self.choose(0, 1, 3, 10, 30))]
        return self.last

    def options(self):
        """What the next run is called with, the same for both."""
        options = []
        if self.random.random() < 0.2:
            options += ["--limit", str(self.random.randrange(1, 12))]
        if self.random.random() < 0.2:
            options.append("--full")
        return options

    def change(self):
        """What somebody else does to the store between two runs."""
        return self.choose("", "", "", "INSERT INTO towns VALUES ('Athens') ON CONFLICT DO NOTHING;",
                           "UPDATE softone_customers SET mine = 'hold' WHERE id % 5 = 0 AND mine <> 'hold';",
                           "UPDATE softone_customers SET mine = 'kept';",
                           "UPDATE softone_customers SET trdr = NULL WHERE id % 3 = 0 AND mine <> 'hold';",
                           "DELETE FROM softone_customers WHERE id % 4 = 0;",
                           "UPDATE sluice_rejects SET payload = replace(payload, 'EUR', '100');")


def told(result):
    """What two runs of the same must agree about."""
    run = dict(result.json)
    for key in ("run", "started_at", "timestamp", "duration_ms"):
        del run[key]
    run["stats"] = {k: v for k, v in run["stats"].items() if k != "gap_seconds"}
    return result.code, run


class DryRun(Test):
    def one(self, w, deliveries):
        records, options = deliveries.records(), deliveries.options()
        w.sim.records("customers", records)
        before, files = w.dump(), sorted(os.listdir(w.dir))
        dry = w.run(CUSTOMERS, "--dry-run", *options)
        self.assertEqual(w.dump(), before, "a dry run changed the store")
        self.assertEqual(sorted(os.listdir(w.dir)), files)
        wet = w.run(CUSTOMERS, *options)
        self.assertEqual(told(dry), told(wet), records)
        self.assertIn(wet.code, (0, 2), wet)
        self.check_counts(wet)
        return wet.json

    def test_it_equals_the_run_that_follows(self):
        deliveries = Deliveries(SEED)
        sums = dict.fromkeys(COUNTERS, 0)
        with World(job=f"batch = {deliveries.choose(1, 3, 5000)};") as w:
            for case in range(CASES):
                if case % 25 == 0:  # a table that fills up knows no new records any more
                    w.forget()
                    w.execute(TABLE + (TRIGGER_SERVER if w.on_server else TRIGGER) + ROWS)
                    w.sim.records("customers", [])
                    w.run(CUSTOMERS)
                w.execute(deliveries.change())
                with self.subTest(seed=SEED, case=case):
                    run = self.one(w, deliveries)
                    sums = {k: sums[k] + run[k] for k in COUNTERS}
        print(f"{CASES} dry runs, seed {SEED}: " + ", ".join(f"{n} {k}" for k, n in sums.items()), file=sys.stderr)
        self.assertGreater(min(sums.values()), CASES // 10, "each outcome must occur")

    def test_of_a_store_that_is_not_there_nothing_is_made(self):
        with World("--customers", "30") as w:
            files = sorted(os.listdir(w.dir))
            dry = w.run(CUSTOMERS, "--dry-run", "--limit", "7")
            self.assertEqual(sorted(os.listdir(w.dir)), files)
            self.assertEqual(told(dry), told(w.run(CUSTOMERS, "--limit", "7")))

    def test_a_dry_run_that_fails_leaves_nothing_either(self):
        with World("--customers", "30") as w:
            w.run(CUSTOMERS)
            before = w.dump()
            w.sim.reply(status=403, body="no")
            dry = w.run(CUSTOMERS, "--dry-run")
            self.assertEqual((dry.code, dry.json["status"]), (77, "failed"), dry)
            self.assertEqual(w.dump(), before)

    def test_no_run_of_the_same_job_is_taken_over_or_hindered_by_one_that_ended(self):
        with World("--customers", "30") as w:
            for _ in range(2):
                self.check_counts(w.run(CUSTOMERS, "--dry-run"), created=30)
            self.check_counts(w.run(CUSTOMERS), created=30)


class Limit(Test):
    def test_it_counts_verdicts_whatever_they_are(self):
        with World() as w:
            w.sim.records("customers", [{"TRDR": "x"}, {"TRDR": "1", "NAME": "a"}, {"TRDR": "y"},
                                        {"TRDR": "2", "NAME": "b"}])
            self.check_counts(w.run(CUSTOMERS, "--limit", "3"), processed=3, created=1, errors=2)

    def test_at_and_around_the_end_of_a_batch_and_of_the_records(self):
        with World("--customers", "10", job="batch = 5;") as w:
            for limit in (1, 4, 5, 6, 9, 10, 11):
                with self.subTest(limit=limit):
                    result = w.run(CUSTOMERS, "--limit", str(limit))
                    self.assertEqual(result.code, 0, result)
                    self.check_counts(result, processed=min(limit, 10))
                    self.assertEqual(len(w.rows()), min(limit, 10))
                    self.assertEqual(w.query("SELECT * FROM sluice_cursors"), [])
                    self.assertEqual(result.json["message"] is not None and "limit" in result.json["message"],
                                     limit <= 10)

    def test_it_does_not_move_a_cursor_that_is_there(self):
        with World("--customers", "10") as w:
            w.run(CUSTOMERS)
            before = w.query("SELECT * FROM sluice_cursors")
            w.sim.advance(60)
            w.run(CUSTOMERS, "--limit", "3")
            self.assertEqual(w.query("SELECT * FROM sluice_cursors"), before)


if __name__ == "__main__":
    unittest.main()
