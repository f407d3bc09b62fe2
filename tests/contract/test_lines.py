"""What every file of lines must do, and what the one on disk does besides."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from escalera.edges import lines as lines_of
from escalera.edges.lines import AppendedLines
from escalera.errors import LinesError
from escalera.ports import Lines
from escalera.testing.memory import MemoryLines


@pytest.fixture(params=["disk", "memory"])
def lines(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lines]:
    """Every implementation, empty."""
    made = AppendedLines(tmp_path / "labels.jsonl") if request.param == "disk" else MemoryLines()
    yield made
    made.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that is not there yet."""
    return tmp_path / "labels.jsonl"


def test_lines_come_back_in_order(lines: Lines) -> None:
    """As JSON in UTF-8, one per line, whatever is in them."""
    assert lines.read() == ()
    given = [{"n": 1}, {"text": "é\u2028 \r\n \n x", "none": None}, {"n": 2.5}]
    for line in given:
        lines.append(line)
    assert [json.loads(line) for line in lines.read()] == given


def test_what_is_no_json_is_refused_and_nothing_is_written(lines: Lines) -> None:
    """Not a number, and not a half line."""
    lines.append({"n": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        lines.append({"n": float("nan")})
    assert lines.read() == (b'{"n": 1}',)


def test_lines_are_on_disk_before_anyone_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole line is written when it is forced out, and the folder was when it was made."""
    forced: list[bytes | None] = []
    force = os.fsync

    def watched(handle: int) -> None:
        folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        forced.append(None if folder else file.read_bytes())
        force(handle)

    monkeypatch.setattr(os, "fsync", watched)
    with closing(AppendedLines(file)) as lines:
        lines.append({"n": 1})
        lines.append({"n": 2})
    assert forced == [None, b'{"n": 1}\n', b'{"n": 1}\n{"n": 2}\n']


def test_a_second_process_is_refused_until_the_first_lets_go(file: Path) -> None:
    """Two pages on one file would not know of each other's labels."""
    first = AppendedLines(file)
    with pytest.raises(LinesError, match="another process adds lines to it"):
        AppendedLines(file)
    first.close()
    AppendedLines(file).close()


@pytest.mark.parametrize(
    ("there", "kept"),
    [
        (b'{"n": 1}\n{"n": 2', b'{"n": 1}\n'),
        (b'{"n": 1}\n{"n": 2}', b'{"n": 1}\n{"n": 2}\n'),
        (b'{"n"', b""),
        (b'{"n": 1}\n\xff', b'{"n": 1}\n'),
        (b"", b""),
    ],
)
def test_half_a_line_is_cut_off_and_a_whole_one_gets_its_end(
    file: Path, there: bytes, kept: bytes
) -> None:
    """What a power cut leaves of a line that nobody was told of; what an editor leaves."""
    file.write_bytes(there)
    with closing(AppendedLines(file)) as lines:
        assert file.read_bytes() == kept
        lines.append({"n": 3})
    assert file.read_bytes() == kept + b'{"n": 3}\n'


def test_lines_are_read_while_others_add_to_them(file: Path) -> None:
    """Without a file there are none; what is torn is passed over, and left to who opens it."""
    assert lines_of.read(file) == ()
    file.write_bytes(b'{"n": 1}\n{"n": 2}\n{"n"')
    assert lines_of.read(file) == (b'{"n": 1}', b'{"n": 2}')
    file.write_bytes(b'{"n": 1}\n{"n": 2}')
    assert lines_of.read(file) == (b'{"n": 1}', b'{"n": 2}')


@pytest.mark.parametrize("there", [b"[project]\nname = 'x'", b"input,target\n1,2\n3", b"\n# x\ny"])
def test_a_file_of_something_else_is_refused_as_it_is(file: Path, there: bytes) -> None:
    """Its last line would have been cut off for a torn one."""
    file.write_bytes(there)
    with pytest.raises(LinesError, match="holds something else than JSON lines"):
        AppendedLines(file)
    assert file.read_bytes() == there


def test_a_line_that_cannot_be_written_is_not_there(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk in the middle of a line: the beginning is taken away, and later ones go on."""
    with closing(AppendedLines(file)) as lines:
        lines.append({"n": 1})
        write = os.write
        left = [5]

        def full(handle: int, data: bytes) -> int:
            if left[0] == 0:
                raise OSError(28, "No space left on device")
            part, left[0] = left[0], 0
            return write(handle, data[:part])

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(LinesError, match=r"NOT written \(No space left on device\)"):
            lines.append({"n": 2})
        monkeypatch.undo()
        assert file.read_bytes() == b'{"n": 1}\n'
        lines.append({"n": 3})
    assert file.read_bytes() == b'{"n": 1}\n{"n": 3}\n'


@pytest.mark.parametrize("how", ["longer", "replaced", "removed"])
def test_a_file_that_another_program_changed_is_not_written(file: Path, how: str) -> None:
    """An editor that saves would otherwise lose labels, or the page would not know of some."""
    with closing(AppendedLines(file)) as lines:
        lines.append({"n": 1})
        if how == "longer":
            file.write_bytes(file.read_bytes() + b'{"n": 9}\n')
        elif how == "replaced":
            other = file.with_name("other")
            other.write_bytes(file.read_bytes())
            other.replace(file)
        else:
            file.unlink()
        with pytest.raises(LinesError, match="another program changed it"):
            lines.append({"n": 2})


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With the remedy."""
    with pytest.raises(LinesError, match="a folder that exists"):
        AppendedLines(tmp_path / "none" / "labels.jsonl")
