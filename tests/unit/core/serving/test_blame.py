"""Whose fault an attempt's failure is."""

from __future__ import annotations

from typing import get_args

import pytest

from escalera.core.serving import blame
from escalera.domain.traffic import Fault


@pytest.mark.parametrize(
    ("status", "code", "whose"),
    [
        (200, "", "nobody"),
        (204, "", "nobody"),
        (301, "", "server"),
        (400, "", "caller"),
        (400, "context_length_exceeded", "caller"),
        (401, "", "key"),
        (402, "", "key"),
        (403, "", "key"),
        (404, "", "caller"),
        (404, "model_not_found", "key"),
        (408, "", "server"),
        (413, "", "caller"),
        (422, "", "caller"),
        (429, "", "server"),
        (429, "insufficient_quota", "key"),
        (500, "", "server"),
        (503, "", "server"),
        (529, "", "server"),
    ],
)
def test_a_status_has_one_to_blame(status: int, code: str, whose: str) -> None:
    """The caller's mistakes, our access, and everything else the server's."""
    assert blame.of_status(status, code) == whose


def test_an_error_within_an_answer_is_blamed_by_its_words() -> None:
    """A stream that begins with the caller's mistake is not asked for elsewhere."""
    assert blame.of_told("context_length_exceeded", "") == "caller"
    assert blame.of_told("", "invalid_request_error") == "caller"
    assert blame.of_told("insufficient_quota", "invalid_request_error") == "key"
    assert blame.of_told("", "server_error") == "server"


def test_every_broken_exchange_is_the_servers() -> None:
    """But one that nobody waited for, one that we had no descriptor for, and one that did not
    break."""
    others = {fault: blame.of_fault(fault) for fault in get_args(Fault)}
    ours = {"", "cancelled", "descriptors"}
    assert {fault for fault, whose in others.items() if whose == "nobody"} == ours
    assert set(others.values()) == {"nobody", "server"}
