"""What happens to a real server: its disk is full, it is a replica, another program locks the same rows.

The disk is a small tmpfs with a tablespace on it, mounted where only that server sees it, so the server meets a real
ENOSPC. The replica streams from a primary. The locks are those of a second session.
"""
from harness import *
from postgres import Replica, Server, Session, SmallDisk, psql, waits, with_schema
from test_postgres import ServerTest


def partners(*names):
    """A record for each, numbered from 1; "" leaves the number out."""
    return [{"TRDR": str(i), "CODE": f"C{i}", "NAME": name} for i, name in enumerate(names, 1) if name]


class Disks(Test):
    ROWS = 2000

    @classmethod
    def setUpClass(cls):
        cls.server = SmallDisk("40m")

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def fill(self, url, spare_kb):
        """Leave so much of the small disk; empty() gives the rest back."""
        psql(url, f"""
            CREATE UNLOGGED TABLE filler (x TEXT) TABLESPACE small;
            ALTER TABLE filler ALTER x SET STORAGE PLAIN;
            CREATE UNLOGGED TABLE spare (LIKE filler INCLUDING STORAGE) TABLESPACE small;
            INSERT INTO spare SELECT repeat('x', 6000) FROM generate_series(1, {spare_kb // 8});
            DO $$ BEGIN
              FOR i IN 1..100000 LOOP INSERT INTO filler VALUES (repeat('x', 6000)); END LOOP;
            EXCEPTION WHEN disk_full THEN NULL; END $$;
            DROP TABLE spare""")

    def empty(self, url):
        psql(url, "DROP TABLE filler")

    def check_all_there(self, w):
        rows = w.rows()
        self.assertEqual(len({r["trdr"] for r in rows}), len(rows), "nothing twice")
        self.assertEqual(len(rows), self.ROWS)
        self.assertEqual(w.running(), [])

    def test_records_that_find_no_room_are_kept_and_stored_once_there_is_some(self):
        psql(self.server.url(), "CREATE SCHEMA part")
        with World("--customers", str(self.ROWS), store=self.server.url("part")) as w:
            w.sim.records("customers", [])
            w.run(CUSTOMERS)
            psql(w.store, "ALTER TABLE softone_customers SET TABLESPACE small")
            self.fill(w.store, 256)
            w.sim.records("customers", partners(*["n" * 300] * self.ROWS))
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 2, result)
            run = result.json
            self.check_counts(run, processed=self.ROWS, updated=0, skipped=0, status="partial")
            self.assertGreater(run["errors"], 0)
            self.assertRegex(run["errorDetails"][0]["reason"], "^disk: .*No space left on device")
            self.assertEqual(len(w.rows()), run["created"])
            self.assertEqual(w.query("SELECT count(*) AS n FROM sluice_rejects"), [{"n": run["errors"]}])
            self.empty(w.store)
            w.sim.records("customers", [])
            again = w.run(CUSTOMERS)
            self.check_counts(again, processed=0, errors=0, status="success")
            self.assertEqual((again.json["stats"]["retried"], again.json["stats"]["resolved"]), (run["errors"],) * 2)
            self.check_all_there(w)

    def test_a_disk_without_room_for_anything_fails_the_run_and_the_next_goes_on(self):
        psql(self.server.url(), "CREATE DATABASE crowded TABLESPACE small")
        with World(store=self.server.url(database="crowded"), job="batch = 100;") as w:
            w.sim.records("customers", [])
            w.run(CUSTOMERS)
            self.fill(w.store, 256)
            w.sim.records("customers", partners(*["n" * 300] * self.ROWS))
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 69, result)
            self.assertEqual(result.json["status"], "failed")
            self.assertIn("No space left on device", result.json["error"])
            self.assertEqual(len(w.rows()), result.json["created"], "whole batches, or none")
            self.empty(w.store)
            again = w.run(CUSTOMERS)
            self.check_counts(again, created=self.ROWS - result.json["created"], updated=0, errors=0, status="success")
            self.check_all_there(w)


