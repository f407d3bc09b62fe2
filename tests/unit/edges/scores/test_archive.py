"""Zip archives of others: nothing that they claim is trusted."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from escalera.edges.scores import archive
from escalera.errors import MissingExtra, ScoresError

DATA = Path(__file__).resolve().parents[3] / "data" / "scores"
ZSTANDARD = DATA / "inspect" / "finished.eval"


def packed(folder, members, **more):
    file = folder / "log.eval"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, **more) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return file


def test_members_are_read_by_name(tmp_path):
    """Whatever the archive was packed with."""
    with archive.opened(packed(tmp_path, {"a": b"1", "b": b"2"})) as opened:
        assert opened.names == ("a", "b")
        assert opened.read("b") == b"2"
    with archive.opened(ZSTANDARD) as opened:
        assert opened.read("header.json").startswith(b"{")


def test_a_bomb_is_not_unpacked(tmp_path):
    """The limit holds for what comes out, whatever the member says of its size."""
    file = packed(tmp_path, {"summaries.json": b"0" * 5_000_000})
    assert file.stat().st_size < 10_000
    with (
        archive.opened(file) as opened,
        pytest.raises(
            ScoresError, match=r"member summaries\.json: unpacks to more than 1000 bytes"
        ),
    ):
        opened.read("summaries.json", largest=1000)


@pytest.mark.parametrize("members", [10, 70_000])
def test_a_long_list_of_members_is_refused_before_it_is_read(tmp_path, members):
    """Also in the format for more than 65,535 members."""
    file = packed(tmp_path, {f"samples/{number}": b"" for number in range(members)})
    with (
        pytest.raises(ScoresError, match="more than 400"),
        archive.opened(file, directory=400),
    ):
        pass
    with archive.opened(file) as opened:
        assert len(opened.names) == members


def test_what_is_no_archive_is_named(tmp_path):
    """Not a zip at all, cut off, or not there."""
    file = tmp_path / "log.eval"
    for content in (b"PK\x03\x04 nothing", ZSTANDARD.read_bytes()[:3000], b""):
        file.write_bytes(content)
        with pytest.raises(ScoresError, match="is no zip archive"), archive.opened(file):
            pass
    with pytest.raises(ScoresError, match="No such file"), archive.opened(tmp_path / "gone"):
        pass


@pytest.mark.parametrize("zstandard", [False, True], ids=["deflate", "zstandard"])
def test_a_broken_member_is_named(tmp_path, zstandard):
    """Bits that changed on the way."""
    name = "header.json"
    file = ZSTANDARD if zstandard else packed(tmp_path, {name: b"{}" * 500})
    with zipfile.ZipFile(file) as opened:
        start = opened.getinfo(name).header_offset + 30 + len(name)
    whole = bytearray(file.read_bytes())
    whole[start : start + 8] = b"\xff" * 8
    broken = tmp_path / "broken.eval"
    broken.write_bytes(whole)
    with (
        archive.opened(broken) as opened,
        pytest.raises(ScoresError, match=r"member header\.json: cannot be unpacked"),
    ):
        opened.read(name)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="Python reads Zstandard itself")
def test_zstandard_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    """The rest of what archives hold is read without it."""
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    with (
        archive.opened(ZSTANDARD) as opened,
        pytest.raises(MissingExtra, match=r"escalera\[inspect"),
    ):
        opened.read("header.json")
    with archive.opened(packed(tmp_path, {"a": b"1"})) as opened:
        assert opened.read("a") == b"1"
