"""Confines a process, then lets a runner loose on input that nobody trusts.

Run as a script by an interpreter of its own (`python jail.py FD RUNNER`), with the standard library
only: nothing of Escalera is loaded here, so nothing of it can be reached from inside. The input
comes as JSON on standard input and the result goes, as JSON lines, to the file descriptor FD:
first the measures that hold, and last what `run(data)` of the runner returned, with the token of
the input. Whoever dies in between has not answered.

Measures, in the order in which they are taken (all on Linux, limits on any Unix):

- limits of processor time, file size, open files and core dumps;
- a limit of memory (of the address space), which macOS does not keep;
- namespaces of its own for users, network, mounts and IPC, with a scratch folder of bounded size;
- Landlock: reads of the standard library and the system's libraries, writes in the scratch folder;
- no capabilities, and no way to new ones;
- seccomp: no sockets, no new processes or programs, no signals or traces to others, no io_uring.

`man 7 landlock`, `man 2 seccomp`, `man 7 user_namespaces`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import resource
import runpy
import stat
import struct
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any


def main(arguments: list[str]) -> None:
    """Confine this process and run the runner; or say which measures hold here."""
    if arguments == ["--measures"]:
        held = confine(Path.cwd(), {"seconds": 5, "memory": 1 << 29, "file": 1 << 20, "paths": []})
        sys.stdout.write(json.dumps(held) + "\n")
        return
    descriptor, runner = arguments
    given = json.load(sys.stdin)
    run = runpy.run_path(runner)["run"]
    with open(int(descriptor), "w", encoding="utf-8") as result:  # noqa: PTH123  a descriptor
        held = confine(Path.cwd(), given["limits"])
        result.write(json.dumps({"held": held}) + "\n")
        result.flush()
        if not set(given["needs"]) <= set(held):
            return
        done = run(given["data"])
        result.write(json.dumps({"token": given["token"], "done": done}) + "\n")
        result.flush()
    os._exit(0)  # threads that were left behind end here


def confine(scratch: Path, limits: Mapping[str, Any]) -> list[str]:
    """Take every measure that this machine has; the names of those that hold."""
    _limit(limits)
    held = ["limits"]
    if _attempt(lambda: _most("RLIMIT_AS", limits["memory"])):
        held.append("memory")
    if sys.platform != "linux":
        _most("RLIMIT_NPROC", 0)
        return held
    _prctl(_SET_PDEATHSIG, 9)
    if _attempt(lambda: _namespaces(scratch, limits["file"])):
        held.append("namespaces")
    os.chdir(scratch)
    _prctl(_SET_NO_NEW_PRIVS, 1)
    if _attempt(lambda: _landlock(scratch, limits["paths"])):
        held.append("landlock")
    _drop_capabilities()
    if _attempt(_seccomp):
        held.append("seccomp")
    else:
        _most("RLIMIT_NPROC", 0)  # neither processes nor threads; root is not bound by it
    return held


# Below: private.

_LIBC = ctypes.CDLL(None, use_errno=True)
_SET_PDEATHSIG, _SET_SECCOMP, _SET_NO_NEW_PRIVS = 1, 22, 38


def _attempt(measure: Callable[[], None]) -> bool:
    """Whether a measure could be taken: kernels, containers and policies differ."""
    try:
        measure()
    except OSError:
        return False
    return True


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _prctl(option: int, *values: Any) -> None:
    given = [*values, *[0] * (4 - len(values))]
    pointers = [n if isinstance(n, ctypes.c_void_p) else ctypes.c_ulong(n) for n in given]
    _checked(_LIBC.prctl(option, *pointers))


def _limit(limits: Mapping[str, Any]) -> None:
    seconds = int(limits["seconds"])
    _most("RLIMIT_CPU", seconds, seconds + 1)
    _most("RLIMIT_FSIZE", limits["file"])
    _most("RLIMIT_NOFILE", 64)
    _most("RLIMIT_CORE", 0)


def _most(name: str, soft: int, hard: int | None = None) -> None:
    """Lower a limit, never raise it. Raises OSError where the system does not take it."""
    kind = getattr(resource, name)
    before = resource.getrlimit(kind)[1]
    wanted = [soft, soft if hard is None else hard]
    if before != resource.RLIM_INFINITY:
        wanted = [min(value, before) for value in wanted]
    try:
        resource.setrlimit(kind, (wanted[0], wanted[1]))
    except ValueError as error:
        raise OSError(errno.EINVAL, f"{name}: {error}") from error


# Namespaces

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x40000000
_NOSUID, _NODEV, _NOEXEC = 2, 4, 8


def _namespaces(scratch: Path, size: int) -> None:
    user, group = os.getuid(), os.getgid()
    _checked(_LIBC.unshare(_NEWUSER | _NEWNET | _NEWNS | _NEWIPC | _NEWUTS))
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    options = f"size={4 * size},nr_inodes=1000,mode=0700".encode()
    flags = ctypes.c_ulong(_NOSUID | _NODEV | _NOEXEC)
    _checked(_LIBC.mount(b"scratch", bytes(scratch), b"tmpfs", flags, options))


# Landlock

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READ_FILE, _READ_DIR, _WRITE_FILE, _EXECUTE = 1 << 2, 1 << 3, 1 << 1, 1 << 0
_OF_FILES = _READ_FILE | _WRITE_FILE | _EXECUTE
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many rights to files a version of Landlock knows; later ones know 16."""


