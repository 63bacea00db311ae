"""A network and mounts of a test program's own, so that it can have a name server that never answers, an address that
is not loopback, a disk of one megabyte, and so that no packet leaves the machine.

    def setUpModule():
        private.enter()

Needs root, or a system that lets users make namespaces; where neither holds, enter() says so and the tests fail.
"""
import contextlib
import ctypes
import fcntl
import os
import socket
import struct

NEWNS, NEWUSER, NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
SIOCSIFADDR, SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8916, 0x8913, 0x8914, 1

FOREIGN = "192.0.2.1"  # an address of this machine that is not loopback: what is sent there stays here all the same

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *arguments):
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _text(value):
    return value.encode() if value is not None else None


def _mount(source, target, kind, flags, data=None):
    _call("mount", _text(source), _text(str(target)), _text(kind), ctypes.c_ulong(flags), _text(data))


def _be_root():
    """Become root of a user namespace."""
    uid, gid = os.geteuid(), os.getegid()
    _call("unshare", NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open("/proc/self/" + name, "w", encoding="ascii") as file:
            file.write(text)


def _configure_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        flags = struct.unpack("16sh", fcntl.ioctl(s, SIOCGIFFLAGS, struct.pack("16sh", b"lo", 0)))[1]
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP))
        address = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(FOREIGN))
        fcntl.ioctl(s, SIOCSIFADDR, struct.pack("16s16s", b"lo:1", address))


def enter():
    """Move this process, and all it will start, into namespaces of their own."""
    try:
        if os.geteuid() != 0:
            _be_root()
        _call("unshare", NEWNS | NEWNET)
        _mount("none", "/", None, MS_REC | MS_PRIVATE)
        _configure_loopback()
    except OSError as error:
        raise RuntimeError("these tests need a network and mounts of their own: run them as root with CAP_SYS_ADMIN, "
                           f"or allow user namespaces ({error})") from error


@contextlib.contextmanager
def small_disk(target, size):
    """A file system of `size` ("1m") at the directory `target`."""
    _mount("tmpfs", target, "tmpfs", 0, f"size={size},mode=0700")
    try:
        yield
    finally:
        _call("umount2", _text(str(target)), MNT_DETACH)


@contextlib.contextmanager
def in_place_of(path, file):
    """`file` stands where `path` is."""
    _mount(str(file), path, None, MS_BIND)
    try:
        yield
    finally:
        _call("umount2", _text(path), MNT_DETACH)