class Replicas(Test):
    @classmethod
    def setUpClass(cls):
        cls.primary = Server()
        cls.replica = Replica(cls.primary)

    @classmethod
    def tearDownClass(cls):
        cls.replica.close()
        cls.primary.close()

    def group(self, *servers, **options):
        """The URL of a group of hosts."""
        hosts = ",".join(urllib.parse.quote(str(s.dir), safe="") for s in servers)
        return f"postgresql://sluice@/postgres?host={hosts}" + "".join(f"&{k}={v}" for k, v in options.items())

    def test_a_replica_is_read_but_not_written_to_and_of_a_group_the_primary_is_found(self):
        read_write = {"target_session_attrs": "read-write"}
        with World(store=self.group(self.primary)) as w:
            w.sim.records("customers", partners("a", "b"))
            self.check_counts(w.run(CUSTOMERS), created=2)
            self.replica.catch_up()
            for store, word in ((self.group(self.replica), "a replica, which cannot be written to: name the primary"),
                                (self.group(self.replica, **read_write), "session is read-only")):
                with self.subTest(store=store):
                    w.store = store
                    w.configure()
                    result = w.run(CUSTOMERS)
                    self.assertEqual(result.code, 69, result)
                    self.assertIn(word, result.err + result.out)
                    live = w.sluice("check", "--live")
                    self.assertEqual(live.code, 69, live)
                    self.assertIn(word, live.out)
            w.store = self.group(self.replica)
            w.configure()
            self.assertEqual(len(w.sluice("runs", "--json").objects[0]), 1, "what only reads needs no primary")
            for servers in ((self.replica, self.primary), (self.primary, self.replica)):
                for options in ({}, read_write):
                    with self.subTest(servers=servers, options=options):
                        w.store = self.group(*servers, **options)
                        w.configure()
                        self.check_counts(w.run(CUSTOMERS), skipped=2, status="success")
            self.replica.catch_up()
            self.primary.stop()
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 69, result)
            self.replica.promote()
            w.sim.records("customers", partners("a", "x", "c"))
            self.check_counts(w.run(CUSTOMERS), created=1, updated=1, skipped=1, status="success")
            w.store = self.replica.url()
            self.assertEqual([r["name"] for r in w.rows(order="trdr")], ["a", "x", "c"])
            self.assertEqual(w.running(), [])


