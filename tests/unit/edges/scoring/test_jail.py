"""What the jail is made of; that it holds is in test_sandbox."""

from __future__ import annotations

import ast
import errno
import struct
import sys
from pathlib import Path

import pytest

from escalera.edges.scoring import jail

PAIRS = [(machine, jail._ARCHITECTURES[machine]) for machine in jail._ARCHITECTURES]


def verdict(machine, number, *, architecture=None, first=0):
    """What the filter says of a call: the program is interpreted as the kernel does."""
    data = struct.pack("=iIQ6Q", number, architecture or dict(PAIRS)[machine], 0, first, *[0] * 5)
    code = [struct.unpack("=HBBI", op) for op in jail._instructions(machine)]
    place, value = 0, 0
    while True:
        operation, yes, no, constant = code[place]
        place += 1
        match operation:
            case jail._LOAD:
                value = struct.unpack_from("=I", data, constant)[0]
            case jail._RETURN:
                return constant
            case jail._EQUAL:
                place += yes if value == constant else no
            case jail._AT_LEAST:
                place += yes if value >= constant else no
            case jail._ANY_BIT:
                place += yes if value & constant else no


DENIED = jail._ERRNO | errno.EPERM


@pytest.mark.parametrize(("machine", "architecture"), PAIRS)
def test_the_filter_lets_work_pass_and_nothing_else_out(machine, architecture):
    """Reads and writes pass; sockets, programs, signals do not; other ABIs end the process."""
    column = [*jail._ARCHITECTURES].index(machine)
    for number in (0, 1, 3):  # on both machines nothing that is dangerous
        assert verdict(machine, number) == jail._ALLOW
    for numbers in jail._DENIED.values():
        assert verdict(machine, numbers[column]) == DENIED
    assert verdict(machine, 0, architecture=architecture ^ 1) == jail._KILL
    assert verdict(machine, jail._CLONE3) == jail._ERRNO | errno.ENOSYS


@pytest.mark.parametrize("machine", [*jail._ARCHITECTURES])
def test_threads_pass_and_processes_do_not(machine):
    """Both are made by clone: the flag tells them apart."""
    number = jail._CLONE[[*jail._ARCHITECTURES].index(machine)]
    assert verdict(machine, number, first=jail._THREAD | 0x100) == jail._ALLOW
    assert verdict(machine, number, first=0x1200011) == DENIED


@pytest.mark.parametrize("machine", [*jail._ARCHITECTURES])
def test_a_process_may_signal_itself_only(machine, monkeypatch):
    """As abort does; and set limits of its own only."""
    monkeypatch.setattr("os.getpid", lambda: 4711)
    column = [*jail._ARCHITECTURES].index(machine)
    for numbers in jail._TO_ITSELF.values():
        assert verdict(machine, numbers[column], first=4711) == jail._ALLOW
        assert verdict(machine, numbers[column], first=4712) == DENIED


def test_old_calls_of_x86_are_denied():
    """fork and vfork, and the second numbering that would go around the list."""
    for number in jail._DENIED_ON_X86:
        assert verdict("x86_64", number) == DENIED
    assert verdict("x86_64", 0x40000000) == jail._KILL


def test_it_needs_the_standard_library_only():
    """It is run without site packages, and nothing of Escalera is inside."""
    tree = ast.parse(Path(jail.__file__).read_text(encoding="utf-8"))
    names = {
        (alias.name if isinstance(node, ast.Import) else node.module or "").split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert names <= sys.stdlib_module_names
