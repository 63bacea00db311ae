"""What a run promises whatever the source: exclusive, atomic, exactly counted, cleanly ended."""
import re
from harness import *

RUN_KEYS = ["job", "run", "mode", "status", "success", "total", "processed", "created", "updated", "skipped", "errors",
            "errorDetails", "window_start", "at", "message", "warnings", "stats", "started_at", "timestamp",
            "duration_ms", "partitions"]


def slow(w):
    """The source thinks for 30 seconds before it answers."""
    w.sim.reply(status=200, delay_ms=30000)


def wait_running(w):
    return wait_for(w.running)


def worker_pid(run):
    return int(re.search(r"/(\d+)\.\d+$", run["host"]).group(1))


def children(pid):
    return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Results(Test):
    def test_json_has_the_contracts_keys_in_one_line(self):
        with World() as w:
            result = w.run(CUSTOMERS)
            self.assertEqual(result.out.count("\n"), 1)
            self.assertEqual([k for k in result.json if k != "partition"], RUN_KEYS)
            self.assertRegex(result.json["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertRegex(result.json["run"], r"^[0-9A-Z]{26}$")

    def test_a_person_gets_one_line_for_each_job(self):
        with World("--customers", "3", "--suppliers", "2") as w:
            result = w.sluice("run", CUSTOMERS, SUPPLIERS)
            self.assertEqual(result.code, 0, result)
            self.assertRegex(result.out, r"^softone.customers: success: 3 processed: 3 created, 0 updated, 0 skipped, "
                                         r"0 errors \(\d+\.\d+ s\)\nsoftone.suppliers: success: 2 processed: ")

    def test_of_several_jobs_the_worst_exit_code_wins(self):
        with World() as w:
            w.sim.reply(status=403, body="no", path="getRecentSuppliers")
            result = w.run(CUSTOMERS, SUPPLIERS)
            self.assertEqual([o["status"] for o in result.objects], ["success", "failed"])
            self.assertEqual(result.code, 77, result)

    def test_a_job_named_twice_runs_once(self):
        with World() as w:
            self.assertEqual(len(w.run(CUSTOMERS, CUSTOMERS).objects), 1)

    def test_what_runs_before_a_job_runs_first(self):
        with World() as w:
            w.job = ""
            w.configure()
            text = (w.dir / "sluice.cfg").read_text()
            w.write("sluice.cfg", text.replace('stream = "customers";', 'stream = "customers"; after = [ "suppliers" ];'))
            self.assertEqual([o["job"] for o in w.run(CUSTOMERS).objects], [SUPPLIERS, CUSTOMERS])
            w.sim.reply(status=403, body="no", path="getRecentSuppliers")
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 77, result)
            self.assertIn("did not complete", result.objects[1]["error"])

    def test_an_unknown_job_names_the_nearest(self):
        with World() as w:
            result = w.run("softone.costumers")
            self.assertEqual(result.code, 66, result)
            self.assertIn("softone.customers", result.err)

    def test_usage_errors_are_64(self):
        with World() as w:
            for arguments in ([], [CUSTOMERS, "--frobnicate"], [CUSTOMERS, "--limit", "x"], [CUSTOMERS, "--limit", "0"],
                              [CUSTOMERS, "--limit"], [CUSTOMERS, "--partition", "p"]):
                with self.subTest(arguments):
                    self.assertEqual(w.run(*arguments).code, 64)

    def test_a_disabled_job_is_not_run(self):
        with World(job="enabled = false;") as w:
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 78, result)
            self.assertIn("not enabled", result.err)

    def test_the_ledger_keeps_what_the_result_said(self):
        with World("--customers", "10") as w:
            result = w.run(CUSTOMERS).json
            (row,) = w.query("SELECT * FROM sluice_runs")
            self.assertEqual({k: row[k] for k in COUNTERS}, {k: result[k] for k in COUNTERS})
            self.assertEqual((row["id"], row["status"], row["partition"], row["window_end"]),
                             (result["run"], "success", "", result["at"]))

    def test_more_errors_than_a_result_carries_are_counted(self):
        with World() as w:
            w.sim.records("customers", [{"TRDR": "x%d" % i} for i in range(150)])
            result = w.run(CUSTOMERS)
            self.check_counts(result, errors=150)
            self.assertEqual(len(result.json["errorDetails"]), 100)
            self.assertIn("50 more", " ".join(result.json["warnings"]))
            self.assertEqual(len(w.query("SELECT * FROM sluice_rejects")), 150)


