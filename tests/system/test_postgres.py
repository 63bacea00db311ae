"""A server that fails: cut connections, commits whose answer is lost, a killed server, locks, a disk that is full."""
import socket
import threading

from harness import *
from test_derive import ANNA, ORDERS, SALES, Shop, orders
import postgres
from postgres import Server, psql


class Proxy:
    """Stands between sluice and the server's socket. cut(when): "before" or "after" a COMMIT reaches the server, both
    sides are closed and the answer is lost; as often as `times` says, from the `nth` COMMIT on."""

    def __init__(self, server):
        self.path = str(server.dir / ".s.PGSQL.5432")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.when, self.nth, self.commits, self.cuts = None, 0, 0, 0
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def url(self, schema):
        return postgres.with_schema(f"postgresql://sluice@127.0.0.1:{self.port}/postgres", schema)

    def cut(self, when, nth):
        self.when, self.nth, self.commits, self.cuts = when, nth, 0, 0

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.path)
            except OSError:
                client.close()
                server.close()
                continue
            threading.Thread(target=self.relay, args=(client, server), daemon=True).start()

    def relay(self, client, server):
        lost = threading.Event()
        with client, server:
            back = threading.Thread(target=self.pump, args=(server, client, lost, False), daemon=True)
            back.start()
            self.pump(client, server, lost, True)
            back.join()

    def is_cut(self, data):
        if not self.when or b"Q\x00\x00\x00\x0bCOMMIT\x00" not in data:
            return False
        self.commits += 1
        return self.commits == self.nth

    def pump(self, source, sink, lost, from_client):
        try:
            while data := source.recv(65536):
                if from_client and self.is_cut(data):
                    self.cuts += 1
                    lost.set()
                    if self.when == "after":
                        sink.sendall(data)
                        continue  # the other direction ends it, once there is an answer
                    break
                if not from_client and lost.is_set():
                    break
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class ServerTest(Test):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.schemas = 0

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def schema(self):
        type(self).schemas += 1
        name = f"s{self.schemas}"
        psql(self.server.url(), f"CREATE SCHEMA {name}")
        return name

    def world(self, *options, **settings):
        return World(*options, store=self.server.url(self.schema()), **settings)

    def check_all_there(self, w, count):
        """The next run makes up for what was lost, and what the ledger says was created is there."""
        result = w.run(CUSTOMERS)
        self.check_counts(result, processed=count, updated=0, errors=0, status="success")
        (one,) = w.query("SELECT (SELECT sum(created) FROM sluice_runs) AS created, count(*) AS rows"
                         " FROM softone_customers")
        self.assertEqual((one["created"], one["rows"]), (count, count))
        self.assertEqual(w.running(), [])


class Commits(ServerTest):
    COUNT = 600  # in batches that are merged in bulk

    def through_proxy(self, when, nth):
        schema = self.schema()
        with Proxy(self.server) as proxy, World("--customers", str(self.COUNT), store=proxy.url(schema),
                                                job="batch = 200;") as w:
            proxy.cut(when, nth)
            result = w.run(CUSTOMERS)
            self.assertEqual(proxy.cuts, 1, result)
            proxy.cut(None, 0)
            yield w, result

    def test_a_commit_whose_answer_was_lost_counts_when_it_happened(self):
        for nth in range(4, 8):  # batches and the end; before them the schema, the run's row and the table
            with self.subTest(nth=nth):
                for w, result in self.through_proxy("after", nth):
                    self.check_counts(result, created=self.COUNT, status="success")
                    self.check_all_there(w, self.COUNT)

    def test_a_commit_that_never_arrived_is_lost_with_its_batch(self):
        for nth in range(4, 8):
            with self.subTest(nth=nth):
                for w, result in self.through_proxy("before", nth):
                    self.assertEqual(result.code, 69, result)
                    self.assertEqual(result.json["status"], "failed")
                    (one,) = w.query("SELECT (SELECT created FROM sluice_runs) AS created, count(*) AS rows"
                                     " FROM softone_customers")
                    self.assertEqual(one["created"], one["rows"])
                    self.assertEqual(result.json["created"], one["rows"])
                    self.check_all_there(w, self.COUNT)


