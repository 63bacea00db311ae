"""Records that could not be stored: kept, retried, superseded, and holding the cursor back (contract A6.5 and A6.7),
with a source that has a cursor of its own and is a file (hostile/feed.c)."""
import datetime

from harness import *

HOSTILE = pathlib.Path(os.environ["SLUICE_HOSTILE"])
ORDERS = "feed.orders"
YESTERDAY = 25 * 3600


class Feed(World):
    """Orders with parents, of which those must be there."""

    def __init__(self, job="", stream="orders", parents=(1, 2)):
        self.stream, self.refuse_name, self.mark_every, self.batch = stream, "", 0, 5000
        super().__init__(sim=False, job=job)
        self.execute("CREATE TABLE parents (id BIGINT PRIMARY KEY);"
                     "CREATE TABLE orders (id BIGINT PRIMARY KEY, parent BIGINT REFERENCES parents (id), name TEXT)")
        self.add_parents(*parents)
        self.feed()

    def configure(self, **_):
        self.write("sluice.cfg", f"""
store = {{ url = "{self.store}"; }};
plugins = "{PLUGINS}";
{self.extra}
connectors = ( {{ name = "feed"; plugin = "{HOSTILE / 'feed.so'}";
  settings = {{ file = "{self.dir / 'feed'}"; refuse = "{self.refuse_name}"; mark_every = "{self.mark_every}"; }};
  jobs = ( {{ stream = "{self.stream}"; batch = {self.batch}; {self.job} }} ); }} );
""")

    def change(self, **settings):
        for name, value in settings.items():
            setattr(self, name, value)
        self.configure()

    def feed(self, *lines):
        """What the source has from now on: "AT ID PARENT NAME"."""
        self.write("feed", "".join(line + "\n" for line in lines))

    def add_parents(self, *ids):
        for i in ids:
            self.execute(f"INSERT INTO parents VALUES ({i})")

    def orders(self):
        return [(r["id"], r["name"]) for r in self.rows("orders")]

    def cursor(self):
        """Where the next run resumes; None without a cursor."""
        rows = self.query("SELECT cursor FROM sluice_cursors")
        return rows[0]["cursor"] if rows else None

    def rejects(self, *columns, condition="resolved_at IS NULL AND superseded_at IS NULL"):
        """The open ones."""
        rows = self.query(f"SELECT * FROM sluice_rejects WHERE {condition} ORDER BY id")
        return [tuple(r[c] for c in columns) for r in rows] if columns else rows

    def turn_back(self, seconds=YESTERDAY):
        """Let the time that passed since all that is stored be longer by that much."""
        for table, columns in (("sluice_rejects", ("rejected_at", "last_seen_at", "resolved_at", "superseded_at")),
                               ("sluice_cursors", ("updated_at",))):
            for row in self.query(f"SELECT DISTINCT {', '.join(columns)} FROM {table}"):
                for column, value in row.items():
                    if value:
                        self.execute(f"UPDATE {table} SET {column} = '{earlier(value, seconds)}'"
                                     f" WHERE {column} = '{value}'")

    def run_orders(self, *arguments):
        return self.run(f"feed.{self.stream}", *arguments)


def retries(run):
    return run["stats"]["retried"], run["stats"]["resolved"]


def earlier(stamp, seconds):
    moment = datetime.datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ") - datetime.timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds") + "Z"