class DryRun(Test):
    def test_it_counts_exactly_and_nothing_remains(self):
        with World("--customers", "500") as w:
            before = set(os.listdir(w.dir))
            dry = w.run(CUSTOMERS, "--dry-run").json
            self.assertEqual(set(os.listdir(w.dir)), before, "not even a database")
            wet = w.run(CUSTOMERS).json
            self.assertEqual([dry[k] for k in COUNTERS], [wet[k] for k in COUNTERS])

    def test_it_leaves_an_existing_database_as_it_was(self):
        with World("--customers", "500") as w:
            w.run(CUSTOMERS)
            w.sim.call("POST", "/_sim/touch", {"percent": 20, "seed": 3})
            before = w.dump()
            dry = w.run(CUSTOMERS, "--dry-run").json
            self.assertEqual(w.dump(), before)
            self.assertGreater(dry["updated"], 0)
            wet = w.run(CUSTOMERS).json
            self.assertEqual([dry[k] for k in COUNTERS], [wet[k] for k in COUNTERS])


class Limit(Test):
    def test_it_stops_after_so_many_records_and_moves_no_cursor(self):
        with World("--customers", "500") as w:
            result = w.run(CUSTOMERS, "--limit", "20")
            self.assertEqual(result.code, 0, result)
            self.check_counts(result, processed=20, created=20)
            self.assertEqual(w.query("SELECT * FROM sluice_cursors"), [])
            self.check_counts(w.run(CUSTOMERS), processed=500, created=480, skipped=20)


class Exclusive(Test):
    def test_a_second_run_of_a_job_is_3_and_names_the_holder(self):
        with World() as w:
            slow(w)
            first = w.start("run", CUSTOMERS)
            (run,) = wait_running(w)
            second = w.run(CUSTOMERS)
            self.assertEqual(second.code, 3, second)
            self.assertIn(run["id"], second.json["error"])
            self.assertIn("process %d" % worker_pid(run), second.json["error"])
            self.assertEqual(w.run(SUPPLIERS).code, 0, "another job is free")
            first.terminate()
            first.communicate(timeout=60)

    def test_a_run_that_cannot_start_ends_at_once(self):
        with World() as w:
            slow(w)
            first = w.start("run", CUSTOMERS)
            wait_running(w)
            began = time.monotonic()
            self.assertEqual(w.run(CUSTOMERS).code, 3)
            self.assertLess(time.monotonic() - began, 1 + BUSY, "the connector is not waited for")
            first.terminate()
            first.communicate(timeout=60)

    def test_a_run_whose_process_was_killed_is_crashed_and_taken_over(self):
        with World() as w:
            slow(w)
            first = w.start("run", CUSTOMERS)
            (run,) = wait_running(w)
            os.kill(worker_pid(run), signal.SIGSTOP)  # it would end as cancelled when the command dies
            first.kill()  # the command itself, so that nobody is there to close the row
            os.kill(worker_pid(run), signal.SIGKILL)
            first.communicate(timeout=60)
            wait_for(lambda: not alive(worker_pid(run)))
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 0, result)
            (old,) = w.query("SELECT * FROM sluice_runs WHERE id = ?", run["id"])
            self.assertEqual(old["status"], "crashed")
            self.assertIn("is gone", old["reason"])

    def test_a_killed_worker_is_told_as_crashed_with_the_signal(self):
        with World() as w:
            slow(w)
            process = w.start("run", "--json", CUSTOMERS)
            (run,) = wait_running(w)
            os.kill(worker_pid(run), signal.SIGKILL)
            out, err = process.communicate(timeout=60)
            result = Result(process.returncode, out, err)
            self.assertEqual(result.code, 1, result)
            self.assertEqual(result.json["status"], "crashed")
            self.assertIn("signal 9", result.json["error"])
            self.assertEqual(w.running(), [])

    def test_a_killed_connector_child_is_told_as_crashed_with_the_signal(self):
        with World() as w:
            slow(w)
            process = w.start("run", "--json", CUSTOMERS)
            (run,) = wait_running(w)
            (child,) = wait_for(lambda: children(worker_pid(run)))
            os.kill(child, signal.SIGKILL)
            out, err = process.communicate(timeout=60)
            result = Result(process.returncode, out, err)
            self.assertEqual((result.code, result.json["status"]), (1, "crashed"), result)
            self.assertIn("signal 9", result.json["error"])
            self.assertEqual(w.run(CUSTOMERS).code, 0)

    def test_a_run_that_was_taken_over_writes_nothing_more(self):
        with World("--customers", "2000", job="batch = 100;") as w:
            w.sim.reply(status=200, delay_ms=1500)
            process = w.start("run", "--json", CUSTOMERS)
            wait_for(lambda: w.sim.requests())  # its table is there by then
            w.execute("UPDATE sluice_runs SET status = 'crashed' WHERE status = 'running'")
            out, err = process.communicate(timeout=30)
            self.assertEqual(process.returncode, 1, out + err)
            self.assertIn("taken over", json.loads(out)["error"])
            self.assertEqual(w.rows(), [])


