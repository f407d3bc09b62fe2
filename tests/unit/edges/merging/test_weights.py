"""Safetensors files: read as they are, broken ones refused in words."""

import json

import numpy as np
import pytest
from tests.unit.edges.merging.folders import save

from escalera.core.merging import numbers
from escalera.edges.merging.weights import WeightsFile
from escalera.errors import MergeError


@pytest.mark.parametrize("kind", ["BF16", "F16", "F32"])
def test_numbers_are_read_whole_and_in_parts(tmp_path, kind):
    """Also where a tensor begins at an odd byte."""
    values = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    held = {"flags": ("BOOL", np.ones(3, np.uint8)), "w": (kind, numbers.as_stored(values, kind))}
    save(tmp_path / "m.safetensors", held)
    wanted = numbers.as_floats(held["w"][1], kind)
    with WeightsFile(tmp_path / "m.safetensors") as file:
        tensor = file.tensor("w")
        out = np.empty(300, np.float32)
        tensor.read(7, 307, out)
        assert tensor.size == 1000
        assert out.tolist() == wanted[7:307].tolist()
        assert numbers.as_floats(file.numbers("w"), kind).tolist() == wanted.tolist()
        assert file.numbers("flags").tolist() == [1, 1, 1]
        file.forget("w")
        assert numbers.as_floats(file.numbers("w"), kind).tolist() == wanted.tolist()


def test_what_is_wrong_with_a_file_is_said(tmp_path):
    """Cut off, no header, another thing altogether, a shape that does not fit its bytes."""
    good = tmp_path / "good.safetensors"
    save(good, {"w": ("F32", np.zeros((4, 4), np.float32))})
    text = json.dumps({"w": {"dtype": "F32", "shape": [5], "data_offsets": [0, 16]}}).encode()
    cases = {
        "'w' would reach to .* it is cut off": good.read_bytes()[:-5],
        "does not fit into 3 bytes": b"abc",
        "does not fit into": b"\xff" * 64,
        "its header is not understood": (5).to_bytes(8, "little") + b"hello",
        r"has the shape \(5,\) of F32 and 16 bytes": len(text).to_bytes(8, "little")
        + text
        + bytes(16),
    }
    bad = tmp_path / "bad.safetensors"
    for said, data in cases.items():
        bad.write_bytes(data)
        with pytest.raises(MergeError, match=said):
            WeightsFile(bad)
    with pytest.raises(MergeError, match="cannot be read"):
        WeightsFile(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize(
    ("shape", "place"), [([4], [-16, 0]), ([4], [16, 0]), ([-2, -2], [0, 16]), ([4], [-8, 8])]
)
def test_numbers_outside_their_part_of_a_file_are_not_read(tmp_path, shape, place):
    """A place before the first number would have the header read as weights."""
    text = json.dumps({"w": {"dtype": "F32", "shape": shape, "data_offsets": place}}).encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(16))
    with pytest.raises(MergeError, match="is said to lie from byte"):
        WeightsFile(path)


def test_a_file_that_shrinks_while_it_is_read_is_noticed(tmp_path):
    """Before and after it is mapped; touching what is gone would end the process."""
    path = tmp_path / "m.safetensors"
    out = np.empty(5000, np.float32)
    save(path, {"w": ("F32", np.zeros(5000, np.float32))})
    with WeightsFile(path) as file:
        tensor = file.tensor("w")
        tensor.read(0, 5000, out)
        with path.open("r+b") as cut:
            cut.truncate(200)
        with pytest.raises(MergeError, match=r"m.safetensors' was cut off .* ends at byte 200"):
            tensor.read(0, 5000, out)
    save(path, {"w": ("F32", np.zeros(5000, np.float32))})
    with WeightsFile(path) as file:
        with path.open("r+b") as cut:
            cut.truncate(200)
        with pytest.raises(MergeError, match="cut off while it was read"):
            file.tensor("w")
