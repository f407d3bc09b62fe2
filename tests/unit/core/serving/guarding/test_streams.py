"""Guards on texts that come in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.serving.guarding.searching import guard, guards, texts

from escalera.core.serving.guarding.guards import GuardSet
from escalera.core.serving.guarding.pattern import WINDOW
from escalera.core.serving.guarding.streams import StreamGuard
from escalera.core.serving.guarding.vault import Vault
from escalera.errors import GuardBlocked

REDACTING = guards(guard("redact", "personal", "secrets", "url"), guard("flag", "injection"))
PERSONAL = guards(guard("redact", "personal"))
BLOCKING = guards(guard("redact", "personal"), guard("block", "secrets", "injection"))


def streamed(of: GuardSet, text: str, sizes: list[int]) -> tuple[str, StreamGuard, int, bool]:
    """What was released, the guard, the most that was held, whether it was blocked."""
    guard_, said, most, at = StreamGuard(of, Vault()), "", 0, 0
    try:
        for size in [*sizes, len(text)]:
            said += guard_.push(text[at : at + size])
            most = max(most, guard_.held)
            at += size
        said += guard_.finish()
    except GuardBlocked:
        return said, guard_, most, True
    assert guard_.held == 0
    return said, guard_, most, False


@settings(deadline=None)
@given(texts(), st.lists(st.integers(1, 90), max_size=60))
def test_a_text_is_released_as_inspected_whole(text, sizes):
    """However it is cut: the same placeholders, the same findings, and little held back."""
    said, guard_, most, _ = streamed(REDACTING, text, sizes)
    whole = REDACTING.inspect(text, Vault())
    assert said == whole.text
    key = lambda one: (one.start, one.end)  # noqa: E731
    assert sorted(guard_.findings, key=key) == sorted(whole.findings, key=key)
    assert most < WINDOW


@settings(deadline=None)
@given(texts(), st.lists(st.integers(1, 90), max_size=60))
def test_what_is_blocked_whole_is_blocked_in_pieces(text, sizes):
    """And what was released until then is the beginning of what stood before it."""
    said, _, most, blocked = streamed(BLOCKING, text, sizes)
    whole = BLOCKING.inspect(text, Vault())
    assert blocked == bool(whole.blocked)
    assert most < WINDOW
    if blocked:
        first = min(one.start for one in whole.findings if one.action == "block")
        assert PERSONAL.inspect(text, Vault()).text.startswith(said)
        assert len(said) <= first + 40 * len(whole.findings)


def test_plain_words_wait_for_no_window():
    """With guards on personal data and secrets, at most the last word is held back."""
    guard_ = StreamGuard(guards(guard("redact", "personal", "secrets")), Vault())
    said = guard_.push("Good morning, how can I help you tod")
    assert "Good morning, how can I help you ".startswith(said)
    assert len(said) >= len("Good morning, how can I help")


def test_a_run_of_any_length_is_one_placeholder():
    """A private key is known by its head; nothing of it is let through, and what follows is."""
    key = (
        "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEow+/=\n" * 2000 + "-----END RSA PRIVATE KEY-----"
    )
    text = f"Here: {key} and bye."
    vault, said = Vault(), ""
    guard_ = StreamGuard(guards(guard("redact", "secrets")), vault)
    for at in range(0, len(text), 7):
        said += guard_.push(text[at : at + 7])
        assert guard_.held < WINDOW
    said += guard_.finish()
    assert said == "Here: [PRIVATE_KEY_1] and bye."
    assert vault.restore(said) == text
    assert guard_.findings[0].end - guard_.findings[0].start == len(key)


def test_a_long_stream_is_forgotten():
    """What was released is not kept, and places are still those of the whole text."""
    guard_ = StreamGuard(guards(guard("redact", "personal")), Vault())
    text = "word " * 20_000 + "ana@example.com"
    said = "".join(guard_.push(text[at : at + 50]) for at in range(0, len(text), 50))
    assert (said + guard_.finish()).endswith("[EMAIL_1]")
    assert guard_.findings[0].start == 100_000
    assert len(guard_._text) < 10_000


def test_without_guards_nothing_waits():
    """A piece goes on as it came."""
    guard_ = StreamGuard(guards(), Vault())
    assert guard_.push("4111 1111") == "4111 1111"
    assert guard_.finish() == ""


def test_a_block_says_what_it_is_for():
    """The kind and the guard, not the text."""
    guard_ = StreamGuard(guards(guard("block", "secrets")), Vault())
    with pytest.raises(GuardBlocked, match="aws_key") as told:
        guard_.push("AKIAIOSFODNN7EXAMPLE ")
    assert told.value.guard == "block"
    assert "AKIA" not in str(told.value)