class Ending(Test):
    def stop(self, number):
        with World() as w:
            slow(w)
            process = w.start("run", "--json", CUSTOMERS)
            (run,) = wait_running(w)
            time.sleep(0.2)
            started = time.monotonic()
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
            self.assertLess(time.monotonic() - started, 1 + BUSY)
            self.assertEqual(process.returncode, 130, out + err)
            self.assertEqual(json.loads(out)["status"], "cancelled")
            self.assertEqual([r["status"] for r in w.query("SELECT status FROM sluice_runs")], ["cancelled"])
            self.assertFalse(alive(worker_pid(run)))

    def test_ctrl_c_ends_the_run_cleanly(self):
        self.stop(signal.SIGINT)

    def test_sigterm_ends_the_run_cleanly(self):
        self.stop(signal.SIGTERM)

    def test_a_deadline_ends_the_run_as_timeout(self):
        with World(job='deadline = "1s";') as w:
            slow(w)
            result = w.run(CUSTOMERS)
            self.assertEqual((result.code, result.json["status"]), (1, "timeout"), result)
            self.assertIn("deadline", result.json["error"])
            self.assertEqual(w.running(), [])

    def test_a_reader_that_goes_away_does_not_disturb_the_run(self):
        with World("--customers", "100") as w:
            process = w.start("run", CUSTOMERS)
            process.stdout.close()
            process.wait(timeout=60)
            process.stderr.close()
            self.assertEqual(w.query("SELECT status, created FROM sluice_runs"), [{"status": "success", "created": 100}])


