"""The patterns of `injections`: examples that must and must not match."""

from __future__ import annotations

import pytest
from tests.unit.core.serving.guarding import searching

from escalera.core.serving.guarding.injections import INJECTIONS


@pytest.mark.parametrize("pattern", INJECTIONS, ids=lambda one: f"{one.kind}: {one.source[:24]}")
def test_patterns_keep_to_their_examples(pattern):
    """Found where it must be, not found where it must not, and short enough for streams."""
    searching.check(pattern)


def test_what_people_say_is_no_attack():
    """Sentences about instructions, and other people's e-mails, are not orders to a model."""
    guards = searching.guards(searching.guard("flag", "injection", "smuggled"))
    for text in (
        "Please follow the instructions above.",
        "I forgot my password, can you ignore my last ticket?",
        "Tell me about the rules of chess.",
        "We changed our message to customers.",
    ):
        assert guards.inspect(text, searching.Vault()).findings == ()
