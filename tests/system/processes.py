"""Processes of a test: found wherever they hide, so that a test can say that none was left over.

The test's process adopts every descendant that loses its parent, whatever group or session it moved to: what sluice
leaves behind becomes a child of the test.
"""
import ctypes
import os
import pathlib
import signal
import time

PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(pid):
    """Pids of the children of all threads of `pid`; none when it is gone."""
    found = []
    for task in tasks(pid):
        try:
            found += [int(p) for p in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def tasks(pid):
    try:
        return list(pathlib.Path(f"/proc/{pid}/task").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return []


def stat(pid):
    """Name and state letter of a process; None when it is gone."""
    try:
        name, rest = pathlib.Path(f"/proc/{pid}/stat").read_text().split("(", 1)[1].rsplit(")", 1)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return name, rest.split()[0]


def is_worker(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sluice\0worker\0")
    except (FileNotFoundError, ProcessLookupError):
        return False


def has_pending(pid):
    """Has a signal been sent to a process that it has not seen yet?"""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return any(int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd:", "ShdPnd:")))


def open_files(pid):
    """Paths of the files that a process has open."""
    found = []
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(os.readlink(fd))
        except FileNotFoundError:
            pass
    return found


def worker_of(command):
    """The worker that the process `command` has started; None while there is none."""
    return next((p for p in children(command) if is_worker(p)), None)


def connector_of(worker):
    """The connector child of a worker; None while there is none."""
    return next(iter(children(worker)), None) if worker else None


def leftovers(known=(), seconds=30):
    """What became ours, is not in `known` and does not end by itself within `seconds`: {pid: (name, state)}. It is ended
    then, so that it disturbs nobody else."""
    deadline = time.monotonic() + seconds
    while True:
        left = {}
        for pid in set(children(os.getpid())) - set(known):
            try:
                if os.waitpid(pid, os.WNOHANG)[0] == 0:
                    left[pid] = stat(pid)
            except ChildProcessError:
                pass  # somebody else's to wait for, and done
        if not left:
            return {}
        if time.monotonic() > deadline:
            for pid in left:
                kill(pid)
            return left
        time.sleep(0.005)


def kill(pid, number=signal.SIGKILL):
    """Send a signal; a process that is gone already is as good as killed."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def finish(process, seconds=60):
    """Wait for a Popen whose outputs are files: its exit code, and the most memory (bytes) that it or any process
    below it held."""
    deadline = time.monotonic() + seconds
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage.ru_maxrss * 1024
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise AssertionError(f"not done within {seconds} s")
        time.sleep(0.005)