class Rejects(Test):
    def test_a_record_that_the_database_refuses_is_rejected_alone_and_retried_after_a_cure(self):
        with World() as w:
            w.sim.records("customers", [])
            w.run(CUSTOMERS)
            w.refuse("softone_customers", "new.trdr = 2", "no two here")
            w.sim.records("customers", [{"TRDR": str(i), "NAME": "n", "CITY": "Πάτρα"} for i in (1, 2, 3)])
            result = w.run(CUSTOMERS)
            self.check_counts(result, created=2, errors=1, status="partial")
            self.assertEqual(result.json["errorDetails"], [{"key": "2", "reason": "trigger: no two here"}])
            (reject,) = w.query("SELECT * FROM sluice_rejects")
            self.assertEqual(json.loads(reject["payload"])["city"], "Πάτρα")
            w.refuse_no_more("softone_customers")
            retried = w.sluice("rejects", "retry", CUSTOMERS)
            self.assertEqual(retried.code, 0, retried)
            self.assertEqual([(r["trdr"], r["city"]) for r in w.rows(order="trdr")],
                             [(1, "Πάτρα"), (2, "Πάτρα"), (3, "Πάτρα")])
            (reject,) = w.query("SELECT * FROM sluice_rejects")
            self.assertTrue(reject["resolved_at"])
            self.assertEqual(w.sluice("rejects", "--json").code, 0)

    def test_a_mapping_reject_is_mapped_again(self):
        with World(settings={"timezone": "Europe/Athens"}) as w:
            w.sim.records("customers", [{"TRDR": "1", "NAME": "a", "SOCURRENCY": "EUR"}])
            self.assertEqual(w.run(CUSTOMERS).code, 2)
            self.assertEqual(w.sluice("rejects", "retry", CUSTOMERS).code, 2, "nothing was cured")
            (reject,) = w.query("SELECT * FROM sluice_rejects")
            self.assertEqual(reject["seen_count"], 2)
            w.execute("UPDATE sluice_rejects SET payload = replace(payload, 'EUR', '100')")
            self.assertEqual(w.sluice("rejects", "retry", CUSTOMERS).code, 0)
            self.assertEqual(w.rows()[0]["socurrency"], 100)

    def test_a_record_that_is_stored_later_supersedes_its_reject(self):
        with World() as w:
            w.sim.records("customers", [{"TRDR": "1", "NAME": "a", "SOCURRENCY": "EUR"}])
            w.run(CUSTOMERS)
            w.sim.records("customers", [{"TRDR": "1", "NAME": "a", "SOCURRENCY": "100"}])
            self.check_counts(w.run(CUSTOMERS), created=1)
            (reject,) = w.query("SELECT * FROM sluice_rejects")
            self.assertTrue(reject["superseded_at"])
            self.assertEqual(w.sluice("rejects", "retry", CUSTOMERS).code, 0)

    def test_foreign_key_rejects_are_retried_at_the_start_of_the_next_run(self):
        with World() as w:
            w.execute("CREATE TABLE countries (code TEXT PRIMARY KEY);"
                      f"CREATE TABLE softone_customers (id {SERIAL} PRIMARY KEY, trdr BIGINT UNIQUE, afm TEXT,"
                      " name TEXT, country TEXT REFERENCES countries (code))")
            w.sim.records("customers", [{"TRDR": "1", "NAME": "a", "COUNTRY": "1000"}])
            result = w.run(CUSTOMERS)
            self.check_counts(result, created=0, errors=1)
            self.assertTrue(result.json["errorDetails"][0]["reason"].startswith("foreign-key:"), result)
            w.execute("INSERT INTO countries VALUES ('1000')")
            w.sim.records("customers", [])
            result = w.run(CUSTOMERS)
            self.check_counts(result, processed=0)
            self.assertEqual((result.json["stats"]["retried"], result.json["stats"]["resolved"]), (1, 1))
            self.assertEqual(w.rows()[0]["country"], "1000")

    def test_purge_forgets(self):
        with World() as w:
            w.sim.records("customers", [{"TRDR": "x"}])
            w.run(CUSTOMERS)
            self.assertEqual(w.sluice("rejects", "purge", CUSTOMERS).code, 0)
            self.assertEqual(w.query("SELECT * FROM sluice_rejects"), [])


class Tables(Test):
    def test_missing_columns_are_added_and_nothing_is_dropped(self):
        with World() as w:
            w.execute(f"CREATE TABLE softone_customers (id {SERIAL} PRIMARY KEY, trdr BIGINT, mine TEXT DEFAULT 'kept')")
            w.sim.records("customers", [{"TRDR": "1", "NAME": "a"}])
            self.check_counts(w.run(CUSTOMERS), created=1)
            (row,) = w.rows()
            self.assertEqual((row["name"], row["mine"]), ("a", "kept"))

    def test_check_only_verifies_and_names_everything_at_once(self):
        with World(job='manage = "check";') as w:
            w.execute(f"CREATE TABLE softone_customers (id {SERIAL} PRIMARY KEY, trdr TEXT, must TEXT NOT NULL)")
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 78, result)
            for word in ('"afm" is missing', '"trdr" is of type ', '"must" is NOT NULL'):
                self.assertIn(word, result.json["error"])
            self.assertEqual(w.sim.requests(), [], "before any request")

    def test_a_newer_schema_is_refused(self):
        with World() as w:
            w.run(CUSTOMERS)
            w.execute("UPDATE sluice_meta SET value = '99' WHERE name = 'schema_version'")
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 78, result)
            self.assertIn("newer sluice", result.json["error"])

    def test_a_database_that_cannot_be_opened_is_69(self):
        with World() as w:
            text = (w.dir / "sluice.cfg").read_text()
            w.write("sluice.cfg", text.replace(w.store, "postgresql://127.0.0.1:1/x" if w.on_server else
                                                   "sqlite:no/such/directory/x.db"))
            result = w.run(CUSTOMERS)
            self.assertEqual(result.code, 69, result)

    def test_files_are_not_readable_by_everyone(self):
        with World() as w:
            w.run(CUSTOMERS)
            for file in w.dir.glob("sluice.db*"):
                self.assertEqual(file.stat().st_mode & 0o777, 0o640)
            self.assertEqual(w.database.exists(), not w.on_server)


if __name__ == "__main__":
    unittest.main()