class Quarrels(ServerTest):
    """Another session has locked rows that a run wants."""

    ALL = ("a", "b", "c")

    def world(self, *options):
        url = with_schema(self.server.url(), f"{self.schema()} " + " ".join(f"-c{o}" for o in options))
        w = World(store=url)
        w.sim.records("customers", partners(*self.ALL))
        return w

    def check_one_refused(self, w, result, reason):
        """All but record 2 were stored; it is kept, and stored by the next run, once."""
        self.assertEqual(result.code, 2, result)
        self.check_counts(result, processed=3, updated=2, errors=1, created=0, status="partial")
        (detail,) = result.json["errorDetails"]
        self.assertRegex(detail["reason"], reason)
        self.assertEqual(self.names(w), ["x", "b", "z"])
        w.sim.records("customers", [])
        again = w.run(CUSTOMERS)
        self.check_counts(again, processed=0, status="success")
        self.assertEqual((again.json["stats"]["retried"], again.json["stats"]["resolved"]), (1, 1))
        self.assertEqual(self.names(w), ["x", "y", "z"])

    def names(self, w):
        return [r["name"] for r in w.rows(order="trdr")]

    def end(self, process):
        out, err = process.communicate(timeout=60)
        return Result(process.returncode, out, err)

    def test_a_row_that_stays_locked_is_kept_for_the_next_run(self):
        with self.world("lock_timeout=300") as w, Session(w.store) as other:
            self.check_counts(w.run(CUSTOMERS), created=3)
            other.do("BEGIN; SELECT 1 FROM softone_customers WHERE trdr = 2 FOR UPDATE")
            w.sim.records("customers", partners("x", "y", "z"))
            result = w.run(CUSTOMERS)
            other.do("ROLLBACK")
            self.check_one_refused(w, result, "^lock: canceling statement due to lock timeout")

    def test_of_many_records_only_that_of_a_locked_row_is_kept(self):
        many = 1000
        with self.world("lock_timeout=300") as w, Session(w.store) as other:
            w.sim.records("customers", partners(*["a"] * many))
            self.check_counts(w.run(CUSTOMERS), created=many)
            other.do("BEGIN; SELECT 1 FROM softone_customers WHERE trdr = 700 FOR UPDATE")
            w.sim.records("customers", partners(*["b"] * many))
            result = w.run(CUSTOMERS)
            other.do("ROLLBACK")
            self.assertEqual(result.code, 2, result)
            self.check_counts(result, processed=many, updated=many - 1, errors=1, status="partial")
            self.assertEqual(result.json["errorDetails"][0]["key"], "700")
            self.assertEqual(w.query("SELECT trdr FROM softone_customers WHERE name = 'a'"), [{"trdr": 700}])
            again = w.run(CUSTOMERS)
            self.check_counts(again, processed=many, skipped=many, status="success")
            self.assertEqual((again.json["stats"]["retried"], again.json["stats"]["resolved"]), (1, 1))

    def test_of_a_deadlock_that_is_broken_up_only_one_record_suffers(self):
        with self.world("lock_timeout=60000", "deadlock_timeout=50") as w, Session(w.store) as gate, \
                Session(w.store) as other:
            self.check_counts(w.run(CUSTOMERS), created=3)
            psql(w.store, "CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                          " PERFORM pg_advisory_xact_lock(7); RETURN new; END $$;"
                          " CREATE TRIGGER gate BEFORE UPDATE ON softone_customers FOR EACH ROW WHEN (new.trdr = 3)"
                          " EXECUTE FUNCTION wait_at_gate()")
            gate.do("SELECT pg_advisory_lock(7)")
            other.do("SET deadlock_timeout TO '1h'; BEGIN; SELECT 1 FROM softone_customers WHERE trdr = 2 FOR UPDATE")
            one, two, three = partners("x", "y", "z")
            w.sim.records("customers", [one, three, two])
            run = w.start("run", "--json", CUSTOMERS)
            wait_for(lambda: waits(w.store), 20)  # at the gate, with row 1 locked
            other.send("SELECT 1 FROM softone_customers WHERE trdr = 1 FOR UPDATE;")
            wait_for(lambda: waits(w.store, "other"), 20)
            gate.do("SELECT pg_advisory_unlock(7)")
            result = self.end(run)
            other.do("ROLLBACK")
            self.check_one_refused(w, result, "^serialization: deadlock detected")

    def test_a_row_that_moves_to_another_partition_meanwhile_is_kept_for_the_next_run(self):
        with self.world("lock_timeout=60000") as w, Session(w.store) as other:
            psql(w.store, "CREATE TABLE softone_customers (trdr INT NOT NULL, code TEXT, name TEXT, part INT NOT NULL"
                          " DEFAULT 0) PARTITION BY LIST (part);"
                          "CREATE TABLE part_0 PARTITION OF softone_customers FOR VALUES IN (0);"
                          "CREATE TABLE part_1 PARTITION OF softone_customers FOR VALUES IN (1);"
                          "CREATE INDEX ON softone_customers (trdr)")
            self.check_counts(w.run(CUSTOMERS), created=3)
            other.do("BEGIN; UPDATE softone_customers SET part = 1 WHERE trdr = 2")
            w.sim.records("customers", partners("x", "y", "z"))
            run = w.start("run", "--json", CUSTOMERS)
            wait_for(lambda: waits(w.store), 20)
            other.do("COMMIT")
            self.check_one_refused(w, self.end(run), "^serialization: tuple to be locked was already moved")


if __name__ == "__main__":
    unittest.main()
