"""A log of bounded size that keeps a secret out."""

from __future__ import annotations

from escalera.edges.vllm.log_file import LINES, LogFile


def test_lines_are_whole_and_the_secret_is_not_among_them(tmp_path):
    """A line that comes in pieces is one line, also where the secret is cut in two."""
    log = LogFile(tmp_path / "logs" / "one.log", secret="s3cret")
    log.write(b"first\nthe key is s3c")
    log.write(b"ret, and\n")
    log.write(b"the end")
    log.close()
    assert (tmp_path / "logs" / "one.log").read_text() == "first\nthe key is ***, and\nthe end\n"


def test_the_last_lines_are_remembered(tmp_path):
    """Not more of them than a message can hold; empty ones are left out."""
    log = LogFile(tmp_path / "one.log")
    log.write(b"".join(b"line %d\n\n" % place for place in range(100)))
    assert log.last().splitlines() == [f"line {place}" for place in range(100 - LINES, 100)]
    log.close()


def test_the_files_do_not_grow_without_end(tmp_path):
    """There are two at most, each within the limit, and the newest line is in the newest file."""
    log = LogFile(tmp_path / "one.log", limit=1000)
    for place in range(200):
        log.write(b"%050d\n" % place)
    log.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["one.log", "one.log.1"]
    assert all(0 < file.stat().st_size <= 1000 for file in files)
    assert files[0].read_text().splitlines()[-1] == f"{199:050d}"


def test_what_has_no_lines_is_not_kept_in_memory(tmp_path):
    """A stream without a line break reaches the file all the same."""
    log = LogFile(tmp_path / "one.log")
    for _ in range(20):
        log.write(b"x" * 10_000)
    assert (tmp_path / "one.log").stat().st_size > 100_000
    log.close()
