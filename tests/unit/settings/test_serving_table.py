"""The table of what a served model may use."""

import msgspec
import pytest

from escalera.settings import serving_table
from escalera.settings.serving_table import ServingTable


def test_every_key_has_a_default_that_is_right() -> None:
    """A model is served without the table."""
    assert list(serving_table.problems("models.base.serving", ServingTable())) == []


@pytest.mark.parametrize(
    ("written", "key", "said"),
    [
        ({"numbers": "float16"}, "numbers", "a CPU is slow at"),
        ({"context": 8192, "cache_tokens": 4096}, "cache_tokens", "holds no row of `context` 8192"),
    ],
)
def test_what_does_not_fit_together_is_said(written: dict, key: str, said: str) -> None:
    """With its key."""
    table = msgspec.convert(written, ServingTable)
    ((where, problem, _),) = serving_table.problems("models.base.serving", table)
    assert where == f"models.base.serving.{key}"
    assert said in problem


@pytest.mark.parametrize(
    "written",
    [{"device": "tpu"}, {"numbers": "int3"}, {"rows": 0}, {"queue": -1}, {"slots": 4}],
)
def test_what_is_no_value_is_refused(written: dict) -> None:
    """By its type, before anything is loaded."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(written, ServingTable)