class Ends(ServerTest):
    COUNT = 20000

    def hold(self, w):
        """A session that lets nobody write to the table."""
        holder = subprocess.Popen(["psql", "-X", "-q", "-d", w.store], stdin=subprocess.PIPE, text=True,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        holder.stdin.write("BEGIN; LOCK TABLE softone_customers IN SHARE MODE; SELECT 1;\n")
        holder.stdin.flush()
        wait_for(lambda: psql(w.store, "SELECT 1 FROM pg_locks WHERE mode = 'ShareLock' AND relation ="
                                       " 'softone_customers'::regclass AND granted"))
        return holder

    def start(self, w):
        """A run in the middle of a batch, and whom it waits for there."""
        w.run(CUSTOMERS, "--limit", "1")
        holder = self.hold(w)
        process = w.start("run", "--json", CUSTOMERS)
        wait_for(lambda: psql(w.store, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                                       " AND application_name = 'sluice'"))
        return process, holder

    def end(self, process):
        out, err = process.communicate(timeout=60)
        return Result(process.returncode, out, err)

    def test_a_session_that_is_ended_in_a_batch_fails_the_run_and_the_next_goes_on(self):
        with self.world("--customers", str(self.COUNT), job="batch = 1000;") as w:
            process, holder = self.start(w)
            psql(self.server.url(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                    " WHERE application_name = 'sluice'")
            result = self.end(process)
            holder.communicate("ROLLBACK;\n")
            self.assertEqual(result.code, 69, result)
            self.assertEqual(result.json["status"], "failed")
            self.assertIn("connection is lost", result.json["error"])
            self.check_all_there(w, self.COUNT)

    def test_a_server_that_is_killed_and_comes_back_has_lost_nothing(self):
        with Server("-c", "fsync=on") as server:
            psql(server.url(), "CREATE SCHEMA s")
            with World("--customers", str(self.COUNT), job="batch = 1000;", store=server.url("s")) as w:
                process, holder = self.start(w)
                server.stop("immediate")
                result = self.end(process)
                holder.communicate()
                self.assertEqual(result.code, 69, result)
                self.assertEqual(w.sluice("status").code, 69, "it is away")
                server.start()
                self.check_all_there(w, self.COUNT)

    def test_a_run_that_waits_for_a_lock_ends_at_once_when_it_is_told_to(self):
        with self.world("--customers", "10") as w:
            w.run(CUSTOMERS)
            holder = subprocess.Popen(["psql", "-X", "-q", "-d", w.store], stdin=subprocess.PIPE,
                                      stdout=subprocess.DEVNULL, text=True)
            holder.stdin.write("BEGIN; LOCK TABLE softone_customers; SELECT 1;\n")
            holder.stdin.flush()
            wait_for(lambda: psql(w.store, "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation ="
                                           " 'softone_customers'::regclass AND granted"))
            process = w.start("run", "--json", CUSTOMERS)
            wait_for(lambda: psql(w.store, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                                           " AND application_name = 'sluice'"))
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            result = self.end(process)
            self.assertLess(time.monotonic() - started, 8)
            self.assertEqual(result.code, 130, result)
            holder.communicate("ROLLBACK;\n")
            self.check_counts(w.run(CUSTOMERS), processed=10, skipped=10, status="success")

    def test_a_server_that_turns_read_only_is_69_and_says_so(self):
        with self.world("--customers", "10") as w:
            w.run(CUSTOMERS)
            psql(self.server.url(), "ALTER DATABASE postgres SET default_transaction_read_only TO on")
            try:
                result = w.run(CUSTOMERS)
                self.assertEqual(result.code, 69, result)
                self.assertIn("read-only", result.out + result.err)
                live = w.sluice("check", "--live")
                self.assertEqual(live.code, 69, live)
                self.assertIn("read-only", live.out)
            finally:
                psql(postgres.with_schema(self.server.url(), None) + "&options=-cdefault_transaction_read_only%3Doff",
                     "ALTER DATABASE postgres RESET default_transaction_read_only")
            self.assertEqual(w.run(CUSTOMERS).code, 0)

    def test_live_check_names_what_a_server_does_not_grant(self):
        with self.world() as w:
            self.assertEqual(w.sluice("check", "--live").code, 0)
            schema = psql(w.store, "SELECT current_schema").strip()
            psql(w.store, f"CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA {schema} TO clerk;"
                          " REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC")
            w.store = w.store.replace("sluice@", "clerk@")
            w.configure()
            live = w.sluice("check", "--live")
            self.assertEqual(live.code, 69, live)
            for word in ("temporary tables", f"GRANT CREATE ON SCHEMA {schema} TO clerk"):
                self.assertIn(word, live.out)

    def test_two_first_runs_at_the_same_moment_make_one_store(self):
        with self.world("--customers", "10") as w:
            processes = [w.start("run", "--json", job) for job in (CUSTOMERS, SUPPLIERS, CUSTOMERS)]
            codes = [self.end(p).code for p in processes]
            self.assertEqual(codes[1], 0)
            self.assertIn(sorted((codes[0], codes[2])), ([0, 0], [0, 3]), "one after the other, or one holds the job")


class Pooled(ServerTest):
    def test_streams_are_derived_and_rows_noted_as_gone_behind_a_pooler(self):
        with postgres.Pooler(self.server) as pooler, Shop(store=pooler.url()) as w:
            w.customers(ANNA)
            w.orders(*orders(1, 1000))
            r = w.run(SALES)
            self.assertEqual(r.code, 0, r)
            w.orders(*orders(1, 900))
            r = w.run(ORDERS, "--full")
            self.assertEqual((r.code, r.json["stats"]["gone"], len(w.gone())), (0, 100, 100), r)
            r = w.run(SALES)
            self.assertEqual(r.code, 0, r)
            self.assertEqual(w.sales(), [(1, "Anna", 900, "900.00")])

    def test_every_transaction_may_meet_another_session(self):
        with postgres.Pooler(self.server) as pooler, \
                World("--customers", "500", store=pooler.url(), job="batch = 150;") as w:  # as many are merged in bulk
            holders = [subprocess.Popen(["psql", "-X", "-q", "-d", pooler.url(), "-c", "SELECT pg_sleep(0.2)"],
                                        stdout=subprocess.DEVNULL) for _ in range(3)]  # so that there are three
            for holder in holders:
                holder.wait()
            self.check_counts(w.run(CUSTOMERS), created=500, status="success")
            w.sim.call("POST", "/_sim/touch", {"percent": 20, "seed": 3})
            dry = w.run(CUSTOMERS, "--dry-run")
            wet = w.run(CUSTOMERS)
            self.assertEqual([dry.json[k] for k in COUNTERS], [wet.json[k] for k in COUNTERS])
            self.assertGreater(wet.json["updated"], 0)
            w.refuse("softone_customers", "new.trdr = 2000000", "no")
            w.sim.records("customers", [{"TRDR": str(2000000 + i), "NAME": "n"} for i in range(200)])
            self.check_counts(w.run(CUSTOMERS), created=199, errors=1, status="partial")
            for _ in range(5):
                self.assertEqual(w.sluice("runs").code, 0)
            live = w.sluice("check", "--live")
            self.assertEqual(live.code, 0, live)
            self.assertEqual(psql(self.server.url(), "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle'"
                                                     " AND backend_type = 'client backend'").strip(), "1")


if __name__ == "__main__":
    unittest.main()