def _landlock(scratch: Path, paths: list[str]) -> None:
    version = _checked(_LIBC.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1))
    every = (1 << _RIGHTS.get(version, 16)) - 1
    attributes = struct.pack("=Q", every)
    if version >= 4:
        attributes += struct.pack("=Q", 3)  # neither bind nor connect by TCP
    if version >= 6:
        attributes += struct.pack("=Q", 3)  # no abstract sockets of others, no signals to them
    size = ctypes.c_size_t(len(attributes))
    rules = _checked(_LIBC.syscall(_CREATE_RULESET, attributes, size, 0))
    for path in [*_libraries(), *map(Path, paths)]:
        _allow(rules, path, _READ_FILE | _READ_DIR)
    for name in ("null", "zero", "urandom", "random"):
        _allow(rules, Path("/dev", name), _READ_FILE | (_WRITE_FILE if name == "null" else 0))
    _allow(rules, scratch, every & ~_EXECUTE)
    _checked(_LIBC.syscall(_RESTRICT_SELF, rules, 0))
    os.close(rules)


def _libraries() -> Iterator[Path]:
    """What the interpreter itself reads while it works."""
    yield from {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    folder, library = map(sysconfig.get_config_var, ("LIBDIR", "INSTSONAME"))
    if folder and library:
        yield Path(folder, library)
    yield from map(Path, ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo"))
    yield from map(Path, ("/etc/ld.so.cache", "/etc/localtime"))


def _allow(rules: int, path: Path, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there, or closed to this user, needs no permission
    if not stat.S_ISDIR(os.fstat(opened).st_mode):
        rights &= _OF_FILES
    rule = struct.pack("=Qi", rights, opened)
    _checked(_LIBC.syscall(_ADD_RULE, rules, 1, rule, 0))
    os.close(opened)


def _drop_capabilities() -> None:
    header = struct.pack("=Ii", 0x20080522, 0)
    _checked(_LIBC.capset(header, struct.pack("=6I", *[0] * 6)))


# Seccomp

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_THREAD = 0x10000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16

_DENIED: Mapping[str, tuple[int | None, int]] = {
    # name: its numbers on x86_64 and aarch64
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "bind": (49, 200),
    "listen": (50, 201), "accept4": (288, 242), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "execve": (59, 221), "execveat": (322, 281),
    "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "process_madvise": (440, 440), "kcmp": (312, 272),
    "setpriority": (141, 140), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122), "sched_setattr": (314, 274), "ioprio_set": (251, 30),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsmount": (432, 432),
    "mknodat": (259, 33), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "open_by_handle_at": (304, 265), "personality": (135, 92), "quotactl": (179, 60),
    "init_module": (175, 105), "finit_module": (313, 273), "kexec_load": (246, 104),
}  # fmt: skip
_DENIED_ON_X86 = (57, 58, 133)
"""fork, vfork and mknod, which other machines do not have."""
_CLONE, _CLONE3 = (56, 220), 435
_TO_ITSELF = {"tgkill": (234, 131), "prlimit64": (302, 261)}
"""Calls whose first argument is a process: allowed for this one (0 is this one, too)."""


def _seccomp() -> None:
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no list of system calls for {machine}")
    code = b"".join(_instructions(machine))
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("=H6xQ", len(code) // 8, ctypes.addressof(buffer))
    holder = ctypes.create_string_buffer(program, len(program))
    _prctl(_SET_SECCOMP, 2, ctypes.c_void_p(ctypes.addressof(holder)))


def _instructions(machine: str) -> Iterator[bytes]:
    """The filter, one rule after the other; each ends in a return or goes on with the next."""
    column = [*_ARCHITECTURES].index(machine)
    yield _op(_LOAD, _ARCHITECTURE)
    yield _op(_EQUAL, _ARCHITECTURES[machine], yes=1)
    yield _op(_RETURN, _KILL)
    yield _op(_LOAD, _NUMBER)
    if machine == "x86_64":
        yield from _when(_AT_LEAST, 0x40000000, [_op(_RETURN, _KILL)])  # the calls of x32
    denied = [number for numbers in _DENIED.values() if (number := numbers[column]) is not None]
    for number in [*denied, *(_DENIED_ON_X86 if machine == "x86_64" else ())]:
        yield from _when(_EQUAL, number, [_op(_RETURN, _ERRNO | errno.EPERM)])
    # glibc asks for threads by clone3 first, and falls back to clone where that is unknown.
    yield from _when(_EQUAL, _CLONE3, [_op(_RETURN, _ERRNO | errno.ENOSYS)])
    thread = [
        _op(_LOAD, _FIRST_ARGUMENT),
        _op(_ANY_BIT, _THREAD, no=1),
        _op(_RETURN, _ALLOW),
        _op(_RETURN, _ERRNO | errno.EPERM),
    ]
    yield from _when(_EQUAL, _CLONE[column], thread)
    for numbers in _TO_ITSELF.values():
        itself = [
            _op(_LOAD, _FIRST_ARGUMENT),
            _op(_EQUAL, 0, yes=2),
            _op(_EQUAL, os.getpid(), yes=1),
            _op(_RETURN, _ERRNO | errno.EPERM),
            _op(_RETURN, _ALLOW),
        ]
        yield from _when(_EQUAL, numbers[column], itself)
    yield _op(_RETURN, _ALLOW)


def _when(test: int, number: int, body: list[bytes]) -> Iterator[bytes]:
    """*body*, which returns, where the number of the call passes *test*."""
    yield _op(test, number, no=len(body))
    yield from body


def _op(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


if __name__ == "__main__":
    main(sys.argv[1:])
