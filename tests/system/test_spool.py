"""Answers of 100 MB lie in a file that has no name: little memory, and a full disk loses nothing."""
import shutil

import private
from faulty import *


def setUpModule():
    private.enter()


def tree(pid):
    """A process and all it started."""
    pids = [pid]
    for p in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            pids += [int(c) for c in pathlib.Path(f"/proc/{p}/task/{p}/children").read_text().split()]
    return pids


class Spool(FaultTest):
    LARGE = ("--customers", "320000", "--prebuild")

    def test_100_mb_need_little_memory_in_each_process_and_leave_no_file(self):
        with Faulty(*self.LARGE, http='timeout = "60s";') as w:
            spool = w.dir / "spool"
            spool.mkdir()
            peaks, spooled = {}, 0
            process = w.start("run", "--json", CUSTOMERS, "--limit", "20000", env={"TMPDIR": str(spool)})
            while process.poll() is None:
                pids = tree(process.pid)
                for place, pid in enumerate(pids):
                    peaks[place] = max(peaks.get(place, 0), self.peak(pid))
                spooled = max(spooled, self.spooled(pids[-1], spool))
                time.sleep(0.005)
            result = Result(process.returncode, *process.communicate())
            self.assertEqual(result.code, 0, result)
            self.check_counts(result, processed=20000, created=20000, total=320000)
            self.assertGreater(spooled, 100_000_000)
            self.assertEqual(len(peaks), 3, "sluice run, the worker and the connector")
            if not SANITIZED:
                self.assertLessEqual(max(peaks.values()), 24 * 1024, f"KiB: {peaks}")
            self.assertEqual(os.listdir(spool), [])

    @staticmethod
    def peak(pid):
        """KiB that a process had at most; 0 when it is gone."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found = re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())
            return int(found.group(1)) if found else 0
        return 0

    @staticmethod
    def spooled(pid, directory):
        """Bytes of the open files of a process in `directory`."""
        total = 0
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    if os.readlink(fd).startswith(str(directory)):
                        total += fd.stat().st_size
        return total

    def test_no_room_for_it_is_said_and_nothing_is_lost(self):
        with Faulty(*self.LARGE, http='timeout = "60s";') as w:
            before = self.begin(w)
            w.sim.call("POST", "/_sim/reset")
            disk = w.dir / "disk"
            disk.mkdir()
            with private.small_disk(disk, "4m"):
                result = w.run(CUSTOMERS, env={"TMPDIR": str(disk)})
                self.assertEqual(os.listdir(disk), [])
                self.assertEqual(shutil.disk_usage(disk).used, 0)
            self.check_failed(w, before, result, 1, f"a large answer does not fit into {disk}: No space left on device",
                              1)
            result = w.run(CUSTOMERS, env={"TMPDIR": str(w.dir / "nowhere")})
            self.assertEqual(result.code, 1, result)
            self.assertIn(f"no file for a large answer in {w.dir}/nowhere: No such file or directory",
                          result.json["error"])
            w.sim.records("customers", partners(4, 4))
            self.check_right(w, w.run(CUSTOMERS))


if __name__ == "__main__":
    unittest.main()
