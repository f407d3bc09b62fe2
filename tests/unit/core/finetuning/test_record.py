"""The record of a training survives being written."""

import msgspec

from escalera.core.finetuning.record import RunRecord
from escalera.testing import records


def test_a_record_can_be_written_and_read() -> None:
    """The bench keeps them in files."""
    made = records.record(lambda step, _: 1 / step)
    assert msgspec.json.decode(msgspec.json.encode(made), type=RunRecord) == made