class Hold(Test):
    def check_run(self, result, held=None, left_behind=None, **want):
        """Counters, and what the run says of the cursor."""
        self.check_counts(result, **want)
        stats = result.json["stats"]
        self.assertEqual((stats.get("held"), stats.get("left_behind")), (held, left_behind), result)
        told = [w for w in result.json["warnings"] if w.startswith("the cursor ")]
        self.assertEqual(len(told), (held is not None) + (left_behind is not None), result)
        if held:
            self.assertRegex(told[0], f"^the cursor is held back: {held} rejected record.* until 20..-..-..T..:..:..Z")
        if left_behind:
            self.assertRegex(told[0], "^the cursor was held back since 20..-..-..T..:..:..Z.* left behind "
                                      f"{left_behind} rejected record.*sluice rejects {ORDERS}")
        return result.json

    def start(self, w):
        """Three orders are in, the last one without the parent that it names."""
        w.feed("10 1 1 a", "20 2 - b")
        self.check_run(w.run_orders(), created=2, status="success")
        self.assertEqual(w.cursor(), "20")
        w.feed("10 1 1 a", "20 2 - b", "30 3 2 c", "40 4 9 d")
        self.check_run(w.run_orders(), held=1, created=1, errors=1, status="partial")
        self.assertEqual((w.cursor(), w.orders()), ("20", [(1, "a"), (2, "b"), (3, "c")]), "data yes, cursor no")

    def test_the_records_behind_a_held_cursor_come_again_until_the_reject_is_stored(self):
        with Feed() as w:
            self.start(w)
            w.feed("10 1 1 a", "20 2 - b", "30 3 2 c", "40 4 9 d", "50 5 - e")
            run = self.check_run(w.run_orders(), held=1, created=1, skipped=1, errors=1, status="partial")
            self.assertEqual((run["stats"]["from"], w.cursor()), (20, "20"))
            w.add_parents(9)
            run = self.check_run(w.run_orders(), skipped=3, errors=0, status="success")
            self.assertEqual((run["stats"]["from"], run["stats"]["retried"], run["stats"]["resolved"]), (20, 1, 1))
            self.assertEqual((w.cursor(), w.rejects()), ("50", []))
            run = self.check_run(w.run_orders(), processed=0)
            self.assertEqual(run["stats"]["from"], 50)

    def test_after_hold_the_cursor_moves_once_and_says_what_it_left_behind(self):
        with Feed() as w:
            self.start(w)
            w.turn_back()
            self.check_run(w.run_orders(), left_behind=1, errors=1, status="partial")
            self.assertEqual(w.cursor(), "40")
            run = self.check_run(w.run_orders(), processed=0, status="success")
            self.assertEqual((run["stats"]["retried"], run["stats"]["resolved"]), (1, 0))
            w.feed("60 6 8 f")  # one more, while that one is still open: it holds for itself
            self.check_run(w.run_orders(), held=1, errors=1)
            self.assertEqual(w.cursor(), "40")
            w.add_parents(8, 9)
            run = self.check_run(w.run_orders(), skipped=1, status="success")
            self.assertEqual((run["stats"]["resolved"], w.cursor(), w.rejects()), (2, "60", []))

    def test_rejects_that_come_and_go_in_turns_do_not_hold_it_for_ever(self):
        with Feed() as w:
            self.start(w)
            w.turn_back(YESTERDAY // 2)
            w.feed("40 4 9 d", "50 5 8 e")
            self.check_run(w.run_orders(), held=2, errors=2)
            w.add_parents(9)
            self.check_run(w.run_orders(), held=1, skipped=1, errors=1)
            w.turn_back(YESTERDAY // 2)
            self.check_run(w.run_orders(), left_behind=1, skipped=1, errors=1)
            self.assertEqual(w.cursor(), "50")

    def test_the_job_says_for_how_long(self):
        for hold, passed, held in (("0s", 0, False), ("10m", 590, True), ("10m", 601, False), ("2d", YESTERDAY, True)):
            with self.subTest(hold=hold, passed=passed), Feed(job=f'hold = "{hold}";') as w:
                w.feed("40 4 9 d")
                w.run_orders()
                w.turn_back(passed)
                result = w.run_orders()
                self.check_run(result, held=1 if held else None, left_behind=1 if passed == 601 else None)
                self.assertEqual(w.cursor(), None if held else "40")

    def test_a_purge_releases_it(self):
        with Feed() as w:
            self.start(w)
            self.assertEqual(w.sluice("rejects", "purge", ORDERS).code, 0)
            w.feed("30 3 2 c")
            self.check_run(w.run_orders(), skipped=1, status="success")
            self.assertEqual(w.cursor(), "30")

    def test_a_retry_by_hand_or_a_better_record_releases_it(self):
        with Feed() as w:
            self.start(w)
            w.add_parents(9)
            self.assertEqual(w.sluice("rejects", "retry", ORDERS).code, 0)
            self.assertEqual((w.cursor(), w.rejects()), ("20", []))
            self.check_run(w.run_orders(), skipped=2)
            self.assertEqual(w.cursor(), "40")
            w.feed("50 5 7 e")
            self.check_run(w.run_orders(), held=1, errors=1)
            w.feed("60 5 1 e")
            self.check_run(w.run_orders(), created=1, errors=0, status="success")
            self.assertEqual((w.cursor(), len(w.rejects(condition="superseded_at IS NOT NULL"))), ("60", 1))

    def test_what_does_not_pass_by_itself_holds_nothing(self):
        with Feed() as w:
            w.refuse("orders", "new.id = 4", "no four here")
            w.change(refuse_name="x")
            w.feed("10 1 1 a", "20 4 1 d", "30 5 1 x")
            self.check_run(w.run_orders(), created=1, errors=2, status="partial")
            self.assertEqual(w.cursor(), "30")

    def test_a_reject_that_turns_into_one_that_does_not_pass_releases_it(self):
        with Feed() as w:
            self.start(w)
            w.add_parents(9)
            w.refuse("orders", "new.id = 4", "no four here")
            self.check_run(w.run_orders(), skipped=1, errors=1)
            ((reason, count, key),) = w.rejects("reason", "seen_count", "record_key")
            self.assertEqual((reason, count, key), ("trigger: no four here", 3, "4"), "read, retried, read again")
            self.assertEqual(w.cursor(), "40")

    def test_a_source_that_chooses_its_window_is_not_held(self):
        with Feed(stream="window") as w:
            w.feed("40 4 9 d")
            self.check_run(w.run_orders(), errors=1, status="partial")
            self.assertEqual(w.cursor(), "40")

    def test_a_full_run_is_held_too(self):
        with Feed() as w:
            w.feed("10 1 1 a", "40 4 9 d")
            self.assertEqual(self.check_run(w.run_orders(), held=1, created=1, errors=1)["mode"], "full")
            self.assertIsNone(w.cursor())
            w.add_parents(9)
            self.assertEqual(self.check_run(w.run_orders("--full"), skipped=2)["mode"], "full")
            self.assertEqual(w.cursor(), "40")

    def test_a_mark_in_the_middle_stays_before_the_reject(self):
        with Feed() as w:
            w.change(batch=4, mark_every=2)
            w.feed("10 1 1 a")
            w.run_orders()
            w.feed(*(f"{i}0 {i} {9 if i == 6 else '-'} n" for i in range(1, 10)), "fail")
            run = self.check_run(w.run_orders(), held=1, created=7, errors=1, status="failed")
            self.assertEqual((run["stats"]["from"], w.cursor()), (10, "50"))
            w.feed(*(f"{i}0 {i} {9 if i == 6 else '-'} n" for i in range(1, 10)))
            self.check_run(w.run_orders(), held=1, skipped=3, errors=1)
            self.assertEqual(w.cursor(), "50")
            w.turn_back()
            self.check_run(w.run_orders(), left_behind=1, skipped=3, errors=1)
            self.assertEqual(w.cursor(), "90")

    def test_a_dry_run_says_the_same_and_changes_nothing(self):
        with Feed() as w:
            self.start(w)
            before = w.dump()
            self.check_run(w.run_orders("--dry-run"), held=1, skipped=1, errors=1)
            self.assertEqual(w.dump(), before)

    def test_a_cursor_that_is_set_by_hand_leaves_behind_what_was_rejected(self):
        with Feed() as w:
            self.start(w)
            self.assertEqual(w.sluice("cursor", "set", ORDERS, "40").code, 0)
            w.feed("50 5 - e")
            self.check_run(w.run_orders(), created=1, status="success")
            self.assertEqual((w.cursor(), len(w.rejects())), ("50", 1))


class Retries(Test):
    def test_a_mapping_reject_is_stored_after_the_setting_that_refused_it_is_changed(self):
        with Feed() as w:
            w.change(refuse_name="x")
            w.feed("10 1 1 x", "20 2 1 b")
            self.check_counts(w.run_orders(), created=1, errors=1, status="partial")
            self.assertEqual(w.rejects("record_key", "kind", "reason", "payload"),
                             [("1", "mapping", "name: it is refused", "10 1 1 x")])
            run = w.run_orders().json
            self.assertNotIn("retried", run["stats"], "it does not pass by itself")
            retried = w.sluice("rejects", "retry", ORDERS, "--json")
            self.assertEqual((retried.code, *retries(retried.json)), (2, 1, 0))
            w.change(refuse_name="y")
            retried = w.sluice("rejects", "retry", ORDERS, "--json")
            self.assertEqual((retried.code, *retries(retried.json)), (0, 1, 1))
            self.check_counts(retried, processed=0)
            self.assertEqual((w.orders(), w.rejects()), ([(1, "x"), (2, "b")], []))

    def test_a_store_reject_is_stored_after_the_constraint_is_dropped(self):
        with Feed() as w:
            w.refuse("orders", "new.id = 1", "no one here")
            w.feed("10 1 1 a", "20 2 1 b")
            self.check_counts(w.run_orders(), created=1, errors=1)
            self.assertNotIn("retried", w.run_orders().json["stats"], "it does not pass by itself")
            self.assertEqual(w.sluice("rejects", "retry", ORDERS).code, 2)
            w.refuse_no_more("orders")
            self.assertEqual(w.sluice("rejects", "retry", ORDERS).code, 0)
            self.assertEqual((w.orders(), w.rejects()), ([(1, "a"), (2, "b")], []))

    def test_a_retried_reject_that_the_next_one_refuses_stays_one_row(self):
        with Feed() as w:
            w.change(refuse_name="x")
            w.feed("10 1 9 x")
            w.run_orders()
            w.change(refuse_name="")
            self.assertEqual(w.sluice("rejects", "retry", ORDERS).code, 2)
            ((key, kind, reason, payload, count),) = w.rejects("record_key", "kind", "reason", "payload", "seen_count")
            self.assertEqual((key, kind, reason.split(":")[0], count), ("1", "store", "foreign-key", 2))
            self.assertEqual(json.loads(payload), {"id": 1, "parent": 9, "name": "x"})
            w.refuse("orders", "new.id = 1", "no one here")
            w.add_parents(9)
            run = w.run_orders().json
            self.assertEqual((run["stats"]["retried"], run["stats"]["resolved"], run["errors"]), (1, 0, 0))
            self.assertEqual(w.rejects("reason", "seen_count"), [("trigger: no one here", 3)])
            w.refuse_no_more("orders")
            self.assertEqual(w.sluice("rejects", "retry", ORDERS).code, 0)
            self.assertEqual((w.orders(), w.rejects()), ([(1, "x")], []))

    def test_a_retry_that_ends_as_before_changes_nothing_of_the_reject(self):
        with Feed(job='hold = "0s";') as w:
            w.feed("10 1 9 a")
            w.run_orders()
            before = w.rejects()
            for _ in range(2):
                run = w.run_orders().json
                self.assertEqual((run["status"], run["processed"], run["stats"]["retried"], run["stats"]["resolved"]),
                                 ("success", 0, 1, 0))
            self.assertEqual(w.rejects(), before)

    def test_the_same_record_rejected_again_is_one_row_with_the_newest_payload(self):
        with Feed() as w:
            w.feed("10 1 9 a")
            w.run_orders()
            for at, name, count in ((10, "a", 2), (20, "b", 3), (30, "b", 4)):
                w.feed(f"{at} 1 9 {name}")
                w.run_orders()
                ((payload, seen),) = w.rejects("payload", "seen_count")
                self.assertEqual((json.loads(payload)["name"], seen), (name, count))
            w.add_parents(9)
            w.feed()
            w.run_orders()
            self.assertEqual(w.orders(), [(1, "b")])

    def test_of_two_kept_versions_of_a_record_the_later_one_wins(self):
        for first, second in (("8", "9"), ("9", "8"), ("9", "9")):
            with self.subTest(first=first, second=second), Feed() as w:
                w.feed(f"10 1 {first} early", f"20 1 {second} late")
                self.check_counts(w.run_orders(), errors=2)
                self.assertEqual(len(w.rejects()), 2)
                w.feed()
                w.add_parents(9)
                w.run_orders()  # one of them passes, or both
                if first != second:
                    w.add_parents(8)
                    w.run_orders()
                self.assertEqual((w.orders(), w.rejects()), ([(1, "late")], []))

    def test_a_superseded_reject_is_never_retried(self):
        with Feed() as w:
            w.feed("10 1 9 old")
            w.run_orders()
            w.feed("20 1 1 new")
            self.check_counts(w.run_orders(), created=1)
            w.add_parents(9)
            run = w.run_orders().json
            self.assertNotIn("retried", run["stats"])
            self.assertEqual(w.sluice("rejects", "retry", ORDERS).code, 0)
            self.assertEqual(w.orders(), [(1, "new")])
            self.assertEqual([bool(r["superseded_at"]) for r in w.rejects(condition="1 = 1")], [True])

    def test_hundreds_are_retried_in_batches(self):
        with Feed() as w:
            count = 1300
            w.change(batch=100)
            w.feed(*(f"{i} {i} 9 n" for i in range(1, count + 1)))
            self.check_counts(w.run_orders(), errors=count)
            w.add_parents(9)
            w.feed()
            run = w.run_orders().json
            self.assertEqual((run["stats"]["retried"], run["stats"]["resolved"]), (count, count))
            self.assertEqual((len(w.orders()), w.rejects()), (count, []))
            (row,) = w.query("SELECT batch_no FROM sluice_runs ORDER BY started_at DESC, id DESC LIMIT 1")
            self.assertGreater(row["batch_no"], count // 100)


class Lists(Test):
    def put(self, w, count, size):
        """So many open rejects, each with a payload of so many letters."""
        numbers = f"generate_series(1, {count}) AS n" if w.on_server else \
            f"(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) SELECT n FROM c)"
        text = f"repeat('x', {size})" if w.on_server else f"printf('%.{size}c', 'x')"
        w.execute("INSERT INTO sluice_rejects (id, run_id, job, partition, record_key, reason, payload, kind, rejected_at,"
                  f" last_seen_at) SELECT 'r' || (100000 + n), '', '{ORDERS}', '', n, 'no', {text}, 'store',"
                  f" '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z' FROM {numbers}")

    def peak(self, w, *arguments):
        """Lines that a command prints, and the most memory it had, in MiB."""
        with w.start(*arguments, env={"ASAN_OPTIONS": "quarantine_size_mb=1"}) as process:
            lines = sum(text.count("\n") for text in iter(lambda: process.stdout.read(1 << 20), ""))
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual(process.returncode, 0)
        return lines, usage.ru_maxrss / 1024

    def test_a_long_list_is_printed_in_order_and_takes_no_more_memory_than_a_short_one(self):
        with Feed() as w:
            w.run_orders()
            self.put(w, 500, 10)
            (listed,) = w.sluice("rejects", "--json").objects
            self.assertEqual([r["key"] for r in listed["rejects"]], [str(n) for n in range(1, 501)])
            self.assertEqual([line.split()[1] for line in w.sluice("rejects").out.splitlines()],
                             ["KEY", *(r["key"] for r in listed["rejects"])])
            w.execute("DELETE FROM sluice_rejects")
            self.assertEqual(w.sluice("rejects", "--json").json, {"rejects": []})
            self.assertEqual(w.sluice("rejects").out, "No rejects\n")
            self.put(w, 200, 20000)
            few = [self.peak(w, "rejects", o) for o in ("--json", "-v")]
            w.execute("DELETE FROM sluice_rejects")
            self.put(w, 3000, 20000)
            many = [self.peak(w, "rejects", o) for o in ("--json", "-v")]
            self.assertEqual([lines for lines, _ in few + many], [1, 401, 1, 6001])
            for (_, before), (_, after) in zip(few, many):
                self.assertLess(after, before + 25, "of 60")


if __name__ == "__main__":
    unittest.main()
