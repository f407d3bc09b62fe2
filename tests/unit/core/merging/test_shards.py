"""Files of the output."""

import json

from escalera.core.merging import shards
from escalera.core.merging.compiling import TensorTask


def tasks(*sizes: int, kind: str = "BF16") -> list[TensorTask]:
    """Tasks of some numbers each."""
    return [
        TensorTask(name=f"t{n}", kind=kind, shape=(size,), method="linear", inputs=())
        for n, size in enumerate(sizes)
    ]


def test_files_are_filled_up_to_their_limit():
    """A tensor that is longer than a file may be has one for itself."""
    found = shards.lay_out(tasks(10, 10, 100, 10), limit=40)
    assert [[number for number, _ in shard.places] for shard in found] == [[0, 1], [2], [3]]
    assert found[0].name == "model-00001-of-00003.safetensors"
    assert shards.lay_out(tasks(10), limit=40)[0].name == "model.safetensors"


def test_a_header_says_where_the_bytes_are():
    """Its length is a multiple of eight, the tensors lie without gaps, wider numbers first."""
    work = [*tasks(3), *tasks(5, kind="F32")]
    (shard,) = shards.lay_out(work, limit=1000)
    length = int.from_bytes(shard.head[:8], "little")
    assert length % 8 == 0
    header = json.loads(shard.head[8:])
    assert header["__metadata__"] == {"format": "pt"}
    assert [number for number, _ in shard.places] == [1, 0]
    assert shard.places[1][1] == 8 + length + 20
    assert shard.length == 8 + length + 26


def test_the_index_names_the_file_of_every_tensor():
    """And how many bytes there are."""
    work = tasks(10, 100)
    found = shards.index(work, shards.lay_out(work, limit=40))
    assert found["metadata"]["total_size"] == 220
    assert found["weight_map"]["t1"] == "model-00002-of-00002.safetensors"
